"""A second implementation of `docs/protocol.md`, sections 1 to 5, written from that page alone.

It shares no code with the core: BLS12-381 is arkworks', ristretto255 is the formulas of RFC 9496 in integers. It is slow, not constant-time and for tests only. `generate` writes the vectors of `tests/vectors/` with it.
"""
