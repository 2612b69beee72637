"""`trunkline up`, `down`, `status`: a whole deployment on this machine."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli.output import console, print_json
from trunkline.errors import ConflictError

if TYPE_CHECKING:
    from trunkline.jager.deployment.processes import Running

Folder = Annotated[Path, typer.Option("--dir", help="The deployment's folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]

DEFAULT_FOLDER = Path(".trunkline")


def up(
    directory: Folder = DEFAULT_FOLDER,
    name: Annotated[str, typer.Option(help="Name of a new deployment.")] = "local",
    lab: Annotated[Path | None, typer.Option(help="Folder with carriers.toml: its carriers join.")] = None,
    carrier: Annotated[
        list[str] | None, typer.Option(help="A carrier to make and enrol; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Starts authorities, record store and carriers; makes a deployment if there is none.

    Done again, it starts what does not run any more.
    """
    from trunkline.jager.deployment.ceremony import Terms
    from trunkline.jager.deployment.lab import lab_carriers, lab_rules
    from trunkline.jager.deployment.local import LocalCarrier, LocalDeployment

    deployment = LocalDeployment(directory)
    if not deployment.exists:
        carriers = [LocalCarrier(one, one) for one in carrier or ()]
        terms = Terms(name)
        if lab is not None:
            carriers += lab_carriers(lab, name)
            terms = Terms(name, rules=lab_rules(lab))
        deployment.create(terms, carriers)
        console.print(f"made a deployment in {deployment.directory}")
    elif lab is not None or carrier:
        raise ConflictError(
            f"{deployment.directory} holds a deployment already, and its carriers are settled: "
            "leave --lab and --carrier out, or name another folder with --dir"
        )
    started = deployment.start_services()
    absent = deployment.absent_carriers()
    deployment.enrol(absent)
    started += deployment.start_carriers(absent)
    for one in started:
        console.print(f"  {one.name:24} pid {one.pid}")
    _report(deployment.processes.running(), as_json=as_json)


def down(directory: Folder = DEFAULT_FOLDER, as_json: Json = False) -> None:
    """Stops what `up` started."""
    from trunkline.jager.deployment.local import LocalDeployment

    stopped = LocalDeployment(directory).stop()
    for one in stopped:
        console.print(f"  {one.name:24} pid {one.pid} ended")
    _report([], as_json=as_json)


def status(directory: Folder = DEFAULT_FOLDER, as_json: Json = False) -> None:
    """Shows what runs."""
    from trunkline.jager.deployment.local import LocalDeployment

    running = LocalDeployment(directory).processes.running()
    for one in running:
        console.print(f"  {one.name:24} pid {one.pid}")
    _report(running, as_json=as_json)


def _report(running: Sequence["Running"], *, as_json: bool) -> None:
    if as_json:
        print_json({"running": {one.name: one.pid for one in running}})
    elif not running:
        console.print("nothing runs")
