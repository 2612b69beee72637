"""How well can a record store sort anonymous batches by carrier, and tell dummies from records?

Contributions carry no name, but carriers that handle one call within one epoch file it under the same idx.
A batch of one carrier therefore shares indices with batches of that carrier's neighbours, and batches of
one carrier share them with the same neighbours. The store in this simulation keeps, for each batch, the set
of its indices, and uses nothing else: it counts shared indices between batches, embeds the batches by the
leading eigenvectors of that matrix, groups them (k-means, the number of carriers known to it), and refines
the groups as a block model. A cleverer store may do better; no store needs to do worse.

Reported for each batch size and pool delay, means over the seeds:
    linked     share of batches whose nearest batch in the embedding is of the same carrier
    grouped    share of batches that are of the majority carrier of their group
    chance_*   what the same two measures give when the store guesses blindly
    shared     share of real records whose idx occurs in some other record (a dummy's never does)
    dummies    share of dummies among the records whose idx occurs once

Not modelled: arrival times, network addresses, route advance (several records of one carrier under one
idx), carriers that do not take part. Run: python benchmarks/batch_linkage.py [--json]
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

BATCH_SIZES = (32, 64, 128, 256)
POOL_DELAYS_S = (60, 600, 3600)
HOUR_S = 3600.0
DUMMY_SHARE = 0.1


@dataclass(frozen=True)
class Records:
    """An hour of records, one row each: who filed it, when, and under which idx."""

    carrier: Integers
    filed_at: Floats
    idx: Integers


def attachment_graph(carriers: int, rng: np.random.Generator) -> list[list[int]]:
    """Grow a Barabási-Albert graph with two links for each newcomer."""
    neighbours: list[list[int]] = [[1, 2], [0, 2], [0, 1]] + [[] for _ in range(carriers - 3)]
    ends = [0, 0, 1, 1, 2, 2]
    for newcomer in range(3, carriers):
        chosen: set[int] = set()
        while len(chosen) < 2:
            chosen.add(ends[int(rng.integers(len(ends)))])
        for neighbour in sorted(chosen):
            neighbours[newcomer].append(neighbour)
            neighbours[neighbour].append(newcomer)
            ends += [newcomer, neighbour]
    return neighbours


def next_hops(neighbours: list[list[int]], destination: int) -> list[int]:
    """Give each carrier its next hop on a shortest path to the destination."""
    following = [-1] * len(neighbours)
    following[destination] = destination
    frontier = [destination]
    for carrier in frontier:
        for neighbour in neighbours[carrier]:
            if following[neighbour] < 0:
                following[neighbour] = carrier
                frontier.append(neighbour)
    return following


def hour_of_calls(carriers: int, calls: int, hop_delay_s: float, rng: np.random.Generator) -> Records:
    """Route calls between carriers drawn by their number of links; one record for each carrier of a path."""
    neighbours = attachment_graph(carriers, rng)
    degree = np.array([len(of) for of in neighbours], dtype=float)
    ends = rng.choice(carriers, size=(calls, 2), p=degree / degree.sum())
    routes = [next_hops(neighbours, destination) for destination in range(carriers)]
    carrier: list[int] = []
    filed_at: list[float] = []
    idx: list[tuple[int, int]] = []
    for call, (origin, destination) in enumerate(ends.tolist()):
        at = float(rng.uniform(0, HOUR_S))
        here = origin
        while True:
            carrier.append(here)
            filed_at.append(at)
            idx.append((call, int(at)))
            if here == destination:
                break
            here = routes[destination][here]
            at += float(rng.exponential(hop_delay_s))
    codes = {pair: code for code, pair in enumerate(dict.fromkeys(idx))}
    return Records(np.array(carrier), np.array(filed_at), np.array([codes[pair] for pair in idx]))


def batches_of(
    records: Records, size: int, pool_delay_s: float, rng: np.random.Generator
) -> tuple[Integers, Integers]:
    """Cut each carrier's pool into batches: the batch of each record (-1: none), each batch's carrier."""
    real = size - round(size * DUMMY_SHARE)
    released = records.filed_at + rng.uniform(0, pool_delay_s, size=len(records.filed_at))
    batch_of = np.full(len(records.carrier), -1)
    owner: list[int] = []
    for carrier in range(int(records.carrier.max()) + 1):
        own = np.flatnonzero(records.carrier == carrier)
        own = own[np.argsort(released[own])]
        for start in range(0, len(own) - real + 1, real):
            batch_of[own[start : start + real]] = len(owner)
            owner.append(carrier)
    return batch_of, np.array(owner)


def shared_indices(records: Records, batch_of: Integers, batches: int) -> Floats:
    """Count, for each pair of batches, the indices that both hold."""
    counts = np.zeros((batches, batches))
    order = np.argsort(records.idx, kind="stable")
    order = order[batch_of[order] >= 0]
    idx, batch = records.idx[order], batch_of[order]
    for distance in range(1, 12):  # no call has that many records in one second
        same = idx[distance:] == idx[:-distance]
        if not same.any():
            break
        np.add.at(counts, (batch[distance:][same], batch[:-distance][same]), 1)
    counts += counts.T
    np.fill_diagonal(counts, 0)
    return counts


def embed(counts: Floats, dimensions: int, rng: np.random.Generator) -> Floats:
    """Embed the batches by the leading eigenvectors, by absolute value, of the degree-normalised counts."""
    scale = 1 / np.sqrt(np.maximum(counts.sum(axis=1), 1))
    normalised = counts * scale[:, None] * scale[None, :]
    basis, _ = np.linalg.qr(rng.standard_normal((len(counts), min(dimensions + 8, len(counts)))))
    for _ in range(12):
        basis, _ = np.linalg.qr(normalised @ basis)
    values, vectors = np.linalg.eigh(basis.T @ normalised @ basis)
    leading = np.argsort(-np.abs(values))[:dimensions]
    points: Floats = (basis @ vectors[:, leading]) * np.abs(values[leading])
    points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    return points


def group(points: Floats, counts: Floats, groups: int, rng: np.random.Generator) -> Integers:
    """Group by k-means, then move batches to the group whose sharing profile fits them best."""
    centres = points[[int(rng.integers(len(points)))]]
    distance = np.full(len(points), np.inf)
    while len(centres) < groups:
        distance = np.minimum(distance, ((points - centres[-1]) ** 2).sum(axis=1))
        weights = distance + 1e-9
        centres = np.vstack([centres, points[int(rng.choice(len(points), p=weights / weights.sum()))]])
    label = np.zeros(len(points), dtype=np.int64)
    for _ in range(25):
        label = np.argmax(points @ centres.T - (centres**2).sum(axis=1) / 2, axis=1)
        for one in range(groups):
            if (label == one).any():
                centres[one] = points[label == one].mean(axis=0)
    for _ in range(5):
        member = np.eye(groups)[label]
        profile = counts @ member
        rates = member.T @ profile + 0.5
        rates /= rates.sum(axis=1, keepdims=True)
        label = np.argmax(profile @ np.log(rates).T, axis=1)
    return label


def measure(records: Records, size: int, pool_delay_s: float, rng: np.random.Generator) -> dict[str, float]:
    """Run the store's attack on one way of batching one hour."""
    batch_of, owner = batches_of(records, size, pool_delay_s, rng)
    counts = shared_indices(records, batch_of, len(owner))
    carriers = len(np.unique(owner))
    points = embed(counts, carriers, rng)
    similarity = points @ points.T
    np.fill_diagonal(similarity, -np.inf)
    label = group(points, counts, carriers, rng)
    table = np.zeros((carriers, int(owner.max()) + 1))
    np.add.at(table, (label, owner), 1)
    shares = np.bincount(owner) / len(owner)
    return {
        "batches": float(len(owner)),
        "linked": float((owner[similarity.argmax(axis=1)] == owner).mean()),
        "grouped": float(table.max(axis=1).sum() / len(owner)),
        "chance_linked": float((shares**2).sum()),
        "chance_grouped": float(shares.max()),
    }


