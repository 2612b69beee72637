"""The core against `tests/vectors/`, which the second implementation wrote, the good ones and the bad."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trunkline.crypto.group_signature import (
    GroupPublicKey,
    IssuerKey,
    MemberSecret,
    OpenerKey,
    Signer,
    Verifier,
    check_credential,
    judge_opening,
    verify_join,
)
from trunkline.crypto.label_signature import (
    AuthorizationKey,
    key_id,
    verify_label_signatures,
    verify_possession,
)
from trunkline.crypto.oprf import LabelClient, LabelKey, label_index, verify_transcript
from trunkline.crypto.record import record_ids, record_message
from trunkline.crypto.witness_encryption import decrypt_batch
from trunkline.errors import TrunklineError
from trunkline.jager.messages.hop import Hop, compact_source
from trunkline.telephony.call_details import LabelProfile, encode_call_details
from trunkline.telephony.numbers import Party, PartyKind
from trunkline.telephony.providers import ProviderId

VECTORS = Path(__file__).parents[2] / "vectors"


class Vector:
    """One vector: bytes by `v.name`, lists of byte strings as tuples, other values as they are."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def __getattr__(self, name: str) -> bytes:
        return bytes.fromhex(self.content[name])

    def has(self, name: str) -> bool:
        return name in self.content

    def list(self, name: str) -> list[bytes]:
        return [bytes.fromhex(text) for text in self.content[name]]

    def number(self, name: str) -> int:
        number = self.content[name]
        assert isinstance(number, int)
        return number


def load(name: str) -> list[dict[str, Any]]:
    vectors = json.loads((VECTORS / f"{name}.json").read_text())["vectors"]
    assert isinstance(vectors, list)
    return vectors


def party(value: list[Any]) -> Party:
    return Party(PartyKind(value[0]), value[1])


def check_identifiers(v: Vector) -> None:
    parts, kind = v.list("parts"), v.content["kind"]
    results = {
        "kid": lambda: key_id(*parts),
        "gpk id": lambda: GroupPublicKey(*parts).id,
        "idx": lambda: label_index(*parts),
        "unlisted": lambda: ProviderId.unlisted(parts[0].decode()).value,
    }
    assert results[kind]() == v.result


def check_possession(v: Vector) -> None:
    role = v.content["role"]
    verify_possession(role, v.public_key, v.proof)
    if v.has("secret"):
        read: dict[str, Callable[[bytes], IssuerKey | AuthorizationKey | OpenerKey]] = {
            "w": IssuerKey.from_bytes,
            "vk_T": AuthorizationKey.from_bytes,
            "Y": OpenerKey.from_bytes,
        }
        assert read[role](v.secret).public_key == v.public_key


def check_call_details(v: Vector) -> None:
    src, dst = party(v.content["src"]), party(v.content["dst"])
    profile = LabelProfile(v.number("profile"))
    assert encode_call_details(profile, src, dst, v.number("epoch")) == v.call_details


def check_hop(v: Vector) -> None:
    hop = Hop.decode(v.hop)
    assert hop.encode() == v.hop
    sides = [bytes(16) if side is None else side.value for side in (hop.previous, hop.current, hop.next)]
    assert sides == [v.previous, v.current, v.following]
    flags = hop.tried + 2 * hop.answer_time + 4 * hop.released
    assert flags == v.number("flags")
    if v.has("ms"):
        assert hop.ms == v.number("ms")
        assert hop.src == compact_source(party(v.content["src"]))
    else:
        assert hop.ms is None


def check_label_evaluation(v: Vector) -> None:
    key = LabelKey.from_bytes(v.secret)
    answer = key.danger_evaluate_batch_with_nonce(b"".join(v.list("blinded")), v.nonce)
    assert answer == (b"".join(v.list("evaluated")), v.proof)


def check_label_finalization(v: Vector) -> None:
    inputs, blinds, evaluated = v.list("inputs"), b"".join(v.list("blinds")), b"".join(v.list("evaluated"))
    labels = b"".join(v.list("labels"))
    blinding = LabelClient(v.public_key).danger_blind_batch_with(inputs, blinds)
    if v.has("blinded"):
        assert blinding.elements == b"".join(v.list("blinded"))
    assert blinding.finalize(evaluated, v.proof) == labels
    if len(inputs) == 1:
        assert verify_transcript(v.public_key, inputs[0], blinds, evaluated, v.proof) == labels


