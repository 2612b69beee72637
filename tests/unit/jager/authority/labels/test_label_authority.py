import pytest
from starlette.testclient import TestClient

from trunkline.crypto.oprf import LabelClient, LabelKey
from trunkline.errors import ConfigurationError, StorageError
from trunkline.jager.authority.labels.app import create
from trunkline.jager.authority.labels.config import LabelsConfig
from trunkline.jager.messages.labels import (
    LABEL_REQUEST_TYPE,
    LABEL_RESPONSE_TYPE,
    LabelPart,
    LabelRequest,
    LabelResponse,
)
from trunkline.service.keys import IdentityKey, save_secret


@pytest.fixture
def config(deployment):
    return LabelsConfig(
        **deployment.common(),
        keys=tuple(deployment.directory / f"label-{number}.key" for number in range(2)),
        quota_per_day=10,
    )


@pytest.fixture
def client(deployment, config):
    return deployment.start(create(config, deployment.clock))


@pytest.fixture
def ask(deployment, client):
    def send(request, member=None, **changes):
        body = request if isinstance(request, bytes) else request.encode()
        sender = member or deployment.alpha
        return deployment.post(client, "labels", sender, "/v1/labels", body, LABEL_REQUEST_TYPE, **changes)

    return send


@pytest.fixture
def blinded(deployment):
    """Blind inputs for one of the deployment's keys."""

    def blind(number, *inputs):
        keys = deployment.parameters.keys[number]
        blinding = LabelClient(keys.oprf).blind_batch(inputs)
        return LabelPart(keys.kid, blinding.elements), blinding

    return blind


def test_labels_under_both_keys_are_evaluated_with_proofs(ask, blinded):
    first, first_blinding = blinded(0, b"one", b"two")
    second, second_blinding = blinded(1, b"one")
    request = LabelRequest((first, second))
    answer = ask(request)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == LABEL_RESPONSE_TYPE
    response = LabelResponse.decode(answer.content)
    response.check_answers(request)
    labels = first_blinding.finalize(response.parts[0].elements, response.parts[0].proof)
    other = second_blinding.finalize(response.parts[1].elements, response.parts[1].proof)
    assert len(labels) == 128
    # The same call has another label under another key, so a boundary links nothing.
    assert labels[:64] != other


def test_label_of_one_input_is_the_same_for_every_carrier(deployment, ask, blinded):
    def label(member):
        part, blinding = blinded(0, b"one")
        response = LabelResponse.decode(ask(LabelRequest((part,)), member).content)
        return blinding.finalize(response.parts[0].elements, response.parts[0].proof)

    assert label(deployment.alpha) == label(deployment.bravo)


def test_labels_beyond_the_quota_are_refused_and_told_when_it_is_renewed(
    deployment, ask, blinded, problem_of
):
    part, _ = blinded(0, *[b"x"] * 6)
    assert ask(LabelRequest((part,))).status_code == 200
    status, code, detail = problem_of(ask(LabelRequest((part,))))
    assert (status, code) == (429, "quota")
    assert "the 4 left of today's quota of 10" in detail
    assert "renewed at 00:00 UTC, in 54400 s" in detail
    # What was refused is not counted, and nobody else's quota is touched.
    four, _ = blinded(0, *[b"x"] * 4)
    assert ask(LabelRequest((four,))).status_code == 200
    assert ask(LabelRequest((part,)), deployment.bravo).status_code == 200
    deployment.clock.now += 54_400
    assert ask(LabelRequest((part,))).status_code == 200


def test_quota_survives_a_restart(deployment, config, ask, blinded, problem_of):
    part, _ = blinded(0, *[b"x"] * 10)
    assert ask(LabelRequest((part,))).status_code == 200
    deployment.stop()
    client = deployment.start(create(config, deployment.clock))
    answer = deployment.post(
        client, "labels", deployment.alpha, "/v1/labels", LabelRequest((part,)).encode(), LABEL_REQUEST_TYPE
    )
    assert problem_of(answer)[1] == "quota"


def test_label_request_under_an_unknown_key_is_refused_and_not_counted(ask, blinded, problem_of):
    part, _ = blinded(0, *[b"x"] * 10)
    unknown = LabelPart(bytes(16), part.elements)
    status, code, detail = problem_of(ask(LabelRequest((unknown,))))
    assert (status, code) == (400, "input")
    assert "not, or no longer, served here" in detail
    assert ask(LabelRequest((part,))).status_code == 200


@pytest.mark.parametrize("element", [bytes(32), b"\xff" * 32, b"\x01" + bytes(31)])
def test_element_that_is_none_is_refused_by_its_index(element, ask, blinded, problem_of):
    part, _ = blinded(0, b"good")
    status, code, detail = problem_of(ask(LabelRequest((LabelPart(part.kid, part.elements + element),))))
    assert (status, code) == (400, "point")
    assert "1" in detail


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed"),
        (b"\x02\x01\x01", "unknown-version"),
        (b"\x01\x01\x00", "malformed"),
        (b"\x01\x01\x11", "too-large"),
        (b"\x01\x01\x01" + bytes(16) + b"\x00\x01" + bytes(33), "malformed"),
    ],
)
def test_malformed_label_request_is_refused_with_its_code(body, code, ask, problem_of):
    assert problem_of(ask(body))[1] == code


