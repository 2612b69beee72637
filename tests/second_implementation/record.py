"""Section 4: message, record, record id and record key."""

from .group_signature import Group, verify
from .notation import Reader, refuse_unless, tagged_hash, u8, u32

VERSION, SUITE = 1, 1


def record_message(group: Group, period: int, body: bytes) -> bytes:
    return u8(VERSION) + group.params_hash + u32(period) + group.id + body


def record(group: Group, period: int, body: bytes, signature: bytes) -> bytes:
    return u8(VERSION) + u8(SUITE) + group.params_hash[:8] + u32(period) + body + signature


def record_id(group: Group, data: bytes) -> bytes:
    period, body, signature = int.from_bytes(data[10:14], "big"), data[14:250], data[250:]
    return tagged_hash("record", record_message(group, period, body), signature)[:16]


def record_key(group: Group, data: bytes, day: int) -> bytes:
    return data[14:46] + u32(day) + record_id(group, data)


def check_record(group: Group, period: int, data: bytes) -> None:
    """What a record store checks of a record in the current period."""
    fields = Reader(data, 714, "a record")
    refuse_unless(fields.take(2) == bytes([VERSION, SUITE]), "version", "another version or suite")
    refuse_unless(fields.take(8) == group.params_hash[:8], "params", "other parameters")
    refuse_unless(fields.take(4) == u32(period), "period", "another period")
    body = fields.take(236)
    verify(group, period, record_message(group, period, body), fields.take(464))
