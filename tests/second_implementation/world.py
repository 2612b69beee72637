"""The keys and records that the vectors are made of, all derived from one seed."""

from dataclasses import dataclass

from py_arkworks_bls12381 import G1Point, G2Point

from . import group_signature, keys, labels, record, witness_encryption
from .bls12_381 import (
    COFACTOR,
    FIELD,
    G2,
    IDENTITY,
    ORDER,
    encode,
    multiply,
    multiply_by_integer,
    scalar_bytes,
)
from .call_details import E164, PROFILE_SRC_DST, call_details, hop_bytes
from .group_signature import Group, SigningRandomness
from .notation import Randomness, u32
from .ristretto255 import GENERATOR

SEED = b"trunkline test vectors 1"


@dataclass(frozen=True)
class Member:
    """A carrier with its credential."""

    s: int
    s_point: bytes
    credential: bytes


class World:
    """One deployment: the authorities' keys, two carriers, one call."""

    period = 2_951

    def __init__(self, purpose: str) -> None:
        self.random = Randomness(SEED + b" " + purpose.encode())
        self.label_key = labels.random_scalar(self.random)
        self.label_public_key = (self.label_key * GENERATOR).encode()
        self.sk_t, self.gamma, self.xi = self.scalar(), self.scalar(), self.scalar()
        self.vk_t, self.w = encode(multiply(G2, self.sk_t)), encode(multiply(G2, self.gamma))
        self.y = encode(multiply(keys.BASE_G, self.xi))
        self.kid = keys.key_id(self.label_public_key, self.vk_t)
        self.params_hash = self.random.bytes(32)
        self.group = Group(self.w, self.y, self.params_hash)
        self.carrier, self.case, self.identity = (self.random.bytes(size) for size in (16, 32, 32))
        self.member = self.join()
        self.details = call_details(
            PROFILE_SRC_DST, (E164, "+12025550123"), (E164, "+442079460123"), 1_800_000_000
        )
        self.label = self.random.bytes(64)
        self.hop = hop_bytes(0, self.random.bytes(16), self.carrier, self.random.bytes(16), None)
        self.body = witness_encryption.encrypt(
            self.vk_t, self.kid, self.label, self.details, self.hop, self.scalar(), self.random.bytes(32)
        )
        self.message = record.record_message(self.group, self.period, self.body)

    def scalar(self) -> int:
        return self.random.below(ORDER)

    def join(self) -> Member:
        s = self.scalar()
        s_point = encode(multiply(keys.BASE_H, s))
        return Member(s, s_point, group_signature.issue(self.gamma, self.period, s_point, self.scalar()))

    def sign_without_secret(self, message: bytes) -> bytes:
        """With s = 0, on a credential that only a dishonest issuer gives."""
        e = self.scalar()
        a = multiply(group_signature.period_base(self.period), pow(self.gamma + e, -1, ORDER))
        credential = u32(self.period) + encode(a) + scalar_bytes(e)
        return group_signature.sign(self.group, 0, credential, message, self.signing_randomness())

    def signing_randomness(self, marks: tuple[G1Point, ...] = (IDENTITY,) * 7) -> SigningRandomness:
        r, k, rho_t, rho_e, rho_s, rho_k = (self.scalar() for _ in range(6))
        return SigningRandomness(r, k, rho_t, rho_e, rho_s, rho_k, marks)

    def sign(self, message: bytes, marks: tuple[G1Point, ...] = (IDENTITY,) * 7) -> bytes:
        random = self.signing_randomness(marks)
        return group_signature.sign(self.group, self.member.s, self.member.credential, message, random)

    def torsion(self) -> G1Point:
        """A point whose order divides the cofactor, not the identity."""
        while True:
            x = int.from_bytes(self.random.bytes(64), "big") % FIELD
            try:
                point = G1Point.from_compressed_bytes_unchecked((x | 1 << 383).to_bytes(48, "big"))
            except ValueError:
                continue
            marked = multiply_by_integer(point, ORDER)
            if marked != IDENTITY:
                assert multiply_by_integer(marked, COFACTOR) == IDENTITY
                return marked

    def off_curve(self) -> bytes:
        """48 bytes that look like a compressed point, of which the curve has none."""
        while True:
            x = int.from_bytes(self.random.bytes(64), "big") % FIELD
            data = (x | 1 << 383).to_bytes(48, "big")
            try:
                G1Point.from_compressed_bytes_unchecked(data)
            except ValueError:
                return data


IDENTITY_G1 = b"\xc0" + bytes(47)
IDENTITY_G2 = b"\xc0" + bytes(95)


def off_subgroup_g2(world: World) -> bytes:
    """A point of the curve of G2, outside the subgroup."""
    while True:
        x1, x0 = (int.from_bytes(world.random.bytes(64), "big") % FIELD for _ in range(2))
        data = ((x1 << 384) | x0 | 1 << 767).to_bytes(96, "big")
        try:
            point = G2Point.from_compressed_bytes_unchecked(data)
        except ValueError:
            continue
        if not point.is_in_subgroup():
            return data
