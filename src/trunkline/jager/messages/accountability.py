"""The bundle of a trace, reports and disavowals over it, and the verdict (docs/protocol.md, section 10)."""

from base64 import b64decode, b64encode
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from trunkline.crypto.ed25519 import SigningKey, verify
from trunkline.errors import ConfigurationError
from trunkline.jager.messages.authorization import GRANT_SIZE, LABELS_LIMIT, Grant
from trunkline.jager.messages.codec import H, Writer
from trunkline.jager.messages.hop import HOP_SIZE
from trunkline.jager.messages.log import LogHead
from trunkline.jager.messages.retrieval import RETRIEVAL_RESULT_LIMIT, RetrievalPage
from trunkline.jager.messages.signed_document import (
    AS_HEX,
    Bytes16,
    Bytes32,
    SignedDocument,
    SignedModel,
    base64_schema,
    hex_bytes,
    hex_schema,
    read_model,
)
from trunkline.telephony.numbers import Party, PartyKind
from trunkline.telephony.providers import ProviderId

BUNDLE_LIMIT = 64 * 1024 * 1024
REPORT_LIMIT = BUNDLE_LIMIT + 64 * 1024
VERDICT_LIMIT = 3 * BUNDLE_LIMIT
CASE_LIMIT = 2_000
_PAGES_LIMIT = 1_000
_OPENINGS_LIMIT = 100_000
_PATH_LIMIT = 64

_Unsigned32 = Annotated[int, Field(ge=0, lt=1 << 32)]
_Unsigned64 = Annotated[int, Field(ge=0, lt=1 << 64)]


def _base64(low: int, high: int) -> Any:
    def read(value: object) -> bytes:
        if isinstance(value, bytes):
            data = value
        elif isinstance(value, str):
            data = b64decode(value, validate=True)
            if b64encode(data).decode() != value:
                raise ValueError("must be canonical base64")
        else:
            raise ValueError("must be base64")  # noqa: TRY004 - pydantic collects ValueError only
        if not low <= len(data) <= high:
            raise ValueError(f"must have {low} to {high} bytes")
        return data

    return BeforeValidator(read)


_AS_BASE64 = PlainSerializer(lambda value: b64encode(value).decode(), return_type=str, when_used="json")


_Hop = Annotated[bytes, hex_bytes(HOP_SIZE), AS_HEX, hex_schema(HOP_SIZE)]
_Label = Annotated[bytes, _base64(64, 64), _AS_BASE64, base64_schema(64, 64)]
_LabelSignature = Annotated[bytes, _base64(48, 48), _AS_BASE64, base64_schema(48, 48)]
_Grant = Annotated[bytes, _base64(GRANT_SIZE, GRANT_SIZE), _AS_BASE64, base64_schema(GRANT_SIZE, GRANT_SIZE)]
_Page = Annotated[
    bytes, _base64(1, RETRIEVAL_RESULT_LIMIT), _AS_BASE64, base64_schema(1, RETRIEVAL_RESULT_LIMIT)
]
_Base64x32 = Annotated[bytes, _base64(32, 32), _AS_BASE64, base64_schema(32, 32)]
_Base64x64 = Annotated[bytes, _base64(64, 64), _AS_BASE64, base64_schema(64, 64)]
_Opening = Annotated[bytes, _base64(96, 96), _AS_BASE64, base64_schema(96, 96)]
_LogEntry = Annotated[bytes, _base64(1, 1024), _AS_BASE64, base64_schema(1, 1024)]


class PartyField(SignedModel):
    """A party of a call: its kind as in call details, and its value."""

    kind: Annotated[int, Field(ge=0, le=2)]
    value: Annotated[str, Field(max_length=255)] = Field(repr=False)

    @classmethod
    def of(cls, party: Party) -> Self:
        """Make the field of a party."""
        return cls(kind=int(party.kind), value=party.value)

    @property
    def party(self) -> Party:
        """The party."""
        return Party(PartyKind(self.kind), self.value)

    @model_validator(mode="after")
    def _check_withheld(self) -> Self:
        if (self.kind == PartyKind.WITHHELD) != (self.value == ""):
            raise ValueError("a withheld party has no value, every other has one")
        return self


