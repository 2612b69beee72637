"""The demo's second act: what a trace shows when carriers are missing or lie, and what becomes of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.padding import Padding

from trunkline.cli.judge import describe_verdict
from trunkline.cli.output import bar, console
from trunkline.errors import InputError
from trunkline.jager.carrier.config import CarrierConfig
from trunkline.jager.carrier.reports import send_disavowal, send_report
from trunkline.jager.deployment.lab import OwnCall
from trunkline.jager.deployment.lab_run import DEPLOYMENT, LabRun
from trunkline.jager.deployment.local import provider_id
from trunkline.jager.deployment.scenarios import (
    CUSTOMERS,
    SHORTEST_PATH,
    SUBSCRIBERS,
    Call,
    Scenario,
    scenarios,
)
from trunkline.jager.deployment.score import Traced
from trunkline.jager.messages.accountability import TraceBundle
from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.jager.validation.drawing import draw
from trunkline.jager.validation.judge import judge
from trunkline.service.config import load_config
from trunkline.telephony.follow import read_all
from trunkline.telephony.lab import lab_sources
from trunkline.telephony.source import load_sources

ROWS_FILE = "scenarios.jsonl"
MAP_FILE = Path(__file__).parent.parent / "data" / "scenario-map.toml"
CASE = "demo: what becomes of a false record"


class Lies:
    """Plays the six scenarios on one call of a lab that was traced.

    Args:
        run: The lab.
    """

    def __init__(self, run: LabRun) -> None:
        self._run = run

    def extra_sources(self) -> dict[str, Mapping[str, Any]]:
        """For each carrier one more source, which its scenario rows are written to."""
        carriers = [one.id for one in lab_sources(self._run.lab / "carriers.toml", _id)]
        return {
            carrier: {
                "format": "field-map",
                "field_map": str(MAP_FILE),
                "paths": [ROWS_FILE],
                "time_zone": "UTC",
                "number_plan": {"style": "e164", "region": "US"},
                "settle_ms": 0,
                "trunks": {other: _id(other).hex for other in carriers if other != carrier},
                "access": {CUSTOMERS: "customer:demo", SUBSCRIBERS: "subscribers"},
            }
            for carrier in carriers
        }

    def prepare(self) -> None:
        """Makes the files that the scenario rows will be written to, so that agents find them empty."""
        self._write_rows([])

    def play(self, traced: list[Traced]) -> list[dict[str, Any]]:
        """Tells the call in six ways, traces each telling, and has the lies judged.

        Returns:
            For each scenario: its name, the report, and what was opened and judged.
        """
        call = _choose(traced)
        bystander = next(name for name in self._run.titles if name not in call.path)
        told = scenarios(call, bystander, self._run.titles)
        console.rule("The same call with carriers missing, and with liars")
        console.print("  in truth: " + " → ".join(self._run.titles[name] for name in call.path), markup=False)
        self._write_rows(told)
        with bar("contributing the rows of six scenarios", None) as progress:
            self._run.contribute(progress.set)
        return [self._play_one(number, scenario) for number, scenario in enumerate(told, 1)]

    def _play_one(self, number: int, scenario: Scenario) -> dict[str, Any]:
        console.print(f"\n[bold]{number}. {scenario.title}[/bold]")
        result = self._run.trace(self._own_call(scenario), case=CASE)
        titles = {provider: self._run.titles[name] for provider, name in self._run.names.items()}
        console.print(Padding(draw(result["report"], titles), (0, 0, 0, 4)), markup=False)
        outcome = {"scenario": scenario.name, "report": result["report"]}
        if scenario.kind == "lie":
            outcome["verdict"] = self._judged(scenario, TraceBundle.decode(result["bundle"].encode()), titles)
        return outcome

    def _judged(self, scenario: Scenario, bundle: TraceBundle, titles: Mapping[str, str]) -> dict[str, Any]:
        """Hands the trace in, or has the blamed carrier disavow the call; and judges the verdict."""
        if scenario.name == "originator-blames" and scenario.blamed is not None:
            who = self._run.titles[scenario.blamed]
            console.print(
                f"    {who} disavows the call; the authority opens who says otherwise.", markup=False
            )
            verdict = send_disavowal(self._config(scenario.blamed), bundle)
        else:
            console.print("    The tracer reports it; the authority opens the records that contradict.")
            verdict = send_report(self._config(scenario.tracer), bundle)
        judged = judge(verdict.encode(), ParameterSet(self._run.parameters), self._run.registry).to_json()
        for line in describe_verdict(judged, dict(titles)):
            console.print(Padding(line, (0, 0, 0, 4)), markup=False)
        return judged

    def _config(self, carrier: str) -> CarrierConfig:
        return load_config(self._run.deployment.carrier_config(carrier), CarrierConfig)

    def _write_rows(self, told: list[Scenario]) -> None:
        for carrier in self._run.deployment.carriers():
            rows = [one.rows[carrier].to_json() for one in told if carrier in one.rows]
            path = self._run.deployment.carrier_config(carrier).parent / ROWS_FILE
            path.write_text("".join(f"{row}\n" for row in rows))

    def _own_call(self, scenario: Scenario) -> OwnCall:
        """The tracer's record of the scenario's call, as its agent read it."""
        folder = self._run.deployment.carrier_config(scenario.tracer).parent
        source = load_sources(folder / "sources.toml")[-1]
        for batch in read_all([source]):
            for record in batch.records:
                if record.arrival_us == scenario.own_row.time_us:
                    return OwnCall(scenario.tracer, record)
        raise InputError("the tracer's row of the scenario was not read")


def _choose(traced: list[Traced]) -> Call:
    """A call that the scenarios can be told with: long enough, and no carrier twice on its way."""
    for one in traced:
        if len(one.path) >= SHORTEST_PATH and len(set(one.path)) == len(one.path) and all(one.with_record):
            return Call(
                src=one.record.src.value,
                dst=one.record.dst.value,
                path=one.path,
                times_us=[one.record.arrival_us] * len(one.path),
            )
    raise InputError(f"no call of the lab runs over {SHORTEST_PATH} carriers; the scenarios need one")


def _id(name: str) -> Any:
    return provider_id(DEPLOYMENT, name)
