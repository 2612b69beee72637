"""A plan as one JSON value, and as Markdown with everything that it rests on."""

from contextlib import suppress
from dataclasses import asdict, fields, replace
from typing import Any

from trunkline.errors import InputError
from trunkline.jager.evaluation.costs import NAMES
from trunkline.jager.evaluation.demand import ASSUMPTIONS, T_MAX_S
from trunkline.jager.evaluation.markdown import table
from trunkline.jager.evaluation.nodes import MACHINES, YARDSTICK, calls_by_one_machine, store_nodes
from trunkline.jager.evaluation.pairing import REFERENCE_PAIRING_US
from trunkline.jager.evaluation.sizing import (
    LABEL_AUTHORITY,
    STORE_DATABASE,
    STORE_PROCESSES,
    Need,
    Plan,
    make_plan,
)

_UNITS = {
    "calls_per_second": "calls/s on average over a day",
    "hops": "records a call",
    "retention_days": "days",
    "replication": "copies of a record; 1 is the embedded engine",
    "peak": "busy hour over average",
    "resolution_ms": "ms an epoch",
    "traces_per_day": "traces a day",
    "carriers": "carriers; the share of the one of rank i falls as 1/i",
    "live_keys": "label keys in use at a time",
    "trace_wait_s": "s until the schedule has brought a trace's labels",
    "core_hour_cost": "a core and hour",
    "tb_month_cost": "a TB of disk and month",
    "egress_tb_cost": "a TB that leaves a party",
}


def as_json(plan: Plan) -> dict[str, Any]:
    """Return everything: inputs, costs, assumptions and needs."""
    return {
        **plan.costs.as_json(),
        "reference_pairing_us": REFERENCE_PAIRING_US,
        "demand": asdict(plan.demand),
        "records_per_second": plan.demand.records_per_second,
        "labels_per_trace": plan.demand.labels_per_trace,
        "labels_per_second": plan.labels_per_second,
        "label_requests_per_second": plan.label_requests_per_second,
        "stored_per_second": plan.stored_per_second,
        "records_kept": plan.records_kept,
        "disk_write_mb_per_second": plan.disk_write_mb_per_second,
        "needs": {party: asdict(need) for party, need in plan.needs.items()},
        "all_services": asdict(plan.services),
        "all_carriers": asdict(plan.carriers),
        "nodes": [asdict(store_nodes(plan, machine)) for machine in MACHINES],
        "calls_by_one_machine": calls_by_one_machine(plan),
        "assumptions": [asdict(one) for one in ASSUMPTIONS],
    }


def as_markdown(plan: Plan) -> str:
    """Return the whole page."""
    parts = [_head(plan), _needs(plan), _nodes(plan), _bottleneck(plan), _variations(plan), _demand(plan)]
    return "\n\n".join([*parts, _costs(plan), _assumptions()]) + "\n"


def _head(plan: Plan) -> str:
    demand = plan.demand
    return f"""# A plan for {_number(demand.calls_per_second)} calls a second

Printed by `trunkline plan`; everything it rests on stands below. {_number(demand.records_per_second)} \
records a \
second on average, {_number(demand.records_per_second * demand.peak)} in the busy hour; with dummies \
{_number(plan.stored_per_second)} are stored, and {plan.records_kept:.3g} are kept at the end of \
{demand.retention_days} days. The label authority evaluates {_number(plan.labels_per_second)} labels a \
second, day \
and night, in {_number(plan.label_requests_per_second)} requests."""


def _needs(plan: Plan) -> str:
    header = ["party", "cores", "busy", "in, Mbps", "out, Mbps", "disk, TB", "memory, GB", "money a day"]
    rows = [_need(party, need) for party, need in plan.needs.items()]
    rows.append(_need("authorities and record store together", plan.services))
    rows.append(_need("all carriers together", plan.carriers))
    return f"""## What every party needs
{table(header, rows)}

*Cores* are whole ones, at least one a party, for the busy hour; *busy* is what is busy of them then. \
Services run at \
least twice, so that one may fail: that is not in the table. A core is one of the machine that the costs \
were measured \
on, with a plain pairing of {plan.costs.pairing_us:.0f} µs; on the prototype's machine \
({REFERENCE_PAIRING_US:.0f} µs) \
it would be {REFERENCE_PAIRING_US / plan.costs.pairing_us:.2f} times as many."""


