"""Labels: the verifiable OPRF that turns call details into indices (docs/protocol.md, section 3).

RFC 9497, suite ristretto255-SHA512, mode VOPRF. The label authority holds k and publishes pk_OPRF = k·G:

    client:     blinded = b·HashToGroup(input), with a fresh b for each input
    authority:  evaluated = k·blinded, and one proof for the batch that log_G pk_OPRF = log_blinded evaluated
    client:     checks the proof; label = SHA-512(input, b⁻¹·evaluated, "Finalize")
    idx = H("idx", kid, label)

The authority learns how many labels it made, and of what nothing at all; the client learns the labels and
nothing about k. Packed elements have 32 bytes each, proofs 64, labels 64, indices 32; a batch has 1 to 65,535
elements, an input at most 1,024 bytes. Elements that are not canonical, or the identity, are refused, and
`indices` of the `PointError` names the first one.

    >>> key = LabelKey.generate()                      # the label authority's
    >>> client = LabelClient(key.public_key)
    >>> blinding = client.blind_batch([b"call details of one call", b"and of another"])
    >>> padding = random_elements(6)                   # a batch of eight, whatever the number of calls
    >>> evaluated, proof = key.evaluate_batch(blinding.elements + padding)
    >>> labels = blinding.finalize(evaluated, proof, padding)
    >>> len(labels), len(label_index(bytes(16), labels))
    (128, 64)

`Blinding.reveal_blind` gives away the secret that hides one input from the label authority. It is for a
verdict about one evaluation, which anybody then repeats with `verify_transcript`, and for nothing else:
evaluate alone, in a batch of one, what may have to be shown. `danger` methods are for test vectors.
"""

from trunkline._core import (
    Blinding,
    LabelClient,
    LabelKey,
    label_index,
    random_elements,
    verify_transcript,
)

__all__ = ["Blinding", "LabelClient", "LabelKey", "label_index", "random_elements", "verify_transcript"]