def dummies(records: Records) -> dict[str, float]:
    """Say how well a store tells dummies, which never share an idx, from records, which often do."""
    shared = float((np.bincount(records.idx)[records.idx] > 1).mean())
    alone = (1 - DUMMY_SHARE) * (1 - shared)
    return {"shared": shared, "dummies": DUMMY_SHARE / (DUMMY_SHARE + alone)}


def main() -> None:
    """Print the table on stderr and, with --json, one JSON object as the last line of stdout."""
    parser = argparse.ArgumentParser(description="Simulate how a record store links batches to carriers.")
    parser.add_argument("--carriers", type=int, default=60)
    parser.add_argument("--calls", type=int, default=20_000, help="calls in the simulated hour")
    parser.add_argument(
        "--hop-delay", type=float, default=0.3, help="mean seconds from one carrier to the next"
    )
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    started = time.perf_counter()
    rows: list[dict[str, float]] = []
    hours = [
        hour_of_calls(options.carriers, options.calls, options.hop_delay, np.random.default_rng(seed))
        for seed in range(options.seeds)
    ]
    told = [dummies(hour) for hour in hours]
    print("batch  delay s  batches  linked  (chance)  grouped  (chance)", file=sys.stderr)
    for size in BATCH_SIZES:
        for delay in POOL_DELAYS_S:
            runs = [
                measure(hour, size, delay, np.random.default_rng(seed)) for seed, hour in enumerate(hours)
            ]
            row = {key: sum(run[key] for run in runs) / len(runs) for key in runs[0]}
            rows.append({"batch": size, "pool_delay_s": delay} | row)
            print(
                f"{size:5d}  {delay:7d}  {row['batches']:7.0f}  {row['linked']:6.1%}  "
                f"{row['chance_linked']:8.1%}  {row['grouped']:7.1%}  {row['chance_grouped']:8.1%}",
                file=sys.stderr,
            )
    summary = {key: sum(one[key] for one in told) / len(told) for key in told[0]}
    print(
        f"records that share their idx: {summary['shared']:.1%}; with {DUMMY_SHARE:.0%} dummies, "
        f"a record that does not is a dummy with probability {summary['dummies']:.1%}",
        file=sys.stderr,
    )
    if options.json:
        result = {
            "carriers": options.carriers,
            "calls": options.calls,
            "records": sum(len(hour.idx) for hour in hours) / len(hours),
            "hop_delay_s": options.hop_delay,
            "dummy_share": DUMMY_SHARE,
            "seconds": round(time.perf_counter() - started, 1),
            **summary,
            "rows": rows,
        }
        print(json.dumps(result))


if __name__ == "__main__":
    main()
