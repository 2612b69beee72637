"""A CDR lab: a folder with the call records of several carriers and a `carriers.toml` that describes them.

The description says some things in words (how numbers are written, how CSV files write times). They are
read strictly: a wording that is not understood is an error, never a guess. A carrier whose switch is of
another kind has `[[carrier.source]]` tables instead, in the form of docs/cdr-sources.md.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import phonenumbers

from trunkline.errors import CdrError, ConfigurationError
from trunkline.telephony.providers import ProviderId
from trunkline.telephony.readers.accounting import is_times_header
from trunkline.telephony.readers.asterisk import AsteriskReader
from trunkline.telephony.readers.base import Position, split_columns
from trunkline.telephony.rows import Row
from trunkline.telephony.source import CdrSource, read_toml, source_from_table
from trunkline.telephony.tables import accounting_tables, open_read_only

# The layouts that a lab's cdr_custom files may have, each with its delimiter.
_CUSTOM_LAYOUTS = (
    (
        ",",
        "clid,src,dst,dcontext,channel,dstchannel,start,answer,end,duration,billsec,disposition,uniqueid,userfield",
    ),
    ("\t", "start,answer,end,src,dst,channel,dstchannel,disposition,uniqueid,linkedid,sequence,userfield"),
)
_SQLITE_MAGIC = b"SQLite format 3\x00"
_SAMPLE_ROWS = 50
_ANY_REGION = "US"


@dataclass(frozen=True, slots=True)
class LabCarrier:
    """One carrier of a lab.

    Attributes:
        id: Its short name, which the tables of the others use.
        name: Its full name.
        provider: Its identifier.
        sources: Its CDR sources; no call is in two of them.
    """

    id: str
    name: str
    provider: ProviderId
    sources: list[CdrSource]


def lab_sources(carriers_toml: Path, resolve: Callable[[str], ProviderId]) -> list[LabCarrier]:
    """Read a lab's description.

    Args:
        carriers_toml: The description; files are named relative to its folder, which may be read-only.
        resolve: Turns a carrier's short name into its identifier.

    Raises:
        ConfigurationError: The description is not of this form, or something in it is not understood.
    """
    entries = read_toml(carriers_toml).get("carrier")
    if not isinstance(entries, list) or not entries:
        raise ConfigurationError(f"{carriers_toml}: expected [[carrier]] tables")
    return [_carrier(entry, carriers_toml, resolve) for entry in entries]


def _carrier(entry: Any, path: Path, resolve: Callable[[str], ProviderId]) -> LabCarrier:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        raise ConfigurationError(f"{path}: every [[carrier]] needs an id")
    where = f"{path}: carrier {entry['id']}"
    if "source" in entry:
        return LabCarrier(
            entry["id"],
            str(entry.get("name", entry["id"])),
            resolve(entry["id"]),
            _sources(entry["source"], path.parent, resolve, where),
        )
    switch = str(entry.get("switch", "")).lower()
    if "kamailio" in switch:
        table = _kamailio(entry, path.parent, where)
    elif "asterisk" in switch:
        table = _asterisk(entry, path.parent, where)
    else:
        raise ConfigurationError(
            f"{where}: the switch is neither Asterisk nor Kamailio; describe it by [[carrier.source]] tables"
        )
    table["number_plan"] = number_plan(
        str(entry.get("number_format", "")),
        str(entry.get("default_region", "")),
        where,
    )
    table["trunks"] = entry.get("trunks", {})
    table["access"] = entry.get("access", {})
    table.setdefault("time_zone", entry.get("time_zone", ""))
    source = source_from_table(table, path.parent, resolve, where)
    custom = str(entry.get("cdr_custom", ""))
    if custom:
        source = _with_microseconds(source, path.parent / custom)
    return LabCarrier(entry["id"], str(entry.get("name", entry["id"])), resolve(entry["id"]), [source])


def _sources(tables: Any, folder: Path, resolve: Callable[[str], ProviderId], where: str) -> list[CdrSource]:
    if not isinstance(tables, list) or not tables:
        raise ConfigurationError(f"{where}: expected [[carrier.source]] tables")
    return [
        source_from_table(table, folder, resolve, f"{where}, source {number}")
        for number, table in enumerate(tables, 1)
    ]


def number_plan(wording: str, region: str, where: str) -> dict[str, str]:
    """Read a number plan from words such as `10-digit national; international with 011`.

    Raises:
        ConfigurationError: The words are not understood.
    """
    text = wording.lower()
    foreign = re.search(r"(?:international|foreign|abroad)\D*(\d{2,5})\b|\b(\d{2,5}) (?:before|for) ", text)
    domestic = re.split(r"[;,(]|\binternational\b|\bforeign\b", text)[0]
    if "e.164" in domestic or "e164" in domestic:
        without = re.search(r"(without|no) (a |the )?(\+|plus)", text) is not None
        digits_alone = "digits" in domestic and re.search(r"\+|plus", domestic) is None
        style = "e164-without-plus" if without or digits_alone else "e164"
    elif re.search(r"\b1 ?(\+|and|then|plus) ?(10|ten|national)", domestic) or (
        re.search(r"\b(11|eleven)[- ]digit", domestic) and phonenumbers.country_code_for_region(region) == 1
    ):
        style = "1+national"
    elif "national" in domestic or re.search(r"\b(10|ten)[- ]digits?\b", domestic):
        style = "national"
    else:
        raise ConfigurationError(f"{where}: number_format is not understood")
    return {
        "style": style,
        # Without national numbers the region plays no part.
        "region": region or (_ANY_REGION if style.startswith("e164") else ""),
        "international_prefix": (foreign[1] or foreign[2]) if foreign else "",
    }


def _asterisk(entry: dict[str, Any], folder: Path, where: str) -> dict[str, Any]:
    named = entry.get("cdr")
    settings = entry.get("cdr_conf", {})
    if not isinstance(settings, dict):
        raise ConfigurationError(f"{where}: cdr_conf is not a table")
    flags = ("loguniqueid", "loguserfield", "newcdrcolumns")
    return {
        "format": "asterisk-csv",
        "paths": [_existing(name, folder, where) for name in (named if isinstance(named, list) else [named])],
        "asterisk": {flag: settings[flag] for flag in flags if isinstance(settings.get(flag), bool)},
    }


def _with_microseconds(source: CdrSource, custom: Path) -> CdrSource:
    """Return the source for a cdr_custom file if it is a known one and holds every call, else as it was."""
    rows = _count_lines(Path(source.paths[0]))
    for delimiter, layout in _CUSTOM_LAYOUTS:
        options = source.asterisk.model_copy(
            update={"custom_columns": tuple(layout.split(",")), "delimiter": delimiter},
        )
        candidate = source.model_copy(
            update={"format": "asterisk-custom", "paths": (str(custom),), "asterisk": options},
        )
        if _reads_well(candidate, custom) and _count_lines(custom) >= rows:
            return candidate
    return source


def _reads_well(source: CdrSource, path: Path) -> bool:
    reader = AsteriskReader(source)
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for number, line in zip(range(1, _SAMPLE_ROWS + 1), file, strict=False):
                row = reader.read(line.rstrip("\r\n"), Position(str(path), line=number))
                if isinstance(row, Row) and "/" not in row.incoming:
                    return False
    except (CdrError, OSError):
        return False
    return True


def _count_lines(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(1 for _ in file)
    except OSError:
        return 0


def _kamailio(entry: dict[str, Any], folder: Path, where: str) -> dict[str, Any]:
    dialog = {"own_addresses": [str(entry["signalling_address"])]} if entry.get("signalling_address") else {}
    database = entry.get("cdr")
    named = entry.get("cdr_csv", [])
    files = [str(name) for name in (named if isinstance(named, list) else [named])]
    if isinstance(database, str) and (folder / database).is_file():
        if _is_sqlite(folder / database):
            return {
                "format": "kamailio-sqlite",
                "paths": [database],
                "time": "arrival" if _has_times(folder / database) else "answer",
                "dialog": dialog,
            }
        files = [database, *(name for name in files if name != database)]
    files = [name for name in files if (folder / name).is_file()]
    if not files:
        raise ConfigurationError(f"{where}: none of the files that cdr and cdr_csv name is there")
    table = {
        "format": "kamailio-csv",
        "paths": files,
        "time": "arrival" if any(_is_times_file(folder / name) for name in files) else "answer",
        "dialog": dialog,
    }
    zone = _zone_in(str(entry.get("csv_time", "")))
    return table | ({"time_zone": zone} if zone else {})


def _existing(name: Any, folder: Path, where: str) -> str:
    if not isinstance(name, str) or not (folder / name).is_file():
        raise ConfigurationError(f"{where}: cdr names no file that is there")
    return name


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_SQLITE_MAGIC)) == _SQLITE_MAGIC


def _has_times(path: Path) -> bool:
    with open_read_only(str(path)) as connection:
        if "acc_cdrs" not in accounting_tables(connection):
            return False
        return connection.execute("SELECT 1 FROM acc_cdrs LIMIT 1").fetchone() is not None


def _is_times_file(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        try:
            return is_times_header(split_columns(file.readline(4096).rstrip("\r\n")))
        except CdrError:
            return False


def _zone_in(wording: str) -> str:
    """Return the time zone that words such as `datetime, UTC` name; empty if none."""
    zones = available_timezones()
    return next((word for word in re.split(r"[,;() ]+", wording) if word in zones), "")
