import contextlib
import hashlib
import secrets

import pytest
from fastapi.testclient import TestClient
from store_lab import AUDIENCE, NOW, OTHER, body, code

from trunkline.errors import (
    ConfigurationError,
    ConflictError,
    EvidenceError,
    InputError,
    SignatureError,
    StorageError,
)
from trunkline.jager.messages.contribution import CONTRIBUTION_LIMIT, CONTRIBUTION_TYPE, Contribution
from trunkline.jager.messages.retrieval import RetrievalPage, RetrievalRequest, assemble_result
from trunkline.jager.record_store import rocksdb
from trunkline.jager.record_store.app import create
from trunkline.jager.record_store.engine import StoredRecord, record_key
from trunkline.jager.record_store.rocks_engine import RocksEngine
from trunkline.service.keys import IdentityKey


@pytest.fixture
def start(lab, clock):
    """Starts the store of the lab; a second start in one test is a restart."""
    with contextlib.ExitStack() as stack:

        def begin(**settings):
            stack.close()
            return stack.enter_context(TestClient(create(lab.write_files(**settings), clock)))

        yield begin


@pytest.fixture
def client(start):
    return start()


def post_contribution(client, content):
    return client.post("/v1/contributions", content=content, headers={"content-type": CONTRIBUTION_TYPE})


# --- contributions ------------------------------------------------------------------------------------


def test_contributed_records_are_retrieved_under_a_grant(lab, client):
    records = lab.records(5)
    receipt = lab.contribute(client, records)
    assert len(receipt.keys) == 5
    indices = [record[14:46] for record in records[:3]]
    empty = secrets.token_bytes(32)
    grant = lab.grant([*indices, empty])
    result = assemble_result(lab.pages(client, grant, [*indices, empty]), grant, lab.parameters)
    assert sorted(one.record.data for one in result.records) == sorted(records[:3])
    assert {one.hour for one in result.records} == {receipt.hour}
    assert result.served_before == dict.fromkeys([*indices, empty], 0)
    assert result.answer_time == int(NOW)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda data: data[:-1], "malformed"),
        (lambda data: data + b"\x00", "malformed"),
        (lambda data: b"", "malformed"),
        (lambda data: b"\x02" + data[1:], "unknown-version"),
        (lambda data: data[:2] + b"\x00\x00", "malformed"),
        (lambda data: data[:2] + b"\xff\xff" + data[4:], "too-large"),
    ],
    ids=["truncated", "trailing", "empty", "version", "none", "count"],
)
def test_contribution_that_is_no_contribution_is_refused_whole(lab, client, damage, expected):
    response = post_contribution(client, damage(Contribution(b"".join(lab.records(2))).encode()))
    assert code(response) == expected


def test_oversized_contribution_is_refused_before_it_is_read(client):
    response = post_contribution(client, bytes(CONTRIBUTION_LIMIT + 1))
    assert (response.status_code, code(response)) == (413, "too-large")


def test_bad_record_is_named_and_its_neighbours_are_stored(lab, client):
    records = lab.records(3)
    records[1] = records[1][:-1] + bytes([records[1][-1] ^ 1])
    receipt = lab.contribute(client, records)
    assert [one.record_index for one in receipt.rejected] == [1]
    assert {key.idx for key in receipt.keys} == {records[0][14:46], records[2][14:46]}


