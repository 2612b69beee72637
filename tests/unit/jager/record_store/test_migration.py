"""Moving records between databases, with an embedded one in the cluster's place."""

import json
import secrets

import pytest

from trunkline.errors import ConfigurationError, StorageError, TooLargeError
from trunkline.jager.record_store.app import create
from trunkline.jager.record_store.engine import Candidate, GrantUse, StoredRecord, key_parts, record_key
from trunkline.jager.record_store.migration import (
    EmbeddedBehindCluster,
    Migration,
    State,
    migrate_embedded,
    open_frozen,
)
from trunkline.jager.record_store.rocks_engine import (
    MOVED_FILE,
    RECORDS_FOLDER,
    RocksEngine,
    ServedGrant,
    UsedQuota,
)
from trunkline.service.files import lock_directory

DAY = 20_000
STORE = bytes(16)
NO_LIMIT = 1_000_000


def some_record(day=DAY, idx=None):
    idx = idx or secrets.token_bytes(32)
    body = secrets.token_bytes(14) + idx + secrets.token_bytes(668)
    return StoredRecord(record_key(idx, day, secrets.token_bytes(16)), day * 24, body)


class Cluster(RocksEngine):
    """In the place of the cluster's engine; it forgets what it is told to, once."""

    forgets: frozenset[bytes] = frozenset()
    first_day = 0

    def keeps(self, stored):
        return key_parts(stored.key)[1] >= self.first_day

    def put_batch(self, records):
        super().put_batch([one for one in records if one.key not in self.forgets and self.keeps(one)])


class Notes:
    """A session that keeps the state of a migration, and can be away."""

    def __init__(self):
        self.state = None

    def prepare(self, query):
        return query.split()[0]

    def run(self, statement, parameters):
        if statement == "INSERT":
            self.state = parameters[1]
            return []
        return [(self.state,)] if self.state else []


@pytest.fixture
def cluster(tmp_path):
    engine = Cluster(tmp_path / "cluster")
    yield engine
    engine.close()


@pytest.fixture
def records():
    return sorted((some_record() for _ in range(1_200)), key=lambda one: one.key)


@pytest.fixture
def frozen(tmp_path, records):
    folder = tmp_path / "old"
    engine = RocksEngine(folder / RECORDS_FOLDER)
    engine.put_batch(records)
    engine.close()
    with open_frozen(folder) as embedded:
        yield embedded


def silent(_share):
    pass


# --- copying ------------------------------------------------------------------------------------------


def test_records_are_copied_compared_and_then_left_alone(frozen, cluster, records):
    notes, shares = Notes(), []
    state = Migration(notes, STORE).run(frozen, cluster, shares.append)
    assert cluster.page(b"", NO_LIMIT) == records
    assert (state.done, state.copied, state.verified, state.repaired) == (True, 1_200, 1_200, 0)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    cluster.forgets = frozenset(one.key for one in records)
    assert Migration(notes, STORE).run(frozen, cluster, silent) == state


def test_interrupted_migration_goes_on_where_it_was(frozen, cluster, records):
    notes = Notes()

    def interrupt(share):
        if share > 0.2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Migration(notes, STORE).run(frozen, cluster, interrupt)
    assert 0 < json.loads(notes.state)["copied"] < 1_200
    state = Migration(notes, STORE).run(frozen, cluster, silent)
    assert (state.copied, state.verified) == (1_200, 1_200)
    assert cluster.page(b"", NO_LIMIT) == records


def test_record_that_the_cluster_lost_is_found_and_copied_again(frozen, cluster, records):
    notes = Notes()
    Migration(notes, STORE).run(frozen, cluster, silent)
    lost = records[7]
    cluster._store.write("records", deletes=[lost.key])
    notes.state = json.dumps(State(verifying=True, copied=1_200)._asdict() | {"cursor": ""})
    state = Migration(notes, STORE).run(frozen, cluster, silent)
    assert (state.verified, state.repaired) == (1_200, 1)
    assert cluster.get([lost.key]) == [lost]


def test_cluster_that_keeps_losing_a_record_ends_the_migration(frozen, cluster, records):
    cluster.forgets = frozenset([records[3].key])
    with pytest.raises(StorageError, match="acknowledged are not there"):
        Migration(Notes(), STORE).run(frozen, cluster, silent)


