"""The samples in deploy/ can be used: units start commands that exist, configurations load."""

import configparser
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from pydantic import BaseModel
from typer.core import TyperGroup

from trunkline.cli.main import app
from trunkline.jager.authority.accountability.config import AccountabilityConfig
from trunkline.jager.authority.authorization.config import AuthorizationConfig
from trunkline.jager.authority.labels.config import LabelsConfig
from trunkline.jager.authority.membership.config import MembershipConfig
from trunkline.jager.carrier.config import CarrierConfig
from trunkline.jager.record_store.config import RecordStoreConfig
from trunkline.service.config import load_config

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
