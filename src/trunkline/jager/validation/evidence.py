"""The checks over the evidence of one trace, which tracer, accountability authority and judge all repeat.

1. The bundle is of these parameters, and its commitments open to its call and case.
2. Its labels are those of the call's window: every epoch once, in order, under the key of that epoch.
3. The grant is the authorization authority's, for exactly the indices of these labels.
4. The result is complete and signed by the record store.
5. Every label signature verifies; each is needed before the first decryption.
6. Every record's group signature verifies under the period that was in force when it was accepted.
7. Every record decrypts under the label of its index, or its failure is classified.

A failure of 1 to 5 blames the request. A failure of 6 blames the store, which must not have kept the record.
That a record does not decrypt proves something against its signer only together with 1 to 6 and with the
proof that the label is the right one, which whoever judges obtains by evaluating it anew.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trunkline.crypto.group_signature import Verifier
from trunkline.crypto.label_signature import verify_label_signatures
from trunkline.crypto.witness_encryption import decrypt_batch
from trunkline.errors import DecodingError, EvidenceError
from trunkline.jager.messages.accountability import TraceBundle, TracedLabel
from trunkline.jager.messages.authorization import Grant, KeyedLabel, case_commitment, idx_digest
from trunkline.jager.messages.hop import Hop
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
        record_id: Its identifier.
        hour: The hour in which it was accepted.
        epoch: The epoch of its label.
        message: The message that its group signature signs.
        hop: What it says; None where it does not decrypt.
    """

    record: Record
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
        parameters: The public parameters it was checked under.
        grant: The grant.
        answer_time: When the store answered.
        records: All records with a valid group signature.
        store_faults: Identifiers of records that the store should not have kept.
        served_before: For each epoch, how many grants the store had answered before.
    """

    bundle: TraceBundle = field(repr=False)
    parameters: PublicParameters = field(repr=False)
    grant: Grant = field(repr=False)
    answer_time: int
    records: tuple[ExaminedRecord, ...] = field(repr=False)
    store_faults: tuple[bytes, ...]
    served_before: Mapping[int, int]

    def by_id(self) -> dict[bytes, ExaminedRecord]:
        """The records by their identifiers."""
        return {record.record_id: record for record in self.records}

    def claimed_members(self) -> set[tuple[int, ProviderId]]:
        """For which period and in whose name records speak: what is looked up in the join log."""
        return {(each.record.period, each.hop.current) for each in self.records if each.hop is not None}


def examine(bundle: TraceBundle, parameters: PublicParameters) -> Evidence:
    """Check the evidence of one trace.

    Args:
        bundle: The trace.
        parameters: The deployment's verified parameters.

    Raises:
        EvidenceError: The bundle does not fit the parameters, its call, its grant or its result.
        CryptoError: A signature of the authorities or the store does not verify.
        DecodingError: The grant or a page is malformed.
    """
    # 1.
    if bundle.params_hash != parameters.hash:
        raise EvidenceError("the trace was made under other public parameters")
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
    _check_label_signatures(bundle.labels, parameters)
    # 6.
    sound, faults = _check_group_signatures(result.records, parameters)
    # 7.
    labels = dict(zip(keyed, bundle.labels, strict=True))
    records = _decrypt(sound, labels, bundle, parameters)
    served = {labels[idx].epoch: count for idx, count in result.served_before.items()}
    return Evidence(bundle, parameters, grant, result.answer_time, records, faults, served)


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


def _check_group_signatures(
    stored: Sequence[StoredRecord], parameters: PublicParameters
) -> tuple[list[tuple[StoredRecord, bytes]], tuple[bytes, ...]]:
    """Tell records with a valid signature from those that the store should have refused."""
    verifier = Verifier(parameters.group, parameters.hash)
    messages = [each.record.message(parameters.hash, parameters.gpk_id) for each in stored]
    by_period: dict[int, list[int]] = defaultdict(list)
    bad = set()
    for index, each in enumerate(stored):
        begin = each.hour * _HOUR_S
        first, last = min(parameters.accepted_periods(begin)), parameters.period_of(begin + _HOUR_S - 1)
        if each.record.params_ref != parameters.ref or not first <= each.record.period <= last:
            bad.add(index)
        else:
            by_period[each.record.period].append(index)
    for period, indices in by_period.items():
        signatures = b"".join(stored[index].record.signature for index in indices)
        wrong = verifier.verify_batch(period, [messages[index] for index in indices], signatures)
        bad.update(indices[position] for position in wrong)
    sound = [(stored[i], messages[i]) for i in range(len(stored)) if i not in bad]
    faults = sorted(stored[i].record.id(parameters.hash, parameters.gpk_id) for i in bad)
    return sound, tuple(faults)


def _decrypt(
    sound: Sequence[tuple[StoredRecord, bytes]],
    labels: Mapping[bytes, TracedLabel],
    bundle: TraceBundle,
    parameters: PublicParameters,
) -> tuple[ExaminedRecord, ...]:
    by_kid: dict[bytes, list[tuple[StoredRecord, bytes]]] = defaultdict(list)
    for stored, message in sound:
        by_kid[labels[stored.record.idx].kid].append((stored, message))
    examined = []
    for kid, group in by_kid.items():
        used = [labels[stored.record.idx] for stored, _ in group]
        details = {label.epoch: call_details(bundle, parameters, label.epoch) for label in used}
        outcomes = decrypt_batch(
            parameters.keys_by_kid[kid].vk_t,
            kid,
            b"".join(label.signature for label in used),
            b"".join(label.label for label in used),
            [details[label.epoch] for label in used],
            b"".join(stored.record.body for stored, _ in group),
        )
        for (stored, message), label, outcome in zip(group, used, outcomes, strict=True):
            record_id = stored.record.id(parameters.hash, parameters.gpk_id)
            hop = _read_hop(outcome)
            examined.append(ExaminedRecord(stored.record, record_id, stored.hour, label.epoch, message, hop))
    return tuple(sorted(examined, key=lambda record: (record.epoch, record.record_id)))


def _read_hop(outcome: object) -> Hop | None:
    """A hop that decrypts but has no meaning was made so by its signer: the check bytes cover it."""
    if not isinstance(outcome, bytes):
        return None
    try:
        return Hop.decode(outcome)
    except DecodingError:
        return None
