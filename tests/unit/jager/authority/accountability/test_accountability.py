"""Reports and disavowals: what is opened, what is found, and what is refused before anything is opened."""

import pytest
import sqlalchemy as sa
from accountability_world import NOW, Room, World, findings_of, some_carrier, verdict_of

from trunkline.errors import (
    DecodingError,
    EvidenceError,
    PolicyError,
    QuotaError,
    SignatureError,
    StorageError,
)
from trunkline.jager.authority.accountability.store import OPENINGS, OpeningsStore
from trunkline.jager.messages.accountability import Disavowal, Report
from trunkline.jager.validation.judge import judge
from trunkline.service.database import storage_errors


@pytest.fixture(scope="module")
def world():
    return World()


@pytest.fixture
def room(world, tmp_path):
    return Room(world, tmp_path)


@pytest.fixture(scope="module")
def honest(world):
    return [world.record("- A B"), world.record("A B C"), world.record("B C D"), world.record("C D -")]


def opened(document):
    return {each.record_id: each.reason for each in verdict_of(document).openings}


def logged(room):
    with room.engine.connect() as connection:
        return connection.execute(sa.select(OPENINGS.c.record_id, OPENINGS.c.reason)).all()


def check(world, document):
    return judge(document, world.known, world.registry)


def _fail(*_):
    raise StorageError("gone")


# --- reports ------------------------------------------------------------------------------------------


def test_honest_trace_opens_nothing(world, room, honest):
    document = room.report(world.bundle(honest, own="C D -"))
    assert opened(document) == {}
    assert findings_of(document) == set()
    check(world, document)


def test_missing_record_alone_opens_nothing(world, room, honest):
    document = room.report(world.bundle([honest[0], *honest[2:]], own="C D -"))
    assert opened(document) == {}


def test_transit_with_a_false_previous_is_opened_with_its_opponent(world, room, honest):
    lie = world.record("X C D", signer="C")
    document = room.report(world.bundle([*honest[:2], lie, honest[3]], own="C D -"))
    assert opened(document) == {
        world.id_of(honest[1]): "contradicting",
        world.id_of(lie): "contradicting",
    }
    # Both said what they said; that one of them lied, no signature shows.
    assert findings_of(document) == {("claim", "B", "B"), ("claim", "C", "C")}
    check(world, document)


def test_tracer_that_invents_an_own_record_has_nobody_opened(world, room, honest):
    # D has filed nothing and says that the call came from X; only its word contradicts C's record.
    unfiled = world.bundle(honest[:3], own="X D -")
    assert not verdict_of(room.report(unfiled)).openings
    filed = world.bundle([*honest[:3], world.record("X D -")], own="X D -")
    assert {each.reason for each in verdict_of(room.report(filed)).openings} == {"contradicting"}


def test_transit_that_claims_to_be_the_origin_is_opened(world, room, honest):
    lie = world.record("- C D", signer="C")
    document = room.report(world.bundle([*honest[:2], lie, honest[3]], own="C D -"))
    assert world.id_of(lie) in opened(document)
    assert ("claim", "C", "C") in findings_of(document)


def test_record_in_anothers_name_is_impersonation_by_its_signer(world, room, honest):
    forged = world.record("- C D", signer="X")
    document = room.report(world.bundle([*honest, forged], own="C D -"))
    assert ("impersonation", "X", "C") in findings_of(document)
    judgement = check(world, document)
    # With the signer known, the forged record no longer stands against the honest path.
    assert judgement.opened_report.call.whole
    assert judgement.opened_report.forged == (world.id_of(forged),)


def test_copy_of_an_honest_record_is_a_copy_and_no_impersonation(world, room, honest):
    lie = world.record("X C D", signer="C")
    copy = world.seal(honest[1].body, "E")
    document = room.report(world.bundle([*honest[:2], lie, honest[3], copy], own="C D -"))
    assert ("copy", "E", "B") in findings_of(document)
    assert ("claim", "B", "B") in findings_of(document)
    assert not any(kind == "impersonation" for kind, _, _ in findings_of(document))


def test_malformed_record_is_opened_and_shown_offline(world, room, honest):
    bad = world.malformed("X")
    document = room.report(world.bundle([*honest, bad], own="C D -"))
    assert opened(document) == {world.id_of(bad): "malformed"}
    assert findings_of(document) == {("malformed", "X", None)}
    check(world, document)


def test_record_of_a_carrier_in_no_join_log_is_forged(world, room, honest):
    forged = world.record("- Z D", signer="X")
    document = room.report(world.bundle([*honest, forged], own="C D -"))
    assert opened(document) == {world.id_of(forged): "forged"}
    assert findings_of(document) == {("forged-name", None, "Z"), ("impersonation", "X", "Z")}
    check(world, document)


def test_signer_in_no_join_log_is_evidence_against_the_issuer(world, room, honest):
    forged = world.record("- U D", signer="U")
    document = room.report(world.bundle([*honest, forged], own="C D -"))
    assert ("unlogged-signer", None, "U") in findings_of(document)
    judgement = check(world, document)
    assert any("no join log" in claim for claim in judgement.claimed)


