"""Changes to an input that leave its frame whole, so that they reach what is packed inside.

JSON stays JSON: one of its values is changed, and within base64 or hexadecimal digits the bytes they stand
for. Packed arguments stay packed. Everything else, and some of those, is changed as plain bytes.
"""

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from random import Random
from typing import Any

from .packing import pack, unpack

MutateBytes = Callable[[bytes], bytes]

_NUMBERS = (0, -1, 1, 255, 256, 2**31, 2**32, 2**53, 2**63, 2**64, 10**40, 1.5, 1e308)
_VALUES = (None, True, "", [], {}, "\ud800", "\x00")
_CHUNK = 32


def mutate(data: bytes, random: Random, mutate_bytes: MutateBytes, *, packed: bool) -> bytes:
    """One changed input; `packed` says that it is several arguments."""
    if random.randrange(4) == 0:
        return mutate_bytes(data)
    if packed and (parts := unpack(data)):
        chosen = random.randrange(len(parts))
        parts[chosen] = mutate(parts[chosen], random, mutate_bytes, packed=False)
        return pack(*(part[:0xFFFF] for part in parts))
    if data[:1] in b"{[":
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            return mutate_bytes(data)
        return json.dumps(_changed(document, random, mutate_bytes)).encode()
    return mutate_bytes(data)


def mutate_plainly(data: bytes, random: Random) -> bytes:
    """A few bytes replaced, removed, doubled or added, or the end cut off."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 3)):
        start = random.randint(0, len(changed))
        end = min(len(changed), start + random.randint(1, _CHUNK))
        match random.randrange(6):
            case 0:
                changed[start:end] = random.randbytes(end - start)
            case 1:
                del changed[start:end]
            case 2:
                changed[start:start] = changed[start:end]
            case 3:
                changed[start:start] = random.randbytes(random.randint(1, 8))
            case 4 if start < len(changed):
                changed[start] ^= 1 << random.randrange(8)
            case _:
                del changed[random.randint(0, len(changed)) :]
    return bytes(changed)


def _changed(value: Any, random: Random, mutate_bytes: MutateBytes) -> Any:
    """The value with one of the values in it changed."""
    if isinstance(value, dict) and value and random.randrange(8):
        name = random.choice(list(value))
        return value | {name: _changed(value[name], random, mutate_bytes)}
    if isinstance(value, list) and value and random.randrange(8):
        chosen = random.randrange(len(value))
        match random.randrange(6):
            case 0:
                return value[:chosen] + value[chosen + 1 :]
            case 1:
                return [*value, value[chosen]]
            case _:
                changed = _changed(value[chosen], random, mutate_bytes)
                return [*value[:chosen], changed, *value[chosen + 1 :]]
    if isinstance(value, str) and value and random.randrange(8):
        return _changed_text(value, mutate_bytes)
    return random.choice(_NUMBERS if isinstance(value, int) and random.randrange(4) else _VALUES)


def _changed_text(text: str, mutate_bytes: MutateBytes) -> str:
    try:
        return mutate_bytes(bytes.fromhex(text)).hex()
    except ValueError:
        pass
    try:
        return b64encode(mutate_bytes(b64decode(text, validate=True))).decode()
    except (ValueError, binascii.Error):
        return mutate_bytes(text.encode(errors="surrogatepass")).decode(errors="replace")
