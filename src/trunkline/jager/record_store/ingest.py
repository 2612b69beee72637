"""Taking records: several contributions are verified and written together, each gets its own receipt.

One thread verifies, and while the next batch is verified another one writes what was found good: looking up
a record and storing it are done by that one alone, so that nothing can come between. Verification waits a
moment for more contributions, because a batch of signatures is verified far faster than single ones, and one
synchronised write serves everybody in it.
"""

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import structlog

from trunkline.crypto.ed25519 import SigningKey
from trunkline.errors import StorageError, TrunklineError, UnavailableError
from trunkline.jager.messages.contribution import Contribution, Receipt, Rejection
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.jager.messages.record import Record, RecordKey
from trunkline.jager.record_store.acceptance import Acceptance
from trunkline.jager.record_store.engine import RecordEngine, StoredRecord, key_parts, record_key
from trunkline.jager.record_store.metrics import StoreMetrics
from trunkline.jager.record_store.retention import SECONDS_A_DAY
from trunkline.jager.record_store.verification import VERSION, Judged, RecordVerifier, Verification
from trunkline.service.clock import Clock
from trunkline.service.metrics import Metrics

BATCH_RECORDS = 4096
MAX_WAITING_RECORDS = 16_384

_COLLECT_S = 0.005
_HOUR_S = 3600

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    contribution: Contribution
    answer: "Future[Receipt]" = field(default_factory=Future)


