"""A record store's surroundings in miniature: real keys, parameters, members and grants."""

import secrets
from dataclasses import dataclass

import httpx

from trunkline.crypto.group_signature import GroupPublicKey, IssuerKey, MemberSecret, OpenerKey, Signer
from trunkline.crypto.label_signature import AuthorizationKey
from trunkline.crypto.oprf import LabelKey
from trunkline.jager.messages.authorization import Grant, idx_digest
from trunkline.jager.messages.contribution import CONTRIBUTION_TYPE, Contribution, Receipt
from trunkline.jager.messages.parameters import (
    PublicParameters,
    SignedParameters,
    make_parameters,
    root_fingerprint,
)
from trunkline.jager.messages.registry import Registry
from trunkline.jager.messages.retrieval import (
    NEW_ANSWER,
    RETRIEVAL_REQUEST_TYPE,
    RetrievalPage,
    RetrievalRequest,
)
from trunkline.jager.record_store.config import RecordStoreConfig
from trunkline.service.keys import IdentityKey
from trunkline.service.signatures import RequestAuth
from trunkline.telephony.providers import ProviderId

WEEK = 7 * 86_400
NOW = float(3000 * WEEK + 3 * 86_400 + 7200)
PERIOD = 3000
STORE_ID = bytes(range(16))
AUDIENCE = f"lab/record-store/{STORE_ID.hex()}"
REQUESTER = ProviderId(b"\x01" * 16)
OTHER = ProviderId(b"\x02" * 16)


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now


@dataclass
class Keys:
    """Slow to make, so made once."""

    label: LabelKey
    authorization: AuthorizationKey
    issuer: IssuerKey
    opener: OpenerKey
    group: GroupPublicKey
    members: list[MemberSecret]


def make_keys():
    issuer, opener = IssuerKey.generate(), OpenerKey.generate()
    return Keys(
        LabelKey.generate(),
        AuthorizationKey.generate(),
        issuer,
        opener,
        GroupPublicKey(issuer.public_key, opener.public_key),
        [MemberSecret.generate() for _ in range(2)],
    )


