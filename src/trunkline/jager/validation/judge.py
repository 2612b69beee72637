"""The judge: checks a signed verdict offline, from the verdict, the public parameters and the registry alone.

1. The verdict is signed by the accountability authority of the parameters that it names.
2. Its evidence passes every check of `evidence.examine`.
3. Every label is the VOPRF of the call's details at its epoch: the transcripts repeat its evaluation.
4. A disavowal is signed by the carrier that the registry has the key of, about this call and case.
5. The join log's head is signed; every signer's entry is a valid joining and stands in that log, and so do
   the credentials of those in whose name records speak.
6. Every opening is a proof, for this case, this record and this signer, and leads to the signer's S.
7. Exactly those records were opened that the rules allow, each for the reason that is given.
8. The findings are those that follow.

What rests on cryptography and what on somebody's word is kept apart: see `Judgement`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trunkline.crypto.group_signature import judge_opening
from trunkline.crypto.oprf import verify_transcript
from trunkline.errors import EvidenceError, TrunklineError
from trunkline.jager.messages.accountability import (
    DisavowalStatement,
    FindingField,
    TraceBundle,
    Transcript,
    Verdict,
    decode_verdict_document,
)
from trunkline.jager.messages.authorization import details_commitment
from trunkline.jager.messages.log import JOIN_LOG
from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.jager.messages.registry import Registry
from trunkline.jager.messages.signed_document import SignedDocument
from trunkline.jager.validation.evidence import Evidence, call_details, examine, situation_of
from trunkline.jager.validation.join_register import (
    check_join_entry,
    joined_by,
    read_issuance_entry,
    read_join_entry,
)
from trunkline.jager.validation.opening_plan import Plan, plan_claims, plan_names, plan_report
from trunkline.jager.validation.report import ValidationReport
from trunkline.jager.validation.validate import validate_trace
from trunkline.jager.validation.verdict_findings import Signers, derive_findings
from trunkline.service.merkle import verify_inclusion
from trunkline.telephony.providers import ProviderId

NOBODY = bytes(16)
"""What an opening is proven for if its S stands in no join log."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict that passed every check.

    Attributes:
        verdict: The verdict.
        report: The validation without openings: what the tracer saw.
        opened_report: The validation again, now that signers are known.
        signers: Who signed which opened record.
        proven: What cryptography proves, in plain words.
        claimed: What rests on somebody's word, in plain words.
    """

    verdict: Verdict
    report: ValidationReport
    opened_report: ValidationReport
    signers: Mapping[bytes, ProviderId | None]
    proven: tuple[str, ...]
    claimed: tuple[str, ...]

    @property
    def findings(self) -> tuple[FindingField, ...]:
        """The verdict's findings."""
        return self.verdict.findings

    def to_json(self) -> dict[str, Any]:
        """Write the judgement; the call's parties are not in it."""
        return {
            "valid": True,
            "kind": self.verdict.kind,
            "time": self.verdict.time,
            "requester": self.verdict.requester.hex(),
            "openings": [
                {"record": each.record_id.hex(), "reason": each.reason, "signer": _hex(each.signer)}
                for each in self.verdict.openings
            ],
            "findings": [
                {
                    "kind": finding.kind,
                    "carrier": _hex(finding.carrier),
                    "claimed": _hex(finding.claimed),
                    "records": [record_id.hex() for record_id in finding.records],
                }
                for finding in self.findings
            ],
            "report": self.opened_report.to_json(),
            "proven": list(self.proven),
            "claimed": list(self.claimed),
        }


def judge(document: bytes, known: ParameterSet, registry: Registry) -> Judgement:
    """Check a signed verdict in full.

    Args:
        document: The signed document.
        known: The deployment's verified public parameters, with all earlier ones that carriers joined or
            filed under.
        registry: A verified registry, for carriers' identity keys.

    Raises:
        SignatureError: The verdict, or something in it, is not signed by whom it should be.
        CryptoError: A proof does not verify.
        EvidenceError: The verdict does not follow from its evidence.
        DecodingError: The verdict is malformed.
    """
    # 1.
    envelope = decode_verdict_document(document)
    _check_key(envelope, known)
    envelope.verify("verdict")
    verdict = Verdict.decode(envelope.payload)
    known = known.up_to(verdict.params_hash, "the verdict")
    _check_key(envelope, [known.current])
    # 2.
    evidence = examine(verdict.bundle, known)
    try:
        return _judge_evidence(verdict, evidence, known, registry)
    except EvidenceError as error:
        if not evidence.unverified:
            raise
        raise EvidenceError(
            f"{error}; but {evidence.unverified} of its records name public parameters that are not among "
            "the known ones: if they are earlier ones, name them"
        ) from error


