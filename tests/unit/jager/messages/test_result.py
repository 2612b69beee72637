"""Putting a result together from its pages: complete, signed, and the answer to the grant."""

from dataclasses import replace

import pytest

from trunkline.errors import EvidenceError, InputError, SignatureError
from trunkline.jager.messages.authorization import Grant, idx_digest
from trunkline.jager.messages.record import Record
from trunkline.jager.messages.retrieval import (
    RetrievalPage,
    Served,
    StoredRecord,
    assemble_result,
    result_digest,
)
from trunkline.service.keys import IdentityKey
from trunkline.telephony.providers import ProviderId

STORE_ID = b"\x57" * 16
INDICES = [bytes([number]) * 32 for number in (1, 2, 3)]
OTHER = IdentityKey(b"\x0f" * 32)


def stored(idx, hour=1000, filling=0):
    return StoredRecord(hour, Record(b"\x01\x01" + bytes(12) + idx + bytes([filling]) * 668))


RECORDS = [stored(INDICES[0]), stored(INDICES[0], 1030, 2), stored(INDICES[2], 5), stored(INDICES[2], 6, 1)]


@pytest.fixture
def grant(keys, parameters):
    return Grant(
        params_hash=parameters.hash,
        store_id=STORE_ID,
        grant_id=b"\x61" * 16,
        requester_id=ProviderId(b"\xa1" * 16),
        requester_key=bytes(32),
        idx_digest=idx_digest(INDICES),
        not_before=1,
        expiry=2,
        case_commitment=bytes(32),
    ).sign(keys.authorization)


@pytest.fixture
def pages(keys, grant):
    return make_pages(keys.store, grant)


def make_pages(key, grant, records=RECORDS, size=2, **changes):
    groups = [records[start : start + size] for start in range(0, len(records), size)] or [[]]
    shared = {
        "params_hash": grant.params_hash,
        "store_id": grant.store_id,
        "answer_id": b"\xa5" * 16,
        "answer_time": 77,
        "grant_digest": grant.digest,
        "result_digest": result_digest(records),
        "total": len(records),
        "pages": len(groups),
        "served": tuple(Served(idx, number) for number, idx in enumerate(INDICES)),
    } | changes
    return [
        RetrievalPage(page=number, records=tuple(group), **shared).sign(key)
        for number, group in enumerate(groups)
    ]


def test_complete_result_is_put_together(pages, grant, parameters):
    result = assemble_result(pages, grant, parameters)
    assert list(result.records) == RECORDS
    assert result.answer_time == 77
    assert result.served_before == {INDICES[0]: 0, INDICES[1]: 1, INDICES[2]: 2}


def test_empty_result_is_one_signed_page(keys, grant, parameters):
    (page,) = make_pages(keys.store, grant, [])
    assert assemble_result([page], grant, parameters).records == ()


def test_result_of_another_deployments_grant_is_refused(keys, pages, grant, parameters):
    other = replace(grant, params_hash=bytes(32)).sign(keys.authorization)
    with pytest.raises(EvidenceError, match="other public parameters"):
        assemble_result(pages, other, parameters)


def test_result_under_a_grant_that_nobody_gave_is_refused(pages, grant, parameters):
    with pytest.raises(SignatureError, match="grant"):
        assemble_result(pages, grant.sign(OTHER), parameters)


def test_result_of_an_unknown_store_is_refused(keys, pages, grant, parameters):
    other = replace(grant, store_id=bytes(16)).sign(keys.authorization)
    with pytest.raises(InputError, match="no record store"):
        assemble_result(pages, other, parameters)


def test_page_that_the_store_did_not_sign_is_refused(pages, grant, parameters):
    with pytest.raises(SignatureError, match="retrieval"):
        assemble_result([pages[0], pages[1].sign(OTHER)], grant, parameters)


@pytest.mark.parametrize(
    "change", [{"params_hash": bytes(32)}, {"store_id": bytes(16)}, {"grant_digest": bytes(32)}]
)
def test_page_that_answers_another_grant_is_refused(keys, pages, grant, parameters, change):
    other = replace(pages[1], **change).sign(keys.store)
    with pytest.raises(EvidenceError, match="answers another grant"):
        assemble_result([pages[0], other], grant, parameters)


def test_result_with_a_page_missing_doubled_or_out_of_order_is_refused(pages, grant, parameters):
    for wrong in ([], pages[:1], pages[1:], pages[::-1], [*pages, pages[1]], [pages[0], pages[0]]):
        with pytest.raises(EvidenceError, match="missing, doubled or out of order"):
            assemble_result(wrong, grant, parameters)


@pytest.mark.parametrize(
    "change",
    [
        {"answer_id": bytes(16)},
        {"answer_time": 78},
        {"result_digest": bytes(32)},
        {"total": 5},
        {"pages": 3},
        {"served": (Served(INDICES[0], 9),)},
    ],
)
def test_pages_of_different_answers_are_refused(keys, pages, grant, parameters, change):
    other = replace(pages[1], **change).sign(keys.store)
    with pytest.raises(EvidenceError, match="different answers"):
        assemble_result([pages[0], other], grant, parameters)


def test_result_for_other_indices_than_the_grants_is_refused(keys, grant, parameters):
    fewer = make_pages(keys.store, grant, served=(Served(INDICES[0], 0), Served(INDICES[2], 0)))
    with pytest.raises(EvidenceError, match="other indices than the grant's"):
        assemble_result(fewer, grant, parameters)


def test_result_that_leaves_out_a_record_is_refused(keys, grant, parameters):
    # The digest in the signed pages names all records, so none can be dropped afterwards.
    digest = result_digest(RECORDS)
    for wrong in (
        make_pages(keys.store, grant, RECORDS[:3], result_digest=digest),
        make_pages(keys.store, grant, RECORDS[:3], total=4),
        make_pages(keys.store, grant, [*RECORDS[:3], stored(INDICES[2], 6, 2)], result_digest=digest),
    ):
        with pytest.raises(EvidenceError, match="the result is incomplete"):
            assemble_result(wrong, grant, parameters)


def test_record_under_an_index_that_was_not_asked_for_is_refused(keys, grant, parameters):
    wrong = make_pages(keys.store, grant, [*RECORDS, stored(b"\x09" * 32)])
    with pytest.raises(EvidenceError, match="not asked for"):
        assemble_result(wrong, grant, parameters)


@pytest.mark.parametrize("order", [[2, 3, 0, 1], [1, 0, 2, 3]])
def test_records_out_of_order_are_refused(keys, grant, parameters, order):
    wrong = make_pages(keys.store, grant, [RECORDS[place] for place in order])
    with pytest.raises(EvidenceError, match="out of order"):
        assemble_result(wrong, grant, parameters)


@pytest.mark.parametrize("hour", [6, 7, 50])
def test_record_answered_twice_is_refused(keys, grant, parameters, hour):
    # The store could make a flood of one honest record, and have it opened.
    wrong = make_pages(keys.store, grant, [*RECORDS, stored(INDICES[2], hour, 1)])
    with pytest.raises(EvidenceError, match="a record twice"):
        assemble_result(wrong, grant, parameters)
