"""The authorization authority's HTTP interface."""

from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import Depends, FastAPI, Path, Response
from pydantic import BaseModel

from trunkline.crypto.label_signature import AuthorizationKey
from trunkline.errors import AuthenticationError, ConfigurationError, NotFoundError
from trunkline.jager.authority.authorization.admin import DATABASE_NAME, MIGRATIONS
from trunkline.jager.authority.authorization.config import AuthorizationConfig
from trunkline.jager.authority.authorization.granting import Authorizer, Pending, Requester
from trunkline.jager.authority.authorization.signing import LabelSigner
from trunkline.jager.authority.authorization.store import LOG, PENDING, REQUESTS
from trunkline.jager.authority.metrics import measure_database, measure_log
from trunkline.jager.authority.standing import Standing
from trunkline.jager.authority.transparency_log import TransparencyLog
from trunkline.jager.messages.authorization import (
    AUTHORIZATION_REQUEST_LIMIT,
    AUTHORIZATION_REQUEST_TYPE,
    AUTHORIZATION_RESPONSE_LIMIT,
    AUTHORIZATION_RESPONSE_TYPE,
    AuthorizationResponse,
)
from trunkline.jager.messages.log import AUTHORIZATION_LOG, InclusionProof, LogHead
from trunkline.jager.messages.signed_document import Bytes16
from trunkline.service.application import authenticated, binary, body_of, create_application
from trunkline.service.clock import Clock
from trunkline.service.database import open_database
from trunkline.service.keys import IdentityKey, load_secret
from trunkline.service.openapi import binary_body, json_body, model_schema, operation
from trunkline.telephony.providers import ProviderId

ROLE = "authorization"
_KEY_SIZE = 32


class PendingAnswer(BaseModel):
    """A request that waits for a person, under the identifier that its answer is asked for by."""

    id: Bytes16
    state: Literal["pending"]


def create(config: AuthorizationConfig, clock: Clock) -> FastAPI:
    """Return the authorization authority's application.

    Raises:
        TrunklineError: Keys, parameters, registry or data directory cannot be used.
    """
    with Standing.opening(config, ROLE, clock) as standing:
        parameters = standing.parameters
        keys = [
            AuthorizationKey.from_bytes(load_secret(path, _KEY_SIZE, kind="label-signature"))
            for path in config.label_signature_keys
        ]
        signer = LabelSigner(keys, parameters)
        grant_key = IdentityKey.load(config.grant_key)
        if grant_key.public_key != parameters.authorization_key:
            raise ConfigurationError("the grant key is not the public parameters' authorization key")
        engine = open_database(standing.directory / DATABASE_NAME, migrations=MIGRATIONS)
        standing.resources.callback(engine.dispose)
        authorizer = Authorizer(engine, signer, grant_key, parameters, config, clock)
        metrics = standing.metrics(engine)
        measure_log(metrics, engine, LOG)
        measure_database(
            metrics,
            engine,
            "trunkline_pending_requests",
            "Trace requests that wait for a person.",
            sa.select(sa.func.count()).where(REQUESTS.c.state == PENDING),
            kind="gauge",
        )
        log = TransparencyLog(engine, LOG, grant_key, AUTHORIZATION_LOG, parameters.hash)

    app = create_application(
        "Trunkline authorization authority",
        max_body=AUTHORIZATION_REQUEST_LIMIT,
        ready=standing.checks(engine) | {"label-keys": standing.check_label_keys},
        metrics=metrics,
        lifespan=standing.lifespan,
    )
    sender_id = authenticated(standing.verifier)
    answers = {
        200: binary_body(AUTHORIZATION_RESPONSE_TYPE, AUTHORIZATION_RESPONSE_LIMIT),
        202: json_body(model_schema(PendingAnswer), "A person has to decide."),
    }

    def requester_of(sender: str) -> Requester:
        standing.check_in_force()
        key = standing.registry.key_of(sender)
        if key is None:
            raise AuthenticationError("the sender is not active in the registry any more")
        return Requester(ProviderId.from_hex(sender), key)

    @app.post(
        "/v1/authorizations",
        **operation(
            request=binary_body(AUTHORIZATION_REQUEST_TYPE, AUTHORIZATION_REQUEST_LIMIT),
            answers=answers,
            signed=True,
            refusals=(403, 429),
        ),
    )
    def authorize(
        sender: Annotated[str, Depends(sender_id)],
        body: Annotated[bytes, Depends(body_of(AUTHORIZATION_REQUEST_TYPE))],
    ) -> Response:
        """Answer a request with label signatures and a grant, or with 202 when a person has to decide."""
        return _response(authorizer.authorize(body, requester_of(sender)))

    @app.get(
        "/v1/authorizations/{request_id}",
        **operation(answers=answers, signed=True, refusals=(403, 404, 429)),
    )
    def poll(
        request_id: Annotated[str, Path(json_schema_extra={"pattern": "^[0-9a-f]{32}$"})],
        sender: Annotated[str, Depends(sender_id)],
    ) -> Response:
        """Answer a request that a person has to decide on, or has decided on."""
        try:
            identifier = bytes.fromhex(request_id)
        except ValueError as error:
            raise NotFoundError("a request's identifier is written as 32 hexadecimal digits") from error
        return _response(authorizer.poll(identifier, requester_of(sender)))

    @app.get("/v1/log/head", **operation())
    def head() -> LogHead:
        """Give the signed head of the authorization log."""
        return log.head(clock())

    @app.get("/v1/log/proof", **operation(refusals=(400,)))
    def proof(index: int, size: int) -> InclusionProof:
        """Give the proof that an entry is in the log of a size."""
        return log.proof(index, size)

    return app


def _response(answer: AuthorizationResponse | Pending) -> Response:
    if isinstance(answer, Pending):
        pending = PendingAnswer(id=answer.id, state="pending")
        return Response(pending.model_dump_json(), status_code=202, media_type="application/json")
    return binary(answer.encode(), AUTHORIZATION_RESPONSE_TYPE)
