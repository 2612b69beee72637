"""Asterisk: Master.csv with unique identifiers, and cdr_custom with microseconds."""

import polars as pl

from trunkline.pstn.cdr_text import (
    Form,
    Lines,
    by_outcome,
    identifier,
    lasted_seconds,
    line,
    rows,
    seconds,
    stamp,
)

_DISPOSITIONS = ("ANSWERED", "BUSY", "NO ANSWER", "CONGESTION")
_CUSTOM_COLUMNS = (
    *("start", "answer", "end", "src", "dst", "channel", "dstchannel"),
    *("disposition", "uniqueid", "linkedid", "sequence", "userfield"),
)


def _channel(peer: str, leg: int) -> pl.Expr:
    # Eight hexadecimal digits, as Asterisk numbers channels; these happen to be decimal ones.
    serial = ((pl.col("number") * 2 + leg) % 100_000_000).cast(pl.String).str.zfill(8)
    return pl.concat_str(pl.lit("PJSIP/"), pl.col(peer), pl.lit("-"), serial)


def _unique() -> pl.Expr:
    # The second in which the channel was made, and a count.
    count = (pl.col("number") % 1_000_000_000).cast(pl.String)
    return pl.concat_str((pl.col("arrival_utc") // 1_000_000).cast(pl.String), pl.lit("."), count)


def _master(frame: pl.DataFrame) -> Lines:
    text = line(
        *('"","', pl.col("caller"), '","', pl.col("called"), '","trunks","""', pl.col("caller"), '"" <'),
        *(pl.col("caller"), '>","', _channel("before", 0), '","', _channel("after", 1), '","Dial","PJSIP/'),
        *(pl.col("sent"), "@", pl.col("after"), ',45","', stamp("arrival"), '","'),
        *(stamp("answer").fill_null(""), '","', stamp("end"), '",', lasted_seconds("arrival"), ","),
        *(lasted_seconds("answer"), ',"', by_outcome(*_DISPOSITIONS), '","DOCUMENTATION","', _unique(), '"'),
    )
    return [rows(frame, "end_utc", text)]


def _micro(frame: pl.DataFrame) -> Lines:
    tab = "\t"
    text = line(
        *(
            seconds("arrival", 6),
            tab,
            seconds("answer", 6).fill_null("0.000000"),
            tab,
            seconds("end", 6),
            tab,
        ),
        *(
            pl.col("caller"),
            tab,
            pl.col("called"),
            tab,
            _channel("before", 0),
            tab,
            _channel("after", 1),
            tab,
        ),
        *(by_outcome(*_DISPOSITIONS), tab, _unique(), tab, _unique(), tab, identifier(1), tab),
    )
    return [rows(frame, "end_utc", text)]


ASTERISK_CSV = Form(
    name="asterisk-csv",
    files=("Master.csv",),
    headers=("",),
    lines=_master,
    source={"format": "asterisk-csv", "asterisk": {"loguniqueid": True}},
    peers="trunk",
    local_time=True,
    switch="Asterisk 20",
    lab={"cdr_conf": {"loguniqueid": True, "loguserfield": False, "newcdrcolumns": False}},
)
ASTERISK_CUSTOM = Form(
    name="asterisk-custom",
    files=("micro.tsv",),
    headers=("",),
    lines=_micro,
    source={
        "format": "asterisk-custom",
        "asterisk": {"custom_columns": list(_CUSTOM_COLUMNS), "delimiter": "\t"},
    },
    peers="trunk",
    resolution_us=1,
)
