"""Heads and proofs of the append-only logs, JSON (docs/protocol.md, section 8)."""

from base64 import b64decode, b64encode
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer

from trunkline.crypto.ed25519 import SigningKey, verify
from trunkline.jager.messages.codec import Writer
from trunkline.jager.messages.signed_document import Bytes32, Bytes64, SignedModel, base64_schema, read_model

LogName = Literal["join-log", "authorization-log"]

JOIN_LOG: LogName = "join-log"
AUTHORIZATION_LOG: LogName = "authorization-log"
ENTRIES_LIMIT = 1000
_HEAD_LIMIT = 4096
_PROOF_LIMIT = 16 * 1024
_ENTRIES_BYTES_LIMIT = 1024 * 1024
_PATH_LIMIT = 64

_UNSIGNED = bytes(64)


def _read_base64(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError("must be base64")  # noqa: TRY004 - pydantic collects ValueError only
    return b64decode(value, validate=True)


_Base64 = Annotated[
    bytes,
    BeforeValidator(_read_base64),
    PlainSerializer(lambda value: b64encode(value).decode(), return_type=str, when_used="json"),
    base64_schema(0, _ENTRIES_BYTES_LIMIT),
]
_Unsigned64 = Annotated[int, Field(ge=0, lt=1 << 64)]


class LogHead(SignedModel):
    """A log at one size, signed by the authority that keeps it."""

    size: _Unsigned64
    root: Bytes32
    time: _Unsigned64
    signature: Bytes64 = _UNSIGNED

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a head; `verify` it before believing it.

        Raises:
            DecodingError: It is no head.
        """
        return read_model(cls, data, "a log head", _HEAD_LIMIT)

    def signed_part(self, params_hash: bytes) -> bytes:
        """Return the bytes that are signed."""
        return Writer(params_hash).u64(self.size).raw(self.root).u64(self.time).done()

    def sign(self, key: SigningKey, name: LogName, params_hash: bytes) -> Self:
        """Return this head signed by the authority's key."""
        return self.model_copy(update={"signature": key.sign(name, self.signed_part(params_hash))})

    def verify(self, public_key: bytes, name: LogName, params_hash: bytes) -> None:
        """Verify the signature under the authority's key of the public parameters.

        Raises:
            SignatureError: It does not verify.
        """
        verify(public_key, name, self.signed_part(params_hash), self.signature)


class InclusionProof(SignedModel):
    """The audit path of one entry in the log of one size (RFC 9162, section 2.1.3)."""

    index: _Unsigned64
    size: _Unsigned64
    path: Annotated[tuple[Bytes32, ...], Field(max_length=_PATH_LIMIT)]

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a proof.

        Raises:
            DecodingError: It is no proof.
        """
        return read_model(cls, data, "an inclusion proof", _PROOF_LIMIT)


class LogEntries(SignedModel):
    """The entries [start, start + number) of a log; at most 1,000."""

    start: _Unsigned64
    entries: Annotated[tuple[_Base64, ...], Field(max_length=ENTRIES_LIMIT)]

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read entries.

        Raises:
            DecodingError: They are no entries.
        """
        return read_model(cls, data, "log entries", _ENTRIES_BYTES_LIMIT)
