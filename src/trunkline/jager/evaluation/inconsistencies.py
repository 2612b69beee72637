"""Where the paper's evaluation does not agree with itself, one by one, computed from its own figures."""

import math
from dataclasses import dataclass

from trunkline.jager.evaluation import paper, prototype
from trunkline.jager.evaluation.requirements import (
    BITS,
    SECONDS_A_DAY,
    equation_1_mbps,
    terabytes_per_day,
    trace_labels,
    vcpus,
    whole_vcpus,
)

_MONTH_DAYS = 30


@dataclass(frozen=True, slots=True)
class Inconsistency:
    """One of them.

    Attributes:
        name: What machines call it.
        stated: What the paper states, and where.
        computed: What follows from its own figures.
        values: The computed figures.
    """

    name: str
    stated: str
    computed: str
    values: dict[str, float]


def inconsistencies() -> list[Inconsistency]:
    """Return all of them, in the order of the paper's section 7."""
    return [
        _store_processors(),
        _insertion_time(),
        _storage(),
        _storage_price(),
        _label_bandwidth(),
        _record_bandwidth(),
        _record_size(),
        _opening_deviation(),
        _epochs(),
        _trace_time(),
        _traces_a_month(),
        _averages(),
    ]


def _store_processors() -> Inconsistency:
    calls, records = paper.CALLS_PER_SECOND.value, paper.RECORDS_PER_SECOND.value
    verify, insert = paper.VERIFICATIONS_PER_VCPU.value, paper.INSERTS_PER_VCPU.value
    at_calls = whole_vcpus(calls, verify), whole_vcpus(calls, insert)
    at_records = whole_vcpus(records, verify), whole_vcpus(records, insert)
    return Inconsistency(
        "record-store-vcpu",
        f"The record store needs {paper.TABLE_2['process_submissions'].vcpu} vCPU ({paper.TABLE_2_SOURCE}): "
        f"{paper.VERIFICATION_VCPUS.value} to verify and {paper.INSERT_VCPUS.value} to insert "
        f"({paper.INSERT_VCPUS.source}).",
        f"{at_calls[0]} + {at_calls[1]} = {sum(at_calls)} are enough for {calls:,} records/s. There are "
        f"{calls:,} calls/s, but {records:,} records/s, at which the same section sizes labels and carriers: "
        f"{at_records[0]} + {at_records[1]:,} = {sum(at_records):,}.",
        {"at_10000": sum(at_calls), "at_50000": sum(at_records)},
    )


def _insertion_time() -> Inconsistency:
    first, second = paper.INSERT_MS, paper.INSERT_MS_AGAIN
    records = paper.RECORDS_PER_SECOND.value
    rates = 1_000 / first.value, 1_000 / second.value
    by_first = whole_vcpus(records, rates[0])
    return Inconsistency(
        "insertion-time",
        f"Inserting a record takes {first.value} ms, and in the next sentence {second.value} ms "
        f"({first.source}); a vCPU inserts {paper.INSERTS_PER_VCPU.value} a second.",
        f"{paper.INSERTS_PER_VCPU.value} a second fit {second.value} ms ({rates[1]:.1f}), not {first.value} "
        "ms "
        f"({rates[0]:.1f}); with the latter, {records:,} records/s take {by_first:,} vCPU. Either way it is "
        "the time "
        "that one insertion takes, which mostly waits for the disk, and not processor time.",
        {"rate_at_24_28": rates[0], "rate_at_23_28": rates[1], "vcpu_at_24_28": by_first},
    )


def _storage() -> Inconsistency:
    size = paper.RECORD_BYTES.value
    calls, records = paper.CALLS_PER_SECOND.value, paper.RECORDS_PER_SECOND.value
    at_calls, at_records = terabytes_per_day(calls, size), terabytes_per_day(records, size)
    return Inconsistency(
        "storage-growth",
        f"The database grows by {paper.STORAGE_TB_PER_DAY.value} TB a day "
        f"({paper.STORAGE_TB_PER_DAY.source}).",
        f"{calls:,} records/s of {size:,} bytes are {at_calls:.2f} TB a day (1.49 TiB); {records:,} "
        "records/s are "
        f"{at_records:.1f} TB a day.",
        {"tb_at_10000": at_calls, "tb_at_50000": at_records},
    )


