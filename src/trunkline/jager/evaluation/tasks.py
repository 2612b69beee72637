"""The tasks of the paper's Table 3 on one thread: each singly, as in the paper, and as users run it."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from trunkline.crypto.runtime import set_threads
from trunkline.jager.evaluation.paper import Timing
from trunkline.jager.evaluation.parties import BATCH, LARGE_BATCH, WINDOW, Call, Parties, restored_threads

HOPS = 5
"""Records that a trace decrypts."""

_FEWEST_BATCHES = 10

_SINGLE: dict[str, Callable[[Parties], Call]] = {
    "label_generation": lambda parties: parties.label_evaluate(1),
    "contribution": lambda parties: parties.contribute(1),
    "authorization": lambda parties: parties.authorize(1),
    "decryption": lambda parties: parties.decrypt(1),
    "open": lambda parties: parties.open(1),
    "verify_group_signature": lambda parties: parties.verify(),
    "label_blind": lambda parties: parties.label_blind(1),
    "label_finalize": lambda parties: parties.label_finalize(1),
}

_BATCHES: dict[str, tuple[int, Callable[[Parties, int], Call]]] = {
    "label_generation": (BATCH, Parties.label_evaluate),
    "contribution": (BATCH, Parties.contribute),
    "authorization": (WINDOW, Parties.authorize),
    "decryption": (HOPS, Parties.decrypt),
    "verify_group_signature": (LARGE_BATCH, Parties.verify_batch),
    "label_blind": (BATCH, Parties.label_blind),
    "label_finalize": (BATCH, Parties.label_finalize),
}
"""How many at once: the default request of the label schedule, a trace's labels, the records of a call, what
a store takes together. Signatures are opened one by one."""

STEPS = len(_SINGLE) + len(_BATCHES)


@dataclass(frozen=True, slots=True)
class TaskTiming:
    """One task, in milliseconds of processor time for each element.

    Attributes:
        single: One element a call.
        runs: How many such calls.
        batch: Elements a call as users run it; 1 for a task that is never run in batches.
        batched: In such calls; the deviation is that of whole calls.
    """

    single: Timing
    runs: int
    batch: int
    batched: Timing


def measure_tasks(parties: Parties, runs: int, step: Callable[[], None]) -> dict[str, TaskTiming]:
    """Measures every task singly, `runs` times, and in batches of about as many elements in all.

    Args:
        parties: One of each party.
        runs: At least 2.
        step: Called after each of `STEPS` measurements.
    """
    timings = {}
    with restored_threads():
        set_threads(1)
        for name, prepare in _SINGLE.items():
            single = batched = _time(partial(prepare, parties), 1, runs)
            step()
            count = 1
            if name in _BATCHES:
                count, prepare_batch = _BATCHES[name]
                batches = max(min(_FEWEST_BATCHES, runs), runs // count)
                batched = _time(partial(prepare_batch, parties, count), count, batches)
                step()
            timings[name] = TaskTiming(single, runs, count, batched)
    return timings


def _time(prepare: Callable[[], Call], count: int, runs: int) -> Timing:
    taken = []
    for _ in range(runs):
        call = prepare()
        began = time.process_time()
        call()
        taken.append((time.process_time() - began) * 1_000 / count)
    return Timing(statistics.fmean(taken), min(taken), max(taken), statistics.stdev(taken))
