"""The lab's real call records against the truth that an observer took from the wire."""

import csv
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

import trunkline.data
from trunkline.telephony.follow import read_all
from trunkline.telephony.lab import lab_sources
from trunkline.telephony.model import Attempt, CallRecord
from trunkline.telephony.numbers import WITHHELD, Party, PartyKind
from trunkline.telephony.providers import ProviderId

LAB = Path(trunkline.data.__path__[0]) / "cdr-lab"


def records_of_lab(folder: Path) -> dict[str, list[CallRecord]]:
    carriers = lab_sources(folder / "carriers.toml", ProviderId.unlisted)
    records: dict[str, list[CallRecord]] = {}
    for carrier in carriers:
        batches = list(read_all(carrier.sources))
        assert [reject for batch in batches for reject in batch.rejects] == []
        records[carrier.id] = [record for batch in batches for record in batch.records]
    return records


def truth(folder: Path) -> list[dict[str, str]]:
    with (folder / "ground-truth.csv").open() as file:
        return list(csv.DictReader(file))


def microseconds(text: str) -> int:
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC).timestamp() * 1e6)


def score(folder: Path, records: dict[str, list[CallRecord]]) -> tuple[int, int, int, list[str]]:
    """Return (whole calls, hops, hops with right neighbours, calls not whole)."""
    whole = hops = right = 0
    missed = []
    for call in truth(folder):
        path = call["path"].split(">")
        src = WITHHELD if call["src"] == "anonymous" else Party(PartyKind.E164, call["src"])
        found = 0
        for index, (carrier, start) in enumerate(zip(path, call["start_utc"].split(">"), strict=True)):
            previous = ProviderId.unlisted(path[index - 1]) if index else None
            following = ProviderId.unlisted(path[index + 1]) if index + 1 < len(path) else None
            candidates = [
                record
                for record in records[carrier]
                if (record.src, record.dst.value) == (src, call["dst"])
                and abs(record.arrival_us - microseconds(start)) <= 2_000_000
            ]
            hops += bool(candidates)
            good = [
                record for record in candidates if (record.previous, record.next) == (previous, following)
            ]
            right += bool(good)
            found += bool(good)
        whole += found == len(path)
        if found != len(path):
            missed.append(call["call_id"])
    return whole, hops, right, missed


@pytest.fixture(scope="module")
def lab_records() -> dict[str, list[CallRecord]]:
    return records_of_lab(LAB)


def test_lab_records_agree_with_the_wire(lab_records):
    whole, hops, right, missed = score(LAB, lab_records)
    assert (whole, hops, right) >= (123, 472, 472), missed


def test_lab_has_one_record_per_call_and_carrier(lab_records):
    expected = Counter(carrier for call in truth(LAB) for carrier in call["path"].split(">"))
    assert {carrier: len(records) for carrier, records in lab_records.items()} == expected
    assert all(record.attempt is Attempt.FINAL for records in lab_records.values() for record in records)
