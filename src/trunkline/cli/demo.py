"""`trunkline demo`: a robocall campaign traced through real call records, on this machine, start to end."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from trunkline.cli.output import bar, console, print_json

LAB = Path(__file__).parent.parent / "data" / "cdr-lab"
"""Call records that eight real switches wrote; shipped with the package."""

_CAMPAIGN_CUSTOMER = "a customer of theirs"
_SHOWN_PATHS = 3


def demo(
    lab: Annotated[
        Path | None, typer.Option(help="A folder with carriers.toml; only its calls are traced then.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the score as one JSON value.")] = False,
) -> None:
    """Starts a whole deployment, contributes the lab's call records, traces every answered call, ends it."""
    from trunkline.jager.deployment.lab_run import LabRun
    from trunkline.jager.deployment.local import LocalDeployment, temporary_folder
    from trunkline.jager.deployment.score import has_truth, score

    folder = LAB if lab is None else lab
    with temporary_folder() as temporary:
        deployment = LocalDeployment(Path(temporary), end_with_parent=True)
        run = LabRun(folder.absolute(), deployment)
        lies = None
        if lab is None:
            from trunkline.cli.demo_lies import Lies

            lies = Lies(run)
        try:
            run.create(None if lies is None else lies.extra_sources())
            if lies is not None:
                lies.prepare()
            traced = _first_act(run)
            if lies is not None:
                lies.play(traced)
        finally:
            seconds = run.stop()
        result: dict[str, Any] = {"traced": len(traced), "seconds": round(seconds, 1)}
        if has_truth(folder):
            result = score(folder, traced).to_json() | {"seconds": round(seconds, 1)}
        _say_result(result)
        if as_json:
            print_json(result)


def _first_act(run: Any) -> list[Any]:
    console.rule("A traced robocall, from the call records of real switches")
    console.print("Keys of the root, the registry, four authorities and the record store; parameters signed.")
    _say_pids(run.start())
    with bar("enrolling carriers", None) as progress:
        _say_pids(run.enrol(progress.set))
    with bar("contributing call records", None) as progress:
        totals = run.contribute(progress.set)
    console.print(
        f"  {totals['rows']} rows read, {totals['records']} records encrypted, signed and acknowledged"
        f" ({totals['rejected_rows']} rows in quarantine)"
    )
    calls = run.answered()
    with bar("tracing answered calls", len(calls)) as progress:
        traced: list[Any] = run.trace_all(calls, progress.set)
    _say_origins(run, traced)
    return traced


def _say_pids(started: list[Any]) -> None:
    for one in started:
        console.print(f"  {one.name:16} process {one.pid}")


def _say_origins(run: Any, traced: list[Any]) -> None:
    origins = Counter(one.origin for one in traced)
    console.print("\nWhere the calls came from:")
    for origin, count in origins.most_common():
        title = "unknown" if origin is None else run.titles.get(origin, origin)
        console.print(f"  {count:4}  {title}", markup=False)
    busiest = origins.most_common(1)[0][0] if origins else None
    shown = [one for one in traced if one.origin == busiest][:_SHOWN_PATHS]
    if shown:
        console.print(f"\nSome of the calls that began at {run.titles.get(busiest, busiest)}:", markup=False)
    for one in shown:
        console.print("  " + " → ".join(run.titles.get(name, name) for name in one.path), markup=False)
    if busiest is not None:
        console.print(
            f"Ask next: {run.titles.get(busiest, busiest)}, which of its customers called.", markup=False
        )


def _say_result(result: dict[str, Any]) -> None:
    console.rule("Result")
    for name, value in result.items():
        console.print(f"  {name.replace('_', ' '):18} {value}")
