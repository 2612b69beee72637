import secrets

import pytest

from trunkline.crypto.label_signature import AuthorizationKey, verify_label_signatures
from trunkline.errors import ConfigurationError, DecodingError, NotFoundError
from trunkline.jager.authority.authorization.admin import approve, audit, deny, list_pending
from trunkline.jager.authority.authorization.app import create
from trunkline.jager.authority.authorization.config import AuthorizationConfig
from trunkline.jager.messages.authorization import (
    AUTHORIZATION_REQUEST_TYPE,
    AUTHORIZATION_RESPONSE_TYPE,
    AuthorizationRequest,
    AuthorizationResponse,
    KeyedLabel,
    idx_digest,
)
from trunkline.jager.messages.log import AUTHORIZATION_LOG, InclusionProof, LogHead
from trunkline.service.keys import IdentityKey, load_secret, save_secret
from trunkline.service.merkle import verify_inclusion

STORE_ID = b"\x57" * 16
WINDOW = 21
# 10 s before and after, a minute of ringing before, and no tolerance configured.
LARGEST_WINDOW = 81


class Service:
    """A running authorization authority, and what tracers ask it."""

    def __init__(self, deployment, **settings):
        self.deployment = deployment
        self.config = AuthorizationConfig(
            **deployment.common(),
            label_signature_keys=tuple(
                deployment.directory / f"signature-{number}.key" for number in range(2)
            ),
            grant_key=deployment.directory / "grant.key",
            **({"quota_labels_per_day": 200, "tolerance_max_ms": 0} | settings),
        )
        self.restart()

    def restart(self):
        self.deployment.stop()
        self.client = self.deployment.start(create(self.config, self.deployment.clock))

    def labels(self, count, number=0):
        kid = self.deployment.parameters.keys[number].kid
        return tuple(KeyedLabel(kid, secrets.token_bytes(64)) for _ in range(count))

    def request(self, member, labels=None, **changes):
        fields = {
            "params_hash": self.deployment.parameters.hash,
            "requester_id": member.id,
            "store_id": STORE_ID,
            "details_commitment": secrets.token_bytes(32),
            "case_commitment": b"\xca" * 32,
            "labels": self.labels(WINDOW) if labels is None else labels,
        }
        return AuthorizationRequest(**(fields | changes))

    def send(self, member, request, **changes):
        body = request if isinstance(request, bytes) else request.encode()
        return self.deployment.post(
            self.client,
            "authorization",
            member,
            "/v1/authorizations",
            body,
            AUTHORIZATION_REQUEST_TYPE,
            **changes,
        )

    def granted(self, member, request):
        answer = self.send(member, request)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == AUTHORIZATION_RESPONSE_TYPE
        return AuthorizationResponse.decode(answer.content)

    def poll(self, member, request_id):
        audience = self.deployment.audience("authorization")
        return self.client.get(
            f"/v1/authorizations/{request_id}", auth=member.auth(audience, self.deployment.clock)
        )

    def head(self):
        head = LogHead.decode(self.client.get("/v1/log/head").content)
        parameters = self.deployment.parameters
        head.verify(parameters.authorization_key, AUTHORIZATION_LOG, parameters.hash)
        return head


@pytest.fixture
def service(deployment):
    return Service(deployment)


@pytest.fixture
def human(deployment):
    return Service(deployment, approval="human")


def test_request_of_a_window_is_answered_with_valid_signatures_and_a_grant(service, deployment):
    request = service.request(deployment.alpha)
    response = service.granted(deployment.alpha, request)
    keys = deployment.parameters.keys[0]
    labels = b"".join(keyed.label for keyed in request.labels)
    verify_label_signatures(keys.vk_t, keys.kid, labels, response.signatures)
    grant = response.grant
    grant.verify(deployment.parameters.authorization_key)
    assert grant.params_hash == deployment.parameters.hash
    assert grant.store_id == STORE_ID
    assert (grant.requester_id, grant.requester_key) == (
        deployment.alpha.id,
        deployment.alpha.key.public_key,
    )
    assert grant.idx_digest == idx_digest(keyed.idx for keyed in request.labels)
    assert grant.case_commitment == request.case_commitment
    assert (grant.not_before, grant.expiry) == (deployment.clock.now - 60, deployment.clock.now + 3600)


