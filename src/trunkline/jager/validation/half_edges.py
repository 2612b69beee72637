"""Splitting the records of a window into calls, by their half-edges.

Records whose half-edges answer each other are one fragment. Fragments on both sides of a carrier without a
record belong together if both name that carrier (a bridge). The strand of fragments that holds the tracer's
own record is its call. A record that is left over contradicts the call if it says something else about a
side on which the two meet; what is left after that is another call in the window, or, where the open ends of
two strands face each other across more than one missing carrier, likely the same call, which nothing proves.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from trunkline.jager.validation.matching import pair_in_order
from trunkline.jager.validation.visits import Side, Visit, rivals
from trunkline.telephony.providers import ProviderId


@dataclass(eq=False, slots=True)
class Fragment:
    """Visits joined by matches.

    Attributes:
        visits: All of them, with what branches off.
        chain: The way of the call: from its first visit over the tracer's own, where it is here, to its end.
        bridge: The fragment that goes on beyond one missing carrier, which both name.
    """

    visits: list[Visit]
    chain: list[Visit]
    bridge: "Fragment | None" = None

    @property
    def start(self) -> Side:
        """The side on which the call came into this fragment."""
        return self.chain[0].inbound

    @property
    def end(self) -> Side | None:
        """The side on which it left; None where only an attempt is known."""
        return self.chain[-1].outbound


@dataclass(eq=False, slots=True)
class Strand:
    """Fragments joined by bridges, in the order of the call."""

    fragments: list[Fragment]

    @property
    def visits(self) -> list[Visit]:
        """All visits."""
        return [visit for fragment in self.fragments for visit in fragment.visits]

    @property
    def start(self) -> Side:
        """The side on which the call came in."""
        return self.fragments[0].start

    @property
    def end(self) -> Side | None:
        """The side on which it left."""
        return self.fragments[-1].end

    @property
    def whole(self) -> bool:
        """Whether it runs from a claimed origin to a claimed end."""
        ends = self.end is not None and self.end.neighbour is None
        return ends and self.start.neighbour is None

    @property
    def own(self) -> bool:
        """Whether the tracer's own record is in it."""
        return any(visit.own for visit in self.visits)

    @property
    def carriers(self) -> list[ProviderId]:
        """Everybody on the way, from the first that is named to the last, missing carriers included."""
        names = [] if self.start.neighbour is None else [self.start.neighbour]
        for fragment in self.fragments:
            names.extend(visit.current for visit in fragment.chain)
            if fragment.end is not None and fragment.end.neighbour is not None:
                names.append(fragment.end.neighbour)
        return names


@dataclass(slots=True)
class Split:
    """One call with what contradicts it and what may belong to it.

    Attributes:
        call: The strand of the call.
        contested: Left-over strands of which at least one record contradicts the call.
        contradicting: The visits in them that do.
        alternatives: Strands that would fit a missing carrier of the call as well as those that are there.
        likely: Strands whose open end faces an open end of the call.
    """

    call: Strand
    contested: list[Strand] = field(default_factory=list)
    contradicting: list[Visit] = field(default_factory=list)
    alternatives: list[Strand] = field(default_factory=list)
    likely: list[Strand] = field(default_factory=list)


def strands_of(visits: Sequence[Visit]) -> list[Strand]:
    """Collect matched visits into fragments, and fragments into strands."""
    fragments = _fragments(visits)
    _bridge(fragments)
    continued = {id(fragment.bridge) for fragment in fragments if fragment.bridge is not None}
    strands = []
    for fragment in fragments:
        if id(fragment) in continued:
            continue
        strand, following = [fragment], fragment.bridge
        while following is not None:
            strand.append(following)
            following = following.bridge
        strands.append(Strand(strand))
    return strands


def split(call: Strand, others: Sequence[Strand]) -> Split:
    """Tell what else in the window has to do with one call."""
    result = Split(call)
    rules = _Contradiction(call.visits)
    for strand in others:
        contradicting = [visit for visit in strand.visits if rules.by(visit)]
        if contradicting:
            result.contested.append(strand)
            result.contradicting.extend(contradicting)
        elif _is_alternative(call, strand):
            result.alternatives.append(strand)
        elif _faces(call, strand):
            result.likely.append(strand)
    return result


def _fragments(visits: Sequence[Visit]) -> list[Fragment]:
    left = dict.fromkeys(visits)
    fragments = []
    while left:
        members: dict[Visit, None] = {next(iter(left)): None}
        stack = list(members)
        while stack:
            for side in stack.pop().sides:
                if side.peer is not None and side.peer.visit not in members:
                    members[side.peer.visit] = None
                    stack.append(side.peer.visit)
        for visit in members:
            del left[visit]
        found = list(members)
        fragments.append(Fragment(found, _chain(found)))
    return fragments