def check_label_signature(v: Vector) -> None:
    verify_label_signatures(v.vk_t, v.kid, v.label, v.signature)
    if v.has("secret"):
        assert AuthorizationKey.from_bytes(v.secret).sign_batch(v.kid, v.label) == v.signature


def check_witness_encryption(v: Vector) -> None:
    (hop,) = decrypt_batch(v.vk_t, v.kid, v.signature, v.label, [v.call_details], v.body)
    if isinstance(hop, TrunklineError):
        raise hop
    assert hop == v.hop


def check_join(v: Vector) -> None:
    verify_join(v.params_hash, v.nonce, v.carrier, v.identity, v.s_point, v.proof)
    if v.has("s"):
        assert MemberSecret.from_bytes(v.s).public_point == v.s_point


def check_credential_vector(v: Vector) -> None:
    opener = OpenerKey.generate()
    group = GroupPublicKey(v.w, opener.public_key)
    check_credential(group, v.s_point, v.credential)
    if v.has("s"):
        signer = Signer(group, bytes(32), MemberSecret.from_bytes(v.s), v.credential)
        assert signer.period == int.from_bytes(v.credential[:4], "big")
        assert opener.open_batch(signer.sign_batch([b"message"])) == v.s_point


def check_group_signature(v: Vector) -> None:
    verifier, period = Verifier(GroupPublicKey(v.w, v.y), v.params_hash), v.number("period")
    try:
        verifier.verify(period, v.message, v.signature)
    except TrunklineError:
        if len(v.signature) == 464:
            # A batch must refuse exactly what single verification refuses.
            assert verifier.verify_batch(period, [v.message], v.signature) == [0]
        raise
    assert verifier.verify_batch(period, [v.message], v.signature) == []
    assert OpenerKey.from_bytes(v.xi).open_batch(v.signature) == v.s_point


def check_opening(v: Vector) -> None:
    judged = judge_opening(
        GroupPublicKey(v.w, v.y),
        v.params_hash,
        period=v.number("period"),
        message=v.message,
        signature=v.signature,
        opening=v.opening,
        case=v.case,
        carrier_id=v.carrier,
    )
    assert judged == v.s_point


def check_record(v: Vector) -> str | None:
    group, period = GroupPublicKey(v.w, v.y), v.number("period")
    reasons = Verifier(group, v.params_hash).verify_records(v.record, period)
    if reasons:
        ((index, reason),) = reasons
        assert index == 0
        return reason
    assert record_message(v.params_hash, period, group.id, v.record[14:250]) == v.message
    assert record_ids(v.params_hash, group.id, v.record) == v.record_id
    return None


CHECKS: dict[str, Callable[[Vector], str | None]] = {
    "call_details": check_call_details,
    "credential": check_credential_vector,
    "group_signature": check_group_signature,
    "hop": check_hop,
    "identifiers": check_identifiers,
    "join": check_join,
    "label_evaluation": check_label_evaluation,
    "label_finalization": check_label_finalization,
    "label_signature": check_label_signature,
    "opening": check_opening,
    "possession": check_possession,
    "record": check_record,
    "witness_encryption": check_witness_encryption,
}


@pytest.mark.parametrize("name", CHECKS)
def test_vector_file_every_vector_has_the_outcome_it_states(name: str) -> None:
    vectors = load(name)
    assert any(content["fails"] is None for content in vectors)
    for content in vectors:
        try:
            outcome = CHECKS[name](Vector(content))
        except TrunklineError as error:
            outcome = error.code
        assert outcome == content["fails"], content["comment"]


def test_vector_files_each_has_a_check() -> None:
    # A file that nobody reads confirms nothing.
    files = {path.stem for path in VECTORS.glob("*.json") if not path.stem.startswith("rfc")}
    assert files == set(CHECKS)


def test_bad_group_signatures_among_good_ones_are_found_in_one_batch() -> None:
    # Torsion, swapped fields, negated points: in a batch each is told apart from its honest neighbours.
    context = ("w", "y", "params_hash", "period")
    vectors = [Vector(content) for content in load("group_signature")]
    first = vectors[0]
    same = [
        v
        for v in vectors
        if len(v.signature) == 464 and all(v.content[name] == first.content[name] for name in context)
    ]
    verifier = Verifier(GroupPublicKey(first.w, first.y), first.params_hash)
    messages, signatures = [v.message for v in same], b"".join(v.signature for v in same)
    expected = [index for index, v in enumerate(same) if v.content["fails"] is not None]
    assert len(expected) > 50
    assert verifier.verify_batch(first.number("period"), messages, signatures) == expected
