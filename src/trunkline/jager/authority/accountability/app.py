"""The accountability authority's HTTP interface."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, FastAPI, Response

from trunkline.crypto.group_signature import OpenerKey
from trunkline.errors import ConfigurationError
from trunkline.jager.authority.accountability.config import AccountabilityConfig
from trunkline.jager.authority.accountability.examination import Accountability
from trunkline.jager.authority.accountability.opening import Opener
from trunkline.jager.authority.accountability.sources import JoinLogReader, LabelEvaluator
from trunkline.jager.authority.accountability.store import OPENINGS, VERDICTS, OpeningsStore
from trunkline.jager.authority.metrics import measure_database
from trunkline.jager.authority.standing import Standing
from trunkline.jager.messages.accountability import REPORT_LIMIT, Disavowal, Report, Verdict
from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.jager.messages.signed_document import envelope_schema
from trunkline.service.application import authenticated, binary, body_of, create_application
from trunkline.service.client import ServiceClient
from trunkline.service.clock import Clock
from trunkline.service.database import open_database
from trunkline.service.keys import IdentityKey, load_secret
from trunkline.service.openapi import Operation, json_body, model_schema, operation
from trunkline.service.signatures import RequestAuth
from trunkline.telephony.providers import ProviderId

ROLE = "accountability"
JSON = "application/json"
DATABASE_NAME = "openings.sqlite"
MIGRATIONS = "trunkline.jager.authority.accountability.migrations"
_KEY_SIZE = 32


def create(config: AccountabilityConfig, clock: Clock) -> FastAPI:
    """Return the accountability authority's application.

    Raises:
        TrunklineError: Keys, parameters, registry or data directory cannot be used.
    """
    with Standing.opening(config, ROLE, clock) as standing:
        known = ParameterSet.load(
            config.parameters, config.earlier_parameters, config.root_fingerprint, now=clock()
        )
        parameters = known.current
        opener, *earlier_openers = (
            OpenerKey.from_bytes(load_secret(path, _KEY_SIZE, kind="opener"))
            for path in (config.opener_key, *config.earlier_opener_keys)
        )
        if opener.public_key != parameters.group_keys.y:
            raise ConfigurationError("the opener key does not belong to the public parameters' Y")
        verdict_key = IdentityKey.load(config.verdict_key)
        if verdict_key.public_key != parameters.accountability_key:
            raise ConfigurationError("the verdict key is not the public parameters' accountability key")
        auth = RequestAuth(
            IdentityKey.load(config.identity_key), config.id, parameters.audience("labels"), clock
        )
        labels = ServiceClient(config.labels_url, auth=auth, ca_file=config.ca_file)
        standing.resources.callback(labels.close)
        membership = ServiceClient(config.membership_url, ca_file=config.ca_file)
        standing.resources.callback(membership.close)
        engine = open_database(standing.directory / DATABASE_NAME, migrations=MIGRATIONS)
        standing.resources.callback(engine.dispose)
        metrics = standing.metrics(engine)
        measure_database(
            metrics,
            engine,
            "trunkline_openings",
            "Records opened since the authority began.",
            sa.select(sa.func.max(OPENINGS.c.position)),
        )
        measure_database(
            metrics,
            engine,
            "trunkline_verdicts",
            "Reports and disavowals decided since the authority began.",
            sa.select(VERDICTS.c.kind, sa.func.count()).group_by(VERDICTS.c.kind),
            label="kind",
        )
        accountability = Accountability(
            known=known,
            registry=standing.registry,
            config=config,
            opener=Opener(opener, *earlier_openers),
            verdict_key=verdict_key,
            evaluate=LabelEvaluator(known, labels),
            join_log=JoinLogReader(known, membership),
            store=OpeningsStore(engine),
            clock=clock,
        )

    app = create_application(
        "Trunkline accountability authority",
        max_body=REPORT_LIMIT,
        ready=standing.checks(engine),
        metrics=metrics,
        lifespan=standing.lifespan,
    )
    sender_id = authenticated(standing.verifier)

    @app.post("/v1/reports", **_judging(Report))
    def report(
        sender: Annotated[str, Depends(sender_id)],
        body: Annotated[bytes, Depends(body_of(JSON))],
    ) -> Response:
        """Open what a trace found wrong, and answer with the signed verdict."""
        standing.check_in_force()
        return binary(accountability.report(body, ProviderId.from_hex(sender)), JSON)

    @app.post("/v1/disavowals", **_judging(Disavowal))
    def disavowal(
        sender: Annotated[str, Depends(sender_id)],
        body: Annotated[bytes, Depends(body_of(JSON))],
    ) -> Response:
        """Look into a carrier's word that it was not in a call, and answer with the signed verdict."""
        standing.check_in_force()
        return binary(accountability.disavowal(body, ProviderId.from_hex(sender)), JSON)

    return app


def _judging(request: type[Report] | type[Disavowal]) -> Operation:
    verdict = envelope_schema(model_schema(Verdict))
    return operation(
        request=json_body(model_schema(request), f"At most {REPORT_LIMIT} bytes."),
        answers={200: json_body(verdict, "The signed verdict.")},
        signed=True,
        refusals=(403, 422, 429),
    )
