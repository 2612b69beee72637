"""Runs a lab through the whole protocol: processes up, carriers enrolled, records in, calls traced.

What to show of it is the caller's business; every step tells how far it is.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from trunkline.jager.carrier.control import ControlClient
from trunkline.jager.carrier.trace_query import TraceQuery
from trunkline.jager.deployment.ceremony import DAY_S, Terms
from trunkline.jager.deployment.lab import OwnCall, answered_calls, lab_carriers, lab_rules
from trunkline.jager.deployment.local import LocalDeployment, provider_id
from trunkline.jager.deployment.processes import Running
from trunkline.jager.deployment.score import Traced
from trunkline.jager.messages.parameters import PublicParameters, SignedParameters
from trunkline.jager.messages.registry import Registry
from trunkline.telephony.call_details import LabelRules

DEPLOYMENT = "lab"
_YEARS = 30
"""How old or new a lab's calls may be: for this long they are neither late nor without a label key."""
_TRACES_AT_ONCE = 8

Step = Callable[[int, int], None]
"""Told how much of how much is done."""


def _silent(_done: int, _total: int) -> None:
    pass


@dataclass
class LabRun:
    """One lab in one folder of its own.

    Attributes:
        lab: The lab; it is only read.
        deployment: Where everything else is.
        rules: How labels are made.
        names: The carriers' names in the lab by provider id in hex.
        titles: Their names for people, by name in the lab.
        pids: What was started.
    """

    lab: Path
    deployment: LocalDeployment
    rules: LabelRules = field(init=False)
    names: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    pids: list[Running] = field(default_factory=list)
    began: float = 0.0

    def create(self, extra_sources: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Holds the key ceremony."""
        carriers = lab_carriers(self.lab, DEPLOYMENT, extra_sources)
        self.titles = {one.name: one.title for one in carriers}
        self.names = {provider_id(DEPLOYMENT, one.name).hex: one.name for one in carriers}
        self.rules = lab_rules(self.lab)
        terms = Terms(DEPLOYMENT, rules=self.rules, submit_by_s=_YEARS * 365 * DAY_S, epoch_days=_YEARS * 365)
        self.deployment.create(terms, carriers)

    def start(self) -> list[Running]:
        """Starts authorities and record store, after the key ceremony if that was not held yet."""
        if not self.deployment.exists:
            self.create()
        self.began = time.monotonic()
        started = self.deployment.start_services()
        self.pids += started
        return started

    def enrol(self, step: Step = _silent) -> list[Running]:
        """Enrols all carriers and starts their agents."""
        carriers = self.deployment.carriers()
        for done, name in enumerate(carriers, 1):
            self.deployment.enrol([name])
            step(done, len(carriers))
        started = self.deployment.start_carriers(carriers)
        self.pids += started
        return started

    def contribute(self, step: Step = _silent) -> dict[str, int]:
        """Has all agents read their sources to the end, and waits until every record is acknowledged.

        Returns:
            Totals of rows, records, acknowledged and quarantined, over all carriers.
        """
        carriers = self.deployment.carriers()
        totals: dict[str, int] = {}
        with ThreadPoolExecutor(len(carriers)) as pool:
            for done, counts in enumerate(pool.map(self._contribute_one, carriers), 1):
                for name, count in counts.items():
                    totals[name] = totals.get(name, 0) + int(count)
                step(done, len(carriers))
        return totals

    def _contribute_one(self, name: str) -> dict[str, int]:
        client = self.control(name)
        client.call("contribute", {"finish": True})
        # The agent has read part of it already when it started; its totals count everything.
        counts: dict[str, int] = client.call("status")["counts"]
        return counts

    def answered(self) -> list[OwnCall]:
        """The calls to trace: all that the carrier which ended them shows as answered."""
        return list(answered_calls(self.lab, DEPLOYMENT))

    def trace(self, call: OwnCall, case: str = "") -> dict[str, Any]:
        """Has the carrier which ended the call trace it; the result is as `carrier trace` writes it."""
        current = provider_id(DEPLOYMENT, call.carrier)
        query = TraceQuery.of_call(call.record, current, self.rules, case=case)
        return self.control(call.carrier).call("trace", query.to_json())

    def trace_all(self, calls: Sequence[OwnCall], step: Step = _silent) -> list[Traced]:
        """Traces many calls, a few at a time."""
        traced: list[Traced] = []
        # Traces of one carrier share its label schedule; those of different ones do not wait for each other.
        mixed = _in_turn(calls)
        with ThreadPoolExecutor(_TRACES_AT_ONCE) as pool:
            for call, result in zip(mixed, pool.map(self.trace, mixed), strict=True):
                traced.append(self.summary(call, result))
                step(len(traced), len(calls))
        return traced

    def summary(self, call: OwnCall, result: Mapping[str, Any]) -> Traced:
        """What a scorer needs to know of a result."""
        report = result["report"]
        found = report["call"] or {"path": [], "origin": {"provider": None}, "contradicting_records": []}
        flagged = {*found["contradicting_records"], *report["forged"], *report["unreadable"]}
        return Traced(
            carrier=call.carrier,
            record=call.record,
            path=tuple(self.name(step["provider"]) for step in found["path"]),
            origin=None if found["origin"]["provider"] is None else self.name(found["origin"]["provider"]),
            with_record=tuple(bool(step["has_record"]) for step in found["path"]),
            flagged=len(flagged),
        )

    def name(self, provider: str) -> str:
        """A provider's name in the lab; its id if it has none there."""
        return self.names.get(provider, provider)

    @cached_property
    def parameters(self) -> PublicParameters:
        """The deployment's public parameters, verified."""
        fingerprint = (self.deployment.public / "fingerprint.txt").read_text().strip()
        return SignedParameters.load(self.deployment.public / "parameters.json", fingerprint, now=None)

    @cached_property
    def registry(self) -> Registry:
        """The deployment's registry, verified."""
        return Registry.load(self.deployment.public / "registry.json", self.parameters.registry_key)

    def control(self, carrier: str) -> ControlClient:
        """The control socket of a carrier's agent."""
        return ControlClient(self.deployment.carrier_config(carrier).parent / "control.sock")

    def stop(self) -> float:
        """Ends all processes; returns the seconds since the first one was started."""
        self.deployment.stop()
        return time.monotonic() - self.began


def _in_turn(calls: Sequence[OwnCall]) -> list[OwnCall]:
    """The calls in an order in which the carriers take turns."""
    turn: Counter[str] = Counter()
    ranked = []
    for call in calls:
        ranked.append((turn[call.carrier], call))
        turn[call.carrier] += 1
    return [call for _, call in sorted(ranked, key=lambda pair: pair[0])]
