"""From call record files to the outbox: follow, label, encrypt, sign, store.

Reading and labelling run ahead of encryption by a few chunks, so that this machine encrypts while the label
authority works. Chunks are stored in order, each with the state of its source. After a failure the sources
are read again from the last state that was stored, and nothing behind the failure is stored before it.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import structlog

from trunkline.errors import InputError, TrunklineError, UnavailableError
from trunkline.jager.carrier.hop_of import Filing, filing_of
from trunkline.jager.carrier.label_schedule import LabelInput, LabelSchedule
from trunkline.jager.carrier.metrics import CarrierMetrics
from trunkline.jager.carrier.outbox import Count, Outbox
from trunkline.jager.carrier.record_maker import LabelledFiling, RecordMaker
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.service.metrics import Metrics
from trunkline.telephony.follow import Batch, Follower, FollowState
from trunkline.telephony.model import Reject
from trunkline.telephony.providers import ProviderId
from trunkline.telephony.quarantine import append_to_quarantine
from trunkline.telephony.source import CdrSource

ROWS_A_POLL = 1_000
RECORDS_A_CHUNK = 1_000
CHUNKS_AHEAD = 6
POLL_S = 1.0
LONGEST_WAIT_S = 60.0
QUARANTINE_FILE = "quarantine.csv"
DOUBTFUL_FILE = "doubtful.csv"

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What one poll brought, on its way to the outbox."""

    source: str
    state: bytes
    filings: list[tuple[bytes, Filing]]
    labels: "Future[list[bytes]]"
    rejects: list[Reject]
    batch: Batch


