"""Three real Cassandra nodes on one machine, from the files in deploy/cassandra, with passwords and TLS.

Each has an address of its own in 127.0.0.0/8, so that all have the same ports, as on three machines.
"""

import os
import secrets
import signal
import socket
import ssl
import string
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, NoHostAvailable, Session
from cassandra.policies import DCAwareRoundRobinPolicy

from trunkline.service.tls import create_local_authority, issue_certificate

ROOT = Path(__file__).parents[2]
FILES = ROOT / "deploy" / "cassandra"
JARS = ROOT / "target" / "cassandra-jars"
COUNT = 3
DATACENTER = "dc1"
USER = "trunkline"

_START_S = 150.0
_LOOK_S = 0.1
_STARTED = "Starting listening for CQL clients"
_JAVA_OPTIONS = (
    "-Xms128m",
    "-Xmx512m",
    # Three of them share two processors with everything else: what starts fast is better than what runs fast.
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Dcassandra.skip_wait_for_gossip_to_settle=0",
    "-Dcassandra.ring_delay_ms=1000",
    "-Dcassandra.superuser_setup_delay_ms=0",
    "-Dcassandra.auth_bcrypt_gensalt_log2_rounds=4",
    "-Dcassandra-foreground=yes",
)


class Nodes:
    """The nodes, which are numbered from 0."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Runs beside this one have another network.
        network = f"127.{1 + secrets.randbelow(250)}.{1 + secrets.randbelow(250)}"
        self.addresses = [f"{network}.{number + 1}" for number in range(COUNT)]
        self.cql_port, self.storage_port = _free_ports(self.addresses[0], 2)
        self.jmx_ports = _free_ports("127.0.0.1", COUNT)
        self.authority = create_local_authority(folder / "tls")
        self.password = secrets.token_hex(16)
        self.password_file = folder / "password"
        self.password_file.write_text(self.password)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        for number in range(COUNT):
            self._write_files(number)

    def settings(self, keyspace: str) -> dict[str, object]:
        """The table `[record_store.cassandra]` of a store that keeps its records here."""
        return {
            "contact_points": self.addresses,
            "port": self.cql_port,
            "keyspace": keyspace,
            "datacenter": DATACENTER,
            "username": USER,
            "password_file": str(self.password_file),
            "ca_file": str(self.authority),
        }

    def start(self, *numbers: int) -> None:
        """Start nodes and wait until each takes requests."""
        for number in numbers:
            self._start(number)
        for number in numbers:
            self._wait(number)

    def start_missing(self) -> None:
        """Start those that do not run."""
        self.start(*(number for number in range(COUNT) if number not in self._processes))

    def kill(self, number: int) -> None:
        """End a node as a failure of its machine would."""
        process = self._processes.pop(number)
        process.kill()
        process.wait()

    def pause(self, *numbers: int) -> None:
        """Stop nodes from doing anything, without closing a connection."""
        for number in numbers:
            os.kill(self._processes[number].pid, signal.SIGSTOP)

    def resume(self, *numbers: int) -> None:
        """Let them go on."""
        for number in numbers:
            os.kill(self._processes[number].pid, signal.SIGCONT)

    def nodetool(self, number: int, *arguments: str) -> str:
        """Run Cassandra's own tool against a node."""
        command = ["java", f"@{FILES / 'jvm.options'}", "-XX:TieredStopAtLevel=1", "-Xmx128m"]
        command += ["-Dlogback.configurationFile=logback-tools.xml", "-cp", self._class_path(number)]
        command += ["org.apache.cassandra.tools.NodeTool", "-p", str(self.jmx_ports[number]), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    def stop(self) -> None:
        """End all nodes."""
        for number in list(self._processes):
            self.kill(number)

    def disk_bytes(self, number: int, keyspace: str, table: str) -> int:
        """The size of a table's files at a node, without what is in its memory only."""
        self.nodetool(number, "flush", keyspace, table)
        folders = (self._home(number) / "data" / keyspace).glob(f"{table}-*")
        return sum(path.stat().st_size for folder in folders for path in folder.glob("*.db"))

    def log(self, number: int) -> Path:
        """The file that a node's log goes to."""
        return self._home(number) / "log"

    @contextmanager
    def superuser(self) -> Iterator[Session]:
        """A session of the role that every cluster begins with, when all nodes see each other."""
        context = ssl.create_default_context(cafile=str(self.authority))
        context.check_hostname = False
        cluster = Cluster(
            self.addresses,
            port=self.cql_port,
            protocol_version=5,
            auth_provider=PlainTextAuthProvider("cassandra", "cassandra"),
            load_balancing_policy=DCAwareRoundRobinPolicy(DATACENTER),
            ssl_context=context,
        )
        try:
            session = _patiently_connected(cluster)
            deadline = time.monotonic() + _START_S
            while sum(bool(host.is_up) for host in cluster.metadata.all_hosts()) < COUNT:
                assert time.monotonic() < deadline, "the nodes do not find each other"
                time.sleep(_LOOK_S)
            yield session
        finally:
            cluster.shutdown()

    def create_role(self) -> None:
        """Make the stores' role, known to all nodes, as docs/cluster.md says."""
        with self.superuser() as session:
            session.default_timeout = 60.0
            session.execute(
                "ALTER KEYSPACE system_auth WITH replication = "
                f"{{'class': 'NetworkTopologyStrategy', '{DATACENTER}': {COUNT}}}"
            )
            # The first role is at one of its new replicas only; a quorum would not see it.
            self.nodetool(0, "repair", "--full", "system_auth")
            session.execute(f"CREATE ROLE {USER} WITH PASSWORD = '{self.password}' AND LOGIN = true")
            session.execute(f"GRANT CREATE ON ALL KEYSPACES TO {USER}")

    def _home(self, number: int) -> Path:
        return self.folder / f"node{number}"

    def _class_path(self, number: int) -> str:
        return f"{self._home(number) / 'conf'}:{JARS}/*"

    def _write_files(self, number: int) -> None:
        home = self._home(number)
        (home / "conf").mkdir(parents=True)
        tls = issue_certificate(self.folder / "tls", "node", [self.addresses[number]], home)
        pem = home / "node.pem"
        pem.write_bytes(tls.key.read_bytes() + tls.certificate.read_bytes())
        # Equal shares of the ring, so that nobody has to ask the others for one.
        token = -(2**63) + number * (2**64 // COUNT)
        values = {
            "CLUSTER": "test",
            "SEEDS": ",".join(f"{address}:{self.storage_port}" for address in self.addresses),
            "ADDRESS": self.addresses[number],
            "STORAGE_PORT": self.storage_port,
            "CQL_PORT": self.cql_port,
            "TOKENS": f'1\ninitial_token: "{token}"',
            "DIRECTORY": home,
            "COMMITLOG_SEGMENT": "8MiB",
            "COMMITLOG_SPACE": "64MiB",
            "CONCURRENCY": 16,
            "MEMTABLE": "64MiB",
            "AUTHENTICATOR": "PasswordAuthenticator",
            "AUTHORIZER": "CassandraAuthorizer",
            "CLIENT_ENCRYPTION": (
                f"{{enabled: true, optional: false, keystore: {pem}, ssl_context_factory: "
                "{class_name: org.apache.cassandra.security.PEMBasedSslContextFactory}}"
            ),
            "SERVER_ENCRYPTION": "{internode_encryption: none}",
        }
        template = string.Template((FILES / "cassandra.yaml").read_text())
        (home / "conf" / "cassandra.yaml").write_text(template.substitute(values))
        (home / "conf" / "logback.xml").write_bytes((FILES / "logback.xml").read_bytes())
        (home / "conf" / "cassandra-rackdc.properties").write_text(f"dc={DATACENTER}\nrack=rack{number}\n")

    def _start(self, number: int) -> None:
        home = self._home(number)
        command = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            "--",
            "java",
            f"@{FILES / 'jvm.options'}",
            *_JAVA_OPTIONS,
        ]
        command += [f"-Dcassandra.config=file:{home}/conf/cassandra.yaml", f"-Dcassandra.storagedir={home}"]
        command += [f"-Dcassandra.jmx.local.port={self.jmx_ports[number]}"]
        command += ["-cp", self._class_path(number), "org.apache.cassandra.service.CassandraDaemon"]
        with self.log(number).open("wb") as log:
            self._processes[number] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _wait(self, number: int) -> None:
        deadline = time.monotonic() + _START_S
        while _STARTED not in self.log(number).read_text(errors="replace"):
            ended = self._processes[number].poll()
            assert ended is None, f"node {number} ended with {ended}: {self.log(number).read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"node {number} takes too long to start"
            time.sleep(_LOOK_S)


def fetch_jars() -> None:
    """Have the nodes' jars; they are fetched once."""
    subprocess.run([FILES / "fetch", JARS], check=True)


def _patiently_connected(cluster: Cluster) -> Session:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            return cluster.connect()
        except NoHostAvailable:  # the first role is made some moments after the start
            assert time.monotonic() < deadline, "no node lets the first role in"
            time.sleep(_LOOK_S)


def _free_ports(address: str, count: int) -> list[int]:
    """Ports that nobody uses, outside the range that the kernel gives to outgoing connections."""
    found: list[int] = []
    while len(found) < count:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe:
            if probe.connect_ex((address, port)) != 0 and port not in found:
                found.append(port)
    return found
