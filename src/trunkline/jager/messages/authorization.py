"""Asking to trace a call: the authorization request, its answer, and the retrieval grant.

authorization-request  = 0x01 0x01 | params hash(32) | requester id(16) | store id(16)
                         | details commitment(32) | case commitment(32) | u16(n) | n*[kid(16) | label(64)]
authorization-response = 0x01 0x01 | u16(n) | n*48 | grant(258)           docs/protocol.md, section 6
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Self

from trunkline.crypto.ed25519 import SigningKey, verify
from trunkline.errors import DecodingError, TooLargeError
from trunkline.jager.messages.codec import H, Reader, Writer, require_size
from trunkline.telephony.call_details import LabelProfile
from trunkline.telephony.numbers import Party
from trunkline.telephony.providers import ProviderId

AUTHORIZATION_REQUEST_TYPE = "application/vnd.trunkline.authorization-request.v1"
AUTHORIZATION_RESPONSE_TYPE = "application/vnd.trunkline.authorization-response.v1"

KID_SIZE = 16
LABEL_SIZE = 64
LABEL_SIGNATURE_SIZE = 48
GRANT_SIZE = 258
LABELS_LIMIT = 4096
SALT_SIZE = 32
AUTHORIZATION_REQUEST_LIMIT = 2 + 32 + 16 + 16 + 32 + 32 + 2 + LABELS_LIMIT * (KID_SIZE + LABEL_SIZE)
AUTHORIZATION_RESPONSE_LIMIT = 4 + LABELS_LIMIT * LABEL_SIGNATURE_SIZE + GRANT_SIZE

_UNSIGNED = bytes(64)


@dataclass(frozen=True, slots=True)
class KeyedLabel:
    """A label and the key it was evaluated under.

    Attributes:
        kid: Identifier of the key, 16 bytes.
        label: The label, exactly 64 bytes.
    """

    kid: bytes
    label: bytes = field(repr=False)

    def __post_init__(self) -> None:
        require_size("a key id", self.kid, KID_SIZE)
        require_size("a label", self.label, LABEL_SIZE)

    @property
    def idx(self) -> bytes:
        """What the record store files records of this label under, 32 bytes."""
        return H("idx", self.kid, self.label)


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What a tracer asks the authorization authority.

    Attributes:
        params_hash: Hash of the public parameters, 32 bytes.
        requester_id: Who asks; the same as the request's HTTP signature says.
        store_id: The record store that the grant is for, 16 bytes.
        details_commitment: Salted commitment to the call and the window's rule, 32 bytes.
        case_commitment: Salted commitment to the case, 32 bytes.
        labels: The labels of the window, 1 to 4,096, distinct.
    """

    params_hash: bytes
    requester_id: ProviderId
    store_id: bytes
    details_commitment: bytes
    case_commitment: bytes
    labels: tuple[KeyedLabel, ...]

    def __post_init__(self) -> None:
        require_size("a parameters hash", self.params_hash, 32)
        require_size("a store id", self.store_id, 16)
        require_size("a details commitment", self.details_commitment, 32)
        require_size("a case commitment", self.case_commitment, 32)
        if not self.labels:
            raise DecodingError("an authorization request has at least one label")
        if len(self.labels) > LABELS_LIMIT:
            raise TooLargeError(f"an authorization request has at most {LABELS_LIMIT} labels")
        if len(set(self.labels)) != len(self.labels):
            raise DecodingError("an authorization request names a label twice")

    def encode(self) -> bytes:
        """Write the request."""
        writer = Writer().raw(self.params_hash, self.requester_id.value, self.store_id)
        writer.raw(self.details_commitment, self.case_commitment).u16(len(self.labels))
        for keyed in self.labels:
            writer.raw(keyed.kid, keyed.label)
        return writer.done()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a request.

        Raises:
            VersionError: Another version or suite.
            TooLargeError: More than 4,096 labels.
            DecodingError: Truncated, trailing bytes, no label, or a label named twice.
        """
        reader = Reader(data, "an authorization request", AUTHORIZATION_REQUEST_LIMIT).header()
        request = cls(
            params_hash=reader.take(32, "the parameters hash"),
            requester_id=ProviderId(reader.take(16, "the requester")),
            store_id=reader.take(16, "the store id"),
            details_commitment=reader.take(32, "the details commitment"),
            case_commitment=reader.take(32, "the case commitment"),
            labels=tuple(
                KeyedLabel(reader.take(KID_SIZE, "a key id"), reader.take(LABEL_SIZE, "a label"))
                for _ in range(reader.count("labels", low=1, high=LABELS_LIMIT))
            ),
        )
        reader.end()
        return request


@dataclass(frozen=True, slots=True)
class Grant:
    """One requester's permission to retrieve the records of one set of indices from one store, 258 bytes.

    Attributes:
        params_hash: Hash of the public parameters, 32 bytes.
        store_id: The record store, 16 bytes.
        grant_id: Identifier of the grant, 16 bytes.
        requester_id: Who may use it.
        requester_key: That provider's Ed25519 key, 32 bytes.
        idx_digest: Digest of the set of indices, 32 bytes, as `idx_digest` computes it.
        not_before: Unix time from which it holds.
        expiry: Unix time at which it ceases to hold.
        case_commitment: The request's commitment to the case, 32 bytes.
        signature: The authorization authority's signature over all the above.
    """

    params_hash: bytes
    store_id: bytes
    grant_id: bytes
    requester_id: ProviderId
    requester_key: bytes = field(repr=False)
    idx_digest: bytes = field(repr=False)
    not_before: int
    expiry: int
    case_commitment: bytes = field(repr=False)
    signature: bytes = field(default=_UNSIGNED, repr=False)

    def __post_init__(self) -> None:
        require_size("a parameters hash", self.params_hash, 32)
        require_size("a store id", self.store_id, 16)
        require_size("a grant id", self.grant_id, 16)
        require_size("a requester key", self.requester_key, 32)
        require_size("an idx digest", self.idx_digest, 32)
        require_size("a case commitment", self.case_commitment, 32)
        require_size("a signature", self.signature, 64)

    @property
    def digest(self) -> bytes:
        """H("grant", grant): what results refer to, 32 bytes."""
        return H("grant", self.encode())

    def signed_part(self) -> bytes:
        """Return all bytes before the signature."""
        return (
            Writer()
            .raw(self.params_hash, self.store_id, self.grant_id, self.requester_id.value)
            .raw(self.requester_key, self.idx_digest)
            .u64(self.not_before)
            .u64(self.expiry)
            .raw(self.case_commitment)
            .done()
        )

    def encode(self) -> bytes:
        """Write the grant's 258 bytes."""
        return self.signed_part() + self.signature

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a grant; `verify` it before believing it.

        Raises:
            VersionError: Another version or suite.
            DecodingError: Truncated or trailing bytes.
        """
        reader = Reader(data, "a grant").header()
        grant = cls(
            params_hash=reader.take(32, "the parameters hash"),
            store_id=reader.take(16, "the store id"),
            grant_id=reader.take(16, "the grant id"),
            requester_id=ProviderId(reader.take(16, "the requester")),
            requester_key=reader.take(32, "the requester's key"),
            idx_digest=reader.take(32, "the idx digest"),
            not_before=reader.u64("the beginning"),
            expiry=reader.u64("the expiry"),
            case_commitment=reader.take(32, "the case commitment"),
            signature=reader.take(64, "the signature"),
        )
        reader.end()
        return grant

    def sign(self, key: SigningKey) -> Self:
        """Return this grant signed by the authorization authority's grant key."""
        return replace(self, signature=key.sign("grant", self.signed_part()))

    def verify(self, authorization_key: bytes) -> None:
        """Verify the signature under the parameters' authorization key; times are for the caller to check.

        Raises:
            SignatureError: It does not verify.
        """
        verify(authorization_key, "grant", self.signed_part(), self.signature)


