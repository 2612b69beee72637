"""Generated networks for tests, and what their files say, read without the generator's own code."""

import csv
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trunkline.pstn.generate import generate
from trunkline.pstn.parameters import Parameters
from trunkline.telephony.follow import read_all
from trunkline.telephony.model import CallRecord
from trunkline.telephony.source import load_sources

SMALL = {"carriers": 12, "subscribers": 600, "calls": 400, "campaigns": 4, "hours": 2.0, "format": "mixed"}


@dataclass(frozen=True)
class Hop:
    """One carrier's part in one call, as it happened."""

    call: str
    carrier: str
    src: str
    dst: str
    before: str | None
    after: str | None
    customer: str | None
    arrival_us: int
    answered: bool


def network(folder: Path, **changes) -> Path:
    generate(folder, Parameters(**(SMALL | changes)))
    return folder


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def carriers(folder: Path) -> dict[str, dict[str, str]]:
    return {row["carrier"]: row for row in table(folder / "carriers.csv")}


def hops(folder: Path) -> list[Hop]:
    found = []
    for row in table(folder / "ground-truth.csv"):
        path, times = row["path"].split(">"), row["start_utc"].split(">")
        for place, (carrier, time) in enumerate(zip(path, times, strict=True)):
            found.append(
                Hop(
                    call=row["call_id"],
                    carrier=carrier,
                    src="" if row["src"] == "anonymous" else row["src"],
                    dst=row["dst"],
                    before=path[place - 1] if place else None,
                    after=path[place + 1] if place + 1 < len(path) else None,
                    customer=(row["customer"] or None) if place == 0 else None,
                    arrival_us=round(datetime.fromisoformat(time).timestamp() * 1000) * 1000,
                    answered=row["outcome"] == "answered",
                )
            )
    return found


def records(folder: Path, carrier: str) -> list[CallRecord]:
    """All that the real readers make of a carrier's files; nothing in them may be refused."""
    sources = load_sources(folder / "carriers" / carrier / "sources.toml")
    found: list[CallRecord] = []
    for batch in read_all(sources):
        assert batch.rejects == []
        assert batch.warnings == []
        assert batch.unknown_trunks == {}
        found += batch.records
    return found


def names_of_providers(folder: Path) -> dict[str, str]:
    return {row["provider"]: name for name, row in carriers(folder).items()}


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a network's folder but locks and half-written notes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
