"""More label servers for a local deployment, beside the one that it has."""

import tomllib
from pathlib import Path
from typing import Any

from trunkline.jager.deployment.key_material import LABEL_KEY_FILE
from trunkline.jager.deployment.local import LOCAL_ADDRESS, LocalDeployment, free_ports, local_url, write_toml
from trunkline.service.tls import issue_certificate

_ROLE = "labels"


def add_label_server(deployment: LocalDeployment, database: str) -> str:
    """Configures one more label server, before the deployment's processes are started.

    It has a folder, a port and a certificate of its own, and shares the label key and the database with the
    others. Everybody who asks for labels is told its address.

    Args:
        deployment: The deployment.
        database: URL of the PostgreSQL database for the quota and the nonces of all its label servers.

    Returns:
        The name of its process: `labels-2`, `labels-3`, and so on.
    """
    authorities = deployment.directory / "authority"
    first = authorities / _ROLE / "config.toml"
    name = f"{_ROLE}-{len(list(authorities.glob(f'{_ROLE}*/config.toml'))) + 1}"
    folder = authorities / name
    tls_folder = deployment.directory / "root" / "tls"
    issue_certificate(tls_folder, name, [LOCAL_ADDRESS, "localhost"], folder)
    (port,) = free_ports(1)
    config = _read(first)
    config[_ROLE]["database"] = database
    write_toml(first, config)
    config["port"] = port
    config[_ROLE]["keys"] = [f"../{_ROLE}/{LABEL_KEY_FILE}"]
    write_toml(folder / "config.toml", config)
    _add_url(authorities / "accountability" / "config.toml", "accountability", local_url(port))
    for carrier in deployment.carriers():
        _add_url(deployment.carrier_config(carrier), "carrier", local_url(port))
    return name


def _add_url(path: Path, section: str, url: str) -> None:
    config = _read(path)
    known = config[section]["labels_url"]
    config[section]["labels_url"] = [*([known] if isinstance(known, str) else known), url]
    write_toml(path, config)


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())
