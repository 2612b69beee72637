"""Scores traces of a lab against its ground truth, which nothing else reads.

A trace is compared with the answered call of the truth that has the same parties and ended at the tracing
carrier, the nearest in time where there are several (redials).
"""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from trunkline.errors import CdrError
from trunkline.telephony.model import CallRecord
from trunkline.telephony.numbers import PartyKind

TRUTH_FILE = "ground-truth.csv"
_MATCH_S = 30.0
"""How far a tracer's time and the truth's may lie apart: more than clock error and ringing in any lab."""


@dataclass(frozen=True, slots=True)
class Traced:
    """One trace of a lab.

    Attributes:
        carrier: The tracing carrier's name in the lab.
        record: Its own record of the call.
        path: Names of the carriers on the path that was found.
        origin: Name of the origin that was found; None if it stayed unknown.
        with_record: For each carrier of the path, in order, whether a record of it was found.
        flagged: Records of the window that something is held against.
    """

    carrier: str
    record: CallRecord
    path: tuple[str, ...]
    origin: str | None
    with_record: tuple[bool, ...]
    flagged: int


@dataclass(frozen=True, slots=True)
class Score:
    """How a lab's traces compare with the truth; counts of calls and records."""

    calls: int
    answered: int
    traced: int
    origin_correct: int
    path_correct: int
    records_expected: int
    records_found: int
    false_faults: int

    def to_json(self) -> dict[str, int]:
        """The counts by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _TrueCall:
    src: str
    dst: str
    path: tuple[str, ...]
    last_s: float


def score(folder: Path, traces: Sequence[Traced]) -> Score:
    """Compares traces with the truth.

    Raises:
        CdrError: The truth cannot be read.
    """
    calls, answered = _read_truth(folder / TRUTH_FILE)
    open_calls = list(answered)
    origin_correct = path_correct = found = 0
    for trace in sorted(traces, key=lambda one: one.record.arrival_us):
        truth = _match(trace, open_calls)
        if truth is None:
            continue
        open_calls.remove(truth)
        origin_correct += trace.origin == truth.path[0]
        path_correct += trace.path == truth.path
        recorded = Counter(
            name for name, has_record in zip(trace.path, trace.with_record, strict=True) if has_record
        )
        found += (recorded & Counter(truth.path)).total()
    return Score(
        calls=calls,
        answered=len(answered),
        traced=len(traces),
        origin_correct=origin_correct,
        path_correct=path_correct,
        records_expected=sum(len(call.path) for call in answered),
        records_found=found,
        # Nobody lies in a lab: whatever is held against a record is wrongly held.
        false_faults=sum(trace.flagged for trace in traces),
    )


def has_truth(folder: Path) -> bool:
    """Whether the lab comes with its truth."""
    return (folder / TRUTH_FILE).exists()


def _match(trace: Traced, calls: Sequence[_TrueCall]) -> _TrueCall | None:
    src = "anonymous" if trace.record.src.kind is PartyKind.WITHHELD else trace.record.src.value
    fitting = [
        call
        for call in calls
        if (call.src, call.dst, call.path[-1]) == (src, trace.record.dst.value, trace.carrier)
        and abs(call.last_s - trace.record.arrival_us / 1e6) <= _MATCH_S
    ]
    return min(fitting, key=lambda call: abs(call.last_s - trace.record.arrival_us / 1e6), default=None)


def _read_truth(path: Path) -> tuple[int, list[_TrueCall]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows: list[dict[str, Any]] = list(csv.DictReader(file))
        answered = [
            _TrueCall(
                row["src"],
                row["dst"],
                tuple(row["path"].split(">")),
                datetime.fromisoformat(row["start_utc"].split(">")[-1]).timestamp(),
            )
            for row in rows
            if row["outcome"] == "answered"
        ]
    except (OSError, KeyError, ValueError, UnicodeDecodeError) as error:
        raise CdrError(f"{path} is no ground truth of a lab: {error}") from error
    return len(rows), answered
