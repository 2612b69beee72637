"""Other switches, whose files are read by the shipped field maps: lines with just what the maps look at."""

from collections.abc import Callable

import polars as pl

from trunkline.pstn.cdr_text import Form, Lines, identifier, lasted_seconds, line, milliseconds, rows, stamp

_SANSAY_TIME = "%a %b %d %H:%M:%S %Y"


def _separated(delimiter: str, columns: int, texts: dict[int, pl.Expr | str]) -> pl.Expr:
    """Puts texts into numbered columns, from 1, and leaves the others empty."""
    parts: list[pl.Expr | str] = []
    for column in range(1, columns + 1):
        parts += [texts.get(column, ""), delimiter]
    return line(*parts[:-1])


def _sansay(frame: pl.DataFrame) -> Lines:
    columns: dict[int, pl.Expr | str] = {
        1: identifier(),
        3: "R",
        5: identifier(),
        7: stamp("arrival", _SANSAY_TIME),
        8: stamp("answer", _SANSAY_TIME).fill_null(""),
        9: stamp("end", _SANSAY_TIME),
        14: pl.col("before"),
        16: pl.col("caller"),
        18: pl.col("called"),
        33: pl.col("after"),
        37: pl.col("sent"),
        53: lasted_seconds("answer"),
    }
    return [rows(frame, "end", _separated(";", 53, columns))]


def _oracle(frame: pl.DataFrame) -> Lines:
    def time(column: str) -> pl.Expr:
        return pl.concat_str(
            stamp(column, "%H:%M:%S."), milliseconds(column), pl.lit(" UTC "), stamp(column, "%b %d %Y")
        )

    columns: dict[int, pl.Expr | str] = {
        1: "2",
        4: identifier(),
        10: pl.col("caller"),
        11: pl.col("called"),
        14: time("arrival"),
        15: time("answer").fill_null(""),
        16: time("end"),
        22: pl.col("after"),
        23: pl.col("before"),
    }
    return [rows(frame, "end", _separated(",", 23, columns))]


def _genband(frame: pl.DataFrame) -> Lines:
    def wide(text: pl.Expr, width: int) -> pl.Expr:
        return text.str.pad_end(width)

    text = line(
        *(
            " " * 6,
            wide(identifier(), 30),
            wide(stamp("arrival"), 19),
            wide(stamp("answer").fill_null(""), 19),
        ),
        *(wide(stamp("end"), 19), " " * 30, wide(pl.col("before"), 30), wide(pl.col("caller"), 20), " " * 60),
        *(wide(pl.col("after"), 30), wide(pl.col("called"), 20), " " * 347),
    )
    return [rows(frame, "end", text)]


def _nextone(frame: pl.DataFrame) -> Lines:
    text = line(
        *(pl.col("before"), ",", pl.col("after"), ",", lasted_seconds("answer"), ",", pl.col("called"), ","),
        *(pl.col("caller"), ",", (pl.col("arrival") // 1_000_000).cast(pl.String)),
    )
    return [rows(frame, "end", text)]


def _mapped(
    name: str,
    file: str,
    lines: Callable[[pl.DataFrame], Lines],
    header: str = "",
    resolution_us: int = 1_000_000,
) -> Form:
    return Form(
        name=name,
        files=(file,),
        headers=(header,),
        lines=lines,
        source={"format": "field-map", "field_map": name},
        resolution_us=resolution_us,
    )


SANSAY = _mapped("sansay_vsx", "sansay.cdr", _sansay)
ORACLE = _mapped("oracle_acme", "cdr.csv", _oracle, resolution_us=1_000)
GENBAND = _mapped("genband_g6", "cdr.txt", _genband)
NEXTONE = _mapped("nextone", "cdr.csv", _nextone, header="OrigGw,TermGw,Duration,CallDTMF,Ani,DateTimeInt")