def _chain(visits: Sequence[Visit]) -> list[Visit]:
    anchor = next((visit for visit in visits if visit.own), visits[0])
    chain, seen = [anchor], {anchor}
    # A circle that could not be spliced into a call is cut where it closes.
    while (before := chain[-1].inbound.peer) is not None and before.visit not in seen:
        chain.append(before.visit)
        seen.add(before.visit)
    chain.reverse()
    if not anchor.own:
        chain, seen = chain[:1], set(chain[:1])
    while (last := chain[-1].outbound) is not None and last.peer is not None and last.peer.visit not in seen:
        chain.append(last.peer.visit)
        seen.add(last.peer.visit)
    return chain


def _bridge(fragments: Sequence[Fragment]) -> None:
    """Join fragments that name the same missing carrier, one as next, the other as previous."""
    ends: dict[ProviderId, list[Side]] = defaultdict(list)
    starts: dict[ProviderId, list[Side]] = defaultdict(list)
    by_visit = {}
    for fragment in fragments:
        by_visit[fragment.chain[0]] = by_visit[fragment.chain[-1]] = fragment
        if fragment.start.open and fragment.start.neighbour is not None:
            starts[fragment.start.neighbour].append(fragment.start)
        if fragment.end is not None and fragment.end.open and fragment.end.neighbour is not None:
            ends[fragment.end.neighbour].append(fragment.end)
    heads = {id(fragment): fragment for fragment in fragments}
    for missing, departures in ends.items():
        for departure, arrival in pair_in_order(departures, starts.get(missing, [])):
            before, after = by_visit[departure.visit], by_visit[arrival.visit]
            # A strand that would bite its own tail stays open: no call is a circle.
            if heads[id(before)] is after:
                continue
            before.bridge = after
            tail = after
            while tail.bridge is not None:
                tail = tail.bridge
            heads[id(tail)] = heads[id(before)]


class _Contradiction:
    """The rule by which a left-over record contradicts a call.

    One of its sides names a carrier of the call, or is named by one, and the side of the call that faces it
    is unmatched, or is matched to a rival: a record of the same carrier with another previous or another next
    hop. A side that another carrier's record answers is explained, and no contradiction, unless that record
    is itself a rival of the one in the call.
    """

    def __init__(self, visits: Iterable[Visit]) -> None:
        self._facing: dict[tuple[ProviderId, bool], list[Side]] = defaultdict(list)
        self._naming: dict[tuple[ProviderId, bool], list[Side]] = defaultdict(list)
        for visit in visits:
            for side in visit.sides:
                if side.tried:
                    continue
                self._facing[(visit.current, side.inbound)].append(side)
                if side.neighbour is not None:
                    self._naming[(side.neighbour, side.inbound)].append(side)
        self._known: dict[object, bool] = {}

    def by(self, visit: Visit) -> bool:
        """Whether this visit contradicts the call."""
        sides = [visit.inbound] if visit.outbound is None else [visit.inbound, visit.outbound]
        return not visit.late and any(self._side(side) for side in sides)

    def _side(self, side: Side) -> bool:
        hop = side.visit.hop
        if side.peer is not None:
            # Only the side that the call itself leaves open can be at stake here.
            naming = self._naming.get((hop.current, not side.inbound), [])
            return any(each.peer is None and rivals(side.peer.visit, each.visit) for each in naming)
        # A flood of equal records is judged once.
        key = (hop.previous, hop.current, hop.next, hop.src, side.inbound)
        if key not in self._known:
            named = self._naming.get((hop.current, not side.inbound), [])
            facing = (
                [] if side.neighbour is None else self._facing.get((side.neighbour, not side.inbound), [])
            )
            # A carrier's own customers call too: that a neighbour's call is answered elsewhere is no rivalry
            # for a side that names nobody.
            self._known[key] = any(
                other.peer is None or (side.neighbour is not None and rivals(other.peer.visit, side.visit))
                for other in (*facing, *named)
            )
        return self._known[key]


def _is_alternative(call: Strand, strand: Strand) -> bool:
    """Whether a strand would fit one of the call's missing carriers as well as the strand that is there.

    Nobody can tell which of the two the missing carrier had in hand, and nearness in time does not decide.
    """
    if strand.carriers == call.carriers:
        return False
    bridges = [fragment.end for fragment in call.fragments if fragment.bridge is not None]
    missing = {end.neighbour for end in bridges if end is not None}
    starts = any(fragment.start.open and fragment.start.neighbour in missing for fragment in strand.fragments)
    ends = any(
        fragment.end is not None and fragment.end.open and fragment.end.neighbour in missing
        for fragment in strand.fragments
    )
    return starts or ends


def _faces(call: Strand, strand: Strand) -> bool:
    """Whether an open end of one faces an open end of the other across carriers without records."""
    upstream = call.start.open and strand.end is not None and strand.end.open
    downstream = call.end is not None and call.end.open and strand.start.open
    return upstream or downstream
