"""The agent as a whole: real processes, killed at any moment, with services that come and go."""

import signal
import subprocess
import sys
import threading

import pytest
from carrier_http import HttpDeployment
from carrier_rows import expected_idx, row

from trunkline.errors import ConfigurationError, ProofError, StorageError, UnavailableError
from trunkline.jager.carrier.agent import Agent
from trunkline.jager.carrier.control import ControlClient
from trunkline.jager.carrier.label_schedule import LabelSchedule
from trunkline.service.files import lock_directory
from trunkline.telephony.source import load_sources

pytestmark = pytest.mark.network
CALLS = 40


@pytest.fixture
def deployment(miniature, tmp_path):
    deployment = HttpDeployment(miniature, tmp_path)
    yield deployment
    deployment.close()


def _write(deployment, *numbers):
    with (deployment.folder / "Master.csv").open("a") as file:
        file.writelines(row(deployment.miniature, number) for number in numbers)


def _found_once(deployment):
    """The stored records' indices, without those of dummies, each as often as it is stored."""
    expected = expected_idx(deployment.miniature, load_sources(deployment.folder / "sources.toml"))
    stored = [record.idx for record in deployment.miniature.store.records.values()]
    return sorted(idx for idx in stored if idx in set(expected)), expected


class Process:
    """An agent in a process of its own, which the deployment's hook may kill."""

    def __init__(self, deployment):
        arguments = [sys.executable, "-m", "trunkline.jager.carrier", "--config", str(deployment.config_file)]
        self.process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)

    def kill_at(self, deployment, path, count, *, answered):
        seen = 0
        lock = threading.Lock()

        def hook(requested, done):
            nonlocal seen
            if (requested, done) == (path, answered):
                with lock:
                    seen += 1
                    if seen == count:
                        self.process.send_signal(signal.SIGKILL)
                        self.process.wait(30)

        deployment.hook = hook

    def wait_killed(self):
        assert self.process.wait(120) == -signal.SIGKILL

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0


def test_kill_at_any_moment_loses_nothing_and_doubles_nothing(deployment):
    points = [
        ("/v1/labels", 2, True),
        ("/v1/contributions", 1, False),
        ("/v1/contributions", 2, True),
        ("/v1/contributions", 1, True),
    ]
    _write(deployment, *range(CALLS // 2))
    for round_number, (path, count, answered) in enumerate(points):
        agent = Process(deployment)
        agent.kill_at(deployment, path, count, answered=answered)
        agent.wait_killed()
        deployment.hook = lambda _path, _answered: None
        _write(deployment, CALLS // 2 + 2 * round_number, CALLS // 2 + 2 * round_number + 1)
    counts = Agent(deployment.config).contribute_all()
    found, expected = _found_once(deployment)
    assert found == expected
    assert counts["waiting"] == 0


def test_running_agent_follows_and_answers_the_command_line(deployment):
    _write(deployment, *range(5))
    agent = Process(deployment)
    settled = threading.Event()

    def settle(path, answered):
        if path == "/v1/contributions" and answered:
            settled.set()

    deployment.hook = settle
    assert settled.wait(60)
    control = ControlClient(deployment.config.carrier.control_socket)
    _write(deployment, 5, 6)
    told = []
    counts = control.call("contribute", {"finish": True}, told.append)
    assert counts["waiting"] == 0
    found, expected = _found_once(deployment)
    assert found == expected
    status = control.call("status")
    assert status["credential"] is True
    assert status["counts"]["acknowledged"] == 7
    assert control.call("flush") == {"waiting": 0}
    agent.end()
    with pytest.raises(UnavailableError, match="carrier run"):
        control.call("status")


def test_contribution_says_nothing_about_its_sender_and_has_its_own_connection(deployment):
    _write(deployment, *range(20))
    Agent(deployment.config).contribute_all()
    ports = [port for path, port in deployment.ports if path == "/v1/contributions"]
    assert len(set(ports)) == len(ports) >= 3
    contributions = [headers for path, headers in deployment.headers if path == "/v1/contributions"]
    assert contributions
    allowed = {
        "host",
        "accept",
        "accept-encoding",
        "connection",
        "user-agent",
        "content-type",
        "content-length",
    }
    for headers in contributions:
        found = {name.lower(): value for name, value in headers.items()}
        assert set(found) == allowed
        assert found["user-agent"] == "trunkline"
    assert len({str(headers) for headers in contributions}) == 1


def test_contribute_all_counts_and_a_second_time_finds_nothing_new(deployment):
    _write(deployment, *range(10))
    told = []
    counts = Agent(deployment.config).contribute_all(lambda now: told.append(now["acknowledged"]))
    assert (counts["rows"], counts["calls"], counts["records"], counts["acknowledged"]) == (10, 10, 10, 10)
    assert told[-1] == 10
    assert Agent(deployment.config).contribute_all()["records"] == 0


def test_contribute_all_with_a_lying_label_authority_fails_and_stores_nothing(deployment):
    _write(deployment, *range(3))
    deployment.miniature.labels.lies = True
    with pytest.raises(ProofError):
        Agent(deployment.config).contribute_all()
    assert deployment.miniature.store.records == {}


def test_stop_ends_a_contribution_that_waits_for_a_store_that_is_down(deployment):
    _write(deployment, *range(3))
    stop = threading.Event()

    def refuse(path, answered):
        if path == "/v1/contributions" and not answered:
            stop.set()
            raise ConnectionAbortedError

    deployment.hook = refuse
    counts = Agent(deployment.config).contribute_all(stop=stop)
    assert counts["waiting"] == 3
    deployment.hook = lambda _path, _answered: None
    assert Agent(deployment.config).contribute_all()["acknowledged"] == 3


def test_panic_of_the_core_in_one_part_ends_the_agent_instead_of_leaving_it_lame(deployment, monkeypatch):
    class Panic(BaseException):
        """What the core raises when it panics is no `Exception` either."""

    def panic(_schedule, _stop):
        raise Panic

    monkeypatch.setattr(LabelSchedule, "run", panic)
    with pytest.raises(Panic):
        Agent(deployment.config).run(threading.Event())


def test_second_agent_on_the_same_folder_is_refused(deployment):
    with lock_directory(deployment.config.data_dir), pytest.raises(StorageError, match="another process"):
        Agent(deployment.config).contribute_all()


def test_agent_of_a_carrier_that_never_enrolled_says_what_to_do(deployment):
    for path in (deployment.folder / "data").glob("credential-*"):
        path.unlink()
    with pytest.raises(ConfigurationError, match="carrier enroll"):
        Agent(deployment.config).run(threading.Event())
