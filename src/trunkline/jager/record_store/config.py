"""The record store's configuration."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from trunkline.jager.messages.signed_document import Bytes16
from trunkline.service.config import ServiceConfig, load_config

SECTION = "record_store"

_Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,253}$")]


class CassandraConfig(BaseModel):
    """The table `[record_store.cassandra]`: the cluster that keeps the records.

    Attributes:
        contact_points: Some of the nodes, by name or address; the others are learnt from them.
        port: The port on which all nodes speak CQL.
        keyspace: The keyspace of this store; two stores never share one.
        datacenter: The data centre whose nodes are asked first.
        username: The cluster's user, if it wants one.
        password_file: File of that user's password.
        ca_file: Authority of the nodes' certificates; with it, connections are TLS.
        certificate: Certificate that the nodes know this store by, if they want one.
        key: The certificate's private key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    contact_points: tuple[_Host, ...] = Field(min_length=1, max_length=64)
    port: int = Field(default=9042, ge=1, le=65535)
    keyspace: str = Field(default="trunkline", pattern=r"^[a-z][a-z0-9_]{0,47}$")
    datacenter: str = Field(pattern=r"^[A-Za-z0-9_-]{1,48}$")
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @model_validator(mode="after")
    def _whole(self) -> "CassandraConfig":
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file are given together or not at all")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key are given together or not at all")
        if self.certificate is not None and self.ca_file is None:
            raise ValueError("certificate needs ca_file")
        return self


class RecordStoreConfig(ServiceConfig):
    """The section `[record_store]`, completed by the file's top-level values.

    Attributes:
        parameters: The deployment's signed public parameters.
        earlier_parameters: Earlier ones, whose records and grants are taken while they are valid.
        root_fingerprint: Fingerprint of the root key that signed them, in hex.
        registry: The signed registry; it is read again when it changes.
        id: This store's identifier in the parameters, 32 hexadecimal digits.
        key: File of this store's Ed25519 key.
        retention_days: How many days records are kept after the day of their acceptance.
        quota_labels_per_day: How many labels one requester may retrieve a day, counted once a grant.
        cassandra: The cluster that keeps the records; without it they are in `data_dir`.
        embedded_data_dir: While moving to the cluster: the `data_dir` of the store whose records were
            embedded. They are answered from there until `trunkline record-store migrate` has copied them.
    """

    parameters: Path
    earlier_parameters: tuple[Path, ...] = ()
    root_fingerprint: str
    registry: Path
    id: Bytes16
    key: Path
    retention_days: int = Field(default=180, ge=1, le=3650)
    quota_labels_per_day: int = Field(default=200_000, ge=1, lt=1 << 31)
    cassandra: CassandraConfig | None = None
    embedded_data_dir: Path | None = None

    @model_validator(mode="after")
    def _embedded_beside_cluster(self) -> "RecordStoreConfig":
        if self.embedded_data_dir is not None and self.cassandra is None:
            raise ValueError("embedded_data_dir is for a store with a table [record_store.cassandra]")
        return self


def load(path: Path) -> RecordStoreConfig:
    """Read a record store's configuration file.

    Raises:
        ConfigurationError: It cannot be used; the message names the key.
    """
    return load_config(path, RecordStoreConfig, section=SECTION)
