"""The share of a process's time that is curve arithmetic, from samples of Linux's perf.

A sample counts as curve arithmetic if the instruction belongs to blst, or to a function of curve25519-dalek,
also where that was inlined into one of ours. Memory that they have copied by the C library, and all time in
the kernel, does not count; so the share is never too large by what is around it.
"""

import collections
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trunkline.errors import ConfigurationError, UnavailableError

CORE = "_core.abi3.so"
_SAMPLES_A_SECOND = 499
_BEGINS_S = 10.0
_DALEK = "/curve25519-dalek-"  # in the path of its sources
# What a C compiler and linker put into every library; all else that is not Rust in the core is blst's.
_NOT_BLST = frozenset(
    {"_init", "_fini", "frame_dummy", "deregister_tm_clones", "register_tm_clones", "__do_global_dtors_aux"}
    | {"rust_eh_personality", "PyInit__core", "__udivti3", "__umodti3", "??"}
)


@contextmanager
def curve_profile(processes: Mapping[str, int], symbols: Path) -> Iterator[dict[str, Any]]:
    """Samples processes while the block runs.

    Args:
        processes: Process ids by name; they must run already, and stay.
        symbols: The cryptographic core, unstripped: the same build as the installed one.

    Yields:
        A dictionary that is filled when the block ends: by process `share`, of blst and dalek together, and
        `of`, the share of each part: `blst`, `dalek`, `core` (our Rust and hashes), `python`, `libraries`,
        `kernel`; and `samples`.

    Raises:
        ConfigurationError: perf is not installed or not allowed, or the symbols are of another build.
    """
    _check_same_code(symbols)
    bases = {pid: _base_of_core(pid) for pid in processes.values()}
    shares: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "perf.data"
        recorder = _record(data, processes.values())
        try:
            yield shares
        finally:
            recorder.send_signal(signal.SIGINT)
            recorder.wait()
        parts = _parts(data, bases, symbols)
    for name, pid in processes.items():
        found = parts[pid]
        samples = sum(found.values())
        if not samples:
            raise UnavailableError(f"perf has no sample of {name}: it did nothing, or was not there")
        shares[name] = {
            "share": round((found["blst"] + found["dalek"]) / samples, 3),
            "of": {part: round(count / samples, 3) for part, count in found.most_common()},
            "samples": samples,
        }


def _record(data: Path, pids: Iterable[int]) -> subprocess.Popen[bytes]:
    command = ["perf", "record", "-q", "-N", "-B", "-e", "cpu-clock", "-F", str(_SAMPLES_A_SECOND)]
    command += ["-o", str(data), "-p", ",".join(map(str, pids))]
    try:
        recorder = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    except OSError as error:
        raise ConfigurationError("perf is not installed: apt install linux-perf") from error
    deadline = time.monotonic() + _BEGINS_S
    while not data.exists():
        if recorder.poll() is not None or time.monotonic() > deadline:
            recorder.kill()
            raise ConfigurationError("perf cannot sample: it needs root, or kernel.perf_event_paranoid=1")
        time.sleep(0.02)
    return recorder


def _parts(data: Path, bases: Mapping[int, int], symbols: Path) -> dict[int, collections.Counter[str]]:
    """Counts the samples of each process by part."""
    script = ["perf", "script", "-i", str(data), "-F", "pid,ip,dso", "-G"]
    lines = subprocess.run(script, check=True, capture_output=True, text=True).stdout.splitlines()
    parts: dict[int, collections.Counter[str]] = {pid: collections.Counter() for pid in bases}
    in_core: collections.Counter[tuple[int, int]] = collections.Counter()
    for line in lines:
        pid_text, address, library = line.split(maxsplit=2)
        pid, library = int(pid_text), library.strip("()")
        if Path(library).name == CORE:
            in_core[pid, int(address, 16) - bases[pid]] += 1
        else:
            parts[pid][part_of_library(library)] += 1
    offsets = sorted({offset for _, offset in in_core})
    names = dict(zip(offsets, _part_of_core(symbols, offsets), strict=True))
    for (pid, offset), count in in_core.items():
        parts[pid][names[offset]] += count
    return parts


def part_of_library(library: str) -> str:
    """The part of a sample outside of the core."""
    if library.startswith(("[kernel", "[vdso")) or library.endswith(".ko"):
        return "kernel"
    return "python" if Path(library).name.startswith(("python", "libpython")) else "libraries"


def _part_of_core(symbols: Path, offsets: list[int]) -> Iterator[str]:
    """Names the part of each address: all functions that are inlined at it count."""
    # One empty line ends the answer to each address.
    answer = subprocess.run(
        ["llvm-symbolizer", "--obj", str(symbols), "--inlines", "--demangle", "--functions=linkage"],
        input="".join(f"{offset:#x}\n" for offset in offsets),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    yield from map(part_of_frames, answer.split("\n\n")[: len(offsets)])


def part_of_frames(frames: str) -> str:
    """The part of one address: its functions, the innermost first, each with a line of its place."""
    lines = frames.splitlines()
    function = lines[-2]  # the one that all others are inlined into
    if any(_DALEK in place for place in lines[1::2]):
        return "dalek"
    return "core" if "::" in function or function in _NOT_BLST else "blst"


def _base_of_core(pid: int) -> int:
    """Where a process has the beginning of the core in its memory."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    except OSError as error:
        raise ConfigurationError(f"process {pid} cannot be looked into: run as its user") from error
    for line in lines:
        if line.endswith(CORE):
            return int(line.partition("-")[0], 16)
    raise ConfigurationError(f"process {pid} does not use the cryptographic core")


def _check_same_code(symbols: Path) -> None:
    from trunkline import _core

    installed = str(_core.__file__)
    try:
        codes = [_code(installed), _code(str(symbols))]
    except (OSError, subprocess.CalledProcessError) as error:
        raise ConfigurationError(f"{symbols} cannot be read: run scripts/profile-curve") from error
    if codes[0] != codes[1]:
        raise ConfigurationError(f"{symbols} is another build than {installed}; build both from one source")


def _code(library: str) -> bytes:
    with tempfile.NamedTemporaryFile() as out:  # objcopy writes nothing into a pipe
        command = ["objcopy", "-O", "binary", "-j", ".text", library, out.name]
        subprocess.run(command, check=True, capture_output=True)
        return Path(out.name).read_bytes()
