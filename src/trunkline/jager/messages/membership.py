"""Joining the group, renewing a credential, and the join log's entries (docs/protocol.md, 5, 6 and 8)."""

from dataclasses import dataclass, field, replace
from typing import Self

from trunkline.crypto.ed25519 import SigningKey, verify
from trunkline.errors import DecodingError
from trunkline.jager.messages.codec import Reader, Writer, require_size
from trunkline.telephony.providers import ProviderId

JOIN_REQUEST_TYPE = "application/vnd.trunkline.join-request.v1"
RENEW_REQUEST_TYPE = "application/vnd.trunkline.renew-request.v1"
CREDENTIAL_RESPONSE_TYPE = "application/vnd.trunkline.credential-response.v1"

JOIN_REQUEST_SIZE = 242
RENEW_REQUEST_SIZE = 6
CREDENTIAL_RESPONSE_SIZE = 126
NONCE_SIZE = 32
POINT_SIZE = 48
JOIN_PROOF_SIZE = 48
CREDENTIAL_SIZE = 84

_UNSIGNED = bytes(64)
_JOIN_ENTRY = 1
_ISSUANCE_ENTRY = 2


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """A carrier's request to become a member, signed with its identity key.

    Attributes:
        nonce: The membership authority's nonce, 32 bytes, used once.
        carrier_id: The carrier.
        identity_key: Its Ed25519 public key, as the registry gives it.
        s_point: S, the image of the member secret, 48 bytes.
        proof: Proof of knowledge of the member secret, 48 bytes.
        signature: The carrier's signature over the parameters' hash and all the above.
    """

    nonce: bytes = field(repr=False)
    carrier_id: ProviderId
    identity_key: bytes = field(repr=False)
    s_point: bytes = field(repr=False)
    proof: bytes = field(repr=False)
    signature: bytes = field(default=_UNSIGNED, repr=False)

    def __post_init__(self) -> None:
        require_size("a join nonce", self.nonce, NONCE_SIZE)
        require_size("an identity key", self.identity_key, 32)
        require_size("S", self.s_point, POINT_SIZE)
        require_size("a join proof", self.proof, JOIN_PROOF_SIZE)
        require_size("a signature", self.signature, 64)

    def signed_part(self) -> bytes:
        """Return all bytes before the signature."""
        return (
            Writer()
            .raw(self.nonce, self.carrier_id.value, self.identity_key, self.s_point, self.proof)
            .done()
        )

    def encode(self) -> bytes:
        """Write the request's 242 bytes."""
        return self.signed_part() + self.signature

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a request.

        Raises:
            VersionError: Another version or suite.
            DecodingError: Truncated or trailing bytes.
        """
        reader = Reader(data, "a join request").header()
        request = cls(
            nonce=reader.take(NONCE_SIZE, "the nonce"),
            carrier_id=ProviderId(reader.take(16, "the carrier")),
            identity_key=reader.take(32, "the identity key"),
            s_point=reader.take(POINT_SIZE, "S"),
            proof=reader.take(JOIN_PROOF_SIZE, "the join proof"),
            signature=reader.take(64, "the signature"),
        )
        reader.end()
        return request

    def sign(self, key: SigningKey, params_hash: bytes) -> Self:
        """Return this request signed by the carrier's identity key."""
        return replace(self, signature=key.sign("join", params_hash + self.signed_part()))

    def verify(self, params_hash: bytes) -> None:
        """Verify the signature under the identity key that the request names.

        That the key is the carrier's is known from the registry, not from here.

        Raises:
            SignatureError: It does not verify.
        """
        verify(self.identity_key, "join", params_hash + self.signed_part(), self.signature)


@dataclass(frozen=True, slots=True)
class RenewRequest:
    """A member's request for the credential of a period: the current one or the next."""

    period: int

    def encode(self) -> bytes:
        """Write the request's 6 bytes."""
        return Writer().u32(self.period).done()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a request.

        Raises:
            VersionError: Another version or suite.
            DecodingError: Truncated or trailing bytes.
        """
        reader = Reader(data, "a renew request").header()
        request = cls(reader.u32("the period"))
        reader.end()
        return request


@dataclass(frozen=True, slots=True)
class CredentialResponse:
    """A credential, and where its issuance stands in the join log.

    Attributes:
        params_hash: Hash of the public parameters, 32 bytes.
        credential: Period, A and e, 84 bytes; the carrier checks A strictly and then the pairing.
        log_index: Index of the issuance in the join log.
    """

    params_hash: bytes
    credential: bytes = field(repr=False)
    log_index: int

    def __post_init__(self) -> None:
        require_size("a parameters hash", self.params_hash, 32)
        require_size("a credential", self.credential, CREDENTIAL_SIZE)

    def encode(self) -> bytes:
        """Write the response's 126 bytes."""
        return Writer().raw(self.params_hash, self.credential).u64(self.log_index).done()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a response.

        Raises:
            VersionError: Another version or suite.
            DecodingError: Truncated or trailing bytes.
        """
        reader = Reader(data, "a credential response").header()
        response = cls(
            params_hash=reader.take(32, "the parameters hash"),
            credential=reader.take(CREDENTIAL_SIZE, "the credential"),
            log_index=reader.u64("the log index"),
        )
        reader.end()
        return response


@dataclass(frozen=True, slots=True)
class JoinEntry:
    """The join log's entry of a carrier and its S: the signed request itself, with the time it was logged."""

    time: int
    request: JoinRequest

    def encode(self) -> bytes:
        """Write the entry, the leaf of the log."""
        return Writer().u8(_JOIN_ENTRY).u64(self.time).raw(self.request.encode()).done()


@dataclass(frozen=True, slots=True)
class IssuanceEntry:
    """The join log's entry of one credential issued."""

    time: int
    carrier_id: ProviderId
    period: int
    s_point: bytes = field(repr=False)

    def __post_init__(self) -> None:
        require_size("S", self.s_point, POINT_SIZE)

    def encode(self) -> bytes:
        """Write the entry, the leaf of the log."""
        return (
            Writer()
            .u8(_ISSUANCE_ENTRY)
            .u64(self.time)
            .raw(self.carrier_id.value)
            .u32(self.period)
            .raw(self.s_point)
            .done()
        )


def decode_log_entry(data: bytes) -> JoinEntry | IssuanceEntry:
    """Read an entry of the join log.

    Raises:
        VersionError: Another version or suite.
        DecodingError: An unknown kind of entry, truncated, or trailing bytes.
    """
    reader = Reader(data, "a join log entry").header()
    kind = reader.u8("the kind")
    time = reader.u64("the time")
    if kind == _JOIN_ENTRY:
        request = JoinRequest.decode(reader.take(JOIN_REQUEST_SIZE, "the join request"))
        reader.end()
        return JoinEntry(time, request)
    if kind != _ISSUANCE_ENTRY:
        raise DecodingError("a join log entry is of a kind that this release does not know")
    entry = IssuanceEntry(
        time=time,
        carrier_id=ProviderId(reader.take(16, "the carrier")),
        period=reader.u32("the period"),
        s_point=reader.take(POINT_SIZE, "S"),
    )
    reader.end()
    return entry
