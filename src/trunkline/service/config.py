"""Configuration files: TOML, checked against a model that refuses unknown keys.

Paths in a file are relative to that file, so that a deployment's folder can be moved as a whole.
Secrets are never values in a configuration, only paths of key files.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from trunkline.errors import ConfigurationError

_MAX_FILE_SIZE = 1024 * 1024


class TlsFiles(NamedTuple):
    """A server's certificate chain and private key, both PEM files."""

    certificate: Path
    key: Path


class MonitoringAddress(NamedTuple):
    """Where a process listens for those who watch it."""

    host: str
    port: int


class ServiceConfig(BaseModel):
    """What every service's configuration has: where it listens and where its data is.

    Attributes:
        metrics_host: Where it listens for those who watch it; not where the world comes in.
        metrics_port: The port for that; without one nobody is listened to.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(ge=1, le=65535)
    data_dir: Path
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    tls_certificate: Path | None = None
    tls_key: Path | None = None

    @model_validator(mode="after")
    def _both_tls_files_or_none(self) -> "ServiceConfig":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key are given together or not at all")
        return self

    @property
    def monitoring(self) -> MonitoringAddress | None:
        """Where to listen for those who watch the service, if at all."""
        return None if self.metrics_port is None else MonitoringAddress(self.metrics_host, self.metrics_port)

    @property
    def tls(self) -> TlsFiles | None:
        """The TLS files, or None when the service is to speak plain HTTP."""
        if self.tls_certificate is None or self.tls_key is None:
            return None
        return TlsFiles(self.tls_certificate, self.tls_key)


def _one_or_several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Addresses = Annotated[
    tuple[Annotated[str, Field(pattern=r"^https?://[^/]+/?$")], ...],
    BeforeValidator(_one_or_several),
    Field(min_length=1, max_length=16),
]
"""Where a service is: scheme, host and, if need be, port; a list if it has several servers that share what
they know. Plain HTTP is for what never leaves the machine."""

Model = TypeVar("Model", bound=BaseModel)


def load_config(path: Path, model: type[Model], *, section: str | None = None) -> Model:
    """Read a configuration file into a model.

    Args:
        path: The TOML file.
        model: The pydantic model; it should refuse unknown keys.
        section: With it, the model gets the file's top-level values that are no tables, overridden and
            completed by this table. Other tables belong to other roles and are not looked at.

    Returns:
        The model, with every relative `Path` in it resolved against the file's folder.

    Raises:
        ConfigurationError: The file cannot be read or parsed, or a key is missing, unknown or wrong;
            the message names the key.
    """
    values = _read_toml(path)
    if section is not None:
        table = values.get(section)
        if not isinstance(table, dict):
            raise ConfigurationError(f"{path} has no section [{section}]; add it")
        common = {key: value for key, value in values.items() if not _is_table(value)}
        values = common | table
    try:
        config = model.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc']) or 'file'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False, include_context=False)
        )
        raise ConfigurationError(f"{path}: {problems}") from error
    resolved: Model = _resolve(config, path.absolute().parent)
    return resolved


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_SIZE + 1)
    except OSError as error:
        raise ConfigurationError(f"cannot read the configuration {path}: {error.strerror}") from error
    if len(data) > _MAX_FILE_SIZE:
        raise ConfigurationError(
            f"{path} is larger than {_MAX_FILE_SIZE} bytes; it is no configuration of ours"
        )
    try:
        return tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from error


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(item, dict) for item in value)
    )


def _resolve(value: Any, folder: Path) -> Any:
    """Return the value with all relative paths made absolute, models and containers included."""
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, BaseModel):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        return value.model_copy(update={name: _resolve(item, folder) for name, item in fields.items()})
    if isinstance(value, list):
        return [_resolve(item, folder) for item in value]
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(_resolve(item, folder) for item in value)
    if isinstance(value, dict):
        return {key: _resolve(item, folder) for key, item in value.items()}
    return value
