"""Authorities as real processes: several roles in one, and what survives kill -9."""

import socket
import subprocess
import sys
import time

import pytest
import tomli_w

from trunkline.crypto.group_signature import MemberSecret, check_credential
from trunkline.errors import ConflictError, UnavailableError
from trunkline.jager.messages.log import JOIN_LOG, LogEntries, LogHead
from trunkline.jager.messages.membership import (
    JOIN_REQUEST_TYPE,
    CredentialResponse,
    IssuanceEntry,
    JoinRequest,
    decode_log_entry,
)
from trunkline.service.client import ServiceClient
from trunkline.service.merkle import MerkleTree

pytestmark = pytest.mark.network

ROLES = ("labels", "membership", "authorization")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Processes:
    def __init__(self, deployment, reread_parameters):
        self.deployment = deployment
        now = int(time.time())
        deployment.clock = time.time
        *earlier, last = deployment.parameters.keys
        deployment.write_parameters(
            reread_parameters(
                deployment.parameters,
                not_before=now - 3600,
                not_after=now + 86_400,
                keys=(*earlier, last.model_copy(update={"epoch_to": 1 << 50})),
            )
        )
        self.ports = {role: free_port() for role in ROLES}
        sections = {
            "labels": {"keys": ["label-0.key", "label-1.key"]},
            "membership": {"issuer_key": "issuer.key", "log_key": "join-log.key"},
            "authorization": {
                "label_signature_keys": ["signature-0.key", "signature-1.key"],
                "grant_key": "grant.key",
            },
        }
        common = {key: str(value) for key, value in deployment.common().items() if key != "port"}
        self.config = deployment.directory / "authority.toml"
        self.config.write_text(
            tomli_w.dumps(
                common | {role: {"port": self.ports[role]} | section for role, section in sections.items()}
            )
        )
        self.process = None

    def start(self, *roles):
        arguments = [argument for role in roles for argument in ("--role", role)]
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "trunkline.jager.authority"),
                *arguments,
                *("--config", str(self.config)),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        ready = 0
        while ready < len(roles):
            line = self.process.stderr.readline()
            assert line, "the process ended before it was ready"
            ready += '"ready"' in line
        return self

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def client(self, role, member=None):
        auth = member and member.auth(self.deployment.audience(role), time.time)
        return ServiceClient(f"http://127.0.0.1:{self.ports[role]}", auth=auth, attempts=1)


@pytest.fixture
def processes(deployment, reread_parameters):
    started = Processes(deployment, reread_parameters)
    yield started
    if started.process is not None:
        started.kill()


def test_authorities_in_one_process_answer_each_on_its_own_port_until_they_are_told_to_stop(processes):
    processes.start(*ROLES)
    for role in ROLES:
        assert processes.client(role).get("/ready").status == 200
    processes.process.terminate()
    assert processes.process.wait(timeout=20) == 0
    with pytest.raises(UnavailableError):
        processes.client("labels").get("/ready")


def test_member_that_was_acknowledged_is_one_after_kill_9(processes, deployment):
    processes.start("membership")
    secret = MemberSecret.generate()
    client = processes.client("membership", deployment.alpha)
    nonce = bytes.fromhex(client.post_json("/v1/join/nonce", {})["nonce"])
    params_hash = deployment.parameters.hash
    key = deployment.alpha.key.public_key
    proof = secret.join_proof(params_hash, nonce, deployment.alpha.id.value, key)
    request = JoinRequest(nonce, deployment.alpha.id, key, secret.public_point, proof).sign(
        deployment.alpha.key, params_hash
    )
    first = CredentialResponse.decode(client.post("/v1/join", request.encode(), JOIN_REQUEST_TYPE).content)
    processes.kill()

    processes.start("membership")
    head = LogHead.decode(client.get("/v1/log/head").content)
    head.verify(deployment.parameters.membership_key, JOIN_LOG, params_hash)
    entries = LogEntries.decode(client.get("/v1/log/entries", {"start": 0, "end": head.size}).content).entries
    assert MerkleTree(entries).root() == head.root
    assert isinstance(decode_log_entry(entries[first.log_index]), IssuanceEntry)
    again = CredentialResponse.decode(client.post("/v1/join", request.encode(), JOIN_REQUEST_TYPE).content)
    assert again == first
    check_credential(deployment.parameters.group, secret.public_point, again.credential)
    other = processes.client("membership", deployment.bravo)
    nonce = bytes.fromhex(other.post_json("/v1/join/nonce", {})["nonce"])
    key = deployment.bravo.key.public_key
    proof = secret.join_proof(params_hash, nonce, deployment.bravo.id.value, key)
    taken = JoinRequest(nonce, deployment.bravo.id, key, secret.public_point, proof).sign(
        deployment.bravo.key, params_hash
    )
    with pytest.raises(ConflictError, match="another carrier"):
        other.post("/v1/join", taken.encode(), JOIN_REQUEST_TYPE)


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "trunkline.jager.authority", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_process_that_cannot_start_says_why_and_fails(processes, tmp_path):
    missing = run("--role", "labels", "--config", str(tmp_path / "none.toml"))
    assert missing.returncode == 1
    assert "configuration: cannot read the configuration" in missing.stderr
    twice = run("--role", "labels", "--role", "labels", "--config", str(processes.config))
    assert twice.returncode == 1
    assert "each once" in twice.stderr
    (tmp_path / "label-0.key").unlink()
    without_key = run("--role", "labels", "--config", str(processes.config))
    assert without_key.returncode == 1
    assert "cannot read the key file" in without_key.stderr
    unknown = run("--role", "registry", "--config", str(processes.config))
    assert unknown.returncode == 2


@pytest.mark.parametrize("role", ROLES)
def test_role_loads_no_code_of_another(role):
    code = (
        f"import sys, trunkline.jager.authority.{role}.app\n"
        "names = [name.split('.') for name in sys.modules if name.startswith('trunkline.jager.authority.')]\n"
        "print(*{parts[3] for parts in names})"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(answer.stdout.split()) & ({*ROLES, "accountability"} - {role})
