"""The checks over the evidence of one trace, which tracer, accountability authority and judge all repeat.

1. The bundle is of known parameters, and its commitments open to its call and case.
2. Its labels are those of the call's window: every epoch once, in order, under the key of that epoch.
3. The grant is the authorization authority's, for exactly the indices of these labels.
4. The result is complete and signed by the record store.
5. Every label signature verifies: that of each label which has a record before its first decryption.
6. Every record's group signature verifies under the parameters that the record names, and these and its
   period were in force when it was accepted. Records of parameters that are later than the trace's, or not
   known, play no part: a carrier may have had the next ones already.
7. Every record decrypts under the label of its index, or its failure is classified.

A failure of 1 to 5 blames the request. A failure of 6 blames the store, which must not have kept the record.
That a record does not decrypt proves something against its signer only together with 1 to 6 and with the
proof that the label is the right one, which whoever judges obtains by evaluating it anew.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from trunkline.crypto.group_signature import Verifier
from trunkline.crypto.label_signature import verify_label_signatures
from trunkline.crypto.witness_encryption import decrypt_batch
from trunkline.errors import DecodingError, EvidenceError
from trunkline.jager.messages.accountability import TraceBundle, TracedLabel
from trunkline.jager.messages.authorization import Grant, KeyedLabel, case_commitment, idx_digest
from trunkline.jager.messages.hop import Hop
from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.jager.messages.record import Record
from trunkline.jager.messages.retrieval import StoredRecord, assemble_result
from trunkline.jager.validation.records import (
    DecryptedRecord,
    Outcome,
    OwnRecord,
    Situation,
    UnreadableRecord,
)
from trunkline.telephony.call_details import encode_call_details, window
from trunkline.telephony.providers import ProviderId

_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class ExaminedRecord:
    """One record of the result after all checks.

    Attributes:
        record: The record.
        parameters: The public parameters that it names.
        record_id: Its identifier.
        hour: The hour in which it was accepted.
        epoch: The epoch of its label.
        message: The message that its group signature signs.
        hop: What it says; None where it does not decrypt.
    """

    record: Record
    parameters: PublicParameters = field(repr=False)
    record_id: bytes
    hour: int
    epoch: int
    message: bytes = field(repr=False)
    hop: Hop | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Checked evidence.

    Attributes:
        bundle: What was checked.
        parameters: The public parameters that the trace was made under.
        grant: The grant.
        answer_time: When the store answered.
        records: All records with a valid group signature.
        store_faults: Identifiers of records that the store should not have kept.
        unverified: How many records name parameters that are later than the trace's, or not known.
        served_before: For each epoch, how many grants the store had answered before.
    """

    bundle: TraceBundle = field(repr=False)
    parameters: PublicParameters = field(repr=False)
    grant: Grant = field(repr=False)
    answer_time: int
    records: tuple[ExaminedRecord, ...] = field(repr=False)
    store_faults: tuple[bytes, ...]
    unverified: int
    served_before: Mapping[int, int]

    def by_id(self) -> dict[bytes, ExaminedRecord]:
        """The records by their identifiers."""
        return {record.record_id: record for record in self.records}

    def claimed_members(self) -> set[tuple[int, ProviderId]]:
        """For which period and in whose name records speak: what is looked up in the join log."""
        return {(each.record.period, each.hop.current) for each in self.records if each.hop is not None}


