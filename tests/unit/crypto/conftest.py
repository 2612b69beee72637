"""One of each party, with fresh keys, and points that must be refused."""

import os
from dataclasses import dataclass, field

import pytest

from trunkline.crypto.contribution import Contributor
from trunkline.crypto.group_signature import (
    GroupPublicKey,
    IssuerKey,
    MemberSecret,
    OpenerKey,
    Signer,
    Verifier,
)
from trunkline.crypto.label_signature import AuthorizationKey
from trunkline.crypto.record import RECORD_SIZE
from trunkline.crypto.witness_encryption import Encryptor

IDENTITY_G1 = bytes([0xC0]) + bytes(47)
IDENTITY_G2 = bytes([0xC0]) + bytes(95)
SMALL_ORDER_G1 = bytes([0x80]) + bytes(47)
"""(0, 2), of order 3."""
OFF_SUBGROUP_G1 = bytes([0x80]) + bytes(46) + bytes([4])
OFF_CURVE_G1 = bytes([0x80]) + bytes(46) + bytes([1])
OFF_CURVE_G2 = bytes([0x80]) + bytes(94) + bytes([1])
NOT_REDUCED_G1 = bytes.fromhex(
    "9a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab"
)
"""The field's order in place of 0."""
ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
PERIOD = 2_951

BAD_G1 = {
    "identity": IDENTITY_G1,
    "small order": SMALL_ORDER_G1,
    "off subgroup": OFF_SUBGROUP_G1,
    "off curve": OFF_CURVE_G1,
    "not reduced": NOT_REDUCED_G1,
    "not compressed": bytes(48),
    "sign of the identity": bytes([0xE0]) + bytes(47),
}
BAD_G2 = {"identity": IDENTITY_G2, "off curve": OFF_CURVE_G2, "not compressed": bytes(96)}


@dataclass
class World:
    """The parties of one deployment."""

    params_hash: bytes = field(default_factory=lambda: os.urandom(32))
    kid: bytes = field(default_factory=lambda: os.urandom(16))
    case: bytes = field(default_factory=lambda: os.urandom(32))
    carrier: bytes = field(default_factory=lambda: os.urandom(16))

    def __post_init__(self) -> None:
        self.issuer, self.opener = IssuerKey.generate(), OpenerKey.generate()
        self.authorization = AuthorizationKey.generate()
        self.member = MemberSecret.generate()
        self.group = GroupPublicKey(self.issuer.public_key, self.opener.public_key)
        self.credential = self.issuer.issue(PERIOD, self.member.public_point)
        self.signer = Signer(self.group, self.params_hash, self.member, self.credential)
        self.encryptor = Encryptor(self.authorization.public_key, self.kid)
        self.contributor = Contributor(self.encryptor, self.signer)
        self.verifier = Verifier(self.group, self.params_hash)

    def records(self, count: int) -> list[bytes]:
        packed = self.contributor.contribute_batch(
            os.urandom(64 * count), [b"details"] * count, bytes(60 * count)
        )
        return [packed[start : start + RECORD_SIZE] for start in range(0, len(packed), RECORD_SIZE)]

    def sign(self, message: bytes) -> bytes:
        return self.signer.sign_batch([message])

    def open(self, message: bytes, signature: bytes) -> bytes:
        return self.opener.prove(
            signature,
            params_hash=self.params_hash,
            gpk_id=self.group.id,
            case=self.case,
            carrier_id=self.carrier,
            message=message,
        )


@pytest.fixture(scope="session")
def world() -> World:
    return World()
