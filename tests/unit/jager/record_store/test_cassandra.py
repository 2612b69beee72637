"""What can be said of the cluster's engine without a cluster; tests/cluster has real nodes."""

import subprocess
import sys

import pytest
from cassandra import (
    AuthenticationFailed,
    InvalidRequest,
    OperationTimedOut,
    Unauthorized,
    Unavailable,
    WriteType,
)
from cassandra.cluster import NoHostAvailable
from cassandra.policies import RetryPolicy
from cassandra.protocol import ErrorMessage
from pydantic import ValidationError
from typer.testing import CliRunner

from trunkline.cli.record_store import app
from trunkline.errors import ConfigurationError, QuotaError, StorageError, UnavailableError
from trunkline.jager.record_store import cassandra_grants
from trunkline.jager.record_store.cassandra_grants import GrantTable
from trunkline.jager.record_store.cassandra_session import Session, _RetryIdempotent, errors_of_ours
from trunkline.jager.record_store.config import CassandraConfig
from trunkline.jager.record_store.engine import GrantUse

NODES = {"contact_points": ("127.0.0.1",), "datacenter": "dc1"}


# --- configuration ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"contact_points": ()}, "contact_points"),
        ({"contact_points": ("a b",)}, "contact_points"),
        ({"keyspace": "records; DROP"}, "keyspace"),
        ({"datacenter": "dc1'"}, "datacenter"),
        ({"username": "trunkline"}, "password_file"),
        ({"certificate": "a.pem", "ca_file": "ca.pem"}, "certificate and key"),
        ({"certificate": "a.pem", "key": "a.key"}, "needs ca_file"),
        ({"consistency": "ONE"}, "consistency"),
    ],
)
def test_cluster_settings_that_cannot_be_used_are_refused_by_name(settings, named):
    with pytest.raises(ValidationError, match=named):
        CassandraConfig.model_validate(NODES | settings)


def test_embedded_folder_without_a_cluster_is_refused(lab):
    with pytest.raises(ValidationError, match="embedded_data_dir is for a store with"):
        lab.write_files().model_validate(dict(lab.write_files()) | {"embedded_data_dir": "data"})


def test_missing_driver_is_said_with_the_command_that_installs_it():
    program = (
        "import sys; sys.modules['cassandra'] = None\n"
        "from trunkline.errors import ConfigurationError\n"
        "try:\n    import trunkline.jager.record_store.cassandra_session\n"
        "except ConfigurationError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install 'trunkline[cluster]'" in done.stdout


def test_password_file_that_cannot_be_read_is_named(tmp_path):
    config = CassandraConfig.model_validate(NODES | {"username": "a", "password_file": tmp_path / "none"})
    with pytest.raises(ConfigurationError, match="cannot read the password"):
        Session(config)


def test_authority_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(ConfigurationError, match="cannot use `ca_file`"):
        Session(CassandraConfig.model_validate(NODES | {"ca_file": tmp_path / "ca.pem"}))


def test_cluster_that_nobody_listens_at_is_unavailable():
    with pytest.raises(UnavailableError, match="too few nodes"):
        Session(CassandraConfig.model_validate(NODES | {"port": 1}))


# --- errors and retries -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raised", "expected", "text"),
    [
        (Unavailable("x"), UnavailableError, "too few nodes"),
        (OperationTimedOut(), UnavailableError, "in time"),
        (NoHostAvailable("x", {"a": AuthenticationFailed()}), ConfigurationError, "user or the password"),
        (NoHostAvailable("x", {"a": PermissionError(1, "[SSL: X] no")}), ConfigurationError, "certificate"),
        (NoHostAvailable("x", {"a": ConnectionRefusedError()}), UnavailableError, "too few nodes"),
        (Unauthorized("x"), ConfigurationError, "lacks rights"),
        # What a node says that cannot read its users and rights, because the nodes that have them are away.
        (
            Unauthorized("Unable to perform authorization of super-user permission: Cannot achieve"),
            UnavailableError,
            "in time",
        ),
        (
            NoHostAvailable("x", {"a": AuthenticationFailed("Unable to perform authentication: Operation")}),
            UnavailableError,
            "in time",
        ),
        (InvalidRequest("x"), StorageError, "record-store schema"),
        (ErrorMessage(0x1700, "x", None), UnavailableError, "does not know yet"),
        (ErrorMessage(0x1500, "x", None), StorageError, "the cluster failed"),
        (RuntimeError("idx 0123"), StorageError, "RuntimeError"),
    ],
)
def test_errors_of_the_driver_become_ours_without_their_text(raised, expected, text):
    with pytest.raises(expected, match=text) as caught, errors_of_ours():
        raise raised
    assert "0123" not in str(caught.value)


class Statement:
    def __init__(self, *, idempotent):
        self.is_idempotent = idempotent


