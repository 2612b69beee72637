"""Generates a network's call records: parts of the calls one after the other, straight to disk.

Nothing grows with the number of calls but the files. A part depends on the parameters and its own number
alone, so that two parts are made at the same time, and a run that was ended goes on at the next part.
"""

import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trunkline.errors import StorageError
from trunkline.pstn.behaviour import Connections, make_carriers
from trunkline.pstn.calls import CHUNK, CallModel, Calls
from trunkline.pstn.campaigns import make_campaigns
from trunkline.pstn.carriers import CarrierNetwork, bianconi_barabasi
from trunkline.pstn.databases import make_database
from trunkline.pstn.layout import carrier_file, set_up
from trunkline.pstn.output import Output, Progress, refuse_foreign
from trunkline.pstn.parameters import Parameters
from trunkline.pstn.records import Records, Untruths, write_records
from trunkline.pstn.routes import Routes
from trunkline.pstn.subscribers import make_subscribers
from trunkline.pstn.switches import CdrFile, Switches
from trunkline.pstn.timing import LONGEST_CALL_US
from trunkline.pstn.truth import TRUTH_FILE, UNTRUTHS_FILE, truth_lines, untruth_lines
from trunkline.service.files import lock_directory

_FOUNDERS = 5
_AT_ONCE = 2
_SAMPLE = 2_000
_BLOCK = 4_096
_MARGIN = 1.03
_FILES_A_CARRIER = 3

Step = Callable[[int, int], None]
"""Told how many calls of how many are written."""


def _silent(_done: int, _total: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class _Part:
    calls: int
    records: int
    untruths: int
    truth: str
    untruth_rows: str
    files: list[CdrFile]

    @property
    def size(self) -> int:
        return len(self.truth) + len(self.untruth_rows) + sum(len(one.text) for one in self.files)


@dataclass(frozen=True, slots=True)
class _Draft:
    calls: Calls
    records: Records
    untruths: Untruths


class Network:
    """Everything of a network but its calls, from its parameters.

    Args:
        parameters: What it is generated from.
        scratch: Folder for the scratch file of routes.

    Raises:
        InputError: The parameters describe no network.
    """

    def __init__(self, parameters: Parameters, scratch: Path | None = None) -> None:
        def stream(number: int) -> np.random.Generator:
            return np.random.default_rng([parameters.seed, number])

        self.parameters = parameters
        founders = min(parameters.carriers, max(_FOUNDERS, parameters.m))
        self.carrier_graph: CarrierNetwork = bianconi_barabasi(
            parameters.carriers, parameters.m, parameters.seed, clique=founders
        )
        self.subscribers = make_subscribers(self.carrier_graph, parameters.subscribers, stream(11))
        self.campaigns = make_campaigns(parameters, self.carrier_graph, self.subscribers, stream(12))
        self.carriers = make_carriers(parameters, self.subscribers, stream(13))
        self.switches = Switches(parameters, self.campaigns.carriers, stream(14))
        self.routes = Routes(self.carrier_graph, scratch)
        self.calls = CallModel(parameters, self.subscribers, self.campaigns, self.routes)
        self._connections = Connections(self.carrier_graph)

    def draft(self, first: int, count: int) -> _Draft:
        """Makes some calls and the records of them."""
        calls = self.calls.make(first, count)
        return _Draft(calls, *write_records(calls, self.carriers, self._connections, self.parameters))

    def until_us(self, end: int) -> NDArray[np.int64]:
        """Tells, by each carrier's clock, when the call after the first `end` ones begins at the earliest."""
        everyone = np.arange(self.parameters.carriers, dtype=np.int32)
        if end == self.parameters.calls:
            return np.full(len(everyone), np.iinfo(np.int64).max)
        return self.carriers.clocks.read(everyone, np.full(len(everyone), self.calls.begins_us(end)))

    def part(
        self, draft: _Draft, records: Records, since_us: NDArray[np.int64], until_us: NDArray[np.int64]
    ) -> _Part:
        """Makes what is written of some calls, and of records that their time brings to an end."""
        return _Part(
            calls=len(draft.calls),
            records=len(draft.records),
            untruths=len(draft.untruths.calls),
            truth=truth_lines(draft.calls, self.switches.names),
            untruth_rows=untruth_lines(draft.untruths, self.switches.names),
            files=list(self.switches.write(records, since_us, until_us)),
        )


@dataclass(frozen=True, slots=True)
class Generated:
    """What a run did.

    Attributes:
        progress: What is in the folder now.
        new_records: How many of its records this run wrote.
    """

    progress: Progress
    new_records: int


def generate(folder: Path, parameters: Parameters, step: Step = _silent) -> Generated:
    """Generates a network, or goes on with one.

    Args:
        folder: Where to; empty, missing, or one in which a run with the same parameters was ended.
        parameters: What to generate.
        step: Told how far it is.

    Returns:
        What is there now; a network that is finished is left as it is.

    Raises:
        InputError: The parameters describe no network, or the folder holds something else.
        StorageError: There is no room, another process is at it, or the folder is damaged.
    """
    refuse_foreign(folder)
    with lock_directory(folder):
        output = Output(folder, parameters.to_json())
        before = output.progress.records
        if not output.progress.finished:
            _go_on(output, parameters, step)
        return Generated(output.progress, output.progress.records - before)


def _go_on(output: Output, parameters: Parameters, step: Step) -> None:
    network = Network(parameters, output.folder)
    with network.routes:
        progress = output.progress
        if progress.calls < parameters.calls:
            output.cut_back()
            check_room(output.folder, network, progress)
        if output.is_new:
            # From here on the folder is known as one that a run may overwrite.
            output.note()
            set_up(
                output,
                parameters,
                network.carrier_graph,
                network.subscribers,
                network.carriers,
                network.switches,
            )
            progress.facts = _facts(network)
            output.note()
        if progress.calls < parameters.calls:
            network.routes.prepare(np.arange(parameters.carriers, dtype=np.int32))
        for part in _parts(network, progress.calls):
            _append(output, network, part)
            step(progress.calls, parameters.calls)
    _finish(output, network)


def check_room(folder: Path, network: Network, progress: Progress) -> None:
    """Compares what is still to be written with the room on the disk.

    Raises:
        StorageError: There is too little; the message says how much is needed and how much there is.
    """
    parameters = network.parameters
    draft = network.draft(0, min(_SAMPLE, parameters.calls))
    ever = network.until_us(parameters.calls)
    sample = network.part(draft, draft.records, np.zeros_like(ever), ever)
    calls = parameters.calls - progress.calls
    doubled = any(network.switches.form(one).database for one in range(parameters.carriers))
    needed = round(sample.size / sample.calls * calls * _MARGIN * (2 if doubled else 1))
    needed += parameters.carriers * _FILES_A_CARRIER * _BLOCK
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"{calls:,} calls need about {needed:,} bytes, and {free:,} are free: "
            "make room, name another folder, or generate fewer calls"
        )


