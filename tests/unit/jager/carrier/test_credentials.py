"""Membership: joining, renewing in time, and refusing what the issuer must not hand out."""

import pytest
from carrier_miniature import SELF, WEEK

from trunkline.crypto.group_signature import MemberSecret, verify_join
from trunkline.errors import (
    ConfigurationError,
    CryptoError,
    EvidenceError,
    PolicyError,
    TrunklineError,
    UnavailableError,
)
from trunkline.jager.carrier.credentials import (
    Credentials,
    load_member_secret,
    load_or_make_identity,
    load_or_make_member_secret,
)
from trunkline.jager.messages.membership import CredentialResponse, JoinRequest, RenewRequest
from trunkline.service.client import Answer

NONCE = b"n" * 32
# A point of order 3 on E(Fp): (0, 2), compressed.
TORSION = bytes([0x80]) + bytes(47)


class Membership:
    """The membership authority as a client sees it."""

    def __init__(self, miniature):
        self.miniature = miniature
        self.renewals = []
        self.failure = None
        self.change = lambda credential: credential
        self.params_hash = miniature.parameters.hash

    def post_json(self, path, value):
        assert (path, value) == ("/v1/join/nonce", {})
        return {"nonce": NONCE.hex()}

    def post(self, path, body, media_type, *, idempotent=True):
        if self.failure is not None:
            raise self.failure
        if path == "/v1/join":
            assert not idempotent
            request = JoinRequest.decode(body)
            request.verify(self.miniature.parameters.hash)
            verify_join(
                self.miniature.parameters.hash,
                request.nonce,
                request.carrier_id.value,
                request.identity_key,
                request.s_point,
                request.proof,
            )
            period, s_point = self.miniature.period, request.s_point
        else:
            period, s_point = RenewRequest.decode(body).period, self.miniature.keys.member.public_point
            self.renewals.append(period)
        credential = self.change(self.miniature.keys.issuer.issue(period, s_point))
        return Answer(200, CredentialResponse(self.params_hash, credential, 7).encode(), media_type)


@pytest.fixture
def membership(miniature):
    return Membership(miniature)


@pytest.fixture
def credentials(miniature, membership, tmp_path):
    return _credentials(miniature, membership, tmp_path)


def _credentials(miniature, membership, folder):
    return Credentials(miniature.parameters, SELF, miniature.keys.member, folder, membership, miniature.clock)


def test_join_keeps_a_credential_that_signs(credentials, miniature):
    assert not credentials.enrolled
    assert credentials.join(miniature.keys.carrier) == miniature.period
    assert credentials.enrolled
    assert credentials.signer().period == miniature.period


def test_credential_survives_a_restart_without_asking(miniature, membership, tmp_path, credentials):
    credentials.join(miniature.keys.carrier)
    membership.failure = UnavailableError("down")
    assert _credentials(miniature, membership, tmp_path).signer().period == miniature.period


def test_credential_with_a_torsion_point_is_refused_and_not_kept(credentials, membership, miniature):
    # Otherwise the issuer could recognise every signature that this carrier makes.
    from trunkline.crypto.group_signature import check_credential

    membership.change = lambda credential: credential[:4] + TORSION + credential[52:]
    with pytest.raises(CryptoError):
        credentials.join(miniature.keys.carrier)
    assert not credentials.enrolled
    with pytest.raises(CryptoError):
        check_credential(
            miniature.parameters.group,
            miniature.keys.member.public_point,
            membership.change(miniature.keys.issuer.issue(1, miniature.keys.member.public_point)),
        )


def test_credential_for_another_secret_is_refused(credentials, membership, miniature):
    other = MemberSecret.generate().public_point
    membership.change = lambda _credential: miniature.keys.issuer.issue(miniature.period, other)
    with pytest.raises(CryptoError):
        credentials.join(miniature.keys.carrier)
    assert not credentials.enrolled


def test_credential_for_other_parameters_is_refused(credentials, membership, miniature):
    membership.params_hash = bytes(32)
    with pytest.raises(EvidenceError, match="other public parameters"):
        credentials.join(miniature.keys.carrier)


def test_renewal_for_another_period_is_refused(credentials, membership, miniature):
    credentials.join(miniature.keys.carrier)
    miniature.now += WEEK
    membership.change = lambda _credential: miniature.keys.issuer.issue(
        miniature.period - 1, miniature.keys.member.public_point
    )
    with pytest.raises(EvidenceError, match="another period"):
        credentials.renew_if_due()


def test_renewal_comes_in_the_second_half_of_the_period_at_its_own_moment(miniature, membership, tmp_path):
    miniature.now = miniature.period * WEEK + WEEK * 0.45
    moments = set()
    for number in range(8):
        folder = tmp_path / str(number)
        folder.mkdir()
        credentials = _credentials(miniature, membership, folder)
        credentials.join(miniature.keys.carrier)
        start = miniature.now
        for step in range(60):
            miniature.now = start + step * WEEK / 100
            credentials.renew_if_due()
            if membership.renewals:
                break
        moments.add(step)
        assert membership.renewals == [miniature.period + 1]
        assert 5 <= step < 46
        membership.renewals.clear()
        miniature.now = start
    assert len(moments) > 2


def test_next_period_needs_no_authority_once_renewed(credentials, membership, miniature):
    credentials.join(miniature.keys.carrier)
    miniature.now = (miniature.period + 1) * WEEK - 1
    credentials.renew_if_due()
    membership.failure = UnavailableError("down")
    miniature.now += 2
    assert credentials.signer().period == miniature.period


def test_signer_without_a_credential_says_that_it_cannot_be_had_now(credentials, membership, miniature):
    credentials.join(miniature.keys.carrier)
    miniature.now += WEEK
    membership.failure = PolicyError("suspended")
    with pytest.raises(UnavailableError, match="suspended"):
        credentials.signer()
    membership.failure = None
    assert credentials.signer().period == miniature.period


def test_old_credentials_are_forgotten(credentials, miniature, tmp_path):
    credentials.join(miniature.keys.carrier)
    miniature.now += 2 * WEEK
    credentials.renew_if_due()
    assert len(list(tmp_path.glob("credential-*"))) in (1, 2)
    assert not credentials.has(miniature.period - 2)


def test_signer_of_a_carrier_that_never_joined_says_what_to_do(credentials):
    with pytest.raises(ConfigurationError, match="carrier enroll"):
        credentials.signer()


def test_keys_are_made_once_and_for_the_owner_alone(tmp_path):
    paths = tmp_path / "identity.key", tmp_path / "member.key"
    first = load_or_make_identity(paths[0]).public_key, load_or_make_member_secret(paths[1]).public_point
    again = load_or_make_identity(paths[0]).public_key, load_or_make_member_secret(paths[1]).public_point
    assert first == again
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in paths)
    with pytest.raises(ConfigurationError, match="another kind"):
        load_member_secret(paths[0])


def test_unusable_nonce_is_a_typed_error(credentials, membership, miniature):
    membership.post_json = lambda _path, _value: {"nonce": "no hex"}
    with pytest.raises(TrunklineError, match="hexadecimal"):
        credentials.join(miniature.keys.carrier)
