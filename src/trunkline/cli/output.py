"""What commands print: progress and words to stderr, one JSON value as the last line of stdout."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

console = Console(stderr=True, highlight=False)
"""Where people read."""

paper = Console(highlight=False, soft_wrap=True)
"""stdout, for results that people read when no `--json` was asked for."""


def print_json(value: Any) -> None:
    """Prints one JSON value as one line of stdout."""
    sys.stdout.write(json.dumps(value, separators=(", ", ": "), ensure_ascii=False) + "\n")
    sys.stdout.flush()


class Bar:
    """One line of progress; `advance` may be called from any thread."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, steps: int = 1) -> None:
        """Moves the bar on."""
        self._progress.advance(self._task, steps)

    def set(self, completed: int, total: int | None = None) -> None:
        """Moves the bar to a place."""
        self._progress.update(self._task, completed=completed, total=total)


@contextmanager
def bar(description: str, total: int | None) -> Iterator[Bar]:
    """Shows a progress bar on stderr while the block runs."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield Bar(progress, progress.add_task(description, total=total))
