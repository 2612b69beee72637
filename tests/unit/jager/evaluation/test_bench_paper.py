"""`trunkline bench paper` with tiny rounds: measured for real, shown in every form."""

import json
import re
import sys

import pytest
from typer.testing import CliRunner

from trunkline.cli.main import app
from trunkline.errors import ConfigurationError, InputError
from trunkline.jager.evaluation import evaluation, growth, paper, parties, prototype, tables, tasks
from trunkline.jager.evaluation.evaluation import Measured, table_2
from trunkline.jager.evaluation.growth import GrowthPoint, measure_growth
from trunkline.jager.evaluation.inconsistencies import inconsistencies
from trunkline.jager.evaluation.paper import Timing
from trunkline.jager.evaluation.tasks import TaskTiming
from trunkline.jager.evaluation.wire import Exchange


def measured(pairing_us: float = 942.0) -> Measured:
    """What a run might have found, with round numbers: 1 ms each, 0.5 ms in batches."""
    task = TaskTiming(Timing(1.0, 0.9, 1.2, 0.1), 100, 32, Timing(0.5, 0.4, 0.6, 0.05))
    names = [*paper.TASKS, "label_blind", "label_finalize"]
    point = GrowthPoint(10_000, Timing(2.0, 1.0, 3.0, 0.5), 0.01, 20.0, Timing(0.3, 0.2, 0.5, 0.1))
    return Measured(
        pairing_us, dict.fromkeys(names, task), [point], Exchange(1_600, 1_600), Exchange(24_000, 3_200)
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The real command, with as little work as it accepts."""
    folder = tmp_path_factory.mktemp("paper")
    command = ["bench", "paper", "--runs", "2", "--figure7-records", "10000", "--json", "--out", str(folder)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    return folder, json.loads(result.stdout.splitlines()[-1])


def test_command_prints_all_tables_as_one_json_value(run):
    _, value = run
    assert set(value["table2"]) == set(paper.COMPONENTS)
    assert set(paper.TASKS) <= set(value["table3"])
    assert len(value["figure7"]) == 10
    assert value["figure7"][-1]["records"] >= 10_000
    assert len(value["inconsistencies"]) == len(inconsistencies())
    assert value["pairing_us"] > 0
    assert value["table3"]["verify_group_signature"]["batch"] == 1_000


def test_command_every_measured_time_is_positive_and_in_order(run):
    _, value = run
    for task in value["table3"].values():
        for timing in (task["single"], task["batched"]):
            assert 0 < timing["low"] <= timing["mean"] <= timing["high"]
    for point in value["figure7"]:
        assert 0 < point["select"]["low"] <= point["select"]["mean"] <= point["select"]["high"]
        assert point["insert_batched_ms"] > 0


def test_command_writes_page_and_the_plots_that_it_shows(run):
    folder, _ = run
    page = (folder / "paper-evaluation.md").read_text()
    shown = re.findall(r"\]\(([^)]+\.svg)\)", page)
    assert sorted(shown) == ["paper-figure7.svg", "paper-table3.svg"]
    for name in shown:
        assert (folder / name).read_text().rstrip().endswith("</svg>")


def test_table_2_of_round_costs_is_rate_times_cost():
    rows = table_2(measured())
    assert rows["label_generation"].ours_vcpu == pytest.approx(50_000 * 0.5e-3)
    # 0.5 ms to verify and 20 µs to store.
    assert rows["process_submissions"].ours_vcpu == pytest.approx(50_000 * 0.52e-3)
    # Contribution, and both parts of the label.
    assert rows["contribution"].ours_vcpu == pytest.approx(50_000 * 1.5e-3)
    assert rows["label_generation"].ours_mbps == pytest.approx(50_000 / 32 * 3_200 * 8 / 1e6)
    assert rows["process_submissions"].ours_mbps == pytest.approx(50_000 / 32 * 27_200 * 8 / 1e6)
    assert rows["process_submissions"].recomputed_vcpu == 1_279
    assert rows["contribution"].prototype_vcpu == pytest.approx(50_000 * 2.82e-3)


def test_markdown_scales_ours_to_the_machine_of_the_prototype():
    page = tables.as_markdown(measured(pairing_us=942.0), plots=False)
    # Half the speed: 0.5 ms here are 0.25 ms there, a tenth of the prototype's 2.63.
    assert "471 / 942 = 0.50" in page
    assert "| Contribution | 4.143, 3.708, 5.980, 0.173 | 2.630 |" in page
    assert "| 0.500 (32) | 0.250 | 10.5 |" in page
    assert prototype.MACHINE in page
    assert "svg" not in page


def test_markdown_names_every_inconsistency():
    page = tables.as_markdown(measured(), plots=False)
    for one in inconsistencies():
        assert one.stated in page
        assert one.computed in page


def test_command_without_a_folder_prints_the_page_and_draws_nothing(monkeypatch):
    found = measured()
    monkeypatch.setattr(parties, "Parties", lambda: None)
    monkeypatch.setattr(tasks, "measure_tasks", lambda *_: found.tasks)
    monkeypatch.setattr(growth, "measure_growth", lambda *_: found.growth)
    monkeypatch.setattr(evaluation, "measure_pairing_us", lambda: 471.0)
    result = CliRunner().invoke(app, ["bench", "paper"])
    assert result.exit_code == 0, result.output
    assert "## Table 3: milliseconds of each task" in result.stdout
    assert "svg" not in result.stdout


def test_plots_without_matplotlib_are_refused_before_anything_is_measured(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = CliRunner().invoke(app, ["bench", "paper", "--out", str(tmp_path / "docs")])
    assert isinstance(result.exception, ConfigurationError)
    assert "pip install" in str(result.exception)
    assert not (tmp_path / "docs").exists()


def test_growth_with_too_few_records_is_refused(tmp_path):
    with pytest.raises(InputError, match="at least 10,000 records"):
        measure_growth(tmp_path / "database", 9_999, lambda _count: None)


def test_growth_larger_than_the_disk_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="GB of disk"):
        measure_growth(tmp_path / "database", 10**15, lambda _count: None)
    assert not list(tmp_path.iterdir())
