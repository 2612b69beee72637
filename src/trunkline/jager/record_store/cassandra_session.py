"""Talking to a Cassandra cluster: one session a process, bounded waits, errors of ours.

A statement ends after `_STATEMENT_S` at the latest, whatever happens to the nodes. Statements that may be
sent twice are: to another node when the first one is silent, and again when a node says it timed out.
"""

import contextlib
import ssl
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from trunkline.errors import ConfigurationError, StorageError, TrunklineError, UnavailableError
from trunkline.jager.record_store.config import CassandraConfig

try:
    from cassandra import (
        AuthenticationFailed,
        ConsistencyLevel,
        InvalidRequest,
        OperationTimedOut,
        ReadTimeout,
        Unauthorized,
        Unavailable,
        WriteTimeout,
    )
    from cassandra.auth import PlainTextAuthProvider
    from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
    from cassandra.concurrent import execute_concurrent_with_args
    from cassandra.connection import ConnectionException
    from cassandra.policies import (
        ConstantSpeculativeExecutionPolicy,
        DCAwareRoundRobinPolicy,
        ExponentialReconnectionPolicy,
        RetryPolicy,
        TokenAwarePolicy,
    )
    from cassandra.protocol import ErrorMessage
    from cassandra.query import tuple_factory
except ImportError as _error:
    raise ConfigurationError(
        "the driver for Apache Cassandra is not installed; run: pip install 'trunkline[cluster]'"
    ) from _error

IN_FLIGHT = 128
"""Statements of one batch that are under way at a time."""

_PROTOCOL_VERSION = 5
_STATEMENT_S = 5.0
_CONNECT_S = 5.0
_SECOND_NODE_S = 0.5
_RETRIES = 2
_HEARTBEAT_S = 3.0
_RECONNECT_S = (0.5, 5.0)
_MAX_PASSWORD = 1024
_OUTCOME_UNKNOWN = 0x1700  # CAS_WRITE_UNKNOWN of the protocol's version 5, which the driver has no class for

Row = tuple[Any, ...]


