"""What every authority stands on: verified public parameters, the registry, and its own data directory."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

import sqlalchemy as sa
from fastapi import FastAPI
from pydantic import Field

from trunkline.errors import UnavailableError
from trunkline.jager.messages.parameters import PublicParameters, SignedParameters
from trunkline.jager.messages.registry import RegistryFile
from trunkline.jager.metrics import party_checks, party_metrics
from trunkline.service.clock import Clock
from trunkline.service.config import ServiceConfig
from trunkline.service.database import reading
from trunkline.service.files import lock_directory
from trunkline.service.metrics import Metrics
from trunkline.service.nonces import Nonces, NonceStore
from trunkline.service.readiness import Check
from trunkline.service.signatures import RequestVerifier


class AuthorityConfig(ServiceConfig):
    """What the configuration of every authority has.

    Attributes:
        parameters: The signed public parameters.
        root_fingerprint: Fingerprint of the root key, known from elsewhere.
        registry: The signed registry; it is read again when it changes.
    """

    parameters: Path
    root_fingerprint: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]
    registry: Path


@dataclass(frozen=True, slots=True)
class Standing:
    """An authority's view of its deployment, and its hold on its data directory.

    Attributes:
        parameters: The verified public parameters.
        registry: The registry, always the newest.
        verifier: Checks the signatures of requests to this authority.
        directory: The role's own data directory, held for this process alone.
        resources: Closes what was opened, in reverse order, when the service ends.
        clock: The service's time.
    """

    parameters: PublicParameters
    registry: RegistryFile
    verifier: RequestVerifier
    directory: Path
    resources: ExitStack
    clock: Clock

    @classmethod
    @contextmanager
    def opening(
        cls, config: AuthorityConfig, role: str, clock: Clock, *, nonces: Nonces | None = None
    ) -> Iterator[Self]:
        """Load and verify everything, and take the data directory; all is given up if the block fails.

        Args:
            config: The role's configuration.
            role: The role's name, which is also that of its audience and of its folder in `data_dir`.
            clock: The service's time.
            nonces: Where used nonces are kept; if not given, in a file of this process alone.

        Raises:
            ConfigurationError: A file cannot be read.
            TrunklineError: The parameters or the registry are not acceptable, or the directory is in use.
        """
        parameters = SignedParameters.load(config.parameters, config.root_fingerprint, now=clock())
        resources = ExitStack()
        try:
            directory = config.data_dir / role
            resources.enter_context(lock_directory(directory))
            registry = RegistryFile(
                config.registry, parameters.registry_key, serial_file=directory / "registry-serial"
            )
            if nonces is None:
                nonces = own_nonces = NonceStore(directory / "nonces.sqlite")
                resources.callback(own_nonces.close)
            verifier = RequestVerifier(parameters.audience(role), registry.key_of, nonces, clock)
            yield cls(parameters, registry, verifier, directory, resources, clock)
        except BaseException:
            resources.close()
            raise

    def check_in_force(self) -> None:
        """Check that the public parameters are still valid.

        Raises:
            UnavailableError: They are not; the operator has to install newer ones.
        """
        now = self.clock()
        if not self.parameters.not_before <= now < self.parameters.not_after:
            raise UnavailableError("the public parameters are not in force: install the current ones")

    def checks(self, database: sa.Engine) -> dict[str, Check]:
        """Return the checks of readiness that all authorities have.

        Args:
            database: The authority's own.
        """

        def reads() -> None:
            with reading(database) as connection:
                connection.execute(sa.text("SELECT version_num FROM alembic_version"))

        return {**party_checks(self.parameters, self.directory, self.clock), "database": reads}

    def check_label_keys(self) -> None:
        """Check that there are label keys for calls of now.

        Raises:
            InputError: There are not; the operator has to install newer parameters, with their keys.
        """
        self.parameters.key_for_epoch(int(self.clock() * 1000) // self.parameters.resolution_ms)

    def metrics(self, database: sa.Engine) -> Metrics:
        """Return the metrics that all authorities have, for the application to count in too.

        Args:
            database: The authority's own.
        """
        metrics = party_metrics(self.parameters, self.directory)
        metrics.read(
            "trunkline_registry_serial",
            "The serial of the registry in force.",
            lambda: self.registry.current().serial,
        )
        metrics.read(
            "trunkline_database_connections",
            "Connections to the database that are in use.",
            lambda: database.pool.checkedout() if isinstance(database.pool, sa.QueuePool) else None,
        )
        return metrics

    @asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        """Serve; then give the data directory up and close what was opened."""
        yield
        self.resources.close()
