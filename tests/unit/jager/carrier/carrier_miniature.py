"""A deployment in miniature: real keys and parameters, services as plain callables that can fail and lie."""

from dataclasses import dataclass, field

from trunkline.crypto.group_signature import IssuerKey, MemberSecret, OpenerKey, Signer, Verifier
from trunkline.crypto.label_signature import AuthorizationKey
from trunkline.crypto.oprf import LabelKey
from trunkline.errors import UnavailableError
from trunkline.jager.messages.contribution import Contribution, Receipt, Rejection, RejectReason
from trunkline.jager.messages.labels import EvaluatedPart, LabelRequest, LabelResponse
from trunkline.jager.messages.parameters import PublicParameters, make_parameters
from trunkline.jager.messages.record import Record, RecordKey
from trunkline.service.keys import IdentityKey
from trunkline.telephony.providers import ProviderId

STORE_ID = b"\x05" * 16
SELF = ProviderId(b"\x11" * 16)
PEER = ProviderId(b"\x22" * 16)
WEEK = 604_800
_REASONS = {
    "version": RejectReason.VERSION,
    "params": RejectReason.PARAMS,
    "period": RejectReason.PERIOD,
    "point": RejectReason.POINT,
    "signature": RejectReason.SIGNATURE,
}


@dataclass(frozen=True)
class Keys:
    labels: tuple[LabelKey, LabelKey] = field(
        default_factory=lambda: (LabelKey.generate(), LabelKey.generate())
    )
    authorization: tuple[AuthorizationKey, AuthorizationKey] = field(
        default_factory=lambda: (AuthorizationKey.generate(), AuthorizationKey.generate())
    )
    issuer: IssuerKey = field(default_factory=IssuerKey.generate)
    opener: OpenerKey = field(default_factory=OpenerKey.generate)
    member: MemberSecret = field(default_factory=MemberSecret.generate)
    grant: IdentityKey = field(default_factory=IdentityKey.generate)
    membership: IdentityKey = field(default_factory=IdentityKey.generate)
    store: IdentityKey = field(default_factory=IdentityKey.generate)
    carrier: IdentityKey = field(default_factory=IdentityKey.generate)
    other: IdentityKey = field(default_factory=IdentityKey.generate)


class Miniature:
    """Parameters over the given keys, a clock that tests set, and the services."""

    def __init__(self, keys: Keys, now: float, **changes: object) -> None:
        self.keys = keys
        self.now = now
        self.parameters = self._parameters(keys, **changes)
        self.labels = LabelService(keys, self.parameters)
        self.store = StoreService(keys, self.parameters, self.clock)
        self._signers: dict[int, Signer] = {}

    @staticmethod
    def make_keys() -> Keys:
        return Keys()

    def clock(self) -> float:
        return self.now

    @property
    def period(self) -> int:
        return self.parameters.period_of(self.now)

    @property
    def epoch(self) -> int:
        return int(self.now)

    def signer(self) -> Signer:
        period = self.period
        if period not in self._signers:
            credential = self.keys.issuer.issue(period, self.keys.member.public_point)
            self._signers[period] = Signer(
                self.parameters.group, self.parameters.hash, self.keys.member, credential
            )
        return self._signers[period]

    def _parameters(self, keys: Keys, **changes: object) -> PublicParameters:
        middle = int(self.now) - 1000
        label_keys = tuple(
            {
                "oprf": label.public_key.hex(),
                "vk_t": authorization.public_key.hex(),
                "vk_t_possession": authorization.possession_proof().hex(),
                "epoch_from": start,
                "epoch_to": end,
            }
            for label, authorization, start, end in zip(
                keys.labels, keys.authorization, (0, middle), (middle, 1 << 40), strict=True
            )
        )
        fields: dict[str, object] = {
            "version": 1,
            "deployment": "miniature",
            "not_before": 0,
            "not_after": 1 << 40,
            "label_profile": 1,
            "resolution_ms": 1000,
            "t_max_ms": 10_000,
            "ring_max_ms": 60_000,
            "answer_time_sources": False,
            "submit_by_s": 3600,
            "period_s": WEEK,
            "period_grace_s": 600,
            "keys": label_keys,
            "group": {
                "w": keys.issuer.public_key.hex(),
                "w_possession": keys.issuer.possession_proof().hex(),
                "y": keys.opener.public_key.hex(),
                "y_possession": keys.opener.possession_proof().hex(),
            },
            "authorization_key": keys.grant.public_key.hex(),
            "membership_key": keys.membership.public_key.hex(),
            "accountability_key": keys.other.public_key.hex(),
            "registry_key": keys.other.public_key.hex(),
            "record_stores": ({"id": STORE_ID.hex(), "key": keys.store.public_key.hex()},),
        }
        return make_parameters(**(fields | changes))


