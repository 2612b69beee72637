"""The verifiable OPRF: the RFC's vectors, round trips, and a refusal for every check."""

import copy
import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.crypto.oprf import (
    Blinding,
    LabelClient,
    LabelKey,
    label_index,
    random_elements,
    verify_transcript,
)
from trunkline.errors import DecodingError, PointError, ProofError, ScalarError, TooLargeError, TrunklineError

ROOT = Path(__file__).parents[3]
RFC_FILE = "rfc9497-ristretto255-sha512.json"
RFC_COPIES = [
    path
    for path in (ROOT / "tests/vectors" / RFC_FILE, ROOT.parent / "shared/vectors" / RFC_FILE)
    if path.exists()
]
VERIFIABLE_MODE = 1
ORDER = 2**252 + 27742317777372353535851937790883648493
FIELD = 2**255 - 19


def rfc_cases() -> list[Any]:
    cases = []
    for path in RFC_COPIES:
        for suite in json.loads(path.read_text()):
            if suite["mode"] == VERIFIABLE_MODE:
                cases += [(suite, vector) for vector in suite["vectors"]]
    return cases


def joined(text: str) -> bytes:
    return bytes.fromhex(text.replace(",", ""))


@pytest.fixture(scope="module")
def key() -> LabelKey:
    return LabelKey.generate()


@pytest.fixture(scope="module")
def client(key: LabelKey) -> LabelClient:
    return LabelClient(key.public_key)


def answered(key: LabelKey, client: LabelClient, *inputs: bytes) -> tuple[Blinding, bytes, bytes]:
    blinding = client.blind_batch(inputs)
    return blinding, *key.evaluate_batch(blinding.elements)


# --- what must come out -------------------------------------------------------------------------------


@pytest.mark.parametrize(("suite", "vector"), rfc_cases())
def test_rfc9497_vector_every_value_matches(suite: dict[str, str], vector: dict[str, Any]) -> None:
    key = LabelKey.danger_derive(bytes.fromhex(suite["seed"]), bytes.fromhex(suite["keyInfo"]))
    assert key.secret_bytes().hex() == suite["skSm"]
    assert key.public_key.hex() == suite["pkSm"]
    inputs = [bytes.fromhex(text) for text in vector["Input"].split(",")]
    blinding = LabelClient(key.public_key).danger_blind_batch_with(inputs, joined(vector["Blind"]))
    assert blinding.elements == joined(vector["BlindedElement"])
    nonce = bytes.fromhex(vector["Proof"]["r"])
    evaluated, proof = key.danger_evaluate_batch_with_nonce(blinding.elements, nonce)
    assert evaluated == joined(vector["EvaluationElement"])
    assert proof.hex() == vector["Proof"]["proof"]
    assert blinding.finalize(evaluated, proof) == joined(vector["Output"])


@settings(max_examples=25, deadline=None)
@given(inputs=st.lists(st.binary(max_size=1024), min_size=1, max_size=6))
def test_labels_of_a_batch_any_inputs_depend_on_the_input_alone(
    key: LabelKey, client: LabelClient, inputs: list[bytes]
) -> None:
    blinding, evaluated, proof = answered(key, client, *inputs)
    labels = blinding.finalize(evaluated, proof)
    for index, data in enumerate(inputs):
        alone, answer, alone_proof = answered(key, client, data)
        assert alone.finalize(answer, alone_proof) == labels[64 * index : 64 * index + 64]
    assert len({labels[start : start + 64] for start in range(0, len(labels), 64)}) == len(set(inputs))


def test_blinding_of_the_same_input_twice_shows_different_elements(client: LabelClient) -> None:
    # The authority would recognise a call it has seen if blinds were not fresh.
    elements = client.blind_batch([b"one", b"one"]).elements
    assert elements[:32] != elements[32:]
    assert elements != client.blind_batch([b"one", b"one"]).elements


def test_evaluation_of_the_same_elements_twice_gives_different_proofs(
    key: LabelKey, client: LabelClient
) -> None:
    elements = client.blind_batch([b"one"]).elements
    assert key.evaluate_batch(elements)[1] != key.evaluate_batch(elements)[1]


def test_padded_batch_is_proved_as_a_whole_and_gives_the_own_labels(
    key: LabelKey, client: LabelClient
) -> None:
    blinding = client.blind_batch([b"one", b"two"])
    padding = random_elements(30)
    evaluated, proof = key.evaluate_batch(blinding.elements + padding)
    labels = blinding.finalize(evaluated, proof, padding)
    assert len(labels) == 128
    with pytest.raises(DecodingError, match="different lengths"):
        blinding.finalize(evaluated, proof)
    with pytest.raises(ProofError, match="does not show"):
        blinding.finalize(evaluated, proof, padding[32:] + padding[:32])


def test_largest_batch_is_evaluated_and_one_more_element_is_refused(key: LabelKey) -> None:
    elements = random_elements(1) * 65_535
    assert len(key.evaluate_batch(elements)[0]) == len(elements)
    with pytest.raises(TooLargeError, match="65,535"):
        key.evaluate_batch(elements + elements[:32])


