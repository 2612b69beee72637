"""`trunkline pstn adoption`: how many robocalls are traced back if only some carriers take part."""

from pathlib import Path
from typing import Annotated

import typer

from trunkline.cli.output import bar, paper, print_json
from trunkline.errors import ConfigurationError


def adoption(
    vary: Annotated[
        list[str] | None,
        typer.Option(
            help="Also change one assumption at a time: adopters, sources, destinations, m, weights, graph, "
            "routes, label, success, or all; may be given several times or parted by commas."
        ),
    ] = None,
    carriers: Annotated[int, typer.Option(help="Carriers of a network.")] = 7_000,
    seeds: Annotated[int, typer.Option(help="Networks that are grown, 2 to 30.")] = 6,
    plot: Annotated[Path | None, typer.Option(help="Draw the curves to this file (.png or .svg).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="End with a JSON list of points.")] = False,
) -> None:
    """Computes the success of traces under partial adoption, after section 7.2 of the paper.

    Without `--vary` this is the paper's model: 7,000 carriers, the largest adopt first, robocalls start at
    the smallest 10 %. A trace succeeds if a record names the originator.
    """
    try:
        from trunkline.pstn import adoption as adoption_study
        from trunkline.pstn import adoption_plot, adoption_report
        from trunkline.pstn.adoption_scenarios import PAPER, variations
    except ModuleNotFoundError as error:
        raise ConfigurationError("the study needs more packages: pip install 'trunkline[pstn]'") from error

    scenarios = [PAPER, *variations(vary or [])]
    if plot:
        adoption_plot.check_path(plot)
    with bar("networks", total=adoption_study.steps(scenarios, seeds)) as progress:
        curves = adoption_study.study(scenarios, carriers=carriers, seeds=seeds, advance=progress.advance)
    lines = [*adoption_report.curve_table(curves[0]), ""]
    if len(curves) > 1:
        lines += [*adoption_report.variation_table(curves), ""]
    lines += adoption_report.conclusion(curves)
    for line in lines:
        paper.print(line, markup=False)
    if plot:
        adoption_plot.plot(curves, plot)
        paper.print(f"\nPlot: {plot}", markup=False)
    if as_json:
        print_json([point for curve in curves for point in curve.points()])