def _storage_price() -> Inconsistency:
    price = paper.STORAGE_COST_PER_DAY.value / paper.STORAGE_TB_PER_DAY.value
    at_records = terabytes_per_day(paper.RECORDS_PER_SECOND.value, paper.RECORD_BYTES.value)
    return Inconsistency(
        "storage-price",
        f"A day's growth costs roughly ${paper.STORAGE_COST_PER_DAY.value} "
        f"({paper.STORAGE_COST_PER_DAY.source}).",
        f"That is ${price:.0f} a TB, for a time that is not stated. At the same price the growth at "
        f"{paper.RECORDS_PER_SECOND.value:,} records/s costs ${price * at_records:.0f} a day; and what is "
        "kept for "
        "months is paid for every month, for each of its copies.",
        {"dollars_per_tb": price, "dollars_per_day_at_50000": price * at_records},
    )


def _label_bandwidth() -> Inconsistency:
    records, size = paper.RECORDS_PER_SECOND.value, paper.LABEL_BYTES.value
    overhead = paper.HTTP_OVERHEAD_BYTES.value
    bare = equation_1_mbps(records, size, size)
    single = records * (2 * size + overhead) * BITS / 1e6
    literal = equation_1_mbps(records, size, size, overhead)
    return Inconsistency(
        "label-bandwidth",
        f"Label generation needs {paper.TABLE_2['label_generation'].mbps} Mbps ({paper.TABLE_2_SOURCE}), by "
        f"equation (1) with {overhead:.0f} bytes of HTTP overhead a request "
        f"({paper.HTTP_OVERHEAD_BYTES.source}).",
        f"Equation (1) gives {bare:.1f} Mbps with no overhead at all, so the batch behind the figure is "
        "infinite. "
        f"With a request a label it is {single:.0f} Mbps. Besides, equation (1) wants the overhead as a "
        "fraction, "
        f"and equation (2) gives bytes a record: put together as they stand they give {literal / 1_000:.1f} "
        "Gbps.",
        {"mbps_without_overhead": bare, "mbps_request_a_label": single, "mbps_literal": literal},
    )


def _record_bandwidth() -> Inconsistency:
    records, size = paper.RECORDS_PER_SECOND.value, paper.RECORD_BYTES.value
    stated = paper.TABLE_2["contribution"].mbps
    bare = equation_1_mbps(records, size, 0)
    extra = size * (stated / bare - 1)
    batch = paper.HTTP_OVERHEAD_BYTES.value / extra
    return Inconsistency(
        "submission-bandwidth",
        f"Submissions need {stated} Mbps ({paper.TABLE_2_SOURCE}).",
        f"{records:,} records/s of {size:,} bytes are {bare:.0f} Mbps; the rest allows {extra:.0f} bytes of "
        "overhead a "
        f"record, that is batches of {batch:.1f} records, which are stated nowhere, and no answers. This "
        "figure is "
        f"for {records:,} records/s, the vCPU beside it for {paper.CALLS_PER_SECOND.value:,}.",
        {"mbps_without_overhead": bare, "overhead_bytes": extra, "batch": batch},
    )


def _record_size() -> Inconsistency:
    size = prototype.SUBMISSION_BYTES
    mbps = equation_1_mbps(paper.RECORDS_PER_SECOND.value, size, 0)
    tb = terabytes_per_day(paper.RECORDS_PER_SECOND.value, size)
    return Inconsistency(
        "submission-size",
        f"A submission has {paper.RECORD_BYTES.value:,} bytes ({paper.RECORD_BYTES.source}).",
        f"The published prototype sends {size:,}: {mbps:.0f} Mbps without overhead, {tb:.1f} TB a day.",
        {"bytes": size, "mbps": mbps, "tb": tb},
    )


