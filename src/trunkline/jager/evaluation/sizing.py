"""A plan: cores, bandwidth, disk, memory and money a day for every party, from a demand and measured costs.

Rates are those of the busy hour where they need processors and networks, and averages where they fill disks.
Carriers differ in size: the share of the one of rank i falls as 1/i. The schedule of labels is bought for the
busy hour and is the same day and night, so the label authority works as much at night as at noon.
"""

import math
from dataclasses import dataclass
from functools import cache

from trunkline.jager.evaluation.costs import Costs
from trunkline.jager.evaluation.demand import (
    CASSANDRA_BYTES,
    CASSANDRA_DRIVER,
    CASSANDRA_WRITE,
    CONTRIBUTION_BATCH,
    CONTRIBUTION_INTERVAL,
    DISK_FILL,
    FILTER_BITS,
    LABEL_REQUEST_INTERVAL,
    LOOKUP,
    OUTBOX,
    PROCESS_MEMORY,
    REPORTED,
    REQUEST,
    ROCKSDB_BYTES,
    SLOT_HEADROOM,
    SLOTS_LIMIT,
    TCP,
    UTILISATION,
    WRITE_AMPLIFICATION,
    Demand,
)
from trunkline.jager.evaluation.requirements import BITS, SECONDS_A_DAY, terabytes_per_day
from trunkline.jager.evaluation.wire import Exchange, contribution_exchange, label_exchange, trace_bytes

LABEL_AUTHORITY = "label authority"
STORE_PROCESSES = "record store: its processes"
STORE_DATABASE = "record store: its database"

_WEEK_S = 7 * SECONDS_A_DAY
_OUTBOX_BYTES = 1_000
_MONTH_DAYS = 30
_AUTHORITY_DISK_TB = 0.1
"""Of an authority: its logs, quotas and nonces, for years."""


@dataclass(frozen=True, slots=True)
class Need:
    """What one party needs.

    Attributes:
        cores: Processors, in whole ones, so that they are loaded as assumed in the busy hour.
        busy_cores: What is busy of them in the busy hour.
        in_mbps: Into the party, in the busy hour.
        out_mbps: Out of the party, in the busy hour.
        disk_tb: Disks, in 10^12 bytes, with the space that stays free.
        memory_gb: Of its processes and filters; page caches come on top.
        cost_per_day: Money.
    """

    cores: int
    busy_cores: float
    in_mbps: float
    out_mbps: float
    disk_tb: float
    memory_gb: float
    cost_per_day: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What all need.

    Attributes:
        demand: What was asked for.
        costs: What it was computed from.
        needs: By party.
        carriers: All carriers together.
        services: All authorities and the record store together.
        labels_per_second: What the label authority evaluates, day and night.
        label_requests_per_second: In as many requests.
        stored_per_second: Records that are stored on average, dummies included.
        peak_stored_per_second: The same in the busy hour.
        records_kept: At the end of the retention, dummies included.
        disk_write_mb_per_second: Of the whole database in the busy hour, all copies.
    """

    demand: Demand
    costs: Costs
    needs: dict[str, Need]
    carriers: Need
    services: Need
    labels_per_second: float
    label_requests_per_second: float
    stored_per_second: float
    peak_stored_per_second: float
    records_kept: float
    disk_write_mb_per_second: float


@dataclass(frozen=True, slots=True)
class _Carrier:
    """One carrier's rates, a second."""

    records: float
    peak_records: float
    stored: float
    peak_stored: float
    slots: float
    requests: float


class _Sizes:
    """Bytes of the messages; a label request grows by the same for each label."""

    def __init__(self) -> None:
        self.contribution = contribution_exchange(round(CONTRIBUTION_BATCH.value))
        many = round(SLOTS_LIMIT.value)
        one, full = label_exchange(1), label_exchange(many)
        self.label = Exchange(
            round((full.up - one.up) / (many - 1)), round((full.down - one.down) / (many - 1))
        )
        self.label_request = Exchange(one.up - self.label.up, one.down - self.label.down)


@cache
def _sizes() -> _Sizes:
    return _Sizes()


