"""Contributions of records, which carry no identity, and the store's receipts (docs/protocol.md, 6)."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import pairwise
from typing import NamedTuple, Self

from trunkline.crypto.ed25519 import SigningKey, verify
from trunkline.errors import DecodingError, TooLargeError
from trunkline.jager.messages.codec import Reader, Writer, require_size
from trunkline.jager.messages.record import RECORD_KEY_SIZE, RECORD_SIZE, RecordKey

CONTRIBUTION_TYPE = "application/vnd.trunkline.contribution.v1"
RECEIPT_TYPE = "application/vnd.trunkline.receipt.v1"

RECORDS_LIMIT = 4096
CONTRIBUTION_LIMIT = 4 + RECORDS_LIMIT * RECORD_SIZE
RECEIPT_LIMIT = 2 + 32 + 16 + 4 + 2 + RECORDS_LIMIT * RECORD_KEY_SIZE + 2 + RECORDS_LIMIT * 3 + 64

_UNSIGNED = bytes(64)


class RejectReason(IntEnum):
    """Why the record store did not take a record; retired numbers are never given another meaning."""

    MALFORMED = 1
    VERSION = 2
    PARAMS = 3
    PERIOD = 4
    POINT = 5
    SIGNATURE = 6


class Rejection(NamedTuple):
    """One record that was not taken: its index in the contribution, and why."""

    record_index: int
    reason: RejectReason


@dataclass(frozen=True, slots=True)
class Contribution:
    """Up to 4,096 records, joined. What stands in each is looked at one by one by the record store.

    Attributes:
        records: The records, 714 bytes each.
    """

    records: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not self.records or len(self.records) % RECORD_SIZE:
            raise DecodingError(f"a contribution has records of {RECORD_SIZE} bytes, at least one")
        if self.count > RECORDS_LIMIT:
            raise TooLargeError(f"a contribution has at most {RECORDS_LIMIT} records, not {self.count}")

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self.records) // RECORD_SIZE

    def __iter__(self) -> Iterator[bytes]:
        """Walk through the records' bytes."""
        return (
            self.records[start : start + RECORD_SIZE] for start in range(0, len(self.records), RECORD_SIZE)
        )

    def encode(self) -> bytes:
        """Write the contribution."""
        return Writer().u16(self.count).raw(self.records).done()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a contribution.

        Raises:
            VersionError: Another version or suite.
            TooLargeError: More than 4,096 records.
            DecodingError: Truncated, trailing bytes, or no record.
        """
        reader = Reader(data, "a contribution", CONTRIBUTION_LIMIT).header()
        count = reader.count("records", low=1, high=RECORDS_LIMIT)
        contribution = cls(reader.take(count * RECORD_SIZE, "the records"))
        reader.end()
        return contribution


@dataclass(frozen=True, slots=True)
class Receipt:
    """The record store's signed word that it holds records, durably.

    Attributes:
        params_hash: Hash of the public parameters, 32 bytes.
        store_id: The record store, 16 bytes.
        hour: The hour of acceptance, in hours since 1970.
        keys: The keys of the records that are stored, sorted.
        rejected: The records that are not, by ascending index.
        signature: The store's signature over all the above.
    """

    params_hash: bytes
    store_id: bytes
    hour: int
    keys: tuple[RecordKey, ...]
    rejected: tuple[Rejection, ...] = ()
    signature: bytes = field(default=_UNSIGNED, repr=False)

    def __post_init__(self) -> None:
        require_size("a parameters hash", self.params_hash, 32)
        require_size("a store id", self.store_id, 16)
        require_size("a signature", self.signature, 64)
        if len(self.keys) > RECORDS_LIMIT or len(self.rejected) > RECORDS_LIMIT:
            raise TooLargeError(f"a receipt is about at most {RECORDS_LIMIT} records")
        if any(first > second for first, second in pairwise(self.keys)):
            raise DecodingError("a receipt's record keys are not sorted")
        if any(first.record_index >= second.record_index for first, second in pairwise(self.rejected)):
            raise DecodingError("a receipt's rejections are not in the order of their distinct indices")

    def signed_part(self) -> bytes:
        """Return all bytes before the signature."""
        writer = Writer().raw(self.params_hash, self.store_id).u32(self.hour).u16(len(self.keys))
        writer.raw(*(key.encode() for key in self.keys)).u16(len(self.rejected))
        for rejection in self.rejected:
            writer.u16(rejection.record_index).u8(rejection.reason)
        return writer.done()

    def encode(self) -> bytes:
        """Write the receipt."""
        return self.signed_part() + self.signature

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a receipt; `verify` it before believing it.

        Raises:
            VersionError: Another version or suite.
            TooLargeError: More records than a contribution has.
            DecodingError: Truncated, trailing bytes, keys out of order, or an unknown reason.
        """
        reader = Reader(data, "a receipt", RECEIPT_LIMIT).header()
        receipt = cls(
            params_hash=reader.take(32, "the parameters hash"),
            store_id=reader.take(16, "the store id"),
            hour=reader.u32("the hour"),
            keys=tuple(RecordKey.read(reader) for _ in range(reader.count("keys", high=RECORDS_LIMIT))),
            rejected=tuple(
                _read_rejection(reader) for _ in range(reader.count("rejections", high=RECORDS_LIMIT))
            ),
            signature=reader.take(64, "the signature"),
        )
        reader.end()
        return receipt

    def sign(self, key: SigningKey) -> Self:
        """Return this receipt signed by the record store's key."""
        return replace(self, signature=key.sign("receipt", self.signed_part()))

    def verify(self, public_key: bytes) -> None:
        """Verify the signature under the record store's public key.

        Raises:
            SignatureError: It does not verify.
        """
        verify(public_key, "receipt", self.signed_part(), self.signature)


def _read_rejection(reader: Reader) -> Rejection:
    index, reason = reader.u16("a rejection"), reader.u8("a rejection")
    try:
        return Rejection(index, RejectReason(reason))
    except ValueError as error:
        raise DecodingError(
            "a receipt rejects a record for a reason that this release does not know"
        ) from error
