"""Taking records: several contributions are verified and written together, each gets its own receipt.

One thread does it all, so that nothing can come between looking up a record and storing it. It waits a
moment for more contributions, because a batch of signatures is verified far faster than single ones, and
one synchronised write serves everybody in it.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from trunkline.crypto.ed25519 import SigningKey
from trunkline.crypto.record import record_ids
from trunkline.errors import StorageError, TrunklineError, UnavailableError
from trunkline.jager.messages.contribution import Contribution, Receipt, Rejection, RejectReason
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.jager.messages.record import RECORD_ID_SIZE, Record, RecordKey
from trunkline.jager.record_store.acceptance import Acceptance
from trunkline.jager.record_store.engine import Candidate, RecordEngine, StoredRecord, key_parts, record_key
from trunkline.jager.record_store.metrics import StoreMetrics
from trunkline.jager.record_store.retention import SECONDS_A_DAY
from trunkline.service.clock import Clock
from trunkline.service.metrics import Metrics

BATCH_RECORDS = 1000
MAX_WAITING_RECORDS = 16_384

_COLLECT_S = 0.005
_HOUR_S = 3600
_VERSION = b"\x01\x01"
# A scalar that is too large is the one way in which a record of the right length can be malformed.
_REASONS = {reason.name.lower(): reason for reason in RejectReason} | {"scalar": RejectReason.MALFORMED}

_logger = structlog.get_logger(__name__)


class RecordVerifier(Protocol):
    """Verifies the group signatures of records of one set of parameters, many at once."""

    def verify_records(self, records: bytes, period: int) -> Sequence[tuple[int, str]]:
        """Return the indices of the bad ones among the joined records, each with the reason."""
        ...


_Group = tuple[PublicParameters, list[int]]


@dataclass(frozen=True, slots=True)
class _Waiting:
    contribution: Contribution
    answer: "Future[Receipt]" = field(default_factory=Future)


class Ingest:
    """The one writer of records. `start` it before the first `submit`, `close` it before the engine."""

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
        self._verifier_of = verifier_of
        self._verifiers: dict[bytes, RecordVerifier] = {}
        self._store_id = store_id
        self._key = key
        self._clock = clock
        self._metrics = metrics or StoreMetrics(Metrics())
        self._arrived = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._waiting_records = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="ingest")

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
        if not self._thread.is_alive():
            raise StorageError("the thread that takes records has ended; restart the record store")

    def start(self) -> None:
        """Start the writing thread."""
        self._thread.start()

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
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while batch := self._collect():
            try:
                receipts = self.accept([waiting.contribution for waiting in batch])
            except TrunklineError as error:
                _logger.warning("contributions not stored", code=error.code, reason=str(error))
                self._fail(batch, error)
            except BaseException:
                # A panic of the core is no `Exception`; without this thread all contributors would wait.
                _logger.exception("contributions not stored")
                self._fail(batch, StorageError("the record store failed; nothing was acknowledged"))
            else:
                for waiting, receipt in zip(batch, receipts, strict=True):
                    if waiting.answer.set_running_or_notify_cancel():
                        waiting.answer.set_result(receipt)

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
        now = self._clock()
        records = [record for contribution in contributions for record in contribution]
        views, rejected, groups = self._sort_out(records, now)  # 1
        candidates: dict[int, Candidate] = {}
        for (params_hash, period), (parameters, positions) in groups.items():
            verifier = self._verifier(params_hash, parameters)
            with self._metrics.verification_seconds.time():
                joined = b"".join(records[position] for position in positions)
                bad = verifier.verify_records(joined, period)  # 2
            for index, reason in bad:
                rejected[positions[index]] = _REASONS[reason]
            first_day = period * parameters.period_s // SECONDS_A_DAY - 1
            good = [position for position in positions if position not in rejected]
            ids = record_ids(params_hash, parameters.gpk_id, b"".join(records[position] for position in good))
            for number, position in enumerate(good):
                record_id = ids[number * RECORD_ID_SIZE : (number + 1) * RECORD_ID_SIZE]
                candidates[position] = Candidate(views[position].idx, record_id, first_day)
        with self._metrics.storing_seconds.time():
            keys = self._store(records, candidates, now)  # 3
        self._metrics.batch_records.observe(len(records))
        self._metrics.rejected(rejected.values())
        return self._receipts(contributions, keys, rejected, now)  # 4

    def _sort_out(
        self, records: Sequence[bytes], now: float
    ) -> tuple[dict[int, Record], dict[int, RejectReason], dict[tuple[bytes, int], _Group]]:
        views: dict[int, Record] = {}
        rejected: dict[int, RejectReason] = {}
        groups: dict[tuple[bytes, int], _Group] = {}
        for position, record in enumerate(records):
            if record[:2] != _VERSION:
                rejected[position] = RejectReason.VERSION
                continue
            view = views[position] = Record(record)
            parameters = self._acceptance.by_reference(view.params_ref, now)
            if parameters is None:
                rejected[position] = RejectReason.PARAMS
            elif view.period not in parameters.accepted_periods(now):
                rejected[position] = RejectReason.PERIOD
            else:
                _, positions = groups.setdefault((parameters.hash, view.period), (parameters, []))
                positions.append(position)
        return views, rejected, groups

    def _store(
        self, records: Sequence[bytes], candidates: dict[int, Candidate], now: float
    ) -> dict[int, bytes]:
        hour = int(now) // _HOUR_S
        today = int(now) // SECONDS_A_DAY
        distinct = {(one.idx, one.record_id): position for position, one in candidates.items()}
        ordered = [candidates[position] for position in distinct.values()]
        days = self._engine.days_of(ordered, today)
        keys: dict[tuple[bytes, bytes], bytes] = {}
        new: list[StoredRecord] = []
        for candidate, day, position in zip(ordered, days, distinct.values(), strict=True):
            key = record_key(candidate.idx, today if day is None else day, candidate.record_id)
            keys[candidate.idx, candidate.record_id] = key
            if day is None:
                new.append(StoredRecord(key, hour, records[position]))
        if new:
            self._engine.put_batch(new)
        self._metrics.taken(new=len(new), repeated=len(candidates) - len(new))
        return {position: keys[one.idx, one.record_id] for position, one in candidates.items()}

    def _receipts(
        self,
        contributions: Sequence[Contribution],
        keys: dict[int, bytes],
        rejected: dict[int, RejectReason],
        now: float,
    ) -> list[Receipt]:
        receipts = []
        start = 0
        for contribution in contributions:
            positions = range(start, start + contribution.count)
            start += contribution.count
            receipt = Receipt(
                params_hash=self._named_by(contribution, now).hash,
                store_id=self._store_id,
                hour=int(now) // _HOUR_S,
                keys=tuple(
                    RecordKey(*key_parts(key))
                    for key in sorted(keys[position] for position in positions if position in keys)
                ),
                rejected=tuple(
                    Rejection(position - positions.start, rejected[position])
                    for position in positions
                    if position in rejected
                ),
            )
            receipts.append(receipt.sign(self._key))
        return receipts

    def _named_by(self, contribution: Contribution, now: float) -> PublicParameters:
        """The parameters of a receipt: the contributor may not have the newest ones yet."""
        first = next(iter(contribution))
        named = (
            self._acceptance.by_reference(Record(first).params_ref, now) if first[:2] == _VERSION else None
        )
        return named or self._acceptance.newest

    def _verifier(self, params_hash: bytes, parameters: PublicParameters) -> RecordVerifier:
        if params_hash not in self._verifiers:
            self._verifiers[params_hash] = self._verifier_of(parameters)
        return self._verifiers[params_hash]
