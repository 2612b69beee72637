"""The hop's compact source, index digests, and the salted commitments."""

import pytest

from trunkline.crypto.transcript import H
from trunkline.errors import DecodingError, InputError
from trunkline.jager.messages.authorization import (
    KeyedLabel,
    case_commitment,
    details_commitment,
    idx_digest,
    log_commitment,
)
from trunkline.jager.messages.hop import Hop, compact_source
from trunkline.telephony.call_details import LabelProfile
from trunkline.telephony.numbers import WITHHELD, Party, PartyKind
from trunkline.telephony.providers import ProviderId

CALLER = Party(PartyKind.E164, "+12025550123")
CALLED = Party(PartyKind.E164, "+442079460000")
SALT = b"\x5a" * 32


@pytest.mark.parametrize(
    ("party", "expected"),
    [
        (CALLER, "12025550123fffff"),
        (Party(PartyKind.E164, "+123456789012345"), "123456789012345f"),
        (WITHHELD, "ff" * 8),
    ],
)
def test_compact_source_of_number_or_withheld_caller(party, expected):
    assert compact_source(party).hex() == expected


def test_compact_source_of_uri_is_a_marked_hash():
    party = Party(PartyKind.URI, "alice@example.org")
    assert compact_source(party) == b"\xe0" + H("src", b"alice@example.org")[:7]


@pytest.mark.parametrize("value", ["+", "+1234567890123456", "+12x"])
def test_compact_source_of_no_number_is_refused(value):
    with pytest.raises(InputError, match="1 to 15 digits"):
        compact_source(Party(PartyKind.E164, value))


def test_compact_source_fits_into_a_hop():
    for party in (CALLER, WITHHELD, Party(PartyKind.URI, "a@b.example")):
        hop = Hop(None, ProviderId(b"\x01" * 16), None, ms=7, src=compact_source(party))
        assert Hop.decode(hop.encode()) == hop


def test_idx_of_keyed_label_binds_kid_and_label():
    keyed = KeyedLabel(b"\x11" * 16, b"\x1a" * 64)
    assert keyed.idx == H("idx", b"\x11" * 16, b"\x1a" * 64)
    assert keyed.idx != KeyedLabel(b"\x12" * 16, b"\x1a" * 64).idx


def test_idx_digest_is_of_the_sorted_distinct_set():
    one, two = b"\x01" * 32, b"\x02" * 32
    assert idx_digest([two, one, two]) == H("idx-set", one + two) == idx_digest([one, two])
    assert idx_digest([one]) != idx_digest([one, two])


def test_log_commitment_is_of_salt_requester_and_sorted_set():
    requester = ProviderId(b"\xc1" * 16)
    one, two = b"\x01" * 32, b"\x02" * 32
    assert log_commitment(SALT, requester, [two, one]) == H(
        "log-commitment", SALT, requester.value, one + two
    )
    with pytest.raises(DecodingError, match="a salt has 32 bytes"):
        log_commitment(b"", requester, [one])


def test_details_commitment_as_the_page_spells_it():
    expected = H(
        "details-commitment",
        SALT,
        b"\x01\x00\x0c+12025550123",
        b"\x01\x00\x0d+442079460000",
        bytes.fromhex("0000019a00000001"),
        b"\x02" + b"\x01" + b"\x00\x00\x07\xd0",
    )
    found = details_commitment(
        SALT,
        CALLER,
        CALLED,
        time_ms=0x19A00000001,
        profile=LabelProfile.DST,
        own_time_is_answer=True,
        tolerance_ms=2000,
    )
    assert found == expected


def test_case_commitment_as_the_page_spells_it():
    assert case_commitment(SALT, "case 7 §") == H("case-commitment", SALT, "case 7 §".encode())
    with pytest.raises(DecodingError, match="a salt has 32 bytes"):
        case_commitment(b"short", "case")
