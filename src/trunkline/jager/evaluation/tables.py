"""The paper's tables with its column, the prototype's and ours: as one JSON value, and as Markdown."""

from dataclasses import asdict
from typing import Any

from trunkline.jager.evaluation import paper, prototype
from trunkline.jager.evaluation.evaluation import Measured, Row, prototype_submission_mbps, table_2
from trunkline.jager.evaluation.inconsistencies import inconsistencies
from trunkline.jager.evaluation.markdown import table
from trunkline.jager.evaluation.pairing import REFERENCE_PAIRING_US
from trunkline.jager.evaluation.paper import Timing
from trunkline.jager.evaluation.parties import BATCH, MEMBERS

TABLE_3_PLOT = "paper-table3.svg"
FIGURE_7_PLOT = "paper-figure7.svg"

_NONE = ""


def as_json(measured: Measured) -> dict[str, Any]:
    """Return everything, with plain names and no rounding beyond what was measured."""
    return {
        "pairing_us": round(measured.pairing_us, 1),
        "reference_pairing_us": REFERENCE_PAIRING_US,
        "prototype_machine": prototype.MACHINE,
        "table2": {name: asdict(row) for name, row in table_2(measured).items()},
        "table3": {
            name: {
                "paper": asdict(paper.TABLE_3[name]) if name in paper.TABLE_3 else None,
                "prototype_ms": prototype.TASKS_MS.get(name),
                **asdict(task),
                "scaled_ms": task.batched.mean * measured.scale,
            }
            for name, task in measured.tasks.items()
        },
        "figure7": [asdict(point) for point in measured.growth],
        "bytes": {
            "batch": BATCH,
            "label_request": measured.label.up,
            "label_response": measured.label.down,
            "contribution": measured.contribution.up,
            "receipt": measured.contribution.down,
        },
        "inconsistencies": [asdict(one) for one in inconsistencies()],
    }


def as_markdown(measured: Measured, *, plots: bool) -> str:
    """Return the whole page.

    Args:
        measured: What was measured.
        plots: Whether to show the plots, which lie beside it.
    """
    parts = [_head(measured), _table_2(measured), _table_3(measured, plots=plots)]
    parts += [_figure_7(measured, plots=plots), _inconsistencies()]
    return "\n\n".join(parts) + "\n"


def _head(measured: Measured) -> str:
    return f"""# The paper's evaluation

Printed by `trunkline bench paper`; `--out docs` writes this page and its plots anew.

- **Paper**: section 7; one thread of an Intel Xeon Gold 6130, 32 vCPU, 64 GB.
- **Prototype**: the published code, measured by us: {prototype.MACHINE}.
- **Ours**: measured in this run, in which a plain pairing took **{measured.pairing_us:.0f} µs**. *Scaled* \
is ours \
times {REFERENCE_PAIRING_US:.0f} / {measured.pairing_us:.0f} = {measured.scale:.2f}, for comparison with the \
prototype's machine. All times but those of Figure 7 are processor time of one thread."""


def _table_2(measured: Measured) -> str:
    rows = [
        _table_2_row(paper.COMPONENTS[name], row, measured.scale) for name, row in table_2(measured).items()
    ]
    insert_us = measured.growth[-1].insert_cpu_us
    verify_us = measured.tasks["verify_group_signature"].batched.mean * 1_000
    rendered = table(
        [
            "component",
            "paper, vCPU",
            "paper's costs at 50,000/s",
            "prototype",
            "ours",
            "ours, scaled",
            "paper, Mbps",
            "ours, Mbps",
        ],
        rows,
    )
    return f"""## Table 2: least requirements at 10,000 calls/s
{paper.TABLE_2_SOURCE}. A call has 5 records, so 50,000 records arrive a second; vCPU = rate times cost of a \
record, \
with no processor ever idle. What a deployment needs, with busy hours, dummies and copies, `trunkline plan` \
computes.

{rendered}

- Label generation: ours evaluates {BATCH} labels a request with one proof; the paper's and the prototype's \
have none.
- Group management: the paper gives no cost; ours issues one credential a carrier and week.
- Trace authorization: the paper gives no rate; here its {paper.TRACES_PER_MONTH.value / 1e6} million traces \
a month, \
{paper.TRACE_LABELS.value:.0f} labels each.
- Record store: the paper's {paper.INSERT_MS_AGAIN.value} ms an insertion stand in the prototype's column \
too. Ours: \
{verify_us:.0f} µs to verify in batches, {insert_us:.0f} µs to store, compaction included.
- Contribution: the prototype's and ours include the carrier's part of the label.
- Mbps: both directions. Ours with HTTP, TLS and answers, in batches of {BATCH}: \
{measured.label.up:,} and {measured.label.down:,} bytes for {BATCH} labels, {measured.contribution.up:,} and \
{measured.contribution.down:,} for {BATCH} records over a connection of their own. The prototype's \
submissions are \
{prototype_submission_mbps():.0f} Mbps without overhead."""


