"""The carrier's configuration file."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from trunkline.service.config import Addresses, MonitoringAddress
from trunkline.telephony.providers import ProviderId


class CarrierSection(BaseModel):
    """Who this carrier is, where its keys lie and where the services are.

    Attributes:
        id: The provider id that the registry gave, 32 hexadecimal digits.
        name: For people only; never sent.
        identity_key: Ed25519 key file; `enroll` makes it if it is not there.
        member_secret: Key file of the secret behind the group signature; `enroll` makes it likewise.
        record_store_id: The store's 16-byte id in the public parameters, in hexadecimal.
        ca_file: Certificates that the services' certificates must lead to; the system's if not given.
        proxy: SOCKS or HTTP proxy for contributions, such as `socks5h://127.0.0.1:9050`; identified requests
            do not use it.
        control_socket: Where the agent listens for the command line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[0-9a-f]{32}$")
    name: str = Field(min_length=1, max_length=200)
    identity_key: Path
    member_secret: Path
    labels_url: Addresses
    membership_url: Addresses
    authorization_url: Addresses
    accountability_url: Addresses
    record_store_url: Addresses
    record_store_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    ca_file: Path | None = None
    proxy: str | None = None
    control_socket: Path

    @property
    def provider(self) -> ProviderId:
        """This carrier's provider id."""
        return ProviderId.from_hex(self.id)


class LabelSection(BaseModel):
    """The schedule of label requests: every interval, one request of the same size, whatever is waiting.

    Attributes:
        batch: Slots for each live key id in a request.
        interval_ms: Time from one request to the next.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: int = Field(default=32, ge=1, le=4096)
    interval_ms: int = Field(default=25, ge=10, le=60_000)


class ContributionSection(BaseModel):
    """How records leave: mixed, in batches of one size.

    Attributes:
        batch: Records a batch; what is missing is filled with signed dummies.
        interval_ms: Time from one look at the pool to the next.
        delay_max_s: Each record waits its own random time up to this long.
        connections: Batches that are sent at the same time.
        outbox_records: Records that may wait; while so many do, no call records are read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: int = Field(default=32, ge=1, le=4096)
    interval_ms: int = Field(default=60_000, ge=10, le=3_600_000)
    delay_max_s: float = Field(default=600.0, ge=0, le=86_400)
    connections: int = Field(default=2, ge=1, le=8)
    outbox_records: int = Field(default=500_000, ge=10_000, le=50_000_000)


class CarrierConfig(BaseModel):
    """Everything in the file; relative paths start at the file's folder.

    Attributes:
        parameters: The signed public parameters.
        earlier_parameters: Those before them, under which there are records and joinings still.
        root_fingerprint: Fingerprint of the deployment's root key, in hexadecimal.
        registry: The signed registry of providers.
        data_dir: The agent's own folder: outbox, credentials, quarantine.
        carrier: Identity, keys and services.
        labels: The schedule of label requests.
        contribution: How records leave.
        sources: TOML file with a `[[source]]` table for each kind of call record file; none for a carrier
            that only traces.
        metrics_host: Where it listens for those who watch the agent.
        metrics_port: The port for that; without one nobody is listened to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: Path
    earlier_parameters: tuple[Path, ...] = ()
    root_fingerprint: str = Field(pattern=r"^[0-9a-f]{64}$")
    registry: Path
    data_dir: Path
    carrier: CarrierSection
    labels: LabelSection = LabelSection()
    contribution: ContributionSection = ContributionSection()
    sources: Path | None = None
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(default=None, ge=1, le=65535)

    @property
    def monitoring(self) -> MonitoringAddress | None:
        """Where to listen for those who watch the agent, if at all."""
        return None if self.metrics_port is None else MonitoringAddress(self.metrics_host, self.metrics_port)
