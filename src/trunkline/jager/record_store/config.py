"""The record store's configuration."""

from pathlib import Path

from pydantic import Field

from trunkline.jager.messages.signed_document import Bytes16
from trunkline.service.config import ServiceConfig, load_config

SECTION = "record_store"


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
    """

    parameters: Path
    earlier_parameters: tuple[Path, ...] = ()
    root_fingerprint: str
    registry: Path
    id: Bytes16
    key: Path
    retention_days: int = Field(default=180, ge=1, le=3650)
    quota_labels_per_day: int = Field(default=200_000, ge=1, lt=1 << 32)


def load(path: Path) -> RecordStoreConfig:
    """Read a record store's configuration file.

    Raises:
        ConfigurationError: It cannot be used; the message names the key.
    """
    return load_config(path, RecordStoreConfig, section=SECTION)
