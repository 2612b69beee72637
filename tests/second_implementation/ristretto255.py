"""ristretto255 by the formulas of RFC 9496 section 4, in plain integers."""

from __future__ import annotations

from dataclasses import dataclass

FIELD = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, FIELD) % FIELD
SQRT_M1 = pow(2, (FIELD - 1) // 4, FIELD)


def _negative(value: int) -> bool:
    return value % FIELD % 2 == 1


def _absolute(value: int) -> int:
    return -value % FIELD if _negative(value) else value % FIELD


def _sqrt_ratio(numerator: int, denominator: int) -> tuple[bool, int]:
    """SQRT_RATIO_M1 of section 4.2."""
    root = numerator * denominator**3 * pow(numerator * denominator**7, (FIELD - 5) // 8, FIELD) % FIELD
    check = denominator * root * root % FIELD
    u = numerator % FIELD
    if check in (-u % FIELD, -u * SQRT_M1 % FIELD):
        root = root * SQRT_M1 % FIELD
    return check in (u, -u % FIELD), _absolute(root)


SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235
INVSQRT_A_MINUS_D = _sqrt_ratio(1, -1 - D)[1]
ONE_MINUS_D_SQ = (1 - D * D) % FIELD
D_MINUS_ONE_SQ = (D - 1) ** 2 % FIELD
assert SQRT_AD_MINUS_ONE**2 % FIELD == (-D - 1) % FIELD


@dataclass(frozen=True, eq=False)
class Element:
    """An internal representation (X, Y, Z, T) of a group element."""

    x: int
    y: int
    z: int
    t: int

    def __add__(self, other: Element) -> Element:
        a = (self.y - self.x) * (other.y - other.x)
        b = (self.y + self.x) * (other.y + other.x)
        c = 2 * D * self.t * other.t
        d = 2 * self.z * other.z
        e, f, g, h = b - a, d - c, d + c, b + a
        return Element(e * f % FIELD, g * h % FIELD, f * g % FIELD, e * h % FIELD)

    def __rmul__(self, factor: int) -> Element:
        result = IDENTITY
        for bit in bin(factor % ORDER)[2:]:
            result = result + result
            if bit == "1":
                result = result + self
        return result

    def __neg__(self) -> Element:
        return Element(-self.x % FIELD, self.y, self.z, -self.t % FIELD)

    def __sub__(self, other: Element) -> Element:
        return self + -other

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Element):
            return NotImplemented
        return (self.x * other.y - self.y * other.x) % FIELD == 0 or (
            self.y * other.y - self.x * other.x
        ) % FIELD == 0

    def __hash__(self) -> int:
        return hash(self.encode())

    def encode(self) -> bytes:
        """Section 4.3.2."""
        u1 = (self.z + self.y) * (self.z - self.y) % FIELD
        u2 = self.x * self.y % FIELD
        _, inverse_root = _sqrt_ratio(1, u1 * u2**2)
        den1, den2 = inverse_root * u1 % FIELD, inverse_root * u2 % FIELD
        z_inverse = den1 * den2 * self.t % FIELD
        if _negative(self.t * z_inverse):
            x, y = self.y * SQRT_M1 % FIELD, self.x * SQRT_M1 % FIELD
            den_inverse = den1 * INVSQRT_A_MINUS_D % FIELD
        else:
            x, y, den_inverse = self.x, self.y, den2
        if _negative(x * z_inverse):
            y = -y % FIELD
        return _absolute(den_inverse * (self.z - y)).to_bytes(32, "little")


IDENTITY = Element(0, 1, 1, 0)


def decode(data: bytes) -> Element | None:
    """Section 4.3.1; None if the bytes are no canonical encoding."""
    s = int.from_bytes(data, "little")
    if len(data) != 32 or s >= FIELD or _negative(s):
        return None
    u1, u2 = (1 - s * s) % FIELD, (1 + s * s) % FIELD
    v = (-D * u1**2 - u2**2) % FIELD
    square, inverse_root = _sqrt_ratio(1, v * u2**2)
    den_x = inverse_root * u2 % FIELD
    den_y = inverse_root * den_x * v % FIELD
    x, y = _absolute(2 * s * den_x), u1 * den_y % FIELD
    t = x * y % FIELD
    if not square or _negative(t) or y == 0:
        return None
    return Element(x, y, 1, t)


def _map(data: bytes) -> Element:
    """MAP of section 4.3.4."""
    t = int.from_bytes(data, "little") % 2**255 % FIELD
    r = SQRT_M1 * t * t % FIELD
    u = (r + 1) * ONE_MINUS_D_SQ % FIELD
    v = (-1 - r * D) * (r + D) % FIELD
    square, s = _sqrt_ratio(u, v)
    c = -1
    if not square:
        s, c = -_absolute(s * t) % FIELD, r
    n = (c * (r - 1) * D_MINUS_ONE_SQ - v) % FIELD
    w0, w1, w2, w3 = 2 * s * v, n * SQRT_AD_MINUS_ONE, 1 - s * s, 1 + s * s
    return Element(w0 * w3 % FIELD, w2 * w1 % FIELD, w1 * w3 % FIELD, w0 * w2 % FIELD)


def from_uniform_bytes(data: bytes) -> Element:
    return _map(data[:32]) + _map(data[32:])


_GENERATOR = decode(bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"))
assert _GENERATOR is not None
GENERATOR = _GENERATOR
