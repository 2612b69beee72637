"""Merkle trees of append-only logs, as in RFC 9162, section 2.1, with SHA-256."""

import hashlib
from collections.abc import Iterable, Sequence

from trunkline.errors import InputError, ProofError

_HASH_SIZE = 32
_MAX_PROOF = 64  # a tree of 2^64 leaves, more than an index of eight bytes can name


class MerkleTree:
    """A growing Merkle tree that answers roots and proofs of all its earlier sizes.

    It keeps the hashes of all complete subtrees, 64 bytes a leaf, so that a root or a proof costs a
    logarithmic number of hashes.
    """

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for leaf in leaves:
            self.append(leaf)

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self._levels[0])

    def append(self, leaf: bytes) -> int:
        """Add an entry and return its index."""
        index = position = self.size
        node = _leaf_hash(leaf)
        self._levels[0].append(node)
        level = 0
        while position & 1:
            node = _node_hash(self._levels[level][position - 1], node)
            position >>= 1
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(node)
        return index

    def root(self, size: int | None = None) -> bytes:
        """Return the 32-byte root of the first `size` leaves, by default of all."""
        return self._subtree(0, self._checked(size))

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the audit path of a leaf in the tree of the first `size` leaves (RFC 9162, 2.1.3.1).

        Raises:
            InputError: There is no such leaf or no such size.
        """
        size = self._checked(size)
        if not 0 <= index < size:
            raise InputError(f"the log of size {size} has no entry {index}")
        path: list[bytes] = []
        start, end = 0, size
        while end - start > 1:
            split = start + _largest_power_below(end - start)
            if index < split:
                path.append(self._subtree(split, end))
                end = split
            else:
                path.append(self._subtree(start, split))
                start = split
        return path[::-1]

    def _checked(self, size: int | None) -> int:
        if size is None:
            return self.size
        if not 0 <= size <= self.size:
            raise InputError(f"the log has {self.size} entries; a tree of {size} does not exist")
        return size

    def _subtree(self, start: int, end: int) -> bytes:
        width = end - start
        if width == 0:
            return hashlib.sha256().digest()
        if width & (width - 1) == 0:
            level = width.bit_length() - 1
            return self._levels[level][start >> level]
        split = start + _largest_power_below(width)
        return _node_hash(self._subtree(start, split), self._subtree(split, end))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf is the entry `index` of the log of that size and root (RFC 9162, 2.1.3.2).

    Args:
        leaf: The entry's bytes, not their hash.
        index: Position of the entry.
        size: Size of the tree that `root` belongs to.
        proof: The audit path, 32 bytes each, from the leaf upwards.
        root: The 32-byte root.

    Raises:
        ProofError: The entry is not there, or the path has another length.
    """
    if not 0 <= index < size or len(proof) > _MAX_PROOF or any(len(node) != _HASH_SIZE for node in proof):
        raise ProofError("the inclusion proof has an impossible index or length")
    position, last = index, size - 1
    result = _leaf_hash(leaf)
    for node in proof:
        if last == 0:
            raise ProofError("the inclusion proof is too long for this tree size")
        if position & 1 or position == last:
            result = _node_hash(node, result)
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            result = _node_hash(result, node)
        position >>= 1
        last >>= 1
    if last != 0 or result != root:
        raise ProofError("the entry is not in the log of this root")


def _leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _largest_power_below(width: int) -> int:
    """Return the largest power of two smaller than a width of two or more."""
    return 1 << ((width - 1).bit_length() - 1)
