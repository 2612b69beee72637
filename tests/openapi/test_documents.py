"""The committed documents are those of the services, and say what a client must know."""

import json

import pytest

from trunkline import errors

from .generate import DIRECTORY, text
from .services import make_deployment, make_services

SIGNED = {
    ("labels", "/v1/labels"),
    ("membership", "/v1/join/nonce"),
    ("membership", "/v1/join"),
    ("membership", "/v1/renew"),
    ("authorization", "/v1/authorizations"),
    ("authorization", "/v1/authorizations/{request_id}"),
    ("accountability", "/v1/reports"),
    ("accountability", "/v1/disavowals"),
    ("record-store", "/v1/retrievals"),
}


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    return make_services(make_deployment(tmp_path_factory.mktemp("services")))


@pytest.fixture(scope="module")
def documents(services):
    return {name: json.loads(text(service)) for name, service in services.items()}


def operations(documents):
    for name, document in documents.items():
        for path, methods in document["paths"].items():
            for operation in methods.values():
                yield name, path, operation


def test_committed_documents_are_what_the_services_give(services):
    # If not: make openapi
    for name, service in services.items():
        assert (DIRECTORY / f"{name}.json").read_text() == text(service), name
    assert {path.stem for path in DIRECTORY.iterdir()} == set(services)


def test_signed_operations_are_those_of_the_protocol_page(documents):
    assert {
        (name, path) for name, path, operation in operations(documents) if "security" in operation
    } == SIGNED


def test_references_all_lead_somewhere(documents):
    def references(part):
        if isinstance(part, dict):
            yield from [part["$ref"]] if "$ref" in part else []
            assert "$defs" not in part
        for value in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from references(value)

    for document in documents.values():
        for reference in references(document):
            assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]


def test_errors_each_operation_has_problem_documents_only(documents):
    for name, path, operation in operations(documents):
        refusals = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert path == "/health" or "503" in refusals, (name, path)
        assert all([*answer["content"]] == ["application/problem+json"] for answer in refusals.values())


def test_problem_types_are_all_error_codes(documents):
    codes = {one.code for one in vars(errors).values() if isinstance(one, type) and hasattr(one, "code")}
    for document in documents.values():
        types = document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
        assert types == [f"urn:trunkline:error:{code}" for code in sorted(codes)]


def test_bodies_each_states_its_limit(documents):
    for name, path, operation in operations(documents):
        for media_type, content in operation.get("requestBody", {"content": {}})["content"].items():
            if media_type.startswith("application/vnd.trunkline."):
                assert content["schema"]["format"] == "binary", (name, path)
                assert content["schema"]["maxLength"] > 0, (name, path)
