"""The one entry point: any bytes to any decoder; only classes of `trunkline.errors` come out.

The first byte of an input chooses the target.
"""

import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from random import Random
from typing import Self

from trunkline.errors import TrunklineError

from . import core, files, protocol
from .mutation import MutateBytes, mutate
from .target import Target

FRAMES = 3  # as many of a traceback tell one fault from another


@dataclass
class Decoders:
    """Targets, and what they were found to do wrong.

    Attributes:
        targets: The targets.
        executions: How many inputs each had.
        accepted: How many of them were good.
        findings: The first input of each fault, by the fault: target, error, place.
    """

    targets: Sequence[Target]
    executions: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    findings: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def all(cls, directory: Path) -> Self:
        """Every decoder; the empty directory is for their files."""
        modules = (protocol, files, core)
        return cls(list(chain.from_iterable(module.targets(directory) for module in modules)))

    def seeds(self) -> Iterator[bytes]:
        """Good inputs, and the empty one, of each target."""
        for number, target in enumerate(self.targets):
            yield from (bytes((number,)) + seed for seed in (b"", *target.seeds))

    def run(self, data: bytes) -> None:
        """Feed one input to its target."""
        target = self.targets[data[0] % len(self.targets)] if data else self.targets[0]
        self.executions[target.name] += 1
        try:
            target.run(data[1:])
        except TrunklineError as error:
            if not str(error):
                self._found(target, error, data)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a panic of the core derives from BaseException
            self._found(target, error, data)
        else:
            self.accepted[target.name] += 1

    def mutate(self, data: bytes, random: Random, mutate_bytes: MutateBytes) -> bytes:
        """A changed input."""
        # Seeds again and again: no coverage speaks for those of the core, and the fuzzer would forget them.
        if not data or random.randrange(2):
            number = random.randrange(len(self.targets))
            data = bytes((number,)) + random.choice(self.targets[number].seeds)
        target = self.targets[data[0] % len(self.targets)]
        return data[:1] + mutate(data[1:], random, mutate_bytes, packed=target.packed)

    def _found(self, target: Target, error: BaseException, data: bytes) -> None:
        frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
        place = " < ".join(f"{Path(one.filename).name}:{one.lineno}" for one in reversed(frames))
        self.findings.setdefault(f"{target.name}: {type(error).__name__} at {place}", data)
