"""Label servers beside each other: one quota, one memory of nonces, and none of them is needed by itself."""

import os
import signal
import ssl
import time
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import httpx
import pytest
import tomli_w
from postgres_server import PostgresServer, running_postgres
from real_processes import eventually, short_folder

from trunkline.crypto.oprf import LabelClient, random_elements
from trunkline.jager.deployment.ceremony import Terms
from trunkline.jager.deployment.chain import DEPLOYMENT, FILE, control
from trunkline.jager.deployment.key_material import IDENTITY_KEY_FILE
from trunkline.jager.deployment.label_servers import add_label_server
from trunkline.jager.deployment.load import chain_rows, chain_source, recent_start
from trunkline.jager.deployment.local import LocalCarrier, LocalDeployment, provider_id
from trunkline.jager.messages.labels import LABEL_REQUEST_TYPE, LabelPart, LabelRequest, LabelResponse
from trunkline.jager.messages.parameters import PublicParameters, SignedParameters
from trunkline.service.keys import IdentityKey
from trunkline.service.signatures import RequestAuth

pytestmark = pytest.mark.network

QUOTA = 60_000
SIZE = 1_500
SERVERS = ("labels", "labels-2")
SETTINGS = {
    "labels": {"batch": 16, "interval_ms": 100},
    "contribution": {"batch": 16, "interval_ms": 20, "delay_max_s": 0.0},
}


@dataclass
class World:
    """A deployment with two label servers, the agent of the carrier b1, and keys of b2, which runs none."""

    deployment: LocalDeployment
    postgres: PostgresServer
    parameters: PublicParameters

    def url(self, server: str) -> str:
        config = self.deployment.directory / "authority" / server / "config.toml"
        return f"https://127.0.0.1:{tomllib.loads(config.read_text())['port']}"

    def client(self) -> httpx.Client:
        trust = ssl.create_default_context(cafile=str(self.deployment.public / "ca.pem"))
        return httpx.Client(verify=trust, timeout=20)

    def signed(self, server: str, elements: bytes) -> httpx.Request:
        """A request of b2, signed."""
        body = LabelRequest((LabelPart(self.parameters.keys[0].kid, elements),)).encode()
        key = IdentityKey.load(self.deployment.directory / "carriers" / "b2" / IDENTITY_KEY_FILE)
        auth = RequestAuth(key, provider_id(DEPLOYMENT, "b2").hex, self.parameters.audience("labels"))
        headers = {"content-type": LABEL_REQUEST_TYPE}
        return auth(httpx.Request("POST", f"{self.url(server)}/v1/labels", content=body, headers=headers))

    def used(self) -> int:
        """What b2 has used of its quota."""
        party = provider_id(DEPLOYMENT, "b2").value
        return sum(used for (used,) in self.postgres.query("SELECT used FROM quota WHERE party = %s", party))

    def kill(self, server: str) -> None:
        found = self.deployment.processes.find(server)
        assert found is not None
        os.kill(found.pid, signal.SIGKILL)
        eventually(lambda: self.deployment.processes.find(server) is None, f"end of {server}")


@pytest.fixture(scope="module")
def world():
    with short_folder() as folder, running_postgres() as postgres:
        deployment = LocalDeployment(folder, end_with_parent=True)
        carriers = [
            LocalCarrier(name, name, [chain_source(DEPLOYMENT, name, FILE)], SETTINGS)
            for name in ("b1", "b2")
        ]
        deployment.create(Terms(DEPLOYMENT), carriers)
        assert add_label_server(deployment, postgres.url) == SERVERS[1]
        for server in SERVERS:
            path = deployment.directory / "authority" / server / "config.toml"
            config = tomllib.loads(path.read_text())
            config["labels"]["quota_per_day"] = QUOTA
            path.write_text(tomli_w.dumps(config))
        fingerprint = (deployment.public / "fingerprint.txt").read_text().strip()
        parameters = SignedParameters.load(
            deployment.public / "parameters.json", fingerprint, now=time.time()
        )
        try:
            # Both servers find an empty database at the same time.
            deployment.start_services()
            deployment.enrol(["b1"])
            deployment.start_carriers(["b1"])
            yield World(deployment, postgres, parameters)
        finally:
            deployment.stop()


