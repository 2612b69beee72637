"""The samples in deploy/ can be used: units start commands that exist, configurations load."""

import configparser
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
import yaml
from pydantic import BaseModel
from typer.core import TyperGroup

from trunkline.cli.main import app
from trunkline.jager.authority.accountability.config import AccountabilityConfig
from trunkline.jager.authority.authorization.config import AuthorizationConfig
from trunkline.jager.authority.labels.config import LabelsConfig
from trunkline.jager.authority.membership.config import MembershipConfig
from trunkline.jager.carrier.config import CarrierConfig
from trunkline.jager.carrier.outbox import Count
from trunkline.jager.record_store.config import RecordStoreConfig
from trunkline.service.config import load_config
from trunkline.service.problems import problem_codes

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
AUTHORITIES = {
    "labels": LabelsConfig,
    "membership": MembershipConfig,
    "authorization": AuthorizationConfig,
    "accountability": AccountabilityConfig,
}
HARDENING = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "MemoryDenyWriteExecute": "yes",
    "LimitCORE": "0",
    "MemorySwapMax": "0",
    "UMask": "0077",
    "StateDirectoryMode": "0700",
}


def load_sample(name: str) -> BaseModel:
    """The sample configuration of a service, as the service itself would load it."""
    path = DEPLOY / "config" / f"{name}.toml"
    if name == "carrier":
        return load_config(path, CarrierConfig)
    if name == "record-store":
        return load_config(path, RecordStoreConfig, section="record_store")
    return load_config(path, AUTHORITIES[name], section=name)


def service_section(unit: Path) -> dict[str, list[str]]:
    """All values of each key of [Service]; systemd allows a key more than once, configparser does not."""
    values: dict[str, list[str]] = {}
    section = ""
    for line in unit.read_text().splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            section = match[1]
        elif section == "Service" and line and not line.startswith("#"):
            key, _, value = line.partition("=")
            values.setdefault(key, []).append(value)
    return values


def parameters_of(words: list[str]) -> Iterator[str]:
    """Walk down the command tree by the words before the first option, then give the options' names."""
    command = typer.main.get_command(app)
    for word in words:
        if word.startswith("-"):
            break
        assert isinstance(command, TyperGroup), f"{command.name} has no subcommands"
        assert word in command.commands, f"there is no command {word!r}"
        command = command.commands[word]
    for parameter in command.params:
        yield from parameter.opts


