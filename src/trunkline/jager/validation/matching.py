"""One-to-one matching of half-edges: a's "next is b" with b's "previous is a".

Clocks differ by seconds and two calls may lie as close, so nearness alone would mix them up. What a carrier's
clock error does not change is the order of its own calls: matches keep the order in time, and among those
that do, the ones with the least distance are taken. Nothing is discarded here: what finds no partner stays
open, and the findings say so.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from trunkline.jager.validation.visits import Side, Visit, rivals
from trunkline.telephony.providers import ProviderId

Pair = tuple[ProviderId, ProviderId]

# Beyond this many combinations (thousands of records on both sides of one edge: a flood, which is opened
# anyway) the order in time alone decides.
_COMBINATIONS = 250_000


def match_visits(visits: Sequence[Visit]) -> None:
    """Match the half-edges of visits, in place.

    Records on time and with the same caller come first, so that nobody takes a match away from an honest
    record by filing afterwards; then records on time, then late ones.
    """
    rounds: list[Callable[[Side], object | None]] = [
        lambda side: None if side.visit.late else (side.pair, side.visit.hop.src),
        lambda side: None if side.visit.late else side.pair,
        lambda side: (side.pair, side.visit.hop.src),
        lambda side: side.pair,
    ]
    _count_unanswered(visits)
    for key_of in rounds:
        groups: dict[object, tuple[list[Side], list[Side]]] = defaultdict(lambda: ([], []))
        for side in _matchable(visits):
            key = key_of(side)
            if key is not None:
                groups[key][side.inbound].append(side)
        for departures, arrivals in groups.values():
            for departure, arrival in pair_in_order(departures, arrivals):
                departure.peer, arrival.peer = arrival, departure
    _splice_cycles(visits)
    _prefer_own(visits)


def pair_in_order(departures: Sequence[Side], arrivals: Sequence[Side]) -> list[tuple[Side, Side]]:
    """Pair as many as there are of the fewer, in the order of time, with the least total distance."""
    swapped = len(departures) > len(arrivals)
    few, many = (arrivals, departures) if swapped else (departures, arrivals)
    if not few:
        return []
    few, many = sorted(few, key=_time_order), sorted(many, key=_time_order)
    chosen = _least_distance(few, many)
    pairs = [(side, many[index]) for side, index in zip(few, chosen, strict=True)]
    return [(there, here) if swapped else (here, there) for here, there in pairs]


def _time_order(side: Side) -> tuple[int, bool, bool]:
    # Within one instant attempts come before the final departure, and what ended here before what went on.
    return (side.visit.time_ms, not side.tried, not side.visit.hop.released)


def _least_distance(few: Sequence[Side], many: Sequence[Side]) -> list[int]:
    """For each of the few an index into the many, rising, with the least total distance in time.

    Dynamic programming over how many of `many` have been passed over: `spare` is the most that can be.
    """
    spare = len(many) - len(few)
    if spare == 0 or len(few) * spare > _COMBINATIONS:
        return list(range(len(few)))
    best = [0] * (spare + 1)
    choices: list[list[int]] = []
    for index, side in enumerate(few):
        choice = [0] * (spare + 1)
        row = [0] * (spare + 1)
        for skipped in range(spare + 1):
            cost = best[skipped] + _distance(side, many[index + skipped])
            if skipped and row[skipped - 1] <= cost:
                row[skipped], choice[skipped] = row[skipped - 1], choice[skipped - 1]
            else:
                row[skipped], choice[skipped] = cost, skipped
        best = row
        choices.append(choice)
    result = [0] * len(few)
    skipped = spare
    for index in range(len(few) - 1, -1, -1):
        skipped = choices[index][skipped]
        result[index] = index + skipped
    return result


def _distance(side: Side, other: Side) -> int:
    # At equal distance records that their other neighbours confirm go first, and a final departure goes
    # before one that was only tried. Less than a millisecond's weight: it breaks ties and no more.
    doubt = 2 * (side.visit.unanswered + other.visit.unanswered) + (side.tried or other.tried)
    return 16 * abs(side.visit.time_ms - other.visit.time_ms) + doubt


def _count_unanswered(visits: Sequence[Visit]) -> None:
    said = {(side.pair, side.inbound) for side in _matchable(visits)}
    for visit in visits:
        named = [side for side in (visit.inbound, visit.outbound) if side is not None and side.open]
        visit.unanswered = sum((side.pair, not side.inbound) not in said for side in named)


def _matchable(visits: Iterable[Visit]) -> Iterable[Side]:
    return (side for visit in visits for side in visit.sides if side.open)


def _splice_cycles(visits: Sequence[Visit]) -> None:
    """Put visits that were matched in a circle back into the call that loops.

    A call that passes a carrier twice within one epoch gives two half-edges a -> b that nothing tells apart.
    The wrong choice leaves a circle without beginning or end, which no call is: exchanging the partners of
    two equal edges, one in the circle and one in a call, puts it right.
    """
    on_path = _reachable(visits)
    if len(on_path) == len(visits):
        return
    edges: dict[Pair, list[tuple[int, int, Side]]] = defaultdict(list)
    for visit in visits:
        if visit in on_path:
            _index(edges, visit)
    waiting = _circles([visit for visit in visits if visit not in on_path])
    progress = True
    while progress:
        progress = False
        left = []
        for circle in waiting:
            if _splice(circle, edges):
                progress = True
                for visit in circle:
                    _index(edges, visit)
            else:
                left.append(circle)
        waiting = left


def _reachable(visits: Sequence[Visit]) -> set[Visit]:
    found = {visit for visit in visits if visit.inbound.peer is None}
    stack = list(found)
    while stack:
        for side in stack.pop().departures:
            if side.peer is not None and side.peer.visit not in found:
                found.add(side.peer.visit)
                stack.append(side.peer.visit)
    return found


def _circles(visits: Sequence[Visit]) -> list[list[Visit]]:
    """Split visits of which each has a predecessor into their circles, with what branches off them."""
    left = dict.fromkeys(visits)
    circles = []
    while left:
        members = {next(iter(left)): None}
        stack = list(members)
        while stack:
            for side in stack.pop().sides:
                if side.peer is not None and side.peer.visit not in members:
                    members[side.peer.visit] = None
                    stack.append(side.peer.visit)
        circles.append(list(members))
        for visit in members:
            del left[visit]
    return circles


def _index(edges: dict[Pair, list[tuple[int, int, Side]]], visit: Visit) -> None:
    for side in visit.departures:
        if side.peer is not None:
            same_edge = edges[side.pair]
            # The number keeps equal times in the order of the records, whatever it was in memory.
            insort(same_edge, (visit.time_ms, len(same_edge), side))


def _splice(circle: Sequence[Visit], edges: dict[Pair, list[tuple[int, int, Side]]]) -> bool:
    for visit in _turning(circle[0]):
        side = visit.inbound.peer
        if side is None or not (rivals := edges.get(side.pair)):
            continue
        at = bisect_left(rivals, (side.visit.time_ms,))
        candidates = rivals[max(at - 1, 0) : at + 1]
        _exchange(side, min(candidates, key=lambda entry: abs(entry[0] - side.visit.time_ms))[2])
        return True
    return False


def _turning(start: Visit) -> list[Visit]:
    """The circle itself, without what branches off: whoever walks back from anywhere arrives in it."""
    seen: dict[Visit, int] = {}
    visit = start
    while visit not in seen:
        seen[visit] = len(seen)
        if visit.inbound.peer is None:
            return []
        visit = visit.inbound.peer.visit
    return [each for each, position in seen.items() if position >= seen[visit]]


def _exchange(side: Side, partner: Side) -> None:
    mine, theirs = side.peer, partner.peer
    if mine is None or theirs is None:
        raise AssertionError("only matched sides are exchanged")
    side.peer, theirs.peer = theirs, side
    partner.peer, mine.peer = mine, partner


def _prefer_own(visits: Sequence[Visit]) -> None:
    """Take back, for the tracer's call, the neighbours that a rival of one of its records was matched with.

    A record filed under another carrier's name may lie nearer in time than the honest one. The tracer knows
    its own record at first hand, so its call keeps the neighbour, and the rival is left over as what it is.
    """
    own = next((visit for visit in visits if visit.own), None)
    if own is None:
        return
    by_pair: dict[tuple[Pair, bool], list[Side]] = defaultdict(list)
    for visit in visits:
        for side in visit.sides:
            if side.peer is not None and not side.tried:
                by_pair[(side.pair, side.inbound)].append(side)
    for inbound in (True, False):
        at: Visit | None = own
        seen: set[Visit] = set()
        while at is not None and at not in seen:
            seen.add(at)
            way = at.inbound if inbound else at.outbound
            if way is None or way.neighbour is None:
                break
            if way.peer is None:
                _take_back(way, by_pair[(way.pair, not inbound)])
            at = None if way.peer is None else way.peer.visit


def _take_back(side: Side, answers: Sequence[Side]) -> None:
    taken = [each for each in answers if each.peer is not None and rivals(each.peer.visit, side.visit)]
    if not taken:
        return
    answer = min(taken, key=lambda each: abs(each.visit.time_ms - side.visit.time_ms))
    if answer.peer is not None:
        answer.peer.peer = None
    side.peer, answer.peer = answer, side
