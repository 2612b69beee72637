"""A whole deployment on one machine: every role with its own folder, keys, configuration file and port.

DIR/root/                    the root's and the registry's keys (in a real deployment: offline)
DIR/public/                  parameters.json, registry.json, fingerprint.txt, ca.pem: what everyone may have
DIR/authority/ROLE/          config.toml, keys, data
DIR/record-store/            config.toml, keys, data
DIR/carriers/NAME/           carrier.toml, sources.toml, keys, data
DIR/run/ DIR/log/            pids and logs of what runs
"""

import hashlib
import secrets
import socket
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from trunkline.errors import ConfigurationError, ConflictError, TrunklineError
from trunkline.jager.carrier.config import CarrierConfig
from trunkline.jager.carrier.enroll import enroll
from trunkline.jager.deployment.ceremony import Terms, parameters_payload, sign_parameters
from trunkline.jager.deployment.key_material import (
    GRANT_KEY_FILE,
    IDENTITY_KEY_FILE,
    ISSUER_KEY_FILE,
    JOIN_LOG_KEY_FILE,
    LABEL_KEY_FILE,
    LABEL_SIGNATURE_KEY_FILE,
    OPENER_KEY_FILE,
    REGISTRY_KEY_FILE,
    ROOT_KEY_FILE,
    STORE_KEY_FILE,
    VERDICT_KEY_FILE,
    make_keys,
)
from trunkline.jager.deployment.processes import ProcessFolder, Running
from trunkline.jager.deployment.provider_list import provider, write_registry
from trunkline.jager.messages.parameters import root_fingerprint
from trunkline.service.client import ServiceClient
from trunkline.service.config import load_config
from trunkline.service.files import write_atomically
from trunkline.service.keys import IdentityKey
from trunkline.service.tls import AUTHORITY_CERTIFICATE, create_local_authority, issue_certificate
from trunkline.telephony.providers import ProviderId

AUTHORITY_ROLES = ("labels", "membership", "authorization", "accountability")
RECORD_STORE = "record-store"
_CARRIER = "carrier-"
"""What the names of the processes of carriers begin with."""
LOCAL_ADDRESS = "127.0.0.1"
_SHORT = 40


