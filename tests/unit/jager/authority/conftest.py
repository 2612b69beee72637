"""A deployment in a folder, with a clock that tests set, and its authorities in this process."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from trunkline.crypto.group_signature import IssuerKey, OpenerKey
from trunkline.crypto.label_signature import AuthorizationKey
from trunkline.crypto.oprf import LabelKey
from trunkline.jager.messages.parameters import (
    PublicParameters,
    SignedParameters,
    make_parameters,
    root_fingerprint,
)
from trunkline.jager.messages.registry import Provider, Registry
from trunkline.service.keys import IdentityKey, save_secret
from trunkline.service.signatures import RequestAuth
from trunkline.telephony.providers import ProviderId

NOW = 1_760_000_000
STORE_ID = b"\x57" * 16
BOUNDARY = NOW + 3600  # the call epoch at which the second pair of label keys comes into force


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Member:
    """A provider with its identity key."""

    id: ProviderId
    key: IdentityKey = field(default_factory=IdentityKey.generate)

    def auth(self, audience: str, clock: Clock) -> RequestAuth:
        return RequestAuth(self.key, self.id.hex, audience, clock)


@dataclass
class Deployment:
    """Keys of all roles, the files that services read, and the services that a test has started."""

    directory: Path
    clock: Clock
    parameters: PublicParameters
    alpha: Member
    bravo: Member
    suspended: Member
    root: IdentityKey
    registry_key: IdentityKey
    running: ExitStack
    serial: int = 1

    def common(self) -> dict[str, object]:
        """What all roles' configurations have."""
        return {
            "parameters": self.directory / "parameters.json",
            "root_fingerprint": (self.directory / "fingerprint").read_text(),
            "registry": self.directory / "registry.json",
            "port": 4000,
            "data_dir": self.directory / "data",
        }

    def write_parameters(self, parameters: PublicParameters) -> None:
        self.parameters = parameters
        document = SignedParameters.sign(parameters.payload, self.root)
        (self.directory / "parameters.json").write_bytes(document.encode())

    def write_registry(self, **statuses: str) -> None:
        """Write a newer registry, with other statuses of members by name."""
        self.serial += 1
        providers = tuple(
            Provider(
                id=member.id.value,
                name=name,
                key=member.key.public_key,
                status=statuses.get(name, status),
                contact="",
            )
            for name, member, status in (
                ("alpha", self.alpha, "active"),
                ("bravo", self.bravo, "active"),
                ("suspended", self.suspended, "suspended"),
            )
        )
        registry = Registry(version=1, serial=self.serial, issued_at=NOW, providers=providers)
        new = self.directory / "registry.new"
        new.write_bytes(registry.sign(self.registry_key).encode())
        new.replace(self.directory / "registry.json")

    def start(self, app) -> TestClient:
        """Run an application until the test ends."""
        return self.running.enter_context(TestClient(app, base_url="https://authority"))

    def stop(self) -> None:
        """Stop all that runs."""
        self.running.close()

    def audience(self, role: str) -> str:
        return self.parameters.audience(role)

    def post(self, client, role, member, path, body, media_type, **changes) -> httpx.Response:
        """Send a signed request; `clock` and `audience` may be changed."""
        auth = member.auth(changes.get("audience", self.audience(role)), changes.get("clock", self.clock))
        return client.post(path, content=body, headers={"content-type": media_type}, auth=auth)


@dataclass(frozen=True)
class KeyMaterial:
    """One set of keys, made once: they are slow to make and do not change."""

    labels: tuple[LabelKey, LabelKey]
    label_signatures: tuple[AuthorizationKey, AuthorizationKey]
    issuer: IssuerKey
    opener: OpenerKey


@pytest.fixture(scope="session")
def key_material() -> KeyMaterial:
    return KeyMaterial(
        (LabelKey.generate(), LabelKey.generate()),
        (AuthorizationKey.generate(), AuthorizationKey.generate()),
        IssuerKey.generate(),
        OpenerKey.generate(),
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deployment(tmp_path, clock, key_material):
    root, registry_key = IdentityKey.generate(), IdentityKey.generate()
    services = {name: IdentityKey.generate() for name in ("grant", "join-log", "verdict", "store")}
    for name, key in services.items():
        key.save(tmp_path / f"{name}.key")
    for number, key in enumerate(key_material.labels):
        save_secret(tmp_path / f"label-{number}.key", key.secret_bytes(), kind="label")
    for number, key in enumerate(key_material.label_signatures):
        save_secret(tmp_path / f"signature-{number}.key", key.secret_bytes(), kind="label-signature")
    save_secret(tmp_path / "issuer.key", key_material.issuer.secret_bytes(), kind="issuer")
    save_secret(tmp_path / "opener.key", key_material.opener.secret_bytes(), kind="opener")
    intervals = ((NOW - 86_400, BOUNDARY), (BOUNDARY, NOW + 86_400))
    parameters = make_parameters(
        version=1,
        deployment="test",
        not_before=NOW - 86_400,
        not_after=NOW + 30 * 86_400,
        label_profile=1,
        resolution_ms=1000,
        t_max_ms=10_000,
        ring_max_ms=60_000,
        answer_time_sources=False,
        submit_by_s=86_400,
        period_s=604_800,
        period_grace_s=3600,
        keys=tuple(
            {
                "oprf": label.public_key,
                "vk_t": signature.public_key,
                "vk_t_possession": signature.possession_proof(),
                "epoch_from": begin,
                "epoch_to": end,
            }
            for label, signature, (begin, end) in zip(
                key_material.labels, key_material.label_signatures, intervals, strict=True
            )
        ),
        group={
            "w": key_material.issuer.public_key,
            "w_possession": key_material.issuer.possession_proof(),
            "y": key_material.opener.public_key,
            "y_possession": key_material.opener.possession_proof(),
        },
        authorization_key=services["grant"].public_key,
        membership_key=services["join-log"].public_key,
        accountability_key=services["verdict"].public_key,
        registry_key=registry_key.public_key,
        record_stores=({"id": STORE_ID, "key": services["store"].public_key},),
    )
    (tmp_path / "fingerprint").write_text(root_fingerprint(root.public_key))
    with ExitStack() as running:
        made = Deployment(
            tmp_path,
            clock,
            parameters,
            Member(ProviderId(b"\xa1" * 16)),
            Member(ProviderId(b"\xb2" * 16)),
            Member(ProviderId(b"\xc3" * 16)),
            root,
            registry_key,
            running,
        )
        made.write_parameters(parameters)
        made.write_registry()
        yield made


def problem(response: httpx.Response) -> tuple[int, str, str]:
    """Return status, code and detail of a problem document."""
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    return response.status_code, document["type"].removeprefix("urn:trunkline:error:"), document["detail"]


@pytest.fixture
def problem_of():
    return problem


@pytest.fixture
def reread_parameters():
    """Give parameters with other fields, as a ceremony would sign them."""

    def change(parameters: PublicParameters, **fields: object) -> PublicParameters:
        old = {name: getattr(parameters, name) for name in PublicParameters.model_fields}
        old["group"] = old.pop("group_keys")
        return make_parameters(**(old | fields))

    return change
