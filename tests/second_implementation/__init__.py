"""A second implementation of `docs/protocol.md`, sections 1 to 5, written from that page alone.

It shares no code with the core: BLS12-381 is that of arkworks, ristretto255 follows RFC 9496 in integers.
It is slow, not constant-time and for tests only. `generate` writes the vectors of `tests/vectors/` with it.
"""
