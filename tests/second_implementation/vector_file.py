"""The files of `tests/vectors/`: a header, then vectors, each with what must come out."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .notation import RefusedError

GENERATOR = "python -m tests.second_implementation.generate"
CONFIRMED = (
    "Written by tests/second_implementation (arkworks and Python integers), which follows docs/protocol.md "
    "alone; confirmed by the core (blst and curve25519-dalek) in tests/unit/crypto/test_protocol_vectors.py."
)
Fields = dict[str, Any]


def flipped(data: bytes, bit: int) -> bytes:
    """The bytes with one bit changed; bit 0 is the lowest of the last byte."""
    return (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(len(data), "big")


def replaced(data: bytes, start: int, new: bytes) -> bytes:
    return data[:start] + new + data[start + len(new) :]


def as_json(value: object) -> object:
    """Bytes become hexadecimal digits."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value


@dataclass
class VectorFile:
    """One file under way. `check` is the second implementation's receiver, which confirms each outcome."""

    name: str
    about: str
    check: Callable[..., object]
    vectors: list[Fields] = field(default_factory=list)

    def good(self, comment: str, *, notes: Fields | None = None, **fields: Any) -> None:
        """Adds a vector that must be accepted; `notes` are values that the check does not take."""
        self.check(**fields)
        self._add(comment, None, {**fields, **(notes or {})})

    def bad(self, comment: str, fails: str, **fields: Any) -> None:
        """Adds a vector that must be refused with the given code."""
        outcome = self._outcome(fields)
        assert outcome.startswith(f"{fails}:"), f"{self.name}, {comment}: {outcome}, expected {fails}"
        self._add(comment, fails, fields)

    def _outcome(self, fields: Fields) -> str:
        try:
            self.check(**fields)
        except RefusedError as error:
            return str(error)
        return "accepted"

    def _add(self, comment: str, fails: str | None, fields: Fields) -> None:
        values = {name: as_json(value) for name, value in fields.items()}
        self.vectors.append({"comment": comment, "fails": fails, **values})

    def text(self) -> str:
        """The file's content."""
        content = {
            "about": self.about,
            "generator": GENERATOR,
            "confirmed": CONFIRMED,
            "fails": "The code of the error class (trunkline.errors) that must be raised; null: accepted.",
            "vectors": self.vectors,
        }
        return json.dumps(content, indent=1) + "\n"
