"""Everything that is stored or sent, byte by byte, as docs/protocol.md fixes it.

Each message is a frozen dataclass with `encode()` and a class method `decode(data)`; signed ones also have
`sign(key)`, which returns a signed copy, and `verify(...)`. Decoders refuse another version, truncated
bodies, trailing bytes, sizes over the limit and values out of range; points and scalars are checked by
whoever computes with them. Nothing here does network, database or clock.

    >>> from trunkline.jager.messages.membership import RenewRequest
    >>> RenewRequest(period=2960).encode().hex()
    '010100000b90'
    >>> RenewRequest.decode(bytes.fromhex("010100000b90"))
    RenewRequest(period=2960)
"""
