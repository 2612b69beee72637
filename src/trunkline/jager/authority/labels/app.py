"""The label authority's HTTP interface."""

import sqlalchemy as sa
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from prometheus_client import Histogram

from trunkline.crypto.oprf import LabelKey
from trunkline.jager.authority.labels.config import LabelsConfig
from trunkline.jager.authority.labels.evaluation import LabelEvaluator
from trunkline.jager.authority.quota import quota_table, reserve
from trunkline.jager.authority.standing import Standing
from trunkline.jager.messages.labels import (
    LABEL_REQUEST_TYPE,
    LABEL_RESPONSE_TYPE,
    REQUEST_LIMIT,
    RESPONSE_LIMIT,
    LabelRequest,
)
from trunkline.service.application import binary, create_application, require_media_type, sender_of
from trunkline.service.clock import Clock
from trunkline.service.database import open_database, single_statements
from trunkline.service.keys import load_secret
from trunkline.service.metrics import SECONDS, SIZES
from trunkline.service.openapi import binary_body, operation
from trunkline.telephony.providers import ProviderId

ROLE = "labels"
_KEY_SIZE = 32
_MIGRATIONS = "trunkline.jager.authority.labels.migrations"

_quota = quota_table(sa.MetaData())


def create(config: LabelsConfig, clock: Clock) -> FastAPI:
    """Return the label authority's application.

    Raises:
        TrunklineError: Keys, parameters, registry or data directory cannot be used.
    """
    # What a crash of the database takes is at most some of a day's count, and nonces of requests whose time
    # has nearly passed; no label waits for a disk.
    shared, nonces = None, None
    if config.database is not None:
        from trunkline.jager.authority.labels.shared_nonces import SharedNonces

        shared = open_database(config.database, migrations=_MIGRATIONS, durable=False)
        nonces = SharedNonces(shared)
    with Standing.opening(config, ROLE, clock, nonces=nonces) as standing:
        keys = [LabelKey.from_bytes(load_secret(path, _KEY_SIZE, kind="label")) for path in config.keys]
        evaluator = LabelEvaluator(keys, standing.parameters)
        engine = shared or open_database(
            standing.directory / "labels.sqlite", migrations=_MIGRATIONS, durable=False
        )
        standing.resources.callback(engine.dispose)

    metrics = standing.metrics(engine)
    elements = Histogram(
        "trunkline_labels_request_elements",
        "Blinded elements of a request that was within its quota, padding included.",
        buckets=SIZES,
        registry=metrics.registry,
    )
    seconds = Histogram(
        "trunkline_labels_evaluation_seconds",
        "Time to evaluate the elements of a request.",
        buckets=SECONDS,
        registry=metrics.registry,
    )
    app = create_application(
        "Trunkline label authority",
        max_body=REQUEST_LIMIT,
        ready=standing.checks(engine) | {"label-keys": standing.check_label_keys},
        metrics=metrics,
        lifespan=standing.lifespan,
    )

    @app.post(
        "/v1/labels",
        **operation(
            request=binary_body(LABEL_REQUEST_TYPE, REQUEST_LIMIT),
            answers={200: binary_body(LABEL_RESPONSE_TYPE, RESPONSE_LIMIT)},
            signed=True,
            refusals=(429,),
        ),
    )
    async def evaluate(request: Request) -> Response:
        """Evaluate blinded call details for an active member, within its quota."""
        # One visit to a worker thread; as dependencies, signature and body would cost more than the quota.
        return await run_in_threadpool(answer, request, await request.body())

    def answer(http_request: Request, body: bytes) -> Response:
        sender = sender_of(standing.verifier, http_request, body)
        require_media_type(http_request, LABEL_REQUEST_TYPE)
        standing.check_in_force()
        request = LabelRequest.decode(body)
        evaluator.check(request)
        with single_statements(engine) as connection:
            reserve(
                connection,
                _quota,
                ProviderId.from_hex(sender),
                request.count,
                limit=config.quota_per_day,
                now=clock(),
            )
        elements.observe(request.count)
        with seconds.time():
            response = evaluator.evaluate(request)
        return binary(response.encode(), LABEL_RESPONSE_TYPE)

    return app
