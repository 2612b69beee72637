"""`trunkline doctor`: looks at a carrier's configuration before it contributes."""

import socket
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from trunkline.cli.output import bar, paper, print_json
from trunkline.errors import ConfigurationError

_SKEW_WARNING_S = 5
_SKEW_ERROR_S = 60
"""Requests that are further off are refused by every service."""
_TIMEOUT_S = 5.0
_SERVICES = ("labels", "membership", "authorization", "accountability", "record_store")
_MARKS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}


def doctor(
    config: Annotated[Path, typer.Option(help="The carrier's carrier.toml.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Checks services, clocks, trunks without a neighbour and withheld callers, and says what to do."""
    from trunkline.jager.carrier.config import CarrierConfig
    from trunkline.service.config import load_config
    from trunkline.telephony.doctor import Finding

    loaded = load_config(config, CarrierConfig)
    findings = [
        finding
        for name in _SERVICES
        for url in getattr(loaded.carrier, f"{name}_url")
        for finding in _check_service(name, url, loaded.carrier.ca_file)
    ]
    if loaded.sources is None:
        findings.append(Finding("warning", "no-sources", "no call records are configured", "set `sources`"))
    else:
        findings += _check_sources(loaded.sources)
    for one in findings:
        paper.print(f"{_MARKS[one.level]} {one.message}", markup=False)
        if one.advice:
            paper.print(f"        → {one.advice}", markup=False)
    if as_json:
        fields = ("level", "code", "message", "advice")
        print_json({"findings": [{name: getattr(one, name) for name in fields} for one in findings]})
    if any(one.level == "error" for one in findings):
        raise typer.Exit(1)


def _check_service(name: str, url: str, ca_file: Path | None) -> list[Any]:
    """Whether a service answers, and how far its clock is from this one."""
    import ssl

    import httpx

    from trunkline.telephony.doctor import Finding

    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with socket.create_connection((parts.hostname or "", port), _TIMEOUT_S):
            pass
    except (OSError, ValueError) as error:
        text = f"{name}: nothing answers at {url} ({getattr(error, 'strerror', None) or error})"
        return [Finding("error", "port-closed", text, "check the URL, the service and the firewall")]
    try:
        trusted = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        text = f"{name}: cannot use ca_file {ca_file} ({error.strerror or error})"
        return [Finding("error", "ca-file", text, "give the PEM file of the services' certificate authority")]
    try:
        # As the agent does it, not through the environment's proxies.
        answer = httpx.get(f"{url}/health", verify=trusted, timeout=_TIMEOUT_S, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        text = f"{name}: {url} answers, but not as a service of ours ({type(error).__name__})"
        return [Finding("error", "service", text, "check ca_file and the URL")]
    if answer.status_code != httpx.codes.OK:
        text = f"{name}: not healthy (status {answer.status_code})"
        return [Finding("error", "service", text, "ask the operator of the service")]
    date = answer.headers.get("date")
    if date is None:
        return [Finding("ok", "service", f"{name}: answers")]
    skew = time.time() - parsedate_to_datetime(date).astimezone(UTC).timestamp()
    if abs(skew) > _SKEW_ERROR_S:
        text = f"{name}: this clock is {skew:+.0f} s off; signed requests will be refused"
        return [Finding("error", "clock", text, "set this machine's clock by NTP")]
    if abs(skew) > _SKEW_WARNING_S:
        text = f"{name}: this clock is {skew:+.0f} s off"
        return [Finding("warning", "clock", text, "set this machine's clock by NTP")]
    return [Finding("ok", "service", f"{name}: answers, clocks agree")]


def _check_sources(path: Path) -> list[Any]:
    from trunkline.telephony.doctor import Sample, check_sources
    from trunkline.telephony.follow import read_all
    from trunkline.telephony.source import load_sources

    try:
        sources = load_sources(path)
    except ConfigurationError as error:
        from trunkline.telephony.doctor import Finding

        return [Finding("error", "sources", str(error), "see docs/cdr-sources.md")]
    samples = []
    with bar("reading call records", len(sources)) as progress:
        for source in sources:
            sample = Sample()
            for batch in read_all([source]):
                sample.add(batch)
            samples.append(sample)
            progress.advance()
    return list(check_sources(sources, samples, int(time.time() * 1_000_000)))
