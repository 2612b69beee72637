"""Enrolment: the keys of a carrier, and its joining of the group."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from trunkline.jager.carrier.config import CarrierConfig
from trunkline.jager.carrier.credentials import (
    Credentials,
    load_or_make_identity,
    load_or_make_member_secret,
)
from trunkline.jager.carrier.outbox import OUTBOX_FILE, Outbox
from trunkline.jager.carrier.services import open_services
from trunkline.jager.messages.parameters import SignedParameters
from trunkline.service.files import lock_directory


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an enrolment came to.

    Attributes:
        identity_key: The carrier's Ed25519 public key, which the registry must have.
        period: The period of the credential.
    """

    identity_key: bytes
    period: int


def enroll(config: CarrierConfig, clock: Callable[[], float] = time.time) -> Enrolment:
    """Join the group, with existing keys where there are any. Doing it again is harmless.

    Args:
        config: The carrier's configuration; its agent must not run.
        clock: Unix time.

    Raises:
        StorageError: The agent runs, or a file cannot be written.
        TrunklineError: The membership authority refused, is not available, or gave a bad credential.
    """
    with lock_directory(config.data_dir):
        parameters = SignedParameters.load(config.parameters, config.root_fingerprint, now=clock())
        identity = load_or_make_identity(config.carrier.identity_key)
        secret = load_or_make_member_secret(config.carrier.member_secret)
        services = open_services(config.carrier, parameters, identity, clock)
        try:
            credentials = Credentials(
                parameters,
                config.carrier.provider,
                secret,
                config.data_dir,
                services.membership,
                clock,
            )
            period = credentials.join(identity)
            # The agent's first start is then as quick as any: making the tables loads what it never needs.
            Outbox(config.data_dir / OUTBOX_FILE).close()
            return Enrolment(identity.public_key, period)
        finally:
            services.close()
