"""A deployment in memory with real cryptography: carriers, their records, and traces of one call."""

import hashlib
import sys
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path

from trunkline.crypto.group_signature import IssuerKey, MemberSecret, OpenerKey, Signer
from trunkline.crypto.label_signature import AuthorizationKey
from trunkline.crypto.oprf import LabelClient, LabelKey
from trunkline.crypto.witness_encryption import Encryptor
from trunkline.jager.messages.accountability import (
    Case,
    OwnRecordField,
    PartyField,
    TraceBundle,
    TracedCall,
    TracedLabel,
    Transcript,
)
from trunkline.jager.messages.authorization import Grant, KeyedLabel, case_commitment, idx_digest
from trunkline.jager.messages.hop import Hop
from trunkline.jager.messages.log import JOIN_LOG, LogHead
from trunkline.jager.messages.membership import IssuanceEntry, JoinEntry, JoinRequest
from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.jager.messages.parameters import PublicParameters, make_parameters
from trunkline.jager.messages.record import Record
from trunkline.jager.messages.registry import Provider, Registry
from trunkline.jager.messages.retrieval import (
    PAGE_RECORDS,
    RetrievalPage,
    Served,
    StoredRecord,
    result_digest,
)
from trunkline.service.keys import IdentityKey
from trunkline.service.merkle import MerkleTree
from trunkline.telephony.call_details import encode_call_details, window
from trunkline.telephony.numbers import Party, PartyKind
from trunkline.telephony.providers import ProviderId

sys.path.insert(0, str(Path(__file__).parents[3]))

from second_implementation import group_signature as other
from second_implementation.bls12_381 import (
    IDENTITY,
    ORDER,
    decode_signature_point,
    multiply_by_integer,
)

NOW = 1_760_000_000
STORE_ID = b"\x57" * 16
T_MAX_MS = 1000
SRC = Party(PartyKind.E164, "+15550100")
DST = Party(PartyKind.E164, "+15550199")
CASE_TEXT = "case 7"


def carrier(name: str | None) -> ProviderId | None:
    return None if name in (None, "-") else ProviderId(str(name).encode().ljust(16, b"."))


def some_carrier(name: str) -> ProviderId:
    found = carrier(name)
    assert found is not None
    return found


@dataclass
class Member:
    id: ProviderId
    identity: IdentityKey
    secret: MemberSecret
    signer: Signer
    credential: bytes
    entry: bytes