def _table_2_row(name: str, row: Row, scale: float) -> list[str]:
    return [
        name,
        f"{row.stated.vcpu:,.0f}",
        _vcpu(row.recomputed_vcpu),
        _vcpu(row.prototype_vcpu),
        _vcpu(row.ours_vcpu),
        _vcpu(None if row.ours_vcpu is None else row.ours_vcpu * scale),
        f"{row.stated.mbps:,.0f}",
        _NONE if row.ours_mbps is None else _significant(row.ours_mbps),
    ]


def _table_3(measured: Measured, *, plots: bool) -> str:
    rows = []
    for name, title in paper.TASKS.items():
        task = measured.tasks[name]
        of_prototype = prototype.TASKS_MS[name]
        scaled = task.batched.mean * measured.scale
        rows.append(
            [
                title,
                _timing(paper.TABLE_3[name]),
                f"{of_prototype:.3f}",
                _timing(task.single),
                f"{task.batched.mean:.3f} ({task.batch:,})",
                f"{scaled:.3f}",
                f"{of_prototype / scaled:.1f}",
            ]
        )
    runs = measured.tasks["contribution"].runs
    rendered = table(
        [
            "task",
            "paper: mean, min, max, SD",
            "prototype",
            "ours singly: mean, min, max, SD",
            "ours in use (batch)",
            "in use, scaled",
            "prototype / scaled",
        ],
        rows,
    )
    picture = f"\n\n![The tasks of Table 3]({TABLE_3_PLOT})" if plots else ""
    return f"""## Table 3: milliseconds of each task
{paper.TABLE_3_SOURCE}. One thread; the paper {paper.TABLE_3_RUNS:,} runs, ours {runs:,} singly and about as \
many \
elements in batches.

{rendered}

- Label generation: ours with the proof that the authority used its key, which weighs on a label asked for \
singly.
- Contribution: encryption and signature. The carrier's part of the label is {measured.carrier_label_ms:.3f} \
ms more in \
batches; the prototype's whole contribution takes {prototype.CONTRIBUTION_WITH_LABEL_MS} ms.
- Open: ours with a proof and among {MEMBERS:,} members, the prototype's among 7,000; among few it takes \
{prototype.OPEN_AMONG_FEW_MS} ms.
- Verification: of a record; the prototype verifies a short message in {prototype.VERIFY_SHORT_MESSAGE_MS} \
ms.{picture}"""


def _figure_7(measured: Measured, *, plots: bool) -> str:
    rows = [
        [
            f"{point.records:,}",
            f"{point.insert.mean:.2f} ± {point.insert.deviation:.2f}",
            f"{point.insert_batched_ms:.4f}",
            f"{point.select.mean:.2f} ± {point.select.deviation:.2f}",
            f"{point.select.high:.2f}",
        ]
        for point in measured.growth
    ]
    rendered = table(
        ["records", "insert one", "insert, a record in batches of 1,000", "select 21 keys", "slowest select"],
        rows,
    )
    picture = f"\n\n![Insertion and selection]({FIGURE_7_PLOT})" if plots else ""
    return f"""## Figure 7: insertion and selection as the database grows
{paper.FIGURE_7_SOURCE}. Milliseconds that pass, with their standard deviation; every insertion is on the \
disk when it \
returns. The paper: an insertion takes {paper.INSERT_MS_AGAIN.value} ms (SD {paper.INSERT_SD_MS.value}) at \
any size; \
for selections it has the plot only. Ours: the embedded engine.

{rendered}{picture}"""


def _inconsistencies() -> str:
    items = [
        f"{number}. *{one.stated}* {one.computed}" for number, one in enumerate(inconsistencies(), start=1)
    ]
    return "## Where the paper does not agree with itself\n" + "\n".join(items)


def _timing(timing: Timing) -> str:
    return f"{timing.mean:.3f}, {timing.low:.3f}, {timing.high:.3f}, {timing.deviation:.3f}"


def _vcpu(value: float | None) -> str:
    return _NONE if value is None else _significant(value)


def _significant(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"