def _facts(network: Network) -> dict[str, Any]:
    graph = network.carrier_graph
    return {
        "largest_market_share": round(float(graph.market_share.max()), 6),
        "neighbours_at_same_carrier": round(network.subscribers.shared_carrier, 6),
        "robocalls": network.parameters.robocall_count,
        "carriers_without_records": int((~network.carriers.participates).sum()),
    }


def _parts(network: Network, done: int) -> Iterator[_Part]:
    """Makes the parts from a call on, the next ones while one is written."""
    total = network.parameters.calls
    if done == total:
        return
    since_us, going_on = network.until_us(done), _going_on(network, done)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        waiting: deque[Future[_Part]] = deque()
        following = pool.submit(network.draft, done, min(CHUNK, total - done))
        end = done
        while end < total:
            draft = following.result()
            end += len(draft.calls)
            if end < total:
                following = pool.submit(network.draft, end, min(CHUNK, total - end))
            until_us = network.until_us(end)
            records = draft.records if going_on is None else going_on.and_also(draft.records)
            waiting.append(pool.submit(network.part, draft, records, since_us, until_us))
            going_on = records.only(records.end_us >= until_us[records.carriers])
            since_us = until_us
            if len(waiting) > _AT_ONCE:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _going_on(network: Network, done: int) -> Records | None:
    """Makes anew the records of those of the first calls that had not ended when the next one began."""
    if done == 0:
        return None
    now_us, until_us = network.calls.begins_us(done), network.until_us(done)
    found: Records | None = None
    first = done - CHUNK
    while first >= 0 and network.calls.begins_us(first + CHUNK) > now_us - LONGEST_CALL_US:
        records = network.draft(first, CHUNK).records
        records = records.only(records.end_us >= until_us[records.carriers])
        found = records if found is None else found.and_also(records)
        first -= CHUNK
    return found


def _append(output: Output, network: Network, part: _Part) -> None:
    switches = network.switches
    for one in part.files:
        name = carrier_file(switches, one.carrier, switches.form(one.carrier).files[one.file])
        output.append(name, one.text)
    output.append(TRUTH_FILE, part.truth)
    output.append(UNTRUTHS_FILE, part.untruth_rows)
    progress = output.progress
    progress.calls += part.calls
    progress.records += part.records
    progress.untruths += part.untruths
    output.note()


def _finish(output: Output, network: Network) -> None:
    switches = network.switches
    for carrier in np.flatnonzero(network.carriers.participates).tolist():
        form = switches.form(carrier)
        if form.database:
            make_database(output.folder / carrier_file(switches, carrier, "."), form)
    output.progress.finished = True
    output.note()
