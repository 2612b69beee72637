"""`trunkline pstn`: a telephone network as a model, whose carriers write call records, and studies of it."""

import time
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from trunkline.cli import pstn_adoption
from trunkline.cli.output import bar, console, print_json
from trunkline.errors import ConfigurationError
from trunkline.pstn.parameters import Parameters

app = typer.Typer(
    help="The telephone network as a model: call records, adoption study.", no_args_is_help=True
)
app.command("adoption")(pstn_adoption.adoption)
_DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(Parameters)}


@app.callback()
def _commands() -> None:
    """The telephone network as a model: call records, adoption study."""


@app.command()
def generate(
    out: Annotated[Path, typer.Option(help="Folder to write to; a run that was ended goes on there.")],
    carriers: Annotated[int, typer.Option(help="Carriers.")] = _DEFAULTS["carriers"],
    subscribers: Annotated[int, typer.Option(help="Telephone numbers in use.")] = _DEFAULTS["subscribers"],
    calls: Annotated[int, typer.Option(help="Calls.")] = _DEFAULTS["calls"],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = _DEFAULTS["seed"],
    m: Annotated[int, typer.Option(help="Connections that each new carrier makes.")] = _DEFAULTS["m"],
    start: Annotated[str, typer.Option(help="When the first call may begin, with zone.")] = _DEFAULTS[
        "start"
    ],
    hours: Annotated[float, typer.Option(help="Within how many hours calls begin.")] = _DEFAULTS["hours"],
    format: Annotated[  # noqa: A002 - the option's name
        str, typer.Option(help="CDR format of all carriers, or mixed: one a carrier.")
    ] = _DEFAULTS["format"],
    robocalls: Annotated[
        float, typer.Option(help="Share of calls that belong to robocall campaigns.")
    ] = _DEFAULTS["robocalls"],
    campaigns: Annotated[int, typer.Option(help="Robocall campaigns.")] = _DEFAULTS["campaigns"],
    robocall_carriers: Annotated[
        float, typer.Option(help="Share of carriers, the smallest first, by which campaigns enter.")
    ] = _DEFAULTS["robocall_carriers"],
    participation: Annotated[float, typer.Option(help="Share of carriers that write records.")] = _DEFAULTS[
        "participation"
    ],
    liars: Annotated[float, typer.Option(help="Share of carriers that write false records.")] = _DEFAULTS[
        "liars"
    ],
    lies: Annotated[
        float, typer.Option(help="Share of its calls that such a carrier lies about.")
    ] = _DEFAULTS["lies"],
    droppers: Annotated[
        float, typer.Option(help="Share of carriers that hand calls on without caller ID.")
    ] = _DEFAULTS["droppers"],
    rewriters: Annotated[
        float, typer.Option(help="Share of carriers that hand calls on under a number of their own.")
    ] = _DEFAULTS["rewriters"],
    clock_error_ms: Annotated[
        float, typer.Option(help="Standard deviation of the carriers' clock errors.")
    ] = _DEFAULTS["clock_error_ms"],
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON value.")] = False,
) -> None:
    """Generates a telephone network, the call records of all its carriers, and the truth about the calls."""
    given = dict(locals())
    try:
        from trunkline.pstn.generate import generate as run
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "the network model needs more packages: pip install 'trunkline[pstn]'"
        ) from error
    parameters = Parameters(**{name: given[name] for name in _DEFAULTS})
    began = time.monotonic()
    with bar("writing call records", calls) as progress:
        result = run(out, parameters, progress.set)
    done = result.progress
    seconds = time.monotonic() - began
    figures = {
        "calls": done.calls,
        "records": done.records,
        "untruths": done.untruths,
        "bytes": done.bytes_written,
        "seconds": round(seconds, 1),
        "records_per_second": round(result.new_records / seconds),
        "peak_memory_bytes": _peak_memory_bytes(),
        **done.facts,
    }
    for name, value in figures.items():
        console.print(f"  {name.replace('_', ' '):28} {value}")
    if as_json:
        print_json(figures)


def _peak_memory_bytes() -> int:
    """The most memory that this process ever had, as the kernel counted it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
