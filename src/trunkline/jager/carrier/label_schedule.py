"""The schedule of label requests: every interval one request of the same size, whatever is waiting.

The label authority sees how large the requests are and when they come. So both are always the same: each
live key id has a fixed number of slots, traces fill slots before contributions do, and random elements fill
the rest. A trace adds no request. What the schedule hides is what a carrier does, not that it takes part.
"""

import secrets
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import structlog

from trunkline.crypto.oprf import Blinding, LabelClient, random_elements
from trunkline.errors import InputError, QuotaError, TrunklineError, UnavailableError
from trunkline.jager.carrier.metrics import OK, CarrierMetrics
from trunkline.jager.messages.labels import KIDS_LIMIT, LabelPart, LabelRequest, LabelResponse
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.service.metrics import Metrics

LABEL_SIZE = 64
LEAD_S = 600
"""A key gets slots this long before its interval begins: a trace's window may reach into it."""
BACKOFF_MAX_S = 30.0

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LabelInput:
    """Call details to be labelled, and the key id that is in force for their epoch."""

    kid: bytes
    details: bytes

    def __repr__(self) -> str:
        return "LabelInput()"


@dataclass(slots=True)
class _Job:
    inputs: Sequence[LabelInput]
    trace: bool
    labels: list[bytes] = field(default_factory=list)
    missing: int = 0
    future: "Future[list[bytes]]" = field(default_factory=Future)

    def __post_init__(self) -> None:
        self.labels = [b""] * len(self.inputs)
        self.missing = len(self.inputs)


@dataclass(frozen=True, slots=True)
class _Slot:
    """One real input of a request: which job's, and at which place in it."""

    job: _Job
    place: int