def test_window_across_a_boundary_is_signed_under_both_keys_in_order(service, deployment):
    first, second = service.labels(10, 0), service.labels(11, 1)
    mixed = tuple(keyed for pair in zip(first, second, strict=False) for keyed in pair)
    response = service.granted(deployment.alpha, service.request(deployment.alpha, mixed))
    for place, keyed in enumerate(mixed):
        keys = deployment.parameters.keys_by_kid[keyed.kid]
        signature = response.signatures[48 * place : 48 * place + 48]
        verify_label_signatures(keys.vk_t, keys.kid, keyed.label, signature)


def test_same_request_within_the_grants_lifetime_gets_the_same_grant_and_counts_once(
    service, deployment, problem_of
):
    request = service.request(deployment.alpha, service.labels(LARGEST_WINDOW))
    first = service.granted(deployment.alpha, request)
    service.restart()
    deployment.clock.now += 3599
    for _ in range(3):
        assert service.granted(deployment.alpha, request) == first
    assert service.head().size == 1
    # 200 a day: one more window fits, a third does not.
    service.granted(deployment.alpha, service.request(deployment.alpha, service.labels(LARGEST_WINDOW)))
    more = service.request(deployment.alpha, service.labels(LARGEST_WINDOW))
    assert problem_of(service.send(deployment.alpha, more))[:2] == (429, "quota")


def test_same_request_after_the_grants_end_gets_a_new_grant(service, deployment):
    request = service.request(deployment.alpha)
    first = service.granted(deployment.alpha, request)
    deployment.clock.now += 3600
    second = service.granted(deployment.alpha, request)
    assert second.grant.grant_id != first.grant.grant_id
    assert second.signatures == first.signatures
    assert service.head().size == 2


def test_same_body_of_another_requester_is_not_its_request(service, deployment, problem_of):
    request = service.request(deployment.alpha)
    service.granted(deployment.alpha, request)
    status, code, detail = problem_of(service.send(deployment.bravo, request))
    assert (status, code) == (401, "authentication")
    assert "another requester" in detail


def test_labels_beyond_the_quota_are_refused_and_told_when_it_is_renewed(deployment, service, problem_of):
    for _ in range(2):
        service.granted(deployment.alpha, service.request(deployment.alpha, service.labels(LARGEST_WINDOW)))
    request = service.request(deployment.alpha, service.labels(39))
    status, code, detail = problem_of(service.send(deployment.alpha, request))
    assert (status, code) == (429, "quota")
    assert "the 38 left" in detail
    assert "renewed at 00:00 UTC" in detail
    assert service.head().size == 2
    service.granted(deployment.bravo, service.request(deployment.bravo))
    service.restart()
    assert problem_of(service.send(deployment.alpha, request))[1] == "quota"
    deployment.clock.now += 86_400
    service.granted(deployment.alpha, request)


def test_labels_beyond_one_window_are_refused(service, deployment, problem_of):
    request = service.request(deployment.alpha, service.labels(LARGEST_WINDOW + 1))
    status, code, detail = problem_of(service.send(deployment.alpha, request))
    assert (status, code) == (403, "policy")
    assert f"more than the {LARGEST_WINDOW} that one window has" in detail


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b"\x01\x02", 400, "unknown-version"),
        (b"\x01\x01" + bytes(128) + b"\x00\x00", 400, "malformed"),
        (b"\x01\x01" + bytes(128) + b"\x00\x01" + bytes(79), 400, "malformed"),
        (b"\x01\x01" + bytes(128) + b"\x00\x01" + bytes(81), 400, "malformed"),
        (b"\x01\x01" + bytes(128) + b"\x00\x02" + bytes(160), 400, "malformed"),
        (bytes(400_000), 413, "too-large"),
    ],
)
def test_request_that_is_malformed_or_has_labels_of_another_length_is_refused(
    body, status, code, service, deployment, problem_of
):
    assert problem_of(service.send(deployment.alpha, body))[:2] == (status, code)


def test_request_for_another_deployment_store_or_key_is_refused(service, deployment, problem_of):
    unknown = (KeyedLabel(bytes(16), secrets.token_bytes(64)),)
    for change, fragment in (
        ({"params_hash": bytes(32)}, "other public parameters"),
        ({"store_id": bytes(16)}, "no record store of this identifier"),
        ({"labels": unknown}, "not, or no longer, served here"),
    ):
        status, code, detail = problem_of(
            service.send(deployment.alpha, service.request(deployment.alpha, **change))
        )
        assert (status, code) == (400, "input")
        assert fragment in detail
    assert service.head().size == 0