def _need(party: str, need: Need) -> list[str]:
    return [
        party,
        f"{need.cores:,}",
        _number(need.busy_cores),
        _number(need.in_mbps),
        _number(need.out_mbps),
        _number(need.disk_tb),
        _number(need.memory_gb),
        _number(need.cost_per_day),
    ]


def _nodes(plan: Plan) -> str:
    rows = []
    for machine in MACHINES:
        nodes = store_nodes(plan, machine)
        resources = [_number(share) for share in nodes.by_resource.values()]
        rows.append([str(machine), *resources, f"**{nodes.count:,}**", nodes.bottleneck])
    header = ["machine", *(f"by {resource}" for resource in nodes.by_resource), "nodes", "decided by"]
    return f"""## How many nodes the record store takes
Each runs processes of the record store and a part of its database; they share nothing but that.

{table(header, rows)}"""


def _bottleneck(plan: Plan) -> str:
    rows = [[name, _number(calls)] for name, calls in calls_by_one_machine(plan).items()]
    return f"""## What runs out first
Calls a second that one machine ({YARDSTICK}) carries of each:

{table(["of", "calls/s"], rows)}"""


def _variations(plan: Plan) -> str:
    demand = plan.demand
    changes: dict[str, dict[str, Any]] = {
        "as above": {},
        "twice the calls": {"calls_per_second": demand.calls_per_second * 2},
        "kept for 30 days": {"retention_days": 30},
        "epochs of 10 ms": {"resolution_ms": 10},
        "epochs of 10 ms, a trace waits 20 s": {"resolution_ms": 10, "trace_wait_s": 20},
        "two label keys in use": {"live_keys": 2},
        "a hundred times the traces": {"traces_per_day": demand.traces_per_day * 100},
    }
    rows = []
    for name, change in changes.items():
        with suppress(InputError):  # a change that goes beyond what can be planned is left out
            rows.append([name, *_variation(make_plan(replace(demand, **change), plan.costs))])
    header = [
        "",
        "labels/s",
        "label authority, cores",
        "record store, cores",
        "disk, TB",
        "nodes",
        "decided by",
    ]
    return f"""## What changes it
With machines of the kind {YARDSTICK}.

{table(header, rows)}"""


def _variation(plan: Plan) -> list[str]:
    processes, database = plan.needs[STORE_PROCESSES], plan.needs[STORE_DATABASE]
    nodes = store_nodes(plan, YARDSTICK)
    return [
        _number(plan.labels_per_second),
        f"{plan.needs[LABEL_AUTHORITY].cores:,}",
        f"{processes.cores + database.cores:,}",
        _number(database.disk_tb),
        f"{nodes.count:,}",
        nodes.bottleneck,
    ]


def _demand(plan: Plan) -> str:
    rows = [
        [f"`--{_option(field.name)}`", _number(getattr(plan.demand, field.name)), _UNITS[field.name]]
        for field in fields(plan.demand)
    ]
    rows.append(["labels a trace", _number(plan.demand.labels_per_trace), f"epochs within {T_MAX_S:g} s"])
    return f"## What was asked for\n{table(['input', 'value', 'unit'], rows)}"


def _option(name: str) -> str:
    return name.removesuffix("_s").replace("_", "-")


def _costs(plan: Plan) -> str:
    rows = [[NAMES[name], _number(plan.costs.us(name)), plan.costs.by_name[name].source] for name in NAMES]
    return f"""## Measured costs
With a plain pairing of {plan.costs.pairing_us:.0f} µs.

{table(["cost", "µs", "source"], rows)}"""


def _assumptions() -> str:
    rows = [[one.name, _number(one.value), one.unit, one.source] for one in ASSUMPTIONS]
    return f"## Assumptions\n{table(['what', 'value', 'unit', 'source'], rows)}"


def _number(value: float) -> str:
    """Three digits that matter; large numbers whole."""
    if value == 0:
        return "0"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else "< 0.001"
