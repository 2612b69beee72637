"""Fuzzes for a while, led by the code that inputs reach: python -m tests.fuzz SECONDS DIRECTORY.

The directory keeps the inputs that reached something new, from one run to the next, and gets a file for each
finding. The last lines say how many inputs there were and what was found; with findings the status is 1.
"""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["trunkline"]):
    from .decoders import Decoders

from trunkline.crypto.runtime import set_threads

MAX_INPUT = 65_536
MEMORY_MIB = 2048
ONE_INPUT_S = 10


def main(seconds: int, directory: Path) -> None:
    """Fuzz; the end of the time ends the process."""
    set_threads(1)
    corpus = directory / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    working = tempfile.TemporaryDirectory(prefix="trunkline-fuzz-")
    decoders = Decoders.all(Path(working.name))
    for number, seed in enumerate(decoders.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)

    deadline = time.monotonic() + seconds

    def run(data: bytes) -> None:
        decoders.run(data)
        if time.monotonic() > deadline:
            working.cleanup()
            report(decoders, directory)
            sys.stdout.flush()
            os._exit(bool(decoders.findings))  # the fuzzing library's own end runs no Python code

    def change(data: bytes, max_size: int, seed: int) -> bytes:
        return decoders.mutate(data, Random(seed), lambda part: atheris.Mutate(part, max_size))[:max_size]

    arguments = [
        sys.argv[0],
        str(corpus),
        f"-max_len={MAX_INPUT}",
        f"-rss_limit_mb={MEMORY_MIB}",
        f"-timeout={ONE_INPUT_S}",
        f"-artifact_prefix={directory}/",
        "-len_control=0",
        "-verbosity=0",
    ]
    atheris.Setup(arguments, run, custom_mutator=change)
    atheris.Fuzz()


def report(decoders: Decoders, directory: Path) -> None:
    """Print what was found, and keep the inputs."""
    for number, (fault, data) in enumerate(decoders.findings.items(), 1):
        (directory / f"finding-{number}").write_bytes(data)
        print(f"finding {number}: {fault}")
    least = min(decoders.executions[target.name] for target in decoders.targets)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{decoders.executions.total()} executions of {len(decoders.targets)} targets "
        f"(each {least} or more), {decoders.accepted.total()} inputs accepted, {peak} MiB at most, "
        f"{len(decoders.findings)} findings"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
