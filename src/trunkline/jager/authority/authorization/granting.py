"""Answering authorization requests: policy, quota, the log, and one grant a request.

A grant stands in the log, durably, before it leaves the authority. The same request within the lifetime of
its grant gets the same grant, so a requester whose answer was lost, or an authority that was killed, asks
and answers again without a second grant or a second count.
"""

import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import sqlalchemy as sa

from trunkline.crypto.ed25519 import SigningKey
from trunkline.errors import NotFoundError, PolicyError
from trunkline.jager.authority.authorization import store
from trunkline.jager.authority.authorization.config import AuthorizationConfig
from trunkline.jager.authority.authorization.policy import check_policy, needs_person
from trunkline.jager.authority.authorization.signing import LabelSigner
from trunkline.jager.authority.quota import reserve
from trunkline.jager.authority.transparency_log import append_entry
from trunkline.jager.messages.authorization import (
    SALT_SIZE,
    AuthorizationEntry,
    AuthorizationRequest,
    AuthorizationResponse,
    Grant,
    idx_digest,
    log_commitment,
)
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.service.clock import Clock
from trunkline.service.database import storage_errors
from trunkline.telephony.providers import ProviderId

# The record store's clock may be behind by as much as requests may be.
_CLOCK_MARGIN_S = 60


@dataclass(frozen=True, slots=True)
class Requester:
    """Who signed the HTTP request, with the key it has in the registry now."""

    id: ProviderId
    key: bytes


@dataclass(frozen=True, slots=True)
class Pending:
    """A request that a person has to decide on."""

    id: bytes


class Authorizer:
    """The authorization authority's work. Safe to use from several threads."""

    def __init__(
        self,
        engine: sa.Engine,
        signer: LabelSigner,
        grant_key: SigningKey,
        parameters: PublicParameters,
        config: AuthorizationConfig,
        clock: Clock,
    ) -> None:
        self._engine = engine
        self._signer = signer
        self._grant_key = grant_key
        self._parameters = parameters
        self._config = config
        self._clock = clock

    def authorize(self, body: bytes, requester: Requester) -> AuthorizationResponse | Pending:
        """Answer a request, or leave it to a person.

        Args:
            body: The encoded request.
            requester: Who sent it.

        Raises:
            InputError: The request is malformed, or for other parameters, stores or keys.
            AuthenticationError: It names another requester.
            PolicyError: It is for more than a window, or was denied.
            QuotaError: The requester's quota does not suffice.
        """
        request = AuthorizationRequest.decode(body)
        self._check(request, requester)
        digest = hashlib.sha256(body).digest()
        with ThreadPoolExecutor(1) as executor:
            with storage_errors(), self._engine.begin() as connection:
                now = self._clock()
                store.drop_expired(connection, now)
                found = store.find_live(connection, requester.id, now, digest=digest)
                if found is None:
                    found = self._admit(connection, request, body, digest, now)
                answer = self._answer(connection, found, request, requester, now)
                if isinstance(answer, Grant):
                    # While the transaction waits for the disk; nothing is answered before that has ended.
                    signatures = executor.submit(self._signer.sign, request.labels)
            if isinstance(answer, Pending):
                return answer
            return AuthorizationResponse(signatures.result(), answer)

    def poll(self, request_id: bytes, requester: Requester) -> AuthorizationResponse | Pending:
        """Answer a request that a person has to decide on, or has decided on.

        Raises:
            NotFoundError: The requester has no such request, or it has expired.
            InputError: Its label keys have been destroyed since it was made.
            PolicyError: It was denied.
        """
        with storage_errors(), self._engine.begin() as connection:
            now = self._clock()
            found = store.find_live(connection, requester.id, now, request_id=request_id)
            if found is None or found.body is None:
                raise NotFoundError("there is no such request of this requester, or it has expired")
            request = AuthorizationRequest.decode(found.body)
            # Up to a week has passed, and keys may be gone: no grant is logged that nobody can use.
            self._check(request, requester)
            answer = self._answer(connection, found, request, requester, now)
        if isinstance(answer, Pending):
            return answer
        return AuthorizationResponse(self._signer.sign(request.labels), answer)

    def _check(self, request: AuthorizationRequest, requester: Requester) -> None:
        check_policy(
            request,
            sender=requester.id,
            parameters=self._parameters,
            kids_served=self._signer.kids,
            tolerance_ms=self._config.tolerance_max_ms,
        )

    def _admit(
        self,
        connection: sa.Connection,
        request: AuthorizationRequest,
        body: bytes,
        digest: bytes,
        now: float,
    ) -> store.StoredRequest:
        """Count a new request against its requester's quota and keep it."""
        reserve(
            connection,
            store.QUOTA,
            request.requester_id,
            len(request.labels),
            limit=self._config.quota_labels_per_day,
            now=now,
        )
        for_person = needs_person(self._parameters, self._config.approval)
        admitted = store.StoredRequest(
            id=secrets.token_bytes(16),
            state=store.PENDING if for_person else store.APPROVED,
            # What is answered at once comes again with its body if it has to.
            body=body if for_person else None,
            grant=None,
        )
        columns = {
            "id": admitted.id,
            "requester": request.requester_id.value,
            "digest": digest,
            "state": admitted.state,
            "created_at": now,
            "expires_at": now + store.PENDING_LIFETIME_S,
            "labels": len(request.labels),
            "details_commitment": request.details_commitment,
            "case_commitment": request.case_commitment,
            "body": admitted.body,
        }
        connection.execute(store.ADD, columns)
        return admitted

    def _answer(
        self,
        connection: sa.Connection,
        found: store.StoredRequest,
        request: AuthorizationRequest,
        requester: Requester,
        now: float,
    ) -> Grant | Pending:
        if found.state == store.DENIED:
            raise PolicyError("the request was denied by the authority's operator")
        if found.state == store.PENDING:
            return Pending(found.id)
        if found.grant is not None:
            return Grant.decode(found.grant)
        return self._grant(connection, found.id, request, requester, now)

    def _grant(
        self,
        connection: sa.Connection,
        request_id: bytes,
        request: AuthorizationRequest,
        requester: Requester,
        now: float,
    ) -> Grant:
        indices = [keyed.idx for keyed in request.labels]
        expiry = int(now) + self._config.grant_lifetime_s
        grant = Grant(
            params_hash=self._parameters.hash,
            store_id=request.store_id,
            grant_id=secrets.token_bytes(16),
            requester_id=requester.id,
            requester_key=requester.key,
            idx_digest=idx_digest(indices),
            not_before=int(now) - _CLOCK_MARGIN_S,
            expiry=expiry,
            case_commitment=request.case_commitment,
        ).sign(self._grant_key)
        salt = secrets.token_bytes(SALT_SIZE)
        entry = AuthorizationEntry(int(now), grant.grant_id, log_commitment(salt, requester.id, indices))
        columns = {
            "state": store.GRANTED,
            "expires_at": expiry,
            "grant_id": grant.grant_id,
            "grant": grant.encode(),
            "idx_digest": grant.idx_digest,
            "salt": salt,
            "log_index": append_entry(connection, store.LOG, entry.encode()),
        }
        connection.execute(store.CHANGE, columns | {"of_id": request_id})
        return grant
