"""SIP proxies: Kamailio's acc and acc_cdrs, OpenSIPS's acc, as CSV files with headers or SQLite tables."""

import polars as pl

from trunkline.pstn.cdr_text import (
    Form,
    Lines,
    by_outcome,
    identifier,
    line,
    milliseconds,
    rows,
    seconds,
    stamp,
)

_CODES = ("200", "486", "487", "503")
_REASONS = ("OK", "Busy Here", "Request Terminated", "Service Unavailable")
_PEERS = "src_user,src_ip,dst_ouser,dst_user,dst_domain"
_ACC = f"method,from_tag,to_tag,callid,sip_code,sip_reason,time,{_PEERS}"
_ACC_CDRS = "start_time,end_time,duration,callid"
_OPENSIPS_ACC = (
    f"method,from_tag,to_tag,callid,sip_code,sip_reason,time,duration,ms_duration,setuptime,created,{_PEERS}"
)


def _call_id() -> pl.Expr:
    return pl.concat_str(identifier(), pl.lit("@switch"))


def _event(time: str) -> tuple[pl.Expr | str, ...]:
    return (
        *("f", identifier(1), ",t", identifier(1), ",", _call_id(), ",", by_outcome(*_CODES), ","),
        *(by_outcome(*_REASONS), ",", stamp(time)),
    )


def _parties() -> tuple[pl.Expr | str, ...]:
    return (
        *(",", pl.col("caller"), ",", pl.col("before"), ",", pl.col("called"), ",", pl.col("called"), ","),
        pl.col("after"),
    )


def _decided(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds when a call was answered or failed, which is when its first row is written."""
    return frame.with_columns(decided=pl.coalesce("answer", "end"))


def _kamailio(frame: pl.DataFrame) -> Lines:
    frame = _decided(frame)
    answered = frame.filter(pl.col("answer").is_not_null())
    invites = rows(frame, "decided", line("INVITE,", *_event("decided"), *_parties()))
    byes = rows(answered, "end", line("BYE,", *_event("end"), ",,,,,"))
    exact = [pl.concat_str(stamp(one), pl.lit("."), milliseconds(one)) for one in ("arrival", "end")]
    lasted = pl.concat_str((pl.col("end") - pl.col("decided")) // 1_000_000, pl.lit("."), pl.lit("000"))
    times = rows(frame, "end", line(exact[0], ",", exact[1], ",", lasted, ",", _call_id()))
    return [pl.concat((invites, byes)), times]


def _opensips(frame: pl.DataFrame) -> Lines:
    frame = _decided(frame)
    lasted_ms = (pl.col("end") - pl.col("decided")) // 1_000
    ringing = ((pl.col("decided") - pl.col("arrival")) // 1_000_000).cast(pl.String)
    text = line(
        *("INVITE,", *_event("decided"), ",", (lasted_ms // 1_000).cast(pl.String), ","),
        *(lasted_ms.cast(pl.String), ",", ringing, ",", seconds("arrival", 3), *_parties()),
    )
    return [rows(frame, "end", text)]


KAMAILIO_CSV = Form(
    name="kamailio-csv",
    files=("acc.csv", "acc_cdrs.csv"),
    headers=(_ACC, _ACC_CDRS),
    lines=_kamailio,
    source={"format": "kamailio-csv"},
    at_answer=True,
    plus=True,
    resolution_us=1_000,
    switch="Kamailio 5.6",
    lab={"csv_time": "datetime, UTC"},
)
KAMAILIO_SQLITE = Form(
    name="kamailio-sqlite",
    files=KAMAILIO_CSV.files,
    headers=KAMAILIO_CSV.headers,
    lines=_kamailio,
    source={"format": "kamailio-sqlite"},
    at_answer=True,
    plus=True,
    resolution_us=1_000,
    database="acc.sqlite",
)
OPENSIPS_CSV = Form(
    name="opensips-csv",
    files=("acc.csv",),
    headers=(_OPENSIPS_ACC,),
    lines=_opensips,
    source={"format": "opensips-csv"},
    plus=True,
    resolution_us=1_000,
)
OPENSIPS_SQLITE = Form(
    name="opensips-sqlite",
    files=OPENSIPS_CSV.files,
    headers=OPENSIPS_CSV.headers,
    lines=_opensips,
    source={"format": "opensips-sqlite"},
    plus=True,
    resolution_us=1_000,
    database="acc.sqlite",
)