def test_request_of_unknown_or_suspended_party_is_refused(service, deployment, problem_of):
    stranger = type(deployment.alpha)(type(deployment.alpha.id)(b"\x99" * 16))
    for member in (stranger, deployment.suspended):
        assert problem_of(service.send(member, service.request(member)))[:2] == (401, "authentication")


def test_request_late_or_for_another_service_is_refused(service, deployment, problem_of):
    request = service.request(deployment.alpha)
    late = service.send(deployment.alpha, request, clock=lambda: deployment.clock.now - 61)
    assert problem_of(late)[:2] == (401, "clock-skew")
    elsewhere = service.send(deployment.alpha, request, audience="test/labels")
    assert problem_of(elsewhere)[:2] == (401, "authentication")


def test_grant_stands_in_the_log_as_a_commitment_that_an_auditor_can_open(service, deployment):
    service.granted(deployment.bravo, service.request(deployment.bravo))
    request = service.request(deployment.alpha)
    grant = service.granted(deployment.alpha, request).grant
    opening = audit(service.config.data_dir, grant.grant_id.hex())
    indices = [keyed.idx for keyed in request.labels]
    opening.check(indices)
    assert opening.entry.grant_id == grant.grant_id
    assert opening.requester == deployment.alpha.id
    assert opening.idx_digest == idx_digest(indices)
    assert (opening.details_commitment, opening.case_commitment) == (
        request.details_commitment,
        request.case_commitment,
    )
    head = service.head()
    assert (head.size, opening.log_index) == (2, 1)
    answer = service.client.get("/v1/log/proof", params={"index": 1, "size": 2})
    verify_inclusion(opening.entry.encode(), 1, 2, InclusionProof.decode(answer.content).path, head.root)
    # The log alone tells nobody what was asked for: without the salt an originator cannot find its idx.
    for other in (indices[:-1], [*indices, bytes(32)]):
        with pytest.raises(DecodingError, match="another requester or other indices"):
            opening.check(other)


@pytest.mark.parametrize("grant_id", ["00" * 16, "zz"])
def test_audit_of_a_grant_that_was_not_given_is_not_found(grant_id, service):
    with pytest.raises(NotFoundError):
        audit(service.config.data_dir, grant_id)


def test_entries_of_the_authorization_log_are_not_public(service):
    assert service.client.get("/v1/log/entries?start=0&end=1").status_code == 404


def test_request_that_needs_a_person_is_pending_until_approved(human, deployment, clock, problem_of):
    request = human.request(deployment.alpha)
    answer = human.send(deployment.alpha, request)
    assert answer.status_code == 202
    assert answer.json()["state"] == "pending"
    request_id = answer.json()["id"]
    assert human.send(deployment.alpha, request).json()["id"] == request_id
    assert human.poll(deployment.alpha, request_id).status_code == 202
    assert human.head().size == 0

    (pending,) = list_pending(human.config.data_dir, now=clock.now)
    assert (pending.id, pending.requester, pending.labels) == (request_id, deployment.alpha.id, WINDOW)
    assert pending.case_commitment == request.case_commitment
    approve(human.config.data_dir, request_id, now=clock.now)
    assert list_pending(human.config.data_dir, now=clock.now) == []

    answer = human.poll(deployment.alpha, request_id)
    assert answer.status_code == 200
    response = AuthorizationResponse.decode(answer.content)
    response.grant.verify(deployment.parameters.authorization_key)
    assert human.head().size == 1
    human.restart()
    assert human.poll(deployment.alpha, request_id).content == answer.content
    assert human.granted(deployment.alpha, request) == response
    assert human.head().size == 1
    deployment.clock.now += 3600
    assert problem_of(human.poll(deployment.alpha, request_id))[:2] == (404, "not-found")


def test_request_approved_after_its_keys_were_destroyed_gets_no_grant(human, deployment, clock, problem_of):
    request_id = human.send(deployment.alpha, human.request(deployment.alpha)).json()["id"]
    kept = tuple(
        path
        for path in human.config.label_signature_keys
        if AuthorizationKey.from_bytes(load_secret(path, 32, kind="label-signature")).public_key
        != deployment.parameters.keys[0].vk_t
    )
    assert len(kept) == 1
    human.config = human.config.model_copy(update={"label_signature_keys": kept})
    human.restart()
    approve(human.config.data_dir, request_id, now=clock.now)
    status, code, detail = problem_of(human.poll(deployment.alpha, request_id))
    assert (status, code) == (400, "input")
    assert "no longer, served here" in detail
    assert human.head().size == 0


