"""What really happened, in the form of a lab's ground truth, and which records are not true."""

import numpy as np
import polars as pl

from trunkline.pstn.behaviour import Lie
from trunkline.pstn.calls import NO_CAMPAIGN, OUTCOME_NAMES, SIP_CODES, WITHHELD, Calls
from trunkline.pstn.cdr_text import by_outcome, line, milliseconds, stamp
from trunkline.pstn.records import Untruths
from trunkline.pstn.switches import customer

TRUTH_FILE = "ground-truth.csv"
TRUTH_HEADER = "call_id,kind,customer,src,dst,path,start_utc,answer_utc,end_utc,sip_code,outcome"
UNTRUTHS_FILE = "untruths.csv"
UNTRUTHS_HEADER = "call_id,carrier,lie"

_CALL_DIGITS = 9


def truth_lines(calls: Calls, names: list[str]) -> str:
    """Writes calls as rows of the ground truth, each ended by a line feed.

    Args:
        calls: The calls.
        names: The carriers' names.
    """
    hops = pl.DataFrame(
        {"call": calls.of_hop, "at": pl.Series(names).gather(calls.hops), "time": calls.arrival_us}
    )
    routes = hops.group_by("call", maintain_order=True).agg(
        path=pl.col("at").str.join(">"), start=_iso("time").str.join(">")
    )
    customers = pl.Series([customer(number) for number in range(int(calls.campaigns.max()) + 1)] + [""])
    robocall = calls.campaigns != NO_CAMPAIGN
    frame = pl.DataFrame(
        {
            "call_id": calls.first + np.arange(len(calls)),
            "robocall": robocall,
            "customer": customers.gather(np.where(robocall, calls.campaigns, len(customers) - 1)),
            "src": _e164(calls.callers),
            "dst": _e164(calls.called),
            "answer": calls.answer_us,
            "end": calls.end_us,
            "outcome": calls.outcomes,
        }
    ).hstack(routes.select("path", "start"))
    text = line(
        *(_call_id(), ",", pl.when("robocall").then(pl.lit("campaign")).otherwise(pl.lit("normal")), ","),
        *(
            pl.col("customer"),
            ",",
            pl.col("src"),
            ",",
            pl.col("dst"),
            ",",
            pl.col("path"),
            ",",
            pl.col("start"),
        ),
        *(",", pl.when(pl.col("answer") != 0).then(_iso("answer")).otherwise(pl.lit("")), ",", _iso("end")),
        *(",", by_outcome(*map(str, SIP_CODES)), ",", by_outcome(*OUTCOME_NAMES)),
    )
    return _joined(frame.select(text))


def untruth_lines(untruths: Untruths, names: list[str]) -> str:
    """Writes what is not true of the records, each row ended by a line feed."""
    kinds = pl.Series([kind.name.lower().replace("_", "-") for kind in Lie])
    frame = pl.DataFrame(
        {
            "call_id": untruths.calls,
            "carrier": pl.Series(names, dtype=pl.String).gather(untruths.carriers),
            "kind": kinds.gather(untruths.kinds),
        }
    )
    text = line(_call_id(), ",", pl.col("carrier"), ",", pl.col("kind"))
    return _joined(frame.sort("call_id", "carrier", maintain_order=True).select(text))


def _call_id() -> pl.Expr:
    return pl.concat_str(pl.lit("N"), pl.col("call_id").cast(pl.String).str.zfill(_CALL_DIGITS))


def _iso(column: str) -> pl.Expr:
    return pl.concat_str(stamp(column, "%Y-%m-%dT%H:%M:%S."), milliseconds(column), pl.lit("Z"))


def _e164(numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pl.Series:
    digits = pl.col("number").cast(pl.String)
    text = pl.when(pl.col("number") == WITHHELD).then(pl.lit("anonymous")).otherwise(pl.lit("+") + digits)
    return pl.DataFrame({"number": numbers}).select(text=text)["text"]


def _joined(lines: pl.DataFrame) -> str:
    return "".join(f"{text}\n" for text in lines["line"].str.join("\n") if text)
