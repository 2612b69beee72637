"""The membership authority's HTTP interface."""

from typing import Annotated

from fastapi import Depends, FastAPI, Response
from pydantic import BaseModel

from trunkline.crypto.group_signature import IssuerKey
from trunkline.errors import AuthenticationError, ConfigurationError, DecodingError
from trunkline.jager.authority.membership.admin import DATABASE_NAME, MIGRATIONS
from trunkline.jager.authority.membership.config import MembershipConfig
from trunkline.jager.authority.membership.issuing import Membership
from trunkline.jager.authority.membership.store import LOG
from trunkline.jager.authority.metrics import measure_log
from trunkline.jager.authority.standing import Standing
from trunkline.jager.authority.transparency_log import TransparencyLog
from trunkline.jager.messages.log import JOIN_LOG, InclusionProof, LogEntries, LogHead
from trunkline.jager.messages.membership import (
    CREDENTIAL_RESPONSE_SIZE,
    CREDENTIAL_RESPONSE_TYPE,
    JOIN_REQUEST_SIZE,
    JOIN_REQUEST_TYPE,
    RENEW_REQUEST_SIZE,
    RENEW_REQUEST_TYPE,
    JoinRequest,
    RenewRequest,
)
from trunkline.jager.messages.signed_document import Bytes32, read_json
from trunkline.service.application import authenticated, binary, body_of, create_application
from trunkline.service.clock import Clock
from trunkline.service.database import open_database
from trunkline.service.keys import IdentityKey, load_secret
from trunkline.service.openapi import binary_body, json_body, operation
from trunkline.telephony.providers import ProviderId

ROLE = "membership"
_MAX_BODY = 4096
_KEY_SIZE = 32


class JoinNonce(BaseModel):
    """A nonce, which one join request uses within five minutes."""

    nonce: Bytes32


def create(config: MembershipConfig, clock: Clock) -> FastAPI:
    """Return the membership authority's application.

    Raises:
        TrunklineError: Keys, parameters, registry or data directory cannot be used.
    """
    with Standing.opening(config, ROLE, clock) as standing:
        parameters = standing.parameters
        issuer = IssuerKey.from_bytes(load_secret(config.issuer_key, _KEY_SIZE, kind="issuer"))
        log_key = IdentityKey.load(config.log_key)
        if (issuer.public_key, log_key.public_key) != (parameters.group_keys.w, parameters.membership_key):
            raise ConfigurationError("the issuer key or the log key is not the public parameters' one")
        engine = open_database(standing.directory / DATABASE_NAME, migrations=MIGRATIONS)
        standing.resources.callback(engine.dispose)
        membership = Membership(engine, issuer, parameters, clock)
        metrics = standing.metrics(engine)
        measure_log(metrics, engine, LOG)
        log = TransparencyLog(engine, LOG, log_key, JOIN_LOG, parameters.hash)

    app = create_application(
        "Trunkline membership authority",
        max_body=_MAX_BODY,
        ready=standing.checks(engine),
        metrics=metrics,
        lifespan=standing.lifespan,
    )
    sender_id = authenticated(standing.verifier)
    credential = {200: binary_body(CREDENTIAL_RESPONSE_TYPE, CREDENTIAL_RESPONSE_SIZE)}

    @app.post(
        "/v1/join/nonce",
        **operation(
            request=json_body({"type": "object", "maxProperties": 0}, "An empty object."), signed=True
        ),
    )
    def nonce(
        sender: Annotated[str, Depends(sender_id)],
        body: Annotated[bytes, Depends(body_of("application/json"))],
    ) -> JoinNonce:
        """Give a fresh nonce for a join request; the body is an empty JSON object."""
        standing.check_in_force()
        if read_json(body, "a nonce request", _MAX_BODY) != {}:
            raise DecodingError("a nonce request is an empty JSON object")
        return JoinNonce(nonce=membership.new_nonce(ProviderId.from_hex(sender)))

    @app.post(
        "/v1/join",
        **operation(
            request=binary_body(JOIN_REQUEST_TYPE, JOIN_REQUEST_SIZE),
            answers=credential,
            signed=True,
            refusals=(403, 409),
        ),
    )
    def join(
        sender: Annotated[str, Depends(sender_id)],
        body: Annotated[bytes, Depends(body_of(JOIN_REQUEST_TYPE))],
    ) -> Response:
        """Make the sender a member and issue its credential."""
        standing.check_in_force()
        sender_key = standing.registry.key_of(sender)
        if sender_key is None:
            raise AuthenticationError("the sender is not active in the registry any more")
        response = membership.join(JoinRequest.decode(body), ProviderId.from_hex(sender), sender_key)
        return binary(response.encode(), CREDENTIAL_RESPONSE_TYPE)

    @app.post(
        "/v1/renew",
        **operation(
            request=binary_body(RENEW_REQUEST_TYPE, RENEW_REQUEST_SIZE),
            answers=credential,
            signed=True,
            refusals=(403, 404),
        ),
    )
    def renew(
        sender: Annotated[str, Depends(sender_id)],
        body: Annotated[bytes, Depends(body_of(RENEW_REQUEST_TYPE))],
    ) -> Response:
        """Issue a member's credential of the current or the next period."""
        standing.check_in_force()
        response = membership.renew(RenewRequest.decode(body), ProviderId.from_hex(sender))
        return binary(response.encode(), CREDENTIAL_RESPONSE_TYPE)

    @app.get("/v1/log/head", **operation())
    def head() -> LogHead:
        """Give the signed head of the join log."""
        return log.head(clock())

    @app.get("/v1/log/proof", **operation(refusals=(400,)))
    def proof(index: int, size: int) -> InclusionProof:
        """Give the proof that an entry is in the log of a size."""
        return log.proof(index, size)

    @app.get("/v1/log/entries", **operation(refusals=(400,)))
    def entries(start: int, end: int) -> LogEntries:
        """Give the entries from `start` up to but without `end`, at most 1,000."""
        return log.entries(start, end)

    return app