def problem_code(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).removeprefix("urn:trunkline:error:")


def test_every_server_makes_the_same_labels(world):
    blinding = LabelClient(world.parameters.keys[0].oprf).blind_batch([b"a call"])
    labels = set()
    with world.client() as client:
        for server in SERVERS:
            answer = client.send(world.signed(server, blinding.elements))
            (part,) = LabelResponse.decode(answer.content).parts
            labels.add(blinding.finalize(part.elements, part.proof))
    assert len(labels) == 1


@pytest.mark.parametrize(("first", "second"), [SERVERS, SERVERS[::-1]])
def test_request_that_one_server_has_answered_is_refused_by_the_other(world, first, second):
    # The signature covers the authority's name and no server's: only what they share can tell.
    request = world.signed(first, random_elements(1))
    again = httpx.Request(
        "POST", f"{world.url(second)}/v1/labels", headers=request.headers, content=request.content
    )
    again.headers["host"] = httpx.URL(world.url(second)).netloc.decode()
    with world.client() as client:
        assert client.send(request).status_code == 200
        answer = client.send(again)
    assert (answer.status_code, problem_code(answer)) == (401, "replay")


def test_quota_holds_over_both_servers_however_many_ask_at_once(world):
    elements = random_elements(SIZE)
    used = world.used()
    with world.client() as client, ThreadPoolExecutor(8) as pool:
        requests = [world.signed(SERVERS[number % 2], elements) for number in range(QUOTA // SIZE + 8)]
        answers = list(pool.map(client.send, requests))
    granted = (QUOTA - used) // SIZE
    assert Counter(one.status_code for one in answers) == {200: granted, 429: len(answers) - granted}
    assert {problem_code(one) for one in answers if one.status_code == 429} == {"quota"}
    assert world.used() == used + granted * SIZE


def test_contribution_goes_on_while_servers_are_killed_and_nothing_is_lost(world):
    calls = 300
    rows = list(chain_rows("b1", calls * len(SERVERS), recent_start(calls * len(SERVERS))))
    agent = control(world.deployment, "b1")

    def acknowledged():
        return agent.call("status")["counts"]["acknowledged"]

    # The agent keeps to one of the two; whichever it is, it is among those that die.
    for number, server in enumerate(SERVERS):
        with (world.deployment.carrier_config("b1").parent / FILE).open("a") as file:
            file.writelines(rows[number * calls : (number + 1) * calls])
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(control(world.deployment, "b1").call, "contribute", {"finish": True})
            eventually(lambda number=number: acknowledged() > number * calls, "records on their way")
            world.kill(server)
            done.result(120)
        assert acknowledged() == (number + 1) * calls
        world.deployment.restart(server)
    log = (world.deployment.directory / "log" / "carrier-b1.log").read_text()
    # Each request of the schedule was answered in its turn, by one server or the other.
    assert "label request failed" not in log


@pytest.mark.parametrize("outage", ["away", "frozen"])
def test_servers_without_their_database_refuse_say_so_and_recover(world, outage):
    # Labels that nobody counts, and requests that nobody remembers, would undo quota and replay protection.
    def asked(server):
        with closing(world.client()) as client:
            ready = client.get(f"{world.url(server)}/ready")
            return client.send(world.signed(server, random_elements(1))), ready

    def check_refusals():
        for server in SERVERS:
            answer, ready = asked(server)
            assert (answer.status_code, problem_code(answer)) == (503, "storage")
            assert answer.headers["retry-after"]
            assert (ready.status_code, problem_code(ready)) == (503, "not-ready")
            assert "database" in ready.json()["detail"]

    if outage == "frozen":
        with world.postgres.frozen():
            check_refusals()
    else:
        world.postgres.stop()
        try:
            check_refusals()
        finally:
            world.postgres.start()
    for server in SERVERS:
        # Of quota there may be nothing left; it was looked at.
        eventually(
            lambda server=server: [one.status_code for one in asked(server)] in ([200, 200], [429, 200]),
            f"{server} is there again",
        )
