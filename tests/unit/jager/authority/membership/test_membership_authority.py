import threading

import pytest

from trunkline.crypto.group_signature import IssuerKey, MemberSecret, check_credential
from trunkline.errors import ConfigurationError, NotFoundError
from trunkline.jager.authority.membership.admin import reinstate_member, reset_member, revoke_member
from trunkline.jager.authority.membership.app import create
from trunkline.jager.authority.membership.config import MembershipConfig
from trunkline.jager.messages.log import JOIN_LOG, InclusionProof, LogEntries, LogHead
from trunkline.jager.messages.membership import (
    CREDENTIAL_RESPONSE_TYPE,
    JOIN_REQUEST_TYPE,
    RENEW_REQUEST_TYPE,
    CredentialResponse,
    IssuanceEntry,
    JoinEntry,
    JoinRequest,
    RenewRequest,
    decode_log_entry,
)
from trunkline.service.keys import IdentityKey, save_secret
from trunkline.service.merkle import verify_inclusion

INFINITY = b"\xc0" + bytes(47)


class Service:
    """A running membership authority, and what carriers do with it."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.config = MembershipConfig(
            **deployment.common(),
            issuer_key=deployment.directory / "issuer.key",
            log_key=deployment.directory / "join-log.key",
        )
        self.client = deployment.start(create(self.config, deployment.clock))

    def restart(self):
        self.deployment.stop()
        self.client = self.deployment.start(create(self.config, self.deployment.clock))

    @property
    def period(self):
        return self.deployment.parameters.period_of(self.deployment.clock.now)

    def nonce(self, member):
        answer = self.deployment.post(
            self.client, "membership", member, "/v1/join/nonce", b"{}", "application/json"
        )
        assert answer.status_code == 200, answer.text
        return bytes.fromhex(answer.json()["nonce"])

    def request(self, member, secret, nonce=None, **changes):
        """Return a signed join request, with fields changed before it is signed."""
        params_hash = self.deployment.parameters.hash
        fields = {
            "nonce": nonce or self.nonce(member),
            "carrier_id": member.id,
            "identity_key": member.key.public_key,
            "s_point": secret.public_point,
        } | changes
        fields.setdefault(
            "proof",
            secret.join_proof(
                params_hash, fields["nonce"], fields["carrier_id"].value, fields["identity_key"]
            ),
        )
        return JoinRequest(**fields).sign(member.key, params_hash)

    def send(self, member, request, **changes):
        body = request if isinstance(request, bytes) else request.encode()
        return self.deployment.post(
            self.client, "membership", member, "/v1/join", body, JOIN_REQUEST_TYPE, **changes
        )

    def join(self, member, secret):
        return self.send(member, self.request(member, secret))

    def joined(self, member, secret):
        answer = self.join(member, secret)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == CREDENTIAL_RESPONSE_TYPE
        return CredentialResponse.decode(answer.content)

    def renew(self, member, period):
        body = period if isinstance(period, bytes) else RenewRequest(period).encode()
        return self.deployment.post(self.client, "membership", member, "/v1/renew", body, RENEW_REQUEST_TYPE)

    def head(self):
        head = LogHead.decode(self.client.get("/v1/log/head").content)
        parameters = self.deployment.parameters
        head.verify(parameters.membership_key, JOIN_LOG, parameters.hash)
        return head

    def entries(self):
        size = self.head().size
        if not size:
            return []
        answer = self.client.get("/v1/log/entries", params={"start": 0, "end": size})
        return [decode_log_entry(entry) for entry in LogEntries.decode(answer.content).entries]


@pytest.fixture
def service(deployment):
    return Service(deployment)


@pytest.fixture(scope="module")
def secret():
    return MemberSecret.generate()


def test_carrier_that_joins_gets_a_valid_credential_logged_before(service, deployment, secret):
    response = service.joined(deployment.alpha, secret)
    check_credential(deployment.parameters.group, secret.public_point, response.credential)
    assert response.params_hash == deployment.parameters.hash
    assert int.from_bytes(response.credential[:4], "big") == service.period
    joined, issued = service.entries()
    assert isinstance(joined, JoinEntry)
    joined.request.verify(deployment.parameters.hash)
    assert (joined.request.carrier_id, joined.request.s_point) == (deployment.alpha.id, secret.public_point)
    assert issued == IssuanceEntry(
        int(deployment.clock.now), deployment.alpha.id, service.period, secret.public_point
    )
    assert response.log_index == 1


def test_log_entry_is_proven_to_be_in_the_signed_head(service, deployment, secret):
    service.joined(deployment.alpha, secret)
    service.joined(deployment.bravo, MemberSecret.generate())
    head = service.head()
    for index, entry in enumerate(service.entries()):
        answer = service.client.get("/v1/log/proof", params={"index": index, "size": head.size})
        proof = InclusionProof.decode(answer.content)
        verify_inclusion(entry.encode(), index, head.size, proof.path, head.root)


@pytest.mark.parametrize(
    "address",
    [
        "/v1/log/proof?index=5&size=1",
        "/v1/log/proof?index=0&size=99",
        "/v1/log/proof?index=-1&size=1",
        "/v1/log/proof?index=0",
        "/v1/log/entries?start=3&end=3",
        "/v1/log/entries?start=-1&end=3",
        "/v1/log/entries?start=x&end=3",
        "/v1/log/entries?start=9223372036854775808&end=9223372036854775809",
    ],
)
def test_log_asked_for_what_is_not_there_answers_an_input_error(address, service, problem_of):
    assert problem_of(service.client.get(address))[:2] == (400, "input")


def test_carrier_that_joins_again_with_the_same_secret_gets_the_same_credential(service, deployment, secret):
    first = service.joined(deployment.alpha, secret)
    assert service.joined(deployment.alpha, secret) == first
    assert service.head().size == 2


def test_membership_restarted_remembers_members_log_and_nonces(service, deployment, secret):
    request = service.request(deployment.alpha, secret)
    first = CredentialResponse.decode(service.send(deployment.alpha, request).content)
    head = service.head()
    service.restart()
    assert service.head().root == head.root
    # The answer was lost and the client sends the same body again.
    assert CredentialResponse.decode(service.send(deployment.alpha, request).content) == first
    assert service.joined(deployment.alpha, secret) == first
    assert service.head().size == 2


def test_carrier_that_joins_with_another_secret_conflicts_until_it_is_reset(
    service, deployment, secret, problem_of
):
    service.joined(deployment.alpha, secret)
    fresh = MemberSecret.generate()
    status, code, detail = problem_of(service.join(deployment.alpha, fresh))
    assert (status, code) == (409, "conflict")
    assert "asks the membership authority for a reset" in detail
    reset_member(service.config.data_dir, deployment.alpha.id)
    check_credential(
        deployment.parameters.group,
        fresh.public_point,
        service.joined(deployment.alpha, fresh).credential,
    )
    # The old S stays the carrier's: signatures made with it are opened to this carrier for ever.
    assert problem_of(service.join(deployment.bravo, secret))[1] == "conflict"
    with pytest.raises(NotFoundError, match="no member"):
        reset_member(service.config.data_dir, deployment.bravo.id)


def test_carrier_reset_may_join_again_with_its_old_secret(service, deployment, secret):
    service.joined(deployment.alpha, secret)
    reset_member(service.config.data_dir, deployment.alpha.id)
    service.joined(deployment.alpha, secret)
    assert [type(entry) for entry in service.entries()] == [JoinEntry, IssuanceEntry, JoinEntry]


def test_s_of_another_carrier_is_refused(service, deployment, secret, problem_of):
    # Even by who knows the secret: an opening must lead to one carrier.
    service.joined(deployment.alpha, secret)
    status, code, detail = problem_of(service.join(deployment.bravo, secret))
    assert (status, code) == (409, "conflict")
    assert "another carrier" in detail
    assert service.head().size == 2


def test_join_proof_copied_from_another_carrier_is_refused(service, deployment, secret, problem_of):
    copied = service.request(deployment.alpha, secret)
    service.send(deployment.alpha, copied)
    request = service.request(deployment.bravo, secret, service.nonce(deployment.bravo), proof=copied.proof)
    assert problem_of(service.send(deployment.bravo, request))[:2] == (400, "proof")


def test_join_proof_for_another_nonce_is_refused(service, deployment, secret, problem_of):
    old = service.request(deployment.alpha, secret)
    request = service.request(deployment.alpha, secret, service.nonce(deployment.alpha), proof=old.proof)
    assert problem_of(service.send(deployment.alpha, request))[:2] == (400, "proof")
    assert service.entries() == []


def test_s_that_is_the_identity_is_refused(service, deployment, secret, problem_of):
    # s = 0: whoever holds such a credential is nobody when it is opened.
    request = service.request(deployment.alpha, secret, s_point=INFINITY)
    assert problem_of(service.send(deployment.alpha, request))[:2] == (400, "point")


@pytest.mark.parametrize("s_point", [bytes(48), b"\xff" * 48, b"\x80" + bytes(46) + b"\x01"])
def test_s_that_is_no_point_is_refused(s_point, service, deployment, secret, problem_of):
    request = service.request(deployment.alpha, secret, s_point=s_point)
    assert problem_of(service.send(deployment.alpha, request))[:2] == (400, "point")


def test_join_for_another_carrier_is_refused(service, deployment, secret, problem_of):
    request = service.request(deployment.alpha, secret, carrier_id=deployment.bravo.id)
    status, code, detail = problem_of(service.send(deployment.alpha, request))
    assert (status, code) == (401, "authentication")
    assert "names another carrier" in detail


def test_join_with_a_key_that_the_registry_does_not_name_is_refused(service, deployment, secret, problem_of):
    request = service.request(deployment.alpha, secret, identity_key=IdentityKey.generate().public_key)
    status, code, detail = problem_of(service.send(deployment.alpha, request))
    assert (status, code) == (401, "authentication")
    assert "another identity key" in detail


def test_join_not_signed_by_the_carrier_is_refused(service, deployment, secret, problem_of):
    request = service.request(deployment.alpha, secret)
    forged = request.sign(deployment.bravo.key, deployment.parameters.hash)
    assert problem_of(service.send(deployment.alpha, forged))[:2] == (400, "signature")


def test_join_signed_for_other_parameters_is_refused(service, deployment, secret, problem_of):
    request = service.request(deployment.alpha, secret).sign(deployment.alpha.key, bytes(32))
    assert problem_of(service.send(deployment.alpha, request))[:2] == (400, "signature")


def test_join_nonce_is_used_once_lasts_five_minutes_and_is_one_carriers(
    service, deployment, secret, problem_of
):
    used = service.nonce(deployment.alpha)
    bad = service.request(deployment.alpha, secret, used, s_point=INFINITY)
    assert problem_of(service.send(deployment.alpha, bad))[1] == "point"
    again = problem_of(service.send(deployment.alpha, service.request(deployment.alpha, secret, used)))
    assert again[:2] == (403, "policy")
    assert "ask for a new one" in again[2]

    of_bravo = service.nonce(deployment.bravo)
    for nonce in (of_bravo, bytes(32)):
        request = service.request(deployment.alpha, secret, nonce)
        assert problem_of(service.send(deployment.alpha, request))[:2] == (403, "policy")

    late = service.request(deployment.alpha, secret)
    deployment.clock.now += 301
    assert problem_of(service.send(deployment.alpha, late))[:2] == (403, "policy")
    in_time = service.request(deployment.alpha, secret)
    deployment.clock.now += 300
    assert service.send(deployment.alpha, in_time).status_code == 200


@pytest.mark.parametrize("body", [b"", b"[]", b'{"a": 1}', b"\xff"])
def test_nonce_request_that_is_no_empty_object_is_malformed(body, service, deployment, problem_of):
    answer = deployment.post(
        service.client, "membership", deployment.alpha, "/v1/join/nonce", body, "application/json"
    )
    assert problem_of(answer)[:2] == (400, "malformed")


def test_membership_past_the_parameters_validity_issues_nothing(service, deployment, secret, problem_of):
    service.joined(deployment.alpha, secret)
    request = service.request(deployment.bravo, MemberSecret.generate())
    deployment.clock.now = deployment.parameters.not_after
    nonce = deployment.post(
        service.client, "membership", deployment.bravo, "/v1/join/nonce", b"{}", "application/json"
    )
    answers = (
        nonce,
        service.send(deployment.bravo, request),
        service.renew(deployment.alpha, service.period),
    )
    for answer in answers:
        assert problem_of(answer)[:2] == (503, "unavailable")
    assert service.head().size == 2


def test_nonces_of_one_carrier_are_bounded_and_leave_those_of_others_alone(service, deployment, secret):
    of_bravo = service.nonce(deployment.bravo)
    first = service.nonce(deployment.alpha)
    for _ in range(16):
        deployment.clock.now += 1
        service.nonce(deployment.alpha)
    request = service.request(deployment.alpha, secret, first)
    assert service.send(deployment.alpha, request).status_code == 403
    request = service.request(deployment.bravo, secret, of_bravo)
    assert service.send(deployment.bravo, request).status_code == 200


@pytest.mark.parametrize("size", [0, 241, 243])
def test_join_request_of_another_length_is_malformed(size, service, deployment, problem_of):
    body = b"\x01\x01" + bytes(size - 2) if size else b""
    assert problem_of(service.send(deployment.alpha, body))[:2] == (400, "malformed")


def test_join_of_unknown_or_suspended_carrier_is_refused(service, deployment, secret, problem_of):
    stranger = type(deployment.alpha)(type(deployment.alpha.id)(b"\x99" * 16))
    for member in (stranger, deployment.suspended):
        request = service.request(member, secret, nonce=bytes(32))
        assert problem_of(service.send(member, request))[:2] == (401, "authentication")


def test_join_replayed_at_another_service_is_refused(service, deployment, secret, problem_of):
    request = service.request(deployment.alpha, secret)
    answer = service.send(deployment.alpha, request, audience="test/labels")
    assert problem_of(answer)[:2] == (401, "authentication")


def test_two_carriers_joining_with_one_secret_at_once_leave_one_member(service, deployment, secret):
    requests = [(member, service.request(member, secret)) for member in (deployment.alpha, deployment.bravo)]
    statuses = []

    def send(member, request):
        statuses.append(service.send(member, request).status_code)

    threads = [threading.Thread(target=send, args=pair) for pair in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 409]
    assert service.head().size == 2


def test_member_renews_for_the_current_and_the_next_period_only(service, deployment, secret, problem_of):
    first = service.joined(deployment.alpha, secret)
    period = service.period
    assert CredentialResponse.decode(service.renew(deployment.alpha, period).content) == first
    early = CredentialResponse.decode(service.renew(deployment.alpha, period + 1).content)
    check_credential(deployment.parameters.group, secret.public_point, early.credential)
    assert int.from_bytes(early.credential[:4], "big") == period + 1
    for other in (period - 1, period + 2):
        status, code, detail = problem_of(service.renew(deployment.alpha, other))
        assert (status, code) == (403, "policy")
        assert f"{period} and {period + 1} only" in detail
    deployment.clock.now += deployment.parameters.period_s
    assert CredentialResponse.decode(service.renew(deployment.alpha, period + 1).content) == early
    issued = [entry.period for entry in service.entries() if isinstance(entry, IssuanceEntry)]
    assert issued == [period, period + 1]


def test_renewal_of_who_has_not_joined_is_refused(service, deployment, problem_of):
    assert problem_of(service.renew(deployment.alpha, service.period))[:2] == (404, "not-found")


def test_renewal_with_trailing_byte_is_malformed(service, deployment, problem_of):
    body = RenewRequest(service.period).encode() + b"\x00"
    assert problem_of(service.renew(deployment.alpha, body))[:2] == (400, "malformed")


def test_suspended_member_gets_no_credential(service, deployment, secret, problem_of):
    service.joined(deployment.alpha, secret)
    deployment.write_registry(alpha="suspended")
    assert problem_of(service.renew(deployment.alpha, service.period + 1))[:2] == (401, "authentication")
    assert service.head().size == 2


def test_revoked_member_gets_no_credential_until_it_is_reinstated(service, deployment, secret, problem_of):
    data_dir = service.config.data_dir
    service.joined(deployment.alpha, secret)
    revoke_member(data_dir, deployment.alpha.id, now=deployment.clock.now)
    revoke_member(data_dir, deployment.alpha.id, now=deployment.clock.now)
    for answer in (
        service.renew(deployment.alpha, service.period),
        service.join(deployment.alpha, secret),
    ):
        status, code, detail = problem_of(answer)
        assert (status, code) == (403, "policy")
        assert "revoked" in detail
    reinstate_member(data_dir, deployment.alpha.id)
    assert service.renew(deployment.alpha, service.period).status_code == 200
    with pytest.raises(NotFoundError, match="not revoked"):
        reinstate_member(data_dir, deployment.alpha.id)


def test_operator_of_a_folder_without_data_is_told(tmp_path, deployment):
    with pytest.raises(NotFoundError, match="no data of a membership authority"):
        revoke_member(tmp_path / "other", deployment.alpha.id, now=1)


def test_membership_with_a_key_of_another_deployment_does_not_start(service, deployment):
    deployment.stop()
    save_secret(deployment.directory / "other-issuer.key", IssuerKey.generate().secret_bytes(), kind="issuer")
    IdentityKey.generate().save(deployment.directory / "other-log.key")
    for change in (
        {"issuer_key": deployment.directory / "other-issuer.key"},
        {"log_key": deployment.directory / "other-log.key"},
    ):
        with pytest.raises(ConfigurationError, match="not the public parameters' one"):
            create(service.config.model_copy(update=change), deployment.clock)


def test_member_stays_one_under_parameters_that_succeed_these(service, deployment, secret, reread_parameters):
    before = service.joined(deployment.alpha, secret)
    first = deployment.parameters
    deployment.parameters = reread_parameters(first, not_before=first.not_before + 1)
    deployment.write_parameters(deployment.parameters)
    service.restart()
    for period in (service.period, service.period + 1):
        answer = service.renew(deployment.alpha, period)
        response = CredentialResponse.decode(answer.content)
        assert response.params_hash == deployment.parameters.hash != first.hash
        check_credential(deployment.parameters.group, secret.public_point, response.credential)
        if period == service.period:
            assert response.credential == before.credential
    kinds = [type(entry) for entry in service.entries()]
    assert kinds == [JoinEntry, IssuanceEntry, IssuanceEntry]


def test_member_gets_a_credential_of_the_new_issuer_key_for_a_period_that_it_has_one_for(
    service, deployment, secret, reread_parameters
):
    before = service.joined(deployment.alpha, secret)
    issuer = IssuerKey.generate()
    (deployment.directory / "issuer.key").unlink()
    save_secret(deployment.directory / "issuer.key", issuer.secret_bytes(), kind="issuer")
    group = deployment.parameters.group_keys.model_dump() | {
        "w": issuer.public_key,
        "w_possession": issuer.possession_proof(),
    }
    deployment.parameters = reread_parameters(deployment.parameters, group=group)
    deployment.write_parameters(deployment.parameters)
    service.restart()
    # Its agent finds no credential of the new group and joins; there is nothing new for the log but those.
    again = service.joined(deployment.alpha, secret)
    assert again.credential != before.credential
    check_credential(deployment.parameters.group, secret.public_point, again.credential)
    renewed = CredentialResponse.decode(service.renew(deployment.alpha, service.period).content)
    assert renewed == again
    assert [type(entry) for entry in service.entries()] == [JoinEntry, IssuanceEntry, IssuanceEntry]
