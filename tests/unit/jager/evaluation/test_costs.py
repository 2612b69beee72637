"""Costs from what the benches print."""

import json

import pytest

from trunkline.errors import InputError
from trunkline.jager.evaluation.costs import (
    MEASURED_NOW,
    NAMES,
    Cost,
    Costs,
    completed,
    measure_costs,
    missing,
    read_costs,
)

PRIMITIVES = {
    "pairing_us": 471.0,
    "label_evaluate_us": 10.0,
    "label_client_us": 20.0,
    "contribute_us": 100.0,
    "group_verify_batch_us": 50.0,
    "group_verify_us": 500.0,
    "authorize_us": 30.0,
    "open_us": 40.0,
    "multiples": {},
}
PIPELINE = {"pairing_us": 471.0, "cpu_ms_per_record": {"carrier-b1": 1.5, "record-store": 0.3, "labels": 0.1}}
STORE = {"pairing_us": 471.0, "cpu_ms_per_record": {"client": 0.01, "record-store": 0.25}}
LABELS = {"pairing_us": 471.0, "cpu_ms_per_label": {"labels": 0.05, "client": 0.01}}


@pytest.fixture
def written(tmp_path):
    def write(*values):
        files = []
        for number, value in enumerate(values):
            files.append(tmp_path / f"{number}.json")
            files[-1].write_text(value if isinstance(value, str) else json.dumps(value))
        return files

    return write


def test_primitives_are_multiplied_by_what_services_add(written):
    costs = read_costs(written(PRIMITIVES))
    assert costs.us("label_us") == pytest.approx(16)
    assert costs.us("carrier_us") == pytest.approx(1.6 * 120)
    assert costs.us("store_us") == pytest.approx(80)
    assert costs.us("verify_us") == 500
    assert costs.by_name["store_us"].source == "0.json, bench primitives: primitives x 1.6"
    assert missing(costs) == ["issue_us", "handshake_client_us", "handshake_server_us"]


@pytest.mark.parametrize("last", [0, 1, 2, 3])
def test_real_processes_are_preferred_to_primitives_in_any_order(written, last):
    values = [PIPELINE, STORE, LABELS]
    values.insert(last, PRIMITIVES)
    costs = read_costs(written(*values))
    assert costs.us("carrier_us") == 1_500
    assert costs.us("store_us") == 250
    assert costs.us("label_us") == 50
    assert costs.us("authorize_us") == pytest.approx(48)


def test_costs_of_a_slower_machine_are_brought_to_the_first_ones(written):
    costs = read_costs(written(PIPELINE, {**STORE, "pairing_us": 942.0}))
    assert costs.pairing_us == 471
    assert costs.us("store_us") == pytest.approx(125)


def test_paper_output_gives_costs_in_milliseconds(written):
    timing = {"single": {"mean": 2.0}, "batched": {"mean": 0.5}}
    names = ("label_generation", "label_blind", "label_finalize", "contribution")
    names += ("verify_group_signature", "authorization", "open")
    costs = read_costs(written({"pairing_us": 471.0, "table3": dict.fromkeys(names, timing)}))
    assert costs.us("store_us") == pytest.approx(800)
    assert costs.us("carrier_us") == pytest.approx(1.6 * 1_500)
    assert costs.us("open_us") == pytest.approx(3_200)


def test_words_before_the_last_line_do_not_matter(written):
    assert read_costs(written("starting\n" + json.dumps(LABELS) + "\n")).us("label_us") == 50


@pytest.mark.parametrize(
    ("value", "fragment"),
    [
        ("", "is not JSON"),
        ("[1]", "not a JSON object"),
        ({"pairing_us": 471.0}, "is not what bench"),
        ({**LABELS, "pairing_us": None}, "pairing_us is missing"),
        ({**LABELS, "pairing_us": -1}, "pairing_us is missing, or no positive"),
        ({**LABELS, "pairing_us": True}, "pairing_us is missing"),
        ({**LABELS, "cpu_ms_per_label": {"labels": "x"}}, "labels is missing"),
        ({**LABELS, "cpu_ms_per_label": 1}, "not a JSON object"),
        ({**PIPELINE, "cpu_ms_per_record": {}}, "record-store is missing"),
        ('{"pairing_us": NaN, "multiples": {}}', "pairing_us is missing"),
        ({"pairing_us": 471.0, "costs": {"nonsense": {}}}, "no cost 'nonsense'"),
        ({"pairing_us": 471.0, "costs": {"label_us": {}}}, "label_us is missing"),
        ({"pairing_us": 471.0, "table3": {}}, "not a JSON object"),
        ("[" * 100_000, "is not JSON"),
        (" " * ((1 << 20) + 1), "has more than"),
    ],
)
def test_file_of_no_bench_is_refused_with_what_is_wrong(written, value, fragment):
    with pytest.raises(InputError, match=fragment):
        read_costs(written(value))


def test_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        read_costs([tmp_path / "none.json"])


def test_no_file_at_all_is_refused():
    with pytest.raises(InputError, match="no file"):
        read_costs([])


def test_missing_costs_are_added_from_another_machine_scaled():
    costs = Costs(471.0, {"label_us": Cost(50.0, "here")})
    others = Costs(942.0, {name: Cost(100.0, "there") for name in NAMES})
    whole = completed(costs, others)
    assert not missing(whole)
    assert whole.us("label_us") == 50
    assert whole.us("open_us") == 50
    assert whole.by_name["open_us"].source == "there"


def test_measured_costs_are_complete_and_survive_a_file(written):
    steps = []
    costs = measure_costs(lambda: steps.append(1))
    assert not missing(costs)
    assert len(steps) == len(NAMES)
    assert all(cost.microseconds > 0 and MEASURED_NOW in cost.source for cost in costs.by_name.values())
    # A record takes longer than a label, and single verification far longer than in a batch.
    assert costs.us("carrier_us") > costs.us("label_us")
    again = read_costs(written(costs.as_json()))
    assert again.us("carrier_us") == pytest.approx(costs.us("carrier_us"), abs=0.001)
