"""Provider identifiers: sixteen bytes that name a carrier, or one that the registry does not list."""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from trunkline.errors import DecodingError, InputError

PROVIDER_ID_LENGTH = 16
_UNLISTED_TAG = b"trunkline/jager/v1/unlisted"
_NAME_LIMIT = 200
_HEX = re.compile(r"[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True, order=True)
class ProviderId:
    """The identifier of one provider, 16 bytes."""

    value: bytes

    def __post_init__(self) -> None:
        if len(self.value) != PROVIDER_ID_LENGTH:
            raise DecodingError(
                f"a provider identifier has {PROVIDER_ID_LENGTH} bytes, not {len(self.value)}"
            )

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """Read the 32 hexadecimal digits that `hex` writes.

        Raises:
            DecodingError: The text is anything else.
        """
        if len(text) != 2 * PROVIDER_ID_LENGTH or not all(
            digit in "0123456789abcdefABCDEF" for digit in text
        ):
            raise DecodingError(
                f"a provider identifier is written as {2 * PROVIDER_ID_LENGTH} hexadecimal digits"
            )
        return cls(bytes.fromhex(text))

    @classmethod
    def unlisted(cls, name: str) -> Self:
        """Derive the identifier of a provider that the registry does not list from its name.

        The first 16 bytes of SHA-256 over the length-prefixed tag and the length-prefixed name, trimmed and
        case-folded: two carriers that name the same neighbour agree on it without asking anybody.

        Raises:
            InputError: The name is empty or longer than 200 characters.
        """
        folded = name.strip().casefold()
        if not folded or len(folded) > _NAME_LIMIT:
            raise InputError(f"the name of an unlisted provider has 1 to {_NAME_LIMIT} characters")
        digest = hashlib.sha256()
        for part in (_UNLISTED_TAG, folded.encode()):
            digest.update(len(part).to_bytes(4, "big") + part)
        return cls(digest.digest()[:PROVIDER_ID_LENGTH])

    @property
    def hex(self) -> str:
        """The identifier as 32 lower-case hexadecimal digits."""
        return self.value.hex()

    def __str__(self) -> str:
        return self.hex
