"""Labs of other shapes: the shipped one renamed, shifted and shuffled, and a small chain of carriers.

Every function changes call records and ground truth alike, so that a lab stays as true as it was.
"""

import csv
import random
import re
import shutil
import sqlite3
import tomllib
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import tomli_w

import trunkline.data
from trunkline.jager.deployment.load import CHAIN, call_numbers, chain_rows, recent_start

LAB = Path(trunkline.data.__path__[0]) / "cdr-lab"
TRUTH = "ground-truth.csv"

_LOCAL = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_UNIX = re.compile(r"\b1795\d{6}\b")
_TRUTH_COLUMNS = (
    *("call_id", "kind", "customer", "src", "dst", "path"),
    *("start_utc", "answer_utc", "end_utc", "sip_code", "outcome"),
)
_ACCOUNTING_TABLES = ("acc", "missed_calls", "acc_cdrs")


def copy_lab(folder: Path) -> Path:
    """A copy of the shipped lab that can be changed."""
    shutil.copytree(LAB, folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def edit_carriers(folder: Path, edit: Callable[[list[dict]], None]) -> None:
    path = folder / "carriers.toml"
    document = tomllib.loads(path.read_text())
    edit(document["carrier"])
    path.write_text(tomli_w.dumps(document))


def edit_truth(folder: Path, edit: Callable[[dict[str, str]], None]) -> None:
    """Change every row of the ground truth."""
    with (folder / TRUTH).open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        edit(row)
    with (folder / TRUTH).open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def rename(folder: Path, names: Mapping[str, str]) -> None:
    """Give carriers, their titles and the trunks of the Asterisk switches other names."""

    def carriers(entries: list[dict]) -> None:
        for number, carrier in enumerate(entries):
            carrier["trunks"] = {
                re.sub(r"^(c\d)-trunk$", r"gw \1-0a", trunk): names[neighbour]
                for trunk, neighbour in carrier["trunks"].items()
            }
            carrier["id"] = names[carrier["id"]]
            carrier["name"] = f"Operator {number}"

    edit_carriers(folder, carriers)
    for path in folder.glob("c[1-6]/*/*"):
        path.write_text(re.sub(r"PJSIP/(c\d)-trunk-", r"PJSIP/gw \1-0a-", path.read_text()))
    edit_truth(folder, lambda row: row.update(path=">".join(names[one] for one in row["path"].split(">"))))


def shift(folder: Path, days: int) -> None:
    """Move all times by some days, and the clocks of the Asterisk switches to other zones."""
    by = timedelta(days=days)
    zones: dict[str, tuple[ZoneInfo, ZoneInfo]] = {}

    def carriers(entries: list[dict]) -> None:
        for carrier in entries:
            if "Asterisk" in carrier["switch"]:
                old = ZoneInfo(carrier["time_zone"])
                carrier["time_zone"] = "Asia/Kolkata" if carrier["time_zone"] == "UTC" else "Pacific/Auckland"
                zones[Path(carrier["cdr"]).parts[0]] = old, ZoneInfo(carrier["time_zone"])

    edit_carriers(folder, carriers)
    for place, (old, new) in zones.items():

        def moved(matched: re.Match, old: ZoneInfo = old, new: ZoneInfo = new) -> str:
            moment = datetime.fromisoformat(matched[0]).replace(tzinfo=old).astimezone(UTC) + by
            return moment.astimezone(new).strftime("%Y-%m-%d %H:%M:%S")

        for path in (folder / place).rglob("*.*sv"):
            text = _LOCAL.sub(moved, path.read_text())
            path.write_text(_UNIX.sub(lambda matched: str(int(matched[0]) + days * 86_400), text))
    for path in folder.glob("c*/acc.sqlite"):
        with closing(sqlite3.connect(path)) as connection:
            for table in _ACCOUNTING_TABLES:
                columns = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
                for column in columns & {"time", "start_time", "end_time"}:
                    connection.execute(f"UPDATE {table} SET {column} = {column} + {days}")  # noqa: S608 - names from above
                if "time_hires" in columns:
                    seconds = days * 86_400
                    connection.execute(f"UPDATE {table} SET time_hires = time_hires + {seconds}")  # noqa: S608 - likewise
            connection.commit()

    def truth(row: dict[str, str]) -> None:
        for column in ("start_utc", "answer_utc", "end_utc"):
            times = [one and (datetime.fromisoformat(one) + by).isoformat() for one in row[column].split(">")]
            row[column] = ">".join(times)

    edit_truth(folder, truth)


def shuffle(folder: Path, seed: int) -> None:
    """Put rows and carriers into another order."""
    order = random.Random(seed)
    edit_carriers(folder, order.shuffle)
    for path in folder.glob("c[1-6]/**/*.*sv"):
        lines = path.read_text().splitlines(keepends=True)
        order.shuffle(lines)
        path.write_text("".join(lines))
    for path in folder.glob("c*/acc.sqlite"):
        with closing(sqlite3.connect(path)) as connection:
            for table in _ACCOUNTING_TABLES:
                _shuffle_table(connection, table, order)
            connection.commit()


def _shuffle_table(connection: sqlite3.Connection, table: str, order: random.Random) -> None:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    rows = [dict(zip(columns, row, strict=True)) for row in connection.execute(f"SELECT * FROM {table}")]  # noqa: S608 - our own names
    ids = [row["id"] for row in rows]
    order.shuffle(rows)
    connection.execute(f"DELETE FROM {table}")  # noqa: S608 - likewise
    for row, number in zip(rows, ids, strict=True):
        row["id"] = number
        marks = ", ".join("?" for _ in row)
        connection.execute(f"INSERT INTO {table} VALUES ({marks})", list(row.values()))  # noqa: S608 - likewise


def chain_lab(folder: Path, calls: int) -> Path:
    """A lab of five carriers with answered calls of the last minutes, each along the whole chain."""
    folder.mkdir(parents=True)
    entries = []
    for place, name in enumerate(CHAIN):
        (folder / name).mkdir()
        neighbours = CHAIN[max(place - 1, 0) : place + 2]
        entries.append(
            {
                "id": name,
                "name": f"Carrier {name}",
                "switch": "Asterisk 20",
                "time_zone": "UTC",
                "default_region": "US",
                "number_format": "E.164 digits without +",
                "cdr": f"{name}/Master.csv",
                "trunks": {f"{other}-trunk": other for other in neighbours if other != name},
                "access": {"customers": "customer:load", "subscribers": "subscribers"},
            }
        )
    (folder / "carriers.toml").write_text(tomli_w.dumps({"carrier": entries}))
    with (folder / TRUTH).open("w", newline="") as file:
        csv.DictWriter(file, _TRUTH_COLUMNS).writeheader()
    more_calls(folder, calls)
    return folder


def more_calls(folder: Path, calls: int) -> None:
    """Let further calls happen in a chain lab: every carrier's file grows."""
    with (folder / TRUTH).open(newline="") as file:
        known = list(csv.DictReader(file))
    start = datetime.fromisoformat(known[0]["end_utc"]) if known else recent_start(calls)
    for name in CHAIN:
        rows = list(chain_rows(name, len(known) + calls, start))[len(known) :]
        with (folder / name / "Master.csv").open("a") as file:
            file.writelines(rows)
    with (folder / TRUTH).open("a", newline="") as file:
        writer = csv.DictWriter(file, _TRUTH_COLUMNS)
        for number in range(len(known), len(known) + calls):
            src, dst = call_numbers(number)
            times = ">".join([start.isoformat()] * len(CHAIN))
            row = [f"N{number}", "normal", "load", f"+{src}", f"+{dst}", ">".join(CHAIN), times]
            row += [start.isoformat(), start.isoformat(), "200", "answered"]
            writer.writerow(dict(zip(_TRUTH_COLUMNS, row, strict=True)))


def blame(folder: Path, carrier: str, blamed: str, call: int) -> None:
    """Let a carrier of a chain lab say of one call that it came from somebody else."""

    def carriers(entries: list[dict]) -> None:
        [entry] = [entry for entry in entries if entry["id"] == carrier]
        entry["trunks"][f"{blamed}-trunk"] = blamed

    edit_carriers(folder, carriers)
    path = folder / carrier / "Master.csv"
    rows = path.read_text().splitlines(keepends=True)
    honest = CHAIN[CHAIN.index(carrier) - 1]
    rows[call] = rows[call].replace(f"PJSIP/{honest}-trunk-", f"PJSIP/{blamed}-trunk-")
    path.write_text("".join(rows))
