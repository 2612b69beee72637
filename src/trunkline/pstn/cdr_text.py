"""What all CDR formats share: the columns that lines are made of, and how times and lines are written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

SECONDS = "%Y-%m-%d %H:%M:%S"

Lines = list[pl.DataFrame]
"""For each file of a format, the columns `carrier`, `time`, `number` and `line`."""


@dataclass(frozen=True, eq=False)
class Form:
    """One CDR format as a generated carrier writes it.

    Its lines are made from a frame with a row for each record, with these columns: `carrier`, `number`
    (different for all records of a carrier), `caller` and `called` in the switch's number plan, `sent` (the
    called number in E.164 with +), `before` and `after` (trunk names or addresses), `arrival`, `answer` (null
    if not answered) and `end` (microseconds, by the switch's clock and zone), `arrival_utc` and
    `end_utc` (by its clock), `outcome`.

    Attributes:
        name: What users call it.
        files: Names of its files.
        headers: First line of each file, empty for none.
        lines: Makes the lines of each file.
        source: What a `[[source]]` table says of every such carrier.
        peers: Whether it names peers by trunk or by address.
        plus: It writes numbers in E.164 with + whatever the carrier's number plan is.
        local_time: It writes the carrier's local time instead of UTC.
        resolution_us: What arrival times are cut off to.
        at_answer: It writes a line when a call is answered, and not only when it ends.
        database: The files become tables of this database in the end.
        switch: What a lab's description calls it; empty if that cannot describe it.
        lab: What else such a description says of it.
    """

    name: str
    files: tuple[str, ...]
    headers: tuple[str, ...]
    lines: Callable[[pl.DataFrame], Lines]
    source: Mapping[str, Any]
    peers: Literal["trunk", "address"] = "address"
    plus: bool = False
    local_time: bool = False
    resolution_us: int = 1_000_000
    at_answer: bool = False
    database: str = ""
    switch: str = ""
    lab: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kept_files(self) -> tuple[str, ...]:
        """The files that are there in the end."""
        return (self.database,) if self.database else self.files


def stamp(column: str, form: str = SECONDS) -> pl.Expr:
    """Writes a time; null stays null."""
    return pl.from_epoch(pl.col(column), time_unit="us").dt.strftime(form)


def seconds(column: str, digits: int) -> pl.Expr:
    """Writes a time as seconds since 1970 with 3 or 6 digits after the point; null stays null."""
    fraction = pl.col(column) % 1_000_000 // 10 ** (6 - digits)
    return pl.concat_str(
        (pl.col(column) // 1_000_000).cast(pl.String), pl.lit("."), fraction.cast(pl.String).str.zfill(digits)
    )


def milliseconds(column: str) -> pl.Expr:
    """Writes the three digits after the point of a time's second."""
    return (pl.col(column) % 1_000_000 // 1_000).cast(pl.String).str.zfill(3)


def lasted_seconds(since: str) -> pl.Expr:
    """Writes the whole seconds from a time to the end, 0 if the time is null, begun ones counted."""
    lasted = (pl.col("end") - pl.col(since) + 999_999) // 1_000_000
    return lasted.fill_null(0).cast(pl.String)


def identifier(digits: int = 12) -> pl.Expr:
    """Writes the record's number with leading zeros."""
    return pl.col("number").cast(pl.String).str.zfill(digits)


def by_outcome(*texts: str) -> pl.Expr:
    """Writes one text for each outcome."""
    return pl.col("outcome").replace_strict(list(range(len(texts))), list(texts), return_dtype=pl.String)


def line(*parts: pl.Expr | str) -> pl.Expr:
    """Puts a line together."""
    return pl.concat_str(*(pl.lit(part) if isinstance(part, str) else part for part in parts)).alias("line")


def rows(frame: pl.DataFrame, time: str, text: pl.Expr) -> pl.DataFrame:
    """Makes the lines of one file; switches write them at `time`, UTC by their clocks."""
    return frame.select("carrier", pl.col(time).alias("time"), "number", text)