def examine(bundle: TraceBundle, known: ParameterSet, *, every_label: bool = True) -> Evidence:
    """Check the evidence of one trace.

    Args:
        bundle: The trace.
        known: The deployment's verified parameters.
        every_label: Check the signatures of labels that have no record, too. They decrypt nothing, so a
            tracer need not wait for that; whoever judges the evidence of others does not leave it out.

    Raises:
        EvidenceError: The bundle does not fit the parameters, its call, its grant or its result.
        CryptoError: A signature of the authorities or the store does not verify.
        DecodingError: The grant or a page is malformed.
    """
    # 1.
    known = known.up_to(bundle.params_hash, "the trace")
    parameters = known.current
    grant = bundle.decoded_grant()
    if grant.case_commitment != case_commitment(bundle.case.salt, bundle.case.text):
        raise EvidenceError("the trace's case is not the one that its grant was given for")
    # 2.
    check_window(bundle, parameters)
    # 3.
    keyed = [KeyedLabel(each.kid, each.label).idx for each in bundle.labels]
    if idx_digest(keyed) != grant.idx_digest:
        raise EvidenceError("the grant is for other labels than those of the trace")
    # 3. and 4.
    result = assemble_result(bundle.decoded_pages(), grant, parameters)
    # 5.
    with_records = {stored.record.idx for stored in result.records}
    named = list(zip(keyed, bundle.labels, strict=True))
    needed = [label for idx, label in named if every_label or idx in with_records]
    # 6. Neither check needs the other's outcome, and few signatures do not keep two cores busy.
    with ThreadPoolExecutor(1) as executor:
        group_signatures = executor.submit(_check_group_signatures, result.records, known)
        _check_label_signatures(needed, parameters)
        sound, faults, unverified = group_signatures.result()
    # 7.
    labels = dict(named)
    records = _decrypt(sound, labels, bundle, parameters)
    served = {labels[idx].epoch: count for idx, count in result.served_before.items()}
    return Evidence(bundle, parameters, grant, result.answer_time, records, faults, unverified, served)


def check_window(bundle: TraceBundle, parameters: PublicParameters) -> None:
    """Check that a bundle's labels are for exactly the epochs of its call's window, each under its key.

    Raises:
        EvidenceError: They are not.
    """
    call = bundle.call
    expected = window(
        call.time_ms * 1000,
        own_time_is_answer=call.own_time_is_answer,
        rules=parameters.rules,
        tolerance_ms=call.tolerance_ms,
    )
    # The lengths first: a tolerance that the tracer made up must not fill the memory.
    if len(bundle.labels) != len(expected) or [label.epoch for label in bundle.labels] != list(expected):
        raise EvidenceError("the trace's labels are not those of its call's window, in order of the epochs")
    if any(label.kid != parameters.key_for_epoch(label.epoch).kid for label in bundle.labels):
        raise EvidenceError("a label of the trace is under another key than its epoch's")


def call_details(bundle: TraceBundle, parameters: PublicParameters, epoch: int) -> bytes:
    """The call details of one epoch of the bundle's window: the exact input of its label."""
    call = bundle.call
    return encode_call_details(parameters.rules, call.src.party, call.dst.party, epoch)


def situation_of(
    evidence: Evidence,
    *,
    members: Mapping[int, frozenset[ProviderId]] | None,
    signers: Mapping[bytes, ProviderId | None] | None = None,
    malformed: bool = False,
) -> Situation:
    """Make of checked evidence what validation starts from.

    Args:
        evidence: The evidence.
        members: Members of each period by the join log; None if it was not looked at.
        signers: Who signed which record, where records were opened.
        malformed: Whether the labels were evaluated anew, so that what does not decrypt is malformed.
    """
    bundle, parameters = evidence.bundle, evidence.parameters
    # Copies have the same ciphertext; who signed it first proves nothing, so all signatures are kept.
    copies: dict[bytes, list[ExaminedRecord]] = defaultdict(list)
    for record in evidence.records:
        copies[record.record.body].append(record)
    readable, unreadable = [], []
    outcome = Outcome.MALFORMED if malformed else Outcome.UNDECRYPTABLE
    for group in copies.values():
        record_ids = tuple(sorted(record.record_id for record in group))
        first = min(group, key=lambda record: (record.hour, record.record_id))
        if first.hop is None:
            unreadable.append(UnreadableRecord(record_ids, first.epoch, outcome))
            continue
        opened = {i: signers[i] for i in record_ids if i in signers} if signers is not None else {}
        readable.append(
            DecryptedRecord(
                record_ids, first.hop, first.epoch, first.hour, first.record.period, opened or None
            )
        )
    own = None if bundle.own is None else OwnRecord(Hop.decode(bundle.own.hop), bundle.own.epoch)
    return Situation(
        records=readable,
        time_ms=bundle.call.time_ms,
        resolution_ms=parameters.resolution_ms,
        submit_by_s=parameters.submit_by_s,
        own=own,
        unreadable=unreadable,
        members=members,
        served_before=evidence.served_before,
    )