@dataclass(frozen=True, slots=True)
class LocalCarrier:
    """A carrier that this machine runs the agent of.

    Attributes:
        name: Short name: its folder and its process are called so.
        title: For people.
        sources: The `[[source]]` tables of its call records, as in docs/cdr-sources.md.
        settings: Sections of carrier.toml that differ from the defaults, such as `labels` or `contribution`.
    """

    name: str
    title: str
    sources: Sequence[Mapping[str, Any]] = ()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class LocalDeployment:
    """The folder of a local deployment, and its processes.

    Args:
        directory: The folder, see the module's first lines.
        end_with_parent: Whether the services end when this process does.
    """

    def __init__(self, directory: Path, *, end_with_parent: bool = False) -> None:
        self.directory = directory.absolute()
        self.processes = ProcessFolder(self.directory, end_with_parent=end_with_parent)

    @property
    def exists(self) -> bool:
        """Whether the ceremony was held."""
        return (self.public / "parameters.json").exists()

    @property
    def public(self) -> Path:
        """The folder of what everyone may have."""
        return self.directory / "public"

    def carrier_config(self, name: str) -> Path:
        """The configuration file of a carrier's agent."""
        return self.directory / "carriers" / name / "carrier.toml"

    def carriers(self) -> list[str]:
        """The names of the carriers that have a configuration here."""
        return sorted(path.parent.name for path in self.directory.glob("carriers/*/carrier.toml"))

    # --- making it ------------------------------------------------------------------------------------

    def create(self, terms: Terms, carriers: Sequence[LocalCarrier], listed: Sequence[str] = ()) -> None:
        """Holds the ceremony: keys of all roles, parameters, registry, certificates, configuration files.

        Args:
            terms: What was agreed on.
            carriers: The carriers that this machine runs.
            listed: Names of further providers that take no part.

        Raises:
            ConflictError: There is a deployment in the folder already.
        """
        if self.exists:
            raise ConflictError(f"{self.directory} holds a deployment already; use another folder")
        self.public.mkdir(parents=True, exist_ok=True)
        ports = dict(zip((*AUTHORITY_ROLES, RECORD_STORE), free_ports(5), strict=True))
        store_id = secrets.token_hex(16)
        halves = {role: make_keys(role, self._folder(role)) for role in (*AUTHORITY_ROLES, RECORD_STORE)}
        halves[RECORD_STORE]["id"] = store_id
        halves["root"] = make_keys("root", self.directory / "root")
        halves["registry"] = make_keys("registry", self.directory / "root" / "registry")
        root = IdentityKey.load(self.directory / "root" / ROOT_KEY_FILE)
        payload = parameters_payload(terms, [one for one in halves.values() if one["role"] != "root"])
        fingerprint = root_fingerprint(root.public_key)
        write_atomically(self.public / "fingerprint.txt", f"{fingerprint}\n".encode(), mode=0o644)

        judge_id = provider_id(terms.deployment, "accountability")
        providers = [
            provider(provider_id(terms.deployment, one.name), one.title, self._make_carrier_key(one.name))
            for one in carriers
        ]
        providers += [provider(provider_id(terms.deployment, name), name) for name in listed]
        judge_key = bytes.fromhex(halves["accountability"]["identity"])
        providers.append(provider(judge_id, "Accountability authority", judge_key))
        registry_key = IdentityKey.load(self.directory / "root" / "registry" / REGISTRY_KEY_FILE)
        write_registry(self.public / "registry.json", providers, 1, registry_key)

        ca_folder = self.directory / "root" / "tls"
        ca_file = create_local_authority(ca_folder)
        write_atomically(self.public / AUTHORITY_CERTIFICATE, ca_file.read_bytes(), mode=0o644)
        for role in (*AUTHORITY_ROLES, RECORD_STORE):
            issue_certificate(
                ca_folder, f"{terms.deployment} {role}", [LOCAL_ADDRESS, "localhost"], self._folder(role)
            )
        self._write_service_configs(fingerprint, ports, store_id, judge_id)
        for one in carriers:
            self._write_carrier_config(one, terms.deployment, fingerprint, ports, store_id)
        # Last, because a folder that has it counts as a whole deployment.
        write_atomically(self.public / "parameters.json", sign_parameters(payload, root), mode=0o644)

    def _folder(self, role: str) -> Path:
        return self.directory / role if role == RECORD_STORE else self.directory / "authority" / role

    def _make_carrier_key(self, name: str) -> bytes:
        return bytes.fromhex(make_keys("carrier", self.directory / "carriers" / name)["identity"])

    def _write_service_configs(
        self, fingerprint: str, ports: Mapping[str, int], store_id: str, judge_id: ProviderId
    ) -> None:
        sections: dict[str, dict[str, Any]] = {
            "labels": {"keys": [LABEL_KEY_FILE]},
            "membership": {"issuer_key": ISSUER_KEY_FILE, "log_key": JOIN_LOG_KEY_FILE},
            "authorization": {
                "label_signature_keys": [LABEL_SIGNATURE_KEY_FILE],
                "grant_key": GRANT_KEY_FILE,
            },
            "accountability": {
                "opener_key": OPENER_KEY_FILE,
                "verdict_key": VERDICT_KEY_FILE,
                "id": judge_id.hex,
                "identity_key": IDENTITY_KEY_FILE,
                "labels_url": local_url(ports["labels"]),
                "membership_url": local_url(ports["membership"]),
                "ca_file": f"../../public/{AUTHORITY_CERTIFICATE}",
            },
            RECORD_STORE: {"id": store_id, "key": STORE_KEY_FILE},
        }
        for role, section in sections.items():
            up = ".." if role == RECORD_STORE else "../.."
            name = role.replace("-", "_")
            config = {
                "parameters": f"{up}/public/parameters.json",
                "root_fingerprint": fingerprint,
                "registry": f"{up}/public/registry.json",
                "host": LOCAL_ADDRESS,
                "port": ports[role],
                "data_dir": "data",
                "tls_certificate": "tls.pem",
                "tls_key": "tls.key",
                name: section,
            }
            write_toml(self._folder(role) / "config.toml", config)

    def _write_carrier_config(
        self,
        carrier: LocalCarrier,
        deployment: str,
        fingerprint: str,
        ports: Mapping[str, int],
        store_id: str,
    ) -> None:
        config: dict[str, Any] = {
            "parameters": "../../public/parameters.json",
            "root_fingerprint": fingerprint,
            "registry": "../../public/registry.json",
            "data_dir": "data",
            "carrier": {
                "id": provider_id(deployment, carrier.name).hex,
                "name": carrier.title,
                "identity_key": IDENTITY_KEY_FILE,
                "member_secret": "member.key",
                "labels_url": local_url(ports["labels"]),
                "membership_url": local_url(ports["membership"]),
                "authorization_url": local_url(ports["authorization"]),
                "accountability_url": local_url(ports["accountability"]),
                "record_store_url": local_url(ports[RECORD_STORE]),
                "record_store_id": store_id,
                "ca_file": f"../../public/{AUTHORITY_CERTIFICATE}",
                "control_socket": "control.sock",
            },
            **{name: dict(section) for name, section in carrier.settings.items()},
        }
        folder = self.directory / "carriers" / carrier.name
        if carrier.sources:
            config["sources"] = "sources.toml"
            write_toml(folder / "sources.toml", {"source": [dict(one) for one in carrier.sources]})
        write_toml(folder / "carrier.toml", config)

    # --- running it -----------------------------------------------------------------------------------

    def start_services(self) -> list[Running]:
        """Starts those of the authorities and the record store that do not run, until they are ready."""
        more = sorted(path.parent.name for path in self.directory.glob("authority/*-*/config.toml"))
        services = (*AUTHORITY_ROLES, *more, RECORD_STORE)
        return self._start([name for name in services if self.processes.find(name) is None])

    def absent_carriers(self) -> list[str]:
        """The carriers whose agents do not run."""
        return [name for name in self.carriers() if self.processes.find(f"{_CARRIER}{name}") is None]

    def enrol(self, names: Iterable[str]) -> None:
        """Has these carriers join, as `trunkline carrier enroll` does; who is enrolled stays as it is."""
        for name in names:
            enroll(load_config(self.carrier_config(name), CarrierConfig))

    def start_carriers(self, names: Iterable[str]) -> list[Running]:
        """Starts the agents of these carriers (they must be enrolled), and waits until they answer."""
        return self._start([f"{_CARRIER}{name}" for name in names])

    def restart(self, process: str) -> Running:
        """Starts a process that has ended once more, as a supervisor would, and waits until it is ready.

        Args:
            process: Its name, as `start_services` and `start_carriers` gave it.

        Raises:
            ConflictError: It runs.
            UnavailableError: It ended again, or was not ready in time.
        """
        return self._start([process])[0]

    def _start(self, names: Sequence[str]) -> list[Running]:
        started = [self.processes.start(name, self._command(name)) for name in names]
        self.processes.wait_ready({name: self._ready_check(name) for name in names})
        return started

    def _command(self, process: str) -> list[str]:
        if process.startswith(_CARRIER):
            config = self.carrier_config(process.removeprefix(_CARRIER))
            return ["trunkline.jager.carrier", "--config", str(config)]
        config = self._folder(process) / "config.toml"
        if process == RECORD_STORE:
            return ["trunkline.jager.record_store", "--config", str(config)]
        # One more server of a role is called after it, as `labels-2`.
        role = process.partition("-")[0]
        return ["trunkline.jager.authority", "--role", role, "--config", str(config)]

    def stop(self) -> list[Running]:
        """Ends everything that was started here."""
        return self.processes.stop()

    def _ready_check(self, process: str) -> Callable[[], bool]:
        if process.startswith(_CARRIER):
            return _socket_check(self.carrier_config(process.removeprefix(_CARRIER)).parent / "control.sock")
        port = tomllib.loads((self._folder(process) / "config.toml").read_text())["port"]
        client = ServiceClient(
            local_url(port), ca_file=self.public / AUTHORITY_CERTIFICATE, timeout_s=2.0, attempts=1
        )

        def check() -> bool:
            # The client would log every refused connection while the service is still loading.
            if not _listens(port):
                return False
            try:
                client.get("/ready")
            except TrunklineError:
                return False
            return True

        return check


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for a deployment that is gone afterwards; short enough for the paths of control sockets."""
    usual = tempfile.gettempdir()
    folder = usual if len(usual) <= _SHORT else "/tmp"  # noqa: S108 - tempfile makes it private in there
    return tempfile.TemporaryDirectory(prefix="trunkline-", dir=folder)


def provider_id(deployment: str, name: str) -> ProviderId:
    """The id that a local deployment gives a provider: the same for the same names, so that runs compare."""
    return ProviderId(
        hashlib.sha256(f"trunkline local provider\0{deployment}\0{name}".encode()).digest()[:16]
    )


def local_url(port: int) -> str:
    """The address of a service that listens on a port."""
    return f"https://{LOCAL_ADDRESS}:{port}"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOCAL_ADDRESS, port)) == 0


def _socket_check(path: Path) -> Callable[[], bool]:
    def check() -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                return False
            return True

    return check


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now, outside the range the kernel gives to outgoing connections."""
    found: list[int] = []
    deadline = time.monotonic() + 10
    while len(found) < count:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe:
            try:
                probe.bind((LOCAL_ADDRESS, port))
            except OSError:
                if time.monotonic() > deadline:
                    raise ConfigurationError("no free port between 20000 and 32000 on 127.0.0.1") from None
                continue
        if port not in found:
            found.append(port)
    return found


def write_toml(path: Path, value: Mapping[str, Any]) -> None:
    """Writes a configuration file."""
    write_atomically(path, tomli_w.dumps(value).encode())
