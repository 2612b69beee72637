"""Every field of every message, spelled out in hex by name, against docs/protocol.md, sections 4, 6 and 8."""

import pytest

from trunkline.crypto.transcript import H
from trunkline.jager.messages.authorization import (
    AuthorizationEntry,
    AuthorizationRequest,
    AuthorizationResponse,
    Grant,
    KeyedLabel,
)
from trunkline.jager.messages.contribution import Contribution, Receipt, Rejection, RejectReason
from trunkline.jager.messages.hop import Hop
from trunkline.jager.messages.labels import EvaluatedPart, LabelPart, LabelRequest, LabelResponse
from trunkline.jager.messages.membership import (
    CredentialResponse,
    IssuanceEntry,
    JoinEntry,
    JoinRequest,
    RenewRequest,
    decode_log_entry,
)
from trunkline.jager.messages.record import Record, RecordKey
from trunkline.jager.messages.retrieval import RetrievalPage, RetrievalRequest, Served, StoredRecord
from trunkline.telephony.providers import ProviderId


def spelled(*fields: tuple[str, str]) -> bytes:
    """Join named hex fields."""
    return bytes.fromhex("".join(value for _name, value in fields))


VERSION = ("version, suite", "0101")
PARAMS_HASH = ("params hash", "a0" * 32)
CARRIER = ("carrier id", "c1" * 16)
STORE = ("store id", "57" * 16)
KID_1 = ("kid 1", "11" * 16)
KID_2 = ("kid 2", "22" * 16)
SIGNATURE = ("signature", "5e" * 64)

GRANT_FIELDS = (
    VERSION,
    PARAMS_HASH,
    STORE,
    ("grant id", "61" * 16),
    ("requester id", "c1" * 16),
    ("requester key", "ed" * 32),
    ("idx digest", "1d" * 32),
    ("not before", "0000000068e5f000"),
    ("expiry", "0000000068e5fe10"),
    ("case commitment", "ca" * 32),
    SIGNATURE,
)
GRANT = Grant(
    params_hash=b"\xa0" * 32,
    store_id=b"\x57" * 16,
    grant_id=b"\x61" * 16,
    requester_id=ProviderId(b"\xc1" * 16),
    requester_key=b"\xed" * 32,
    idx_digest=b"\x1d" * 32,
    not_before=0x68E5F000,
    expiry=0x68E5FE10,
    case_commitment=b"\xca" * 32,
    signature=b"\x5e" * 64,
)

RECORD_FIELDS = (
    VERSION,
    ("params ref", "a0" * 8),
    ("period", "00000b90"),
    ("idx", "1d" * 32),
    ("ct1", "c7" * 128),
    ("ct2", "c8" * 76),
    ("group signature", "95" * 464),
)
RECORD = Record(spelled(*RECORD_FIELDS))

JOIN_FIELDS = (
    VERSION,
    ("nonce", "40" * 32),
    CARRIER,
    ("identity key", "ed" * 32),
    ("S", "50" * 48),
    ("join proof", "90" * 48),
    SIGNATURE,
)
JOIN = JoinRequest(
    nonce=b"\x40" * 32,
    carrier_id=ProviderId(b"\xc1" * 16),
    identity_key=b"\xed" * 32,
    s_point=b"\x50" * 48,
    proof=b"\x90" * 48,
    signature=b"\x5e" * 64,
)