class LabelService:
    """Evaluates; remembers the sizes of what it saw; can be down, or use another key."""

    def __init__(self, keys: Keys, parameters: PublicParameters) -> None:
        self._keys = {one.kid: key for one, key in zip(parameters.keys, keys.labels, strict=True)}
        self.sizes: list[int] = []
        self.shapes: list[tuple[int, ...]] = []
        self.failure: Exception | None = None
        self.lies = False

    def __call__(self, body: bytes) -> bytes:
        self.sizes.append(len(body))
        request = LabelRequest.decode(body)
        self.shapes.append(tuple(part.count for part in request.parts))
        if self.failure is not None:
            raise self.failure
        parts = []
        for part in request.parts:
            key = LabelKey.generate() if self.lies else self._keys[part.kid]
            parts.append(EvaluatedPart(part.kid, *key.evaluate_batch(part.elements)))
        return LabelResponse(tuple(parts)).encode()


class StoreService:
    """Verifies and keeps records as the record store does; can be down, forge, or leave records out."""

    def __init__(self, keys: Keys, parameters: PublicParameters, clock) -> None:
        self._keys = keys
        self._parameters = parameters
        self._clock = clock
        self._verifier = Verifier(parameters.group, parameters.hash)
        self.records: dict[bytes, Record] = {}
        self.batches: list[int] = []
        self.failure: Exception | None = None
        self.refuse: RejectReason | None = None
        self.change_receipt = lambda receipt: receipt.sign(self._keys.store)

    def __call__(self, body: bytes) -> bytes:
        contribution = Contribution.decode(body)
        self.batches.append(contribution.count)
        if isinstance(self.failure, UnavailableError):
            raise self.failure
        hour = int(self._clock() // 3600)
        bad = self._bad(contribution)
        keys = []
        for number, record in enumerate(map(Record, contribution)):
            if number not in bad:
                identifier = record.id(self._parameters.hash, self._parameters.group.id)
                self.records.setdefault(identifier, record)
                keys.append(RecordKey(record.idx, hour // 24, identifier))
        receipt = Receipt(
            self._parameters.hash,
            STORE_ID,
            hour,
            tuple(sorted(keys)),
            tuple(Rejection(number, bad[number]) for number in sorted(bad)),
        )
        return self.change_receipt(receipt).encode()

    def _bad(self, contribution: Contribution) -> dict[int, RejectReason]:
        if self.refuse is not None:
            return dict.fromkeys(range(contribution.count), self.refuse)
        accepted = self._parameters.accepted_periods(self._clock())
        bad = {
            number: RejectReason.PERIOD
            for number, record in enumerate(map(Record, contribution))
            if record.period not in accepted
        }
        for period in accepted:
            numbers = [
                number for number, record in enumerate(map(Record, contribution)) if record.period == period
            ]
            packed = b"".join(list(contribution)[number] for number in numbers)
            if packed:
                for index, reason in self._verifier.verify_records(packed, period):
                    bad[numbers[index]] = _REASONS[reason]
        return bad