class TracedCall(SignedModel):
    """The call that was traced, and the rule of its window; what the details commitment commits to."""

    src: PartyField
    dst: PartyField
    time_ms: Annotated[int, Field(ge=0, lt=1 << 53)]
    own_time_is_answer: bool
    tolerance_ms: _Unsigned32
    salt: Bytes32


class Case(SignedModel):
    """The case that the trace serves; what the case commitment commits to."""

    text: Annotated[str, Field(max_length=CASE_LIMIT)]
    salt: Bytes32


class OwnRecordField(SignedModel):
    """The tracer's own record."""

    hop: _Hop
    epoch: _Unsigned64


class TracedLabel(SignedModel):
    """One label of the window with its decryption witness."""

    epoch: _Unsigned64
    kid: Bytes16
    label: _Label = Field(repr=False)
    signature: _LabelSignature


class TraceBundle(SignedModel):
    """Everything that one trace rests on: the result file that `judge` and `report` read.

    It holds the parties of the call and all labels: it is as confidential as the call itself.
    """

    version: Literal[1] = 1
    params_hash: Bytes32
    call: TracedCall
    case: Case
    own: OwnRecordField | None
    labels: Annotated[tuple[TracedLabel, ...], Field(min_length=1, max_length=LABELS_LIMIT)]
    grant: _Grant
    pages: Annotated[tuple[_Page, ...], Field(min_length=1, max_length=_PAGES_LIMIT)] = Field(repr=False)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a bundle; nothing is verified but the form of the fields.

        Raises:
            TooLargeError: It is too large.
            DecodingError: A field is missing, unknown or unacceptable.
        """
        return read_model(cls, data, "a trace bundle", BUNDLE_LIMIT)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a bundle from a file.

        Raises:
            ConfigurationError: The file cannot be read.
            InputError: It is no bundle.
        """
        try:
            with path.open("rb") as file:
                data = file.read(BUNDLE_LIMIT + 1)
        except OSError as error:
            raise ConfigurationError(f"cannot read the trace from {path}: {error.strerror}") from error
        return cls.decode(data)

    def encode(self) -> bytes:
        """Write the bundle as JSON; equal bundles give equal bytes."""
        return self.model_dump_json(indent=1).encode() + b"\n"

    @property
    def digest(self) -> bytes:
        """H("bundle", encoding), 32 bytes."""
        return H("bundle", self.encode())

    def decoded_grant(self) -> Grant:
        """The grant.

        Raises:
            DecodingError: It is none.
        """
        return Grant.decode(self.grant)

    def decoded_pages(self) -> list[RetrievalPage]:
        """The pages of the result.

        Raises:
            DecodingError: One is none.
        """
        return [RetrievalPage.decode(page) for page in self.pages]


class Report(SignedModel):
    """A tracer's request to open what a trace found wrong; with `enforcement`, every record of its call."""

    version: Literal[1] = 1
    bundle: TraceBundle
    enforcement: bool = False

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a report.

        Raises:
            TooLargeError: It is too large.
            DecodingError: A field is missing, unknown or unacceptable.
        """
        return read_model(cls, data, "a report", REPORT_LIMIT)

    def encode(self) -> bytes:
        """Write the report as JSON."""
        return self.model_dump_json().encode()


class DisavowalStatement(SignedModel):
    """A carrier's signed word that it was not in one call."""

    carrier: Bytes16
    details_commitment: Bytes32
    case_commitment: Bytes32
    time: _Unsigned64
    signature: _Base64x64 = bytes(64)

    def signed_part(self, params_hash: bytes) -> bytes:
        """Return the bytes that are signed."""
        writer = Writer().raw(params_hash, self.carrier, self.details_commitment, self.case_commitment)
        return writer.u64(self.time).done()

    def sign(self, key: SigningKey, params_hash: bytes) -> Self:
        """Return this statement signed by the carrier's identity key."""
        return self.model_copy(update={"signature": key.sign("disavowal", self.signed_part(params_hash))})

    def verify(self, public_key: bytes, params_hash: bytes) -> None:
        """Verify the signature under the carrier's key of the registry.

        Raises:
            SignatureError: It does not verify.
        """
        verify(public_key, "disavowal", self.signed_part(params_hash), self.signature)

    @property
    def provider(self) -> ProviderId:
        """The carrier."""
        return ProviderId(self.carrier)


