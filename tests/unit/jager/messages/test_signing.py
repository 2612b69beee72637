"""Strict Ed25519 under domain tags, and every signed message."""

from dataclasses import replace

import pytest

from trunkline.crypto import ed25519
from trunkline.crypto.transcript import H
from trunkline.errors import DecodingError, InputError, PointError, SignatureError
from trunkline.jager.messages.authorization import Grant
from trunkline.jager.messages.contribution import Receipt
from trunkline.jager.messages.log import AUTHORIZATION_LOG, JOIN_LOG, InclusionProof, LogEntries, LogHead
from trunkline.jager.messages.membership import JoinRequest
from trunkline.jager.messages.retrieval import RetrievalPage, Served
from trunkline.service.keys import IdentityKey
from trunkline.telephony.providers import ProviderId

KEY = IdentityKey(b"\x07" * 32)
OTHER = IdentityKey(b"\x08" * 32)
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def test_signature_under_its_tag_verifies_and_under_another_does_not():
    signature = ed25519.sign(b"\x07" * 32, "receipt", b"data")
    assert ed25519.public_key_of(b"\x07" * 32) == KEY.public_key
    ed25519.verify(KEY.public_key, "receipt", b"data", signature)
    for key, name, data in (
        (OTHER.public_key, "receipt", b"data"),
        (KEY.public_key, "grant", b"data"),
        (KEY.public_key, "receipt", b"date"),
    ):
        with pytest.raises(SignatureError, match="does not verify"):
            ed25519.verify(key, name, data, signature)


def test_signature_with_s_beyond_the_group_order_is_refused():
    signature = ed25519.sign(b"\x07" * 32, "receipt", b"data")
    s = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    with pytest.raises(SignatureError, match="does not verify"):
        ed25519.verify(KEY.public_key, "receipt", b"data", signature[:32] + s.to_bytes(32, "little"))


@pytest.mark.parametrize("length", [0, 63, 65])
def test_signature_of_another_length_is_refused(length):
    with pytest.raises(SignatureError, match="does not verify"):
        ed25519.verify(KEY.public_key, "receipt", b"data", bytes(length))


SMALL_ORDER = [
    (1).to_bytes(32, "little"),
    bytes(32),
    (2**255 - 20).to_bytes(32, "little"),
    (1 | 1 << 255).to_bytes(32, "little"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
]


@pytest.mark.parametrize("key", SMALL_ORDER)
def test_key_of_small_order_is_refused(key):
    # The identity verifies R = S*B for any message: everybody could sign for its holder.
    with pytest.raises(PointError, match="small order"):
        ed25519.check_public_key(key)
    with pytest.raises(SignatureError, match="small order"):
        ed25519.verify(key, "receipt", b"data", b"\x01" + bytes(63))


def test_key_not_canonically_encoded_is_refused():
    with pytest.raises(PointError, match="not canonically encoded"):
        ed25519.check_public_key((2**255 - 19 + 5).to_bytes(32, "little"))
    with pytest.raises(DecodingError, match="32 bytes, not 31"):
        ed25519.check_public_key(bytes(31))


def test_private_key_of_another_length_is_refused():
    with pytest.raises(DecodingError, match="32 bytes, not 16"):
        ed25519.sign(bytes(16), "receipt", b"")


def test_hash_is_that_of_length_prefixed_tag_and_parts():
    import hashlib

    expected = hashlib.sha256(
        b"\x00\x00\x00\x16trunkline/jager/v1/idx" + b"\x00\x00\x00\x01a" + b"\x00\x00\x00\x00"
    )
    assert H("idx", b"a", b"") == expected.digest()
    assert H("idx", b"a", b"b") != H("idx", b"ab")


SIGNED = {
    "receipt": Receipt(bytes(32), bytes(16), 5, ()),
    "grant": Grant(
        bytes(32), bytes(16), bytes(16), ProviderId(b"\x01" * 16), bytes(32), bytes(32), 1, 2, bytes(32)
    ),
    "retrieval": RetrievalPage(
        bytes(32), bytes(16), bytes(16), 1, bytes(32), bytes(32), 0, 0, 1, (Served(bytes(32), 0),), ()
    ),
}


@pytest.mark.parametrize("name", SIGNED)
def test_signed_message_with_any_flipped_byte_is_refused(name):
    signed = SIGNED[name].sign(KEY)
    signed.verify(KEY.public_key)
    encoded = signed.encode()
    with pytest.raises(SignatureError, match=f"the {name} signature does not verify"):
        signed.verify(OTHER.public_key)
    for place in range(2, len(encoded)):
        changed = bytearray(encoded)
        changed[place] ^= 1
        try:
            message = type(signed).decode(bytes(changed))
        except InputError:
            continue
        with pytest.raises(SignatureError):
            message.verify(KEY.public_key)


def test_join_request_signed_for_other_parameters_is_refused():
    request = JoinRequest(bytes(32), ProviderId(b"\x01" * 16), KEY.public_key, bytes(48), bytes(48)).sign(
        KEY, b"\xa0" * 32
    )
    request.verify(b"\xa0" * 32)
    with pytest.raises(SignatureError, match="the join signature does not verify"):
        request.verify(b"\xa1" * 32)
    with pytest.raises(SignatureError, match="the join signature does not verify"):
        replace(request, s_point=b"\x01" * 48).verify(b"\xa0" * 32)


def test_log_head_signed_for_another_log_or_parameters_is_refused():
    head = LogHead(size=3, root=b"\x01" * 32, time=9).sign(KEY, JOIN_LOG, b"\xa0" * 32)
    decoded = LogHead.decode(head.model_dump_json().encode())
    assert decoded == head
    decoded.verify(KEY.public_key, JOIN_LOG, b"\xa0" * 32)
    with pytest.raises(SignatureError, match="authorization-log"):
        decoded.verify(KEY.public_key, AUTHORIZATION_LOG, b"\xa0" * 32)
    with pytest.raises(SignatureError, match="join-log"):
        decoded.verify(KEY.public_key, JOIN_LOG, b"\xa1" * 32)


def test_log_messages_round_trip_and_refuse_unknown_fields():
    proof = InclusionProof(index=1, size=3, path=(b"\x01" * 32,))
    entries = LogEntries(start=4, entries=(b"abc", b""))
    assert InclusionProof.decode(proof.model_dump_json().encode()) == proof
    assert LogEntries.decode(entries.model_dump_json().encode()) == entries
    with pytest.raises(DecodingError, match="not acceptable at more"):
        InclusionProof.decode(b'{"index": 1, "size": 3, "path": [], "more": 1}')
    with pytest.raises(DecodingError, match=r"not acceptable at path\.0"):
        InclusionProof.decode(b'{"index": 1, "size": 3, "path": ["00"]}')
    with pytest.raises(DecodingError, match=r"not acceptable at entries\.0"):
        LogEntries.decode(b'{"start": 1, "entries": ["*"]}')
