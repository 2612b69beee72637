"""A real PostgreSQL server with a folder and a port of its own, for tests of what processes share."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from real_processes import eventually

_ROLE = "trunkline"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # of power failures there is nothing to be tested here
    "shared_buffers": "16MB",
    "max_connections": "60",
}


class PostgresServer:
    """Started by `start`; its database survives `stop`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"postgresql://{_ROLE}@127.0.0.1:{self._port}/postgres"
        self._process: subprocess.Popen[bytes] | None = None
        self._as_owner = _drop_root(folder)
        self._run("initdb", "-D", self._data, "-U", _ROLE, "-A", "trust", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        command = [_program("postgres"), "-D", self._data, "-p", str(self._port), "-k", self._folder]
        with (self._folder.parent / f"{self._folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as_owner, *map(str, command), *settings], stdout=log, stderr=log
            )
        eventually(self._answers, "PostgreSQL")

    def stop(self) -> None:
        """End it as its operator would in a hurry; connections are cut."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections and never answers."""
        assert self._process is not None
        parent = self._process.pid
        children = [int(text) for text in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
        for pid in (parent, *children):
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in (*children, parent):
                os.kill(pid, signal.SIGCONT)

    def query(self, statement: str, *values: object) -> list[tuple]:
        """Look into the database."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement, values).fetchall()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "PostgreSQL ended; see its log"
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, name: str, *arguments: object) -> None:
        subprocess.run(
            [*self._as_owner, _program(name), *map(str, arguments)], check=True, stdout=subprocess.DEVNULL
        )


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A server on an empty database, which ends with the block."""
    with tempfile.TemporaryDirectory(prefix="tl-postgres-") as outer:
        Path(outer).chmod(0o755)  # the server's owner passes through
        folder = Path(outer) / "server"
        folder.mkdir()
        server = PostgresServer(folder)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _program(name: str) -> str:
    found = shutil.which(name) or max(
        map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), default=None
    )
    assert found is not None, "these tests need PostgreSQL: apt-get install postgresql"
    return found


def _drop_root(folder: Path) -> list[str]:
    """What to begin a command with so that it does not run as root, which PostgreSQL refuses."""
    ends = ["setpriv", "--pdeathsig", "INT"]
    if os.getuid() != 0:
        return [*ends, "--"]
    owner = pwd.getpwnam("nobody")
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    return [*ends, f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups", "--"]
