"""The adoption study as a picture: success by adoption, with the mean's 95 % confidence bands."""

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from trunkline.errors import InputError
from trunkline.pstn.adoption import PAPER_SUCCESS, Curve
from trunkline.pstn.adoption_model import ADOPTIONS
from trunkline.pstn.adoption_report import question

FORMATS = (".png", ".svg")
"""Endings of files that `plot` writes."""


def check_path(path: Path) -> None:
    """Refuses a file that `plot` could not write, before the study is run.

    Raises:
        InputError: The ending is none of `FORMATS`, or the folder is missing.
    """
    if path.suffix not in FORMATS:
        raise InputError(f"a plot's file must end in {' or '.join(FORMATS)}")
    if not path.parent.is_dir():
        raise InputError(f"the plot's folder {path.parent} does not exist; create it first")


def plot(curves: list[Curve], path: Path) -> None:
    """Draws the curves: the first alone, then a panel per assumption, each with the first for comparison.

    Args:
        curves: The paper's model first.
        path: File to write; its ending says the format.
    """
    base, varied = curves[0], curves[1:]
    assumptions = list(dict.fromkeys(one.scenario.assumption for one in varied))
    columns = min(3, max(1, len(assumptions)))
    rows = max(1, -(-len(assumptions) // columns))
    figure = Figure(figsize=(6.4, 4.4) if not varied else (4.6 * columns, 4.2 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for panel, assumption in zip(panels.flat, assumptions or [base.scenario.assumption], strict=False):
        _draw(panel, base, "black")
        for number, curve in enumerate(one for one in varied if one.scenario.assumption is assumption):
            _draw(panel, curve, f"C{number}")
        stated = np.array(list(PAPER_SUCCESS.items()))
        panel.plot(stated[:, 0], stated[:, 1], "x", color="red", label="stated in the paper", zorder=5)
        panel.set_title(question(assumption) if assumption else f"{len(base.success)} networks", fontsize=10)
        panel.set_ylim(0, 1)
        panel.grid(alpha=0.3)
        panel.legend(fontsize=6.5)
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0))
    for panel in list(panels.flat)[max(1, len(assumptions)) :]:
        panel.set_visible(False)
    figure.supxlabel("carriers that adopt")
    figure.supylabel("robocalls traced to their originator")
    # No date in the file, and names inside it that are not random: the same study gives the same bytes.
    metadata = {".png": {}, ".svg": {"Date": None}}
    with rc_context({"svg.hashsalt": "adoption"}):
        figure.savefig(path, dpi=110, metadata=metadata[path.suffix])


def _draw(panel: Axes, curve: Curve, colour: str) -> None:
    panel.plot(ADOPTIONS, curve.mean, marker=".", color=colour, label=curve.scenario.name)
    panel.fill_between(
        ADOPTIONS, curve.mean - curve.margin, curve.mean + curve.margin, color=colour, alpha=0.2, linewidth=0
    )
