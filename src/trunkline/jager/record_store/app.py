"""The record store's application: routes, and what they are wired to."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response

from trunkline.jager.messages.contribution import (
    CONTRIBUTION_LIMIT,
    CONTRIBUTION_TYPE,
    RECEIPT_LIMIT,
    RECEIPT_TYPE,
    Contribution,
)
from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.jager.messages.registry import RegistryFile
from trunkline.jager.messages.retrieval import (
    RETRIEVAL_REQUEST_LIMIT,
    RETRIEVAL_REQUEST_TYPE,
    RETRIEVAL_RESULT_LIMIT,
    RETRIEVAL_RESULT_TYPE,
    RetrievalRequest,
)
from trunkline.jager.metrics import party_checks, party_metrics
from trunkline.jager.record_store.acceptance import Acceptance
from trunkline.jager.record_store.backup import Snapshots
from trunkline.jager.record_store.config import RecordStoreConfig
from trunkline.jager.record_store.ingest import Ingest
from trunkline.jager.record_store.metrics import StoreMetrics, measure_store
from trunkline.jager.record_store.retention import SweepHistory, run_sweeps
from trunkline.jager.record_store.retrieval import Retrieval
from trunkline.jager.record_store.rocks_engine import RocksEngine
from trunkline.jager.record_store.storage import open_storage
from trunkline.jager.record_store.verification import RecordVerifier
from trunkline.service.application import authenticated, binary, body_of, create_application, read_body
from trunkline.service.clock import Clock
from trunkline.service.files import lock_directory
from trunkline.service.keys import IdentityKey
from trunkline.service.openapi import binary_body, operation
from trunkline.service.signatures import RequestVerifier

SERVICE = "record-store"


def create(config: RecordStoreConfig, clock: Clock = time.time) -> FastAPI:
    """Open the store and return its application, which closes it when it is shut down.

    Args:
        config: The configuration.
        clock: The time of acceptance, of answers, and for the checks of requests.

    Raises:
        ConfigurationError: A file of the configuration cannot be used.
        StorageError: The data directory is in use by another process, damaged, or full.
        UnavailableError: The cluster does not answer.
        TrunklineError: The parameters or the registry cannot be verified.
    """
    known = ParameterSet.load(
        config.parameters, config.earlier_parameters, config.root_fingerprint, now=clock()
    )
    key = IdentityKey.load(config.key)
    metrics, sweep_history = party_metrics(known.current, config.data_dir), SweepHistory()
    counts = StoreMetrics(metrics)
    acceptance = Acceptance(known, config.id, key.public_key)
    with contextlib.ExitStack() as opened:
        opened.enter_context(lock_directory(config.data_dir))
        registry = RegistryFile(
            config.registry, known.current.registry_key, serial_file=config.data_dir / "registry-serial"
        )
        engine, nonces, answers = opened.enter_context(open_storage(config, clock))
        ingest = Ingest(
            engine, acceptance, _verifier_of, store_id=config.id, key=key, clock=clock, metrics=counts
        )
        retrieval = Retrieval(
            engine,
            answers,
            acceptance,
            registry.key_of,
            store_id=config.id,
            key=key,
            quota=config.quota_labels_per_day,
            retention_days=config.retention_days,
            clock=clock,
            metrics=counts,
        )
        resources = opened.pop_all()
    measure_store(metrics, engine, ingest, sweep_history)

    stop = threading.Event()

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        sweeping = (engine, config.retention_days, clock, stop, sweep_history)
        threads = [threading.Thread(target=run_sweeps, args=sweeping, name="sweeps")]
        if isinstance(engine, RocksEngine):
            snapshots = Snapshots(engine, config.data_dir)
            threads.append(threading.Thread(target=snapshots.run, args=(stop,), name="snapshots"))
        for thread in threads:
            thread.start()
        ingest.start()
        try:
            yield
        finally:
            stop.set()
            await asyncio.to_thread(ingest.close)
            for thread in threads:
                await asyncio.to_thread(thread.join)
            resources.close()

    app = create_application(
        "Trunkline record store",
        max_body=CONTRIBUTION_LIMIT,
        ready={
            **party_checks(known.current, config.data_dir, clock),
            "database": engine.check,
            "ingest": ingest.check,
            "sweeps": sweep_history.check,
        },
        metrics=metrics,
        lifespan=lifespan,
    )
    audience = known.current.audience(f"{SERVICE}/{config.id.hex()}")
    requester = authenticated(RequestVerifier(audience, registry.key_of, nonces, clock))

    @app.post(
        "/v1/contributions",
        **operation(
            request=binary_body(CONTRIBUTION_TYPE, CONTRIBUTION_LIMIT),
            answers={200: binary_body(RECEIPT_TYPE, RECEIPT_LIMIT)},
        ),
    )
    async def contribute(request: Request) -> Response:
        """Take a contribution; it carries no identity. The receipt comes when all of it is durable."""
        contribution = Contribution.decode(await read_body(request, CONTRIBUTION_TYPE))
        receipt = await asyncio.wrap_future(ingest.submit(contribution))
        return binary(receipt.encode(), RECEIPT_TYPE)

    @app.post(
        "/v1/retrievals",
        **operation(
            request=binary_body(RETRIEVAL_REQUEST_TYPE, RETRIEVAL_REQUEST_LIMIT),
            answers={200: binary_body(RETRIEVAL_RESULT_TYPE, RETRIEVAL_RESULT_LIMIT)},
            signed=True,
            refusals=(403, 404, 429),
        ),
    )
    def retrieve(
        key_id: Annotated[str, Depends(requester)],
        body: Annotated[bytes, Depends(body_of(RETRIEVAL_REQUEST_TYPE))],
    ) -> Response:
        """Give the holder of a grant one page of its records."""
        page = retrieval.page(RetrievalRequest.decode(body), key_id)
        return binary(page.encode(), RETRIEVAL_RESULT_TYPE)

    return app


def _verifier_of(parameters: PublicParameters) -> RecordVerifier:
    from trunkline.crypto.group_signature import Verifier

    return Verifier(parameters.group, parameters.hash)
