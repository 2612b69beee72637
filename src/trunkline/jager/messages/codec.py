"""Reading and writing of the binary messages: fixed-size fields, big-endian integers, no trailing bytes."""

from typing import Self

from trunkline.crypto.transcript import H, lp, tag
from trunkline.errors import DecodingError, InputError, TooLargeError, VersionError

__all__ = ["HEADER", "H", "Reader", "Writer", "lp", "require_size", "tag"]

VERSION = 1
SUITE = 1
HEADER = bytes((VERSION, SUITE))


def require_size(name: str, value: bytes, size: int) -> None:
    """Refuse a field of another length.

    Raises:
        DecodingError: The length differs; the message names the field, never its content.
    """
    if len(value) != size:
        raise DecodingError(f"{name} has {size} bytes, not {len(value)}")


class Reader:
    """Takes fields off the front of one message; every method raises when the message ends too early."""

    __slots__ = ("_data", "_offset", "_what")

    def __init__(self, data: bytes, what: str, limit: int | None = None) -> None:
        """Start reading.

        Args:
            data: The whole message.
            what: What the message is, for errors, with its article: "a receipt".
            limit: The most bytes a message of this kind has; for kinds of variable size.

        Raises:
            TooLargeError: The message is longer than the limit.
        """
        if limit is not None and len(data) > limit:
            raise TooLargeError(f"{what} has at most {limit} bytes, not {len(data)}")
        self._data = data
        self._offset = 0
        self._what = what

    def header(self) -> Self:
        """Read the version and the suite identifier.

        Raises:
            VersionError: This release does not know them.
        """
        version, suite = self.u8("version"), self.u8("suite")
        if (version, suite) != (VERSION, SUITE):
            raise VersionError(
                f"{self._what} has version {version} and suite {suite}; "
                f"this release knows version {VERSION}, suite {SUITE}"
            )
        return self

    def take(self, size: int, field: str) -> bytes:
        """Read a field of `size` bytes.

        Raises:
            DecodingError: Fewer bytes are left.
        """
        end = self._offset + size
        if end > len(self._data):
            raise DecodingError(f"{self._what} ends within {field}: it is truncated")
        value = self._data[self._offset : end]
        self._offset = end
        return value

    def u8(self, field: str) -> int:
        """Read an integer of one byte."""
        return self.take(1, field)[0]

    def u16(self, field: str) -> int:
        """Read an integer of two bytes."""
        return int.from_bytes(self.take(2, field), "big")

    def u32(self, field: str) -> int:
        """Read an integer of four bytes."""
        return int.from_bytes(self.take(4, field), "big")

    def u64(self, field: str) -> int:
        """Read an integer of eight bytes."""
        return int.from_bytes(self.take(8, field), "big")

    def count(self, field: str, *, low: int = 0, high: int) -> int:
        """Read a count of two bytes and hold it to its limits.

        Raises:
            DecodingError: The count is below `low`.
            TooLargeError: The count is above `high`.
        """
        count = self.u16(field)
        if count < low:
            raise DecodingError(f"{self._what} needs at least {low} {field}, not {count}")
        if count > high:
            raise TooLargeError(f"{self._what} has at most {high} {field}, not {count}")
        return count

    def end(self) -> None:
        """Refuse whatever follows.

        Raises:
            DecodingError: Bytes are left.
        """
        left = len(self._data) - self._offset
        if left:
            raise DecodingError(f"{self._what} is followed by {left} trailing bytes")


class Writer:
    """Appends fields to one message."""

    __slots__ = ("_data",)

    def __init__(self, header: bytes = HEADER) -> None:
        self._data = bytearray(header)

    def raw(self, *fields: bytes) -> Self:
        """Append fields as they are."""
        for field in fields:
            self._data += field
        return self

    def u8(self, value: int) -> Self:
        """Append an integer of one byte."""
        return self._integer(value, 1)

    def u16(self, value: int) -> Self:
        """Append an integer of two bytes."""
        return self._integer(value, 2)

    def u32(self, value: int) -> Self:
        """Append an integer of four bytes."""
        return self._integer(value, 4)

    def u64(self, value: int) -> Self:
        """Append an integer of eight bytes."""
        return self._integer(value, 8)

    def done(self) -> bytes:
        """Return the message."""
        return bytes(self._data)

    def _integer(self, value: int, size: int) -> Self:
        try:
            self._data += value.to_bytes(size, "big")
        except OverflowError as error:
            raise InputError(f"a number does not fit into the {size} bytes that its field has") from error
        return self