def test_flood_under_one_index_is_opened_to_its_signer(world, room, honest):
    flood = [world.record("X E -", signer="X") for _ in range(65)]
    document = room.report(world.bundle([*honest, *flood], own="C D -"))
    assert list(opened(document).values()).count("flood") == 69
    assert ("flood", "X", None) in findings_of(document)
    check(world, document)


def test_enforcement_opens_every_record_of_the_call_and_finds_the_consistent_forger(world, room):
    # A invented the carrier before it, with a record: only opening everything shows whose hand it is.
    records = [
        world.record("- X A", signer="A"),
        world.record("X A B"),
        world.record("A B D"),
        world.record("B D -"),
    ]
    bundle = world.bundle(records, own="B D -")
    assert opened(room.report(bundle)) == {}
    document = room.report(bundle, enforcement=True)
    assert set(opened(document).values()) == {"enforcement"}
    assert ("impersonation", "A", "X") in findings_of(document)
    assert ("one-witness", "A", None) in findings_of(document)
    check(world, document)


def test_enforcement_leaves_other_calls_closed(world, room, honest):
    other = [world.record("- E X", 1), world.record("E X -", 1)]
    document = room.report(world.bundle([*honest, *other], own="C D -"), enforcement=True)
    assert set(opened(document)) == {world.id_of(record) for record in honest}


def test_enforcement_without_a_case_is_refused(world, room, honest):
    with pytest.raises(PolicyError, match="case"):
        room.report(world.bundle(honest, own="C D -", case=""), enforcement=True)


def test_signature_with_torsion_is_opened_and_judged_all_the_same(world, room, honest):
    marked = world.with_torsion(world.record("- C D"), "X")
    document = room.report(world.bundle([*honest, marked], own="C D -"))
    assert ("impersonation", "X", "C") in findings_of(document)
    check(world, document)


def test_report_by_somebody_else_than_the_tracer_is_refused(world, room, honest):
    with pytest.raises(PolicyError, match="tracer"):
        room.report(world.bundle(honest, own="C D -"), tracer="A")


def test_incomplete_result_is_refused_and_nothing_is_opened(world, room, honest):
    lie = world.record("X C D", signer="C")
    bundle = world.bundle([*honest[:2], lie, honest[3]], own="C D -")
    page = bundle.decoded_pages()[0]
    fields = {name: getattr(page, name) for name in page.__slots__ if name != "records"}
    shorter = type(page)(**fields, records=page.records[1:])
    with pytest.raises(SignatureError):
        room.report(bundle.model_copy(update={"pages": (shorter.encode(),)}))
    assert logged(room) == []
    assert room.evaluations == 0


def test_labels_of_another_call_are_refused_before_anything_is_opened(world, room, honest):
    lie = world.record("X C D", signer="C")
    bundle = world.bundle([*honest[:2], lie, honest[3]], own="C D -")

    def evaluate(_bundle):
        raise EvidenceError("a label of the trace is not the label of its call's details")

    object.__setattr__(room.accountability, "evaluate", evaluate)
    with pytest.raises(EvidenceError, match="not the label"):
        room.report(bundle)
    assert logged(room) == []


def test_garbage_is_refused(room):
    with pytest.raises(DecodingError, match="report"):
        room.accountability.report(b"{}", some_carrier("D"))


def test_same_report_again_gives_the_same_verdict_and_logs_nothing_more(world, room, honest):
    lie = world.record("X C D", signer="C")
    bundle = world.bundle([*honest[:2], lie, honest[3]], own="C D -")
    first = room.report(bundle)
    room.now += 60
    assert room.report(bundle) == first
    assert len(logged(room)) == 2


def test_white_space_makes_no_other_request_and_uses_up_no_quota(world, tmp_path, honest):
    room = Room(world, tmp_path, reports_per_month=1, disavowals_per_month=1)
    bundle = world.bundle(honest, own="C D -")
    disavowal = Disavowal(bundle=bundle, statement=room.statement(bundle, "A"))
    for hand_in, request in (
        (room.accountability.report, Report(bundle=bundle)),
        (room.accountability.disavowal, disavowal),
    ):
        first = hand_in(request.encode(), some_carrier("D"))
        room.now += 60
        assert hand_in(request.model_dump_json(indent=3).encode(), some_carrier("D")) == first


def test_openings_are_logged_and_the_log_cannot_be_changed(world, room, honest):
    lie = world.record("X C D", signer="C")
    document = room.report(world.bundle([*honest[:2], lie, honest[3]], own="C D -"))
    assert {row.record_id: row.reason for row in logged(room)} == opened(document)
    for statement in (sa.delete(OPENINGS), sa.update(OPENINGS).values(reason="flood")):
        with pytest.raises((StorageError, sa.exc.IntegrityError), match="append-only"):  # noqa: SIM117 - the inner two act
            with storage_errors(), room.engine.begin() as connection:
                connection.execute(statement)