class Lab:
    """One deployment with one store; its files are in one directory."""

    def __init__(self, keys, directory, **changes):
        self.keys = keys
        self.directory = directory
        self.root, self.registry_key, self.grant_key, self.store_key = (
            IdentityKey.generate() for _ in range(4)
        )
        self.requester, self.other = IdentityKey.generate(), IdentityKey.generate()
        self.parameters = self.make_parameters(**changes)
        self._signers = {}

    def make_parameters(self, **changes) -> PublicParameters:
        other = IdentityKey.generate().public_key
        vk_t = self.keys.authorization.public_key
        fields = {
            "version": 1,
            "deployment": "lab",
            "not_before": int(NOW) - 30 * 86_400,
            "not_after": int(NOW) + 30 * 86_400,
            "label_profile": 1,
            "resolution_ms": 1000,
            "t_max_ms": 10_000,
            "ring_max_ms": 60_000,
            "answer_time_sources": False,
            "submit_by_s": 3600,
            "period_s": WEEK,
            "period_grace_s": 86_400,
            "keys": (
                {
                    "oprf": self.keys.label.public_key.hex(),
                    "vk_t": vk_t.hex(),
                    "vk_t_possession": self.keys.authorization.possession_proof().hex(),
                    "epoch_from": 0,
                    "epoch_to": 10**12,
                },
            ),
            "group": {
                "w": self.keys.issuer.public_key.hex(),
                "w_possession": self.keys.issuer.possession_proof().hex(),
                "y": self.keys.opener.public_key.hex(),
                "y_possession": self.keys.opener.possession_proof().hex(),
            },
            "authorization_key": self.grant_key.public_key.hex(),
            "membership_key": other.hex(),
            "accountability_key": other.hex(),
            "registry_key": self.registry_key.public_key.hex(),
            "record_stores": ({"id": STORE_ID.hex(), "key": self.store_key.public_key.hex()},),
        }
        return PublicParameters.decode(make_parameters(**(fields | changes)).payload)

    def write_files(self, *, port=1, **settings) -> RecordStoreConfig:
        """Write the store's files and return its configuration."""
        self.store_key.save(self.directory / "store.key")
        signed = SignedParameters.sign(self.parameters.payload, self.root)
        (self.directory / "parameters.json").write_bytes(signed.encode())
        self.write_registry()
        return RecordStoreConfig(
            port=port,
            data_dir=self.directory / "data",
            parameters=self.directory / "parameters.json",
            root_fingerprint=root_fingerprint(self.root.public_key),
            registry=self.directory / "registry.json",
            id=STORE_ID.hex(),
            key=self.directory / "store.key",
            **settings,
        )

    def write_registry(self, serial=1, status="active"):
        providers = [
            {"id": one.hex, "name": one.hex[:4], "key": key.public_key.hex(), "status": status, "contact": ""}
            for one, key in ((REQUESTER, self.requester), (OTHER, self.other))
        ]
        registry = Registry.model_validate(
            {"version": 1, "serial": serial, "issued_at": 1, "providers": tuple(providers)}
        )
        (self.directory / "registry.json").write_bytes(registry.sign(self.registry_key).encode())

    def seal(self, bodies, *, member=0, period=PERIOD, parameters=None) -> list[bytes]:
        """Sign bodies as a member does; 714 bytes each."""
        parameters = parameters or self.parameters
        if (member, period, parameters.hash) not in self._signers:
            secret = self.keys.members[member]
            credential = self.keys.issuer.issue(period, secret.public_point)
            self._signers[member, period, parameters.hash] = Signer(
                self.keys.group, parameters.hash, secret, credential
            )
        sealed = self._signers[member, period, parameters.hash].seal_batch(b"".join(bodies))
        return [sealed[at : at + 714] for at in range(0, len(sealed), 714)]

    def records(self, count, idx=None, **how) -> list[bytes]:
        """Good records with random content, under one idx or under different ones."""
        return self.seal([body(idx) for _ in range(count)], **how)

    def grant(self, indices, **changes) -> Grant:
        fields = {
            "params_hash": self.parameters.hash,
            "store_id": STORE_ID,
            "grant_id": secrets.token_bytes(16),
            "requester_id": REQUESTER,
            "requester_key": self.requester.public_key,
            "idx_digest": idx_digest(indices),
            "not_before": int(NOW),
            "expiry": int(NOW) + 3600,
            "case_commitment": bytes(32),
        }
        return Grant(**(fields | changes)).sign(self.grant_key)

    def contribute(self, client, records) -> Receipt:
        body_bytes = Contribution(b"".join(records)).encode()
        response = client.post(
            "/v1/contributions", content=body_bytes, headers={"content-type": CONTRIBUTION_TYPE}
        )
        assert response.status_code == 200, response.text
        receipt = Receipt.decode(response.content)
        receipt.verify(self.store_key.public_key)
        return receipt

    def retrieve(self, client, grant, indices, *, answer_id=NEW_ANSWER, page=0, **how) -> httpx.Response:
        request = RetrievalRequest(grant, answer_id, page, tuple(sorted(indices)))
        return self.post_retrieval(client, request.encode(), **how)

    def post_retrieval(self, client, content, *, key=None, key_id=REQUESTER, audience=AUDIENCE, at=NOW):
        auth = RequestAuth(key or self.requester, key_id.hex, audience, clock=lambda: at)
        headers = {"content-type": RETRIEVAL_REQUEST_TYPE}
        return client.post("/v1/retrievals", content=content, headers=headers, auth=auth)

    def pages(self, client, grant, indices) -> list[RetrievalPage]:
        """All pages of a new answer."""
        response = self.retrieve(client, grant, indices)
        assert response.status_code == 200, response.text
        pages = [RetrievalPage.decode(response.content)]
        for number in range(1, pages[0].pages):
            response = self.retrieve(client, grant, indices, answer_id=pages[0].answer_id, page=number)
            assert response.status_code == 200, response.text
            pages.append(RetrievalPage.decode(response.content))
        return pages


def body(idx=None) -> bytes:
    """A record's body; the store cannot tell a ciphertext from random bytes."""
    return (idx or secrets.token_bytes(32)) + secrets.token_bytes(204)


def code(response) -> str:
    return response.json()["type"].removeprefix("urn:trunkline:error:")
