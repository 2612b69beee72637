"""`trunkline judge`: checks a verdict, or the result file of a trace, offline."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from trunkline.cli.output import console, paper, print_json

_FILE_LIMIT = 1 << 30


def judge(
    file: Annotated[Path, typer.Argument(help="A signed verdict, or the result file of a trace.")],
    parameters: Annotated[Path, typer.Option(help="The signed public parameters.")],
    fingerprint: Annotated[str, typer.Option(help="Fingerprint of the root that signed them.")],
    registry: Annotated[Path, typer.Option(help="The signed list of providers.")],
    earlier: Annotated[
        list[Path], typer.Option(help="Signed public parameters before them; may be repeated.")
    ] = [],  # noqa: B006 - typer reads the default, nobody changes it
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Repeats every check from the file alone; says what is proven and what is merely claimed."""
    from trunkline.errors import TooLargeError
    from trunkline.jager.messages.parameter_set import ParameterSet
    from trunkline.jager.messages.registry import Registry

    known = ParameterSet.load(parameters, earlier, fingerprint, now=None)
    providers = Registry.load(registry, known.current.registry_key)
    names = {one.id.hex(): one.name for one in providers.providers}
    if file.stat().st_size > _FILE_LIMIT:
        raise TooLargeError(f"{file} is larger than a verdict can be")
    data = file.read_bytes()
    with console.status("checking every signature and proof"):
        result = _judge_verdict(data, known, providers) if _is_verdict(data) else _judge_trace(data, known)
    _say(result, names)
    if as_json:
        print_json(result)


def _is_verdict(data: bytes) -> bool:
    """A verdict is a signed document; the result file of a trace is not signed as a whole."""
    try:
        value = json.loads(data)
    except ValueError:
        return False
    return isinstance(value, dict) and "payload" in value


def _judge_verdict(data: bytes, known: Any, registry: Any) -> dict[str, Any]:
    from trunkline.jager.validation.judge import judge as judge_verdict

    return judge_verdict(data, known, registry).to_json()


def _judge_trace(data: bytes, known: Any) -> dict[str, Any]:
    from trunkline.jager.messages.accountability import TraceBundle
    from trunkline.jager.validation.evidence import examine, situation_of
    from trunkline.jager.validation.validate import validate_trace

    evidence = examine(TraceBundle.decode(data), known)
    report = validate_trace(situation_of(evidence, members=None))
    return {"valid": True, "kind": "trace", "time": int(time.time()), "report": report.to_json()}


def _say(result: dict[str, Any], names: dict[str, str]) -> None:
    from trunkline.jager.validation.drawing import draw

    paper.print(draw(result["report"], names), markup=False)
    if result["kind"] == "trace":
        paper.print("valid: the store signed these records, and they were granted to the tracer")
        return
    paper.print(f"valid: a {result['kind']} that passes every check")
    for line in describe_verdict(result, names):
        paper.print(f"  {line}", markup=False)


_FINDINGS = {
    "claim": "{carrier} claimed this: it signed its record itself",
    "copy": "{carrier} signed a copy of a record that {claimed} had signed",
    "impersonation": "{carrier} signed a record in the name of {claimed}",
    "malformed": "{carrier} signed a record that nobody can decrypt",
    "flood": "{carrier} signed more records of one call than honest carriers file",
    "one-witness": "{carrier} signed several of these records: one witness, not several",
    "forged-name": "records speak for {claimed}, which has no credential for their period",
    "unlogged-signer": "a signer is in no join log: evidence against the issuer",
    "store-fault": "the store kept records whose signature does not verify",
    "disavowal-void": "{carrier} signed a record of the call that it disavows: void, and counts against it",
    "disavowal-stands": "the disavowal of {carrier} stands: it signed no record of this call",
    "named-by": "{carrier} signed the record that names {claimed}, which disavows the call",
}
"""What each kind of finding says (`trunkline.jager.validation.verdict_findings`)."""


def describe_verdict(result: dict[str, Any], names: dict[str, str]) -> list[str]:
    """What a judged verdict opened and found, what is proven and what is claimed, line by line."""

    def name(provider: str | None) -> str:
        return "somebody in no log" if provider is None else names.get(provider, provider)

    lines = [
        f"opened: record {one['record'][:8]}…, signed by {name(one['signer'])} ({one['reason']})"
        for one in result["openings"]
    ]
    lines += [
        "finding: "
        + _FINDINGS[one["kind"]].format(carrier=name(one["carrier"]), claimed=name(one["claimed"]))
        for one in result["findings"]
    ]
    lines += [f"proven: {text}" for text in result["proven"]]
    lines += [f"claimed only: {text}" for text in result["claimed"]]
    return lines
