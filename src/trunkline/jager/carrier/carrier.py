"""One carrier's parts, put together from its configuration."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from trunkline.jager.carrier.acquisition import Acquisition
from trunkline.jager.carrier.config import CarrierConfig
from trunkline.jager.carrier.contribution import ContributionSender
from trunkline.jager.carrier.credentials import Credentials, load_member_secret
from trunkline.jager.carrier.join_log import JoinLog
from trunkline.jager.carrier.label_schedule import LabelSchedule
from trunkline.jager.carrier.metrics import CarrierMetrics
from trunkline.jager.carrier.outbox import OUTBOX_FILE, Outbox
from trunkline.jager.carrier.pipeline import Pipeline
from trunkline.jager.carrier.record_maker import RecordMaker
from trunkline.jager.carrier.services import Services, open_services
from trunkline.jager.carrier.tracer import Tracer
from trunkline.jager.messages.contribution import CONTRIBUTION_TYPE
from trunkline.jager.messages.labels import LABEL_REQUEST_TYPE
from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.jager.metrics import party_metrics
from trunkline.service.files import lock_directory
from trunkline.service.keys import IdentityKey
from trunkline.service.metrics import Metrics
from trunkline.telephony.source import CdrSource, load_sources


@dataclass(frozen=True, slots=True)
class Carrier:
    """The parts of a carrier's agent; nothing of it runs yet."""

    config: CarrierConfig
    parameters: PublicParameters
    credentials: Credentials
    services: Services
    outbox: Outbox
    schedule: LabelSchedule
    sender: ContributionSender
    pipeline: Pipeline
    tracer: Tracer
    metrics: Metrics
    counts: CarrierMetrics


@contextmanager
def open_carrier(config: CarrierConfig, clock: Callable[[], float]) -> Iterator[Carrier]:
    """Take the data directory for this process and put the parts together. No service is asked.

    Raises:
        ConfigurationError: A file that the configuration names cannot be used.
        StorageError: Another process uses the data directory, or the outbox cannot be opened.
        CryptoError: The public parameters are not what the pinned root signed.
    """
    section = config.carrier
    with ExitStack() as stack:
        stack.enter_context(lock_directory(config.data_dir))
        known = ParameterSet.load(
            config.parameters, config.earlier_parameters, config.root_fingerprint, now=clock()
        )
        parameters = known.current
        store_id = bytes.fromhex(section.record_store_id)
        parameters.store(store_id)
        identity = IdentityKey.load(section.identity_key)
        services = open_services(section, parameters, identity, clock)
        stack.callback(services.close)
        secret = load_member_secret(section.member_secret)
        credentials = Credentials(
            parameters, section.provider, secret, config.data_dir, services.membership, clock
        )
        outbox = Outbox(config.data_dir / OUTBOX_FILE)
        stack.callback(outbox.close)
        metrics = party_metrics(parameters, config.data_dir)
        counts = CarrierMetrics(metrics)
        schedule = LabelSchedule(
            parameters,
            batch=config.labels.batch,
            interval_s=config.labels.interval_ms / 1000,
            send=lambda body: services.labels.post("/v1/labels", body, LABEL_REQUEST_TYPE).content,
            clock=clock,
            metrics=counts,
        )
        maker = RecordMaker(parameters, credentials.signer, clock)
        sender = ContributionSender(
            outbox,
            maker,
            parameters=parameters,
            store_id=store_id,
            section=config.contribution,
            send=lambda body: (
                services.contribution.post("/v1/contributions", body, CONTRIBUTION_TYPE).content
            ),
            clock=clock,
            metrics=counts,
        )
        pipeline = Pipeline(
            named_sources(config),
            provider=section.provider,
            parameters=parameters,
            outbox=outbox,
            schedule=schedule,
            maker=maker,
            delays=sender.delays,
            stored=sender.wake,
            capacity=config.contribution.outbox_records,
            folder=config.data_dir,
            clock=clock,
            metrics=counts,
        )
        acquisition = Acquisition(
            parameters,
            identity=identity,
            provider=section.provider,
            store_id=store_id,
            schedule=schedule,
            authorization=services.authorization,
            retrieval=services.retrieval,
            clock=clock,
        )
        tracer = Tracer(known, acquisition, JoinLog(known, services.join_log))
        yield Carrier(
            config,
            parameters,
            credentials,
            services,
            outbox,
            schedule,
            sender,
            pipeline,
            tracer,
            metrics,
            counts,
        )


def named_sources(config: CarrierConfig) -> dict[str, CdrSource]:
    """The carrier's sources, by the name under which the outbox knows how far each is read.

    The name is made of the format and the paths: a source whose files moved is read from its beginning.

    Raises:
        ConfigurationError: The file of sources cannot be used.
    """
    sources = [] if config.sources is None else load_sources(config.sources)
    return {f"{source.format} {' '.join(source.paths)}": source for source in sources}
