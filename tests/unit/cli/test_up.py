"""`trunkline up` over a folder that holds a deployment already, or a part of one."""

import pytest

from trunkline.cli import local
from trunkline.errors import ConfigurationError, ConflictError
from trunkline.jager.deployment.local import AUTHORITY_ROLES, RECORD_STORE, LocalDeployment
from trunkline.jager.deployment.processes import ProcessFolder, Running

EVERYTHING = {*AUTHORITY_ROLES, RECORD_STORE, "carrier-north", "carrier-south"}


@pytest.fixture
def alive(monkeypatch):
    """The names of the processes that run; nothing is really started."""
    names = set()

    def start(_folder, name, _arguments):
        assert name not in names
        names.add(name)
        return Running(name, 1)

    monkeypatch.setattr(ProcessFolder, "start", start)
    monkeypatch.setattr(ProcessFolder, "find", lambda _, name: Running(name, 1) if name in names else None)
    monkeypatch.setattr(ProcessFolder, "wait_ready", lambda _folder, _checks: None)
    monkeypatch.setattr(LocalDeployment, "enrol", lambda _deployment, _names: None)
    return names


def test_up_a_second_time_starts_only_what_does_not_run(tmp_path, alive):
    local.up(tmp_path, carrier=["north", "south"])
    assert alive == EVERYTHING
    alive -= {"labels", "carrier-south"}
    local.up(tmp_path)
    assert alive == EVERYTHING


def test_up_with_new_carriers_for_an_old_deployment_is_refused(tmp_path, alive):
    local.up(tmp_path, carrier=["north"])
    with pytest.raises(ConflictError, match="leave --lab and --carrier out"):
        local.up(tmp_path, carrier=["south"])


def test_deployment_that_was_not_made_to_its_end_is_none(tmp_path, alive, monkeypatch):
    def interrupt(*_arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LocalDeployment, "_write_carrier_config", interrupt)
        with pytest.raises(KeyboardInterrupt):
            local.up(tmp_path, carrier=["north"])
    assert not LocalDeployment(tmp_path).exists
    with pytest.raises(ConfigurationError, match="holds keys already"):
        local.up(tmp_path)
    assert alive == set()