def test_full_disk_gives_no_receipt_but_an_error_worth_retrying(lab, client, monkeypatch):
    records = lab.records(2)

    def full(*_):
        raise StorageError("cannot write the database: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(rocksdb.KeyValueStore, "write", full)
        response = post_contribution(client, Contribution(b"".join(records)).encode())
        assert (response.status_code, code(response)) == (503, "storage")
        assert "space" not in response.text
    assert len(lab.contribute(client, records).keys) == 2


def test_registry_older_than_one_in_force_is_refused_after_a_restart(lab, clock):
    # Else a restart with an old file would bring a suspended carrier's retrievals back.
    config = lab.write_files()
    lab.write_registry(serial=3)
    with TestClient(create(config, clock)) as client:
        assert client.get("/ready").status_code == 200
    lab.write_registry(serial=2)
    with pytest.raises(ConflictError, match="serial 2, older than 3"):
        create(config, clock)


def test_readiness_is_that_of_the_database(client, monkeypatch):
    assert client.get("/ready").status_code == 200

    def away(_):
        raise StorageError("gone")

    monkeypatch.setattr(rocksdb.KeyValueStore, "check", away)
    assert client.get("/ready").status_code == 503
    assert client.get("/health").status_code == 200


# --- retrievals ---------------------------------------------------------------------------------------


def test_empty_result_is_signed_like_any_other(lab, client):
    idx = bytes(32)
    grant = lab.grant([idx])
    (page,) = lab.pages(client, grant, [idx])
    assert (page.total, page.pages, page.records) == (0, 1, ())
    assert assemble_result([page], grant, lab.parameters).records == ()
    with pytest.raises(SignatureError):
        page.verify(lab.grant_key.public_key)


def fill(lab, idx, count):
    """Put records into the store's database, without the long time that signing and verifying them takes."""
    engine = RocksEngine(lab.directory / "data" / "records")
    hour = int(NOW) // 3600
    records = [b"\x01\x01" + bytes(12) + body(idx) + secrets.token_bytes(464) for _ in range(count)]
    engine.put_batch(
        [
            StoredRecord(record_key(idx, hour // 24, secrets.token_bytes(16)), hour, record)
            for record in records
        ]
    )
    engine.close()
    return records


def test_ten_thousand_records_under_one_idx_come_in_pages_of_one_moment(lab, start):
    idx = secrets.token_bytes(32)
    records = fill(lab, idx, 10_000)
    client = start()
    grant = lab.grant([idx])
    first = RetrievalPage.decode(lab.retrieve(client, grant, [idx]).content)
    assert (first.total, first.pages, len(first.records)) == (10_000, 10, 1000)
    # What comes in after the answer is in a later answer, not in a later page.
    lab.contribute(client, lab.records(1, idx))
    rest = [
        RetrievalPage.decode(lab.retrieve(client, grant, [idx], answer_id=first.answer_id, page=page).content)
        for page in range(1, 10)
    ]
    result = assemble_result([first, *rest], grant, lab.parameters)
    assert sorted(one.record.data for one in result.records) == sorted(records)
    assert RetrievalPage.decode(lab.retrieve(client, grant, [idx]).content).total == 10_001
    beyond = lab.retrieve(client, grant, [idx], answer_id=first.answer_id, page=10)
    assert (beyond.status_code, code(beyond)) == (400, "input")
    # A page that is left out is noticed.
    with pytest.raises(EvidenceError, match="incomplete"):
        assemble_result([first, *rest[1:]], grant, lab.parameters)


def test_page_of_an_unknown_answer_or_of_anothers_answer_is_refused(lab, start):
    idx = secrets.token_bytes(32)
    fill(lab, idx, 1001)
    client = start()
    grant = lab.grant([idx])
    answer_id = RetrievalPage.decode(lab.retrieve(client, grant, [idx]).content).answer_id
    unknown = lab.retrieve(client, grant, [idx], answer_id=b"\x01" * 16, page=1)
    assert (unknown.status_code, code(unknown)) == (404, "not-found")
    other = lab.retrieve(client, lab.grant([idx]), [idx], answer_id=answer_id, page=1)
    assert (other.status_code, code(other)) == (404, "not-found")
    new = lab.retrieve(client, grant, [idx], page=1)
    assert (new.status_code, code(new)) == (400, "input")


def test_grant_is_answered_again_and_counted_once_also_across_a_restart(lab, start):
    client = start()
    idx = secrets.token_bytes(32)
    first, second = lab.grant([idx]), lab.grant([idx])
    assert lab.pages(client, first, [idx])[0].served[0].grants_before == 0
    assert lab.pages(client, first, [idx])[0].served[0].grants_before == 0
    assert lab.pages(client, second, [idx])[0].served[0].grants_before == 1
    client = start()
    assert lab.pages(client, first, [idx])[0].served[0].grants_before == 0
    assert lab.pages(client, second, [idx])[0].served[0].grants_before == 1
    assert lab.pages(client, lab.grant([idx]), [idx])[0].served[0].grants_before == 2


def test_requester_beyond_quota_is_refused_and_may_still_use_what_was_counted(lab, start, clock):
    client = start(quota_labels_per_day=3)
    indices = [secrets.token_bytes(32) for _ in range(2)]
    grant, more = lab.grant(indices), lab.grant(indices)
    assert lab.retrieve(client, grant, indices).status_code == 200
    refused = lab.retrieve(client, more, indices)
    assert (refused.status_code, code(refused)) == (429, "quota")
    assert "renewed at 00:00 UTC" in refused.json()["detail"]
    assert lab.retrieve(client, grant, indices).status_code == 200
    clock.now += 86_400
    later = lab.grant(indices, not_before=int(clock.now), expiry=int(clock.now) + 60)
    assert lab.retrieve(client, later, indices, at=clock.now).status_code == 200


def test_records_of_expired_days_are_not_answered(lab, start, clock):
    client = start(retention_days=2)
    idx = secrets.token_bytes(32)
    lab.contribute(client, lab.records(1, idx))
    for days, total in ((2, 1), (3, 0)):
        clock.now = NOW + days * 86_400
        grant = lab.grant([idx], expiry=int(clock.now) + 60)
        page = RetrievalPage.decode(lab.retrieve(client, grant, [idx], at=clock.now).content)
        assert page.total == total


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"store_id": b"\x07" * 16}, "another record store"),
        ({"params_hash": bytes(32)}, "not in force"),
        ({"not_before": int(NOW) + 61}, "not valid yet"),
        ({"expiry": int(NOW)}, "has expired"),
        ({"requester_id": OTHER}, "another requester"),
        ({"requester_key": bytes(32)}, "earlier key"),
        ({"idx_digest": bytes(32)}, "other indices"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_grant_that_does_not_fit_is_refused(lab, client, change, words):
    idx = bytes(32)
    response = lab.retrieve(client, lab.grant([idx], **change), [idx])
    assert (response.status_code, code(response)) == (403, "grant")
    assert words in response.json()["detail"]


def test_grant_not_signed_by_the_authority_is_refused(lab, client):
    idx = bytes(32)
    response = lab.retrieve(client, lab.grant([idx]).sign(lab.requester), [idx])
    assert (response.status_code, code(response)) == (400, "signature")


def test_every_flipped_bit_of_a_grant_is_refused(lab, client):
    idx = bytes(32)
    grant = lab.grant([idx])
    for position in range(0, 258, 8):
        data = bytearray(RetrievalRequest(grant, bytes(16), 0, (idx,)).encode())
        data[2 + position] ^= 1
        assert lab.post_retrieval(client, bytes(data)).status_code in (400, 403)


def test_grant_for_other_indices_is_refused(lab, client):
    a, b = bytes(32), b"\x01" * 32
    for indices in ([a], [a, b, b"\x02" * 32]):
        response = lab.retrieve(client, lab.grant([a, b]), indices)
        assert "other indices" in response.json()["detail"]


def test_anothers_grant_is_refused_to_a_member_who_signs_with_his_own_key(lab, client):
    idx = bytes(32)
    response = lab.retrieve(client, lab.grant([idx]), [idx], key=lab.other, key_id=OTHER)
    assert (response.status_code, code(response)) == (403, "grant")


def test_suspended_requester_is_refused(lab, client):
    idx = bytes(32)
    assert lab.retrieve(client, lab.grant([idx]), [idx]).status_code == 200
    lab.write_registry(serial=2, status="suspended")
    response = lab.retrieve(client, lab.grant([idx]), [idx])
    assert (response.status_code, code(response)) == (401, "authentication")


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"audience": "lab/authorization"}, "authentication"),
        ({"audience": AUDIENCE[:-1] + "0"}, "authentication"),
        ({"at": NOW - 61}, "clock-skew"),
        ({"at": NOW + 61}, "clock-skew"),
        ({"at": NOW - 60}, None),
        ({"key_id": OTHER}, "authentication"),
    ],
    ids=["other service", "other store", "late", "early", "within", "another's key"],
)
def test_request_meant_for_elsewhere_or_made_at_another_time_is_refused(lab, client, how, expected):
    idx = bytes(32)
    response = lab.retrieve(client, lab.grant([idx]), [idx], **how)
    assert (None if response.status_code == 200 else code(response)) == expected


