"""Retrieving records under a grant: the request, the signed pages of a result, and putting them together.

docs/protocol.md, section 6
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple, Self

from trunkline.crypto.ed25519 import SigningKey, verify
from trunkline.errors import DecodingError, EvidenceError, TooLargeError
from trunkline.jager.messages.authorization import GRANT_SIZE, LABELS_LIMIT, Grant, idx_digest
from trunkline.jager.messages.codec import H, Reader, Writer, require_size
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.jager.messages.record import INDEX_SIZE, RECORD_SIZE, Record

RETRIEVAL_REQUEST_TYPE = "application/vnd.trunkline.retrieval-request.v1"
RETRIEVAL_RESULT_TYPE = "application/vnd.trunkline.retrieval-result.v1"

NEW_ANSWER = bytes(16)
PAGE_RECORDS = 1000
RETRIEVAL_REQUEST_LIMIT = 2 + GRANT_SIZE + 16 + 4 + 2 + LABELS_LIMIT * INDEX_SIZE
RETRIEVAL_RESULT_LIMIT = (
    2 + 32 + 16 + 16 + 8 + 32 + 32 + 12 + 2 + LABELS_LIMIT * 36 + 2 + PAGE_RECORDS * (4 + RECORD_SIZE) + 64
)

_UNSIGNED = bytes(64)
_HOURS_A_DAY = 24


@dataclass(frozen=True, slots=True)
class RetrievalRequest:
    """A request for one page of the records under a grant's indices.

    Attributes:
        grant: The grant.
        answer_id: The answer whose page is asked for, 16 bytes; zero for a new answer.
        page: The page, counted from 0.
        indices: The grant's indices, sorted and distinct.
    """

    grant: Grant
    answer_id: bytes
    page: int
    indices: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        require_size("an answer id", self.answer_id, 16)
        _check_indices("a retrieval request", self.indices)

    def encode(self) -> bytes:
        """Write the request."""
        writer = Writer().raw(self.grant.encode(), self.answer_id).u32(self.page).u16(len(self.indices))
        return writer.raw(*self.indices).done()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a request.

        Raises:
            VersionError: Another version or suite, of the request or of the grant.
            TooLargeError: More than 4,096 indices.
            DecodingError: Truncated, trailing bytes, no index, or indices that are not sorted and distinct.
        """
        reader = Reader(data, "a retrieval request", RETRIEVAL_REQUEST_LIMIT).header()
        request = cls(
            grant=Grant.decode(reader.take(GRANT_SIZE, "the grant")),
            answer_id=reader.take(16, "the answer id"),
            page=reader.u32("the page"),
            indices=tuple(
                reader.take(INDEX_SIZE, "an idx")
                for _ in range(reader.count("indices", low=1, high=LABELS_LIMIT))
            ),
        )
        reader.end()
        return request


class StoredRecord(NamedTuple):
    """A record as the store answers it: with the hour, since 1970, in which it was accepted."""

    hour: int
    record: Record

    def encode(self) -> bytes:
        """Write the hour and the record, 718 bytes."""
        return self.hour.to_bytes(4, "big") + self.record.data


class Served(NamedTuple):
    """An index that was asked for, and how many other grants it was served under before."""

    idx: bytes
    grants_before: int


@dataclass(frozen=True, slots=True)
class RetrievalPage:
    """One signed page of a result.

    Attributes:
        params_hash: Hash of the public parameters, 32 bytes.
        store_id: The record store, 16 bytes.
        answer_id: The answer that the page belongs to, 16 bytes.
        answer_time: Unix time of the answer.
        grant_digest: Digest of the grant, 32 bytes.
        result_digest: Digest of all records of all pages, 32 bytes.
        total: How many records all pages have together.
        page: This page, counted from 0.
        pages: How many pages there are, at least one.
        served: Every index that was asked for, sorted; the same on each page.
        records: This page's records, in the order of idx and record key.
        signature: The store's signature over all the above.
    """

    params_hash: bytes
    store_id: bytes
    answer_id: bytes
    answer_time: int
    grant_digest: bytes = field(repr=False)
    result_digest: bytes = field(repr=False)
    total: int
    page: int
    pages: int
    served: tuple[Served, ...] = field(repr=False)
    records: tuple[StoredRecord, ...] = field(repr=False)
    signature: bytes = field(default=_UNSIGNED, repr=False)

    def __post_init__(self) -> None:
        require_size("a parameters hash", self.params_hash, 32)
        require_size("a store id", self.store_id, 16)
        require_size("an answer id", self.answer_id, 16)
        require_size("a grant digest", self.grant_digest, 32)
        require_size("a result digest", self.result_digest, 32)
        require_size("a signature", self.signature, 64)
        if self.page >= self.pages:
            raise DecodingError("a result's page lies beyond its number of pages")
        _check_indices("a retrieval result", [served.idx for served in self.served])
        if len(self.records) > PAGE_RECORDS:
            raise TooLargeError(f"a result's page has at most {PAGE_RECORDS} records")

    def signed_part(self) -> bytes:
        """Return all bytes before the signature."""
        writer = Writer().raw(self.params_hash, self.store_id, self.answer_id).u64(self.answer_time)
        writer.raw(self.grant_digest, self.result_digest)
        writer.u32(self.total).u32(self.page).u32(self.pages).u16(len(self.served))
        for served in self.served:
            writer.raw(served.idx).u32(served.grants_before)
        writer.u16(len(self.records))
        for stored in self.records:
            writer.u32(stored.hour).raw(stored.record.data)
        return writer.done()

    def encode(self) -> bytes:
        """Write the page."""
        return self.signed_part() + self.signature

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a page; `assemble_result` verifies it.

        Raises:
            VersionError: Another version or suite, of the page or of a record.
            TooLargeError: More indices or records than a page has.
            DecodingError: Truncated, trailing bytes, or fields that contradict each other.
        """
        reader = Reader(data, "a retrieval result", RETRIEVAL_RESULT_LIMIT).header()
        page = cls(
            params_hash=reader.take(32, "the parameters hash"),
            store_id=reader.take(16, "the store id"),
            answer_id=reader.take(16, "the answer id"),
            answer_time=reader.u64("the answer time"),
            grant_digest=reader.take(32, "the grant digest"),
            result_digest=reader.take(32, "the result digest"),
            total=reader.u32("the total"),
            page=reader.u32("the page"),
            pages=reader.u32("the pages"),
            served=tuple(
                Served(reader.take(INDEX_SIZE, "an idx"), reader.u32("a number of grants"))
                for _ in range(reader.count("indices", low=1, high=LABELS_LIMIT))
            ),
            records=tuple(
                StoredRecord(reader.u32("an hour"), Record(reader.take(RECORD_SIZE, "a record")))
                for _ in range(reader.count("records", high=PAGE_RECORDS))
            ),
            signature=reader.take(64, "the signature"),
        )
        reader.end()
        return page

    def sign(self, key: SigningKey) -> Self:
        """Return this page signed by the record store's key."""
        return replace(self, signature=key.sign("retrieval", self.signed_part()))

    def verify(self, public_key: bytes) -> None:
        """Verify the signature under the record store's public key.

        Raises:
            SignatureError: It does not verify.
        """
        verify(public_key, "retrieval", self.signed_part(), self.signature)


