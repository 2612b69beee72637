"""A full disk: nothing is acknowledged, nothing is half done, and it goes on when there is space again."""

import secrets

from sqlalchemy import event

from trunkline.crypto.group_signature import MemberSecret
from trunkline.errors import StorageError
from trunkline.jager.authority.authorization import admin as authorization_admin
from trunkline.jager.authority.authorization import store as authorization_store
from trunkline.jager.authority.authorization.config import AuthorizationConfig
from trunkline.jager.authority.authorization.granting import Authorizer, Requester
from trunkline.jager.authority.authorization.signing import LabelSigner
from trunkline.jager.authority.membership import admin as membership_admin
from trunkline.jager.authority.membership import store as membership_store
from trunkline.jager.authority.membership.issuing import Membership
from trunkline.jager.authority.transparency_log import TransparencyLog
from trunkline.jager.messages.authorization import AuthorizationRequest, KeyedLabel
from trunkline.jager.messages.log import JOIN_LOG
from trunkline.jager.messages.membership import JoinRequest
from trunkline.service.database import open_database
from trunkline.service.keys import IdentityKey
from trunkline.telephony.providers import ProviderId


class Disk:
    """An engine whose database may be kept from growing by a single page."""

    def __init__(self, path, migrations):
        self.engine = open_database(path, migrations=migrations)
        self.full = False

        @event.listens_for(self.engine, "begin")
        def limit(connection):
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages if self.full else 2**30}")


def done_until_full(disk, step):
    """Repeat a step until the disk is full; pages that are allocated already take a few rows more."""
    disk.full = True
    for done in range(100):
        try:
            step()
        except StorageError as error:
            disk.full = False
            return done, str(error)
    raise AssertionError("the disk did not fill")


def test_join_on_a_full_disk_is_not_acknowledged_and_succeeds_afterwards(deployment, key_material, tmp_path):
    disk = Disk(tmp_path / "membership.sqlite", membership_admin.MIGRATIONS)
    membership = Membership(disk.engine, key_material.issuer, deployment.parameters, deployment.clock)
    log = TransparencyLog(
        disk.engine, membership_store.LOG, IdentityKey.generate(), JOIN_LOG, deployment.parameters.hash
    )

    def join_somebody():
        member = type(deployment.alpha)(ProviderId(secrets.token_bytes(16)))
        secret, nonce = MemberSecret.generate(), membership.new_nonce(member.id)
        key = member.key.public_key
        proof = secret.join_proof(deployment.parameters.hash, nonce, member.id.value, key)
        request = JoinRequest(nonce, member.id, key, secret.public_point, proof)
        return membership.join(request.sign(member.key, deployment.parameters.hash), member.id, key)

    joined, reason = done_until_full(disk, join_somebody)
    assert "full" in reason
    assert log.head(deployment.clock()).size == 2 * joined
    assert join_somebody().log_index == 2 * joined + 1


def test_grant_on_a_full_disk_is_not_acknowledged_and_not_counted(deployment, key_material, tmp_path):
    disk = Disk(tmp_path / "authorization.sqlite", authorization_admin.MIGRATIONS)
    config = AuthorizationConfig(
        **deployment.common(),
        label_signature_keys=(tmp_path / "signature-0.key",),
        grant_key=tmp_path / "grant.key",
    )
    authorizer = Authorizer(
        disk.engine,
        LabelSigner(key_material.label_signatures, deployment.parameters),
        IdentityKey.generate(),
        deployment.parameters,
        config,
        deployment.clock,
    )
    requester = Requester(deployment.alpha.id, deployment.alpha.key.public_key)
    kid = deployment.parameters.keys[0].kid

    def request():
        return AuthorizationRequest(
            deployment.parameters.hash,
            deployment.alpha.id,
            b"\x57" * 16,
            secrets.token_bytes(32),
            bytes(32),
            (KeyedLabel(kid, secrets.token_bytes(64)),),
        ).encode()

    def counted():
        with disk.engine.begin() as connection:
            used = connection.execute(authorization_store.QUOTA.select()).all()
            entries = connection.execute(authorization_store.LOG.select()).all()
        return sum(row.used for row in used), len(entries)

    bodies = []

    def authorize_another():
        bodies.append(request())
        authorizer.authorize(bodies[-1], requester)

    granted, reason = done_until_full(disk, authorize_another)
    assert "full" in reason
    assert counted() == (granted, granted)
    authorizer.authorize(bodies[-1], requester)
    assert counted() == (granted + 1, granted + 1)