@dataclass(frozen=True, slots=True)
class AuthorizationResponse:
    """The witnesses for decryption and one retrieval grant.

    Attributes:
        signatures: The signatures on the labels, 48 bytes each, joined, in the request's order.
        grant: The grant.
    """

    signatures: bytes = field(repr=False)
    grant: Grant

    def __post_init__(self) -> None:
        if not self.signatures or len(self.signatures) % LABEL_SIGNATURE_SIZE:
            raise DecodingError(
                f"label signatures come in multiples of {LABEL_SIGNATURE_SIZE} bytes, at least one"
            )
        if self.count > LABELS_LIMIT:
            raise TooLargeError(f"an authorization response has at most {LABELS_LIMIT} label signatures")

    @property
    def count(self) -> int:
        """How many label signatures there are."""
        return len(self.signatures) // LABEL_SIGNATURE_SIZE

    def encode(self) -> bytes:
        """Write the response."""
        return Writer().u16(self.count).raw(self.signatures, self.grant.encode()).done()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a response; the label signatures and the grant are verified by who asked.

        Raises:
            VersionError: Another version or suite, of the response or of the grant.
            TooLargeError: More than 4,096 label signatures.
            DecodingError: Truncated, trailing bytes, or no label signature.
        """
        reader = Reader(data, "an authorization response", AUTHORIZATION_RESPONSE_LIMIT).header()
        count = reader.count("label signatures", low=1, high=LABELS_LIMIT)
        signatures = reader.take(count * LABEL_SIGNATURE_SIZE, "the label signatures")
        response = cls(signatures, Grant.decode(reader.take(GRANT_SIZE, "the grant")))
        reader.end()
        return response


@dataclass(frozen=True, slots=True)
class AuthorizationEntry:
    """The authorization log's entry of one grant; the commitment hides what was asked for until it is opened.

    Attributes:
        time: Unix time of the entry.
        grant_id: The grant, 16 bytes.
        commitment: What `log_commitment` computes, 32 bytes.
    """

    time: int
    grant_id: bytes
    commitment: bytes

    def __post_init__(self) -> None:
        require_size("a grant id", self.grant_id, 16)
        require_size("a log commitment", self.commitment, 32)

    def encode(self) -> bytes:
        """Write the entry, the leaf of the log."""
        return Writer().u64(self.time).raw(self.grant_id, self.commitment).done()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read an entry.

        Raises:
            VersionError: Another version or suite.
            DecodingError: Truncated or trailing bytes.
        """
        reader = Reader(data, "an authorization log entry").header()
        entry = cls(
            reader.u64("the time"), reader.take(16, "the grant id"), reader.take(32, "the commitment")
        )
        reader.end()
        return entry


