"""The validation report: what one trace found out, as plain data that turns into stable JSON."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

from trunkline.jager.validation.edges import Conflict
from trunkline.jager.validation.figure5 import Figure5, Node
from trunkline.telephony.providers import ProviderId

REPORT_VERSION = 1


class OriginStatus(StrEnum):
    """How well the origin is known."""

    ATTESTED = "attested"
    """A record claims it, and opening showed that this very carrier signed it."""
    CLAIMED = "claimed"
    """A record that names the carrier as its own says that the call came from its customers."""
    NAMED = "named"
    """Only the next carrier names it. Whether it is the origin or another transit, nobody has said."""
    CONTESTED = "contested"
    """Records that contradict each other lead to different origins."""
    UNKNOWN = "unknown"
    """More than one strand could be the beginning of this call."""


class Reason(StrEnum):
    """Why a carrier is to be asked next."""

    CUSTOMER = "customer"
    FROM_WHOM = "from-whom"
    TO_WHOM = "to-whom"
    GAP = "gap"
    CONFLICT = "conflict"
    MISSING_RECORD = "missing-record"
    POSSIBLY_UPSTREAM = "possibly-upstream"


class Gain(StrEnum):
    """The information gain of section 3.2, point 5 of the paper."""

    ORIGIN = "origin-identified"
    SHORTENED = "manual-traceback-shortened"
    BAD_FAITH = "evidence-of-bad-faith"


@dataclass(frozen=True, slots=True)
class PathStep:
    """One carrier of the path.

    Attributes:
        provider: The carrier.
        record_ids: Its records; empty where only neighbours name it.
        own: Whether this is the tracer's own record.
        late: Whether the record was accepted late.
        attested: Whether opening showed that this carrier signed it.
        contested: Whether a conflict concerns it.
        gap_before: Whether carriers that nobody names may lie between the step before and this one.
    """

    provider: ProviderId
    record_ids: tuple[bytes, ...] = ()
    has_record: bool = False
    own: bool = False
    late: bool = False
    attested: bool = False
    released: bool = False
    contested: bool = False
    gap_before: bool = False

    def to_json(self) -> dict[str, Any]:
        """Write the step."""
        return {
            "provider": self.provider.hex,
            "records": _hex(self.record_ids),
            "has_record": self.has_record,
            "own": self.own,
            "late": self.late,
            "attested": self.attested,
            "released": self.released,
            "contested": self.contested,
            "gap_before": self.gap_before,
        }


@dataclass(frozen=True, slots=True)
class Branch:
    """A next hop that a carrier of the path tried before the final one."""

    carrier: ProviderId
    tried: ProviderId
    answered_by_record: bool

    def to_json(self) -> dict[str, Any]:
        """Write the branch."""
        return {
            "carrier": self.carrier.hex,
            "tried": self.tried.hex,
            "answered_by_record": self.answered_by_record,
        }


@dataclass(frozen=True, slots=True)
class OriginCandidate:
    """One carrier that some of the records lead to as the origin."""

    provider: ProviderId
    status: OriginStatus
    record_ids: tuple[bytes, ...]

    def to_json(self) -> dict[str, Any]:
        """Write the candidate."""
        return {
            "provider": self.provider.hex,
            "status": self.status.value,
            "records": _hex(self.record_ids),
        }


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a call.

    Attributes:
        status: How well it is known.
        provider: The carrier; None where several are possible.
        across_gap: Whether a gap that nothing proves away lies between it and the tracer.
        candidates: Everybody the records lead to.
    """

    status: OriginStatus
    provider: ProviderId | None
    across_gap: bool
    candidates: tuple[OriginCandidate, ...]

    def to_json(self) -> dict[str, Any]:
        """Write the origin."""
        return {
            "status": self.status.value,
            "provider": None if self.provider is None else self.provider.hex,
            "across_gap": self.across_gap,
            "candidates": [candidate.to_json() for candidate in self.candidates],
        }


@dataclass(frozen=True, slots=True)
class Ask:
    """Whom to ask next, and what."""

    provider: ProviderId
    reason: Reason

    def to_json(self) -> dict[str, str]:
        """Write the question."""
        return {"provider": self.provider.hex, "reason": self.reason.value}