def _judge_evidence(
    verdict: Verdict, evidence: Evidence, known: ParameterSet, registry: Registry
) -> Judgement:
    requesters = {evidence.grant.requester_id.value}
    if verdict.statement is not None:
        requesters.add(verdict.statement.carrier)
    if verdict.requester not in requesters:
        raise EvidenceError(
            "the verdict answers somebody else than the tracer whom the grant names, or who disavows"
        )
    # 3.
    check_transcripts(verdict.bundle, verdict.transcripts, evidence.parameters)
    # 4.
    if verdict.statement is not None:
        check_statement(verdict.statement, verdict.bundle, evidence.parameters, registry)
    # 5.
    verdict.log_head.verify(known.current.membership_key, JOIN_LOG, known.current.hash)
    points = _check_signers(verdict, known, registry)
    # 6.
    signers = _check_openings(verdict, evidence, points)
    # 7.
    members = _check_named(verdict, evidence)
    report = validate_trace(situation_of(evidence, members=members, malformed=True))
    plan = derive_plan(verdict, evidence, report, signers)
    if plan != {each.record_id: each.reason for each in verdict.openings}:
        raise EvidenceError("the verdict opens other records, or for other reasons, than the rules allow")
    # 8.
    disavowing = None if verdict.statement is None else verdict.statement.provider
    if verdict.findings != derive_findings(evidence, report, signers, plan, disavowing=disavowing):
        raise EvidenceError("the verdict's findings are not those that follow from its evidence")
    opened = validate_trace(situation_of(evidence, members=members, signers=signers, malformed=True))
    return Judgement(
        verdict, report, opened, signers, tuple(_proven(verdict)), tuple(_claimed(verdict, evidence))
    )


def check_transcripts(
    bundle: TraceBundle, transcripts: tuple[Transcript, ...], parameters: PublicParameters
) -> None:
    """Check that every label of a bundle is the VOPRF of the call's details at its epoch.

    Raises:
        EvidenceError: A transcript is missing, or shows another label.
        ProofError: A transcript proves nothing.
    """
    if [each.epoch for each in transcripts] != [label.epoch for label in bundle.labels]:
        raise EvidenceError("the verdict has not exactly one transcript for each label")
    for transcript, label in zip(transcripts, bundle.labels, strict=True):
        shown = verify_transcript(
            parameters.keys_by_kid[label.kid].oprf,
            call_details(bundle, parameters, label.epoch),
            transcript.blind,
            transcript.evaluated,
            transcript.proof,
        )
        if shown != label.label:
            raise EvidenceError("a label of the trace is not the label of its call's details")


def check_statement(
    statement: DisavowalStatement, bundle: TraceBundle, parameters: PublicParameters, registry: Registry
) -> None:
    """Check that a disavowal is the carrier's own word about this call and case.

    Raises:
        EvidenceError: It is about another call or case, or its carrier has no key in the registry.
        SignatureError: It is not signed by the carrier.
    """
    call = bundle.call
    commitment = details_commitment(
        call.salt,
        call.src.party,
        call.dst.party,
        time_ms=call.time_ms,
        profile=parameters.rules.profile,
        own_time_is_answer=call.own_time_is_answer,
        tolerance_ms=call.tolerance_ms,
    )
    if statement.details_commitment != commitment:
        raise EvidenceError("the disavowal is about another call")
    if statement.case_commitment != bundle.decoded_grant().case_commitment:
        raise EvidenceError("the disavowal is about another case")
    provider = registry.by_id(statement.provider)
    if provider is None or provider.key is None:
        raise EvidenceError("the registry has no key of the carrier that disavows")
    statement.verify(provider.key, parameters.hash)


def derive_plan(verdict: Verdict, evidence: Evidence, report: ValidationReport, signers: Signers) -> Plan:
    """Derive which records had to be opened, and why.

    Raises:
        EvidenceError: A disavowal by a carrier that nobody names.
        PolicyError: Enforcement without a case.
    """
    if verdict.statement is None:
        return plan_report(evidence, report, enforcement=verdict.enforcement)
    carrier = verdict.statement.provider
    plan = plan_claims(evidence, report, carrier)
    if not set(plan) <= set(signers):
        raise EvidenceError("the verdict leaves out records in the name of the carrier that disavows")
    own = {record_id: signers[record_id] for record_id in plan}
    return plan | plan_names(evidence, report, carrier, own)


def _check_key(envelope: SignedDocument, known: Iterable[PublicParameters]) -> None:
    if envelope.key not in {parameters.accountability_key for parameters in known}:
        raise EvidenceError("the verdict is signed by another key than the accountability authority's")


