"""Asterisk rows for the carrier's tests, and the indices under which their records must be found."""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime

from carrier_miniature import SELF, Miniature

from trunkline.crypto.oprf import LabelClient
from trunkline.jager.carrier.hop_of import filing_of
from trunkline.jager.messages.authorization import KeyedLabel
from trunkline.telephony.follow import read_all
from trunkline.telephony.source import CdrSource


def row(miniature: Miniature, number: int, *, trunk: str = "peer", age_s: int = 60) -> str:
    """One answered call from the trunk to a subscriber."""
    time = f"{datetime.fromtimestamp(miniature.now - age_s + number % 50, UTC):%Y-%m-%d %H:%M:%S}"
    columns = [
        "",
        "+12025550101",
        f"+1202555{number:04d}",
        "default",
        '"" <+12025550101>',
        f"PJSIP/{trunk}-{number:08x}",
        f"PJSIP/desk-{number:08x}",
        "Dial",
        "",
        time,
        time,
        time,
        "10",
        "5",
        "ANSWERED",
        "DOCUMENTATION",
        f"unique-{number}",
    ]
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(columns)
    return line.getvalue()


def expected_idx(miniature: Miniature, sources: Iterable[CdrSource]) -> list[bytes]:
    """What the records of these sources must be found under, by asking for the labels once more."""
    found = []
    for batch in read_all(sources):
        for record in batch.records:
            filing = filing_of(record, SELF, miniature.parameters.rules)
            keys = miniature.parameters.key_for_epoch(filing.epoch)
            secret = miniature.keys.labels[list(miniature.parameters.keys).index(keys)]
            found.append(KeyedLabel(keys.kid, label_of(secret, filing.details)).idx)
    return sorted(found)


def label_of(key, details: bytes) -> bytes:
    """One label, evaluated at once."""
    blinding = LabelClient(key.public_key).blind_batch([details])
    return blinding.finalize(*key.evaluate_batch(blinding.elements))
