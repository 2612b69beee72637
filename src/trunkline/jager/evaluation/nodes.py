"""How many machines a planned record store takes, and what a deployment runs out of first."""

import math
from dataclasses import dataclass

from trunkline.jager.evaluation.sizing import LABEL_AUTHORITY, STORE_DATABASE, STORE_PROCESSES, Plan

_MEGA_A_GIGA = 1_000


@dataclass(frozen=True, slots=True)
class Machine:
    """A kind of machine.

    Attributes:
        name: What it is called in tables.
        cores: Processors as fast as those of the plan's costs.
        disk_tb: Its flash disks.
        memory_gb: Its memory; half of it is left for caches and the system.
        network_gbps: Its network; half of it is used in the busy hour.
        disk_write_mb: Megabytes a second that its disks write for years.
    """

    name: str
    cores: int
    disk_tb: float
    memory_gb: float
    network_gbps: float
    disk_write_mb: float

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.cores} cores, {self.disk_tb:g} TB, {self.memory_gb:g} GB, "
            f"{self.network_gbps:g} Gbps"
        )


MACHINES = (
    Machine("small", 16, 4, 64, 10, 400),
    Machine("middle", 32, 16, 256, 25, 800),
    Machine("dense", 64, 60, 512, 25, 2_000),
)
"""Examples: what a node is called elsewhere differs, the arithmetic does not."""

YARDSTICK = MACHINES[1]


@dataclass(frozen=True, slots=True)
class Nodes:
    """How many of one kind of machine a record store takes.

    Attributes:
        machine: The kind.
        by_resource: What each resource alone would take.
        count: What it takes.
        bottleneck: The resource that decides.
    """

    machine: Machine
    by_resource: dict[str, float]
    count: int
    bottleneck: str


def store_nodes(plan: Plan, machine: Machine) -> Nodes:
    """Return how many nodes run the record store's processes and its database together."""
    processes, database = plan.needs[STORE_PROCESSES], plan.needs[STORE_DATABASE]
    used_mbps = processes.in_mbps + processes.out_mbps + database.in_mbps
    by_resource = {
        "disk": database.disk_tb / machine.disk_tb,
        "memory": database.memory_gb / (machine.memory_gb / 2),
        "cores": (processes.cores + (database.cores if plan.demand.replication > 1 else 0)) / machine.cores,
        "disk writes": plan.disk_write_mb_per_second / machine.disk_write_mb,
        "network": used_mbps / (machine.network_gbps * _MEGA_A_GIGA / 2),
    }
    bottleneck = max(by_resource, key=lambda resource: by_resource[resource])
    count = max(plan.demand.replication, math.ceil(by_resource[bottleneck]))
    return Nodes(machine, by_resource, count, bottleneck)


def calls_by_one_machine(plan: Plan) -> dict[str, float]:
    """Return the calls a second that one `YARDSTICK` would carry of each task, the scarcest first.

    A task that takes less than a machine is scaled up, which flatters nothing: all of these grow with calls.
    """
    calls = plan.demand.calls_per_second
    nodes = store_nodes(plan, YARDSTICK).by_resource
    labels = plan.needs[LABEL_AUTHORITY]
    shares = {f"record store: {resource}": share for resource, share in nodes.items()}
    shares["label authority: cores"] = labels.cores / YARDSTICK.cores
    shares["label authority: network"] = (labels.in_mbps + labels.out_mbps) / (
        YARDSTICK.network_gbps * _MEGA_A_GIGA / 2
    )
    return {name: calls / share for name, share in sorted(shares.items(), key=lambda item: -item[1])}