def test_record_that_expires_meanwhile_is_not_missed(frozen, cluster):
    cluster.first_day = DAY + 1
    state = Migration(Notes(), STORE).run(frozen, cluster, silent)
    assert (state.done, state.repaired) == (True, 0)
    assert cluster.page(b"", NO_LIMIT) == []


# --- freezing -----------------------------------------------------------------------------------------


def test_embedded_store_that_runs_is_not_frozen(tmp_path):
    RocksEngine(tmp_path / RECORDS_FOLDER).close()
    with (
        lock_directory(tmp_path),
        pytest.raises(StorageError, match="stop that one first"),
        open_frozen(tmp_path),
    ):
        pass
    assert not (tmp_path / MOVED_FILE).exists()


def test_frozen_database_is_read_by_several_and_written_by_none(tmp_path):
    RocksEngine(tmp_path / RECORDS_FOLDER).close()
    with open_frozen(tmp_path) as one, open_frozen(tmp_path) as two:
        assert one.page(b"", 1) == two.page(b"", 1) == []
        with pytest.raises(StorageError, match="for reading only"):
            one.put_batch([some_record()])


def test_folder_without_a_database_is_refused(tmp_path):
    with pytest.raises(StorageError, match="no embedded database"), open_frozen(tmp_path):
        pass


def test_store_on_records_that_moved_does_not_start(lab, clock):
    config = lab.write_files()
    config.data_dir.mkdir(parents=True, exist_ok=True)
    (config.data_dir / MOVED_FILE).touch()
    with pytest.raises(ConfigurationError, match="have moved to a cluster"):
        create(config, clock)


def test_migration_without_a_cluster_is_refused(lab):
    with pytest.raises(ConfigurationError, match="embedded_data_dir"):
        migrate_embedded(lab.write_files(), silent)


def test_counts_of_grants_are_given_by_index_and_requester(tmp_path):
    engine = RocksEngine(tmp_path)
    try:
        first = GrantUse(b"g" * 16, b"r" * 16, DAY, (b"a" * 32, b"b" * 32))
        second = GrantUse(b"h" * 16, b"r" * 16, DAY + 1, (b"b" * 32,))
        engine.serve_grant(first, 9)
        engine.serve_grant(second, 9)
        assert list(engine.served_grants()) == [
            ServedGrant(b"a" * 32, b"g" * 16, DAY, 0),
            ServedGrant(b"b" * 32, b"g" * 16, DAY, 0),
            ServedGrant(b"b" * 32, b"h" * 16, DAY + 1, 1),
        ]
        assert list(engine.used_quotas()) == [UsedQuota(b"r" * 16, DAY + 1, 1)]
    finally:
        engine.close()


# --- serving meanwhile --------------------------------------------------------------------------------


def test_both_databases_answer_as_one_while_records_move(frozen, cluster, records):
    both = EmbeddedBehindCluster(cluster, frozen)
    old, copied = records[0], records[1]
    idx, _, record_id = key_parts(old.key)
    new = some_record(DAY + 2, idx)
    again = StoredRecord(record_key(idx, DAY + 1, record_id), (DAY + 1) * 24, old.record)
    both.put_batch([new, copied, again])
    indices = sorted([idx, copied.key[:32]])
    expected = sorted([old.key, new.key, copied.key])
    assert both.keys(indices, 0, NO_LIMIT) == expected, "the first day of a record counts"
    assert both.get([*expected, record_key(idx, 1, bytes(16))])[-1] is None
    assert [one.key for one in both.get(expected)] == expected
    candidates = [
        Candidate(idx, record_id, DAY),
        Candidate(idx, key_parts(new.key)[2], DAY),
        Candidate(idx, bytes(16), DAY),
    ]
    assert both.days_of(candidates, DAY + 2) == [DAY, DAY + 2, None]
    with pytest.raises(TooLargeError, match="more than 2 records"):
        both.keys(indices, 0, 2)
    assert frozen.page(b"", NO_LIMIT) == records


def test_grants_are_counted_in_the_cluster_while_records_move(frozen, cluster):
    both = EmbeddedBehindCluster(cluster, frozen)
    use = GrantUse(b"g" * 16, b"r" * 16, DAY, (b"a" * 32,))
    assert both.serve_grant(use, 1) == [0]
    assert len(list(cluster.served_grants())) == 1
    assert list(frozen.served_grants()) == []
    both.check()
