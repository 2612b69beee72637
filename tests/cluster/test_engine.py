"""The engine against real nodes: what the record store relies on, also when several processes are at it."""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import RETENTION_DAYS, STORE_ID

from trunkline.errors import (
    ConfigurationError,
    ConflictError,
    InputError,
    QuotaError,
    ReplayError,
    TooLargeError,
)
from trunkline.jager.messages.record import RECORD_KEY_SIZE, RECORD_SIZE
from trunkline.jager.record_store.answers import Answer
from trunkline.jager.record_store.cassandra_engine import CassandraEngine
from trunkline.jager.record_store.cassandra_schema import check_schema, create_schema
from trunkline.jager.record_store.cassandra_session import Session, open_session
from trunkline.jager.record_store.cassandra_shared import SharedAnswers, SharedNonces
from trunkline.jager.record_store.engine import Candidate, GrantUse, StoredRecord, key_parts, record_key
from trunkline.service.tls import create_local_authority

DAY_S = 86_400
TODAY = int(time.time()) // DAY_S
NO_LIMIT = 1_000_000
MANY = 3_000


def some_record(day=TODAY, idx=None, record_id=None):
    idx, record_id = idx or secrets.token_bytes(32), record_id or secrets.token_bytes(16)
    body = secrets.token_bytes(14) + idx + secrets.token_bytes(668)
    return StoredRecord(record_key(idx, day, record_id), day * 24 + 5, body)


def candidate(stored, first_day=TODAY - 8):
    idx, _, record_id = key_parts(stored.key)
    return Candidate(idx, record_id, first_day)


def grant(indices, day=TODAY, requester=b"r" * 16):
    return GrantUse(secrets.token_bytes(16), requester, day, tuple(sorted(indices)))


@pytest.fixture(scope="module")
def engine(session):
    return CassandraEngine(session, retention_days=RETENTION_DAYS, clock=time.time)


@pytest.fixture(scope="module")
def other(cluster):
    """Another process's engine, as far as the cluster can tell."""
    with open_session(cluster) as session:
        yield CassandraEngine(session, retention_days=RETENTION_DAYS, clock=time.time)


def time_to_live(session, stored):
    rows = session.run(
        session.prepare("SELECT TTL(value) FROM {keyspace}.records WHERE idx = ? AND day = ? AND id = ?"),
        key_parts(stored.key),
    )
    return rows[0][0]


# --- records ------------------------------------------------------------------------------------------


def test_records_put_at_one_process_are_found_at_the_other(engine, other):
    idx = secrets.token_bytes(32)
    records = sorted(
        [some_record(TODAY - 1, idx), some_record(TODAY, idx), some_record()], key=lambda one: one.key
    )
    engine.put_batch(records)
    keys = other.keys(sorted({one.key[:32] for one in records}), TODAY - 30, NO_LIMIT)
    assert keys == [one.key for one in records]
    assert other.get([*keys, record_key(idx, TODAY, bytes(16))]) == [*records, None]
    assert other.keys([idx], TODAY, NO_LIMIT) == [
        one.key for one in records if key_parts(one.key)[:2] == (idx, TODAY)
    ]


def test_day_of_a_record_is_known_at_the_other_process(engine, other):
    records = [some_record(TODAY - 3), some_record(TODAY), some_record(TODAY + 1)]
    engine.put_batch(records)
    asked = [*map(candidate, records), candidate(some_record()), candidate(records[0], TODAY - 1)]
    assert other.days_of(asked, TODAY) == [TODAY - 3, TODAY, TODAY + 1, None, None]


def test_record_taken_by_two_processes_at_midnight_is_one_record(engine, other):
    # Each has looked it up before the other wrote it; an answer with both rows would be refused.
    before = some_record(TODAY - 1)
    idx, _, record_id = key_parts(before.key)
    after = StoredRecord(record_key(idx, TODAY, record_id), TODAY * 24, before.record)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda pair: pair[0].put_batch([pair[1]]), [(engine, before), (other, after)]))
    assert engine.keys([idx], 0, NO_LIMIT) == [before.key]
    assert other.days_of([candidate(before)], TODAY) == [TODAY - 1]
    assert [one.key for one in other.get([before.key, after.key])] == [before.key, after.key]


def test_record_lives_until_the_end_of_its_last_day_however_often_it_is_put(engine, session):
    old = some_record(TODAY - RETENTION_DAYS)
    for _ in range(2):
        engine.put_batch([old])
        left = time_to_live(session, old)
        assert 0 < left <= DAY_S
        assert abs(left - ((TODAY + 1) * DAY_S - time.time())) < 60


def test_expired_record_is_not_brought_back(engine):
    gone = some_record(TODAY - RETENTION_DAYS - 1)
    engine.put_batch([gone])
    assert engine.keys([gone.key[:32]], 0, NO_LIMIT) == []


def test_more_keys_than_the_limit_are_refused_before_all_are_read(engine):
    idx = secrets.token_bytes(32)
    engine.put_batch([some_record(TODAY, idx) for _ in range(12)])
    assert len(engine.keys([idx], 0, 12)) == 12
    with pytest.raises(TooLargeError, match="more than 11 records"):
        engine.keys([idx], 0, 11)


