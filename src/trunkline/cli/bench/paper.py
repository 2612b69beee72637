"""`trunkline bench paper`: the paper's evaluation, with its figures, the prototype's and ours of now."""

from pathlib import Path
from typing import Annotated

import typer

from trunkline.cli.output import bar, console, print_json
from trunkline.cli.output import paper as stdout

PAGE = "paper-evaluation.md"


def paper(
    runs: Annotated[int, typer.Option(help="Runs of each task of Table 3.", min=2, max=100_000)] = 1_000,
    figure7_records: Annotated[
        int, typer.Option(help="Records of the largest database of Figure 7.", min=10_000, max=50_000_000)
    ] = 1_000_000,
    out: Annotated[
        Path | None, typer.Option(help="Folder that gets the page and its plots; without it, no plots.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Prints Table 2, Table 3 and Figure 7 of the paper: theirs, the prototype's, ours of now."""
    from trunkline.jager.deployment.local import temporary_folder
    from trunkline.jager.evaluation import tables
    from trunkline.jager.evaluation.evaluation import complete
    from trunkline.jager.evaluation.growth import measure_growth
    from trunkline.jager.evaluation.pairing import measure_pairing_us
    from trunkline.jager.evaluation.parties import Parties
    from trunkline.jager.evaluation.plots import check_plots, write_plots
    from trunkline.jager.evaluation.tasks import STEPS, measure_tasks

    if out is not None:
        check_plots()
        out.mkdir(parents=True, exist_ok=True)
    pairing_us = measure_pairing_us()
    with bar("Table 3: tasks", STEPS) as progress:
        tasks = measure_tasks(Parties(), runs, progress.advance)
    with temporary_folder() as temporary, bar("Figure 7: records", figure7_records) as progress:
        growth = measure_growth(Path(temporary) / "figure7", figure7_records, progress.advance)
    measured = complete(pairing_us, tasks, growth)
    if out is not None:
        write_plots(measured, out)
        page = out / PAGE
        page.write_text(tables.as_markdown(measured, plots=True), encoding="utf-8")
        console.print(f"written: {page}, and two plots beside it")
    if as_json:
        print_json(tables.as_json(measured))
    elif out is None:
        stdout.print(tables.as_markdown(measured, plots=False), markup=False)
