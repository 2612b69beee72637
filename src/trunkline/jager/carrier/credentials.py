"""This carrier's membership: joining, credentials period by period, and the signer that they make.

The member secret never leaves the carrier. A credential is checked strictly before it is kept: one that
carries a torsion point would let the issuer recognise every signature made with it.
"""

import secrets
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from trunkline.crypto.group_signature import MemberSecret, Signer, check_credential
from trunkline.errors import ConfigurationError, EvidenceError, TrunklineError, UnavailableError
from trunkline.jager.messages.membership import (
    CREDENTIAL_SIZE,
    JOIN_REQUEST_TYPE,
    RENEW_REQUEST_TYPE,
    CredentialResponse,
    JoinRequest,
    RenewRequest,
)
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.service.client import ServiceClient
from trunkline.service.keys import IdentityKey, load_secret, save_secret
from trunkline.telephony.providers import ProviderId

_MEMBER_KIND = "member"
_MEMBER_SIZE = 32
_CREDENTIAL_KIND = "credential"
RETRY_S = 60.0
"""How often a renewal that failed is tried again."""

_logger = structlog.get_logger(__name__)


def load_or_make_identity(path: Path) -> IdentityKey:
    """Load the identity key; the registry must know its public half."""
    if not path.exists():
        IdentityKey.generate().save(path)
    return IdentityKey.load(path)


def load_or_make_member_secret(path: Path) -> MemberSecret:
    """Load the member secret, or make it: it is on disk before S is sent to anybody."""
    if not path.exists():
        save_secret(path, MemberSecret.generate().secret_bytes(), kind=_MEMBER_KIND)
    return load_member_secret(path)


def load_member_secret(path: Path) -> MemberSecret:
    """Load the member secret.

    Raises:
        ConfigurationError: It is not there or not usable.
    """
    return MemberSecret.from_bytes(load_secret(path, _MEMBER_SIZE, kind=_MEMBER_KIND))


class Credentials:
    """The credentials of one carrier, one file a period, and the signer of the current one. Thread-safe.

    Args:
        parameters: The public parameters.
        provider: This carrier.
        secret: Its member secret.
        folder: Where credentials are kept.
        client: The membership authority, signed requests.
        clock: Unix time.
    """

    def __init__(
        self,
        parameters: PublicParameters,
        provider: ProviderId,
        secret: MemberSecret,
        folder: Path,
        client: ServiceClient,
        clock: Callable[[], float],
    ) -> None:
        self._parameters = parameters
        self._provider = provider
        self._secret = secret
        self._folder = folder
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._signer: Signer | None = None
        # Members renew at different moments of the second half of the period before, each at its own.
        self._renew_at_share = 0.5 + secrets.randbelow(400) / 1000

    @property
    def enrolled(self) -> bool:
        """Whether this carrier has ever joined the group."""
        return any(self._folder.glob(self._file_name("*")))

    def has(self, period: int) -> bool:
        """Whether the credential of a period is here."""
        return self._path(period).exists()

    def join(self, identity: IdentityKey) -> int:
        """Join the group, or fetch the credential again after a join that was cut short.

        Args:
            identity: The carrier's identity key, as the registry has it.

        Returns:
            The period of the credential.

        Raises:
            TrunklineError: The authority refused, is not available, or its credential is not acceptable.
        """
        nonce_text = self._client.post_json("/v1/join/nonce", {}).get("nonce")
        try:
            nonce = bytes.fromhex(str(nonce_text))
        except ValueError as error:
            raise EvidenceError("the membership authority's nonce is not hexadecimal") from error
        params_hash = self._parameters.hash
        proof = self._secret.join_proof(params_hash, nonce, self._provider.value, identity.public_key)
        request = JoinRequest(nonce, self._provider, identity.public_key, self._secret.public_point, proof)
        signed = request.sign(identity, params_hash).encode()
        # The nonce is used up by the first answer, so a lost answer means a new join, not a repeated one.
        answer = self._client.post("/v1/join", signed, JOIN_REQUEST_TYPE, idempotent=False)
        return self._keep(CredentialResponse.decode(answer.content), None)

    def signer(self) -> Signer:
        """The signer of the current period.

        Raises:
            UnavailableError: There is no credential for it, and none could be had.
        """
        period = self._parameters.period_of(self._clock())
        with self._lock:
            if self._signer is None or self._signer.period != period:
                if not self.has(period):
                    self._renew(period)
                credential = load_secret(self._path(period), CREDENTIAL_SIZE, kind=_CREDENTIAL_KIND)
                self._signer = Signer(self._parameters.group, self._parameters.hash, self._secret, credential)
            return self._signer

    def renew_if_due(self) -> None:
        """Fetch the credential of the current period, and from the second half on that of the next.

        Raises:
            TrunklineError: The authority refused or is not available.
        """
        now = self._clock()
        period = self._parameters.period_of(now)
        share = now / self._parameters.period_s - period
        wanted = [period, period + 1] if share >= self._renew_at_share else [period]
        with self._lock:
            for one in wanted:
                if not self.has(one):
                    self._renew(one)
            self._forget_before(period - 1)

    def run(self, stop: threading.Event) -> None:
        """Renew in time until `stop` is set."""
        pause = 0.0
        while not stop.wait(pause):
            pause = RETRY_S
            try:
                self.renew_if_due()
            except TrunklineError as error:
                _logger.warning("credential not renewed", code=error.code, reason=str(error))

    def _renew(self, period: int) -> None:
        if not self.enrolled:
            raise ConfigurationError("this carrier is not enrolled: run `trunkline carrier enroll` first")
        body = RenewRequest(period).encode()
        try:
            answer = self._client.post("/v1/renew", body, RENEW_REQUEST_TYPE)
        except TrunklineError as error:
            raise UnavailableError(f"no credential for this period ({error.code}): {error}") from error
        self._keep(CredentialResponse.decode(answer.content), period)

    def _keep(self, response: CredentialResponse, expected: int | None) -> int:
        if response.params_hash != self._parameters.hash:
            raise EvidenceError("the credential is for other public parameters; load the current ones")
        period = int.from_bytes(response.credential[:4], "big")
        if expected is not None and period != expected:
            raise EvidenceError("the credential is for another period than was asked for")
        check_credential(self._parameters.group, self._secret.public_point, response.credential)
        save_secret(self._path(period), response.credential, kind=_CREDENTIAL_KIND)
        _logger.info("credential kept", period=period)
        return period

    def _forget_before(self, period: int) -> None:
        for path in self._folder.glob(self._file_name("*")):
            if int(path.stem.rpartition("-")[2]) < period:
                path.unlink(missing_ok=True)

    def _path(self, period: int) -> Path:
        return self._folder / self._file_name(str(period))

    def _file_name(self, period: str) -> str:
        return f"credential-{self._parameters.group.id.hex()}-{period}.key"
