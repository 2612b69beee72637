"""Joining and renewing: each a single transaction, so that one carrier joins at a time.

Whatever leaves the authority stands in the join log before, durably: the answer is made from what the
transaction has committed.
"""

import hashlib
import secrets

import sqlalchemy as sa

from trunkline.crypto.group_signature import IssuerKey, check_credential
from trunkline.errors import CryptoError, NotFoundError, PolicyError
from trunkline.jager.authority.membership import store
from trunkline.jager.authority.membership.checks import check_join_request, check_renewal_period
from trunkline.jager.messages.membership import (
    NONCE_SIZE,
    CredentialResponse,
    JoinRequest,
    RenewRequest,
)
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.service.clock import Clock
from trunkline.service.database import storage_errors
from trunkline.telephony.providers import ProviderId


class Membership:
    """The membership authority's work. Safe to use from several threads."""

    def __init__(
        self, engine: sa.Engine, issuer: IssuerKey, parameters: PublicParameters, clock: Clock
    ) -> None:
        self._engine = engine
        self._issuer = issuer
        self._parameters = parameters
        self._clock = clock

    def new_nonce(self, carrier: ProviderId) -> bytes:
        """Return a fresh nonce for one join request of a carrier, good for five minutes."""
        nonce = secrets.token_bytes(NONCE_SIZE)
        with storage_errors(), self._engine.begin() as connection:
            store.add_nonce(connection, carrier, nonce, self._clock())
        return nonce

    def join(self, request: JoinRequest, sender: ProviderId, sender_key: bytes) -> CredentialResponse:
        """Make a carrier a member, and issue its credential of the current period.

        A carrier that is a member with the same S gets its credential again.

        Raises:
            AuthenticationError: The request is for another carrier or key than the sender's.
            SignatureError: The request is not signed by the carrier.
            PointError: S is not strict.
            ProofError: The proof does not verify.
            PolicyError: The nonce is not one of this carrier's, or the carrier is revoked.
            ConflictError: S is another carrier's, or the carrier has another S.
        """
        # A nonce is used up by a request that fails, too: nobody tries proofs against one nonce.
        digest = hashlib.sha256(request.encode()).digest()
        with storage_errors(), self._engine.begin() as connection:
            store.use_nonce(connection, sender, request.nonce, digest, self._clock())
        check_join_request(request, sender=sender, sender_key=sender_key, params_hash=self._parameters.hash)
        with storage_errors(), self._engine.begin() as connection:
            now = self._clock()
            self._refuse_revoked(connection, sender)
            store.register(connection, request, now)
            period = self._parameters.period_of(now)
            return self._issue(connection, sender, request.s_point, period, now)

    def renew(self, request: RenewRequest, sender: ProviderId) -> CredentialResponse:
        """Issue a member's credential of the current or the next period; the same when asked again.

        Raises:
            PolicyError: It is another period, or the carrier is revoked.
            NotFoundError: The carrier has not joined.
        """
        with storage_errors(), self._engine.begin() as connection:
            now = self._clock()
            check_renewal_period(request.period, self._parameters, now)
            self._refuse_revoked(connection, sender)
            s_point = store.active_s_point(connection, sender)
            if s_point is None:
                raise NotFoundError("the carrier is not a member: it joins first")
            return self._issue(connection, sender, s_point, request.period, now)

    def _issue(
        self, connection: sa.Connection, carrier: ProviderId, s_point: bytes, period: int, now: float
    ) -> CredentialResponse:
        found = store.find_credential(connection, s_point, period)
        if found is None or not self._is_of_this_group(s_point, found[0]):
            credential = self._issuer.issue(period, s_point)
            log_index = store.add_credential(connection, carrier, s_point, period, credential, now)
        else:
            credential, log_index = found
        return CredentialResponse(self._parameters.hash, credential, log_index)

    def _is_of_this_group(self, s_point: bytes, credential: bytes) -> bool:
        """Tell a credential from one that was issued under earlier parameters with another issuer key."""
        try:
            check_credential(self._parameters.group, s_point, credential)
        except CryptoError:
            return False
        return True

    @staticmethod
    def _refuse_revoked(connection: sa.Connection, carrier: ProviderId) -> None:
        if store.is_revoked(connection, carrier):
            raise PolicyError("the carrier's membership is revoked; it gets no credential")