def _check_label_signatures(labels: Sequence[TracedLabel], parameters: PublicParameters) -> None:
    by_kid: dict[bytes, list[TracedLabel]] = defaultdict(list)
    for label in labels:
        by_kid[label.kid].append(label)
    for kid, group in by_kid.items():
        verify_label_signatures(
            parameters.keys_by_kid[kid].vk_t,
            kid,
            b"".join(label.label for label in group),
            b"".join(label.signature for label in group),
        )


@dataclass(frozen=True, slots=True)
class _Sound:
    """A record whose group signature is valid, with what that was checked against."""

    stored: StoredRecord
    parameters: PublicParameters
    message: bytes


def _check_group_signatures(
    stored: Sequence[StoredRecord], known: ParameterSet
) -> tuple[list[_Sound], tuple[bytes, ...], int]:
    """Tell records with a valid signature from those that the store should have refused, and from others."""
    unverified = 0
    faults: list[bytes] = []
    groups: dict[tuple[bytes, int], list[_Sound]] = defaultdict(list)
    for each in stored:
        parameters = known.by_ref(each.record.params_ref)
        if parameters is None:
            unverified += 1
            continue
        message = each.record.message(parameters.hash, parameters.gpk_id)
        candidate = _Sound(each, parameters, message)
        if _in_force(each, parameters):
            groups[parameters.hash, each.record.period].append(candidate)
        else:
            faults.append(_record_id(candidate))
    sound: list[_Sound] = []
    for (_, period), group in groups.items():
        parameters = group[0].parameters
        signatures = b"".join(each.stored.record.signature for each in group)
        verifier = Verifier(parameters.group, parameters.hash)
        wrong = set(verifier.verify_batch(period, [each.message for each in group], signatures))
        faults += [_record_id(group[place]) for place in wrong]
        sound += [each for place, each in enumerate(group) if place not in wrong]
    return sound, tuple(sorted(faults)), unverified


def _in_force(stored: StoredRecord, parameters: PublicParameters) -> bool:
    """Whether a record's parameters and period were accepted at some time of its hour of acceptance."""
    begin = stored.hour * _HOUR_S
    end = begin + _HOUR_S - 1
    first, last = min(parameters.accepted_periods(begin)), parameters.period_of(end)
    valid = parameters.not_before <= end and begin < parameters.not_after
    return valid and first <= stored.record.period <= last


def _record_id(each: _Sound) -> bytes:
    return each.stored.record.id(each.parameters.hash, each.parameters.gpk_id)


def _decrypt(
    sound: Sequence[_Sound],
    labels: Mapping[bytes, TracedLabel],
    bundle: TraceBundle,
    parameters: PublicParameters,
) -> tuple[ExaminedRecord, ...]:
    by_kid: dict[bytes, list[_Sound]] = defaultdict(list)
    for each in sound:
        by_kid[labels[each.stored.record.idx].kid].append(each)
    examined = []
    for kid, group in by_kid.items():
        used = [labels[each.stored.record.idx] for each in group]
        details = {label.epoch: call_details(bundle, parameters, label.epoch) for label in used}
        outcomes = decrypt_batch(
            parameters.keys_by_kid[kid].vk_t,
            kid,
            b"".join(label.signature for label in used),
            b"".join(label.label for label in used),
            [details[label.epoch] for label in used],
            b"".join(each.stored.record.body for each in group),
        )
        for each, label, outcome in zip(group, used, outcomes, strict=True):
            examined.append(
                ExaminedRecord(
                    record=each.stored.record,
                    parameters=each.parameters,
                    record_id=_record_id(each),
                    hour=each.stored.hour,
                    epoch=label.epoch,
                    message=each.message,
                    hop=_read_hop(outcome),
                )
            )
    return tuple(sorted(examined, key=lambda record: (record.epoch, record.record_id)))


def _read_hop(outcome: object) -> Hop | None:
    """A hop that decrypts but has no meaning was made so by its signer: the check bytes cover it."""
    if not isinstance(outcome, bytes):
        return None
    try:
        return Hop.decode(outcome)
    except DecodingError:
        return None
