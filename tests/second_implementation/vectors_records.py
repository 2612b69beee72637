"""Vectors of section 4: hops, witness encryption, records."""

from collections.abc import Iterator
from typing import Any

from . import labels, record, witness_encryption
from .bls12_381 import G2, encode, multiply, scalar_bytes
from .call_details import (
    ANSWER_TIME,
    E164,
    PROFILE_SRC_DST,
    RELEASED,
    SOURCE_GIVEN,
    TRIED,
    URI,
    WITHHELD,
    Party,
    call_details,
    check_hop,
    hop_bytes,
)
from .group_signature import Group
from .notation import u16
from .vector_file import VectorFile, flipped, replaced
from .world import IDENTITY_G1, IDENTITY_G2, World, off_subgroup_g2


def files() -> Iterator[VectorFile]:
    """The files of this module."""
    yield _hop()
    yield _witness_encryption()
    yield _record()


def _hop() -> VectorFile:
    world = World("hop")

    def check(
        hop: bytes,
        flags: int = 0,
        previous: bytes = b"",
        current: bytes = b"",
        following: bytes = b"",
        ms: int | None = None,
        src: Party | None = None,
    ) -> None:
        check_hop(hop)
        source = None if ms is None or src is None else (ms, src)
        assert hop == hop_bytes(flags, previous, current, following, source)

    file = VectorFile("hop", "Section 4: the plaintext of a record.", check)
    before, current, after, nobody = (*(world.random.bytes(16) for _ in range(3)), bytes(16))
    sides = {
        "transit": (0, before, after),
        "origin": (0, nobody, after),
        "termination": (0, before, nobody),
        "on-net": (0, nobody, nobody),
        "tried": (TRIED, before, after),
        "filed under the answer time": (ANSWER_TIME, before, after),
        "released": (RELEASED, before, nobody),
        "all three": (TRIED | ANSWER_TIME | RELEASED, before, nobody),
    }
    for comment, (flags, previous, following) in sides.items():
        fields: dict[str, Any] = {
            "flags": flags,
            "previous": previous,
            "current": current,
            "following": following,
        }
        file.good(comment, hop=hop_bytes(flags, previous, current, following, None), **fields)
    sources: list[tuple[int, Party]] = [
        (0, (E164, "+12025550123")),
        (999, (E164, "+123456789012345")),
        (7, (WITHHELD, "")),
        (500, (URI, "alice@example.com")),
    ]
    for ms, src in sources:
        hop = hop_bytes(0, before, current, after, (ms, src))
        fields = {"flags": 0, "previous": before, "current": current, "following": after}
        file.good("with the source", hop=hop, ms=ms, src=src, **fields)
    plain, sourced = hop_bytes(0, before, current, after, None), hop
    for bit in range(4, 16):
        file.bad(f"flag bit {bit}", "malformed", hop=replaced(plain, 0, u16(1 << bit)))
    file.bad("nobody as current", "malformed", hop=replaced(plain, 18, nobody))
    file.bad("released with a next", "malformed", hop=replaced(plain, 0, u16(RELEASED)))
    file.bad("ms without the source flag", "malformed", hop=replaced(plain, 50, u16(1)))
    file.bad("src without the source flag", "malformed", hop=flipped(plain, 0))
    file.bad("ms of 1000", "malformed", hop=replaced(sourced, 50, u16(1000)))
    file.bad("src of no digits", "malformed", hop=replaced(sourced, 52, bytes.fromhex("abcdefffffffffff")))
    file.bad("src with a gap", "malformed", hop=replaced(sourced, 52, bytes.fromhex("123f456fffffffff")))
    file.bad("src flag without src", "malformed", hop=replaced(plain, 0, u16(SOURCE_GIVEN))[:-1])
    file.bad("too short", "malformed", hop=plain[:-1])
    file.bad("trailing byte", "malformed", hop=plain + b"\0")
    return file


def _witness_encryption() -> VectorFile:
    world = World("witness encryption")

    def check(
        vk_t: bytes,
        kid: bytes,
        signature: bytes,
        label: bytes,
        call_details: bytes,
        body: bytes,
        hop: bytes,
    ) -> None:
        assert hop == witness_encryption.decrypt(vk_t, kid, signature, label, call_details, body)

    file = VectorFile("witness_encryption", "Section 4: decryption of a record's body.", check)
    vk_t, kid, label, details, hop = world.vk_t, world.kid, world.label, world.details, world.hop
    r, key = world.scalar(), world.random.bytes(32)
    body = witness_encryption.encrypt(vk_t, kid, label, details, hop, r, key)
    signature = witness_encryption.sign_label(world.sk_t, kid, label)
    good = {
        "vk_t": vk_t,
        "kid": kid,
        "signature": signature,
        "label": label,
        "call_details": details,
        "body": body,
        "hop": hop,
    }
    file.good("body", notes={"r": scalar_bytes(r), "key": key}, **good)
    for comment, start in (("wrapped key", 128), ("hop", 160), ("check bytes", 220)):
        for byte in (start, start + 15):
            changed = flipped(body, 8 * (235 - byte))
            file.bad(f"flipped bit in the {comment}", "decryption", **{**good, "body": changed})
    file.bad("flipped bit in idx", "malformed", **{**good, "body": flipped(body, 8 * 235)})
    file.bad("U negated", "decryption", **{**good, "body": flipped(body, 8 * (235 - 32) + 5)})
    other_u = encode(multiply(G2, world.scalar()))
    file.bad("another U", "decryption", **{**good, "body": replaced(body, 32, other_u)})
    bad_points = {
        "identity": IDENTITY_G2,
        "off the subgroup": off_subgroup_g2(world),
        "not marked as compressed": bytes([body[32] & 0x7F]) + body[33:128],
    }
    for comment, data in bad_points.items():
        file.bad(f"U {comment}", "point", **{**good, "body": replaced(body, 32, data)})
    file.bad("body too short", "malformed", **{**good, "body": body[:-1]})
    file.bad("trailing byte", "malformed", **{**good, "body": body + b"\0"})
    _wrong_witnesses(world, file, good)
    return file


