"""`trunkline cdr`: look at call detail records before they are contributed."""

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from trunkline.cli.output import bar, console, paper, print_json
from trunkline.errors import ConfigurationError, TrunklineError
from trunkline.telephony.doctor import Sample
from trunkline.telephony.follow import Follower
from trunkline.telephony.model import CallRecord
from trunkline.telephony.readers.field_map import load_field_map, shipped_maps
from trunkline.telephony.source import CdrSource, load_sources, read_toml, source_from_table

app = typer.Typer(help="Look at call detail records before they are contributed.", no_args_is_help=True)
_SQLITE_MAGIC = b"SQLite format 3\x00"


@app.callback()
def _commands() -> None:
    """Look at call detail records before they are contributed."""


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="The CDR file, or a database.")],
    source: Annotated[
        Path | None,
        typer.Option(help="TOML file with a [[source]] table; its paths are replaced by FILE."),
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        str,
        typer.Option(help="asterisk-csv, kamailio-sqlite, kamailio-csv, opensips-csv, freeswitch-json, ..."),
    ] = "",
    map: Annotated[str, typer.Option(help="Field map: a shipped one, or a TOML file.")] = "",  # noqa: A002
    time_zone: Annotated[str, typer.Option(help="IANA zone of the local times in the file.")] = "UTC",
    number_plan: Annotated[
        str,
        typer.Option(help="e164, e164-without-plus, national, or 1+national."),
    ] = "e164",
    region: Annotated[str, typer.Option(help="Region of national numbers, two letters.")] = "US",
    international_prefix: Annotated[
        str, typer.Option(help="Digits before foreign numbers, such as 011.")
    ] = "",
    trunks: Annotated[
        Path | None,
        typer.Option(help="TOML file with the tables [trunks] and [access]."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Show how the rows of FILE become calls and records, what is refused and why, and which trunks it names.

    Without tables every call is refused, but rows and calls are counted and the trunks are listed: that is
    where to begin.
    """
    try:
        chosen = _choose_source(
            file,
            source=source,
            format_name=format,
            map_name=map,
            time_zone=time_zone,
            plan={"style": number_plan, "region": region, "international_prefix": international_prefix},
            trunks=trunks,
        )
        unverified = chosen.format == "field-map" and not load_field_map(chosen.field_map).verified
        sample = _read(chosen)
    except TrunklineError as error:
        if as_json:
            print_json({"error": error.code, "message": str(error)})
        console.print(f"error {error.code}: {error}", markup=False, soft_wrap=True)
        raise typer.Exit(2) from error
    report = _report(chosen, sample, unverified=unverified)
    if as_json:
        print_json(report)
    else:
        _print(report)


def _choose_source(
    file: Path,
    *,
    source: Path | None,
    format_name: str,
    map_name: str,
    time_zone: str,
    plan: dict[str, str],
    trunks: Path | None,
) -> CdrSource:
    if not file.is_file():
        raise ConfigurationError(f"{file}: no such file")
    if source is not None:
        loaded = load_sources(source)
        if len(loaded) != 1:
            raise ConfigurationError(
                f"{source}: holds {len(loaded)} sources; give a file with the one to try"
            )
        return loaded[0].model_copy(update={"paths": (str(file.absolute()),)})
    table: dict[str, Any] = {
        "format": "field-map" if map_name else format_name or _told_format(file),
        "paths": [str(file.absolute())],
        "time_zone": time_zone,
        "number_plan": plan,
    }
    if map_name:
        table["field_map"] = str(Path(map_name).absolute()) if map_name.endswith(".toml") else map_name
    if trunks is not None:
        tables = read_toml(trunks)
        table["trunks"], table["access"] = tables.get("trunks", {}), tables.get("access", {})
    return source_from_table(table, Path.cwd(), where="options")


def _told_format(file: Path) -> str:
    """Tell the format from the file's first bytes, where they leave no doubt."""
    with file.open("rb") as opened:
        head = opened.read(4096)
    line = head.partition(b"\n")[0]
    if head.startswith(_SQLITE_MAGIC):
        return "kamailio-sqlite"
    if b"callid" in line and b"sip_code" in line:
        return "kamailio-csv"
    if line.lstrip().startswith(b"{") and b'"variables"' in head:
        return "freeswitch-json"
    if line.startswith(b'"') and line.count(b",") >= 15:
        return "asterisk-csv"
    raise ConfigurationError(
        f"{file}: the format cannot be told from the file; state --format, or --map (shipped: "
        f"{', '.join(shipped_maps())})",
    )


def _read(source: CdrSource) -> Sample:
    sample = Sample()
    follower = Follower(source)
    now_us = time.time_ns() // 1000
    with bar("reading rows", None) as progress:
        while True:
            batch = follower.poll(now_us, finish=True)
            sample.add(batch)
            progress.set(sample.rows)
            if not batch.more:
                return sample


def _report(source: CdrSource, sample: Sample, *, unverified: bool) -> dict[str, Any]:
    return {
        "format": source.format,
        "verified": not unverified,
        "rows": sample.rows,
        "calls": sample.calls,
        "records": sample.records,
        "answered": sample.answered,
        "withheld_callers": sample.withheld,
        "answer_times": sample.answer_times,
        "tried": sample.tried,
        "released_here": sample.released_here,
        "skipped": dict(sample.skipped.most_common()),
        "rejects": dict(sample.rejects.most_common()),
        "warnings": dict(sample.warnings.most_common()),
        "unknown_trunks": dict(sample.unknown_trunks.most_common()),
        "examples": [_example(record) for record in sample.first],
    }


def _example(record: CallRecord) -> dict[str, Any]:
    """Say of a call what shows whether it was read rightly, and no number."""
    moment = datetime.fromtimestamp(record.arrival_us / 1_000_000, UTC)
    access = f"customer {record.customer}" if record.customer else "own access line"
    ended = "released here" if record.released_here else "own subscribers"
    return {
        "row": f"{record.location.file}:{record.location.line}",
        "utc": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "time": record.time_kind.value,
        "from": record.previous.hex if record.previous else access,
        "to": record.next.hex if record.next else ended,
        "answered": record.answered,
    }


def _short(value: str) -> str:
    """Shorten paths to file names and identifiers to eight digits, for a table."""
    name = value.rpartition("/")[2]
    return f"{name[:8]}…" if re.fullmatch(r"[0-9a-f]{32}", name) else name


def _print(report: dict[str, Any]) -> None:
    if not report["verified"]:
        paper.print("[yellow]verified = false[/yellow]: this field map was never run on real files")
    counts = Table(title="rows → calls → records")
    counts.add_column("what")
    counts.add_column("count", justify="right")
    for name in (
        "rows",
        "calls",
        "records",
        "answered",
        "withheld_callers",
        "answer_times",
        "tried",
        "released_here",
    ):
        counts.add_row(name.replace("_", " "), f"{report[name]:,}")
    paper.print(counts)
    for title, key in (("skipped", "skipped"), ("refused", "rejects"), ("taken, but in doubt", "warnings")):
        if report[key]:
            reasons = Table(title=title)
            reasons.add_column("reason")
            reasons.add_column("rows", justify="right")
            for reason, count in report[key].items():
                reasons.add_row(reason, f"{count:,}")
            paper.print(reasons)
    if report["examples"]:
        calls = Table(title="the first calls")
        for name in report["examples"][0]:
            calls.add_column(name, overflow="fold")
        for example in report["examples"]:
            calls.add_row(*(_short(str(value)) for value in example.values()))
        paper.print(calls)
    if report["unknown_trunks"]:
        paper.print("Trunks in no table. Say who is behind each: a provider under \\[trunks]; own customers")
        paper.print(
            '("customer:NAME") or "subscribers" under \\[access]. To begin with:\n\n\\[trunks]',
            highlight=False,
        )
        for trunk, count in report["unknown_trunks"].items():
            line = f'{json.dumps(trunk)} = "unlisted:NAME"   # met by {count:,} calls'
            paper.print(line, markup=False)
