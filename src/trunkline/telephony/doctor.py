"""Checks of a carrier's CDR sources: clocks, trunks without neighbour, withheld callers, doubled files.

The checks look at what a reading of the sources brought and at the sources themselves; they open nothing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from trunkline.telephony.follow import Batch
from trunkline.telephony.model import Attempt, CallRecord, TimeKind
from trunkline.telephony.numbers import PartyKind
from trunkline.telephony.providers import ProviderId
from trunkline.telephony.source import CdrSource

Level = Literal["ok", "warning", "error"]

_WITHHELD_WARNING = 0.3
_REJECT_WARNING = 0.05
_FUTURE_SLACK_US = 5_000_000
_HOUR_US = 3_600_000_000
_ZONE_SLACK_US = 300_000_000
_LONGEST_ZONE_HOURS = 14
_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        level: `ok`, `warning` or `error`.
        code: Stable name of the finding, in kebab case.
        message: What was found.
        advice: What to do.
    """

    level: Level
    code: str
    message: str
    advice: str = ""


@dataclass(slots=True)
class Sample:
    """What a reading of one source brought, counted.

    Attributes:
        rows: Lines or rows read.
        calls: Calls put together.
        skipped: Rows that tell of no call, by reason.
        rejects: Rows without record, by reason.
        warnings: Doubtful rows, by reason.
        unknown_trunks: Trunks that are in no table, with how often calls met them.
        records: Records made.
        answered: Of these, answered.
        withheld: Of these, without caller.
        answer_times: Of these, with the time of the answer or failure only.
        tried: Of these, attempts that were not the last.
        released_here: Of these, calls that ended at this carrier without a next hop.
        latest_us: Time of the newest call, if there is one.
        neighbours: Providers that calls came from or went to.
        modified_us: When the newest file was last written; 0 if there is none.
        first: The first few records, as examples.
    """

    rows: int = 0
    calls: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    unknown_trunks: Counter[str] = field(default_factory=Counter)
    records: int = 0
    answered: int = 0
    withheld: int = 0
    answer_times: int = 0
    tried: int = 0
    released_here: int = 0
    latest_us: int | None = None
    neighbours: set[ProviderId] = field(default_factory=set)
    modified_us: int = 0
    first: list[CallRecord] = field(default_factory=list)

    def add(self, batch: Batch) -> None:
        """Count a batch in."""
        self.rows += batch.rows_read
        self.calls += batch.calls
        self.skipped.update(batch.skipped)
        self.rejects.update(reject.reason for reject in batch.rejects)
        self.warnings.update(warning.reason for warning in batch.warnings)
        self.unknown_trunks.update(batch.unknown_trunks)
        self.modified_us = batch.modified_us
        self.records += len(batch.records)
        self.first += batch.records[: _EXAMPLES - len(self.first)]
        for record in batch.records:
            self.answered += record.answered
            self.withheld += record.src.kind is PartyKind.WITHHELD
            self.answer_times += record.time_kind is TimeKind.ANSWER
            self.tried += record.attempt is Attempt.TRIED
            self.released_here += record.released_here
            self.latest_us = max(record.arrival_us, self.latest_us or 0)
            self.neighbours.update(side for side in (record.previous, record.next) if side is not None)


def check_sources(sources: Sequence[CdrSource], samples: Sequence[Sample], now_us: int) -> list[Finding]:
    """Check a carrier's sources against what was read from them.

    Args:
        sources: The carrier's sources.
        samples: What a reading of each brought, in the same order.
        now_us: This machine's clock, UTC microseconds.

    Returns:
        Findings, those of the same kind once for each source.
    """
    findings = _check_tables(sources)
    for number, (source, sample) in enumerate(zip(sources, samples, strict=True), 1):
        name = f"source {number} ({source.format})"
        if sample.rows == 0:
            findings.append(
                Finding(
                    "warning",
                    "no-rows",
                    f"{name}: no rows were read",
                    "check paths, and that the switch logs",
                )
            )
            continue
        findings += _check_trunks(name, sample)
        findings += _check_clock(name, sample, now_us)
        findings += _check_records(name, source, sample)
    return findings or [Finding("ok", "sources", "nothing to report about the CDR sources")]