@dataclass(frozen=True, slots=True)
class Result:
    """A complete result, verified.

    Attributes:
        answer_time: Unix time of the answer.
        records: All records, in the order of idx and record key.
        served_before: For every index of the grant, how many other grants it was served under before.
    """

    answer_time: int
    records: tuple[StoredRecord, ...] = field(repr=False)
    served_before: dict[bytes, int] = field(repr=False)


def result_digest(records: Iterable[StoredRecord]) -> bytes:
    """Return the digest over all records of all pages in order, 32 bytes."""
    return H("result", b"".join(stored.encode() for stored in records))


def assemble_result(pages: Sequence[RetrievalPage], grant: Grant, parameters: PublicParameters) -> Result:
    """Put a result together and verify that it is the complete signed answer to a grant.

    The checks, in this order:
        1. The grant is of these parameters and signed by the authorization authority.
        2. The grant's store is one of the parameters' and signed every page.
        3. Every page is of these parameters, this store and this grant.
        4. The pages are of one answer, every one there once, in order, and all agree on what they share.
        5. The indices answered are the grant's.
        6. Total and result digest are those of the records.
        7. The records are under the grant's indices, in order of idx and day, and none stands there twice.

    Args:
        pages: All pages, in order.
        grant: The grant that they answer.
        parameters: The deployment's verified parameters.

    Raises:
        SignatureError: The grant or a page is not signed by whom it should be.
        EvidenceError: The result is incomplete, or does not answer the grant.
        InputError: The parameters name no such store.
    """
    # 1.
    if grant.params_hash != parameters.hash:
        raise EvidenceError("the grant belongs to other public parameters")
    grant.verify(parameters.authorization_key)
    # 2.
    store_key = parameters.store(grant.store_id).key
    for page in pages:
        page.verify(store_key)
    # 3.
    about = (grant.params_hash, grant.store_id, grant.digest)
    if any((page.params_hash, page.store_id, page.grant_digest) != about for page in pages):
        raise EvidenceError("a page of the result answers another grant")
    # 4.
    if not pages or [page.page for page in pages] != list(range(pages[0].pages)):
        raise EvidenceError("the result is incomplete: a page is missing, doubled or out of order")
    first = pages[0]
    if any(_shared(page) != _shared(first) for page in pages):
        raise EvidenceError("the pages of the result belong to different answers")
    # 5.
    served_before = dict(first.served)
    if idx_digest(served_before) != grant.idx_digest:
        raise EvidenceError("the result answers other indices than the grant's")
    # 6.
    records = tuple(stored for page in pages for stored in page.records)
    if len(records) != first.total or result_digest(records) != first.result_digest:
        raise EvidenceError("the result is incomplete: its records are not those that its digest names")
    # 7.
    if not all(stored.record.idx in served_before for stored in records):
        raise EvidenceError("the result has a record under an index that was not asked for")
    order = [(stored.record.idx, stored.hour // _HOURS_A_DAY) for stored in records]
    if any(one > two for one, two in pairwise(order)):
        raise EvidenceError("the records of the result are out of order")
    # One honest record, answered 65 times, would otherwise be a flood, and a reason to open it.
    if len({stored.record.data for stored in records}) != len(records):
        raise EvidenceError("the result has a record twice")
    return Result(first.answer_time, records, served_before)


def _shared(page: RetrievalPage) -> tuple[object, ...]:
    return (page.answer_id, page.answer_time, page.result_digest, page.total, page.pages, page.served)


def _check_indices(what: str, indices: Sequence[bytes]) -> None:
    if not indices:
        raise DecodingError(f"{what} has at least one idx")
    if len(indices) > LABELS_LIMIT:
        raise TooLargeError(f"{what} has at most {LABELS_LIMIT} indices")
    for idx in indices:
        require_size("an idx", idx, INDEX_SIZE)
    if any(first >= second for first, second in pairwise(indices)):
        raise DecodingError(f"the indices of {what} are not sorted and distinct")
