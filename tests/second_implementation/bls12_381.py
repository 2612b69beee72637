"""Section 1, Groups: points and scalars of BLS12-381, and what a receiver checks of them."""

from typing import TypeVar

from py_arkworks_bls12381 import GT, G1Point, G2Point, Scalar

from .notation import refuse_unless, tag

FIELD = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
X = -0xD201000000010000
COFACTOR = 0x396C8C005555E1568C00AAAB0000AAAB
G1, G2 = G1Point(), G2Point()
IDENTITY = G1Point.identity()

Point = TypeVar("Point", G1Point, G2Point)


def encode(point: G1Point | G2Point) -> bytes:
    return bytes(point.to_compressed_bytes())


def scalar_bytes(value: int) -> bytes:
    return (value % ORDER).to_bytes(32, "big")


def decode_scalar(data: bytes) -> int:
    value = int.from_bytes(data, "big")
    refuse_unless(value < ORDER, "scalar", "a scalar is less than the order")
    return value


def decode_secret(data: bytes) -> int:
    value = decode_scalar(data)
    refuse_unless(value != 0, "scalar", "a secret is not zero")
    return value


def multiply(point: Point, scalar: int) -> Point:
    """For points of the subgroup only: the library reduces the scalar and uses an endomorphism."""
    return point * Scalar.from_be_bytes(scalar_bytes(scalar))


def multiply_by_integer(point: G1Point, factor: int) -> G1Point:
    """By doubling and adding, right for every point of the curve."""
    result = IDENTITY
    for bit in bin(factor)[2:]:
        result = result + result
        if bit == "1":
            result = result + point
    return result


def total(*points: G1Point) -> G1Point:
    return sum(points, start=IDENTITY)


def _decode_coordinates(data: bytes, size: int) -> None:
    """What must hold of the bytes alone: the length, the three flag bits, coordinates below the prime."""
    refuse_unless(len(data) == size, "malformed", f"a compressed point has {size} bytes")
    refuse_unless(bool(data[0] & 0x80), "point", "the point is not marked as compressed")
    refuse_unless(not data[0] & 0x40, "point", "the point is the identity")
    bare = bytes([data[0] & 0x1F]) + data[1:]
    for start in range(0, size, 48):
        coordinate = int.from_bytes(bare[start : start + 48], "big")
        refuse_unless(coordinate < FIELD, "point", "a coordinate is not reduced")


def decode_signature_point(data: bytes) -> G1Point:
    """A point of a group signature: on the curve, not the identity, of whatever order."""
    _decode_coordinates(data, 48)
    try:
        return G1Point.from_compressed_bytes_unchecked(data)
    except ValueError:
        refuse_unless(False, "point", "no point of the curve has this coordinate")
        raise


def decode_strict_g1(data: bytes) -> G1Point:
    point = decode_signature_point(data)
    refuse_unless(multiply_by_integer(point, ORDER) == IDENTITY, "point", "the point is off the subgroup")
    return point


def decode_strict_g2(data: bytes) -> G2Point:
    _decode_coordinates(data, 96)
    try:
        point = G2Point.from_compressed_bytes_unchecked(data)
    except ValueError:
        refuse_unless(False, "point", "no point of the curve has this coordinate")
        raise
    refuse_unless(point.is_in_subgroup(), "point", "the point is off the subgroup")
    return point


def clear(point: G1Point) -> G1Point:
    return multiply_by_integer(point, 1 - X)


def project(point: G1Point) -> G1Point:
    return multiply(multiply_by_integer(point, COFACTOR), pow(COFACTOR, -1, ORDER))


def hash_to_g1(name: str, message: bytes) -> G1Point:
    return G1Point.hash_to_curve(message, tag(name) + b"_BLS12381G1_XMD:SHA-256_SSWU_RO_")


def pairing(left: G1Point, right: G2Point) -> GT:
    return GT.pairing(left, right)


def gt_bytes(element: GT) -> bytes:
    """The page's 576 bytes; the library prints the coefficients for i, then j, then k, each little-endian."""
    printed = bytes.fromhex(str(element))
    coefficient = {
        (i, j, k): printed[start : start + 48][::-1]
        for start, (i, j, k) in zip(
            range(0, 576, 48), [(i, j, k) for i in (0, 1) for j in (0, 1, 2) for k in (0, 1)], strict=True
        )
    }
    return b"".join(coefficient[i, j, k] for j in (0, 1, 2) for i in (0, 1) for k in (0, 1))