def test_request_that_is_denied_stays_denied(human, deployment, clock, problem_of):
    request = human.request(deployment.alpha)
    request_id = human.send(deployment.alpha, request).json()["id"]
    deny(human.config.data_dir, request_id, now=clock.now)
    for answer in (human.poll(deployment.alpha, request_id), human.send(deployment.alpha, request)):
        status, code, detail = problem_of(answer)
        assert (status, code) == (403, "policy")
        assert "denied by the authority's operator" in detail
    with pytest.raises(NotFoundError, match="waits for a decision"):
        approve(human.config.data_dir, request_id, now=clock.now)


def test_request_of_somebody_else_is_not_found(human, deployment, problem_of):
    request_id = human.send(deployment.alpha, human.request(deployment.alpha)).json()["id"]
    for member, identifier in (
        (deployment.bravo, request_id),
        (deployment.alpha, "00" * 16),
        (deployment.alpha, "zz"),
    ):
        assert problem_of(human.poll(member, identifier))[:2] == (404, "not-found")
    unsigned = human.client.get(f"/v1/authorizations/{request_id}")
    assert problem_of(unsigned)[:2] == (401, "authentication")


def test_request_that_nobody_decides_on_is_forgotten_after_a_week(human, deployment, clock):
    request_id = human.send(deployment.alpha, human.request(deployment.alpha)).json()["id"]
    clock.now += 7 * 86_400
    assert list_pending(human.config.data_dir, now=clock.now) == []
    with pytest.raises(NotFoundError, match="waits for a decision"):
        approve(human.config.data_dir, request_id, now=clock.now)
    human.send(deployment.alpha, human.request(deployment.alpha))
    clock.now -= 7 * 86_400
    assert request_id not in [one.id for one in list_pending(human.config.data_dir, now=clock.now)]


def test_pending_request_counts_against_the_quota(human, deployment, problem_of):
    for _ in range(2):
        request = human.request(deployment.alpha, human.labels(LARGEST_WINDOW))
        assert human.send(deployment.alpha, request).status_code == 202
    more = human.request(deployment.alpha, human.labels(LARGEST_WINDOW))
    assert problem_of(human.send(deployment.alpha, more))[1] == "quota"


def test_under_the_label_profile_dst_a_person_always_decides(deployment, reread_parameters):
    deployment.write_parameters(reread_parameters(deployment.parameters, label_profile=2))
    service = Service(deployment, approval="automatic")
    answer = service.send(deployment.alpha, service.request(deployment.alpha))
    assert answer.status_code == 202


def test_requester_suspended_before_the_approval_gets_no_grant(human, deployment, clock, problem_of):
    request_id = human.send(deployment.alpha, human.request(deployment.alpha)).json()["id"]
    approve(human.config.data_dir, request_id, now=clock.now)
    deployment.write_registry(alpha="suspended")
    assert problem_of(human.poll(deployment.alpha, request_id))[:2] == (401, "authentication")
    assert human.head().size == 0


def test_authorization_past_the_parameters_validity_grants_nothing(human, deployment, problem_of):
    request = human.request(deployment.alpha)
    request_id = human.send(deployment.alpha, request).json()["id"]
    approve(human.config.data_dir, request_id, now=deployment.clock.now)
    deployment.clock.now = deployment.parameters.not_after
    for answer in (human.send(deployment.alpha, request), human.poll(deployment.alpha, request_id)):
        assert problem_of(answer)[:2] == (503, "unavailable")
    assert human.head().size == 0


def test_authorization_with_keys_of_another_deployment_does_not_start(service, deployment):
    deployment.stop()
    other = deployment.directory / "other.key"
    save_secret(other, AuthorizationKey.generate().secret_bytes(), kind="label-signature")
    with pytest.raises(ConfigurationError, match="belongs to another deployment"):
        create(service.config.model_copy(update={"label_signature_keys": (other,)}), deployment.clock)
    IdentityKey.generate().save(deployment.directory / "other-grant.key")
    change = {"grant_key": deployment.directory / "other-grant.key"}
    with pytest.raises(ConfigurationError, match="authorization key"):
        create(service.config.model_copy(update=change), deployment.clock)