@dataclass
class World:
    """Keys of everybody, and the join log."""

    names: str = "ABCDEX"
    unlogged: str = "U"
    label_key: LabelKey = field(default_factory=LabelKey.generate)
    authorization: AuthorizationKey = field(default_factory=AuthorizationKey.generate)
    issuer: IssuerKey = field(default_factory=IssuerKey.generate)
    opener: OpenerKey = field(default_factory=OpenerKey.generate)

    def __post_init__(self) -> None:
        roles = ("grant", "membership", "verdict", "registry", "store")
        self.keys = {role: IdentityKey.generate() for role in roles}
        self.parameters = self._parameters()
        self.known = ParameterSet(self.parameters)
        self.period = self.parameters.period_of(NOW)
        self.kid = self.parameters.keys[0].kid
        self.log: list[bytes] = []
        self.members = {name: self._join(name) for name in self.names + self.unlogged}
        self.registry = Registry(
            version=1,
            serial=1,
            issued_at=NOW,
            providers=tuple(
                Provider(id=m.id.value, name=name, key=m.identity.public_key, status="active", contact="")
                for name, m in self.members.items()
            ),
        )

    def _parameters(self) -> PublicParameters:
        return make_parameters(
            version=1,
            deployment="test",
            not_before=NOW - 86_400,
            not_after=NOW + 40 * 86_400,
            label_profile=1,
            resolution_ms=1000,
            t_max_ms=T_MAX_MS,
            ring_max_ms=0,
            answer_time_sources=False,
            submit_by_s=7200,
            period_s=604_800,
            period_grace_s=3600,
            keys=(
                {
                    "oprf": self.label_key.public_key,
                    "vk_t": self.authorization.public_key,
                    "vk_t_possession": self.authorization.possession_proof(),
                    "epoch_from": NOW - 86_400,
                    "epoch_to": NOW + 86_400,
                },
            ),
            group={
                "w": self.issuer.public_key,
                "w_possession": self.issuer.possession_proof(),
                "y": self.opener.public_key,
                "y_possession": self.opener.possession_proof(),
            },
            authorization_key=self.keys["grant"].public_key,
            membership_key=self.keys["membership"].public_key,
            accountability_key=self.keys["verdict"].public_key,
            registry_key=self.keys["registry"].public_key,
            record_stores=({"id": STORE_ID, "key": self.keys["store"].public_key},),
        )

    def succeeded(self, **changes: object) -> "World":
        """The same parties under parameters that succeed these, with the same join log."""
        later = copy(self)
        fields = {"not_before": self.parameters.not_before + 3600, **changes}
        later.parameters = make_parameters(**(self.parameters.model_dump(by_alias=True) | fields))
        later.known = ParameterSet(later.parameters, self.known)
        group, params_hash = later.parameters.group, later.parameters.hash
        later.members = {}
        for name, member in self.members.items():
            credential = later.issuer.issue(later.period, member.secret.public_point)
            signer = Signer(group, params_hash, member.secret, credential)
            later.members[name] = replace(member, signer=signer, credential=credential)
        return later

    def _join(self, name: str) -> Member:
        parameters, identity, secret = self.parameters, IdentityKey.generate(), MemberSecret.generate()
        provider, nonce = some_carrier(name), hashlib.sha256(name.encode()).digest()
        proof = secret.join_proof(parameters.hash, nonce, provider.value, identity.public_key)
        request = JoinRequest(nonce, provider, identity.public_key, secret.public_point, proof)
        entry = JoinEntry(NOW - 3600, request.sign(identity, parameters.hash)).encode()
        credential = self.issuer.issue(self.period, secret.public_point)
        if name not in self.unlogged:
            self.log.append(entry)
            self.log.append(IssuanceEntry(NOW - 3600, provider, self.period, secret.public_point).encode())
        signer = Signer(parameters.group, parameters.hash, secret, credential)
        return Member(provider, identity, secret, signer, credential, entry)

    # --- records --------------------------------------------------------------------------------------

    def label(self, epoch: int) -> bytes:
        blinding = LabelClient(self.label_key.public_key).blind_batch([self.details(epoch)])
        return blinding.finalize(*self.label_key.evaluate_batch(blinding.elements))

    def details(self, epoch: int) -> bytes:
        return encode_call_details(self.parameters.rules, SRC, DST, epoch)

    def body(self, hop: str, at: int = 0, **flags: bool) -> bytes:
        previous, current, following = (carrier(part) for part in hop.split())
        assert current is not None
        encoded = Hop(previous, current, following, **flags).encode()
        epoch = NOW + at
        encryptor = Encryptor(self.authorization.public_key, self.kid)
        return encryptor.encrypt_batch(self.label(epoch), [self.details(epoch)], encoded)

    def seal(self, body: bytes, signer: str) -> Record:
        return Record(self.members[signer].signer.seal_batch(body))

    def record(self, hop: str, at: int = 0, *, signer: str | None = None, **flags: bool) -> Record:
        """`record("A B C")` is B's honest record; `signer` says who really signs it."""
        return self.seal(self.body(hop, at, **flags), signer or hop.split()[1])

    def malformed(self, signer: str) -> Record:
        body = bytearray(self.body(f"- {signer} -"))
        body[-1] ^= 1
        return self.seal(bytes(body), signer)

    def with_torsion(self, record: Record, signer: str) -> Record:
        """The same record signed with torsion points added to E1 and E2."""
        member, parameters = self.members[signer], self.parameters
        mark = torsion_point()
        random = other.SigningRandomness(
            3, 5, 7, 11, 13, 17, (IDENTITY, IDENTITY, mark, mark, *(IDENTITY,) * 3)
        )
        group = other.Group(parameters.group_keys.w, parameters.group_keys.y, parameters.hash)
        signature = other.sign(
            group,
            int.from_bytes(member.secret.secret_bytes(), "big"),
            member.credential,
            record.message(parameters.hash, parameters.gpk_id),
            random,
        )
        return Record(record.data[:-464] + signature)

    def id_of(self, record: Record) -> bytes:
        return record.id(self.parameters.hash, self.parameters.gpk_id)

    # --- traces ---------------------------------------------------------------------------------------

    def bundle(
        self,
        records: Sequence[Record],
        *,
        own: str | None = None,
        tracer: str = "D",
        hour: int = NOW // 3600,
        case: str = CASE_TEXT,
    ) -> TraceBundle:
        epochs = list(
            window(NOW * 1_000_000, own_time_is_answer=False, rules=self.parameters.rules, tolerance_ms=0)
        )
        labels = [self.label(epoch) for epoch in epochs]
        signatures = self.authorization.sign_batch(self.kid, b"".join(labels))
        indices = sorted({KeyedLabel(self.kid, label).idx for label in labels})
        salt = hashlib.sha256(b"salt").digest()
        grant = Grant(
            self.parameters.hash,
            STORE_ID,
            b"\x01" * 16,
            some_carrier(tracer),
            self.members[tracer].identity.public_key,
            idx_digest(indices),
            NOW,
            NOW + 3600,
            case_commitment(salt, case),
        ).sign(self.keys["grant"])
        hop = None
        if own is not None:
            previous, current, following = (carrier(part) for part in own.split())
            assert current is not None
            hop = OwnRecordField(hop=Hop(previous, current, following).encode(), epoch=NOW)
        return TraceBundle(
            params_hash=self.parameters.hash,
            call=TracedCall(
                src=PartyField.of(SRC),
                dst=PartyField.of(DST),
                time_ms=NOW * 1000,
                own_time_is_answer=False,
                tolerance_ms=0,
                salt=salt,
            ),
            case=Case(text=case, salt=salt),
            own=hop,
            labels=tuple(
                TracedLabel(
                    epoch=epoch, kid=self.kid, label=label, signature=signatures[n * 48 : n * 48 + 48]
                )
                for n, (epoch, label) in enumerate(zip(epochs, labels, strict=True))
            ),
            grant=grant.encode(),
            pages=tuple(page.encode() for page in self.pages(records, grant, indices, hour)),
        )

    def pages(
        self, records: Sequence[Record], grant: Grant, indices: Sequence[bytes], hour: int
    ) -> list[RetrievalPage]:
        ordered = sorted(records, key=lambda record: (record.idx, self.id_of(record)))
        stored = [StoredRecord(hour, record) for record in ordered]
        count = max(1, -(-len(stored) // PAGE_RECORDS))
        return [
            RetrievalPage(
                self.parameters.hash,
                STORE_ID,
                b"\x02" * 16,
                NOW + 10,
                grant.digest,
                result_digest(stored),
                len(stored),
                number,
                count,
                tuple(Served(idx, 0) for idx in indices),
                tuple(stored[number * PAGE_RECORDS : (number + 1) * PAGE_RECORDS]),
            ).sign(self.keys["store"])
            for number in range(count)
        ]

    def head(self) -> LogHead:
        head = LogHead(size=len(self.log), root=MerkleTree(self.log).root(), time=NOW)
        return head.sign(self.keys["membership"], JOIN_LOG, self.parameters.hash)

    def evaluate(self, bundle: TraceBundle) -> tuple[Transcript, ...]:
        transcripts = []
        for label in bundle.labels:
            blinding = LabelClient(self.label_key.public_key).blind_batch([self.details(label.epoch)])
            evaluated, proof = self.label_key.evaluate_batch(blinding.elements)
            transcripts.append(
                Transcript(
                    epoch=label.epoch, blind=blinding.reveal_blind(0), evaluated=evaluated, proof=proof
                )
            )
        return tuple(transcripts)


def torsion_point():
    """A point of small order: any point of the curve off the subgroup, times r."""
    x = 1
    while True:
        data = bytearray(x.to_bytes(48, "big"))
        data[0] |= 0x80
        try:
            point = multiply_by_integer(decode_signature_point(bytes(data)), ORDER)
        except Exception:  # noqa: BLE001 - the next x will do
            x += 1
            continue
        if point != IDENTITY:
            return point
        x += 1