class LabelSchedule:
    """Labels for contribution and trace from one endpoint, at a constant rate.

    Args:
        parameters: The public parameters. Live are the newest keys whose interval has begun or soon begins,
            as many as a request may name.
        batch: Slots for each live key id in a request.
        interval_s: Time from one request to the next.
        send: Sends an encoded `LabelRequest` and returns the encoded answer.
        clock: Unix time.
        metrics: What is counted, if somebody looks at it.
    """

    def __init__(
        self,
        parameters: PublicParameters,
        *,
        batch: int,
        interval_s: float,
        send: Callable[[bytes], bytes],
        clock: Callable[[], float],
        metrics: CarrierMetrics | None = None,
    ) -> None:
        self._parameters = parameters
        self._batch = batch
        self._interval_s = interval_s
        self._send = send
        self._clock = clock
        self._metrics = metrics or CarrierMetrics(Metrics())
        self._failures = 0
        self._lock = threading.Lock()
        self._clients: dict[bytes, LabelClient] = {}
        self._waiting: dict[tuple[bytes, bool], deque[_Slot]] = defaultdict(deque)

    @property
    def waiting(self) -> int:
        """Inputs that wait for a slot."""
        with self._lock:
            return sum(map(len, self._waiting.values()))

    def check(self) -> None:
        """Check that the label authority answers.

        Raises:
            UnavailableError: The last request failed.
        """
        if self._failures:
            raise UnavailableError("the last label request failed; the log says why")

    def live_kid(self, epoch: int) -> bytes:
        """The key id for calls of an epoch.

        Raises:
            InputError: No key is in force for it, or the key is not in use now: the call is too old, or in
                the future.
        """
        kid = self._parameters.key_for_epoch(epoch).kid
        if kid not in self._live():
            raise InputError("no label key is in use for the call's time: check the source's clock and zone")
        return kid

    def submit(self, inputs: Sequence[LabelInput], *, trace: bool = False) -> "Future[list[bytes]]":
        """Queue inputs for the next requests.

        Contributions wait until the authority is there and the quota is renewed; a trace is told.

        Args:
            inputs: The call details with their key ids, as `live_kid` gives them.
            trace: Whether to go before all contributions.

        Returns:
            The labels, 64 bytes each, in the order of the inputs. Fails with ProofError if the authority
            did not use its published key; then no label of the request is used.

        """
        job = _Job(inputs, trace)
        if not inputs:
            job.future.set_result([])
            return job.future
        with self._lock:
            for place, item in enumerate(inputs):
                self._waiting[item.kid, trace].append(_Slot(job, place))
        return job.future

    def run(self, stop: threading.Event) -> None:
        """Send a request every interval until `stop` is set; after failures, less often for a while."""
        due = time.monotonic()
        while not stop.wait(max(0.0, due - time.monotonic())):
            self._metrics.label_lateness.observe(time.monotonic() - due)
            try:
                self.send_one()
                self._failures = 0
                self._metrics.label_requests.labels(OK).inc()
            except TrunklineError as error:
                self._failures += 1
                self._metrics.label_requests.labels(error.code).inc()
                _logger.warning(
                    "label request failed", code=error.code, reason=str(error), failures=self._failures
                )
            pause = self._interval_s if not self._failures else self._backoff(self._failures)
            # A request that took longer than the interval delays the next ones instead of bunching them.
            due = max(due + pause, time.monotonic())
        self._fail_all(UnavailableError("the agent is stopping; ask again when it runs"))

    def send_one(self) -> None:
        """Send one request and hand out its labels.

        Raises:
            TrunklineError: The request failed. Contributions stay queued unless the answer was wrong.
        """
        slots = {kid: self._take(kid) for kid in self._live()}
        if not slots:
            return
        try:
            with self._metrics.label_seconds.time():
                self._exchange(slots)
        except (UnavailableError, QuotaError) as error:
            self._put_back(slots, error)
            raise
        except TrunklineError as error:
            _fail([slot for taken in slots.values() for slot in taken], error)
            raise
        self._count(slots)

    def _count(self, slots: Mapping[bytes, list[_Slot]]) -> None:
        real = [slot for taken in slots.values() for slot in taken]
        traces = sum(slot.job.trace for slot in real)
        self._metrics.slots(
            trace=traces, contribution=len(real) - traces, padding=len(slots) * self._batch - len(real)
        )

    def _exchange(self, slots: Mapping[bytes, list[_Slot]]) -> None:
        blindings: dict[bytes, tuple[Blinding, bytes]] = {}
        parts = []
        for kid, taken in slots.items():
            elements = b""
            padding = random_elements(self._batch - len(taken))
            if taken:
                inputs = [slot.job.inputs[slot.place].details for slot in taken]
                blinding = self._client(kid).blind_batch(inputs)
                blindings[kid] = blinding, padding
                elements = blinding.elements
            parts.append(LabelPart(kid, elements + padding))
        request = LabelRequest(tuple(parts))
        answer = LabelResponse.decode(self._send(request.encode()))
        answer.check_answers(request)
        # Every proof is checked before a single label is handed out.
        labels = {}
        for part in answer.parts:
            if part.kid in blindings:
                blinding, padding = blindings[part.kid]
                labels[part.kid] = blinding.finalize(part.elements, part.proof, padding)
        for kid, taken in slots.items():
            for number, slot in enumerate(taken):
                label = labels[kid][number * LABEL_SIZE : (number + 1) * LABEL_SIZE]
                slot.job.labels[slot.place] = label
                slot.job.missing -= 1
                if not slot.job.missing and not slot.job.future.done():
                    slot.job.future.set_result(slot.job.labels)

    def _live(self) -> list[bytes]:
        begun = int((self._clock() + LEAD_S) * 1000) // self._parameters.resolution_ms
        return [keys.kid for keys in self._parameters.keys if keys.epoch_from <= begun][-KIDS_LIMIT:]

    def _client(self, kid: bytes) -> LabelClient:
        if kid not in self._clients:
            self._clients[kid] = LabelClient(self._parameters.keys_by_kid[kid].oprf)
        return self._clients[kid]

    def _take(self, kid: bytes) -> list[_Slot]:
        taken: list[_Slot] = []
        with self._lock:
            for trace in (True, False):
                queue = self._waiting[kid, trace]
                while queue and len(taken) < self._batch:
                    slot = queue.popleft()
                    # Another part of the same job may have failed in an earlier request.
                    if not slot.job.future.done():
                        taken.append(slot)
        return taken

    def _put_back(self, slots: Mapping[bytes, list[_Slot]], error: TrunklineError) -> None:
        with self._lock:
            for kid, taken in slots.items():
                self._waiting[kid, False].extendleft(slot for slot in reversed(taken) if not slot.job.trace)
        _fail([slot for taken in slots.values() for slot in taken if slot.job.trace], error)

    def _fail_all(self, error: TrunklineError) -> None:
        with self._lock:
            slots = [slot for queue in self._waiting.values() for slot in queue]
        _fail(slots, error)

    def _backoff(self, failures: int) -> float:
        longest = min(BACKOFF_MAX_S, self._interval_s * (1 << min(failures, 10)))
        return longest * (0.5 + secrets.randbelow(500) / 1000)


def _fail(slots: Sequence[_Slot], error: TrunklineError) -> None:
    for slot in slots:
        if not slot.job.future.done():
            slot.job.future.set_exception(error)
