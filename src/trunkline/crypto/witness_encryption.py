"""Witness encryption: who has the BLS signature on a label decrypts (docs/protocol.md, section 4).

    r random;  U = r·g2;  K = HKDF(e(r·H1, vk_T); U, vk_T, kid, idx);  key = 32 random bytes
    check = H("check", key, hop, idx)[:16]
    body = idx ‖ U ‖ (key ⊕ K) ‖ ((hop ‖ check) ⊕ HKDF(call-details ‖ key))

Decryption computes K from e(σ_T, U), since σ_T = sk_T·H1. Whoever holds σ_T also needs the call details.
`decrypt_batch` checks that σ_T and U are strict, and that idx fits; that σ_T verifies is for the caller to
check once, with `verify_label_signatures`. A check that fails alone proves nothing against anyone.

The scheme follows the paper's construction over BLS signatures (Döttling and others 2022). Bodies have
236 bytes, hops 60; call details at most 1,024.
"""

from trunkline._core import Encryptor, decrypt_batch

__all__ = ["Encryptor", "decrypt_batch"]
