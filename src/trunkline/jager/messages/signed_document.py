"""Signed documents: an envelope around JSON that is hashed and signed as the exact bytes it has.

{"payload": base64, "signature": base64, "key": hex}                      docs/protocol.md, section 7
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError, WithJsonSchema

from trunkline.crypto.ed25519 import SigningKey, verify
from trunkline.errors import ConfigurationError, DecodingError, TooLargeError

_FIELDS = {"payload", "signature", "key"}

Model = TypeVar("Model", bound=BaseModel)


def hex_bytes(size: int) -> BeforeValidator:
    """Return the validator of a field that is `size` bytes, written as lower-case hexadecimal digits."""

    def read(value: object) -> bytes:
        if isinstance(value, bytes) and len(value) == size:
            return value
        if not isinstance(value, str) or len(value) != 2 * size or value != value.lower():
            raise ValueError(f"must be {2 * size} lower-case hexadecimal digits")
        try:
            return bytes.fromhex(value)
        except ValueError as error:
            raise ValueError(f"must be {2 * size} lower-case hexadecimal digits") from error

    return BeforeValidator(read)


AS_HEX = PlainSerializer(lambda value: value.hex(), return_type=str, when_used="json")


def hex_schema(size: int) -> WithJsonSchema:
    """Return the JSON schema of a field that is `size` bytes in hexadecimal digits."""
    return WithJsonSchema({"type": "string", "pattern": f"^[0-9a-f]{{{2 * size}}}$"})


def base64_schema(low: int, high: int) -> WithJsonSchema:
    """Return the JSON schema of a field that is `low` to `high` bytes in canonical base64."""
    return WithJsonSchema(
        {
            "type": "string",
            "contentEncoding": "base64",
            "pattern": "^[A-Za-z0-9+/]*={0,2}$",
            "minLength": -(-low // 3) * 4,
            "maxLength": -(-high // 3) * 4,
        }
    )


Bytes16 = Annotated[bytes, hex_bytes(16), AS_HEX, hex_schema(16)]
Bytes32 = Annotated[bytes, hex_bytes(32), AS_HEX, hex_schema(32)]
Bytes48 = Annotated[bytes, hex_bytes(48), AS_HEX, hex_schema(48)]
Bytes64 = Annotated[bytes, hex_bytes(64), AS_HEX, hex_schema(64)]
Bytes96 = Annotated[bytes, hex_bytes(96), AS_HEX, hex_schema(96)]


class SignedModel(BaseModel):
    """Base of everything that is signed as JSON: immutable, strict, and without unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """The envelope: a payload, a signature, and the key that made it. Nothing is believed before `verify`.

    Attributes:
        payload: The exact bytes that were signed.
        signature: The Ed25519 signature, 64 bytes.
        key: The signer's public key, 32 bytes; whether it is the right one is for the caller to decide.
    """

    payload: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    key: bytes

    @classmethod
    def sign(cls, payload: bytes, key: SigningKey, name: str) -> Self:
        """Sign a payload under the tag of `name`."""
        return cls(payload, key.sign(name, payload), key.public_key)

    def verify(self, name: str) -> None:
        """Verify the signature under the envelope's own key.

        Raises:
            SignatureError: It does not verify.
        """
        verify(self.key, name, self.payload, self.signature)

    def encode(self) -> bytes:
        """Write the envelope as JSON."""
        envelope = {
            "payload": b64encode(self.payload).decode(),
            "signature": b64encode(self.signature).decode(),
            "key": self.key.hex(),
        }
        return json.dumps(envelope, indent=1).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes, what: str, limit: int) -> Self:
        """Read an envelope.

        Args:
            data: The JSON.
            what: What the document is, for errors: "the registry".
            limit: The most bytes a document of this kind has.

        Raises:
            TooLargeError: The document is larger.
            DecodingError: It is no envelope, or has unknown fields.
        """
        envelope = read_json(data, what, limit)
        if not isinstance(envelope, dict) or set(envelope) != _FIELDS:
            raise DecodingError(f"{what} is no signed document: it has exactly payload, signature and key")
        if not all(isinstance(value, str) for value in envelope.values()):
            raise DecodingError(f"{what} is no signed document: payload, signature and key are strings")
        try:
            return cls(
                payload=b64decode(envelope["payload"], validate=True),
                signature=b64decode(envelope["signature"], validate=True),
                key=bytes.fromhex(envelope["key"]),
            )
        except ValueError as error:
            raise DecodingError(f"{what} is no signed document: it has broken base64 or hex") from error


def envelope_schema(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of an envelope around a payload of another schema."""
    base64 = {"type": "string", "contentEncoding": "base64"}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": sorted(_FIELDS),
        "properties": {
            "payload": base64 | {"contentMediaType": "application/json", "contentSchema": payload},
            "signature": base64 | {"minLength": 88, "maxLength": 88},
            "key": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        },
    }


def read_json(data: bytes, what: str, limit: int) -> Any:
    """Read JSON strictly: limited in size, UTF-8, and no name twice in one object.

    Raises:
        TooLargeError: It is larger than the limit.
        DecodingError: It is no such JSON.
    """
    if len(data) > limit:
        raise TooLargeError(f"{what} has at most {limit} bytes, not {len(data)}")
    try:
        return json.loads(data.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise DecodingError(f"{what} is no JSON in UTF-8 with each name once") from error


def read_model(model: type[Model], data: bytes, what: str, limit: int) -> Model:
    """Read JSON into a strict model.

    Raises:
        TooLargeError: It is larger than the limit.
        DecodingError: It does not fit the model; the message names the first field that does not.
    """
    read_json(data, what, limit)
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise DecodingError(f"{what} is not acceptable at {place}: {first['msg']}") from error


def read_document_file(path: Path, what: str, limit: int) -> SignedDocument:
    """Read an envelope from a file.

    Raises:
        ConfigurationError: The file cannot be read.
        TooLargeError: It is larger than the limit.
        DecodingError: It is no envelope.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise ConfigurationError(f"cannot read {what} from {path}: {error.strerror}") from error
    return SignedDocument.decode(data, what, limit)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return names
