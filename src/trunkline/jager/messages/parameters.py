"""The public parameters of a deployment, signed by its root (docs/protocol.md, section 7)."""

from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from trunkline.crypto.ed25519 import SigningKey, check_public_key
from trunkline.crypto.group_signature import GroupPublicKey
from trunkline.crypto.label_signature import key_id, verify_possession
from trunkline.crypto.oprf import LabelClient
from trunkline.errors import DecodingError, InputError, SignatureError
from trunkline.jager.messages.codec import H
from trunkline.jager.messages.signed_document import (
    Bytes16,
    Bytes32,
    Bytes48,
    Bytes96,
    SignedDocument,
    SignedModel,
    read_document_file,
    read_model,
)
from trunkline.telephony.call_details import LabelProfile, LabelRules

PARAMETERS_LIMIT = 1024 * 1024
_WHAT = "the public parameters"
_KEYS_LIMIT = 4096
_STORES_LIMIT = 64

_Unsigned32 = Annotated[int, Field(ge=0, lt=1 << 32)]
_Unsigned64 = Annotated[int, Field(ge=0, lt=1 << 64)]


class LabelKeys(SignedModel):
    """One pair of label key and authorization key, and the epochs [from, to) of calls that it is for."""

    oprf: Bytes32
    vk_t: Bytes96
    vk_t_possession: Bytes48
    epoch_from: _Unsigned64
    epoch_to: _Unsigned64

    @model_validator(mode="after")
    def _check_interval(self) -> Self:
        if self.epoch_from >= self.epoch_to:
            raise ValueError("the interval of epochs is empty")
        return self

    @cached_property
    def kid(self) -> bytes:
        """The identifier of the pair, 16 bytes."""
        return key_id(self.oprf, self.vk_t)


class GroupKeys(SignedModel):
    """The keys of issuer and opener, with their proofs of possession."""

    w: Bytes96
    w_possession: Bytes48
    y: Bytes48
    y_possession: Bytes48


class RecordStoreKey(SignedModel):
    """A record store and its Ed25519 key."""

    id: Bytes16
    key: Bytes32


class PublicParameters(SignedModel):
    """All that the parties of one deployment must agree on.

    An instance made from fields has been checked for their form only; `SignedParameters` checks the rest.
    """

    version: Annotated[int, Field(ge=1, le=1)]
    deployment: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}$")]
    not_before: _Unsigned64
    not_after: _Unsigned64
    label_profile: Annotated[int, Field(ge=1, le=2)]
    resolution_ms: Annotated[int, Field(ge=10, le=60_000)]
    t_max_ms: Annotated[int, Field(ge=0, le=600_000)]
    ring_max_ms: Annotated[int, Field(ge=0, le=600_000)]
    answer_time_sources: bool
    submit_by_s: _Unsigned32
    period_s: Annotated[int, Field(ge=1, lt=1 << 32)]
    period_grace_s: _Unsigned32
    keys: Annotated[tuple[LabelKeys, ...], Field(min_length=1, max_length=_KEYS_LIMIT)]
    group_keys: Annotated[GroupKeys, Field(alias="group")]
    authorization_key: Bytes32
    membership_key: Bytes32
    accountability_key: Bytes32
    registry_key: Bytes32
    record_stores: Annotated[tuple[RecordStoreKey, ...], Field(min_length=1, max_length=_STORES_LIMIT)]

    _payload: bytes = PrivateAttr(default=b"")

    @model_validator(mode="after")
    def _check_fields(self) -> Self:
        if self.not_before >= self.not_after:
            raise ValueError("the validity is empty")
        if self.period_grace_s > self.period_s:
            raise ValueError("the grace is longer than a period")
        if len({store.id for store in self.record_stores}) != len(self.record_stores):
            raise ValueError("a record store is listed twice")
        if len({keys.kid for keys in self.keys}) != len(self.keys):
            raise ValueError("a pair of label keys is listed twice")
        if any(first.epoch_to > second.epoch_from for first, second in pairwise(self.keys)):
            raise ValueError("the intervals of the label keys overlap or are not in ascending order")
        return self

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read the payload of a signed document. Nothing is verified but the form of the fields.

        Raises:
            TooLargeError: The payload is too large.
            DecodingError: A field is missing, unknown or unacceptable; the message names it.
        """
        parameters = read_model(cls, payload, _WHAT, PARAMETERS_LIMIT)
        parameters._payload = payload
        return parameters

    @property
    def payload(self) -> bytes:
        """The exact bytes that are hashed and signed."""
        return self._payload or self.model_dump_json(by_alias=True, indent=1).encode()

    @cached_property
    def hash(self) -> bytes:
        """H("params", payload), 32 bytes."""
        return H("params", self.payload)

    @property
    def ref(self) -> bytes:
        """The first 8 bytes of the hash, as records carry them."""
        return self.hash[:8]

    @cached_property
    def rules(self) -> LabelRules:
        """The rules by which calls get labels."""
        return LabelRules(
            profile=LabelProfile(self.label_profile),
            resolution_ms=self.resolution_ms,
            t_max_ms=self.t_max_ms,
            ring_max_ms=self.ring_max_ms,
            answer_time_sources=self.answer_time_sources,
        )

    @cached_property
    def keys_by_kid(self) -> dict[bytes, LabelKeys]:
        """The pairs of label keys by their identifiers."""
        return {keys.kid: keys for keys in self.keys}

    @cached_property
    def group(self) -> GroupPublicKey:
        """The group's public key."""
        return GroupPublicKey(self.group_keys.w, self.group_keys.y)

    @property
    def gpk_id(self) -> bytes:
        """The identifier of the group's public key, 16 bytes."""
        return self.group.id

    def key_for_epoch(self, epoch: int) -> LabelKeys:
        """Return the pair of label keys that is in force for calls of an epoch.

        Raises:
            InputError: None is; the message names the gap.
        """
        before: int | None = None
        for keys in self.keys:
            if epoch < keys.epoch_from:
                since = "the beginning" if before is None else f"epoch {before}"
                raise InputError(f"no label key is in force from {since} to epoch {keys.epoch_from}")
            if epoch < keys.epoch_to:
                return keys
            before = keys.epoch_to
        raise InputError(f"no label key is in force from epoch {before} on: newer parameters are needed")

    def store(self, store_id: bytes) -> RecordStoreKey:
        """Return a record store of this deployment.

        Raises:
            InputError: It has none of this identifier.
        """
        for store in self.record_stores:
            if store.id == store_id:
                return store
        raise InputError("the public parameters name no record store of this identifier")

    def period_of(self, time: float) -> int:
        """Return the credential period in which a Unix time lies."""
        return int(time) // self.period_s

    def accepted_periods(self, now: float) -> tuple[int, ...]:
        """Return the periods that are accepted: the current one, and for a while the one before."""
        current = self.period_of(now)
        if current and now - current * self.period_s < self.period_grace_s:
            return (current, current - 1)
        return (current,)

    def audience(self, service: str) -> str:
        """Return the name of a service that requests to it are signed for, such as `DEPLOYMENT/labels`."""
        return f"{self.deployment}/{service}"

    def check_valid_at(self, now: float) -> None:
        """Check the validity.

        Raises:
            InputError: These parameters are not valid yet, or no more.
        """
        if now < self.not_before:
            raise InputError("the public parameters are not valid yet: check the clock")
        if now >= self.not_after:
            raise InputError("the public parameters have expired: get newer ones")