def test_label_request_over_the_size_limit_is_refused_unread(ask, problem_of):
    assert problem_of(ask(bytes(2_200_000)))[:2] == (413, "too-large")


def test_label_request_of_unknown_suspended_or_no_party_is_refused(
    deployment, client, ask, blinded, problem_of
):
    request = LabelRequest((blinded(0, b"x")[0],))
    stranger = type(deployment.alpha)(type(deployment.alpha.id)(b"\x99" * 16))
    for member in (stranger, deployment.suspended):
        status, code, detail = problem_of(ask(request, member))
        assert (status, code) == (401, "authentication")
        assert "unknown or suspended" in detail
    unsigned = client.post(
        "/v1/labels", content=request.encode(), headers={"content-type": LABEL_REQUEST_TYPE}
    )
    assert problem_of(unsigned)[:2] == (401, "authentication")


def test_label_request_signed_with_anothers_key_is_refused(deployment, ask, blinded, problem_of):
    request = LabelRequest((blinded(0, b"x")[0],))
    thief = type(deployment.alpha)(deployment.alpha.id, deployment.bravo.key)
    assert problem_of(ask(request, thief))[:2] == (401, "authentication")


def test_label_request_for_another_service_is_refused(deployment, ask, blinded, problem_of):
    request = LabelRequest((blinded(0, b"x")[0],))
    status, code, detail = problem_of(ask(request, audience="test/membership"))
    assert (status, code) == (401, "authentication")
    assert "not for this service" in detail


@pytest.mark.parametrize(("skew", "accepted"), [(60, True), (-60, True), (62, False), (-62, False)])
def test_label_request_with_a_skewed_clock_is_accepted_up_to_a_minute(
    skew, accepted, deployment, ask, blinded, problem_of
):
    request = LabelRequest((blinded(0, b"x")[0],))
    answer = ask(request, clock=lambda: deployment.clock.now + skew)
    if accepted:
        assert answer.status_code == 200
    else:
        status, code, detail = problem_of(answer)
        assert (status, code) == (401, "clock-skew")
        assert "62 s" in detail


def test_label_request_replayed_is_refused_even_after_a_restart(
    deployment, config, client, blinded, problem_of
):
    part, _ = blinded(0, b"x")
    http = deployment.alpha.auth("test/labels", deployment.clock)
    first = client.post(
        "/v1/labels",
        content=LabelRequest((part,)).encode(),
        headers={"content-type": LABEL_REQUEST_TYPE},
        auth=http,
    )
    assert first.status_code == 200
    headers = dict(first.request.headers)
    body = first.request.content
    assert problem_of(client.post("/v1/labels", content=body, headers=headers))[:2] == (401, "replay")
    deployment.stop()
    restarted = deployment.start(create(config, deployment.clock))
    assert problem_of(restarted.post("/v1/labels", content=body, headers=headers))[:2] == (401, "replay")


def test_carrier_suspended_while_the_service_runs_is_refused_from_then_on(
    deployment, ask, blinded, problem_of
):
    request = LabelRequest((blinded(0, b"x")[0],))
    assert ask(request).status_code == 200
    deployment.write_registry(alpha="suspended")
    assert problem_of(ask(request))[:2] == (401, "authentication")
    assert ask(request, deployment.bravo).status_code == 200


def test_service_past_the_parameters_validity_is_not_ready(deployment, client, ask, blinded, problem_of):
    assert client.get("/ready").status_code == 200
    deployment.clock.now = deployment.parameters.not_after
    assert problem_of(client.get("/ready"))[:2] == (503, "not-ready")
    assert problem_of(ask(LabelRequest((blinded(0, b"x")[0],))))[:2] == (503, "unavailable")


def test_service_with_a_key_of_another_deployment_does_not_start(deployment, config):
    save_secret(deployment.directory / "stranger.key", LabelKey.generate().secret_bytes(), kind="label")
    other = config.model_copy(update={"keys": (deployment.directory / "stranger.key",)})
    with pytest.raises(ConfigurationError, match="belongs to another deployment"):
        create(other, deployment.clock)
    # What failed to start holds nothing.
    deployment.start(create(config, deployment.clock))


def test_service_with_a_key_file_of_another_kind_does_not_start(deployment, config):
    IdentityKey.generate().save(deployment.directory / "identity.key")
    other = config.model_copy(update={"keys": (deployment.directory / "identity.key",)})
    with pytest.raises(ConfigurationError, match="another kind of key"):
        create(other, deployment.clock)


def test_second_service_on_the_same_data_does_not_start(deployment, config, client):
    assert isinstance(client, TestClient)
    with pytest.raises(StorageError, match="in use by another process"):
        create(config, deployment.clock)
