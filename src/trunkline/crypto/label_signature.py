"""BLS signatures on labels: the witnesses that decrypt records (docs/protocol.md, section 4).

With H1 = hash_to_g1("label", kid ‖ label), the authorization authority's signature is σ_T = sk_T·H1, and it
is valid if e(σ_T, g2) = e(H1, vk_T) for vk_T = sk_T·g2 (Boneh, Lynn, Shacham 2001). A batch is checked with
random 128-bit weights that are drawn after it is fixed, and bisected to the bad ones if it fails.

The authority learns which labels it signs, and so which indices are retrieved; it learns no call details
unless it guesses them. Packed labels have 64 bytes each, signatures 48 (G1, strict), keys 96 (G2, strict).
"""

from trunkline._core import AuthorizationKey, key_id, verify_label_signatures, verify_possession

__all__ = ["AuthorizationKey", "key_id", "verify_label_signatures", "verify_possession"]
