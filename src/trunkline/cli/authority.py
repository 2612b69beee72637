"""`trunkline authority`: runs authorities, and what their operators decide by hand."""

import time
from pathlib import Path
from typing import Annotated

import typer

from trunkline.cli.output import console, paper, print_json

app = typer.Typer(no_args_is_help=True)

Config = Annotated[Path, typer.Option(help="The authority's config.toml.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]


@app.command("serve")
def serve(
    config: Config,
    role: Annotated[
        list[str], typer.Option(help="labels, membership, authorization or accountability; repeatable.")
    ],
) -> None:
    """Runs one or several authorities in this process until SIGTERM."""
    from trunkline.jager.authority.__main__ import run

    run(role, config)


@app.command("pending")
def pending(config: Config, as_json: Json = False) -> None:
    """Lists the trace requests that wait for a person."""
    from trunkline.jager.authority.authorization.admin import list_pending

    found = list_pending(_authorization(config), now=time.time())
    for one in found:
        paper.print(f"{one.id}  requester {one.requester}  {one.labels} labels")
    if as_json:
        rows = [{"id": one.id, "requester": one.requester.hex, "labels": one.labels} for one in found]
        print_json({"pending": rows})
    elif not found:
        console.print("nothing waits")


@app.command("approve")
def approve(config: Config, request: Annotated[str, typer.Argument(help="Its id, from `pending`.")]) -> None:
    """Approves a waiting trace request."""
    from trunkline.jager.authority.authorization.admin import approve as approve_request

    approve_request(_authorization(config), request, now=time.time())


@app.command("deny")
def deny(config: Config, request: Annotated[str, typer.Argument(help="Its id, from `pending`.")]) -> None:
    """Denies a waiting trace request."""
    from trunkline.jager.authority.authorization.admin import deny as deny_request

    deny_request(_authorization(config), request, now=time.time())


@app.command("audit")
def audit(config: Config, grant: Annotated[str, typer.Argument(help="The grant's id in hex.")]) -> None:
    """Opens the log entry of a grant to an auditor, who compares it with the case; prints JSON."""
    from trunkline.jager.authority.authorization.admin import audit as open_entry

    opening = open_entry(_authorization(config), grant)
    print_json(
        {
            "entry": opening.entry.encode().hex(),
            "log_index": opening.log_index,
            "requester": opening.requester.hex,
            "salt": opening.salt.hex(),
            "idx_digest": opening.idx_digest.hex(),
            "details_commitment": opening.details_commitment.hex(),
            "case_commitment": opening.case_commitment.hex(),
        }
    )


@app.command("revoke")
def revoke(config: Config, carrier: Annotated[str, typer.Argument(help="The carrier's id.")]) -> None:
    """Issues no more credentials to a carrier; those it has end with their period."""
    from trunkline.jager.authority.membership.admin import revoke_member
    from trunkline.telephony.providers import ProviderId

    revoke_member(_membership(config), ProviderId.from_hex(carrier), now=time.time())


@app.command("reinstate")
def reinstate(config: Config, carrier: Annotated[str, typer.Argument(help="The carrier's id.")]) -> None:
    """Issues credentials to a revoked carrier again."""
    from trunkline.jager.authority.membership.admin import reinstate_member
    from trunkline.telephony.providers import ProviderId

    reinstate_member(_membership(config), ProviderId.from_hex(carrier))


@app.command("reset-member")
def reset_member(config: Config, carrier: Annotated[str, typer.Argument(help="The carrier's id.")]) -> None:
    """Lets a carrier that lost its member secret join again with a new one."""
    from trunkline.jager.authority.membership.admin import reset_member as reset
    from trunkline.telephony.providers import ProviderId

    reset(_membership(config), ProviderId.from_hex(carrier))


def _authorization(config: Path) -> Path:
    from trunkline.jager.authority.authorization.config import AuthorizationConfig
    from trunkline.service.config import load_config

    return load_config(config, AuthorizationConfig, section="authorization").data_dir


def _membership(config: Path) -> Path:
    from trunkline.jager.authority.membership.config import MembershipConfig
    from trunkline.service.config import load_config

    return load_config(config, MembershipConfig, section="membership").data_dir
