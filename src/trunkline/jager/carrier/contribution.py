"""Sends records: mixed, in batches of one size, without saying who sends them."""

import secrets
import threading
from collections.abc import Callable
from math import inf
from random import SystemRandom

import structlog

from trunkline.errors import TrunklineError
from trunkline.jager.carrier.config import ContributionSection
from trunkline.jager.carrier.metrics import OK, CarrierMetrics
from trunkline.jager.carrier.outbox import Outbox, SealedBatch
from trunkline.jager.carrier.receipts import settle
from trunkline.jager.carrier.record_maker import RecordMaker
from trunkline.jager.messages.contribution import Contribution, Receipt
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.service.metrics import Metrics

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 300.0
AGAIN_AFTER_S = 60.0
"""How long records wait that the store refused for their period: its clock and ours may differ a little."""

_random = SystemRandom()
_logger = structlog.get_logger(__name__)


class ContributionSender:
    """Takes records whose delay is over from the outbox and delivers them.

    Full batches leave as they come; what is left leaves once an interval, filled up with dummies.

    Args:
        outbox: Where records wait.
        maker: Makes dummies and signs again.
        parameters: The public parameters.
        store_id: The store's id in them.
        section: Sizes and times.
        send: Sends an encoded `Contribution` over a fresh connection and returns the encoded receipt.
        clock: Unix time.
        metrics: What is counted, if somebody looks at it.
    """

    def __init__(
        self,
        outbox: Outbox,
        maker: RecordMaker,
        *,
        parameters: PublicParameters,
        store_id: bytes,
        section: ContributionSection,
        send: Callable[[bytes], bytes],
        clock: Callable[[], float],
        metrics: CarrierMetrics | None = None,
    ) -> None:
        self._outbox = outbox
        self._maker = maker
        self._parameters = parameters
        self._store_id = store_id
        self._section = section
        self._send = send
        self._clock = clock
        self._metrics = metrics or CarrierMetrics(Metrics())
        self._taking = threading.Lock()
        self._in_flight: set[int] = set()
        self._remainder_at = 0.0
        self._looked_at = inf
        self._changed = threading.Condition()
        self._changes = 0

    def delays(self, count: int) -> list[float]:
        """Draw when new records may leave."""
        now = self._clock()
        return [now + _random.uniform(0, self._section.delay_max_s) for _ in range(count)]

    def flush(self) -> None:
        """Send everything that waits now, without its delay."""
        self._outbox.make_due_by(self._clock())
        self._remainder_at = 0.0
        self.wake()

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set; several threads may run this at the same time."""
        failures = 0
        while not stop.is_set():
            seen = self._changes
            try:
                pause = 0.0 if self.deliver_one() else self._section.interval_ms / 1000
                failures = 0
            except TrunklineError as error:
                pause = _pause(failures)
                failures += 1
                _logger.warning("contribution waits", code=error.code, reason=str(error), failures=failures)
            if pause:
                with self._changed:
                    self._changed.wait_for(lambda: stop.is_set() or self._changes != seen, pause)  # noqa: B023 - called here only

    def wake(self) -> None:
        """Let waiting threads look at once, for a stop or for new records."""
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def deliver_one(self) -> bool:
        """Send one batch and store its receipt.

        Returns:
            Whether there was a batch to send.

        Raises:
            TrunklineError: The batch stays in the outbox and is sent again later.
        """
        batch = self._take()
        if batch is None:
            return False
        try:
            with self._metrics.batch_seconds.time():
                self._deliver(batch)
            self._metrics.batches.labels(OK).inc()
        except TrunklineError as error:
            self._metrics.batches.labels(error.code).inc()
            self._outbox.postpone(batch, self._clock() + _pause(batch.attempts))
            raise
        finally:
            with self._taking:
                self._in_flight.discard(batch.number)
        return True

    def _take(self) -> SealedBatch | None:
        if not self._outbox.waiting:
            return None
        with self._taking:
            now = self._clock()
            if now < self._looked_at:
                # At the start, and when the clock was set back: what a clock that ran ahead drew is no delay.
                self._outbox.make_due_by(now + max(self._section.delay_max_s, AGAIN_AFTER_S, LONGEST_WAIT_S))
                self._remainder_at = 0.0
            self._looked_at = now
            batch = self._outbox.next_batch(now, self._in_flight) or self._seal(now)
            if batch is not None:
                self._in_flight.add(batch.number)
            return batch

    def _seal(self, now: float) -> SealedBatch | None:
        size = self._section.batch
        pooled = self._outbox.due(now, size)
        if not pooled or (len(pooled) < size and now < self._remainder_at):
            return None
        if len(pooled) < size:
            self._remainder_at = now + self._section.interval_ms / 1000
        flagged = [(item.record, 0) for item in pooled]
        flagged += [(record, 1) for record in self._maker.dummies(size - len(pooled))]
        _random.shuffle(flagged)
        records = b"".join(record for record, _ in flagged)
        return self._outbox.seal(
            [item.number for item in pooled], records, bytes(flag for _, flag in flagged), now
        )

    def _deliver(self, batch: SealedBatch) -> None:
        if not self._maker.acceptable(batch.records):
            batch = self._outbox.replace(batch, self._maker.sign_again(batch.records))
        encoded = self._send(Contribution(batch.records).encode())
        outcome = settle(
            Receipt.decode(encoded),
            batch,
            parameters=self._parameters,
            store_id=self._store_id,
            maker=self._maker,
            again_at=self._clock() + AGAIN_AFTER_S,
        )
        self._outbox.settle(batch, encoded, outcome, self._clock())
        if outcome.quarantined:
            _logger.warning("records refused and quarantined", count=len(outcome.quarantined))


def _pause(attempts: int) -> float:
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * (1 << min(attempts, 16)))
    return longest * (0.5 + secrets.randbelow(500) / 1000)
