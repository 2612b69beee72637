"""A folder of call records with `carriers.toml`, made into carriers of a local deployment.

The form of such a folder is described in its own README (see `trunkline/data/cdr-lab`). It may be read-only:
everything written goes to the deployment's folder.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trunkline.jager.deployment.local import LocalCarrier, provider_id
from trunkline.telephony.call_details import LabelRules
from trunkline.telephony.follow import read_all
from trunkline.telephony.lab import LabCarrier, lab_sources
from trunkline.telephony.model import Attempt, CallRecord
from trunkline.telephony.source import CdrSource

FAST_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    # A lab shows how things work and has no traffic to hide: nothing waits in the pool for company.
    "labels": {"batch": 96, "interval_ms": 400},
    "contribution": {"batch": 64, "interval_ms": 50, "delay_max_s": 0.5},
}


@dataclass(frozen=True, slots=True)
class OwnCall:
    """An answered call at the carrier that ended it, as that carrier's records show it."""

    carrier: str
    record: CallRecord


def lab(folder: Path, deployment: str) -> list[LabCarrier]:
    """The carriers of the folder with their sources; providers are those of a local deployment."""
    return lab_sources(folder / "carriers.toml", lambda name: provider_id(deployment, name))


def lab_carriers(
    folder: Path, deployment: str, extra_sources: Mapping[str, Mapping[str, Any]] | None = None
) -> list[LocalCarrier]:
    """The same, as carriers for `LocalDeployment.create`.

    Args:
        folder: The lab.
        deployment: Name of the deployment.
        extra_sources: For some carriers, one more source.
    """
    extra = extra_sources or {}
    return [
        LocalCarrier(
            one.id,
            one.name,
            [
                *(source_table(source) for source in one.sources),
                *([extra[one.id]] if one.id in extra else []),
            ],
            FAST_SETTINGS,
        )
        for one in lab(folder, deployment)
    ]


def lab_rules(folder: Path) -> LabelRules:
    """Label rules for the lab: answer times exist if a switch in it may have no start of a call."""
    sources = [source for one in lab(folder, "lab") for source in one.sources]
    return LabelRules(answer_time_sources=any(source.format.startswith(_PROXIES) for source in sources))


_PROXIES = ("kamailio", "opensips")
"""Proxies that stamp accounting rows when a call is answered or fails."""


def answered_calls(folder: Path, deployment: str) -> Iterator[OwnCall]:
    """Every call that the records of the carrier which ended it show as answered."""
    for one in lab(folder, deployment):
        for record in (record for batch in read_all(one.sources) for record in batch.records):
            ended_here = record.next is None and not record.released_here
            if record.answered and ended_here and record.attempt is Attempt.FINAL:
                yield OwnCall(one.id, record)


def source_table(source: CdrSource) -> dict[str, Any]:
    """The source as a `[[source]]` table of a TOML file."""
    table = source.model_dump(mode="python", exclude_defaults=True, exclude={"trunks"})
    plain: dict[str, Any] = _plain(table)
    plain["trunks"] = {trunk: provider.hex for trunk, provider in source.trunks.items()}
    return plain


def _plain(value: Any) -> Any:
    """TOML's own types: no enums, no tuples, no nothing."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return getattr(value, "value", value)
