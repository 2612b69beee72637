"""Requests that services must refuse: skewed, replayed, misdirected, from strangers, beyond a quota."""

import secrets
import ssl
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import tomli_w
from lab_shapes import chain_lab
from real_processes import running_lab, trunkline

from trunkline.crypto.oprf import random_elements
from trunkline.errors import AuthenticationError, ClockSkewError, QuotaError, ReplayError, TrunklineError
from trunkline.jager.carrier.config import CarrierConfig
from trunkline.jager.deployment.lab_run import LabRun
from trunkline.jager.deployment.load import CHAIN
from trunkline.jager.deployment.local import provider_id
from trunkline.jager.messages.labels import LABEL_REQUEST_TYPE, LabelPart, LabelRequest, LabelResponse
from trunkline.jager.messages.parameters import PublicParameters, SignedParameters
from trunkline.service.client import ServiceClient
from trunkline.service.config import load_config
from trunkline.service.keys import IdentityKey
from trunkline.service.problems import error_from_problem
from trunkline.service.signatures import RequestAuth

pytestmark = pytest.mark.network

STORE = "record_store"
PATHS = {
    "labels": "/v1/labels",
    "membership": "/v1/renew",
    "authorization": "/v1/authorizations",
    "accountability": "/v1/reports",
    STORE: "/v1/retrievals",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A chain of carriers with a few calls; every test leaves all of it running."""
    with running_lab(chain_lab(tmp_path_factory.mktemp("requests") / "lab", 2)) as run:
        yield run


@dataclass(frozen=True)
class Sender:
    """A carrier's side of signed requests, with whatever about it is wrong."""

    config: CarrierConfig
    parameters: PublicParameters
    key: IdentityKey
    id: str
    clock: Callable[[], float] = time.time

    def url(self, service: str) -> str:
        return getattr(self.config.carrier, f"{service}_url")[0]

    def auth(self, service: str) -> RequestAuth:
        name = f"record-store/{self.config.carrier.record_store_id}" if service == STORE else service
        return RequestAuth(self.key, self.id, self.parameters.audience(name), self.clock)

    def post(self, service: str, body: bytes, *, audience: str = "") -> bytes:
        client = ServiceClient(
            self.url(service), auth=self.auth(audience or service), ca_file=self.config.carrier.ca_file
        )
        try:
            return client.post(PATHS[service], body, LABEL_REQUEST_TYPE).content
        finally:
            client.close()


@pytest.fixture
def sender(run) -> Callable[..., Sender]:
    config = load_config(run.deployment.carrier_config("b1"), CarrierConfig)
    parameters = SignedParameters.load(config.parameters, config.root_fingerprint, now=time.time())

    def make(**wrong: object) -> Sender:
        right: dict = {"key": IdentityKey.load(config.carrier.identity_key), "id": config.carrier.id}
        return Sender(config, parameters, **(right | wrong))

    return make


def label_request(parameters: PublicParameters) -> bytes:
    return LabelRequest((LabelPart(parameters.keys[0].kid, random_elements(1)),)).encode()


# --- clocks, replays, strangers ---------------------------------------------------------------------------


@pytest.mark.parametrize("skew", [-30, 30])
def test_request_with_a_clock_half_a_minute_off_is_accepted(sender, skew):
    # Clocks of honest carriers differ; refusing them would cost calls.
    shifted = sender(clock=lambda: time.time() + skew)
    assert LabelResponse.decode(shifted.post("labels", label_request(shifted.parameters))).parts


@pytest.mark.parametrize("service", PATHS)
@pytest.mark.parametrize(("skew", "told"), [(-90, r"\b9\d s before"), (90, r"\b(8\d|90) s after")])
def test_request_with_a_clock_off_by_more_than_a_minute_is_refused_with_the_skew(sender, service, skew, told):
    # Without the limit a captured request could be kept for later than nonces are remembered.
    with pytest.raises(ClockSkewError, match=told):
        sender(clock=lambda: time.time() + skew).post(service, b"\x01\x01")


def send_as_it_is(request: httpx.Request, sender: Sender, url: str) -> TrunklineError | bytes:
    """Send a signed request once more, or to somebody else, as one who captured it would."""
    trust = ssl.create_default_context(cafile=str(sender.config.carrier.ca_file))
    with httpx.Client(verify=trust) as client:
        copy = client.build_request(
            "POST", url + request.url.path, content=request.content, headers=request.headers
        )
        answer = client.send(copy)
    if answer.status_code == httpx.codes.OK:
        return answer.content
    return error_from_problem(
        answer.status_code, answer.headers["content-type"], answer.content, "the service"
    )


def signed_request(sender: Sender) -> httpx.Request:
    headers = {"content-type": LABEL_REQUEST_TYPE}
    url = sender.url("labels") + PATHS["labels"]
    return sender.auth("labels")(
        httpx.Request("POST", url, content=label_request(sender.parameters), headers=headers)
    )


def test_request_replayed_at_the_same_service_is_refused_also_after_a_restart(run, sender):
    # A replay uses up another carrier's quota; nonces that only memory knows are forgotten by a crash.
    request = signed_request(sender())
    url = sender().url("labels")
    assert isinstance(send_as_it_is(request, sender(), url), bytes)
    assert isinstance(send_as_it_is(request, sender(), url), ReplayError)
    run.deployment.processes.stop(["labels"])
    run.deployment.restart("labels")
    assert isinstance(send_as_it_is(request, sender(), url), ReplayError)


@pytest.mark.parametrize("service", sorted({*PATHS} - {"labels"}))
def test_request_meant_for_another_service_is_refused(sender, service):
    # One authority could otherwise pass on, in a carrier's name, what it was sent itself.
    with pytest.raises(AuthenticationError, match="not for this service"):
        sender().post(service, b"\x01\x01", audience="labels")


@pytest.mark.parametrize("service", PATHS)
def test_request_of_a_carrier_that_is_not_in_the_registry_is_refused(sender, service):
    # Whoever can reach a service could otherwise ask for labels, grants and records.
    stranger = sender(key=IdentityKey.generate(), id=secrets.token_hex(16))
    with pytest.raises(AuthenticationError, match="unknown or suspended"):
        stranger.post(service, b"\x01\x01")


@pytest.mark.parametrize("service", PATHS)
def test_request_signed_with_anothers_key_is_refused(sender, service):
    # A name in a request proves nothing; the key of the registry does.
    with pytest.raises(AuthenticationError, match="signature is missing, malformed or wrong"):
        sender(key=IdentityKey.generate()).post(service, b"\x01\x01")


def test_suspended_carrier_is_refused_by_running_services_until_it_is_taken_back(run):
    # A suspension that needed restarts would come too late.
    folder = run.deployment.directory
    call = run.answered()[0]
    suspend = [
        *("registry", "suspend", provider_id("lab", call.carrier).hex),
        *("--registry", folder / "public" / "registry.json"),
        *("--key", folder / "root" / "registry" / "registry.key"),
    ]
    assert trunkline(*suspend).returncode == 0
    with pytest.raises(AuthenticationError, match="unknown or suspended"):
        run.trace(call)
    assert trunkline(*suspend, "--lift").returncode == 0
    assert run.summary(call, run.trace(call)).path == CHAIN


# --- quotas -----------------------------------------------------------------------------------------------


@contextmanager
def setting(run: LabRun, service: str, section: str, values: Mapping[str, object]) -> Iterator[None]:
    """Run a service with another setting for a while."""
    [path] = run.deployment.directory.glob(f"**/{service}/config.toml")
    text = path.read_text()
    changed = tomllib.loads(text)
    changed[section] |= values
    _restart_with(run, service, path, tomli_w.dumps(changed))
    try:
        yield
    finally:
        _restart_with(run, service, path, text)


def _restart_with(run: LabRun, service: str, path: Path, text: str) -> None:
    run.deployment.processes.stop([service])
    path.write_text(text)
    run.deployment.restart(service)


@pytest.mark.parametrize(
    ("service", "section", "key"),
    [
        ("labels", "labels", "quota_per_day"),
        ("authorization", "authorization", "quota_labels_per_day"),
        ("record-store", "record_store", "quota_labels_per_day"),
    ],
)
def test_trace_beyond_a_quota_is_told_when_it_is_renewed_and_works_with_a_larger_one(
    run, service, section, key
):
    # Quotas bound what a thief of one carrier's keys can learn in a day.
    call = run.answered()[0]
    # A case of its own: a request that is repeated is answered again and not counted again.
    with setting(run, service, section, {key: 1}), pytest.raises(QuotaError, match="renewed at 00:00 UTC"):
        run.trace(call, case=service)
    assert run.summary(call, run.trace(call, case=service)).path == CHAIN