CASES = {
    "hop": (
        (
            ("flags: tried, answer time", "0003"),
            ("previous", "01" * 16),
            ("current", "02" * 16),
            ("next", "03" * 16),
            ("ms", "0000"),
            ("src", "00" * 8),
        ),
        Hop(
            ProviderId(b"\x01" * 16),
            ProviderId(b"\x02" * 16),
            ProviderId(b"\x03" * 16),
            tried=True,
            answer_time=True,
        ),
    ),
    "hop released, with source": (
        (
            ("flags: released, source given", "000c"),
            ("previous: own customers", "00" * 16),
            ("current", "02" * 16),
            ("next: nobody", "00" * 16),
            ("ms", "03e7"),
            ("src: +12025550123", "12025550123fffff"),
        ),
        Hop(
            None,
            ProviderId(b"\x02" * 16),
            None,
            released=True,
            ms=999,
            src=bytes.fromhex("12025550123fffff"),
        ),
    ),
    "record": (RECORD_FIELDS, RECORD),
    "record key": (
        (("idx", "1d" * 32), ("day", "00005000"), ("record id", "1e" * 16)),
        RecordKey(b"\x1d" * 32, 0x5000, b"\x1e" * 16),
    ),
    "label request": (
        (
            VERSION,
            ("kids", "02"),
            KID_1,
            ("n", "0002"),
            ("elements", "e1" * 32 + "e2" * 32),
            KID_2,
            ("n", "0001"),
            ("elements", "e3" * 32),
        ),
        LabelRequest(
            (
                LabelPart(b"\x11" * 16, b"\xe1" * 32 + b"\xe2" * 32),
                LabelPart(b"\x22" * 16, b"\xe3" * 32),
            )
        ),
    ),
    "label response": (
        (
            VERSION,
            ("kids", "01"),
            KID_1,
            ("n", "0001"),
            ("evaluated", "f1" * 32),
            ("proof", "70" * 64),
        ),
        LabelResponse((EvaluatedPart(b"\x11" * 16, b"\xf1" * 32, b"\x70" * 64),)),
    ),
    "join request": (JOIN_FIELDS, JOIN),
    "renew request": ((VERSION, ("period", "00000b90")), RenewRequest(0xB90)),
    "credential response": (
        (VERSION, PARAMS_HASH, ("credential", "cd" * 84), ("log index", "0000000000000007")),
        CredentialResponse(b"\xa0" * 32, b"\xcd" * 84, 7),
    ),
    "contribution": (
        (VERSION, ("n", "0002"), *RECORD_FIELDS, *RECORD_FIELDS),
        Contribution(RECORD.data * 2),
    ),
    "receipt": (
        (
            VERSION,
            PARAMS_HASH,
            STORE,
            ("hour", "00078000"),
            ("n", "0001"),
            ("record key", "1d" * 32 + "00005000" + "1e" * 16),
            ("m", "0001"),
            ("index", "0005"),
            ("reason: signature", "06"),
            SIGNATURE,
        ),
        Receipt(
            b"\xa0" * 32,
            b"\x57" * 16,
            0x78000,
            (RecordKey(b"\x1d" * 32, 0x5000, b"\x1e" * 16),),
            (Rejection(5, RejectReason.SIGNATURE),),
            b"\x5e" * 64,
        ),
    ),
    "authorization request": (
        (
            VERSION,
            PARAMS_HASH,
            ("requester id", "c1" * 16),
            STORE,
            ("details commitment", "de" * 32),
            ("case commitment", "ca" * 32),
            ("n", "0002"),
            KID_1,
            ("label", "1a" * 64),
            KID_2,
            ("label", "1b" * 64),
        ),
        AuthorizationRequest(
            b"\xa0" * 32,
            ProviderId(b"\xc1" * 16),
            b"\x57" * 16,
            b"\xde" * 32,
            b"\xca" * 32,
            (KeyedLabel(b"\x11" * 16, b"\x1a" * 64), KeyedLabel(b"\x22" * 16, b"\x1b" * 64)),
        ),
    ),
    "authorization response": (
        (VERSION, ("n", "0002"), ("sigma_T", "51" * 48 + "52" * 48), *GRANT_FIELDS),
        AuthorizationResponse(b"\x51" * 48 + b"\x52" * 48, GRANT),
    ),
    "grant": (GRANT_FIELDS, GRANT),
    "authorization log entry": (
        (VERSION, ("time", "0000000068e5f000"), ("grant id", "61" * 16), ("commitment", "c0" * 32)),
        AuthorizationEntry(0x68E5F000, b"\x61" * 16, b"\xc0" * 32),
    ),
    "retrieval request": (
        (
            VERSION,
            *GRANT_FIELDS,
            ("answer id", "00" * 16),
            ("page", "00000000"),
            ("n", "0002"),
            ("idx", "01" * 32),
            ("idx", "02" * 32),
        ),
        RetrievalRequest(GRANT, bytes(16), 0, (b"\x01" * 32, b"\x02" * 32)),
    ),
    "retrieval result": (
        (
            VERSION,
            PARAMS_HASH,
            STORE,
            ("answer id", "a5" * 16),
            ("answer time", "0000000068e5f001"),
            ("grant digest", "6d" * 32),
            ("result digest", "4d" * 32),
            ("total", "00000001"),
            ("page", "00000000"),
            ("pages", "00000001"),
            ("n", "0001"),
            ("idx", "1d" * 32),
            ("grants served before", "00000002"),
            ("m", "0001"),
            ("hour", "00078000"),
            *RECORD_FIELDS,
            SIGNATURE,
        ),
        RetrievalPage(
            b"\xa0" * 32,
            b"\x57" * 16,
            b"\xa5" * 16,
            0x68E5F001,
            b"\x6d" * 32,
            b"\x4d" * 32,
            1,
            0,
            1,
            (Served(b"\x1d" * 32, 2),),
            (StoredRecord(0x78000, RECORD),),
            b"\x5e" * 64,
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_message_as_spelled_out_encodes_and_decodes(name):
    fields, message = CASES[name]
    assert message.encode() == spelled(*fields)
    assert type(message).decode(spelled(*fields)) == message


LOG_ENTRIES = {
    "join": (
        (VERSION, ("kind: a carrier and its S", "01"), ("time", "0000000068e5f000"), *JOIN_FIELDS),
        JoinEntry(0x68E5F000, JOIN),
    ),
    "issuance": (
        (
            VERSION,
            ("kind: a credential issued", "02"),
            ("time", "0000000068e5f000"),
            CARRIER,
            ("period", "00000b90"),
            ("S", "50" * 48),
        ),
        IssuanceEntry(0x68E5F000, ProviderId(b"\xc1" * 16), 0xB90, b"\x50" * 48),
    ),
}


@pytest.mark.parametrize("name", LOG_ENTRIES)
def test_join_log_entry_as_spelled_out_encodes_and_decodes(name):
    fields, entry = LOG_ENTRIES[name]
    assert entry.encode() == spelled(*fields)
    assert decode_log_entry(spelled(*fields)) == entry


def test_record_views_name_the_fields():
    assert RECORD.params_ref.hex() == "a0" * 8
    assert RECORD.period == 0xB90
    assert RECORD.idx.hex() == "1d" * 32
    assert RECORD.ct1.hex() == "c7" * 128
    assert RECORD.ct2.hex() == "c8" * 76
    assert RECORD.body == RECORD.idx + RECORD.ct1 + RECORD.ct2
    assert RECORD.signature.hex() == "95" * 464


def test_record_message_as_spelled_out():
    message = RECORD.message(b"\xa0" * 32, b"\x96" * 16)
    assert message == spelled(
        ("version", "01"),
        PARAMS_HASH,
        ("period", "00000b90"),
        ("gpk id", "96" * 16),
        ("idx", "1d" * 32),
        ("ct1", "c7" * 128),
        ("ct2", "c8" * 76),
    )
    assert len(message) == 289
    assert RECORD.id(b"\xa0" * 32, b"\x96" * 16) == H("record", message, RECORD.signature)[:16]