def idx_digest(indices: Iterable[bytes]) -> bytes:
    """Return the digest of a set of indices: H("idx-set", the distinct idx, sorted and joined), 32 bytes."""
    return H("idx-set", b"".join(sorted(set(indices))))


def log_commitment(salt: bytes, requester_id: ProviderId, indices: Iterable[bytes]) -> bytes:
    """Commit to who asked for which indices, for the authorization log; 32 bytes."""
    require_size("a salt", salt, SALT_SIZE)
    return H("log-commitment", salt, requester_id.value, b"".join(sorted(set(indices))))


def details_commitment(
    salt: bytes,
    src: Party,
    dst: Party,
    *,
    time_ms: int,
    profile: LabelProfile,
    own_time_is_answer: bool,
    tolerance_ms: int,
) -> bytes:
    """Commit to the call that is traced and to the rule that its window follows; opened on audit.

    Args:
        salt: 32 random bytes, kept by the tracer.
        src: The caller, possibly withheld.
        dst: The called party.
        time_ms: The call's time in milliseconds since 1970.
        profile: The deployment's label profile.
        own_time_is_answer: The time is the answer's, not the arrival's.
        tolerance_ms: What the window was widened by at both ends.

    Returns:
        The commitment, 32 bytes.
    """
    require_size("a salt", salt, SALT_SIZE)
    rule = Writer(header=b"").u8(profile).u8(own_time_is_answer).u32(tolerance_ms).done()
    time = Writer(header=b"").u64(time_ms).done()
    return H("details-commitment", salt, _party(src), _party(dst), time, rule)


def case_commitment(salt: bytes, text: str) -> bytes:
    """Commit to the case that a trace serves: H("case-commitment", salt, text as UTF-8), 32 bytes."""
    require_size("a salt", salt, SALT_SIZE)
    return H("case-commitment", salt, text.encode())


def _party(party: Party) -> bytes:
    value = party.value.encode()
    return Writer(header=b"").u8(party.kind).u16(len(value)).raw(value).done()