def test_request_that_was_cut_short_after_its_openings_is_counted_once(world, tmp_path, honest):
    # As if the process had died between the log and the verdict.
    room = Room(world, tmp_path, reports_per_month=1)
    lie = world.record("X C D", signer="C")
    bundle = world.bundle([*honest[:2], lie, honest[3]], own="C D -")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OpeningsStore, "keep_verdict", _fail)
        with pytest.raises(StorageError, match="gone"):
            room.report(bundle)
    assert len(logged(room)) == 2
    check(world, room.report(bundle))


def test_log_of_openings_is_a_chain(world, room, honest):
    heads = set()
    for case in ("one", "two"):
        lie = world.record("X C D", signer="C")
        document = room.report(world.bundle([*honest[:2], lie, honest[3]], own="C D -", case=case))
        heads.add(verdict_of(document).openings_log)
    assert len(heads) == 2
    assert bytes(32) not in heads


def test_reports_beyond_the_quota_are_refused_until_it_is_renewed(world, tmp_path, honest):
    room = Room(world, tmp_path, reports_per_month=1)
    room.report(world.bundle(honest, own="C D -"))
    bundle = world.bundle(honest, own="C D -", case="another")
    with pytest.raises(QuotaError, match="next is possible in"):
        room.report(bundle)
    room.now += 31 * 86_400
    room.report(bundle)


# --- disavowals ---------------------------------------------------------------------------------------


def test_disavowal_of_a_carrier_that_was_only_blamed_stands(world, room):
    # The originator blames X. Nothing contradicts it until X disavows and A's record is opened.
    blame = world.record("X A B", signer="A")
    records = [blame, world.record("A B D"), world.record("B D -")]
    document = room.disavow(world.bundle(records, own="B D -"), "X")
    assert opened(document) == {world.id_of(blame): "disavowal-names"}
    assert ("disavowal-stands", "X", "X") in findings_of(document)
    assert ("named-by", "A", "X") in findings_of(document)
    check(world, document)


def test_disavowal_against_a_record_forged_in_its_name_finds_the_forger(world, room):
    forged = world.record("- X A", signer="A")
    records = [forged, world.record("X A B"), world.record("A B D"), world.record("B D -")]
    document = room.disavow(world.bundle(records, own="B D -"), "X")
    assert opened(document)[world.id_of(forged)] == "disavowal-claims"
    assert ("impersonation", "A", "X") in findings_of(document)
    assert ("disavowal-stands", "X", "X") in findings_of(document)
    check(world, document)


def test_disavowal_by_a_carrier_that_signed_is_void_and_opens_nothing_more(world, room, honest):
    document = room.disavow(world.bundle(honest, own="C D -"), "A")
    assert opened(document) == {world.id_of(honest[0]): "disavowal-claims"}
    assert ("disavowal-void", "A", "A") in findings_of(document)
    check(world, document)


def test_disavowal_by_a_carrier_that_nobody_names_is_refused(world, room, honest):
    with pytest.raises(EvidenceError, match="nothing to disavow"):
        room.disavow(world.bundle(honest, own="C D -"), "X")
    assert logged(room) == []


def test_disavowal_signed_by_another_carrier_is_refused(world, room, honest):
    bundle = world.bundle(honest, own="C D -")
    statement = room.statement(bundle, "A")
    forged = statement.sign(world.members["B"].identity, world.parameters.hash)
    with pytest.raises(SignatureError, match="disavowal"):
        room.disavow(bundle, "A", statement=forged)


@pytest.mark.parametrize(
    ("field", "text"), [("details_commitment", "another call"), ("case_commitment", "another case")]
)
def test_disavowal_of_another_call_or_case_is_refused(world, room, honest, field, text):
    bundle = world.bundle(honest, own="C D -")
    changed = room.statement(bundle, "A").model_copy(update={field: bytes(32)})
    statement = changed.sign(world.members["A"].identity, world.parameters.hash)
    with pytest.raises(EvidenceError, match=text):
        room.disavow(bundle, "A", statement=statement)


def test_disavowal_handed_in_by_a_stranger_is_refused(world, room, honest):
    with pytest.raises(PolicyError, match="by the tracer or by the carrier"):
        room.disavow(world.bundle(honest, own="C D -"), "A", requester="E")


def test_disavowals_count_against_the_carrier_that_signs_them(world, tmp_path, honest):
    room = Room(world, tmp_path, disavowals_per_month=1)
    bundle = world.bundle(honest, own="C D -")
    room.disavow(bundle, "A")
    room.disavow(bundle, "B")
    with pytest.raises(QuotaError, match="1 disavowals"):
        room.disavow(world.bundle(honest, own="C D -", case="another"), "A")


def test_disavowal_does_not_touch_other_calls(world, room, honest):
    other = [world.record("- X E", 1), world.record("X E -", 1)]
    bundle = world.bundle([*honest, *other], own="C D -")
    with pytest.raises(EvidenceError, match="nothing to disavow"):
        room.disavow(bundle, "X")


def test_report_body_is_what_it_says(world, honest):
    report = Report(bundle=world.bundle(honest), enforcement=True)
    assert Report.decode(report.encode()) == report
    assert report.bundle.call.time_ms == NOW * 1000
