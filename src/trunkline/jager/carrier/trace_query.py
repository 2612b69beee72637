"""What to trace: a call of this carrier's own records, or a number and a time from a complaint."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trunkline.errors import CdrError, InputError, NotFoundError
from trunkline.jager.carrier.hop_of import filing_of
from trunkline.jager.messages.hop import Hop
from trunkline.jager.validation.records import OwnRecord
from trunkline.telephony.call_details import LabelRules
from trunkline.telephony.follow import read_all
from trunkline.telephony.model import Attempt, CallRecord, TimeKind
from trunkline.telephony.numbers import WITHHELD, NumberPlan, Party, normalise_called
from trunkline.telephony.providers import ProviderId
from trunkline.telephony.source import CdrSource

CASE_LIMIT = 2_000
TOLERANCE_LIMIT_MS = 3_600_000
CSV_ROWS_LIMIT = 100_000
CSV_SIZE_LIMIT = 64 << 20
_WITHHELD_WORDS = frozenset({"", "anonymous", "withheld"})
_REPLACED = "\ufffd"  # what stands for bytes that are not UTF-8
# Numbers are given in full, so the region plays no part.
_PLAN = NumberPlan(style="e164", region="US")


class _Form(BaseModel):
    """The JSON form of a query."""

    model_config = ConfigDict(extra="forbid", strict=True)

    src: str = Field(max_length=300)
    dst: str = Field(max_length=300)
    time_ms: int = Field(ge=0, lt=1 << 48)
    own_time_is_answer: bool = False
    tolerance_ms: int = Field(default=0, ge=0, le=TOLERANCE_LIMIT_MS)
    case: str = Field(default="", max_length=CASE_LIMIT)
    own_hop: str | None = Field(default=None, pattern=r"^[0-9a-f]{120}$")
    own_epoch: int = Field(default=0, ge=0)
    approval_wait_s: float = Field(default=0.0, ge=0, le=86_400)


@dataclass(frozen=True, slots=True)
class TraceQuery:
    """One call to trace.

    Attributes:
        src: The caller, possibly withheld.
        dst: The called party.
        time_ms: When, Unix milliseconds.
        own_time_is_answer: Whether that is the answer's time and not the arrival's.
        tolerance_ms: How much the time may be wrong.
        case: What the trace is for; only a commitment to it is sent.
        own: The tracer's own record of the call, if it has one.
        approval_wait_s: How long to wait if a person must approve.
    """

    src: Party
    dst: Party
    time_ms: int
    own_time_is_answer: bool = False
    tolerance_ms: int = 0
    case: str = ""
    own: OwnRecord | None = None
    approval_wait_s: float = 0.0

    @classmethod
    def of_call(
        cls,
        record: CallRecord,
        current: ProviderId,
        rules: LabelRules,
        *,
        case: str = "",
        approval_wait_s: float = 0.0,
    ) -> Self:
        """Trace a call of the carrier's own records.

        Args:
            record: The call.
            current: This carrier.
            rules: The deployment's label rules.
            case: What the trace is for.
            approval_wait_s: How long to wait if a person must approve.
        """
        filing = filing_of(record, current, rules)
        return cls(
            record.src,
            record.dst,
            record.arrival_us // 1000,
            own_time_is_answer=record.time_kind is TimeKind.ANSWER,
            case=case,
            own=OwnRecord(filing.hop, filing.epoch),
            approval_wait_s=approval_wait_s,
        )

    @classmethod
    def of_text(
        cls,
        src: str,
        dst: str,
        time: str,
        *,
        tolerance_s: float = 0.0,
        case: str = "",
        approval_wait_s: float = 0.0,
    ) -> Self:
        """Trace a call that somebody complained about.

        Args:
            src: The caller: `+` and digits, `user@host`, or `anonymous`.
            dst: The called party, `+` and digits or `user@host`.
            time: ISO 8601 with the offset from UTC, or Unix seconds.
            tolerance_s: How much the time may be wrong.
            case: What the trace is for.
            approval_wait_s: How long to wait if a person must approve.

        Raises:
            InputError: A value cannot be used.
        """
        form = {
            "src": src,
            "dst": dst,
            "time_ms": _time_ms(time),
            "tolerance_ms": round(tolerance_s * 1000) if isfinite(tolerance_s) else None,
            "case": case,
            "approval_wait_s": float(approval_wait_s),
        }
        return cls.from_json(form)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            InputError: A value is missing, unknown or not usable.
        """
        try:
            form = _Form.model_validate(dict(value))
        except ValidationError as error:
            keys = ", ".join(
                ".".join(map(str, detail["loc"])) for detail in error.errors(include_input=False)
            )
            raise InputError(
                f"the trace cannot be understood: {keys} is missing, unknown or wrong"
            ) from error
        own = None
        if form.own_hop is not None:
            own = OwnRecord(Hop.decode(bytes.fromhex(form.own_hop)), form.own_epoch)
        return cls(
            _party(form.src),
            normalise_called(form.dst, _PLAN),
            form.time_ms,
            form.own_time_is_answer,
            form.tolerance_ms,
            form.case,
            own,
            form.approval_wait_s,
        )

    def to_json(self) -> dict[str, Any]:
        """Write the query for the running agent; never for logs."""
        form: dict[str, Any] = {
            "src": self.src.text,
            "dst": self.dst.text,
            "time_ms": self.time_ms,
            "own_time_is_answer": self.own_time_is_answer,
            "tolerance_ms": self.tolerance_ms,
            "case": self.case,
            "approval_wait_s": self.approval_wait_s,
        }
        if self.own is not None:
            form |= {"own_hop": self.own.hop.encode().hex(), "own_epoch": self.own.epoch}
        return form

    def __repr__(self) -> str:
        return "TraceQuery()"


