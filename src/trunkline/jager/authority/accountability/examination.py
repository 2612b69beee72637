"""From a report or a disavowal to a signed verdict.

1. The request is read; the same one again gets the same verdict.
2. The evidence passes every check, and who asks may ask.
3. The labels are evaluated anew: they are those of the call, and the transcripts prove it.
4. The join log is read; the trace is validated.
5. The rules say what is opened. Each opening is logged before anything of it leaves.
6. The openings are proven, the findings derived, the verdict signed.
"""

from dataclasses import dataclass, field

import structlog

from trunkline.crypto.transcript import H
from trunkline.errors import EvidenceError, PolicyError
from trunkline.jager.authority.accountability.config import AccountabilityConfig
from trunkline.jager.authority.accountability.opening import (
    Opened,
    Opener,
    members_of,
    named_carriers,
    signer_entries,
)
from trunkline.jager.authority.accountability.sources import Evaluate, JoinLogReader
from trunkline.jager.authority.accountability.store import Kind, Occasion, OpeningsStore
from trunkline.jager.messages.accountability import (
    Disavowal,
    DisavowalStatement,
    Report,
    TraceBundle,
    Transcript,
    Verdict,
)
from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.jager.messages.registry import Registry, RegistryFile
from trunkline.jager.validation.evidence import Evidence, examine, situation_of
from trunkline.jager.validation.join_register import JoinRegister
from trunkline.jager.validation.judge import check_statement
from trunkline.jager.validation.opening_plan import Plan, plan_claims, plan_names, plan_report
from trunkline.jager.validation.report import ValidationReport
from trunkline.jager.validation.validate import validate_trace
from trunkline.jager.validation.verdict_findings import derive_findings
from trunkline.service.clock import Clock
from trunkline.service.keys import IdentityKey
from trunkline.telephony.providers import ProviderId

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Matter:
    """One request after step 2 and 3."""

    occasion: Occasion
    requester: ProviderId
    bundle: TraceBundle = field(repr=False)
    evidence: Evidence = field(repr=False)
    transcripts: tuple[Transcript, ...] = field(repr=False)
    enforcement: bool = False
    statement: DisavowalStatement | None = None


@dataclass(frozen=True, slots=True)
class Accountability:
    """The authority's judgement, without HTTP. Safe to use from several threads.

    Attributes:
        known: The public parameters; verdicts are made under the current ones.
        registry: The registry, always the newest.
        config: Quotas.
        opener: Opens and proves.
        verdict_key: Signs verdicts.
        evaluate: Evaluates labels anew.
        join_log: The join log.
        store: The log of openings.
        clock: The service's time.
    """

    known: ParameterSet
    registry: RegistryFile
    config: AccountabilityConfig
    opener: Opener
    verdict_key: IdentityKey
    evaluate: Evaluate
    join_log: JoinLogReader
    store: OpeningsStore
    clock: Clock

    def report(self, body: bytes, requester: ProviderId) -> bytes:
        """Answer a report with the signed verdict.

        Raises:
            EvidenceError: The evidence is incomplete or proves nothing, or a signer has to join again.
            PolicyError: The requester is not the tracer, or a quota is used up.
            TrunklineError: The request is malformed, or a service is not available.
        """
        # 1. As it is read, so that white space makes no other request of it.
        report = Report.decode(body)
        digest = H("report", requester.value, report.encode())
        if (known := self.store.verdict(digest)) is not None:
            return known
        # 2.
        evidence = examine(report.bundle, self.known)
        if evidence.grant.requester_id != requester:
            raise PolicyError("a report is handed in by the tracer whom its grant names")
        occasion = self._occasion("report", requester, evidence)
        self.store.check_quota(digest, occasion, self._limit("report"))
        # 3.
        transcripts = self.evaluate(report.bundle)
        matter = _Matter(
            occasion, requester, report.bundle, evidence, transcripts, enforcement=report.enforcement
        )
        return self._decide(digest, matter)

    def disavowal(self, body: bytes, requester: ProviderId) -> bytes:
        """Answer a disavowal with the signed verdict; raises as `report` does."""
        # 1.
        disavowal = Disavowal.decode(body)
        digest = H("disavowal", requester.value, disavowal.encode())
        if (known := self.store.verdict(digest)) is not None:
            return known
        statement = disavowal.statement
        # 2.
        evidence = examine(disavowal.bundle, self.known)
        if requester not in (evidence.grant.requester_id, statement.provider):
            raise PolicyError("a disavowal is handed in by the tracer or by the carrier that disavows")
        check_statement(statement, disavowal.bundle, evidence.parameters, self.registry.current())
        occasion = self._occasion("disavowal", statement.provider, evidence)
        self.store.check_quota(digest, occasion, self._limit("disavowal"))
        # 3.
        transcripts = self.evaluate(disavowal.bundle)
        matter = _Matter(occasion, requester, disavowal.bundle, evidence, transcripts, statement=statement)
        return self._decide(digest, matter)

    def _occasion(self, kind: Kind, party: ProviderId, evidence: Evidence) -> Occasion:
        grant = evidence.grant
        return Occasion(
            kind,
            party,
            grant.case_commitment,
            grant.grant_id,
            self.clock(),
        )

    def _limit(self, kind: Kind) -> int:
        return self.config.reports_per_month if kind == "report" else self.config.disavowals_per_month

    def _decide(self, digest: bytes, matter: _Matter) -> bytes:
        evidence, registry = matter.evidence, self.registry.current()
        with self.join_log.lock:
            # 4.
            register = self.join_log.current()
            if register.head is None:
                raise EvidenceError("the join log has no head")
            head = register.head
            named = named_carriers(evidence, register)
            validated = validate_trace(situation_of(evidence, members=members_of(named), malformed=True))
            # 5.
            plan, opened = self._open(matter, validated, register, registry)
            chain = self.store.log_openings(
                digest, matter.occasion, plan, limit=self._limit(matter.occasion.kind)
            )
            signers = signer_entries(opened, register, registry)
        # 6.
        disavowing = None if matter.statement is None else matter.statement.provider
        verdict = Verdict(
            kind=matter.occasion.kind,
            params_hash=self.known.current.hash,
            time=int(matter.occasion.time),
            requester=matter.requester.value,
            enforcement=matter.enforcement,
            statement=matter.statement,
            bundle=matter.bundle,
            transcripts=matter.transcripts,
            log_head=head,
            named=named,
            signers=signers,
            openings=self.opener.prove(evidence, opened, plan),
            findings=derive_findings(evidence, validated, opened.signers, plan, disavowing=disavowing),
            openings_log=chain,
        )
        document = verdict.sign(self.verdict_key).encode()
        self.store.keep_verdict(digest, document, matter.occasion.time)
        _logger.info("verdict", kind=verdict.kind, openings=len(plan), findings=len(verdict.findings))
        return document

    def _open(
        self, matter: _Matter, validated: ValidationReport, register: JoinRegister, registry: Registry
    ) -> tuple[Plan, Opened]:
        evidence = matter.evidence
        if matter.statement is None:
            plan = plan_report(evidence, validated, enforcement=matter.enforcement)
            return plan, self.opener.open(evidence, sorted(plan), register, registry)
        carrier = matter.statement.provider
        plan = plan_claims(evidence, validated, carrier)
        first = self.opener.open(evidence, sorted(plan), register, registry)
        further = plan_names(evidence, validated, carrier, first.signers)
        second = self.opener.open(evidence, sorted(further), register, registry)
        return plan | further, Opened({**first.members, **second.members})
