"""Requests made up from each service's OpenAPI document: its answers are those that the document allows.

Half of the requests fit the document, half break it. All are sent twice: signed by a carrier, and not.
"""

import copy
import time

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from starlette.testclient import TestClient

from trunkline.jager.carrier.config import CarrierConfig
from trunkline.jager.messages.parameters import SignedParameters
from trunkline.service.config import load_config
from trunkline.service.keys import IdentityKey
from trunkline.service.signatures import RequestAuth

from .generate import DIRECTORY
from .services import CARRIER, make_deployment, make_services

BASE_URL = "https://service"
EXAMPLES = 10

load_all_checks()
CONFORMS = CHECKS.get_by_names(
    [
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)
REFUSES = CHECKS.get_by_names(["negative_data_rejection"])


def signed_by_us(document):
    """The document without its security scheme, so that no requests are made whose signature is missing."""
    changed = copy.deepcopy(document)
    for operations in changed["paths"].values():
        for operation in operations.values():
            operation.pop("security", None)
            media_types = operation.get("requestBody", {}).get("content", {})
            for media_type in set(media_types) - {"application/json"}:
                schemathesis.serializer.alias(media_type, "application/octet-stream")
    return changed


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    return make_deployment(tmp_path_factory.mktemp("services"))


@pytest.fixture(scope="module")
def services(deployment):
    return make_services(deployment)


@pytest.fixture(scope="module", params=sorted(path.stem for path in DIRECTORY.iterdir()))
def service(request, services):
    """The service's name, a client of it, and its document."""
    application = services[request.param]
    with TestClient(application, base_url=BASE_URL, raise_server_exceptions=False) as client:
        yield request.param, client, schemathesis.openapi.from_dict(signed_by_us(application.openapi()))


@pytest.fixture
def signature(deployment, service):
    config = load_config(deployment.carrier_config(CARRIER), CarrierConfig)
    parameters = SignedParameters.load(config.parameters, config.root_fingerprint, now=None)
    name = service[0]
    role = f"{name}/{config.carrier.record_store_id}" if name == "record-store" else name
    key = IdentityKey.load(config.carrier.identity_key)
    return RequestAuth(key, config.carrier.id, parameters.audience(role), time.time)


def send(client, case, auth):
    """Send a generated request through the application's own client, which runs its lifespan once."""
    prepared = requests.Request(**case.as_transport_kwargs(base_url=BASE_URL)).prepare()
    return client.request(
        prepared.method, prepared.url, content=prepared.body, headers=dict(prepared.headers), auth=auth
    )


def can_be_broken(operation):
    """Whether there are requests that do not fit the document: of a binary body any bytes do."""
    is_json = any(body.media_type == "application/json" for body in operation.body)
    return is_json or operation.query or operation.path_parameters


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_generated_requests_get_answers_of_the_document(service, signature, mode):
    _, client, schema = service

    def check(case):
        for auth in (signature, None):
            response = send(client, case, auth)
            assert response.status_code < 500
            case.validate_response(response, checks=CONFORMS + (REFUSES if mode.is_negative else []))

    for found in schema.get_all_operations():
        operation = found.ok()
        if mode.is_negative and not can_be_broken(operation):
            continue
        limited = settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        seed(1)(limited(given(case=operation.as_strategy(generation_mode=mode))(check)))()