class SignedParameters:
    """Signing and strict loading of public parameters."""

    @staticmethod
    def sign(payload: bytes, root_key: SigningKey) -> SignedDocument:
        """Sign a payload with the root key, after checking that it can be loaded again.

        Raises:
            DecodingError: The payload is not acceptable.
            CryptoError: A key in it is not.
        """
        _check_keys(PublicParameters.decode(payload))
        return SignedDocument.sign(payload, root_key, "parameters")

    @staticmethod
    def load(path: Path, root_fingerprint: str, *, now: float | None) -> PublicParameters:
        """Load public parameters from a file, as `verify` does.

        Raises:
            ConfigurationError: The file cannot be read.
        """
        document = read_document_file(path, _WHAT, 2 * PARAMETERS_LIMIT)
        return SignedParameters.verify(document, root_fingerprint, now=now)

    @staticmethod
    def verify(document: SignedDocument, root_fingerprint: str, *, now: float | None) -> PublicParameters:
        """Verify public parameters in full.

        The checks, in this order:
            1. The document's key has the pinned fingerprint.
            2. The root's signature is valid.
            3. All fields are there, none is unknown, and each is acceptable.
            4. Every point and every key is strict: canonical, in its group, not the identity.
            5. The holders of vk_T, w and Y have proven possession of their secrets.
            6. The parameters are valid now.

        Args:
            document: The signed document.
            root_fingerprint: H("root", key) in hex, known from elsewhere.
            now: Unix time for check 6; None for a judge, who looks at what was valid once.

        Raises:
            SignatureError: Check 1 or 2 fails.
            DecodingError: Check 3 fails.
            CryptoError: Check 4 or 5 fails.
            InputError: Check 6 fails.
        """
        # 1.
        if H("root", document.key).hex() != root_fingerprint.strip().lower():
            raise SignatureError("the public parameters are signed by another root key than the pinned one")
        # 2.
        document.verify("parameters")
        # 3.
        parameters = PublicParameters.decode(document.payload)
        # 4. and 5.
        _check_keys(parameters)
        # 6.
        if now is not None:
            parameters.check_valid_at(now)
        return parameters


def root_fingerprint(public_key: bytes) -> str:
    """Return the fingerprint that a root key is pinned by: H("root", key) in hex."""
    return H("root", public_key).hex()


def make_parameters(**fields: object) -> PublicParameters:
    """Make parameters from fields by name (`group` included), for the ceremony that signs them.

    Raises:
        DecodingError: A field is missing, unknown or unacceptable.
    """
    try:
        return PublicParameters.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise DecodingError(f"{_WHAT} are not acceptable at {place}: {first['msg']}") from error


def _check_keys(parameters: PublicParameters) -> None:
    for keys in parameters.keys:
        LabelClient(keys.oprf)
        verify_possession("vk_T", keys.vk_t, keys.vk_t_possession)
    group = parameters.group_keys
    verify_possession("w", group.w, group.w_possession)
    verify_possession("Y", group.y, group.y_possession)
    for key in (
        parameters.authorization_key,
        parameters.membership_key,
        parameters.accountability_key,
        parameters.registry_key,
        *(store.key for store in parameters.record_stores),
    ):
        check_public_key(key)