class Pipeline:
    """Reads a carrier's sources into its outbox.

    Args:
        sources: The sources by name; the name must stay the same from start to start.
        provider: This carrier.
        parameters: The public parameters.
        outbox: Where the records go.
        schedule: Labels.
        maker: Encrypts and signs.
        delays: Draws when records may leave, Unix seconds.
        stored: Is called when there are new records in the outbox.
        capacity: Records that may wait in the outbox before reading pauses.
        folder: Where the quarantine file is written.
        clock: Unix time.
        metrics: What is counted, if somebody looks at it.

    Raises:
        ConfigurationError: A source's options do not fit its format.
    """

    def __init__(
        self,
        sources: Mapping[str, CdrSource],
        *,
        provider: ProviderId,
        parameters: PublicParameters,
        outbox: Outbox,
        schedule: LabelSchedule,
        maker: RecordMaker,
        delays: Callable[[int], list[float]],
        stored: Callable[[], None],
        capacity: int,
        folder: Path,
        clock: Callable[[], float],
        metrics: CarrierMetrics | None = None,
    ) -> None:
        self._sources = sources
        self._provider = provider
        self._parameters = parameters
        self._outbox = outbox
        self._schedule = schedule
        self._maker = maker
        self._delays = delays
        self._on_stored = stored
        self._capacity = capacity
        self._folder = folder
        self._clock = clock
        self._metrics = metrics or CarrierMetrics(Metrics())
        self._reading = threading.Lock()
        self._followers: dict[str, Follower] = {}
        self._stored: dict[str, bytes] = {}
        self._failed = False
        for source in sources.values():
            # A source that cannot be read at all must stop the agent's start, not be tried again for ever.
            Follower(source)

    def follow(self, stop: threading.Event) -> None:
        """Read what is new, again and again, until `stop` is set."""
        failures = 0
        while not stop.is_set():
            try:
                self.read(stop, finish=False)
                failures = 0
            except TrunklineError as error:
                failures += 1
                self._metrics.reading_failures.labels(error.code).inc()
                _logger.warning("contribution paused", code=error.code, reason=str(error), failures=failures)
            stop.wait(POLL_S if not failures else min(LONGEST_WAIT_S, POLL_S * 2 ** min(failures, 10)))

    def read(self, stop: threading.Event, *, finish: bool) -> None:
        """Read all that is there now, and return when it is stored.

        Args:
            stop: Ends reading early; what was not stored is read again next time.
            finish: The files are finished: no call waits for more rows.

        Raises:
            TrunklineError: Labels, keys or the disk failed; what was stored before stays stored.
        """
        with self._reading, ThreadPoolExecutor(1, thread_name_prefix="encrypt") as executor:
            self._open()
            ahead: deque[Future[None]] = deque()
            try:
                for name, follower in self._followers.items():
                    more = True
                    while more and not stop.is_set():
                        self._wait_for_room(stop)
                        batch = follower.poll(int(self._clock() * 1e6), limit=ROWS_A_POLL, finish=finish)
                        more = batch.more
                        chunk = self._chunk(name, batch)
                        if chunk is not None:
                            ahead.append(executor.submit(self._store, chunk, stop))
                        while len(ahead) > CHUNKS_AHEAD:
                            ahead.popleft().result()
                for future in ahead:
                    future.result()
            except BaseException:
                self._failed = True
                raise

    def _open(self) -> None:
        """Begin, or after a failure begin again, at the stored states."""
        if self._followers and not self._failed:
            return
        self._stored = self._outbox.states()
        self._followers = {
            name: Follower(
                source, FollowState.from_bytes(self._stored[name]) if name in self._stored else None
            )
            for name, source in self._sources.items()
        }
        self._failed = False

    def _wait_for_room(self, stop: threading.Event) -> None:
        while self._outbox.waiting > self._capacity and not stop.wait(POLL_S):
            _logger.info("reading waits until the outbox has room", waiting=self._outbox.waiting)

    def _chunk(self, name: str, batch: Batch) -> _Chunk | None:
        state = batch.state.to_bytes()
        if state == self._stored.get(name) and not (batch.records or batch.rejects or batch.warnings):
            return None
        self._stored[name] = state
        filings: list[tuple[bytes, Filing]] = []
        rejects = list(batch.rejects)
        for record in batch.records:
            try:
                filing = filing_of(record, self._provider, self._parameters.rules)
                filings.append((self._schedule.live_kid(filing.epoch), filing))
            except InputError as error:
                rejects.append(Reject(record.location.file, record.location.line, str(error)))
        labels = self._schedule.submit([LabelInput(kid, filing.details) for kid, filing in filings])
        return _Chunk(name, state, filings, labels, rejects, batch)

    def _store(self, chunk: _Chunk, stop: threading.Event) -> None:
        if self._failed:
            # A later state must not be stored: it would skip the rows of the chunk that failed.
            return
        try:
            records = self._encrypt(chunk, _wait(chunk.labels, stop))
            append_to_quarantine(self._folder / QUARANTINE_FILE, chunk.rejects)
            append_to_quarantine(self._folder / DOUBTFUL_FILE, chunk.batch.warnings)
            counts = {
                Count.ROWS: chunk.batch.rows_read,
                Count.CALLS: chunk.batch.calls,
                Count.REJECTED_ROWS: len(chunk.rejects),
            }
            self._outbox.add(chunk.source, chunk.state, records, self._delays(len(records)), counts)
            self._on_stored()
        except BaseException:
            self._failed = True
            raise

    def _encrypt(self, chunk: _Chunk, labels: list[bytes]) -> list[bytes]:
        filings = [
            LabelledFiling(kid, label, filing.details, filing.hop.encode())
            for (kid, filing), label in zip(chunk.filings, labels, strict=True)
        ]
        records: list[bytes] = []
        for start in range(0, len(filings), RECORDS_A_CHUNK):
            records += self._maker.make(filings[start : start + RECORDS_A_CHUNK])
        return records


def _wait(labels: "Future[list[bytes]]", stop: threading.Event) -> list[bytes]:
    while True:
        try:
            return labels.result(timeout=0.5)
        except TimeoutError:
            if stop.is_set():
                raise UnavailableError("stopped before the labels came; they are asked for again") from None
