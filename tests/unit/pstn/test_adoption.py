import json
import re
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from trunkline.cli.main import app
from trunkline.errors import InputError
from trunkline.pstn import adoption_plot
from trunkline.pstn.adoption import Curve, steps, study, work
from trunkline.pstn.adoption_model import ADOPTIONS
from trunkline.pstn.adoption_report import conclusion, curve_table, variation_table
from trunkline.pstn.adoption_scenarios import PAPER, Assumption, variations


def curve(scenario, at_10, spread=0.01):
    """A curve of three networks whose mean at 10 % is given; all others follow from it."""
    mean = np.array(ADOPTIONS) / 0.10 * at_10
    return Curve(scenario, np.array([mean - spread, mean, mean + spread]), np.array([5.0, 6.0, 7.0]))


def test_curve_three_networks_have_mean_deviation_and_students_margin():
    one = curve(PAPER, 0.5, spread=0.02)
    assert one.at(0.10) == pytest.approx(0.5)
    assert one.deviation == pytest.approx(0.02)
    # 4.303 is Student's t for 2 degrees of freedom; the normal's 1.96 would say twice as sure as it is.
    assert one.margin == pytest.approx(4.303 * 0.02 / 3**0.5)


def test_curve_points_have_what_a_program_reads():
    points = curve(PAPER, 0.5).points()
    assert [point["adoption"] for point in points] == list(ADOPTIONS)
    assert points[3] == {
        "adoption": 0.10,
        "success_mean": 0.5,
        "success_sd": 0.01,
        "mean_margin_95": pytest.approx(0.024843),
        "carriers_on_path": 6.0,
        "assumption": "none",
        "variation": "the paper's model",
    }


def test_study_over_processes_is_what_one_process_computes():
    scenarios = [PAPER, *variations(["m", "routes"])]
    done = []
    curves = study(scenarios, carriers=120, seeds=2, advance=lambda: done.append(1))
    assert len(done) == steps(scenarios, 2) == 6
    assert [one.scenario for one in curves] == scenarios
    for one in curves:
        for seed in range(2):
            [(success, path)] = work(one.scenario.network, 120, seed, [one.scenario])
            assert one.success[seed] == pytest.approx(success)
            assert one.paths[seed] == pytest.approx(path)
    assert not np.array_equal(curves[0].success[0], curves[0].success[1])


@pytest.mark.parametrize("seeds", [1, 31])
def test_study_seeds_without_a_deviation_are_refused(seeds):
    with pytest.raises(InputError, match="2 to 30 seeds"):
        study([PAPER], carriers=120, seeds=seeds)


@pytest.mark.parametrize(("carriers", "fragment"), [(50, "at least 100"), (40_000, "2 to 32767")])
def test_study_size_out_of_range_in_a_process_is_told_as_such(carriers, fragment):
    with pytest.raises(InputError, match=fragment):
        study([PAPER], carriers=carriers, seeds=2)


def test_curve_table_sets_the_papers_figures_beside_ours():
    table = curve_table(curve(PAPER, 0.5))
    assert len(table) == 2 + len(ADOPTIONS)
    assert table[5] == "| 10% | 50.0% | 1.0 points | 47.5% to 52.5% | 55% |"
    assert table[4].endswith("|  |")


def test_variation_table_has_a_row_per_scenario():
    varied = next(one for one in variations(["m"]) if one.name == "m = 1")
    table = variation_table([curve(PAPER, 0.3), curve(varied, 0.2)])
    assert table[2].startswith("|  | the paper's model | 6.0% ± 1.0 points | 30.0%")
    assert table[3].startswith("| connections of a newcomer | m = 1 | 4.0% ± 1.0 points | 20.0%")


def test_conclusion_within_the_model_says_how_sure_and_where_the_paper_lies():
    near = conclusion([curve(PAPER, 0.54)])
    assert "the paper's 55% lies inside" in near[1]
    assert "lies outside" in conclusion([curve(PAPER, 0.40)])[1]
    assert "--vary all" in near[-1]


def test_conclusion_names_the_range_and_what_carries_the_result():
    low, high = variations(["m"])
    idle = variations(["weights"])[0]
    said = conclusion([curve(PAPER, 0.5), curve(low, 0.3), curve(high, 0.6), curve(idle, 0.51)])
    assert "10% adoption is 30.0% (connections of a newcomer: m = 1) to 60.0%" in said[3]
    assert "two sd of the networks in: connections of a newcomer (up to 20.0 points)." in said[4]
    assert "By less: prices of connections (1.0 points)." in said[4]


def test_plot_has_a_panel_per_assumption_and_the_same_bytes_each_time(tmp_path):
    curves = [curve(PAPER, 0.5), *(curve(one, 0.4) for one in variations(["m", "weights"]))]
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    adoption_plot.plot(curves, first)
    adoption_plot.plot(curves, second)
    drawn = first.read_text()
    assert "connections of a newcomer" in drawn
    assert "prices of connections" in drawn
    assert "how the network grows" not in drawn
    assert drawn == second.read_text()


@pytest.mark.parametrize(
    ("name", "fragment"), [("plot.txt", "must end in .png"), ("missing/plot.png", "does not exist")]
)
def test_plot_file_that_cannot_be_written_is_refused_before_the_study(tmp_path, name, fragment):
    with pytest.raises(InputError, match=re.escape(fragment)):
        adoption_plot.check_path(tmp_path / name)


def test_command_ends_with_a_json_list_and_writes_the_plot(tmp_path):
    options = ["--carriers", "120", "--seeds", "2", "--vary", "m", "--plot", str(tmp_path / "plot.png")]
    result = CliRunner().invoke(app, ["pstn", "adoption", *options, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    points = json.loads(result.stdout.splitlines()[-1])
    assert [point["adoption"] for point in points[:8]] == list(ADOPTIONS)
    assert len(points) == 8 * 3
    assert {point["assumption"] for point in points[8:]} == {Assumption.M.value}
    assert all(0 <= point["success_mean"] <= 1 for point in points)
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_command_without_variations_prints_the_table_of_the_paper():
    options = ["--carriers", "120", "--seeds", "2"]
    result = CliRunner().invoke(app, ["pstn", "adoption", *options], catch_exceptions=False)
    assert "| 2% |" in result.stdout
    assert "assumption" not in result.stdout.splitlines()[0]
    assert "At 10% adoption the paper's model gives" in result.stdout


def test_command_unknown_variation_is_refused():
    with pytest.raises(InputError, match="nothing to vary is called colour"):
        CliRunner().invoke(app, ["pstn", "adoption", "--vary", "colour"], catch_exceptions=False)


def test_variations_stay_with_their_scenario_when_pooled():
    # Scenarios of one graph are computed together; each must get its own figures back.
    pair = [replace(PAPER, smallest=0.5), PAPER]
    both = work(PAPER.network, 120, 0, pair)
    assert both[1][0] == pytest.approx(work(PAPER.network, 120, 0, [PAPER])[0][0])
    assert not np.array_equal(both[0][0], both[1][0])