def test_random_elements_are_fresh_and_valid(key: LabelKey) -> None:
    assert random_elements(0) == b""
    elements = random_elements(40)
    assert len({elements[start : start + 32] for start in range(0, len(elements), 32)}) == 40
    assert len(key.evaluate_batch(elements)[0]) == len(elements)


def test_revealed_blind_lets_anybody_repeat_the_evaluation(key: LabelKey, client: LabelClient) -> None:
    blinding, evaluated, proof = answered(key, client, b"one")
    label = verify_transcript(key.public_key, b"one", blinding.reveal_blind(0), evaluated, proof)
    assert label == blinding.finalize(evaluated, proof)


def test_label_index_is_the_hash_of_tag_key_id_and_label() -> None:
    kid, labels = bytes(range(16)), bytes(range(128))
    tag = b"trunkline/jager/v1/idx"
    for start in (0, 64):
        parts = (tag, kid, labels[start : start + 64])
        expected = hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
        assert label_index(kid, labels)[start // 2 : start // 2 + 32] == expected
    assert label_index(kid, b"") == b""


# --- what must be refused -----------------------------------------------------------------------------


def bad_elements() -> dict[str, bytes]:
    return {
        "identity": bytes(32),
        "negative": (FIELD - 2).to_bytes(32, "little"),
        "unreduced": (FIELD + 2).to_bytes(32, "little"),
        "high bit": bytes(31) + b"\x80",
        "off the group": (2).to_bytes(32, "little"),
    }


@pytest.mark.parametrize("element", bad_elements().values(), ids=bad_elements())
def test_blinded_element_bad_is_named(key: LabelKey, client: LabelClient, element: bytes) -> None:
    good = client.blind_batch([b"%d" % i for i in range(40)]).elements
    with pytest.raises(PointError, match="element 37") as caught:
        key.evaluate_batch(good[: 37 * 32] + element + good[38 * 32 :])
    assert caught.value.indices == (37,)


@pytest.mark.parametrize("element", bad_elements().values(), ids=bad_elements())
def test_evaluated_element_bad_is_named(key: LabelKey, client: LabelClient, element: bytes) -> None:
    blinding, evaluated, proof = answered(key, client, b"one", b"two")
    with pytest.raises(PointError, match="element 1"):
        blinding.finalize(evaluated[:32] + element, proof)


@pytest.mark.parametrize("element", bad_elements().values(), ids=bad_elements())
def test_public_key_bad_is_refused(element: bytes) -> None:
    with pytest.raises(PointError, match="public key"):
        LabelClient(element)


@pytest.mark.parametrize("scalar", [0, ORDER, ORDER + 1, 2**256 - 1])
def test_key_or_blind_or_nonce_zero_or_unreduced_is_refused(
    key: LabelKey, client: LabelClient, scalar: int
) -> None:
    data = scalar.to_bytes(32, "little")
    with pytest.raises(ScalarError, match="label key"):
        LabelKey.from_bytes(data)
    with pytest.raises(ScalarError, match="blind"):
        client.danger_blind_batch_with([b"one"], data)
    blinding, evaluated, proof = answered(key, client, b"one")
    with pytest.raises(ScalarError, match="blind"):
        verify_transcript(key.public_key, b"one", data, evaluated, proof)
    with pytest.raises(ScalarError, match="nonce"):
        key.danger_evaluate_batch_with_nonce(blinding.elements, data)


@pytest.mark.parametrize("half", [0, 32])
def test_proof_scalar_unreduced_is_refused(key: LabelKey, client: LabelClient, half: int) -> None:
    # Reducing it instead would give every proof a second form.
    blinding, evaluated, proof = answered(key, client, b"one")
    unreduced = int.from_bytes(proof[half : half + 32], "little") + ORDER
    with pytest.raises(ScalarError, match="proof"):
        blinding.finalize(evaluated, proof[:half] + unreduced.to_bytes(32, "little") + proof[half + 32 :])


@pytest.mark.parametrize("byte", [0, 15, 30, 32, 47, 62])
def test_proof_with_a_flipped_bit_is_refused(key: LabelKey, client: LabelClient, byte: int) -> None:
    blinding, evaluated, proof = answered(key, client, b"one", b"two")
    flipped = proof[:byte] + bytes([proof[byte] ^ 1]) + proof[byte + 1 :]
    with pytest.raises(ProofError, match="does not show"):
        blinding.finalize(evaluated, flipped)


def test_answer_of_another_key_or_tagged_or_reordered_is_refused(key: LabelKey, client: LabelClient) -> None:
    blinding, evaluated, proof = answered(key, client, b"one", b"two")
    other = LabelKey.generate().evaluate_batch(blinding.elements)
    # An authority that uses a key of its own for one of the elements could recognise the client by its label.
    tagged = evaluated[:32] + other[0][32:]
    for answer, answer_proof in (
        other,
        (other[0], proof),
        (tagged, proof),
        (evaluated[32:] + evaluated[:32], proof),
        (blinding.elements, proof),
    ):
        with pytest.raises(ProofError, match="does not show"):
            blinding.finalize(answer, answer_proof)


def test_answer_under_another_public_key_is_refused(key: LabelKey, client: LabelClient) -> None:
    blinding = LabelClient(LabelKey.generate().public_key).blind_batch([b"one"])
    with pytest.raises(ProofError, match="does not show"):
        blinding.finalize(*key.evaluate_batch(blinding.elements))


def test_transcript_with_another_input_or_blind_is_refused(key: LabelKey, client: LabelClient) -> None:
    blinding, evaluated, proof = answered(key, client, b"one")
    blind = blinding.reveal_blind(0)
    with pytest.raises(ProofError, match="does not show"):
        verify_transcript(key.public_key, b"two", blind, evaluated, proof)
    with pytest.raises(ProofError, match="does not show"):
        verify_transcript(
            key.public_key, b"one", client.blind_batch([b"x"]).reveal_blind(0), evaluated, proof
        )


def test_wrong_lengths_and_counts_are_refused(key: LabelKey, client: LabelClient) -> None:
    blinding, evaluated, proof = answered(key, client, b"one", b"two")
    kid, label = bytes(16), bytes(64)
    for call, fragment in (
        (lambda: key.evaluate_batch(b""), "at least one"),
        (lambda: key.evaluate_batch(evaluated[:-1]), "32 bytes each"),
        (lambda: client.blind_batch([]), "at least one"),
        (lambda: client.danger_blind_batch_with([b"one"], bytes([1]) + bytes(31) + b"1"), "32 bytes each"),
        (
            lambda: client.danger_blind_batch_with([b"one", b"two"], bytes([1]) + bytes(31)),
            "different lengths",
        ),
        (lambda: blinding.finalize(evaluated[:-32], proof), "different lengths"),
        (lambda: blinding.finalize(evaluated[:-1], proof), "32 bytes each"),
        (lambda: blinding.finalize(evaluated, proof[:-1]), "64 bytes"),
        (lambda: blinding.finalize(evaluated, proof + bytes(32)), "64 bytes"),
        (lambda: blinding.reveal_blind(2), "no input of this index"),
        (lambda: LabelKey.from_bytes(bytes(31)), "32 bytes"),
        (lambda: LabelKey.danger_derive(bytes(31), b""), "32 bytes"),
        (lambda: LabelClient(key.public_key + b"\0"), "32 bytes"),
        (lambda: label_index(kid[:-1], label), "16 bytes"),
        (lambda: label_index(kid, label[:-1]), "64 bytes each"),
    ):
        with pytest.raises(DecodingError, match=fragment):
            call()


def test_too_much_input_is_refused(client: LabelClient) -> None:
    with pytest.raises(TooLargeError, match=r"1,024 bytes; element 1"):
        client.blind_batch([b"one", bytes(1025)])
    with pytest.raises(TooLargeError, match="65,535"):
        client.blind_batch([b""] * 65_536)
    with pytest.raises(TooLargeError, match="65,535"):
        random_elements(65_536)
    with pytest.raises(TooLargeError, match="1,024"):
        LabelKey.danger_derive(bytes(32), bytes(1025))


@settings(max_examples=200, deadline=None)
@given(element=st.binary(min_size=32, max_size=32))
def test_evaluate_arbitrary_bytes_raises_only_a_point_error(key: LabelKey, element: bytes) -> None:
    try:
        evaluated, _ = key.evaluate_batch(element)
    except PointError:
        return
    assert len(evaluated) == 32


@settings(max_examples=100, deadline=None)
@given(evaluated=st.binary(max_size=96), proof=st.binary(max_size=96))
def test_finalize_arbitrary_bytes_raises_only_our_errors(
    client: LabelClient, evaluated: bytes, proof: bytes
) -> None:
    with pytest.raises(TrunklineError):
        client.blind_batch([b"one"]).finalize(evaluated, proof)


# --- secrets ------------------------------------------------------------------------------------------


def test_key_survives_its_bytes_compares_and_is_not_shown(key: LabelKey) -> None:
    again = LabelKey.from_bytes(key.secret_bytes())
    assert again == key
    assert again.public_key == key.public_key
    assert key != LabelKey.generate()
    assert "redacted" in repr(key)
    assert key.secret_bytes().hex() not in repr(key) + str(key)


def test_secrets_are_neither_pickled_nor_copied(key: LabelKey, client: LabelClient) -> None:
    for secret in (key, client.blind_batch([b"one"])):
        assert "redacted" in repr(secret)
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(secret)
        with pytest.raises(TypeError, match="pickle"):
            copy.copy(secret)
        with pytest.raises(TypeError, match="pickle"):
            copy.deepcopy(secret)
