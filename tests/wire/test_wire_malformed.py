"""What every decoder refuses alike, and what each refuses on its own; round trips of generated messages."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.errors import DecodingError, InputError, TooLargeError, VersionError
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


def exactly(size):
    return st.binary(min_size=size, max_size=size)


def packed(size, most=3):
    return st.integers(1, most).flatmap(lambda count: exactly(count * size))


u16 = st.integers(0, 2**16 - 1)
u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
hash32 = exactly(32)
id16 = exactly(16)
provider = id16.filter(any).map(ProviderId)
indices = st.sets(hash32, min_size=1, max_size=4).map(lambda found: tuple(sorted(found)))
record = exactly(712).map(lambda rest: Record(b"\x01\x01" + rest))
record_key = st.builds(RecordKey, hash32, u32, id16)
rejections = st.dictionaries(u16, st.sampled_from(RejectReason), max_size=3).map(
    lambda found: tuple(Rejection(index, found[index]) for index in sorted(found))
)
join_request = st.builds(JoinRequest, hash32, provider, hash32, exactly(48), exactly(48), exactly(64))
grant = st.builds(Grant, hash32, id16, id16, provider, hash32, hash32, u64, u64, hash32, exactly(64))
source = st.one_of(
    st.just(b"\xff" * 8),
    exactly(7).map(lambda rest: b"\xe0" + rest),
    st.text("0123456789", min_size=1, max_size=15).map(lambda text: bytes.fromhex(text.ljust(16, "f"))),
)


def parts(build, *more):
    return st.dictionaries(id16, st.tuples(packed(32), *more), min_size=1, max_size=3).map(
        lambda found: tuple(build(kid, *fields) for kid, fields in found.items())
    )


@st.composite
def hops(draw):
    released = draw(st.booleans())
    given_source = draw(st.booleans())
    return Hop(
        draw(st.none() | provider),
        draw(provider),
        None if released else draw(st.none() | provider),
        tried=draw(st.booleans()),
        answer_time=draw(st.booleans()),
        released=released,
        ms=draw(st.integers(0, 999)) if given_source else None,
        src=draw(source) if given_source else None,
    )


@st.composite
def result_pages(draw):
    pages = draw(st.integers(1, 2**32 - 1))
    return RetrievalPage(
        draw(hash32),
        draw(id16),
        draw(id16),
        draw(u64),
        draw(hash32),
        draw(hash32),
        draw(u32),
        draw(st.integers(0, pages - 1)),
        pages,
        tuple(Served(idx, draw(u32)) for idx in draw(indices)),
        tuple(draw(st.lists(st.builds(StoredRecord, u32, record), max_size=2))),
        draw(exactly(64)),
    )


MESSAGES = {
    Hop: hops(),
    Record: record,
    RecordKey: record_key,
    LabelRequest: st.builds(LabelRequest, parts(LabelPart)),
    LabelResponse: st.builds(LabelResponse, parts(EvaluatedPart, exactly(64))),
    JoinRequest: join_request,
    RenewRequest: st.builds(RenewRequest, u32),
    CredentialResponse: st.builds(CredentialResponse, hash32, exactly(84), u64),
    Contribution: packed(714, most=2).map(Contribution),
    Receipt: st.builds(
        Receipt,
        hash32,
        id16,
        u32,
        st.lists(record_key, max_size=3).map(sorted).map(tuple),
        rejections,
        exactly(64),
    ),
    AuthorizationRequest: st.builds(
        AuthorizationRequest,
        hash32,
        provider,
        id16,
        hash32,
        hash32,
        st.sets(st.builds(KeyedLabel, id16, exactly(64)), min_size=1, max_size=3).map(tuple),
    ),
    AuthorizationResponse: st.builds(AuthorizationResponse, packed(48), grant),
    AuthorizationEntry: st.builds(AuthorizationEntry, u64, id16, hash32),
    Grant: grant,
    RetrievalRequest: st.builds(RetrievalRequest, grant, id16, u32, indices),
    RetrievalPage: result_pages(),
    JoinEntry: st.builds(JoinEntry, u64, join_request),
    IssuanceEntry: st.builds(IssuanceEntry, u64, provider, u32, exactly(48)),
}
UNVERSIONED = {Hop, RecordKey}

every_message = pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
every_versioned_message = pytest.mark.parametrize(
    "kind", [kind for kind in MESSAGES if kind not in UNVERSIONED], ids=lambda kind: kind.__name__
)
few = settings(max_examples=25, deadline=None)


def decode(kind, data):
    return decode_log_entry(data) if kind in (JoinEntry, IssuanceEntry) else kind.decode(data)


@every_message
@few
@given(data=st.data())
def test_message_encoded_and_decoded_is_the_same(kind, data):
    message = data.draw(MESSAGES[kind])
    assert decode(kind, message.encode()) == message


@every_message
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_message_truncated_anywhere_is_refused(kind, data):
    encoded = data.draw(MESSAGES[kind]).encode()
    for length in range(len(encoded)):
        with pytest.raises(DecodingError, match=r"truncated|multiples|bytes, not"):
            decode(kind, encoded[:length])


@every_message
@few
@given(data=st.data())
def test_message_with_a_trailing_byte_is_refused(kind, data):
    encoded = data.draw(MESSAGES[kind]).encode()
    with pytest.raises(DecodingError, match=r"trailing bytes|bytes, not"):
        decode(kind, encoded + b"\x00")


@every_versioned_message
@pytest.mark.parametrize("header", [b"\x00\x01", b"\x02\x01", b"\x01\x00", b"\x01\x02"])
@settings(max_examples=1, deadline=None)
@given(data=st.data())
def test_message_of_another_version_or_suite_is_refused(kind, header, data):
    encoded = data.draw(MESSAGES[kind]).encode()
    with pytest.raises(VersionError, match="this release knows version 1, suite 1"):
        decode(kind, header + encoded[2:])


@every_message
@few
@given(data=st.data(), garbage=st.binary(max_size=600))
def test_decoder_given_anything_raises_nothing_but_input_errors(kind, data, garbage):
    encoded = bytearray(data.draw(MESSAGES[kind]).encode())
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    for candidate in (bytes(encoded), b"\x01\x01" + garbage, garbage):
        try:
            message = decode(kind, candidate)
        except InputError:
            continue
        # What decodes has one encoding: no two byte strings mean the same message.
        assert message.encode() == candidate


_GRANT = Grant(
    bytes(32), bytes(16), bytes(16), ProviderId(b"\x01" * 16), bytes(32), bytes(32), 1, 2, bytes(32)
)
_RECORD = Record(b"\x01\x01" + bytes(712))


def label_request(*counts):
    return (
        b"\x01\x01"
        + bytes([len(counts)])
        + b"".join(
            bytes([number]) * 16 + count.to_bytes(2, "big") + bytes(32 * count)
            for number, count in enumerate(counts)
        )
    )


def test_label_request_with_the_most_elements_is_accepted():
    assert LabelRequest.decode(label_request(65_000, 535)).count == 65_535


@pytest.mark.parametrize(
    ("data", "error", "fragment"),
    [
        (label_request(), DecodingError, "at least one key"),
        (label_request(0), DecodingError, "at least one"),
        (label_request(*[1] * 17), TooLargeError, "at most 16 keys"),
        (label_request(65_000, 536), TooLargeError, "at most"),
        (
            b"\x01\x01\x02" + (bytes(16) + b"\x00\x01" + bytes(32)) * 2,
            DecodingError,
            "names a key twice",
        ),
    ],
)
def test_label_request_out_of_limits_is_refused(data, error, fragment):
    with pytest.raises(error, match=fragment):
        LabelRequest.decode(data)


def test_label_response_to_another_request_is_refused():
    request = LabelRequest((LabelPart(bytes(16), bytes(64)),))
    response = LabelResponse((EvaluatedPart(bytes(16), bytes(32), bytes(64)),))
    with pytest.raises(DecodingError, match="keys and counts of its request"):
        response.check_answers(request)
    LabelResponse((EvaluatedPart(bytes(16), bytes(64), bytes(64)),)).check_answers(request)


def test_contribution_without_records_is_refused():
    with pytest.raises(DecodingError, match="at least 1 records"):
        Contribution.decode(b"\x01\x01\x00\x00")


def test_contribution_of_more_than_4096_records_is_refused():
    assert Contribution.decode(Contribution(_RECORD.data * 4096).encode()).count == 4096
    with pytest.raises(TooLargeError, match="at most"):
        Contribution.decode(b"\x01\x01\x10\x01" + _RECORD.data * 4097)
    with pytest.raises(TooLargeError, match="at most 4096 records"):
        Contribution(_RECORD.data * 4097)


def test_contribution_iterated_gives_each_record():
    records = [bytes([1, 1, number]) + bytes(711) for number in range(3)]
    assert list(Contribution(b"".join(records))) == records


def test_receipt_with_unsorted_keys_is_refused():
    keys = (RecordKey(b"\x02" * 32, 1, bytes(16)), RecordKey(b"\x01" * 32, 1, bytes(16)))
    with pytest.raises(DecodingError, match="not sorted"):
        Receipt(bytes(32), bytes(16), 1, keys)


def test_receipt_with_doubled_rejection_is_refused():
    rejected = (Rejection(1, RejectReason.POINT), Rejection(1, RejectReason.PERIOD))
    with pytest.raises(DecodingError, match="distinct indices"):
        Receipt(bytes(32), bytes(16), 1, (), rejected)


def test_receipt_with_unknown_reason_is_refused():
    receipt = Receipt(bytes(32), bytes(16), 1, (), (Rejection(1, RejectReason.POINT),))
    encoded = bytearray(receipt.encode())
    encoded[-65] = 7
    with pytest.raises(DecodingError, match="reason that this release does not know"):
        Receipt.decode(bytes(encoded))


@pytest.mark.parametrize("size", [63, 65, 0])
def test_label_of_another_length_is_refused(size):
    with pytest.raises(DecodingError, match="a label has 64 bytes"):
        KeyedLabel(bytes(16), bytes(size))


def authorization_request(count, labels):
    return b"\x01\x01" + bytes(128) + count.to_bytes(2, "big") + labels


@pytest.mark.parametrize(
    ("data", "error", "fragment"),
    [
        (authorization_request(0, b""), DecodingError, "at least 1 labels"),
        (authorization_request(2, bytes(160)), DecodingError, "names a label twice"),
        (authorization_request(1, bytes(79)), DecodingError, "truncated"),
        (authorization_request(4097, bytes(4097 * 80)), TooLargeError, "at most"),
    ],
)
def test_authorization_request_out_of_limits_is_refused(data, error, fragment):
    with pytest.raises(error, match=fragment):
        AuthorizationRequest.decode(data)


@pytest.mark.parametrize("indices_given", [(b"\x02" * 32, b"\x01" * 32), (b"\x01" * 32, b"\x01" * 32)])
def test_retrieval_request_with_indices_out_of_order_is_refused(indices_given):
    with pytest.raises(DecodingError, match="not sorted and distinct"):
        RetrievalRequest(_GRANT, bytes(16), 0, indices_given)


def test_retrieval_request_without_indices_is_refused():
    with pytest.raises(DecodingError, match="at least one idx"):
        RetrievalRequest(_GRANT, bytes(16), 0, ())


def test_retrieval_page_beyond_the_number_of_pages_is_refused():
    page = RetrievalPage(
        bytes(32), bytes(16), bytes(16), 1, bytes(32), bytes(32), 0, 0, 1, (Served(bytes(32), 0),), ()
    )
    with pytest.raises(DecodingError, match="beyond its number of pages"):
        replace(page, page=1)
    with pytest.raises(TooLargeError, match="at most 1000 records"):
        replace(page, records=(StoredRecord(1, _RECORD),) * 1001)


HOP = Hop(ProviderId(b"\x01" * 16), ProviderId(b"\x02" * 16), ProviderId(b"\x03" * 16)).encode()


@pytest.mark.parametrize(
    ("data", "fragment"),
    [
        (b"\x00\x10" + HOP[2:], "flag bits"),
        (b"\x80\x00" + HOP[2:], "flag bits"),
        (b"\x00\x04" + HOP[2:], "not released here"),
        (HOP[:18] + bytes(16) + HOP[34:], "names its current carrier"),
        (HOP[:50] + b"\x00\x01" + HOP[52:], "neither millisecond nor source"),
        (HOP[:-1] + b"\x01", "neither millisecond nor source"),
        (b"\x00\x08" + HOP[2:50] + b"\x03\xe8" + b"\xff" * 8, "between 0 and 999"),
        (b"\x00\x08" + HOP[2:52] + bytes.fromhex("1234567890123456"), "no number"),
        (b"\x00\x08" + HOP[2:52] + bytes.fromhex("12a4ffffffffffff"), "no number"),
        (b"\x00\x08" + HOP[2:52] + bytes.fromhex("e1ffffffffffffff"), "no number"),
    ],
)
def test_hop_with_contradicting_fields_is_refused(data, fragment):
    with pytest.raises(DecodingError, match=fragment):
        Hop.decode(data)


def test_hop_with_source_but_no_millisecond_is_refused():
    with pytest.raises(DecodingError, match="or neither"):
        Hop(None, ProviderId(b"\x02" * 16), None, src=b"\xff" * 8)


def test_join_log_entry_of_unknown_kind_is_refused():
    entry = IssuanceEntry(1, ProviderId(b"\x01" * 16), 1, bytes(48)).encode()
    with pytest.raises(DecodingError, match="of a kind that this release does not know"):
        decode_log_entry(entry[:2] + b"\x03" + entry[3:])


def test_number_too_large_for_its_field_is_refused_when_encoding():
    with pytest.raises(InputError, match="does not fit into the 4 bytes"):
        RenewRequest(2**32).encode()


def test_repr_of_messages_shows_no_labels_elements_or_keys():
    shown = repr(
        (
            KeyedLabel(bytes(16), b"\xab" * 64),
            LabelPart(bytes(16), b"\xab" * 32),
            Contribution(b"\xab" * 714),
            JoinRequest(b"\xab" * 32, ProviderId(b"\x01" * 16), b"\xab" * 32, b"\xab" * 48, b"\xab" * 48),
            Hop(None, ProviderId(b"\x02" * 16), None, ms=1, src=b"\x12\x02\x55\x50\x12\x3f\xff\xff"),
        )
    )
    assert "xab" not in shown
    assert "12025550123" not in shown
    assert "UP" not in shown  # the digits' bytes 55 50 as text
