"""The accountability authority over HTTP, and its start."""

import pytest

from trunkline.errors import ConfigurationError, StorageError
from trunkline.jager.authority.accountability.app import create
from trunkline.jager.authority.accountability.config import AccountabilityConfig
from trunkline.jager.messages.accountability import REPORT_LIMIT
from trunkline.service.keys import IdentityKey

JSON = "application/json"


def config_of(deployment, **changes):
    values = {
        "opener_key": deployment.directory / "opener.key",
        "verdict_key": deployment.directory / "verdict.key",
        "identity_key": deployment.directory / "store.key",
        "id": "0" * 31 + "1",
        "labels_url": "http://127.0.0.1:1",
        "membership_url": "http://127.0.0.1:1",
    }
    return AccountabilityConfig(**deployment.common(), **(values | changes))


@pytest.fixture
def client(deployment):
    return deployment.start(create(config_of(deployment), deployment.clock))


@pytest.mark.parametrize("path", ["/v1/reports", "/v1/disavowals"])
def test_unsigned_request_is_refused(client, problem_of, path):
    answer = client.post(path, content=b"{}", headers={"content-type": JSON})
    assert problem_of(answer)[:2] == (401, "authentication")


@pytest.mark.parametrize("path", ["/v1/reports", "/v1/disavowals"])
def test_request_of_a_suspended_carrier_is_refused(deployment, client, problem_of, path):
    answer = deployment.post(client, "accountability", deployment.suspended, path, b"{}", JSON)
    assert problem_of(answer)[:2] == (401, "authentication")


@pytest.mark.parametrize("path", ["/v1/reports", "/v1/disavowals"])
def test_malformed_request_is_refused(deployment, client, problem_of, path):
    answer = deployment.post(client, "accountability", deployment.alpha, path, b'{"version": 1}', JSON)
    assert problem_of(answer)[:2] == (400, "malformed")


def test_request_for_another_service_is_refused(deployment, client, problem_of):
    answer = deployment.post(
        client,
        "accountability",
        deployment.alpha,
        "/v1/reports",
        b"{}",
        JSON,
        audience=deployment.audience("labels"),
    )
    assert problem_of(answer)[:2] == (401, "authentication")


def test_oversized_request_is_refused_before_it_is_read(client, problem_of):
    headers = {"content-type": JSON, "content-length": str(REPORT_LIMIT + 1)}
    assert problem_of(client.post("/v1/reports", content=b"", headers=headers))[:2] == (413, "too-large")


def test_key_that_is_not_the_parameters_stops_the_start(deployment):
    IdentityKey.generate().save(deployment.directory / "wrong.key")
    with pytest.raises(ConfigurationError, match="accountability key"):
        create(config_of(deployment, verdict_key=deployment.directory / "wrong.key"), deployment.clock)


def test_second_process_on_the_same_data_is_refused(deployment, client):
    with pytest.raises(StorageError):
        create(config_of(deployment), deployment.clock)
