"""Enrolment: keys made once, a credential kept, and everything harmless to repeat."""

import json

import pytest
from carrier_http import HttpDeployment

from trunkline.crypto.group_signature import verify_join
from trunkline.errors import CryptoError, StorageError
from trunkline.jager.carrier.enroll import enroll
from trunkline.jager.messages.membership import CredentialResponse, JoinRequest
from trunkline.service.files import lock_directory

pytestmark = pytest.mark.network
NONCE = b"n" * 32


@pytest.fixture
def deployment(miniature, tmp_path):
    deployment = HttpDeployment(miniature, tmp_path)
    for path in [*(tmp_path / "data").iterdir(), tmp_path / "identity.key", tmp_path / "member.key"]:
        path.unlink()
    deployment.joins = []
    deployment.period = miniature.period

    def join(body):
        request = JoinRequest.decode(body)
        params_hash = miniature.parameters.hash
        request.verify(params_hash)
        carrier, key = request.carrier_id.value, request.identity_key
        verify_join(params_hash, NONCE, carrier, key, request.s_point, request.proof)
        deployment.joins.append((key, request.s_point))
        credential = miniature.keys.issuer.issue(deployment.period, request.s_point)
        return CredentialResponse(params_hash, deployment.change(credential), 1).encode()

    deployment.change = lambda credential: credential
    deployment.more["/v1/join/nonce"] = lambda _body: json.dumps({"nonce": NONCE.hex()}).encode()
    deployment.media["/v1/join/nonce"] = "application/json"
    deployment.more["/v1/join"] = join
    yield deployment
    deployment.close()


def test_enrolment_makes_keys_and_keeps_a_credential(deployment):
    enrolment = enroll(deployment.config)
    assert enrolment.period == deployment.period
    assert enrolment.identity_key == deployment.joins[0][0]
    assert (deployment.folder / "member.key").stat().st_mode & 0o777 == 0o600
    assert len(list((deployment.folder / "data").glob("credential-*"))) == 1
    assert (deployment.folder / "data" / "outbox.sqlite").exists()


def test_second_enrolment_uses_the_same_keys(deployment):
    assert enroll(deployment.config) == enroll(deployment.config)
    assert deployment.joins[0] == deployment.joins[1]


def test_keys_survive_an_enrolment_that_fails(deployment):
    # The authority may have registered S already: another S would be refused for ever.
    deployment.change = lambda credential: credential[:-1] + bytes([credential[-1] ^ 1])
    with pytest.raises(CryptoError):
        enroll(deployment.config)
    deployment.change = lambda credential: credential
    enroll(deployment.config)
    assert deployment.joins[0] == deployment.joins[1]


def test_enrolment_while_the_agent_runs_is_refused(deployment):
    with lock_directory(deployment.config.data_dir), pytest.raises(StorageError, match="another process"):
        enroll(deployment.config)