class Session:
    """An open session. Threads may share it; a fork may not."""

    def __init__(self, config: CassandraConfig) -> None:
        """Connect.

        Raises:
            UnavailableError: No node answered.
            ConfigurationError: The nodes refuse the user or the certificate, or a file cannot be used.
        """
        self.keyspace = config.keyspace
        profile = ExecutionProfile(
            load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(config.datacenter)),
            retry_policy=_RetryIdempotent(),
            # What a quorum acknowledged, every later quorum sees, with any minority of replicas gone.
            consistency_level=ConsistencyLevel.QUORUM,
            serial_consistency_level=ConsistencyLevel.SERIAL,
            request_timeout=_STATEMENT_S,
            row_factory=tuple_factory,
            speculative_execution_policy=ConstantSpeculativeExecutionPolicy(_SECOND_NODE_S, 1),
        )
        self._cluster = Cluster(
            list(config.contact_points),
            port=config.port,
            protocol_version=_PROTOCOL_VERSION,
            auth_provider=_credentials(config),
            ssl_context=_tls(config),
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            reconnection_policy=ExponentialReconnectionPolicy(*_RECONNECT_S),
            idle_heartbeat_interval=_HEARTBEAT_S,
            idle_heartbeat_timeout=_HEARTBEAT_S,
            connect_timeout=_CONNECT_S,
            control_connection_timeout=_CONNECT_S,
        )
        try:
            with errors_of_ours():
                self._session = self._cluster.connect()
        except TrunklineError:
            self._cluster.shutdown()
            raise

    def prepare(self, query: str, *, once: bool = False, linearized: bool = False) -> Any:
        """Prepare a statement; `{keyspace}` in it stands for the keyspace.

        Args:
            query: The statement.
            once: Whether sending it twice would do something else than sending it once.
            linearized: Whether a read is to see every conditional write that came before it.
        """
        with errors_of_ours():
            statement = self._session.prepare(query.format(keyspace=self.keyspace))
        statement.is_idempotent = not once
        if linearized:
            statement.consistency_level = ConsistencyLevel.SERIAL
        return statement

    def run(self, statement: Any, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return all its rows.

        Raises:
            UnavailableError: Too few replicas answered in time; whether a write is stored is unknown.
            StorageError: The cluster cannot do it.
        """
        with errors_of_ours():
            return list(self._session.execute(statement, parameters))

    def each(
        self, statement: Any, parameters: Iterable[Sequence[Any]], in_flight: int = IN_FLIGHT
    ) -> Iterator[Iterable[Row]]:
        """Run a statement with many parameters and give the rows of each, in order; the first error ends it.

        Raises (while iterating):
            UnavailableError, StorageError: As `run`. Other statements may have been run.
        """
        results = execute_concurrent_with_args(
            self._session,
            statement,
            parameters,
            concurrency=in_flight,
            raise_on_first_error=True,
            results_generator=True,
        )
        with errors_of_ours(), contextlib.closing(results):
            for _, rows in results:
                yield rows

    def attempt(self, statement: Any, parameters: Iterable[Sequence[Any]]) -> list[list[Row] | None]:
        """Run a statement with many parameters; None where there was no answer in time.

        Raises:
            StorageError: The cluster cannot do it.
        """
        results = execute_concurrent_with_args(
            self._session, statement, parameters, concurrency=IN_FLIGHT, raise_on_first_error=False
        )
        found: list[list[Row] | None] = []
        for succeeded, outcome in results:
            try:
                with errors_of_ours():
                    if not succeeded:
                        raise outcome
                    found.append(list(outcome))
            except UnavailableError:
                found.append(None)
        return found

    def change_schema(self, statement: str) -> None:
        """Run a statement that changes the schema, and wait until all nodes that are up have it."""
        with errors_of_ours():
            self._session.execute(statement, timeout=None)

    def tables(self) -> set[str]:
        """The names of the tables in the keyspace."""
        with errors_of_ours():
            self._cluster.refresh_schema_metadata()
            keyspace = self._cluster.metadata.keyspaces.get(self.keyspace)
            return set() if keyspace is None else set(keyspace.tables)

    @property
    def nodes(self) -> int:
        """How many nodes the cluster has, as far as is known here."""
        return len(self._cluster.metadata.all_hosts())

    @property
    def nodes_up(self) -> int:
        """How many of them can be reached from here."""
        return sum(bool(host.is_up) for host in self._cluster.metadata.all_hosts())

    def close(self) -> None:
        """End the session."""
        self._cluster.shutdown()


@contextlib.contextmanager
def open_session(config: CassandraConfig) -> Iterator[Session]:
    """Connect, and end the session afterwards; raises what `Session` raises."""
    session = Session(config)
    try:
        yield session
    finally:
        session.close()


class _RetryIdempotent(RetryPolicy):  # type: ignore[misc]  # the driver has no types
    """Tries an idempotent statement again at another node; nothing else, since its outcome is unknown."""

    def on_read_timeout(self, query: Any, *_: Any, retry_num: int, **__: Any) -> tuple[int, None]:
        return self._again(query, retry_num)

    def on_write_timeout(self, query: Any, *_: Any, retry_num: int, **__: Any) -> tuple[int, None]:
        return self._again(query, retry_num)

    def on_unavailable(self, query: Any, *_: Any, retry_num: int, **__: Any) -> tuple[int, None]:
        # Nothing was done yet, and another node may see more replicas alive.
        return (self.RETRY_NEXT_HOST if retry_num == 0 else self.RETHROW), None

    def on_request_error(self, query: Any, *_: Any, retry_num: int, **__: Any) -> tuple[int, None]:
        return self._again(query, retry_num)

    def _again(self, query: Any, retry_num: int) -> tuple[int, None]:
        return (self.RETRY_NEXT_HOST if query.is_idempotent and retry_num < _RETRIES else self.RETHROW), None


@contextlib.contextmanager
def errors_of_ours() -> Iterator[None]:
    """Turn the driver's errors into ours. Their texts name hosts and tables, which only the log shows."""
    try:
        yield
    except (
        NoHostAvailable,
        OperationTimedOut,
        Unavailable,
        ReadTimeout,
        WriteTimeout,
        ConnectionException,
    ) as error:
        for one in _causes(error):
            if isinstance(one, AuthenticationFailed) and not _users_unknown(one):
                raise ConfigurationError(
                    "the cluster refuses the user or the password; check `username` and `password_file`"
                ) from error
            if "[SSL" in str(one):  # the driver makes another class of it
                raise ConfigurationError(
                    "the cluster's certificate is not accepted, or it does not accept ours; "
                    "check `ca_file`, `certificate` and `key`"
                ) from error
        raise UnavailableError(
            f"too few nodes of the cluster answer in time ({type(error).__name__})"
        ) from error
    except Unauthorized as error:
        if _users_unknown(error):
            raise UnavailableError("too few nodes of the cluster answer in time (Unauthorized)") from error
        raise ConfigurationError("the cluster's user lacks rights; see docs/cluster.md for them") from error
    except InvalidRequest as error:
        raise StorageError(
            "the cluster does not know a statement of ours; run: trunkline record-store schema"
        ) from error
    except TrunklineError:
        raise
    except ErrorMessage as error:
        if error.code == _OUTCOME_UNKNOWN:
            raise UnavailableError(
                "the cluster does not know yet whether a conditional write is done"
            ) from error
        raise StorageError(f"the cluster failed: {error.summary}; its nodes' logs say why") from error
    except Exception as error:  # the driver's other classes have no common base
        raise StorageError(f"the cluster failed ({type(error).__name__}); its nodes' logs say why") from error


def _users_unknown(error: BaseException) -> bool:
    """Whether a node could not read its tables of users and rights, since too few that have them answer."""
    return "Unable to perform auth" in str(error)


def _causes(error: BaseException) -> list[BaseException]:
    """What the hosts answered that made none available."""
    errors = getattr(error, "errors", None)
    return [one for one in errors.values() if isinstance(one, BaseException)] if errors else []


def _credentials(config: CassandraConfig) -> Any:
    if config.username is None or config.password_file is None:
        return None
    try:
        with config.password_file.open("rb") as file:
            password = file.read(_MAX_PASSWORD).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read the password in {config.password_file}") from error
    return PlainTextAuthProvider(config.username, password)


def _tls(config: CassandraConfig) -> ssl.SSLContext | None:
    if config.ca_file is None:
        return None
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
        # Nodes are named by addresses that the cluster itself tells; its own authority vouches for them.
        context.check_hostname = False
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if config.certificate is not None:
            context.load_cert_chain(config.certificate, config.key)
    except OSError as error:
        raise ConfigurationError("cannot use `ca_file`, `certificate` or `key` of the cluster") from error
    return context