def test_only_idempotent_statements_are_sent_again_and_not_for_ever():
    policy, again = _RetryIdempotent(), (RetryPolicy.RETRY_NEXT_HOST, None)
    safe, once = Statement(idempotent=True), Statement(idempotent=False)
    for ask in (policy.on_read_timeout, policy.on_request_error):
        assert ask(safe, 4, retry_num=0) == ask(safe, 4, retry_num=1) == again
        assert ask(safe, 4, retry_num=2) == ask(once, 4, retry_num=0) == (RetryPolicy.RETHROW, None)
    assert policy.on_write_timeout(once, 4, WriteType.CAS, 2, 1, retry_num=0) == (RetryPolicy.RETHROW, None)
    # Nothing was done, so anything may be tried once more.
    assert policy.on_unavailable(once, 4, 2, 1, retry_num=0) == again
    assert policy.on_unavailable(safe, 4, 2, 1, retry_num=1) == (RetryPolicy.RETHROW, None)


# --- counting grants when outcomes are unknown --------------------------------------------------------


class OnePartitionEach:
    """A session whose conditional writes can be done without saying so, or not done."""

    def __init__(self, script):
        self.script = script  # for each conditional write: "answered", "silent" (done) or "lost" (not done)
        self.served, self.counts = {}, {}
        self.quotas, self.totals = {}, {}

    def prepare(self, query, **_):
        text = query.replace("{keyspace}.", "")
        return next(
            name
            for name, mark in (
                ("use", "UPDATE quotas USING TTL ? SET"),
                ("serve", "UPDATE served USING TTL ? SET"),
                ("used", "DISTINCT requester"),
                ("counted", "SELECT labels"),
                ("count", "DISTINCT idx"),
                ("place", "SELECT position"),
                ("take over", "TIMESTAMP"),
            )
            if mark in text
        )

    def attempt(self, statement, parameters):
        return [self.one(statement, *one) for one in parameters]

    def one(self, statement, *values):
        if statement == "use":
            _, day, total, requester, old_day, old_total, _, grant_id, labels, _ = values
            fits = self.totals.get(requester, (None, None)) == (old_day, old_total)
            return self.conditional(
                fits and (requester, grant_id) not in self.quotas,
                lambda: (
                    self.totals.update({requester: (day, total)}),
                    self.quotas.update({(requester, grant_id): labels}),
                ),
            )
        if statement == "serve":
            _, count, idx, old, _, grant_id, place, _ = values
            return self.conditional(
                self.counts.get(idx) == old and (idx, grant_id) not in self.served,
                lambda: (self.counts.update({idx: count}), self.served.update({(idx, grant_id): place})),
            )
        known = {
            "used": lambda requester: (
                [(requester, *self.totals[requester])] if requester in self.totals else []
            ),
            "counted": lambda *key: [(self.quotas[key],)] if key in self.quotas else [],
            "count": lambda idx: [(idx, self.counts[idx])] if idx in self.counts else [],
            "place": lambda *key: [(self.served[key],)] if key in self.served else [],
        }
        return known[statement](*values)

    def conditional(self, fits, do):
        how = self.script.pop(0) if self.script else "answered"
        if fits and how != "lost":
            do()
        return [(fits,)] if how == "answered" else None


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(cassandra_grants, "_pause", lambda attempt: None)


def a_grant(number, indices=(b"i", b"j"), day=5):
    return GrantUse(bytes([number]), b"requester", day, indices)


@pytest.mark.parametrize("script", [["silent"] * 3, ["lost"] * 3, ["lost", "silent", "answered", "lost"]])
def test_conditional_write_of_unknown_outcome_counts_once(script):
    session = OnePartitionEach(script)
    table = GrantTable(session, lambda day: 100)
    assert table.serve(a_grant(1), 10) == [0, 0]
    assert table.serve(a_grant(2), 10) == [1, 1]
    assert table.serve(a_grant(1), 10) == [0, 0]
    assert session.totals == {b"requester": (5, 4)}
    assert session.counts == {b"i": 2, b"j": 2}


def test_grant_over_the_quota_takes_no_place():
    session = OnePartitionEach([])
    table = GrantTable(session, lambda day: 100)
    table.serve(a_grant(1), 3)
    with pytest.raises(QuotaError, match="quota of 3 labels"):
        table.serve(a_grant(2), 3)
    assert session.counts == {b"i": 1, b"j": 1}
    assert table.serve(a_grant(2, day=6), 3) == [1, 1]


def test_day_of_a_clock_that_is_ahead_gives_no_second_quota():
    session = OnePartitionEach([])
    table = GrantTable(session, lambda day: 100)
    table.serve(a_grant(1, day=6), 3)
    with pytest.raises(QuotaError, match="quota of 3 labels"):
        table.serve(a_grant(2, day=5), 3)


def test_cluster_that_never_tells_ends_as_unavailable():
    table = GrantTable(OnePartitionEach(["lost"] * 100), lambda day: 100)
    with pytest.raises(UnavailableError, match="did not count a grant in time"):
        table.serve(a_grant(1), 10)


# --- commands -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["schema", "migrate"])
def test_command_for_a_cluster_without_one_in_the_configuration_says_what_to_add(command, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(
        "port = 1\ndata_dir = 'data'\nparameters = 'p'\nroot_fingerprint = 'f'\nregistry = 'r'\n"
        f"[record_store]\nid = '{'0' * 32}'\nkey = 'k'\n"
    )
    result = CliRunner().invoke(app, [command, "--config", str(config)])
    assert isinstance(result.exception, ConfigurationError)
    assert "add it" in str(result.exception)