def find_call(sources: Iterable[CdrSource], file: str, line: int) -> CallRecord:
    """Find a call in the carrier's own files by the row that it was read from.

    Args:
        sources: The carrier's sources.
        file: The row's file, as `cdr inspect` names it, or the end of its path.
        line: The row's line, or row number in a table.

    Raises:
        NotFoundError: No call was read from that row.
    """
    found: CallRecord | None = None
    for batch in read_all(sources):
        for record in batch.records:
            here = record.location.line == line and f"/{record.location.file}".endswith(
                f"/{file.lstrip('/')}"
            )
            # A route advance has several records of one row; the final one is the call's.
            if here and (found is None or record.attempt is Attempt.FINAL):
                found = record
    if found is None:
        raise NotFoundError("no call begins in that row: give the file and line that `cdr inspect` shows")
    return found


def read_queries(
    path: Path, *, approval_wait_s: float = 0.0
) -> Iterator[tuple[int, TraceQuery | InputError]]:
    """Read many queries from a CSV file with the columns src, dst, time and, if wanted, tolerance_s and case.

    Args:
        path: The file.
        approval_wait_s: How long each trace waits if a person must approve.

    Yields:
        The line and the query, or what is wrong with that line; other lines are not touched by it.

    Raises:
        CdrError: The file cannot be read, or has no such columns.
    """
    try:
        if path.stat().st_size > CSV_SIZE_LIMIT:
            raise CdrError(f"{path} is larger than {CSV_SIZE_LIMIT >> 20} MiB; split it")
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            reader = csv.DictReader(file)
            if not {"src", "dst", "time"} <= set(reader.fieldnames or ()):
                raise CdrError(f"{path} needs a header line with the columns src, dst and time")
            for count, row in enumerate(reader):
                if count >= CSV_ROWS_LIMIT:
                    raise CdrError(f"{path} has more than {CSV_ROWS_LIMIT} rows; split it")
                yield reader.line_num, _query_of_row(row, approval_wait_s)
    except (OSError, csv.Error) as error:
        raise CdrError(f"{path} cannot be read as a CSV file in UTF-8") from error


def _query_of_row(row: Mapping[str, str | None], approval_wait_s: float) -> TraceQuery | InputError:
    if any(_REPLACED in (value or "") for value in row.values()):
        return InputError("the line is not UTF-8; save the file as UTF-8")
    try:
        return TraceQuery.of_text(
            row["src"] or "",
            row["dst"] or "",
            row["time"] or "",
            tolerance_s=float(row.get("tolerance_s") or 0),
            case=row.get("case") or "",
            approval_wait_s=approval_wait_s,
        )
    except InputError as error:
        return error
    except ValueError:
        return InputError("tolerance_s is not a number of seconds")


def _party(text: str) -> Party:
    return WITHHELD if text.strip().lower() in _WITHHELD_WORDS else normalise_called(text, _PLAN)


def _time_ms(text: str) -> int:
    try:
        return round(float(text) * 1000)
    except (ValueError, OverflowError):
        pass
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError("the time is neither ISO 8601 nor Unix seconds") from error
    if time.tzinfo is None:
        raise InputError("the time needs its offset from UTC, such as 2026-11-21T09:30:00-05:00 or ...Z")
    return round(time.timestamp() * 1000)
