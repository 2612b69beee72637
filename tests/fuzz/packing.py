"""Several byte strings in one input, so that one entry point can feed functions of several arguments."""

_SIZE = 2


def pack(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(_SIZE, "big") + part for part in parts)


def unpack(data: bytes) -> list[bytes]:
    """What `pack` packed; of any other bytes, as many parts as there are, the last one cut short."""
    parts = []
    while len(data) >= _SIZE:
        size = int.from_bytes(data[:_SIZE], "big")
        parts.append(data[_SIZE : _SIZE + size])
        data = data[_SIZE + size :]
    return parts
