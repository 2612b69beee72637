"""Builders of records and situations for the tests of validation."""

import hashlib
from collections.abc import Iterable, Sequence

from trunkline.jager.messages.hop import Hop
from trunkline.jager.validation.records import DecryptedRecord, OwnRecord, Situation
from trunkline.jager.validation.report import ValidationReport
from trunkline.jager.validation.validate import validate_trace
from trunkline.telephony.providers import ProviderId

START = 1_763_761_331
SUBMIT_BY_S = 3600


def carrier(name: str | None) -> ProviderId | None:
    return None if name is None or name == "-" else ProviderId(name.encode().ljust(16, b"."))


def name_of(provider: ProviderId) -> str:
    return provider.value.rstrip(b".").decode()


def record(
    hop: str,
    at: int = 0,
    *,
    tag: str = "",
    tried: bool = False,
    released: bool = False,
    late: bool = False,
    signers: dict[bytes, ProviderId | None] | None = None,
) -> DecryptedRecord:
    """`record("A B C")` says that B had the call from A and passed it to C; "-" is nobody."""
    previous, current, following = (carrier(part) for part in hop.split())
    assert current is not None
    epoch = START + at
    return DecryptedRecord(
        record_ids=(identifier(f"{hop}@{at}{tag}"),),
        hop=Hop(previous, current, following, tried=tried, released=released),
        epoch=epoch,
        accepted_hour=epoch // 3600 + (3 if late else 0),
        period=1,
        signers=signers,
    )


def identifier(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]


def path_records(path: str, at: int = 0, step: int = 0, tag: str = "") -> list[DecryptedRecord]:
    """The honest records of one call: `path_records("A B C")`."""
    names = ["-", *path.split(), "-"]
    return [
        record(" ".join(names[i : i + 3]), at + i * step, tag=f"{tag}#{i}") for i in range(len(names) - 2)
    ]


def without(records: Iterable[DecryptedRecord], *names: str) -> list[DecryptedRecord]:
    return [each for each in records if name_of(each.hop.current) not in names]


def situation(
    records: Sequence[DecryptedRecord],
    own: DecryptedRecord | None = None,
    *,
    members: Iterable[str] | None = None,
) -> Situation:
    known = None
    if members is not None:
        found = [carrier(name) for name in members]
        known = {1: frozenset(each for each in found if each is not None)}
    return Situation(
        records=records,
        time_ms=START * 1000,
        resolution_ms=1000,
        submit_by_s=SUBMIT_BY_S,
        own=None if own is None else OwnRecord(own.hop, own.epoch),
        members=known,
    )


def run(
    records: Sequence[DecryptedRecord],
    own: DecryptedRecord | None = None,
    *,
    members: Iterable[str] | None = None,
) -> ValidationReport:
    return validate_trace(situation(records, own, members=members))


def path_of(report: ValidationReport) -> str:
    """The path as text; `?` after a gap, brackets around carriers without a record."""
    assert report.call is not None
    words = []
    for step in report.call.path:
        if step.gap_before:
            words.append("?")
        words.append(name_of(step.provider) if step.has_record else f"[{name_of(step.provider)}]")
    return " ".join(words)
