"""Records made beforehand, and a client that sends them as fast as the record store takes them."""

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from trunkline.crypto.contribution import Contributor
from trunkline.crypto.group_signature import IssuerKey, MemberSecret, Signer
from trunkline.crypto.witness_encryption import Encryptor
from trunkline.errors import EvidenceError
from trunkline.jager.deployment.key_material import ISSUER_KEY_FILE
from trunkline.jager.deployment.local import LocalDeployment
from trunkline.jager.messages.contribution import (
    CONTRIBUTION_TYPE,
    RECEIPT_LIMIT,
    RECORDS_LIMIT,
    Contribution,
    Receipt,
)
from trunkline.jager.messages.hop import HOP_SIZE
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.jager.messages.record import RECORD_SIZE
from trunkline.jager.record_store.config import RecordStoreConfig
from trunkline.service.client import ServiceClient
from trunkline.service.keys import load_secret
from trunkline.service.tls import AUTHORITY_CERTIFICATE

MEMBERS = 8
"""How many carriers the records come from, in turns."""

_LEAST = 8
_CHUNK = 512
_LABEL_SIZE = 64
_DETAILS_SIZE = 32
_TIMEOUT_S = 60.0


def make_contributions(
    deployment: LocalDeployment,
    parameters: PublicParameters,
    now: float,
    records: int,
    step: Callable[[int], None],
) -> list[bytes]:
    """Makes encoded contributions of records under labels that are all different.

    There are at least eight, if there are as many records, so that there is something to send at one time;
    otherwise they are as large as allowed.

    Every record is one that a carrier could send: a hop encrypted to its label, signed by a member of the
    group. Only the labels did not come from the label authority, which the record store cannot tell.

    Args:
        deployment: Where the issuer's key is, which admits the members.
        parameters: Its public parameters.
        now: Unix time at which they will be sent.
        records: How many records in all.
        step: Is told how many more records are made.
    """
    members = [_member(deployment, parameters, now) for _ in range(MEMBERS)]
    contributions = []
    for number, size in enumerate(_parts(records, min(RECORDS_LIMIT, -(-records // _LEAST)))):
        made = b""
        for count in _parts(size, _CHUNK):
            made += members[number % MEMBERS].contribute_batch(
                secrets.token_bytes(_LABEL_SIZE * count),
                [secrets.token_bytes(_DETAILS_SIZE) for _ in range(count)],
                secrets.token_bytes(HOP_SIZE * count),
            )
            step(count)
        contributions.append(Contribution(made).encode())
    return contributions


def _parts(total: int, size: int) -> Iterator[int]:
    for start in range(0, total, size):
        yield min(size, total - start)


def _member(deployment: LocalDeployment, parameters: PublicParameters, now: float) -> Contributor:
    key_file = deployment.directory / "authority" / "membership" / ISSUER_KEY_FILE
    issuer = IssuerKey.from_bytes(load_secret(key_file, 32, kind="issuer"))
    secret = MemberSecret.generate()
    credential = issuer.issue(parameters.period_of(now), secret.public_point)
    signer = Signer(parameters.group, parameters.hash, secret, credential)
    keys = parameters.key_for_epoch(int(now * 1000) // parameters.rules.resolution_ms)
    return Contributor(Encryptor(keys.vk_t, keys.kid), signer)


@dataclass
class LoadClient:
    """Sends contributions to a record store over a few connections and checks every receipt.

    Attributes:
        url: The store's address.
        ca_file: The certificate authority it is known by.
        public_key: The store's key, which signs receipts.
        connections: How many contributions are under way at one time.
    """

    url: str
    ca_file: Path
    public_key: bytes
    connections: int = 3
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def send(self, contributions: Sequence[bytes], step: Callable[[int], None]) -> None:
        """Sends all; returns when every record is acknowledged.

        Args:
            contributions: Encoded contributions.
            step: Is told how many more records are acknowledged, one call at a time.

        Raises:
            UnavailableError: The store does not answer.
            EvidenceError: A receipt does not say that everything is stored.
        """
        client = ServiceClient(
            self.url, ca_file=self.ca_file, timeout_s=_TIMEOUT_S, attempts=1, max_answer=RECEIPT_LIMIT
        )
        try:
            with ThreadPoolExecutor(self.connections, thread_name_prefix="load") as pool:
                for sent in [pool.submit(self._send_one, client, one, step) for one in contributions]:
                    sent.result()
        finally:
            client.close()

    def _send_one(self, client: ServiceClient, contribution: bytes, step: Callable[[int], None]) -> None:
        receipt = Receipt.decode(client.post("/v1/contributions", contribution, CONTRIBUTION_TYPE).content)
        receipt.verify(self.public_key)
        records = len(contribution) // RECORD_SIZE
        if receipt.rejected or len(receipt.keys) != records:
            raise EvidenceError("the record store did not store everything; the figures would mean nothing")
        with self._lock:
            step(records)


def load_client(
    deployment: LocalDeployment, config: RecordStoreConfig, parameters: PublicParameters
) -> LoadClient:
    """The load client for a local deployment's record store."""
    return LoadClient(
        f"https://{config.host}:{config.port}",
        deployment.public / AUTHORITY_CERTIFICATE,
        parameters.store(config.id).key,
    )
