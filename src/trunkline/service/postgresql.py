"""PostgreSQL for what several processes of one service share, with every wait bounded.

A server that is away, or answers too slowly, is an error within seconds. Requests that waited for it without
end would take all worker threads with them, and so the whole service.
"""

from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy
from sqlalchemy.engine import URL

from trunkline.errors import ConfigurationError

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.abc import PQGen

DIALECT = "postgresql"

_ANSWER_S = 3.0
_CONNECT_S = 3
_CONNECTIONS = 16
_WAIT_FOR_CONNECTION_S = 2.0

_Result = TypeVar("_Result")


def postgresql_engine(url: str, *, durable: bool) -> sqlalchemy.Engine:
    """Return an engine for a PostgreSQL database; nothing is connected yet.

    Args:
        url: `postgresql://user@host:port/database`, with libpq's parameters such as `passfile` and `sslmode`
            as its query. It has no password, which belongs into a file that only the service can read.
        durable: Whether a committed transaction survives a crash of the server.

    Raises:
        ConfigurationError: The URL is none, has a password, or the driver is not installed.
    """
    parsed = _parse(url)
    try:
        import psycopg
    except ImportError as error:
        raise ConfigurationError(
            "the driver for PostgreSQL is missing; install it: pip install 'trunkline[postgresql]'"
        ) from error
    arguments: dict[str, Any] = {"connect_timeout": _CONNECT_S, **parsed.translate_connect_args()}
    arguments["dbname"] = arguments.pop("database", None)
    arguments["user"] = arguments.pop("username", None)
    # Over the network a server may vanish without a word.
    arguments |= {"tcp_user_timeout": int(_ANSWER_S * 1000), "keepalives_idle": 10, **parsed.query}
    arguments["options"] = f"-c statement_timeout={int(_ANSWER_S * 1000)}" + (
        "" if durable else " -c synchronous_commit=off"
    )
    bounded = _bounded(psycopg.Connection)
    return sqlalchemy.create_engine(
        URL.create(f"{DIALECT}+psycopg"),
        creator=lambda: bounded.connect(**arguments),
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_timeout=_WAIT_FOR_CONNECTION_S,
        use_native_hstore=False,
    )


def _parse(url: str) -> URL:
    try:
        parsed = sqlalchemy.make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        raise ConfigurationError("the database's URL is none: postgresql://user@host/database") from error
    if parsed.drivername != DIALECT or not parsed.database:
        raise ConfigurationError("a shared database is named as postgresql://user@host/database")
    if parsed.password is not None or "password" in parsed.query:
        raise ConfigurationError(
            "the database's URL has a password; put it into a file of mode 0600 and name that with ?passfile="
        )
    return parsed


def _bounded(connection_class: "type[Connection[Any]]") -> "type[Connection[Any]]":
    """Return the driver's class of connections, with a limit to each wait for the server.

    `statement_timeout` bounds what the server does; this bounds what a server can do that has stopped.
    """
    import psycopg

    class BoundedConnection(connection_class):  # type: ignore[misc, valid-type] # loaded with the driver only
        def wait(self, gen: "PQGen[_Result]", interval: float = 0.1, timeout: float | None = None) -> _Result:
            try:
                result: _Result = super().wait(gen, interval, _ANSWER_S if timeout is None else timeout)
            except psycopg.OperationalError:
                # What is still to come would be taken for the answer to the next question.
                self.pgconn.finish()
                raise
            return result

    return BoundedConnection