class Ingest:
    """The one taker of records. `start` it before the first `submit`, `close` it before the engine."""

    def __init__(
        self,
        engine: RecordEngine,
        acceptance: Acceptance,
        verifier_of: Callable[[PublicParameters], RecordVerifier],
        *,
        store_id: bytes,
        key: SigningKey,
        clock: Clock,
        metrics: StoreMetrics | None = None,
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            engine: Where records go.
            acceptance: The parameters that records may refer to.
            verifier_of: Makes the verifier for parameters; asked once for each.
            store_id: This store's identifier.
            key: This store's key, which signs receipts.
            clock: The time of acceptance.
            metrics: What is counted, if somebody looks at it.
        """
        self._engine = engine
        self._acceptance = acceptance
        self._verification = Verification(acceptance, verifier_of)
        self._store_id = store_id
        self._key = key
        self._clock = clock
        self._metrics = metrics or StoreMetrics(Metrics())
        self._arrived = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._waiting_records = 0
        self._closing = False
        # One batch waits while one is written; verification does not run further ahead.
        self._verified: queue.Queue[tuple[list[_Waiting], Judged] | None] = queue.Queue(maxsize=1)
        self._threads = (
            threading.Thread(target=self._verify, name="ingest-verify"),
            threading.Thread(target=self._write, name="ingest-write"),
        )

    @property
    def waiting_records(self) -> int:
        """How many records wait to be verified."""
        return self._waiting_records

    @property
    def waiting_limit(self) -> int:
        """How many may wait."""
        return MAX_WAITING_RECORDS

    def check(self) -> None:
        """Check that records are being taken.

        Raises:
            StorageError: They are not.
        """
        if not all(thread.is_alive() for thread in self._threads):
            raise StorageError("a thread that takes records has ended; restart the record store")

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def submit(self, contribution: Contribution) -> "Future[Receipt]":
        """Hand in a contribution; the future gives its receipt, once everything good in it is durable.

        The future raises `StorageError` if nothing was stored for certain.

        Raises:
            UnavailableError: Too much is waiting already, or the store is stopping.
        """
        waiting = _Waiting(contribution)
        with self._arrived:
            if self._closing or self._waiting_records + contribution.count > MAX_WAITING_RECORDS:
                raise UnavailableError("too many records are waiting; send them again a little later")
            self._waiting.append(waiting)
            self._waiting_records += contribution.count
            self._arrived.notify()
        return waiting.answer

    def close(self) -> None:
        """Finish what was handed in, then stop."""
        with self._arrived:
            self._closing = True
            self._arrived.notify()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _verify(self) -> None:
        while batch := self._collect():
            with self._answering(batch):
                judged = self._judge([waiting.contribution for waiting in batch])
                self._verified.put((batch, judged))
        self._verified.put(None)

    def _write(self) -> None:
        while (verified := self._verified.get()) is not None:
            batch, judged = verified
            with self._answering(batch):
                receipts = self._acknowledge(judged)
                for waiting, receipt in zip(batch, receipts, strict=True):
                    if waiting.answer.set_running_or_notify_cancel():
                        waiting.answer.set_result(receipt)

    @contextlib.contextmanager
    def _answering(self, batch: Sequence[_Waiting]) -> Iterator[None]:
        """Tell all contributors of a batch that it failed, if it does."""
        try:
            yield
        except TrunklineError as error:
            _logger.warning("contributions not stored", code=error.code, reason=str(error))
            self._fail(batch, error)
        except BaseException:
            # A panic of the core is no `Exception`; without this thread all contributors would wait.
            _logger.exception("contributions not stored")
            self._fail(batch, StorageError("the record store failed; nothing was acknowledged"))

    def _collect(self) -> list[_Waiting]:
        """Wait for contributions and return some; none when the store is stopping and none are left."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._waiting or self._closing)
            deadline = time.monotonic() + _COLLECT_S
            while not self._closing and self._waiting_records < BATCH_RECORDS:
                if not self._arrived.wait(deadline - time.monotonic()):
                    break
            batch: list[_Waiting] = []
            records = 0
            while self._waiting and records < BATCH_RECORDS:
                batch.append(self._waiting.popleft())
                records += batch[-1].contribution.count
            self._waiting_records -= records
        return batch

    def _fail(self, batch: Sequence[_Waiting], error: TrunklineError) -> None:
        self._metrics.failed_batches.labels(error.code).inc()
        for waiting in batch:
            if waiting.answer.set_running_or_notify_cancel():
                waiting.answer.set_exception(error)

    def accept(self, contributions: Sequence[Contribution]) -> list[Receipt]:
        """Verify and store contributions, and return their receipts, in their order.

        1. Records of another version, of parameters not in force or of a period not accepted are rejected.
        2. The signatures of the others are verified, together for all contributions.
        3. A good record that is stored already keeps its first key; the others are written, all at once.
        4. Each contribution gets a receipt: the keys of its good records, the reasons of its bad ones.

        Raises:
            StorageError: Nothing was stored for certain.
        """
        return self._acknowledge(self._judge(contributions))

    def _judge(self, contributions: Sequence[Contribution]) -> Judged:
        with self._metrics.verification_seconds.time():
            return self._verification.judge(contributions, self._clock())  # 1 and 2

    def _acknowledge(self, judged: Judged) -> list[Receipt]:
        with self._metrics.storing_seconds.time():
            keys = self._store(judged)  # 3
        self._metrics.batch_records.observe(len(judged.records))
        self._metrics.rejected(judged.rejected.values())
        return self._receipts(judged, keys)  # 4

    def _store(self, judged: Judged) -> dict[int, bytes]:
        hour = int(judged.now) // _HOUR_S
        today = int(judged.now) // SECONDS_A_DAY
        positions = {(one.idx, one.record_id): position for position, one in judged.good.items()}
        candidates = [judged.good[position] for position in positions.values()]
        days = self._engine.days_of(candidates, today)
        keys: dict[tuple[bytes, bytes], bytes] = {}
        new: list[StoredRecord] = []
        for (name, position), day in zip(positions.items(), days, strict=True):
            key = keys[name] = record_key(name[0], today if day is None else day, name[1])
            if day is None:
                new.append(StoredRecord(key, hour, judged.records[position]))
        if new:
            self._engine.put_batch(new)
        self._metrics.taken(new=len(new), repeated=len(judged.good) - len(new))
        return {position: keys[one.idx, one.record_id] for position, one in judged.good.items()}

    def _receipts(self, judged: Judged, keys: dict[int, bytes]) -> list[Receipt]:
        receipts = []
        start = 0
        for contribution in judged.contributions:
            positions = range(start, start + contribution.count)
            start += contribution.count
            receipt = Receipt(
                params_hash=self._named_by(judged.records[positions.start], judged.now).hash,
                store_id=self._store_id,
                hour=int(judged.now) // _HOUR_S,
                keys=tuple(
                    [
                        RecordKey(*key_parts(key))
                        for key in sorted([keys[position] for position in positions if position in keys])
                    ]
                ),
                rejected=tuple(
                    Rejection(position - positions.start, judged.rejected[position])
                    for position in positions
                    if position in judged.rejected
                ),
            )
            receipts.append(receipt.sign(self._key))
        return receipts

    def _named_by(self, first: bytes, now: float) -> PublicParameters:
        """The parameters of a receipt: the contributor may not have the newest ones yet."""
        named = (
            self._acceptance.by_reference(Record(first).params_ref, now)
            if first.startswith(VERSION)
            else None
        )
        return named or self._acceptance.newest
