"""What all readers share: the place they are at, the limits of a row, and splitting a line into columns."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from trunkline.errors import CdrError, StorageError
from trunkline.telephony.rows import Row
from trunkline.telephony.stored import restore

LINE_LIMIT = 64 << 10
COLUMN_LIMIT = 512


@dataclass(frozen=True, slots=True)
class Skip:
    """A row that is in order but tells of no call, such as a header; counted by its reason."""

    reason: str


@dataclass(slots=True)
class Position:
    """Where the reading of one file is, and what must be remembered from the lines before.

    Attributes:
        file: Name for locations.
        line: Number of the last line (or row) read.
        offset: Bytes read.
        skipping: In the middle of a line that is too long.
        header: Column names from the first line, where the form has them.
        latest_us: Latest end of a call so far; rows are written in the order of the ends.
        note: What must be said of the last row although it was taken.
    """

    file: str
    line: int = 0
    offset: int = 0
    skipping: bool = False
    header: list[str] = field(default_factory=list)
    latest_us: int = 0
    note: str = ""


def with_position(values: Any) -> dict[str, Any]:
    """Return the stored values of something that has a position, with that restored.

    Raises:
        StorageError: They are anything else.
    """
    try:
        position = restore(Position, values["position"])
        numbers = (position.line, position.offset, position.latest_us)
        if min(numbers) >= 0:
            return {**values, "position": position}
    except (KeyError, TypeError, AttributeError):
        pass
    raise StorageError("the stored state of a CDR source holds a position that cannot be read")


class Reader(Protocol):
    """Reads one line of text."""

    line_limit: int
    last_line_may_be_open: bool
    """Whether a file's last line is complete although no line feed follows it."""

    def read(self, text: str, position: Position) -> Row | Skip:
        """Read one line.

        Args:
            text: The line, without its line feed.
            position: Where it is; the reader may change `header`, `latest_us` and `note`.

        Raises:
            CdrError: The line cannot be read. Its content is not in the message.
        """
        ...


def split_columns(
    text: str,
    delimiter: str = ",",
    escape: str | None = None,
    *,
    lenient_quotes: bool = False,
) -> list[str]:
    """Split one line of comma-separated values.

    Args:
        text: The line.
        delimiter: What stands between columns.
        escape: The character that takes the meaning from the next one, if there is one.
        lenient_quotes: Take quotes that stand unescaped within quotes as they are.

    Raises:
        CdrError: Unbalanced quotes, a NUL byte, or more than 512 columns.
    """
    if "\x00" in text:
        raise CdrError("NUL bytes in the line: not a text file, or a damaged one")
    try:
        columns = next(
            csv.reader([text], delimiter=delimiter, escapechar=escape, strict=not lenient_quotes),
            [],
        )
    except csv.Error as error:
        raise CdrError("the line's quotes are not balanced") from error
    if len(columns) > COLUMN_LIMIT:
        raise CdrError(f"more than {COLUMN_LIMIT} columns: check the delimiter")
    return columns


def by_name(names: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
    """Give columns their names.

    Raises:
        CdrError: There are more or fewer columns than names.
    """
    if len(names) != len(columns):
        raise CdrError(f"{len(columns)} columns where the source states {len(names)}")
    return dict(zip(names, columns, strict=True))