@dataclass(frozen=True, slots=True)
class CallReport:
    """What is known about one call.

    Attributes:
        path: The carriers in the order of the call, from the first that is named to the last.
        whole: Whether the path runs without a gap from a claimed origin to the end and nothing contests it.
        origin: Where it came from.
        branches: Next hops that were tried.
        conflicts: What contradicts what.
        contested: The ways that contradict this one, as their records tell them.
        alternatives: Other ways on which the call may have come to a carrier without a record.
        missing: Carriers that are named and have no record here.
        ask: Whom to ask next.
        gain: What kinds of information the trace gave.
        figure5: The outputs of the paper's algorithm.
        served_before: How many grants for its indices the store had answered before.
        record_ids: All records that have to do with the call: its own, what contradicts it, and what may
            belong to it.
    """

    path: tuple[PathStep, ...]
    whole: bool
    origin: Origin
    branches: tuple[Branch, ...]
    conflicts: tuple[Conflict, ...]
    contested: tuple[tuple[ProviderId, ...], ...]
    alternatives: tuple[tuple[ProviderId, ...], ...]
    missing: tuple[ProviderId, ...]
    ask: tuple[Ask, ...]
    gain: tuple[Gain, ...]
    figure5: Figure5
    served_before: int
    record_ids: tuple[bytes, ...]

    @property
    def carriers(self) -> tuple[ProviderId, ...]:
        """The path as identifiers alone."""
        return tuple(step.provider for step in self.path)

    @property
    def gaps(self) -> tuple[tuple[ProviderId, ProviderId], ...]:
        """The carriers on both sides of each gap."""
        return tuple(
            (before.provider, after.provider) for before, after in pairwise(self.path) if after.gap_before
        )

    @property
    def contradicting_record_ids(self) -> tuple[bytes, ...]:
        """The records on both sides of all conflicts."""
        return tuple(sorted({record_id for conflict in self.conflicts for record_id in conflict.record_ids}))

    def to_json(self) -> dict[str, Any]:
        """Write the call."""
        return {
            "path": [step.to_json() for step in self.path],
            "whole": self.whole,
            "gaps": [[before.hex, after.hex] for before, after in self.gaps],
            "origin": self.origin.to_json(),
            "branches": [branch.to_json() for branch in self.branches],
            "conflicts": [_conflict_json(conflict) for conflict in self.conflicts],
            "contradicting_records": _hex(self.contradicting_record_ids),
            "contested": [[carrier.hex for carrier in way] for way in self.contested],
            "alternatives": [[carrier.hex for carrier in way] for way in self.alternatives],
            "missing": [provider.hex for provider in self.missing],
            "ask": [ask.to_json() for ask in self.ask],
            "gain": [gain.value for gain in self.gain],
            "figure5": _figure5_json(self.figure5),
            "served_before": self.served_before,
            "records": _hex(self.record_ids),
        }


@dataclass(frozen=True, slots=True)
class OtherCall:
    """Another call in the same window: its way, and no more than that."""

    carriers: tuple[ProviderId, ...]
    whole: bool
    record_ids: tuple[bytes, ...]

    def to_json(self) -> dict[str, Any]:
        """Write the call."""
        return {
            "path": [carrier.hex for carrier in self.carriers],
            "whole": self.whole,
            "records": _hex(self.record_ids),
        }


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """What one trace found out.

    Attributes:
        call: The tracer's call, or the best candidate where it has no own record; None without records.
        candidates: Without an own record, the further candidates, best first.
        other_calls: With an own record, the other calls in the window; at most as many as the limit.
        other_calls_total: How many there are.
        records: How many records there are after copies were collapsed.
        forged: Records that speak for a carrier that no join log has, or that somebody else signed.
        late: Records accepted late; they accuse nobody.
        unreadable: Records that did not decrypt.
        floods: Epochs under which there are more records than honest carriers file, and how many.
    """

    call: CallReport | None
    candidates: tuple[CallReport, ...] = ()
    other_calls: tuple[OtherCall, ...] = ()
    other_calls_total: int = 0
    records: int = 0
    forged: tuple[bytes, ...] = ()
    late: tuple[bytes, ...] = ()
    unreadable: tuple[bytes, ...] = ()
    floods: tuple[tuple[int, int], ...] = ()

    @property
    def flagged_record_ids(self) -> frozenset[bytes]:
        """Every record that something is held against: in a conflict, forged or unreadable."""
        conflicts = () if self.call is None else self.call.contradicting_record_ids
        return frozenset((*conflicts, *self.forged, *self.unreadable))

    def to_json(self) -> dict[str, Any]:
        """Write the report; equal reports give equal JSON."""
        return {
            "version": REPORT_VERSION,
            "call": None if self.call is None else self.call.to_json(),
            "candidates": [candidate.to_json() for candidate in self.candidates],
            "other_calls": [call.to_json() for call in self.other_calls],
            "other_calls_total": self.other_calls_total,
            "records": self.records,
            "forged": _hex(self.forged),
            "late": _hex(self.late),
            "unreadable": _hex(self.unreadable),
            "floods": [{"epoch": epoch, "records": count} for epoch, count in self.floods],
        }


def _hex(values: tuple[bytes, ...]) -> list[str]:
    return [value.hex() for value in values]


def _conflict_json(conflict: Conflict) -> dict[str, Any]:
    tail, head = conflict.edge
    return {
        "kind": conflict.kind.value,
        "edge": [tail.hex, None if head is None else head.hex],
        "asserting": conflict.asserting.hex,
        "opposing": conflict.opposing.hex,
        "asserting_records": _hex(conflict.asserting_records),
        "opposing_records": _hex(conflict.opposing_records),
    }


def _figure5_json(figure5: Figure5) -> dict[str, Any]:
    def nodes(values: tuple[Node, ...]) -> list[str]:
        return [_node(value) for value in values]

    return {
        "O": nodes(figure5.origins),
        "T": nodes(figure5.transits),
        "D": nodes(figure5.ends),
        "F_O": nodes(figure5.faulty_origins),
        "F_T": nodes(figure5.faulty_transits),
        "F_D": nodes(figure5.faulty_ends),
        "P_O": None if figure5.origin is None else _node(figure5.origin),
        "P_T": None if figure5.end is None else _node(figure5.end),
        "connected": figure5.connected,
        "path": nodes(figure5.path),
        "subgraphs": [nodes(part) for part in figure5.subgraphs],
    }


def _node(node: Node) -> str:
    provider, passage = node
    return provider.hex if passage == 0 else f"{provider.hex}#{passage + 1}"
