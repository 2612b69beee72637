"""What a deployment is asked to carry, and what is assumed about it: the inputs of a plan."""

import math
from dataclasses import dataclass, fields

from trunkline.errors import InputError
from trunkline.jager.evaluation.requirements import trace_labels

T_MAX_S = 10.0
"""How far from a call's time a trace looks, each way."""

_LIMITS = {
    "calls_per_second": (0.001, 1e7),
    "hops": (1, 100),
    "retention_days": (1, 3_650),
    "replication": (1, 9),
    "peak": (1, 100),
    "resolution_ms": (10, 60_000),
    "traces_per_day": (0, 1e9),
    "carriers": (1, 100_000),
    "live_keys": (1, 16),
    "trace_wait_s": (0.1, 600),
    "core_hour_cost": (0, 1e6),
    "tb_month_cost": (0, 1e6),
    "egress_tb_cost": (0, 1e6),
}


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked for.

    Attributes:
        calls_per_second: On average over a day, in the whole network.
        hops: Records a call: the carriers on its way.
        retention_days: How long records are kept.
        replication: Copies of a record; 1 is the embedded engine, more is a cluster.
        peak: The busy hour's rate over the average.
        resolution_ms: Length of an epoch.
        traces_per_day: Of all carriers together.
        carriers: How many.
        live_keys: Label keys in use at a time; 2 while a key is being followed by the next.
        trace_wait_s: How long a trace may wait until the schedule has brought its labels.
        core_hour_cost: Of one processor for an hour.
        tb_month_cost: Of 10^12 bytes of disk for 30 days.
        egress_tb_cost: Of 10^12 bytes that leave a party.
    """

    calls_per_second: float
    hops: float = 5.0
    retention_days: int = 180
    replication: int = 3
    peak: float = 2.0
    resolution_ms: int = 1_000
    traces_per_day: float = 10_000.0
    carriers: int = 7_000
    live_keys: int = 1
    trace_wait_s: float = 2.0
    core_hour_cost: float = 0.04
    tb_month_cost: float = 40.0
    egress_tb_cost: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            low, high = _LIMITS[field.name]
            if not (math.isfinite(value) and low <= value <= high):
                raise InputError(
                    f"{field.name.replace('_', ' ')} must be between {low:,.10g} and {high:,.10g}, "
                    f"not {value:,.10g}"
                )

    @property
    def records_per_second(self) -> float:
        """On average."""
        return self.calls_per_second * self.hops

    @property
    def labels_per_trace(self) -> int:
        """The epochs within `T_MAX_S` of a call."""
        return trace_labels(T_MAX_S, self.resolution_ms)


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something that a plan takes for granted.

    Attributes:
        name: What it is.
        value: Its value.
        unit: Of the value.
        source: Where it is from.
    """

    name: str
    value: float
    unit: str
    source: str


UTILISATION = Assumption(
    "load of a processor in the busy hour", 0.6, "share", "chosen: leaves room for failures and bursts"
)
SLOT_HEADROOM = Assumption(
    "label slots bought", 1.1, "for each record of the busy hour", "chosen: the schedule never changes"
)
CONTRIBUTION_BATCH = Assumption("records a batch, dummies included", 32, "records", "the agent's default")
CONTRIBUTION_INTERVAL = Assumption("what is left of the pool leaves", 60, "s, every", "the agent's default")
LABEL_REQUEST_INTERVAL = Assumption(
    "a label request", 1, "s, every; oftener above 4,096 slots", "chosen: docs/operating.md, label schedule"
)
SLOTS_LIMIT = Assumption("slots of one request", 4_096, "labels", "the agent's limit")
REQUEST = Assumption(
    "a signed request beside its content", 1_000, "µs", "chosen: HTTP, signature, nonce and quota"
)
ROCKSDB_BYTES = Assumption(
    "a record on disk, embedded engine", 738 * 1.1, "bytes", "52 of key, 686 of value, x 1.1"
)
CASSANDRA_BYTES = Assumption(
    "a record on disk of a cluster's node", 809, "bytes", "measured: docs/cluster.md, sizes"
)
CASSANDRA_WRITE = Assumption(
    "a new record at each of its replicas' nodes",
    600,
    "µs",
    "estimate: half of what docs/cluster.md measured without Java's optimising compiler",
)
CASSANDRA_DRIVER = Assumption(
    "a new record's two statements in the store's process", 750, "µs", "measured: docs/cluster.md, sizes"
)
DISK_FILL = Assumption(
    "share of a disk that is filled", 0.7, "share", "chosen: the rest is for compaction and growth"
)
WRITE_AMPLIFICATION = Assumption(
    "bytes written to disk", 5, "for each byte stored", "estimate: log, flush and some merges"
)
FILTER_BITS = Assumption("memory of the filters", 10, "bits a record and copy", "the engines' setting")
LOOKUP = Assumption("looking up a label", 20, "µs", "bench paper, Figure 7")
REPORTED = Assumption("traces that become reports", 0.1, "share", "chosen: most traces open nothing")
TCP = Assumption("TCP and IP headers", 1.05, "times the bytes", "52 bytes a packet of 1,500, with answers")
OUTBOX = Assumption("outbox of a carrier", 1, "day without the record store", "chosen: 1,000 bytes a record")
PROCESS_MEMORY = Assumption("memory of a process", 0.15, "GB", "bench pipeline: 92 to 126 MB")
ASSUMPTIONS = (
    UTILISATION,
    SLOT_HEADROOM,
    LABEL_REQUEST_INTERVAL,
    SLOTS_LIMIT,
    REQUEST,
    CONTRIBUTION_BATCH,
    CONTRIBUTION_INTERVAL,
    ROCKSDB_BYTES,
    CASSANDRA_BYTES,
    CASSANDRA_WRITE,
    CASSANDRA_DRIVER,
    DISK_FILL,
    WRITE_AMPLIFICATION,
    FILTER_BITS,
    LOOKUP,
    REPORTED,
    TCP,
    OUTBOX,
    PROCESS_MEMORY,
)