class Disavowal(SignedModel):
    """A named carrier's statement with the trace that names it."""

    version: Literal[1] = 1
    bundle: TraceBundle
    statement: DisavowalStatement

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a disavowal.

        Raises:
            TooLargeError: It is too large.
            DecodingError: A field is missing, unknown or unacceptable.
        """
        return read_model(cls, data, "a disavowal", REPORT_LIMIT)

    def encode(self) -> bytes:
        """Write the disavowal as JSON."""
        return self.model_dump_json().encode()


class Transcript(SignedModel):
    """One evaluation of a label with all that is needed to check it again, for ever."""

    epoch: _Unsigned64
    blind: _Base64x32
    evaluated: _Base64x32
    proof: _Base64x64


class SignerEntry(SignedModel):
    """A member that signed an opened record: its join log entry and the entry's audit path."""

    carrier: Bytes16
    entry: _LogEntry
    index: _Unsigned64
    path: Annotated[tuple[Bytes32, ...], Field(max_length=_PATH_LIMIT)]


OpeningReason = Literal[
    "contradicting",
    "forged",
    "malformed",
    "flood",
    "enforcement",
    "disavowal-claims",
    "disavowal-names",
]


class OpenedRecord(SignedModel):
    """The opening of one record's group signature; `signer` is None for an S that is in no join log."""

    record_id: Bytes16
    reason: OpeningReason
    opening: _Opening
    signer: Bytes16 | None

    @property
    def provider(self) -> ProviderId | None:
        """Who signed."""
        return None if self.signer is None else ProviderId(self.signer)


class NamedCarrier(SignedModel):
    """A carrier in whose name records of one period speak, with proof that it had a credential then.

    Attributes:
        period: The credential period.
        carrier: The carrier.
        entry: The join log's entry of a credential issued to it for the period; None if there is none.
        index: The entry's index.
        path: The entry's audit path.
    """

    period: _Unsigned32
    carrier: Bytes16
    entry: _LogEntry | None
    index: _Unsigned64
    path: Annotated[tuple[Bytes32, ...], Field(max_length=_PATH_LIMIT)]


class FindingField(SignedModel):
    """One finding of a verdict."""

    kind: Annotated[str, Field(max_length=64)]
    carrier: Bytes16 | None
    claimed: Bytes16 | None
    records: Annotated[tuple[Bytes16, ...], Field(max_length=_OPENINGS_LIMIT)]


class Verdict(SignedModel):
    """What the accountability authority found and opened, with everything needed to check it offline."""

    version: Literal[1] = 1
    kind: Literal["report", "disavowal"]
    params_hash: Bytes32
    time: _Unsigned64
    requester: Bytes16
    enforcement: bool
    statement: DisavowalStatement | None
    bundle: TraceBundle
    transcripts: Annotated[tuple[Transcript, ...], Field(min_length=1, max_length=LABELS_LIMIT)]
    log_head: LogHead
    named: Annotated[tuple[NamedCarrier, ...], Field(max_length=100_000)]
    signers: Annotated[tuple[SignerEntry, ...], Field(max_length=100_000)]
    openings: Annotated[tuple[OpenedRecord, ...], Field(max_length=_OPENINGS_LIMIT)]
    findings: Annotated[tuple[FindingField, ...], Field(max_length=_OPENINGS_LIMIT)]
    openings_log: Bytes32

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if (self.kind == "disavowal") != (self.statement is not None):
            raise ValueError("a verdict has a statement if and only if it is about a disavowal")
        if self.kind == "disavowal" and self.enforcement:
            raise ValueError("a verdict about a disavowal opens nothing for enforcement")
        return self

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read the payload of a signed verdict; nothing is verified but the form of the fields.

        Raises:
            TooLargeError: It is too large.
            DecodingError: A field is missing, unknown or unacceptable.
        """
        return read_model(cls, payload, "a verdict", VERDICT_LIMIT)

    def sign(self, key: SigningKey) -> SignedDocument:
        """Sign this verdict with the accountability authority's key."""
        return SignedDocument.sign(self.model_dump_json().encode(), key, "verdict")


def decode_verdict_document(data: bytes) -> SignedDocument:
    """Read a signed verdict.

    Raises:
        TooLargeError: It is too large.
        DecodingError: It is no signed document.
    """
    return SignedDocument.decode(data, "a verdict", 2 * VERDICT_LIMIT)
