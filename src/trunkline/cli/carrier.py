"""`trunkline carrier`: what a carrier does: enrol, run, contribute, trace, report, disavow."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from trunkline.cli.output import bar, console, paper, print_json
from trunkline.errors import InputError, TrunklineError
from trunkline.service.files import write_atomically

app = typer.Typer(no_args_is_help=True)

Config = Annotated[Path, typer.Option(help="The carrier's carrier.toml.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]


@app.command("enroll")
def enroll_carrier(config: Config, as_json: Json = False) -> None:
    """Makes the keys that are not there yet and joins: the membership authority issues a credential."""
    from trunkline.jager.carrier.enroll import enroll

    enrolment = enroll(_load(config))
    console.print("enrolled; the credential was checked and stored")
    if as_json:
        print_json({"identity_key": enrolment.identity_key.hex(), "period": enrolment.period})


@app.command("run")
def run(config: Config) -> None:
    """Follows the call records, labels, encrypts, signs and submits; answers `trace` and `report`."""
    from trunkline.jager.carrier.__main__ import run_agent

    run_agent(config)


@app.command("contribute")
def contribute(config: Config, as_json: Json = False) -> None:
    """Reads all sources to their end, contributes every record, and waits until all are acknowledged."""
    from trunkline.jager.carrier.agent import Agent
    from trunkline.jager.carrier.control import ControlClient

    loaded = _load(config)
    if loaded.contribution.delay_max_s:
        console.print(f"each record waits its own random time, up to {loaded.contribution.delay_max_s:.0f} s")
    if _agent_runs(loaded):
        with bar("contributing, through the running agent", None):
            counts = ControlClient(loaded.carrier.control_socket).call("contribute", {"finish": True})
    else:
        with bar("contributing", None) as progress:
            counts = Agent(loaded).contribute_all(
                lambda now: progress.set(now["acknowledged"], now["acknowledged"] + now["waiting"] or None)
            )
    for name, count in counts.items():
        console.print(f"  {name.replace('_', ' '):16} {count}")
    if as_json:
        print_json(counts)


@app.command("status")
def status(config: Config, as_json: Json = False) -> None:
    """Shows what the running agent says of itself: counts, outbox, credential."""
    from trunkline.jager.carrier.control import ControlClient

    answer = ControlClient(_load(config).carrier.control_socket).call("status")
    if as_json:
        print_json(answer)
        return
    for name, value in answer.items():
        paper.print(f"{name:12} {json.dumps(value)}", markup=False)


@app.command("trace")
def trace(
    config: Config,
    row: Annotated[str, typer.Option(help="An own row, FILE:LINE as `cdr inspect` shows it.")] = "",
    calling: Annotated[str, typer.Option(help="Calling number in E.164, or `anonymous`.")] = "",
    called: Annotated[str, typer.Option(help="Called number in E.164.")] = "",
    at: Annotated[
        str, typer.Option("--time", help="ISO 8601 with the offset from UTC, or Unix seconds.")
    ] = "",
    tolerance: Annotated[float, typer.Option(help="By how many seconds the time may be wrong.")] = 0.0,
    batch: Annotated[
        Path | None, typer.Option(help="CSV with src, dst, time, and if wanted tolerance_s, case.")
    ] = None,
    case: Annotated[str, typer.Option(help="What the trace is for; only a commitment to it is sent.")] = "",
    wait: Annotated[float, typer.Option(help="Seconds to wait if a person must approve.")] = 0.0,
    out: Annotated[
        Path | None, typer.Option(help="Result file (with --batch: a folder), for report and judge.")
    ] = None,
    svg: Annotated[Path | None, typer.Option(help="Also draw the call's path here.")] = None,
    as_json: Json = False,
) -> None:
    """Traces a call: from an own row, from numbers and a time, or many from a CSV file."""
    from trunkline.jager.carrier.trace_query import TraceQuery, read_queries

    loaded = _load(config)
    chosen = [bool(row), bool(called), batch is not None]
    if sum(chosen) != 1:
        raise InputError("give one of --row, --called (with --calling and --time), and --batch")
    if batch is not None:
        if out is None:
            raise InputError("--batch needs --out, a folder for the result files")
        _trace_many(loaded, list(read_queries(batch, approval_wait_s=wait)), out, as_json=as_json)
        return
    if row:
        query = _own_query(loaded, row, case, wait)
    else:
        if not calling or not at:
            raise InputError("--called needs --time, and --calling; `--calling anonymous` if it was withheld")
        query = TraceQuery.of_text(
            calling, called, at, tolerance_s=tolerance, case=case, approval_wait_s=wait
        )
    result = _trace(loaded, query)
    _say(loaded, result, svg)
    if out is not None:
        write_atomically(out, result["bundle"].encode())
        console.print(f"result file: {out}")
    if as_json:
        print_json(result["report"])


@app.command("report")
def report(
    config: Config,
    result: Annotated[Path, typer.Argument(help="Result file of a trace.")],
    enforcement: Annotated[
        bool, typer.Option("--enforcement", help="Open every record, before a report.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Where the signed verdict goes.")] = Path("verdict.json"),
    as_json: Json = False,
) -> None:
    """Hands a trace in: the accountability authority opens what the rules allow and signs a verdict."""
    from trunkline.jager.carrier.reports import send_report

    verdict = send_report(_load(config), _read_result(result), enforcement=enforcement)
    _keep_verdict(verdict, out, as_json=as_json)


@app.command("disavow")
def disavow(
    config: Config,
    result: Annotated[Path, typer.Argument(help="Result file of a trace that names this carrier.")],
    out: Annotated[Path, typer.Option(help="Where the signed verdict goes.")] = Path("verdict.json"),
    as_json: Json = False,
) -> None:
    """States that this carrier had no part in a traced call; the authority opens who says it had."""
    from trunkline.jager.carrier.reports import send_disavowal

    _keep_verdict(send_disavowal(_load(config), _read_result(result)), out, as_json=as_json)


def _load(path: Path) -> Any:
    from trunkline.jager.carrier.config import CarrierConfig
    from trunkline.service.config import load_config

    return load_config(path, CarrierConfig)


def _agent_runs(config: Any) -> bool:
    from trunkline.errors import UnavailableError
    from trunkline.jager.carrier.control import ControlClient

    try:
        ControlClient(config.carrier.control_socket).call("status")
    except UnavailableError:
        return False
    return True


def _own_query(config: Any, row: str, case: str, wait: float) -> Any:
    from trunkline.jager.carrier.trace_query import TraceQuery, find_call
    from trunkline.jager.messages.parameters import SignedParameters
    from trunkline.telephony.source import load_sources

    file, _, line = row.rpartition(":")
    if not file or not line.isdigit():
        raise InputError("--row is FILE:LINE, such as Master.csv:17")
    if config.sources is None:
        raise InputError("this carrier has no sources; trace with --calling, --called and --time")
    record = find_call(load_sources(config.sources), file, int(line))
    parameters = SignedParameters.load(config.parameters, config.root_fingerprint, now=time.time())
    return TraceQuery.of_call(
        record, config.carrier.provider, parameters.rules, case=case, approval_wait_s=wait
    )


def _trace(config: Any, query: Any) -> dict[str, Any]:
    from trunkline.jager.carrier.control import ControlClient

    return ControlClient(config.carrier.control_socket).call("trace", query.to_json(), console.print)


def _trace_many(config: Any, queries: list[Any], folder: Path, *, as_json: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    with bar("tracing", len(queries)) as progress:
        for line, query in queries:
            try:
                if isinstance(query, TrunklineError):
                    raise query
                result = _trace(config, query)
                write_atomically(folder / f"{line}.json", result["bundle"].encode())
                rows.append({"line": line, "report": result["report"]})
            except TrunklineError as error:
                rows.append({"line": line, "error": error.code, "message": str(error)})
                console.print(f"line {line}: {error}", style="red", markup=False)
            progress.advance()
    failed = sum("error" in one for one in rows)
    console.print(f"{len(rows) - failed} traced, {failed} not; result files in {folder}")
    if as_json:
        print_json({"traces": rows})


def _say(config: Any, result: dict[str, Any], svg: Path | None) -> None:
    from trunkline.jager.validation.drawing import draw
    from trunkline.jager.validation.svg import draw_svg

    names = _names(config)
    paper.print(draw(result["report"], names), markup=False)
    if result["store_faults"]:
        count = len(result["store_faults"])
        paper.print(f"· store fault: {count} records whose group signature does not verify; not counted")
    if result["unverified"]:
        paper.print("· records under public parameters not known here: not counted; get the newer ones")
    if not result["members_known"]:
        paper.print("· the join log was not available: nothing is called forged")
    if svg is not None:
        write_atomically(svg, draw_svg(result["report"], names).encode(), mode=0o644)
        console.print(f"drawing: {svg}")


def _names(config: Any) -> dict[str, str]:
    from trunkline.jager.messages.parameters import SignedParameters
    from trunkline.jager.messages.registry import Registry

    parameters = SignedParameters.load(config.parameters, config.root_fingerprint, now=time.time())
    registry = Registry.load(config.registry, parameters.registry_key)
    return {one.id.hex(): one.name for one in registry.providers}


def _read_result(path: Path) -> Any:
    from trunkline.jager.messages.accountability import TraceBundle

    return TraceBundle.load(path)


def _keep_verdict(verdict: Any, out: Path, *, as_json: bool) -> None:
    write_atomically(out, verdict.encode())
    console.print(f"signed verdict: {out}; check it with `trunkline judge {out} ...`")
    if as_json:
        payload = json.loads(verdict.payload)
        print_json({name: payload[name] for name in ("kind", "time", "openings", "findings")})
