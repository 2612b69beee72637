"""The `trunkline` command: gathers the roles' commands and turns errors into words and exit codes.

Exit codes: 0 done, 1 an error of ours (said on stderr, with `--json` also on stdout), 2 wrong usage.
"""

import logging
import sys
from typing import NoReturn

import structlog
import typer

from trunkline import __version__
from trunkline.cli import (
    authority,
    bench,
    carrier,
    cdr,
    demo,
    doctor,
    judge,
    keys,
    local,
    plan,
    pstn,
    record_store,
    registry,
)
from trunkline.cli.output import console, print_json
from trunkline.errors import StorageError, TrunklineError

app = typer.Typer(
    help="Call traceback over encrypted call records: accountable when abused, private otherwise.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("demo")(demo.demo)
app.command("up")(local.up)
app.command("down")(local.down)
app.command("status")(local.status)
app.command("judge")(judge.judge)
app.command("doctor")(doctor.doctor)
app.command("plan")(plan.plan)
app.add_typer(carrier.app, name="carrier", help="A carrier: enrol, contribute, trace, report.")
app.add_typer(cdr.app, name="cdr", help="Call detail records: look into files.")
app.add_typer(authority.app, name="authority", help="The four authorities: serve, approve, suspend, audit.")
app.add_typer(record_store.app, name="record-store", help="The record store: serve, back up, check, move.")
app.add_typer(keys.app, name="keys", help="Keys and signed public parameters of a deployment.")
app.add_typer(registry.app, name="registry", help="The signed list of providers.")
app.add_typer(pstn.app, name="pstn", help="The telephone network as a model: call records, adoption study.")
app.add_typer(bench.app, name="bench", help="Measure: primitives, pipeline, store, labels, trace, paper.")


@app.command("version")
def version() -> None:
    """Prints the version."""
    typer.echo(__version__)


def main() -> None:
    """Runs the command line; the entry point of the `trunkline` script."""
    # Commands speak for themselves; only services and agents log, and they set it up anew.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        app()
    except TrunklineError as error:
        _fail(error)
    except OSError as error:
        # Files that the user named: the folder is missing, the disk full, the rights too few.
        _fail(StorageError(f"{error.filename or 'the system'}: {error.strerror or error}"))
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(error: TrunklineError) -> NoReturn:
    if "--json" in sys.argv:
        print_json({"error": error.code, "message": str(error)})
    console.print(f"error ({error.code}): {error}", style="red", markup=False, soft_wrap=True)
    sys.exit(1)