def _wrong_witnesses(world: World, file: VectorFile, good: dict[str, Any]) -> None:
    kid, label, body = good["kid"], good["label"], good["body"]
    other = witness_encryption.sign_label(world.sk_t, kid, flipped(label, 0))
    file.bad("witness of another label", "decryption", **{**good, "signature": other})
    other = witness_encryption.sign_label(world.sk_t, flipped(kid, 0), label)
    file.bad("witness of another key id", "decryption", **{**good, "signature": other})
    other = witness_encryption.sign_label(world.gamma, kid, label)
    file.bad("witness by another key", "decryption", **{**good, "signature": other})
    file.bad("witness identity", "point", **{**good, "signature": IDENTITY_G1})
    file.bad("witness of small order", "point", **{**good, "signature": encode(world.torsion())})
    file.bad("another label", "malformed", **{**good, "label": flipped(label, 0)})
    file.bad("another key id", "malformed", **{**good, "kid": flipped(kid, 0)})
    file.bad("another public key", "decryption", **{**good, "vk_t": world.w})
    details = call_details(PROFILE_SRC_DST, (E164, "+12025550124"), (E164, "+442079460123"), 1_800_000_000)
    file.bad("other call details", "decryption", **{**good, "call_details": details})
    idx = labels.label_index(kid, flipped(label, 0))
    moved = {**good, "label": flipped(label, 0), "body": replaced(body, 0, idx)}
    file.bad("moved under another label", "decryption", **moved)


def _record() -> VectorFile:
    world = World("record")

    def check(
        w: bytes,
        y: bytes,
        params_hash: bytes,
        period: int,
        record: bytes,
        message: bytes | None = None,
        record_id: bytes | None = None,
    ) -> None:
        group = Group(w, y, params_hash)
        check_record(group, period, record)
        assert message in (None, record_message(group, period, record[14:250]))
        assert record_id in (None, identify(group, record))

    check_record, record_message, identify = record.check_record, record.record_message, record.record_id
    file = VectorFile(
        "record",
        "Sections 4 and 5: whole records, as a record store checks them. `fails` is the reason it gives.",
        check,
    )
    group, period = world.group, world.period
    signature = world.sign(world.message)
    data = record.record(group, period, world.body, signature)
    good: dict[str, Any] = {
        "w": world.w,
        "y": world.y,
        "params_hash": world.params_hash,
        "period": period,
        "record": data,
    }
    identified = {"message": world.message, "record_id": record.record_id(group, data)}
    key = record.record_key(group, data, 20_833)
    file.good("record", notes={"record_key_on_day_20833": key}, **identified, **good)
    file.bad("another version", "version", **{**good, "record": replaced(data, 0, b"\x02")})
    file.bad("another suite", "version", **{**good, "record": replaced(data, 1, b"\x02")})
    for byte in (2, 9):
        changed = flipped(data, 8 * (713 - byte))
        file.bad("params ref with a flipped bit", "params", **{**good, "record": changed})
    file.bad("period with a flipped bit", "period", **{**good, "record": flipped(data, 8 * 700)})
    fields = {"idx": 14, "U": 46, "wrapped key": 142, "ct2": 174}
    for comment, start in fields.items():
        changed = flipped(data, 8 * (713 - start - 1))
        file.bad(f"{comment} with a flipped bit", "signature", **{**good, "record": changed})
    scalars = {"zt": 586, "zε": 618, "zs": 650, "zk": 682}
    for comment, start in scalars.items():
        changed = flipped(data, 8 * (713 - start - 31))
        file.bad(f"{comment} with a flipped bit", "signature", **{**good, "record": changed})
    for index, comment in enumerate(("A'", "Ā", "E1", "E2", "R1", "R2", "R3")):
        start = 250 + 48 * index
        negated = flipped(data, 8 * (713 - start) + 5)
        file.bad(f"{comment} negated", "signature", **{**good, "record": negated})
        file.bad(f"{comment} identity", "point", **{**good, "record": replaced(data, start, IDENTITY_G1)})
    file.bad("other parameters with the same ref", "signature", **_other_params(good))
    file.bad("other period of the reader", "period", **{**good, "period": period + 1})
    return file


def _other_params(good: dict[str, Any]) -> dict[str, Any]:
    """The ref is only the first 8 bytes; the signature covers the whole hash."""
    return {**good, "params_hash": flipped(good["params_hash"], 0)}
