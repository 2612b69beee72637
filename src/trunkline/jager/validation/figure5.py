"""The Validate algorithm of the paper's Figure 5, with all its outputs.

A record is two edges of a directed multigraph, so an edge that both carriers assert counts twice. Where we
differ, section 5.3 of the paper itself asks for it: step 7 joins its two conditions by "or" (the transit
invariant wants both degrees in {1, 2}), and a carrier that a call passes twice is two nodes, so that a loop
is no fault. Hops that were only tried are outside the degrees.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trunkline.jager.validation.half_edges import Split, Strand
from trunkline.jager.validation.visits import Side
from trunkline.telephony.providers import ProviderId

Node = tuple[ProviderId, int]
"""A carrier and which of its passages, from 0."""


@dataclass(frozen=True, slots=True)
class Graph:
    """The multigraph G: its vertices, and how many records assert each edge."""

    vertices: tuple[Node, ...]
    edges: Counter[tuple[Node, Node]]


@dataclass(frozen=True, slots=True)
class Figure5:
    """What Figure 5 puts out.

    Attributes:
        origins: O, the nodes nothing leads to.
        transits: T.
        ends: D, the nodes that something leads to and nothing leaves.
        faulty_origins: F_O, possibly faulty or without attestation.
        faulty_transits: F_T.
        faulty_ends: F_D.
        origin: P_O, the one origin, if there is one.
        end: P_T, the one end, if there is one.
        connected: Whether G is weakly connected.
        path: The shortest path from P_O to P_T where G is connected and both are known.
        subgraphs: The connected parts where it is not.
    """

    origins: tuple[Node, ...] = ()
    transits: tuple[Node, ...] = ()
    ends: tuple[Node, ...] = ()
    faulty_origins: tuple[Node, ...] = ()
    faulty_transits: tuple[Node, ...] = ()
    faulty_ends: tuple[Node, ...] = ()
    origin: Node | None = None
    end: Node | None = None
    connected: bool = True
    path: tuple[Node, ...] = ()
    subgraphs: tuple[tuple[Node, ...], ...] = ()


def graph_of(split: Split) -> Graph:
    """Step 3: the multigraph of a call, of what contradicts it and of what faces its gaps."""
    vertices: dict[Node, None] = {}
    edges: Counter[tuple[Node, Node]] = Counter()
    _add_strand(split.call, vertices, edges, passages=True)
    for strand in (*split.contested, *split.likely):
        _add_strand(strand, vertices, edges, passages=False)
    return Graph(tuple(vertices), edges)


def validate(graph: Graph) -> Figure5:
    """Steps 4 to 9."""
    into, out = _degrees(graph.edges)
    # Step 4. A node of an on-net call has no edges at all and is both the origin and the end.
    origins = tuple(v for v in graph.vertices if into[v] == 0)
    ends = tuple(v for v in graph.vertices if into[v] > 0 and out[v] == 0)
    transits = tuple(v for v in graph.vertices if into[v] > 0 and out[v] > 0)
    if len(graph.vertices) == 1 and not graph.edges:
        only = graph.vertices[0]
        return Figure5(origins, origin=only, end=only, path=(only,))
    # Steps 5 and 6.
    origin, faulty_origins = _single(origins, out)
    end, faulty_ends = _single(ends, into)
    # Step 7, with "or".
    faulty_transits = tuple(v for v in transits if into[v] not in {1, 2} or out[v] not in {1, 2})
    # Step 8.
    parts = _parts(graph)
    connected = len(parts) == 1
    path = _shortest_path(graph, origin, end) if connected and origin and end else ()
    return Figure5(
        origins,
        transits,
        ends,
        faulty_origins,
        faulty_transits,
        faulty_ends,
        origin,
        end,
        connected,
        path,
        () if connected else parts,
    )


def _single(claims: Sequence[Node], degree: Counter[Node]) -> tuple[Node | None, tuple[Node, ...]]:
    """Steps 5 and 6: the one claim, or the one that a neighbour confirms; the others are possibly faulty."""
    if len(claims) == 1 and degree[claims[0]] > 0:
        return claims[0], ()
    confirmed = [node for node in claims if degree[node] == 2]
    faulty = tuple(node for node in claims if degree[node] != 2)
    return (confirmed[0] if len(confirmed) == 1 else None), faulty


def _add_strand(
    strand: Strand, vertices: dict[Node, None], edges: Counter[tuple[Node, Node]], *, passages: bool
) -> None:
    """Add the way of one strand.

    Args:
        strand: The strand.
        vertices: The vertices so far.
        edges: The edges so far.
        passages: Whether a second passage through a carrier is a node of its own. Not so for what contradicts
            the call: it speaks about the passages that are there.
    """
    seen: Counter[ProviderId] = Counter()

    def node_of(provider: ProviderId) -> Node:
        node = (provider, seen[provider] if passages else 0)
        seen[provider] += 1
        vertices.setdefault(node)
        return node

    def outer(side: Side) -> Node | None:
        # The open ends of the call name passages that are there, if the carrier is in the call at all.
        return None if side.neighbour is None else (side.neighbour, 0)

    last: Node | None = outer(strand.start)
    doubled = False
    for fragment in strand.fragments:
        for visit in fragment.chain:
            node = node_of(visit.current)
            if last is not None:
                vertices.setdefault(last)
                edges[(last, node)] += 2 if doubled else 1
            last, doubled = node, True
        if fragment.bridge is not None and fragment.end is not None and fragment.end.neighbour is not None:
            missing = node_of(fragment.end.neighbour)
            edges[(node, missing)] += 1
            last, doubled = missing, False
    end = strand.end
    beyond = None if end is None else outer(end)
    if beyond is not None and last is not None:
        vertices.setdefault(beyond)
        edges[(last, beyond)] += 1


def _degrees(edges: Counter[tuple[Node, Node]]) -> tuple[Counter[Node], Counter[Node]]:
    into: Counter[Node] = Counter()
    out: Counter[Node] = Counter()
    for (tail, head), count in edges.items():
        out[tail] += count
        into[head] += count
    return into, out


def _parts(graph: Graph) -> tuple[tuple[Node, ...], ...]:
    neighbours: dict[Node, list[Node]] = defaultdict(list)
    for tail, head in graph.edges:
        neighbours[tail].append(head)
        neighbours[head].append(tail)
    left = dict.fromkeys(graph.vertices)
    parts = []
    while left:
        members = dict.fromkeys([next(iter(left))])
        stack = list(members)
        while stack:
            for node in neighbours[stack.pop()]:
                if node not in members:
                    members[node] = None
                    stack.append(node)
        for node in members:
            del left[node]
        parts.append(tuple(members))
    return tuple(parts)


def _shortest_path(graph: Graph, origin: Node, end: Node) -> tuple[Node, ...]:
    following: dict[Node, list[Node]] = defaultdict(list)
    for tail, head in graph.edges:
        following[tail].append(head)
    before: dict[Node, Node | None] = {origin: None}
    queue = deque([origin])
    while queue and end not in before:
        node = queue.popleft()
        for head in following[node]:
            if head not in before:
                before[head] = node
                queue.append(head)
    return tuple(_walk_back(before, end)) if end in before else ()


def _walk_back(before: dict[Node, Node | None], end: Node) -> Iterable[Node]:
    path: list[Node] = []
    node: Node | None = end
    while node is not None:
        path.append(node)
        node = before[node]
    return reversed(path)
