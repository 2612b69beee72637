"""The paper's evaluation, run anew: everything that is measured for it, and its Table 2 from that."""

from dataclasses import dataclass

from trunkline.jager.evaluation import paper, prototype
from trunkline.jager.evaluation.growth import GrowthPoint
from trunkline.jager.evaluation.pairing import REFERENCE_PAIRING_US, measure_pairing_us
from trunkline.jager.evaluation.parties import BATCH
from trunkline.jager.evaluation.requirements import BITS, SECONDS_A_DAY, equation_1_mbps, vcpus, whole_vcpus
from trunkline.jager.evaluation.tasks import TaskTiming
from trunkline.jager.evaluation.wire import Exchange, contribution_exchange, label_exchange, trace_bytes

_MONTH_S = 30 * SECONDS_A_DAY


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured in one run.

    Attributes:
        pairing_us: A plain pairing in this run.
        tasks: The tasks of Table 3, and the two parts of a label that its carrier does.
        growth: The points of Figure 7.
        label: Bytes of a label request of `BATCH` elements, with its answer.
        contribution: Bytes of a contribution of `BATCH` records, with its receipt.
    """

    pairing_us: float
    tasks: dict[str, TaskTiming]
    growth: list[GrowthPoint]
    label: Exchange
    contribution: Exchange

    @property
    def scale(self) -> float:
        """What turns a time of this run into one of the prototype's machine."""
        return REFERENCE_PAIRING_US / self.pairing_us

    @property
    def carrier_label_ms(self) -> float:
        """The carrier's part of a label, in batches."""
        return self.tasks["label_blind"].batched.mean + self.tasks["label_finalize"].batched.mean


@dataclass(frozen=True, slots=True)
class Row:
    """One component of Table 2, all for the paper's 50,000 records a second.

    Attributes:
        stated: The paper's figures, as it states them.
        recomputed_vcpu: From the paper's own costs; None where it states none.
        prototype_vcpu: From the prototype's costs on its machine; None where there are none.
        ours_vcpu: From the costs of this run; None where the paper gives nothing to compute them for.
        ours_mbps: In both directions, with HTTP and TLS.
    """

    stated: paper.Requirement
    recomputed_vcpu: float | None
    prototype_vcpu: float | None
    ours_vcpu: float | None
    ours_mbps: float | None


def complete(pairing_us: float, tasks: dict[str, TaskTiming], growth: list[GrowthPoint]) -> Measured:
    """Adds the sizes of messages to what `measure_tasks` and `measure_growth` found.

    Args:
        pairing_us: A plain pairing before all that; one of now counts if it is faster.
        tasks: The tasks of Table 3.
        growth: The points of Figure 7.
    """
    return Measured(
        min(pairing_us, measure_pairing_us()),
        tasks,
        growth,
        label_exchange(BATCH),
        contribution_exchange(BATCH),
    )


def table_2(measured: Measured) -> dict[str, Row]:
    """Return Table 2 with the paper's figures, and what its arithmetic gives with other costs."""
    rate = paper.RECORDS_PER_SECOND.value
    tasks = measured.tasks
    stored_ms = tasks["verify_group_signature"].batched.mean + measured.growth[-1].insert_cpu_us / 1_000
    filed_ms = tasks["contribution"].batched.mean + measured.carrier_label_ms
    traces = paper.TRACES_PER_MONTH.value / _MONTH_S
    labels = paper.TRACE_LABELS.value
    label_mbps = rate / BATCH * measured.label.both * BITS / 1e6
    contribution_mbps = rate / BATCH * measured.contribution.both * BITS / 1e6
    trace_mbps = traces * trace_bytes(round(labels), round(paper.HOPS.value)) * BITS / 1e6
    table_3, of_prototype = paper.TABLE_3, prototype.TASKS_MS
    return {
        "label_generation": Row(
            paper.TABLE_2["label_generation"],
            vcpus(rate, table_3["label_generation"].mean),
            vcpus(rate, of_prototype["label_generation"]),
            vcpus(rate, tasks["label_generation"].batched.mean),
            label_mbps,
        ),
        "group_management": Row(paper.TABLE_2["group_management"], None, None, None, None),
        "trace_authorization": Row(
            paper.TABLE_2["trace_authorization"],
            vcpus(traces * labels, table_3["authorization"].mean),
            vcpus(traces * labels, of_prototype["authorization"]),
            vcpus(traces * labels, tasks["authorization"].batched.mean),
            trace_mbps,
        ),
        "process_submissions": Row(
            paper.TABLE_2["process_submissions"],
            whole_vcpus(rate, paper.VERIFICATIONS_PER_VCPU.value)
            + whole_vcpus(rate, paper.INSERTS_PER_VCPU.value),
            vcpus(rate, of_prototype["verify_group_signature"] + paper.INSERT_MS_AGAIN.value),
            vcpus(rate, stored_ms),
            contribution_mbps,
        ),
        "contribution": Row(
            paper.TABLE_2["contribution"],
            vcpus(rate, table_3["contribution"].mean),
            vcpus(rate, prototype.CONTRIBUTION_WITH_LABEL_MS),
            vcpus(rate, filed_ms),
            label_mbps + contribution_mbps,
        ),
    }


def prototype_submission_mbps() -> float:
    """Return the prototype's submissions by equation (1), without overhead."""
    return equation_1_mbps(paper.RECORDS_PER_SECOND.value, prototype.SUBMISSION_BYTES, 0)
