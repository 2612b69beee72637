"""Makes records: encrypts and signs new ones, signs old ones again, and makes dummies."""

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trunkline.crypto.contribution import Contributor
from trunkline.crypto.group_signature import Signer
from trunkline.crypto.witness_encryption import Encryptor
from trunkline.jager.carrier.packed import split
from trunkline.jager.messages.hop import HOP_SIZE
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.jager.messages.record import Record

_LABEL_SIZE = 64


@dataclass(frozen=True, slots=True)
class LabelledFiling:
    """What one record is made of."""

    kid: bytes
    label: bytes
    details: bytes
    hop: bytes

    def __repr__(self) -> str:
        return "LabelledFiling()"


class RecordMaker:
    """Encrypts and signs under the parameters in force. Safe to use from several threads.

    Args:
        parameters: The public parameters.
        signer: Gives the signer of the current period; may raise UnavailableError while there is none.
        clock: Unix time.
    """

    def __init__(
        self, parameters: PublicParameters, signer: Callable[[], Signer], clock: Callable[[], float]
    ) -> None:
        self._parameters = parameters
        self._signer = signer
        self._clock = clock
        self._encryptors = {key.kid: Encryptor(key.vk_t, key.kid) for key in parameters.keys_by_kid.values()}
        self._lock = threading.Lock()
        self._contributors: dict[bytes, tuple[Signer, Contributor]] = {}

    def make(self, filings: Sequence[LabelledFiling]) -> list[bytes]:
        """Encrypt and sign; 714 bytes each, in the order of the filings."""
        records: dict[int, bytes] = {}
        for kid in {filing.kid for filing in filings}:
            places = [place for place, filing in enumerate(filings) if filing.kid == kid]
            packed = self._contributor(kid).contribute_batch(
                b"".join(filings[place].label for place in places),
                [filings[place].details for place in places],
                b"".join(filings[place].hop for place in places),
            )
            records.update(zip(places, split(packed), strict=True))
        return [records[place] for place in range(len(filings))]

    def dummies(self, count: int) -> list[bytes]:
        """Make records under random labels that no trace will ever find."""
        kid = self._parameters.key_for_epoch(self._epoch_now()).kid
        filings = [
            LabelledFiling(kid, secrets.token_bytes(_LABEL_SIZE), secrets.token_bytes(32), bytes(HOP_SIZE))
            for _ in range(count)
        ]
        return self.make(filings)

    def acceptable(self, records: bytes) -> bool:
        """Whether the store accepts the parameters and the periods of all packed records now."""
        periods = self._parameters.accepted_periods(self._clock())
        heads = {(record.params_ref, record.period) for record in map(Record, split(records))}
        return all(ref == self._parameters.ref and period in periods for ref, period in heads)

    def sign_again(self, records: bytes) -> bytes:
        """Sign the same ciphertexts under the current period and parameters; nothing is encrypted again."""
        return self._signer().seal_batch(b"".join(Record(record).body for record in split(records)))

    def _contributor(self, kid: bytes) -> Contributor:
        signer = self._signer()
        with self._lock:
            known, contributor = self._contributors.get(kid, (None, None))
            if known is not signer or contributor is None:
                contributor = Contributor(self._encryptors[kid], signer)
                self._contributors[kid] = (signer, contributor)
            return contributor

    def _epoch_now(self) -> int:
        return int(self._clock() * 1000) // self._parameters.rules.resolution_ms