def _check_signers(verdict: Verdict, known: ParameterSet, registry: Registry) -> dict[bytes, set[bytes]]:
    """Check the signers' join entries; return each carrier's S, of which a re-admitted one has several."""
    points: dict[bytes, set[bytes]] = {}
    for signer in verdict.signers:
        entry = read_join_entry(signer.entry)
        check_join_entry(entry, known)
        if entry.request.carrier_id.value != signer.carrier:
            raise EvidenceError("a signer's join log entry is another carrier's")
        if not joined_by(entry, registry):
            raise EvidenceError(
                "a signer joined with another identity key than the registry has for it: if its key has "
                "changed since, judge with the registry of the verdict's time"
            )
        _check_inclusion(verdict, signer.entry, signer.index, signer.path)
        points.setdefault(signer.carrier, set()).add(entry.request.s_point)
    used = {each.signer for each in verdict.openings if each.signer is not None}
    if used != set(points) or len(verdict.signers) != sum(map(len, points.values())):
        raise EvidenceError("the verdict's signers are not exactly those of its openings")
    return points


def _check_named(verdict: Verdict, evidence: Evidence) -> dict[int, frozenset[ProviderId]]:
    """Check who held a credential of those in whose name records speak; return them by period."""
    pairs = [(each.period, ProviderId(each.carrier)) for each in verdict.named]
    if pairs != sorted(evidence.claimed_members()):
        raise EvidenceError("the verdict does not say of every carrier with a record whether it is a member")
    members: dict[int, frozenset[ProviderId]] = {period: frozenset() for period, _ in pairs}
    for each, (period, carrier) in zip(verdict.named, pairs, strict=True):
        if each.entry is None:
            continue
        entry = read_issuance_entry(each.entry)
        if (entry.period, entry.carrier_id) != (period, carrier):
            raise EvidenceError("a credential's join log entry is another carrier's, or of another period")
        _check_inclusion(verdict, each.entry, each.index, each.path)
        members[period] |= {carrier}
    return members


def _check_inclusion(verdict: Verdict, entry: bytes, index: int, path: tuple[bytes, ...]) -> None:
    head = verdict.log_head
    try:
        verify_inclusion(entry, index, head.size, path, head.root)
    except TrunklineError as error:
        raise EvidenceError("an entry is not in the join log of the verdict's head") from error


def _check_openings(
    verdict: Verdict, evidence: Evidence, points: Mapping[bytes, set[bytes]]
) -> dict[bytes, ProviderId | None]:
    records = evidence.by_id()
    signers: dict[bytes, ProviderId | None] = {}
    for each in verdict.openings:
        record = records.get(each.record_id)
        if record is None or each.record_id in signers:
            raise EvidenceError("the verdict opens a record that is not in its evidence, or one twice")
        s_point = judge_opening(
            record.parameters.group,
            record.parameters.hash,
            period=record.record.period,
            message=record.message,
            signature=record.record.signature,
            opening=each.opening,
            case=evidence.grant.case_commitment,
            carrier_id=NOBODY if each.signer is None else each.signer,
        )
        if each.signer is not None and s_point not in points[each.signer]:
            raise EvidenceError("an opening leads to another member than the verdict says")
        signers[each.record_id] = each.provider
    return signers


def _proven(verdict: Verdict) -> list[str]:
    opened = len(verdict.openings)
    known = sum(each.signer is not None for each in verdict.openings)
    said = [
        "the records are the record store's complete signed answer to the authorization authority's grant",
        "every label is the right one for the call, and every record decrypts, or not, as is said",
        f"{known} of {opened} opened records were signed by the carriers named, which the join log has",
        "no other records were opened than the rules allow",
    ]
    if verdict.statement is not None:
        said.append("the disavowal is the carrier's own signed statement")
    return said


def _claimed(verdict: Verdict, evidence: Evidence) -> list[str]:
    said = [
        "what a hop says is the word of its signer, who may err or lie about neighbours",
        "when records were accepted, and how often the call was looked up before, is the record store's word",
    ]
    if any(each.entry is None for each in verdict.named):
        said.append("that a carrier held no credential is the authority's word, until the log is compared")
    if any(each.signer is None for each in verdict.openings):
        said.append(
            "that a signer's S is in no join log, or in no joining there that verifies, is the authority's "
            "word, until the log is compared"
        )
    if evidence.unverified:
        said.append(
            f"{evidence.unverified} records name public parameters that are later or not known: not judged"
        )
    if verdict.bundle.own is not None:
        said.append("which record is the tracer's own is the tracer's word")
    return said


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()
