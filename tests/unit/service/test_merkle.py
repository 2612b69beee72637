import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.errors import InputError, ProofError
from trunkline.service.merkle import MerkleTree, verify_inclusion


def reference_root(leaves: list[bytes]) -> bytes:
    """The recursive definition of RFC 9162, section 2.1.1, word by word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + reference_root(leaves[:split]) + reference_root(leaves[split:])).digest()


def test_roots_of_all_sizes_match_the_rfc_definition():
    leaves = [bytes([n]) * 3 for n in range(40)]
    tree = MerkleTree(leaves)
    assert [tree.root(size) for size in range(41)] == [reference_root(leaves[:size]) for size in range(41)]


@given(st.integers(1, 70), st.data())
def test_inclusion_proof_of_any_leaf_in_any_size_verifies(size, data):
    leaves = [n.to_bytes(2, "big") for n in range(size)]
    tree = MerkleTree(leaves)
    view = data.draw(st.integers(1, size))
    index = data.draw(st.integers(0, view - 1))
    verify_inclusion(leaves[index], index, view, tree.inclusion_proof(index, view), tree.root(view))


@given(st.integers(2, 40), st.data())
def test_inclusion_proof_changed_anywhere_is_refused(size, data):
    tree = MerkleTree(n.to_bytes(2, "big") for n in range(size))
    index = data.draw(st.integers(0, size - 1))
    proof, root, leaf = tree.inclusion_proof(index), tree.root(), index.to_bytes(2, "big")
    position = data.draw(st.integers(0, len(proof) - 1))
    flipped = list(proof)
    flipped[position] = bytes([flipped[position][0] ^ 1]) + flipped[position][1:]
    for bad_leaf, bad_proof, bad_root in (
        (leaf, flipped, root),
        (leaf, proof[:-1], root),
        (leaf, [*proof, bytes(32)], root),
        (leaf + b"x", proof, root),
        (leaf, proof, bytes(32)),
    ):
        with pytest.raises(ProofError, match=r"not in the log|too long"):
            verify_inclusion(bad_leaf, index, size, bad_proof, bad_root)


def test_inclusion_proof_with_node_of_other_length_is_refused():
    tree = MerkleTree([b"a", b"b"])
    with pytest.raises(ProofError, match="impossible"):
        verify_inclusion(b"a", 0, 2, [b"short"], tree.root())
    with pytest.raises(ProofError, match="impossible"):
        verify_inclusion(b"a", 2, 2, tree.inclusion_proof(0), tree.root())


def test_proof_of_missing_entry_or_size_is_an_input_error():
    tree = MerkleTree([b"a"])
    with pytest.raises(InputError, match="no entry 1"):
        tree.inclusion_proof(1)
    with pytest.raises(InputError, match="does not exist"):
        tree.root(2)
