"""What is fuzzed: a function of bytes, with inputs to begin from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """One decoder.

    Attributes:
        name: For findings.
        run: Takes any bytes; may raise classes of `trunkline.errors` only.
        seeds: Good inputs.
        packed: The bytes are several arguments.
    """

    name: str
    run: Callable[[bytes], object]
    seeds: Sequence[bytes]
    packed: bool = False
