"""Traces one call, from the query to the validation report (docs/protocol.md, section 9)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from trunkline.errors import UnavailableError
from trunkline.jager.carrier.acquisition import Acquisition, Progress
from trunkline.jager.carrier.join_log import JoinLog
from trunkline.jager.carrier.trace_query import TraceQuery
from trunkline.jager.messages.accountability import TraceBundle
from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.jager.validation.evidence import Evidence, examine, situation_of
from trunkline.jager.validation.report import ValidationReport
from trunkline.jager.validation.validate import validate_trace
from trunkline.telephony.providers import ProviderId

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TraceOutcome:
    """What a trace found.

    Attributes:
        bundle: All the evidence: the result file that `judge` and `report` read.
        report: What it says.
        store_faults: Records with an invalid group signature, which the store should have refused.
        unverified: How many records name public parameters that are not known here: later ones, or earlier
            ones that the configuration leaves out. They play no part.
        members_known: Whether the join log was looked at; if not, nothing is called forged.
        seconds: How long it took.
    """

    bundle: TraceBundle
    report: ValidationReport
    store_faults: tuple[bytes, ...]
    unverified: int
    members_known: bool
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Write the outcome for the command line; `bundle` is the text of the result file."""
        return {
            "bundle": self.bundle.encode().decode(),
            "report": self.report.to_json(),
            "store_faults": [record_id.hex() for record_id in self.store_faults],
            "unverified": self.unverified,
            "members_known": self.members_known,
            "seconds": self.seconds,
        }


class Tracer:
    """Traces calls for one carrier. Safe to use from several threads.

    Args:
        known: The public parameters; traces are made under the current ones.
        acquisition: Asks the services.
        join_log: Who is a member.
    """

    def __init__(self, known: ParameterSet, acquisition: Acquisition, join_log: JoinLog) -> None:
        self._known = known
        self._acquisition = acquisition
        self._join_log = join_log

    def trace(self, query: TraceQuery, progress: Progress = lambda _text: None) -> TraceOutcome:
        """Trace one call.

        Args:
            query: The call.
            progress: Is told each step.

        Raises:
            PolicyError: The trace is refused, or waits for a person's approval.
            EvidenceError: A service's answer does not prove what it should.
            TrunklineError: A service is not available, or a check failed.
        """
        started = time.monotonic()
        bundle = self._acquisition.acquire(query, progress)
        progress("evidence")
        evidence = examine(bundle, self._known, every_label=False)
        members = self._members(evidence)
        report = validate_trace(situation_of(evidence, members=members))
        seconds = time.monotonic() - started
        _logger.info("traced", labels=len(bundle.labels), records=len(evidence.records))
        if evidence.unverified:
            _logger.warning("records of parameters that are not known", records=evidence.unverified)
        return TraceOutcome(
            bundle, report, evidence.store_faults, evidence.unverified, members is not None, seconds
        )

    def _members(self, evidence: Evidence) -> Mapping[int, frozenset[ProviderId]] | None:
        try:
            return self._join_log.members(evidence.claimed_members())
        except UnavailableError as error:
            _logger.warning("the join log is not available", code=error.code)
            return None
