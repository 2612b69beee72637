"""The plots of the paper's evaluation, as SVG files."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from trunkline.errors import ConfigurationError
from trunkline.jager.evaluation import paper, prototype
from trunkline.jager.evaluation.evaluation import Measured
from trunkline.jager.evaluation.tables import FIGURE_7_PLOT, TABLE_3_PLOT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BAR = 0.2
_SIZE = (9.0, 4.5)


def check_plots() -> None:
    """Check that plots can be drawn here, before minutes are spent on measuring.

    Raises:
        ConfigurationError: What draws them is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401 - to see whether it is there
    except ImportError as error:
        raise ConfigurationError("plots need matplotlib: run pip install 'trunkline[pstn]'") from error


def write_plots(measured: Measured, directory: Path) -> None:
    """Draw both plots into files of a directory.

    Raises:
        ConfigurationError: What draws them is not installed.
    """
    check_plots()
    _write(_table_3(measured), directory / TABLE_3_PLOT)
    _write(_figure_7(measured), directory / FIGURE_7_PLOT)


def _write(figure: "Figure", path: Path) -> None:
    import matplotlib

    # Neither the time nor random names: two runs differ in what they measured, and in nothing else.
    with matplotlib.rc_context({"svg.hashsalt": path.name}):
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    text = path.read_text(encoding="utf-8")
    path.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", encoding="utf-8")


def _table_3(measured: Measured) -> "Figure":
    names = list(paper.TASKS)
    columns: list[tuple[str, list[float]]] = [
        ("paper", [paper.TABLE_3[name].mean for name in names]),
        ("prototype", [prototype.TASKS_MS[name] for name in names]),
        ("ours singly, scaled", [measured.tasks[name].single.mean * measured.scale for name in names]),
        ("ours in use, scaled", [measured.tasks[name].batched.mean * measured.scale for name in names]),
    ]
    figure, axes = _axes("milliseconds, one thread")
    for place, (label, values) in enumerate(columns):
        axes.bar([number + (place - 1.5) * _BAR for number in range(len(names))], values, _BAR, label=label)
    axes.set_yscale("log")
    axes.set_xticks(range(len(names)), [paper.TASKS[name].replace(" ", "\n", 1) for name in names])
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _figure_7(measured: Measured) -> "Figure":
    records = [point.records for point in measured.growth]
    figure, axes = _axes("milliseconds")
    axes.axhline(paper.INSERT_MS_AGAIN.value, linestyle="--", color="grey", label="paper: insert one")
    axes.errorbar(
        records,
        [point.insert.mean for point in measured.growth],
        [[point.insert.mean - point.insert.low for point in measured.growth], [0.0] * len(records)],
        label="ours: insert one (down to the fastest)",
        marker="o",
    )
    axes.errorbar(
        records,
        [point.select.mean for point in measured.growth],
        [[point.select.mean - point.select.low for point in measured.growth], [0.0] * len(records)],
        label="ours: select 21 keys (down to the fastest)",
        marker="s",
    )
    axes.plot(
        records,
        [point.insert_batched_ms for point in measured.growth],
        label="ours: insert, a record in batches of 1,000",
        marker="^",
    )
    axes.set_yscale("log")
    axes.ticklabel_format(style="plain", axis="x")
    axes.set_xlabel("records in the database")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _axes(unit: str) -> tuple["Figure", Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set_ylabel(unit)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    return figure, axes
