"""Plans from round costs, by hand."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from trunkline.cli.main import app
from trunkline.errors import InputError
from trunkline.jager.evaluation import plan_tables
from trunkline.jager.evaluation.costs import NAMES, Cost, Costs
from trunkline.jager.evaluation.demand import ASSUMPTIONS, Demand
from trunkline.jager.evaluation.nodes import MACHINES, calls_by_one_machine, store_nodes
from trunkline.jager.evaluation.sizing import LABEL_AUTHORITY, Plan, make_plan
from trunkline.jager.evaluation.sizing import STORE_DATABASE as DATABASE
from trunkline.jager.evaluation.sizing import STORE_PROCESSES as PROCESSES

COSTS = Costs(471.0, {name: Cost(100.0, "a round number") for name in NAMES})


def plan(calls_per_second: float = 10_000.0, **changes: float) -> Plan:
    return make_plan(Demand(calls_per_second, **changes), COSTS)


def test_country_of_10000_calls_keeps_its_records_on_petabytes():
    result = plan()
    assert result.demand.records_per_second == 50_000
    # Real ones: 50,000 x 86,400 x 180. Dummies: at most half a batch a minute and carrier.
    real = 50_000 * 86_400 * 180
    assert real == pytest.approx(7.776e11)
    assert result.records_kept == pytest.approx(real * (1 + 7_000 * 15.5 / 60 / 50_000))
    disk = result.stored_per_second * 86_400 * 181 * 809 * 3 / 0.7 / 1e12
    assert result.needs[DATABASE].disk_tb == pytest.approx(disk)


def test_store_cores_are_rate_times_cost_over_the_utilisation():
    result = plan(traces_per_day=0)
    # 100 µs a record, 750 for the cluster's driver, and a connection of 100 µs for each batch of 32.
    busy = result.peak_stored_per_second * (100 + 750 + 100 / 32) / 1e6
    assert result.needs[PROCESSES].busy_cores == pytest.approx(busy)
    assert result.needs[PROCESSES].cores == math.ceil(busy / 0.6)
    embedded = plan(traces_per_day=0, replication=1)
    alone = embedded.peak_stored_per_second * (100 + 100 / 32) / 1e6
    assert embedded.needs[PROCESSES].busy_cores == pytest.approx(alone)


def test_largest_carrier_has_the_first_share_of_zipf():
    result = plan(1_000.0, carriers=3, peak=1)
    # Shares 6/11, 3/11, 2/11 of 5,000 records a second, each with 15.5 dummies a minute.
    stored = 5_000 * 6 / 11 + 15.5 / 60
    busy = stored * (100 + 100 / 32) / 1e6
    assert result.needs["a carrier: the largest"].busy_cores == pytest.approx(busy)
    assert result.stored_per_second == pytest.approx(5_000 + 3 * 15.5 / 60)


def test_label_schedule_is_bought_for_the_busy_hour():
    result = plan(1_000.0, carriers=1)
    assert result.labels_per_second == pytest.approx(5_000 * 2 * 1.1)
    # At most 4,096 labels fit in a request.
    assert result.label_requests_per_second == pytest.approx(11_000 / 4_096)


def test_label_schedule_of_small_carriers_is_bought_for_a_trace():
    result = plan(0.001, carriers=100)
    assert result.labels_per_second == pytest.approx(100 * 21 / 2)
    assert result.label_requests_per_second == pytest.approx(100)
    fine = plan(0.001, carriers=100, resolution_ms=10)
    assert fine.labels_per_second == pytest.approx(100 * 2_001 / 2)


def test_second_label_key_doubles_the_labels():
    assert plan(live_keys=2).labels_per_second == pytest.approx(2 * plan().labels_per_second)


def test_copies_multiply_disk_and_writes():
    three, six = plan(replication=3), plan(replication=6)
    assert six.needs[DATABASE].disk_tb == pytest.approx(2 * three.needs[DATABASE].disk_tb)
    assert six.disk_write_mb_per_second == pytest.approx(2 * three.disk_write_mb_per_second)
    assert six.needs[DATABASE].busy_cores == pytest.approx(2 * three.needs[DATABASE].busy_cores)


def test_embedded_engine_has_no_processors_of_its_own():
    assert plan(replication=1).needs[DATABASE].busy_cores == 0


def test_money_is_cores_disk_and_egress():
    free = plan(core_hour_cost=0, tb_month_cost=0, egress_tb_cost=0)
    assert all(need.cost_per_day == 0 for need in free.needs.values())
    cores = plan(core_hour_cost=1, tb_month_cost=0)
    assert cores.needs[LABEL_AUTHORITY].cost_per_day == cores.needs[LABEL_AUTHORITY].cores * 24
    disks = plan(core_hour_cost=0, tb_month_cost=30)
    assert disks.needs[DATABASE].cost_per_day == pytest.approx(disks.needs[DATABASE].disk_tb)
    assert disks.services.cost_per_day > disks.needs[DATABASE].cost_per_day
    egress = plan(core_hour_cost=0, tb_month_cost=0, egress_tb_cost=1)
    assert egress.needs["a carrier: the largest"].cost_per_day > 0


@settings(deadline=None, max_examples=30)
@given(st.floats(min_value=100, max_value=1e5), st.floats(min_value=2, max_value=20))
def test_large_carriers_need_grows_with_the_rate_in_proportion(calls, factor):
    one, many = plan(calls, carriers=1, traces_per_day=0), plan(calls * factor, carriers=1, traces_per_day=0)
    for party in ("a carrier: the largest", LABEL_AUTHORITY, PROCESSES, DATABASE):
        assert many.needs[party].busy_cores == pytest.approx(one.needs[party].busy_cores * factor, rel=0.02)


def test_nodes_are_decided_by_the_scarcest_resource():
    result = plan()
    for machine in MACHINES:
        nodes = store_nodes(result, machine)
        assert nodes.bottleneck == "disk"
        assert nodes.by_resource["disk"] == pytest.approx(result.needs[DATABASE].disk_tb / machine.disk_tb)
        assert nodes.count == math.ceil(nodes.by_resource["disk"])
    assert next(iter(calls_by_one_machine(result))) == "record store: disk"


def test_nodes_are_never_fewer_than_the_copies():
    assert store_nodes(plan(0.1, carriers=10), MACHINES[0]).count == 3


def test_nodes_of_a_short_retention_are_decided_by_another_resource():
    # A day's records fit anywhere; then processors, networks and disk writes remain.
    slow = Costs(471.0, {name: Cost(10_000.0, "slow") for name in NAMES})
    result = make_plan(Demand(10_000.0, retention_days=1), slow)
    assert store_nodes(result, MACHINES[2]).bottleneck == "cores"


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"calls_per_second": 0.0}, "calls per second must be between"),
        ({"calls_per_second": math.nan}, "calls per second"),
        ({"calls_per_second": math.inf}, "calls per second"),
        ({"hops": 0.5}, "hops must be between 1 and 100"),
        ({"retention_days": 0}, "retention days"),
        ({"replication": 10}, "replication must be between 1 and 9, not 10"),
        ({"peak": 0.9}, "peak"),
        ({"resolution_ms": 1}, "resolution ms"),
        ({"traces_per_day": -1.0}, "traces per day"),
        ({"carriers": 0}, "carriers"),
        ({"live_keys": 17}, "live keys"),
        ({"trace_wait_s": 0.0}, "trace wait s"),
        ({"core_hour_cost": -0.01}, "core hour cost"),
    ],
)
def test_impossible_demand_is_refused_by_name(changes, fragment):
    with pytest.raises(InputError, match=fragment):
        Demand(**{"calls_per_second": 10.0, **changes})


def test_markdown_shows_every_assumption_cost_and_input():
    page = plan_tables.as_markdown(plan())
    for one in ASSUMPTIONS:
        assert f"| {one.name} |" in page
        assert one.source in page
    for name in NAMES.values():
        assert f"| {name} | 100 | a round number |" in page
    assert "`--retention-days` | 180" in page


def test_command_reads_its_own_output_as_costs_and_measures_nothing(tmp_path):
    costs, page = tmp_path / "costs.json", tmp_path / "plan.md"
    costs.write_text(json.dumps(plan_tables.as_json(plan())))
    command = ["plan", "--calls-per-second", "100", "--costs", str(costs), "--out", str(page), "--json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    value = json.loads(result.stdout.splitlines()[-1])
    assert value["pairing_us"] == 471.0
    assert value["costs"]["store_us"] == {"microseconds": 100.0, "source": "a round number"}
    assert value["demand"]["calls_per_second"] == 100
    assert {"cores", "in_mbps", "out_mbps", "disk_tb", "memory_gb", "cost_per_day"} <= set(
        value["needs"][LABEL_AUTHORITY]
    )
    assert len(value["nodes"]) == len(MACHINES)
    assert page.read_text().startswith("# A plan for 100 calls a second")


def test_command_every_option_it_names_is_one_it_has():
    help_text = CliRunner().invoke(app, ["plan", "--help"], env={"COLUMNS": "200"}).stdout
    page = plan_tables.as_markdown(plan())
    for line in page.splitlines():
        if line.startswith("| `--"):
            assert line.split("`")[1] in help_text


def test_markdown_of_the_largest_demand_leaves_out_what_cannot_be_planned():
    page = plan_tables.as_markdown(plan(1e7))
    assert "twice the calls" not in page
    assert "kept for 30 days" in page