def test_units_one_for_each_service():
    names = {unit.stem.removeprefix("trunkline-") for unit in UNITS}
    assert names == {*AUTHORITIES, "record-store", "carrier"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_unit_parses_with_the_sections_systemd_needs(unit):
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(unit)
    assert parser.sections() == ["Unit", "Service", "Install"]
    assert parser["Install"]["WantedBy"] == "multi-user.target"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_unit_starts_a_command_that_exists_with_options_that_exist(unit):
    (command,) = service_section(unit)["ExecStart"]
    program, trunkline, *words = command.split()
    assert (program, trunkline) == ("/usr/bin/env", "trunkline")
    options = [word for word in words if word.startswith("--")]
    assert set(options) <= set(parameters_of(words))
    assert "--config" in options


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_unit_authority_serves_the_role_it_is_named_for(unit):
    name = unit.stem.removeprefix("trunkline-")
    (command,) = service_section(unit)["ExecStart"]
    # One unit, one role: a process with two roles would hold the keys of both.
    assert re.findall(r"--role (\S+)", command) == ([name] if name in AUTHORITIES else [])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_unit_is_hardened_and_has_a_user_and_state_of_its_own(unit):
    service = service_section(unit)
    name = unit.stem.removeprefix("trunkline-")
    assert {key: service.get(key) for key in HARDENING} == {key: [value] for key, value in HARDENING.items()}
    assert service["User"] == [f"trunkline-{name}"]
    assert service["StateDirectory"] == [f"trunkline/{name}"]


@pytest.mark.parametrize("name", sorted({*AUTHORITIES, "record-store", "carrier"}))
def test_sample_configuration_loads_and_keeps_state_where_the_unit_may_write(name):
    config = load_sample(name)
    # Relative paths start at the file's folder; the state directory is the only one that a unit may write.
    assert config.data_dir == Path("/var/lib/trunkline") / name
    unit = service_section(DEPLOY / "systemd" / f"trunkline-{name}.service")
    assert unit["StateDirectory"] == [str(config.data_dir.relative_to("/var/lib"))]


def test_sample_configurations_have_ports_of_their_own():
    ports = [load_sample(name).port for name in (*AUTHORITIES, "record-store")]
    assert len(set(ports)) == len(ports)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_units_satisfy_systemd_analyze():
    result = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", *map(str, UNITS)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    # It also complains of what this machine lacks (the users, the program); unknown settings are ours.
    assert "Unknown key" not in result.stderr
    assert "Failed to parse" not in result.stderr


# --- monitoring -------------------------------------------------------------------------------------------

ROOT = DEPLOY.parent
MONITORING = (ROOT / "docs" / "monitoring.md").read_text()
RULES = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads((DEPLOY / "grafana" / "trunkline.json").read_text())
SUFFIXES = ("", "_total", "_bucket", "_sum", "_count")


def metrics_in_code() -> set[str]:
    """The names that the code gives to metrics; every one is written out in one place."""
    code = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    return set(re.findall(r'"(trunkline_[a-z0-9_]+)"', code))


def metrics_asked_for(expression: str) -> set[str]:
    return set(re.findall(r"\btrunkline_[a-z0-9_]+", expression))


def expressions() -> list[str]:
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    return [rule["expr"] for rule in RULES] + panels


def test_metrics_asked_for_by_alerts_and_dashboard_are_in_the_code():
    known = {name + suffix for name in metrics_in_code() for suffix in SUFFIXES}
    asked = {name for expression in expressions() for name in metrics_asked_for(expression)}
    assert len(asked) > 30
    assert not asked - known


def test_metrics_of_the_code_are_described_and_nothing_else_is():
    table = set(re.findall(r"^\| `(trunkline_[a-z0-9_]+)` \|", MONITORING, flags=re.M))
    assert table == metrics_in_code()


def test_metrics_of_the_code_are_on_the_dashboard():
    asked = {name for expression in expressions() for name in metrics_asked_for(expression)}
    assert not {name for name in metrics_in_code() if not asked & {name + suffix for suffix in SUFFIXES}}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_alert_says_how_urgent_it_is_what_it_means_and_what_to_do(rule):
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert f"`{rule['alert']}`" in MONITORING.partition("## Alerts")[2]


def test_alerts_have_names_of_their_own():
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


def test_codes_outcomes_and_checks_that_alerts_name_exist():
    checks = set(re.findall(r"^\| `([a-z-]+)` \|", MONITORING.partition("## Readiness")[2], flags=re.M))
    codes = set(problem_codes())
    for rule in RULES:
        assert set(re.findall(r'\bcode="([a-z-]+)"', rule["expr"])) <= codes
        assert set(re.findall(r'\bcheck="([a-z-]+)"', rule["expr"])) <= checks
        assert set(re.findall(r'\bcount="([a-z_]+)"', rule["expr"])) <= {count.value for count in Count}


def test_dashboard_has_the_shape_that_grafana_imports():
    assert DASHBOARD["id"] is None
    assert DASHBOARD["schemaVersion"] >= 39
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    rows = [panel["title"] for panel in panels if panel["type"] == "row"]
    assert rows == ["Overview", "Carrier", "Labels", "Record store", "Trace", "Authorities", "Process"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"]
            assert panel["targets"]
            assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}


def test_scrape_configuration_names_the_ports_of_the_sample_configurations():
    sample = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    targets = {
        job["job_name"].removeprefix("trunkline-"): job["static_configs"][0]["targets"]
        for job in sample["scrape_configs"]
    }
    configs = {name: load_sample(name) for name in (*AUTHORITIES, "record-store", "carrier")}
    assert targets == {
        name: [f"{config.metrics_host}:{config.metrics_port}"] for name, config in configs.items()
    }
    assert {config.metrics_host for config in configs.values()} == {"127.0.0.1"}