def make_plan(demand: Demand, costs: Costs) -> Plan:
    """Compute a plan."""
    sizes = _sizes()
    harmonic = sum(1 / rank for rank in range(1, demand.carriers + 1))
    shares = [1 / (rank * harmonic) for rank in range(1, demand.carriers + 1)]
    carriers = [_carrier(demand, share) for share in shares]
    average = _carrier(demand, 1 / demand.carriers)
    each = [_carrier_need(demand, costs, sizes, carrier) for carrier in carriers]
    slots = sum(carrier.slots for carrier in carriers)
    requests = sum(carrier.requests for carrier in carriers)
    stored = sum(carrier.stored for carrier in carriers)
    peak_stored = sum(carrier.peak_stored for carrier in carriers)
    services = {
        LABEL_AUTHORITY: _labels_need(demand, costs, sizes, slots, requests),
        **_small_authorities(demand, costs),
        STORE_PROCESSES: _store_need(demand, costs, sizes, peak_stored, stored),
        STORE_DATABASE: _database_need(demand, stored, peak_stored),
    }
    needs = {
        "a carrier: the largest": each[0],
        "a carrier: of average size": _carrier_need(demand, costs, sizes, average),
        "a carrier: the median": each[len(each) // 2],
        **services,
    }
    return Plan(
        demand,
        costs,
        needs,
        carriers=_together(each),
        services=_together(list(services.values())),
        labels_per_second=slots,
        label_requests_per_second=requests,
        stored_per_second=stored,
        peak_stored_per_second=peak_stored,
        records_kept=stored * SECONDS_A_DAY * demand.retention_days,
        disk_write_mb_per_second=(
            peak_stored * _disk_bytes(demand) * demand.replication * WRITE_AMPLIFICATION.value / 1e6
        ),
    )


def _carrier(demand: Demand, share: float) -> _Carrier:
    records = demand.records_per_second * share
    peak = records * demand.peak
    # A trace's labels go through the schedule too, so the smallest carrier buys slots for one.
    least = demand.labels_per_trace / demand.trace_wait_s
    slots = max(peak * SLOT_HEADROOM.value, least) * demand.live_keys
    requests = max(1 / LABEL_REQUEST_INTERVAL.value, slots / SLOTS_LIMIT.value)
    return _Carrier(records, peak, records + _dummies(records), peak + _dummies(peak), slots, requests)


def _dummies(records_per_second: float) -> float:
    """Dummies a second: full batches leave as they come, what is left is filled up once an interval."""
    batch, interval = CONTRIBUTION_BATCH.value, CONTRIBUTION_INTERVAL.value
    pooled = records_per_second * interval
    if pooled > (batch + 1) / 2:
        return (batch - 1) / 2 / interval
    return (batch * (1 - math.exp(-pooled)) - pooled) / interval if pooled else 0.0


def _carrier_need(demand: Demand, costs: Costs, sizes: _Sizes, carrier: _Carrier) -> Need:
    batches = carrier.peak_stored / CONTRIBUTION_BATCH.value
    busy = carrier.peak_stored * costs.us("carrier_us") + batches * costs.us("handshake_client_us")
    label_up, label_down = _label_bytes(sizes, carrier.slots, carrier.requests)
    up = batches * sizes.contribution.up + label_up
    down = batches * sizes.contribution.down + label_down
    mean_up = carrier.stored / CONTRIBUTION_BATCH.value * sizes.contribution.up + label_up
    outbox = terabytes_per_day(carrier.records, _OUTBOX_BYTES) * OUTBOX.value
    return _need(demand, busy / 1e6, down, up, mean_up, disk_tb=outbox)


def _labels_need(demand: Demand, costs: Costs, sizes: _Sizes, slots: float, requests: float) -> Need:
    busy = slots * costs.us("label_us") + requests * REQUEST.value
    up, down = _label_bytes(sizes, slots, requests)
    return _need(demand, busy / 1e6, up, down, down, disk_tb=_AUTHORITY_DISK_TB)


def _label_bytes(sizes: _Sizes, slots: float, requests: float) -> tuple[float, float]:
    return (
        slots * sizes.label.up + requests * sizes.label_request.up,
        slots * sizes.label.down + requests * sizes.label_request.down,
    )


def _small_authorities(demand: Demand, costs: Costs) -> dict[str, Need]:
    """Those whose work grows with carriers or traces, and not with calls."""
    traces = demand.traces_per_day / SECONDS_A_DAY * demand.peak
    labels = demand.labels_per_trace
    issuing = demand.carriers / _WEEK_S * (costs.us("issue_us") + REQUEST.value)
    authorizing = traces * (labels * costs.us("authorize_us") + REQUEST.value)
    # A report is examined from the start: its labels are derived anew, its records verified, some opened.
    examined = labels * costs.us("label_us") + demand.hops * (costs.us("verify_us") + costs.us("open_us"))
    examining = traces * REPORTED.value * (examined + REQUEST.value)
    size = traces * trace_bytes(labels, math.ceil(demand.hops)) / 2
    return {
        "membership authority": _need(demand, issuing / 1e6, 0, 0, 0, disk_tb=_AUTHORITY_DISK_TB),
        "authorization authority": _need(
            demand, authorizing / 1e6, size, size, size / demand.peak, disk_tb=_AUTHORITY_DISK_TB
        ),
        "accountability authority": _need(
            demand,
            examining / 1e6,
            size * REPORTED.value,
            size * REPORTED.value,
            size * REPORTED.value / demand.peak,
            disk_tb=_AUTHORITY_DISK_TB,
        ),
    }


def _store_need(demand: Demand, costs: Costs, sizes: _Sizes, peak_stored: float, stored: float) -> Need:
    batches = peak_stored / CONTRIBUTION_BATCH.value
    traces = demand.traces_per_day / SECONDS_A_DAY * demand.peak
    driver = CASSANDRA_DRIVER.value if demand.replication > 1 else 0
    busy = (
        peak_stored * (costs.us("store_us") + driver)
        + batches * costs.us("handshake_server_us")
        + traces * (demand.labels_per_trace * LOOKUP.value + REQUEST.value)
    )
    answers = traces * trace_bytes(demand.labels_per_trace, math.ceil(demand.hops)) / 2
    mean_out = stored / CONTRIBUTION_BATCH.value * sizes.contribution.down + answers / demand.peak
    return _need(
        demand,
        busy / 1e6,
        batches * sizes.contribution.up + answers,
        batches * sizes.contribution.down + answers,
        mean_out,
        disk_tb=0.0,
    )


def _database_need(demand: Demand, stored: float, peak_stored: float) -> Need:
    # Records of the current day are kept beside those of all days of the retention.
    per_day = terabytes_per_day(stored, _disk_bytes(demand)) * demand.replication
    disk = per_day * (demand.retention_days + 1) / DISK_FILL.value
    filters = (
        stored * SECONDS_A_DAY * demand.retention_days * demand.replication * FILTER_BITS.value / BITS / 1e9
    )
    if demand.replication == 1:
        return _need(demand, 0.0, 0, 0, 0, disk_tb=disk, memory_gb=filters)
    busy = peak_stored * demand.replication * CASSANDRA_WRITE.value
    size = peak_stored * CASSANDRA_BYTES.value * demand.replication
    return _need(demand, busy / 1e6, size, 0, 0, disk_tb=disk, memory_gb=filters)


def _disk_bytes(demand: Demand) -> float:
    return ROCKSDB_BYTES.value if demand.replication == 1 else CASSANDRA_BYTES.value


def _need(
    demand: Demand,
    busy_cores: float,
    in_bytes: float,
    out_bytes: float,
    mean_out_bytes: float,
    *,
    disk_tb: float,
    memory_gb: float = 0.0,
) -> Need:
    cores = max(1, math.ceil(busy_cores / UTILISATION.value))
    egress_tb = terabytes_per_day(mean_out_bytes * TCP.value, 1)
    cost = (
        cores * 24 * demand.core_hour_cost
        + disk_tb * demand.tb_month_cost / _MONTH_DAYS
        + egress_tb * demand.egress_tb_cost
    )
    return Need(
        cores,
        busy_cores,
        in_bytes * TCP.value * BITS / 1e6,
        out_bytes * TCP.value * BITS / 1e6,
        disk_tb,
        memory_gb + PROCESS_MEMORY.value * max(1, math.ceil(cores / 2)),
        cost,
    )


def _together(needs: list[Need]) -> Need:
    return Need(
        sum(need.cores for need in needs),
        sum(need.busy_cores for need in needs),
        sum(need.in_mbps for need in needs),
        sum(need.out_mbps for need in needs),
        sum(need.disk_tb for need in needs),
        sum(need.memory_gb for need in needs),
        sum(need.cost_per_day for need in needs),
    )