def test_record_takes_little_more_than_its_size_on_each_replicas_disk(nodes, cluster, engine):
    before = nodes.disk_bytes(0, cluster.keyspace, "records")
    engine.put_batch([some_record() for _ in range(MANY)])
    grown = (nodes.disk_bytes(0, cluster.keyspace, "records") - before) / MANY
    print(f"{grown:.1f} bytes a record and replica")
    assert RECORD_SIZE < grown < 1.2 * (RECORD_KEY_SIZE + RECORD_SIZE)


# --- grants -------------------------------------------------------------------------------------------


def test_grant_answered_again_counts_once(engine, other):
    indices = [secrets.token_bytes(32) for _ in range(5)]
    first, second = grant(indices), grant(indices[:3])
    assert engine.serve_grant(first, 8) == [0] * 5
    assert other.serve_grant(second, 8) == [1] * 3
    assert other.serve_grant(first, 8) == [0] * 5
    with pytest.raises(QuotaError, match="quota of 8 labels"):
        engine.serve_grant(grant(indices[:1]), 8)
    assert engine.serve_grant(grant(indices[:1], TODAY + 1), 8) == [2], "tomorrow there is quota again"


def test_grants_at_two_processes_at_once_share_one_quota_and_take_different_places(engine, other):
    idx, requester = secrets.token_bytes(32), secrets.token_bytes(16)
    grants = [grant([idx], requester=requester) for _ in range(6)]

    def serve(number):
        try:
            return (engine, other)[number % 2].serve_grant(grants[number], 4)[0]
        except QuotaError:
            return None

    with ThreadPoolExecutor(4) as pool:
        places = list(pool.map(serve, range(6)))
    assert sorted(place for place in places if place is not None) == [0, 1, 2, 3]


# --- what else processes share ------------------------------------------------------------------------


def test_nonce_used_at_one_process_is_refused_at_the_other(session, cluster):
    with open_session(cluster) as other:
        SharedNonces(session).remember("a" * 32, "nonce", 0.0)
        SharedNonces(other).remember("b" * 32, "nonce", 0.0)
        with pytest.raises(ReplayError, match="used before"):
            SharedNonces(other).remember("a" * 32, "nonce", 0.0)


@pytest.mark.parametrize("count", [1, 15_000])
def test_answer_of_one_process_is_given_by_the_other(session, count):
    served = ((b"\x01" * 32, 7), (b"\x02" * 32, 0))
    answer = Answer(
        secrets.token_bytes(16),
        b"\x03" * 32,
        1_795_000_000,
        served,
        secrets.token_bytes(52 * count),
        b"\x04" * 32,
    )
    SharedAnswers(session).put(answer)
    assert SharedAnswers(session).get(answer.answer_id) == answer
    assert SharedAnswers(session).get(bytes(16)) is None


# --- schema -------------------------------------------------------------------------------------------


def test_keyspace_without_tables_is_refused_with_advice(cluster):
    nowhere = cluster.model_copy(update={"keyspace": "nowhere"})
    with (
        open_session(nowhere) as empty,
        pytest.raises(ConfigurationError, match="trunkline record-store schema"),
    ):
        check_schema(empty, STORE_ID)


def test_keyspace_of_another_store_is_refused(session, cluster):
    with pytest.raises(ConfigurationError, match="belongs to another record store"):
        check_schema(session, bytes(16))
    with pytest.raises(ConflictError, match="belongs to another record store"):
        create_schema(
            session, store_id=bytes(16), datacenter=cluster.datacenter, replication=3, retention_days=1
        )


@pytest.mark.parametrize(("version", "advice"), [("0", "of an earlier release"), ("2", "later release")])
def test_keyspace_of_another_release_is_refused(session, version, advice):
    write = session.prepare("INSERT INTO {keyspace}.about (name, value) VALUES ('version', ?)")
    session.run(write, (version,))
    try:
        with pytest.raises(ConfigurationError, match=advice):
            check_schema(session, STORE_ID)
    finally:
        session.run(write, ("1",))


def test_schema_created_again_keeps_records_and_takes_a_new_retention(session, cluster, engine):
    kept = some_record()
    engine.put_batch([kept])
    create_schema(
        session,
        store_id=STORE_ID,
        datacenter=cluster.datacenter,
        replication=3,
        retention_days=RETENTION_DAYS,
    )
    check_schema(session, STORE_ID)
    assert engine.get([kept.key]) == [kept]


def test_impossible_number_of_replicas_is_refused(session, cluster):
    with pytest.raises(InputError, match="1 to 9"):
        create_schema(
            session, store_id=STORE_ID, datacenter=cluster.datacenter, replication=0, retention_days=1
        )


def test_wrong_password_is_named_as_such(cluster, tmp_path):
    wrong = tmp_path / "password"
    wrong.write_text("wrong")
    with pytest.raises(ConfigurationError, match="user or the password"):
        Session(cluster.model_copy(update={"password_file": wrong}))


def test_nodes_of_another_authority_are_refused(cluster, tmp_path):
    stranger = create_local_authority(tmp_path)
    with pytest.raises(ConfigurationError, match="certificate is not accepted"):
        Session(cluster.model_copy(update={"ca_file": stranger}))
