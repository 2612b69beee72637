"""Which records of some contributions are good: their parameters, their periods, their signatures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from trunkline.crypto.record import record_ids
from trunkline.jager.messages.contribution import Contribution, RejectReason
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.jager.messages.record import INDEX_SIZE, RECORD_ID_SIZE
from trunkline.jager.record_store.acceptance import Acceptance
from trunkline.jager.record_store.engine import Candidate
from trunkline.jager.record_store.retention import SECONDS_A_DAY

VERSION = b"\x01\x01"
_REFERENCE_END = 10
_HEADER_END = 14  # version, suite, parameters reference and period
_IDX_END = _HEADER_END + INDEX_SIZE
# A scalar that is too large is the one way in which a record of the right length can be malformed.
_REASONS = {reason.name.lower(): reason for reason in RejectReason} | {"scalar": RejectReason.MALFORMED}


class RecordVerifier(Protocol):
    """Verifies the group signatures of records of one set of parameters, many at once."""

    def verify_records(self, records: bytes, period: int) -> Sequence[tuple[int, str]]:
        """Return the indices of the bad ones among the joined records, each with the reason."""
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """Contributions whose records were looked at; positions count through all of them.

    Attributes:
        contributions: The contributions.
        now: Unix time at which they were looked at.
        records: All their records.
        good: The good records by their positions.
        rejected: The reasons of the others.
    """

    contributions: Sequence[Contribution]
    now: float
    records: Sequence[bytes]
    good: dict[int, Candidate]
    rejected: dict[int, RejectReason]


class Verification:
    """Looks at contributions; one thread at a time.

    Args:
        acceptance: The parameters that records may refer to.
        verifier_of: Makes the verifier for parameters; asked once for each.
    """

    def __init__(
        self, acceptance: Acceptance, verifier_of: Callable[[PublicParameters], RecordVerifier]
    ) -> None:
        self._acceptance = acceptance
        self._verifier_of = verifier_of
        self._verifiers: dict[bytes, RecordVerifier] = {}

    def judge(self, contributions: Sequence[Contribution], now: float) -> Judged:
        """Verify the records of all contributions together.

        1. Records of another version, of parameters not in force or of a period not accepted are rejected.
        2. The signatures of the others are verified.
        """
        records = [record for contribution in contributions for record in contribution]
        by_header: dict[bytes, list[int]] = {}
        for position, record in enumerate(records):
            by_header.setdefault(record[:_HEADER_END], []).append(position)
        judged = Judged(contributions, now, records, {}, {})
        for header, positions in by_header.items():
            found = self._parameters_of(header, now)  # 1
            if isinstance(found, RejectReason):
                judged.rejected.update(dict.fromkeys(positions, found))
            else:
                self._verify(judged, found, positions)  # 2
        return judged

    def _parameters_of(self, header: bytes, now: float) -> PublicParameters | RejectReason:
        if header[: len(VERSION)] != VERSION:
            return RejectReason.VERSION
        parameters = self._acceptance.by_reference(header[len(VERSION) : _REFERENCE_END], now)
        if parameters is None:
            return RejectReason.PARAMS
        if _period(header) not in parameters.accepted_periods(now):
            return RejectReason.PERIOD
        return parameters

    def _verify(self, judged: Judged, parameters: PublicParameters, positions: Sequence[int]) -> None:
        records = judged.records
        joined = b"".join([records[position] for position in positions])
        period = _period(joined)
        bad = self._verifier(parameters).verify_records(joined, period)
        judged.rejected.update({positions[index]: _REASONS[reason] for index, reason in bad})
        first_day = period * parameters.period_s // SECONDS_A_DAY - 1
        ids = record_ids(parameters.hash, parameters.gpk_id, joined)
        for index, position in enumerate(positions):
            if position not in judged.rejected:
                record_id = ids[index * RECORD_ID_SIZE : (index + 1) * RECORD_ID_SIZE]
                idx = records[position][_HEADER_END:_IDX_END]
                judged.good[position] = Candidate(idx, record_id, first_day)

    def _verifier(self, parameters: PublicParameters) -> RecordVerifier:
        if parameters.hash not in self._verifiers:
            self._verifiers[parameters.hash] = self._verifier_of(parameters)
        return self._verifiers[parameters.hash]


def _period(record: bytes) -> int:
    return int.from_bytes(record[_REFERENCE_END:_HEADER_END], "big")
