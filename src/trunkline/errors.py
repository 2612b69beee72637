"""The one tree of errors: everything Trunkline raises on purpose derives from `TrunklineError`.

Each class has a stable `code`, which is what a machine reads: it is the last part of the problem
document's type URI (RFC 9457) and the `error` field of `--json` output. The message says what is wrong
and what to do. Messages never carry phone numbers, labels, call records or keys.
"""

from typing import ClassVar


class TrunklineError(Exception):
    """Base of all errors raised on purpose.

    Attributes:
        code: Stable machine-readable name, in kebab case.
        status: HTTP status a service answers with when this error ends a request.
        indices: Positions of the bad elements, if a batch call names them.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    indices: tuple[int, ...] = ()


class ConfigurationError(TrunklineError):
    """A configuration file, key file or command-line option cannot be used as it stands."""

    code = "configuration"


# --- input from outside -------------------------------------------------------------------------------


class InputError(TrunklineError):
    """Input from outside is not acceptable; nothing was changed."""

    code = "input"
    status = 400


class DecodingError(InputError):
    """Bytes are malformed, truncated, non-canonical or followed by trailing bytes."""

    code = "malformed"


class VersionError(DecodingError):
    """The version byte or suite identifier is one this release does not know."""

    code = "unknown-version"


class TooLargeError(InputError):
    """Input exceeds the size limit that its kind has."""

    code = "too-large"
    status = 413


class NumberError(InputError):
    """A telephone number does not exist under the number plan that its source states."""

    code = "number"


class CdrError(InputError):
    """A call record row or file cannot be read; the message says why, without the row's content."""

    code = "cdr"


# --- cryptography -------------------------------------------------------------------------------------


class CryptoError(TrunklineError):
    """A cryptographic check failed."""

    code = "crypto"
    status = 400


class PointError(CryptoError):
    """A group element is off the curve, off the subgroup, the identity, or not canonically encoded."""

    code = "point"


class ScalarError(CryptoError):
    """A scalar is out of range, or zero where zero is refused."""

    code = "scalar"


class ProofError(CryptoError):
    """A zero-knowledge proof does not verify."""

    code = "proof"


class SignatureError(CryptoError):
    """A signature (group, BLS or Ed25519) does not verify."""

    code = "signature"


class DecryptionError(CryptoError):
    """A record's check bytes do not match after decryption. Alone this proves nothing against anyone."""

    code = "decryption"


class NotAMemberError(CryptoError):
    """An opened signature leads to a credential that is in no join log."""

    code = "not-a-member"


# --- requests between parties -------------------------------------------------------------------------


class RequestError(TrunklineError):
    """A request from another party is refused."""

    code = "request"
    status = 400


class AuthenticationError(RequestError):
    """A request's signature is missing, invalid, by an unknown party, or for another audience."""

    code = "authentication"
    status = 401


class ClockSkewError(AuthenticationError):
    """A request's creation time is too far from this clock; the message states the skew in seconds."""

    code = "clock-skew"


class ReplayError(AuthenticationError):
    """A request's nonce was seen before."""

    code = "replay"


class PolicyError(RequestError):
    """A request is well-formed and authentic, but policy does not allow it."""

    code = "policy"
    status = 403


class QuotaError(PolicyError):
    """A quota is used up; the message says when it is renewed."""

    code = "quota"
    status = 429


class GrantError(PolicyError):
    """A retrieval grant is missing, expired, for another requester, store or index set."""

    code = "grant"


class EvidenceError(RequestError):
    """Evidence handed in for accountability is incomplete or does not prove what it claims."""

    code = "evidence"
    status = 422


class NotFoundError(RequestError):
    """The thing asked for is not here."""

    code = "not-found"
    status = 404


class ConflictError(RequestError):
    """The request contradicts what is already registered."""

    code = "conflict"
    status = 409


# --- the world ----------------------------------------------------------------------------------------


class UnavailableError(TrunklineError):
    """Another service did not answer in time, after bounded retries; trying again later is safe."""

    code = "unavailable"
    status = 503


class NotReadyError(UnavailableError):
    """A service cannot do its work now; the message names the checks that failed, and nothing more."""

    code = "not-ready"


class StorageError(TrunklineError):
    """Local storage failed: disk full, corrupt, or locked by another process. Nothing was acknowledged."""

    code = "storage"
    status = 503
