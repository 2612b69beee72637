"""`trunkline plan`: what a deployment needs, from what its parts cost."""

from pathlib import Path
from typing import Annotated

import typer

from trunkline.cli.output import bar, console, paper, print_json


def plan(
    calls_per_second: Annotated[float, typer.Option(help="Calls of the whole network, average over a day.")],
    hops: Annotated[float, typer.Option(help="Carriers on a call's way.")] = 5.0,
    retention_days: Annotated[int, typer.Option(help="How long records are kept.")] = 180,
    replication: Annotated[int, typer.Option(help="Copies of a record; 1: the embedded engine.")] = 3,
    peak: Annotated[float, typer.Option(help="The busy hour's rate over the average.")] = 2.0,
    resolution_ms: Annotated[int, typer.Option(help="Length of an epoch, in milliseconds.")] = 1_000,
    traces_per_day: Annotated[float, typer.Option(help="Of all carriers together.")] = 10_000.0,
    carriers: Annotated[int, typer.Option(help="How many carriers take part.")] = 7_000,
    live_keys: Annotated[int, typer.Option(help="Label keys in use; 2 while one follows another.")] = 1,
    trace_wait: Annotated[float, typer.Option(help="Seconds that a trace may wait for its labels.")] = 2.0,
    core_hour_cost: Annotated[float, typer.Option(help="Money for a core and hour.")] = 0.04,
    tb_month_cost: Annotated[float, typer.Option(help="Money for a terabyte of disk and month.")] = 40.0,
    egress_tb_cost: Annotated[float, typer.Option(help="Money for a terabyte that leaves a party.")] = 0.0,
    costs: Annotated[
        list[Path] | None,
        typer.Option(help="JSON of bench primitives, paper, pipeline, store, labels, or a plan; repeatable."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File that gets the plan as Markdown.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Computes cores, bandwidth, disk, memory and money a day for every party; says what it assumes.

    Costs that no file states are measured now, in some ten seconds.
    """
    from trunkline.jager.evaluation import plan_tables
    from trunkline.jager.evaluation.costs import MEASUREMENTS, completed, measure_costs, missing, read_costs
    from trunkline.jager.evaluation.demand import Demand
    from trunkline.jager.evaluation.sizing import make_plan

    demand = Demand(
        calls_per_second=calls_per_second,
        hops=hops,
        retention_days=retention_days,
        replication=replication,
        peak=peak,
        resolution_ms=resolution_ms,
        traces_per_day=traces_per_day,
        carriers=carriers,
        live_keys=live_keys,
        trace_wait_s=trace_wait,
        core_hour_cost=core_hour_cost,
        tb_month_cost=tb_month_cost,
        egress_tb_cost=egress_tb_cost,
    )
    known = read_costs(costs) if costs else None
    if known is None or missing(known):
        with bar("measuring costs", MEASUREMENTS) as progress:
            measured = measure_costs(progress.advance)
        known = measured if known is None else completed(known, measured)
    result = make_plan(demand, known)
    if out is not None:
        out.write_text(plan_tables.as_markdown(result), encoding="utf-8")
        console.print(f"written: {out}")
    if as_json:
        print_json(plan_tables.as_json(result))
    elif out is None:
        paper.print(plan_tables.as_markdown(result), markup=False)