def _check_tables(sources: Sequence[CdrSource]) -> list[Finding]:
    findings: list[Finding] = []
    paths = Counter(path for source in sources for path in set(source.paths))
    findings += [
        Finding(
            "error", "doubled-file", f"{path} is in {count} sources", "name every file in one source only"
        )
        for path, count in paths.items()
        if count > 1
    ]
    for number, source in enumerate(sources, 1):
        if not source.trunks and not source.access:
            findings.append(
                Finding(
                    "error",
                    "no-tables",
                    f"source {number} ({source.format}): no tables, so every call is refused",
                    "run `trunkline cdr inspect` for the list of trunks, and say who is behind each",
                )
            )
    return findings


def _check_trunks(name: str, sample: Sample) -> list[Finding]:
    return [
        Finding(
            "error",
            "trunk-without-neighbour",
            f"{name}: trunk {trunk} is in no table ({count} calls or attempts)",
            "list it under trunks with the neighbour, or under access if own customers or subscribers use it",
        )
        for trunk, count in sample.unknown_trunks.most_common()
    ]


def _check_clock(name: str, sample: Sample, now_us: int) -> list[Finding]:
    findings = [
        Finding("warning", "doubtful-time", f"{name}: {count} rows: {reason}", "let the switch log UTC")
        for reason, count in sample.warnings.items()
    ]
    latest_us = sample.latest_us
    if latest_us is None:
        return findings
    if latest_us > now_us + _FUTURE_SLACK_US:
        ahead = (latest_us - now_us) / 1_000_000
        findings.append(
            Finding(
                "error",
                "future-time",
                f"{name}: the newest call lies {ahead:.0f} s in the future",
                "check time_zone, clock_offset_ms, and the clocks of the switch and this machine (NTP)",
            )
        )
    if now_us - sample.modified_us > _HOUR_US:
        # Nobody writes to the file now; when it was last written says when it was copied, or little more.
        return findings
    behind_us = sample.modified_us - latest_us
    hours = round(behind_us / _HOUR_US)
    if 0 < abs(hours) <= _LONGEST_ZONE_HOURS and abs(behind_us - hours * _HOUR_US) <= _ZONE_SLACK_US:
        findings.append(
            Finding(
                "warning",
                "zone-suspected",
                f"{name}: the newest call lies {hours:+d} whole hours from the time its file was written",
                "check time_zone: this is how a wrong zone looks",
            )
        )
    return findings


def _check_records(name: str, source: CdrSource, sample: Sample) -> list[Finding]:
    findings: list[Finding] = []
    refused = sum(sample.rejects.values())
    if refused > _REJECT_WARNING * sample.rows:
        findings.append(
            Finding(
                "warning",
                "many-rejects",
                f"{name}: {refused} of {sample.rows} rows gave no record",
                "see the quarantine file or `trunkline cdr inspect` for the reasons",
            )
        )
    if not sample.records:
        return findings
    total = sample.records
    if sample.withheld > _WITHHELD_WARNING * total:
        findings.append(
            Finding(
                "warning",
                "many-withheld",
                f"{name}: the caller is withheld in {sample.withheld} of {total} records",
                "check number_plan: a number that does not fit the plan counts as withheld",
            )
        )
    if sample.answer_times:
        findings.append(
            Finding(
                "warning",
                "answer-times",
                f"{name}: {sample.answer_times} of {total} records have answer or failure times",
                "let the switch log the start of calls (Kamailio: acc_cdrs with callid in cdr_extra)",
            )
        )
    findings += [
        Finding(
            "warning",
            "neighbour-never-seen",
            f"{name}: no call to or from the neighbour behind trunk {trunk}",
            "check the trunk's name, or drop it if it is no longer in use",
        )
        for trunk, provider in source.trunks.items()
        if provider not in sample.neighbours
    ]
    return findings