def test_request_replayed_is_refused_also_after_a_restart(lab, start):
    client = start()
    idx = bytes(32)
    sent = lab.retrieve(client, lab.grant([idx]), [idx]).request
    for restarted in (False, True):
        if restarted:
            client = start()
        response = client.post("/v1/retrievals", content=sent.content, headers=sent.headers)
        assert (response.status_code, code(response)) == (401, "replay")


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda data: data[:-1], "malformed"),
        (lambda data: data + b"\x00", "malformed"),
        (lambda data: b"\x02" + data[1:], "unknown-version"),
        (lambda data: data[:-32] + data[-64:-32], "malformed"),
    ],
    ids=["truncated", "trailing", "version", "doubled idx"],
)
def test_retrieval_request_that_is_malformed_is_refused(lab, client, damage, expected):
    indices = [bytes(32), b"\x01" * 32]
    request = RetrievalRequest(lab.grant(indices), bytes(16), 0, tuple(indices))
    response = lab.post_retrieval(client, damage(request.encode()))
    assert (response.status_code, code(response)) == (400, expected)


# --- starting -----------------------------------------------------------------------------------------


def test_second_store_on_the_same_data_is_refused_until_the_first_ends(lab, clock):
    config = lab.write_files()
    with TestClient(create(config, clock)), pytest.raises(StorageError, match="in use by another process"):
        create(config, clock)
    with TestClient(create(config, clock)) as client:
        assert client.get("/ready").status_code == 200


def test_store_does_not_start_with_parameters_of_another_root_time_or_key(lab, clock):
    config = lab.write_files()
    wrong = hashlib.sha256(b"").hexdigest()
    with pytest.raises(SignatureError, match="another root key"):
        create(config.model_copy(update={"root_fingerprint": wrong}), clock)
    clock.now = NOW + 31 * 86_400
    with pytest.raises(InputError, match="have expired"):
        create(config, clock)
    clock.now = NOW
    IdentityKey.generate().save(config.key)
    with pytest.raises(ConfigurationError, match="another key"):
        create(config, clock)
