"""The group signature: anonymous to all but the opener, framing nobody (docs/protocol.md, section 5).

Model of Bellare, Shi and Zhang (2005); credential of Camenisch, Drijvers and Lehmann (2016) and Tessaro and
Zhu (2023). Bases h, h_p, g of G1 are hashed; w = γ·g2 (issuer), Y = ξ·g (opener); C = g1 + p·h_p.

    Join     S = s·h with a proof; A = (γ + e)⁻¹·(C + S), checked by e(A, w + e·g2) = e(C + S, g2)
    Sign     A' = r·A; Ā = r·(C + S) − e·A'; E1 = k·g; E2 = S + k·Y; and a proof of (1/r, e/r, s, k)
    Verify   e(A', w) = e(Ā, g2) and three linear equations, all after clearing the cofactor
    Open     S = E2 − ξ·E1 with a proof that log_g Y = log_E1 (E2 − S)

The issuer never sees s, so not even all authorities together can sign as a carrier. The opener learns S,
which means a carrier only through the public join log: whoever opens or judges looks S up there.
Batches of signatures get four random 128-bit weights each, are checked as one multi-scalar multiplication
and one pairing equation, and are bisected to the bad ones; they accept exactly what single checks accept.
"""

from trunkline._core import (
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

__all__ = [
    "GroupPublicKey",
    "IssuerKey",
    "MemberSecret",
    "OpenerKey",
    "Signer",
    "Verifier",
    "check_credential",
    "judge_opening",
    "verify_join",
]