def _opening_deviation() -> Inconsistency:
    timing = paper.TABLE_3["open"]
    least = (timing.high - timing.mean) / math.sqrt(paper.TABLE_3_RUNS)
    return Inconsistency(
        "open-deviation",
        f"Opening takes {timing.mean} ms on average, {timing.high} at most, with a standard deviation of "
        f"{timing.deviation} over {paper.TABLE_3_RUNS:,} runs ({paper.TABLE_3_SOURCE}).",
        f"One run of {timing.high} ms among {paper.TABLE_3_RUNS:,} alone makes the deviation at least "
        f"{least:.3f}. The "
        "maximum is that of the row below, to the digit.",
        {"least_deviation_ms": least},
    )


def _epochs() -> Inconsistency:
    seconds = trace_labels(paper.T_MAX_S.value, 1_000)
    centiseconds = trace_labels(paper.T_MAX_S.value, paper.EPOCH_MS.value)
    per_label = paper.TABLE_3["label_generation"].mean + paper.TABLE_3["authorization"].mean
    cost = centiseconds * per_label / 1_000
    return Inconsistency(
        "epochs",
        f"An epoch is a centisecond ({paper.EPOCH_MS.source}); a trace has {paper.TRACE_LABELS.value} "
        "labels, of epochs "
        f"of a second ({paper.TRACE_LABELS.source}).",
        f"Within 10 s of a call lie {seconds} seconds, but {centiseconds:,} centiseconds. Their labels and "
        f"authorizations alone take {cost:.2f} s by Table 3, more than the {paper.TRACE_SECONDS.value} s "
        "stated for a "
        "whole trace.",
        {"labels_of_seconds": seconds, "labels_of_centiseconds": centiseconds, "seconds": cost},
    )


def _trace_time() -> Inconsistency:
    labels, hops = paper.TRACE_LABELS.value, paper.HOPS.value
    table = paper.TABLE_3
    known = (
        labels * (table["label_generation"].mean + table["authorization"].mean)
        + hops * table["decryption"].mean
        + paper.VALIDATE_MS.value
    )
    rest = paper.TRACE_SECONDS.value * 1_000 - known
    return Inconsistency(
        "trace-time",
        f"A trace computes for {paper.TRACE_SECONDS.value} s ({paper.TRACE_SECONDS.source}).",
        f"{labels} labels and authorizations, {hops} decryptions and the analysis take {known:.1f} ms by "
        "Table 3 and the "
        f"text. The other {rest:.0f} ms would be the retrieval, {rest / labels:.0f} ms a label; no figure of "
        "the text "
        "says so.",
        {"stated_parts_ms": known, "rest_ms": rest},
    )


def _traces_a_month() -> Inconsistency:
    month = _MONTH_DAYS * SECONDS_A_DAY / paper.TRACE_SECONDS.value
    factor = month / paper.TRACES_TODAY.value
    return Inconsistency(
        "traces-a-month",
        f"{paper.TRACES_PER_MONTH.value / 1e6} million traces a month, {paper.TRACE_FACTOR.value:,} times "
        "today's "
        f"({paper.TRACES_PER_MONTH.source}).",
        f"{month:,.0f} and {factor:,.0f}: the arithmetic holds, for one trace after the other without a "
        "pause. "
        f"It compares what one process could compute with the {paper.TRACES_TODAY.value} a month that people "
        "ask for.",
        {"traces_a_month": month, "factor": factor},
    )


def _averages() -> Inconsistency:
    carriers = vcpus(paper.RECORDS_PER_SECOND.value, paper.TABLE_3["contribution"].mean)
    day = paper.CALLS_PER_SECOND.value * SECONDS_A_DAY
    return Inconsistency(
        "averages",
        f"{paper.CALLS_PER_SECOND.value:,} calls/s are roughly 800 million a day "
        f"({paper.CALLS_PER_SECOND.source}), and "
        f"Table 2 lists the minimum requirements for them.",
        f"They are {day / 1e6:.0f} million a day: an average, over all hours. The vCPU of Table 2, such as "
        "the carriers' "
        f"{carriers:.0f}, leave nothing for the busy hour, and assume that no processor is ever idle.",
        {"calls_a_day": day, "carriers_vcpu": carriers},
    )
