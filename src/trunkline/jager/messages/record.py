"""The record: one encrypted, signed hop, 714 bytes, and the names the record store files it under.

0x01 0x01 | params ref(8) | u32(period) | idx(32) | ct1(128) | ct2(76) | group signature(464)
                                                                          docs/protocol.md, section 4
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from trunkline.crypto.record import BODY_SIZE, RECORD_SIZE, record_ids, record_message
from trunkline.errors import DecodingError
from trunkline.jager.messages.codec import Reader, Writer, require_size

__all__ = [
    "BODY_SIZE",
    "INDEX_SIZE",
    "RECORD_ID_SIZE",
    "RECORD_KEY_SIZE",
    "RECORD_SIZE",
    "Record",
    "RecordKey",
]

INDEX_SIZE = 32
RECORD_ID_SIZE = 16
RECORD_KEY_SIZE = 52

_ID_START = RECORD_KEY_SIZE - RECORD_ID_SIZE
_BODY_START = 14
_CT1_START = _BODY_START + INDEX_SIZE
_CT2_START = _CT1_START + 128
_SIGNATURE_START = _BODY_START + BODY_SIZE


@dataclass(frozen=True, slots=True)
class Record:
    """A view of one record's bytes; version, suite and length are checked, nothing else is.

    Attributes:
        data: The 714 bytes.
    """

    data: bytes = field(repr=False)

    def __post_init__(self) -> None:
        Reader(self.data, "a record").header()
        if len(self.data) != RECORD_SIZE:
            raise DecodingError(f"a record has {RECORD_SIZE} bytes, not {len(self.data)}")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a record.

        Raises:
            VersionError: Another version or suite.
            DecodingError: Another length.
        """
        return cls(data)

    def encode(self) -> bytes:
        """Return the 714 bytes."""
        return self.data

    @property
    def params_ref(self) -> bytes:
        """The first 8 bytes of the parameters' hash."""
        return self.data[2:10]

    @property
    def period(self) -> int:
        """The credential period that the record was signed in."""
        return int.from_bytes(self.data[10:14], "big")

    @property
    def body(self) -> bytes:
        """idx, ct1 and ct2: what the group signature is about, 236 bytes."""
        return self.data[_BODY_START:_SIGNATURE_START]

    @property
    def idx(self) -> bytes:
        """The hash of the label, 32 bytes."""
        return self.data[_BODY_START:_CT1_START]

    @property
    def ct1(self) -> bytes:
        """The witness encryption of the record's key, 128 bytes."""
        return self.data[_CT1_START:_CT2_START]

    @property
    def ct2(self) -> bytes:
        """The encrypted hop, 76 bytes."""
        return self.data[_CT2_START:_SIGNATURE_START]

    @property
    def signature(self) -> bytes:
        """The group signature, 464 bytes."""
        return self.data[_SIGNATURE_START:]

    def message(self, params_hash: bytes, gpk_id: bytes) -> bytes:
        """Return the message that the group signature signs, 289 bytes."""
        return record_message(params_hash, self.period, gpk_id, self.body)

    def id(self, params_hash: bytes, gpk_id: bytes) -> bytes:
        """Return the record id, 16 bytes."""
        return record_ids(params_hash, gpk_id, self.data)


@dataclass(frozen=True, slots=True, order=True)
class RecordKey:
    """What the record store files a record under; the order is the order of the 52 bytes.

    Attributes:
        idx: The hash of the label, 32 bytes.
        day: The day of acceptance, in days since 1970.
        id: The record id, 16 bytes.
    """

    idx: bytes
    day: int
    id: bytes

    def __post_init__(self) -> None:
        require_size("a record key's idx", self.idx, INDEX_SIZE)
        require_size("a record key's id", self.id, RECORD_ID_SIZE)

    def encode(self) -> bytes:
        """Write the key's 52 bytes."""
        # Receipts have thousands of keys, so this does without a Writer.
        return b"".join((self.idx, _day(self.day), self.id))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a key of 52 bytes.

        Raises:
            DecodingError: Another length.
        """
        reader = Reader(data, "a record key")
        key = cls.read(reader)
        reader.end()
        return key

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read a key that stands within a message."""
        key = reader.take(RECORD_KEY_SIZE, "a record key")
        return cls(key[:INDEX_SIZE], int.from_bytes(key[INDEX_SIZE:_ID_START], "big"), key[_ID_START:])


# A receipt's keys are nearly always of one day.
@lru_cache(maxsize=16)
def _day(day: int) -> bytes:
    return Writer(header=b"").u32(day).done()
