"""Table 2 from the paper's own inputs, and each inconsistency by hand."""

import pytest

from trunkline.jager.evaluation import paper
from trunkline.jager.evaluation.inconsistencies import inconsistencies
from trunkline.jager.evaluation.requirements import (
    equation_1_mbps,
    terabytes_per_day,
    trace_labels,
    vcpus,
    whole_vcpus,
)

FOUND = {one.name: one for one in inconsistencies()}


def test_table_2_label_generation_needs_the_stated_processors():
    # 50,000 x 0.073 ms = 3.65 s of processor a second.
    assert vcpus(50_000, 0.073) == pytest.approx(3.65)
    assert whole_vcpus(50_000, 13_698) == paper.TABLE_2["label_generation"].vcpu == 4


def test_table_2_contribution_needs_the_stated_processors():
    assert whole_vcpus(50_000, 241) == paper.TABLE_2["contribution"].vcpu == 208
    assert pytest.approx(241, abs=1) == 1 / 4.143e-3


def test_table_2_store_has_the_stated_processors_at_10000_a_second_only():
    assert whole_vcpus(10_000, 432) == 24
    assert whole_vcpus(10_000, 43) == 233
    assert whole_vcpus(50_000, 432) == 116
    assert whole_vcpus(50_000, 43) == 1_163
    values = FOUND["record-store-vcpu"].values
    assert values == {"at_10000": paper.TABLE_2["process_submissions"].vcpu, "at_50000": 1_279}
    assert "116 + 1,163 = 1,279" in FOUND["record-store-vcpu"].computed


def test_equation_1_of_labels_gives_the_stated_bandwidth_without_overhead_only():
    # 50,000 x (256 + 256) bits.
    assert equation_1_mbps(50_000, 32, 32) == pytest.approx(25.6)
    assert equation_1_mbps(50_000, 32, 32, 0.5) == pytest.approx(38.4)
    values = FOUND["label-bandwidth"].values
    assert values["mbps_request_a_label"] == pytest.approx(50_000 * (64 + 652) * 8 / 1e6)
    assert values["mbps_literal"] == pytest.approx(25.6 * 653)


def test_submission_bandwidth_leaves_a_hundred_bytes_of_overhead():
    values = FOUND["submission-bandwidth"].values
    assert values["mbps_without_overhead"] == pytest.approx(760)
    assert values["overhead_bytes"] == pytest.approx(100)
    assert values["batch"] == pytest.approx(6.52)


def test_storage_a_day_fits_a_fifth_of_the_records():
    assert terabytes_per_day(10_000, 1_900) == pytest.approx(1.6416)
    assert terabytes_per_day(50_000, 1_900) == pytest.approx(8.208)
    # What the paper calls 1.5 TB is 1.49 TiB.
    assert pytest.approx(1.49, abs=0.005) == 1.6416e12 / 2**40
    assert "8.2 TB a day" in FOUND["storage-growth"].computed
    assert FOUND["storage-price"].values["dollars_per_day_at_50000"] == pytest.approx(8.208 * 100 / 1.5)


def test_insertion_times_differ_and_only_one_gives_43_a_second():
    values = FOUND["insertion-time"].values
    assert round(values["rate_at_23_28"]) == 43
    assert round(values["rate_at_24_28"]) == 41
    assert values["vcpu_at_24_28"] == 1_214


def test_trace_labels_are_21_or_2001():
    assert trace_labels(10, 1_000) == 21
    assert trace_labels(10, 10) == 2_001
    # 2,001 x (0.073 + 0.419) ms.
    assert FOUND["epochs"].values["seconds"] == pytest.approx(0.984492)


def test_traces_a_month_follow_from_three_quarters_of_a_second():
    values = FOUND["traces-a-month"].values
    assert values["traces_a_month"] == 30 * 86_400 / 0.75 == 3_456_000
    assert values["factor"] == paper.TRACE_FACTOR.value == 11_520


def test_trace_time_is_mostly_not_in_table_3():
    # 21 x (0.073 + 0.419) + 5 x 0.847 + 0.052
    assert FOUND["trace-time"].values["stated_parts_ms"] == pytest.approx(14.619)


def test_deviation_of_opening_cannot_be_so_small():
    assert FOUND["open-deviation"].values["least_deviation_ms"] == pytest.approx(2.718 / 1_000**0.5)
    assert FOUND["open-deviation"].values["least_deviation_ms"] > paper.TABLE_3["open"].deviation


def test_averages_are_864_million_calls_a_day():
    assert FOUND["averages"].values["calls_a_day"] == 864_000_000
