"""Whole traces: honest, incomplete, and with lies."""

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from validation_cases import carrier, identifier, name_of, path_of, path_records, record, run, without

from trunkline.jager.validation.edges import ConflictKind
from trunkline.jager.validation.report import Gain, OriginStatus, Reason

T_MAX = 10


def origin_of(report):
    origin = report.call.origin
    return origin.status, None if origin.provider is None else name_of(origin.provider)


def asked(report, *reasons):
    return [name_of(ask.provider) for ask in report.call.ask if not reasons or ask.reason in reasons]


# --- honest calls -------------------------------------------------------------------------------------


def test_full_path_is_whole_and_its_origin_claimed():
    records = path_records("A B C D")
    report = run(records, records[-1])
    assert path_of(report) == "A B C D"
    assert report.call.whole
    assert origin_of(report) == (OriginStatus.CLAIMED, "A")
    assert asked(report) == ["A"]
    assert report.call.gain[0] is Gain.ORIGIN
    assert not report.flagged_record_ids


def test_on_net_call_is_a_path_of_one():
    records = path_records("P")
    report = run(records, records[0])
    assert path_of(report) == "P"
    assert report.call.whole
    assert [name_of(node[0]) for node in report.call.figure5.path] == ["P"]


def test_loop_is_a_loop_and_no_fault():
    records = path_records("A P Q P B")
    for order in itertools.permutations(records):
        report = run(order, records[-1])
        assert path_of(report) == "A P Q P B"
        assert report.call.whole
        assert not report.call.figure5.faulty_transits
        assert len(report.call.figure5.path) == 5


@pytest.mark.parametrize("path", ["A B A B C", "A B A B A B C D", "A P P B", "A B C A B C A B C"])
def test_loop_over_the_same_edge_within_one_second_is_put_in_order(path):
    records = path_records(path)
    for seed in range(20):
        shuffled = random.Random(seed).sample(records, len(records))
        report = run(shuffled, records[-1])
        assert path_of(report) == path
        assert not report.flagged_record_ids


def test_redial_within_the_window_is_another_call():
    first, second = path_records("A B C D", at=0), path_records("A B C D", at=4)
    for own in (first[-1], second[-1]):
        report = run([*second, *first], own)
        assert path_of(report) == "A B C D"
        assert report.call.whole
        assert report.other_calls_total == 1
        chosen = {i for step in report.call.path for i in step.record_ids}
        assert chosen == {i for each in (first if own is first[-1] else second) for i in each.record_ids}


def test_redial_with_a_skewed_carrier_is_told_apart_by_order():
    # B's clock is 4 s ahead, so B's first record is nearest to A's second one.
    first = [record("- A B", 0), record("A B -", 4)]
    second = [record("- A B", 5), record("A B -", 9)]
    report = run([*first, *second], first[1])
    chosen = {i for step in report.call.path for i in step.record_ids}
    assert chosen == {*first[0].record_ids, *first[1].record_ids}


def test_withheld_callers_over_different_carriers_are_different_calls():
    one, two = path_records("A B E"), path_records("C D E", at=1)
    report = run([*one, *two], one[-1])
    assert path_of(report) == "A B E"
    assert report.call.whole
    assert name_of(report.other_calls[0].carriers[0]) == "C"


def test_withheld_callers_over_the_same_transit_are_different_calls():
    one, two = path_records("A M E"), path_records("C M E", at=1)
    for own, head in ((one[-1], "A"), (two[-1], "C")):
        report = run([*one, *two], own)
        assert origin_of(report) == (OriginStatus.CLAIMED, head)
        assert not report.flagged_record_ids


def test_route_advance_is_a_branch_outside_the_degrees():
    records = [
        record("- A B"),
        record("A B X", tried=True),
        record("B X -", released=True),
        record("A B C"),
        record("B C -"),
    ]
    report = run(records, records[-1])
    assert path_of(report) == "A B C"
    assert report.call.whole
    assert [(name_of(b.carrier), name_of(b.tried), b.answered_by_record) for b in report.call.branches] == [
        ("B", "X", True)
    ]
    assert not report.call.figure5.faulty_ends


def test_route_advance_to_the_same_neighbour_keeps_one_call():
    records = [
        record("- A B", tried=True),
        record("- A B"),
        record("A B -", released=True),
        record("A B C", tag="second"),
        record("B C -"),
    ]
    report = run(records, records[-1])
    assert path_of(report) == "A B C"
    assert not report.flagged_record_ids


def test_carrier_that_was_only_tried_traces_its_own_branch():
    records = [record("- A B"), record("A B X", tried=True), record("B X -", released=True), record("A B C")]
    report = run(records, records[2])
    assert path_of(report) == "A B X"
    assert ("B", "C") in [(name_of(b.carrier), name_of(b.tried)) for b in report.call.branches]


def test_call_released_without_a_route_ends_there():
    records = [*path_records("A B")[:1], record("A B -", released=True)]
    report = run(records, records[1])
    assert path_of(report) == "A B"
    assert report.call.path[-1].released


def test_own_record_that_was_not_contributed_still_starts_the_trace():
    records = path_records("A B C")
    report = run(records[:2], records[2])
    assert path_of(report) == "A B C"
    assert report.call.path[-1].own
    assert report.call.path[-1].record_ids == ()


def test_without_own_record_candidates_are_ranked():
    one, two = path_records("A B C"), path_records("D C", at=3)
    report = run([*two, *one])
    assert path_of(report) == "A B C"
    assert [name_of(candidate.carriers[0]) for candidate in report.candidates] == ["D"]


def test_no_records_at_all_gives_an_empty_report():
    report = run([])
    assert report.call is None
    assert report.to_json()["call"] is None


# --- missing records ----------------------------------------------------------------------------------


def test_one_missing_middle_carrier_leaves_the_path_whole():
    records = path_records("A B C D E")
    report = run(without(records, "C"), records[-1], members="ABCDE")
    assert path_of(report) == "A B [C] D E"
    assert report.call.whole
    assert asked(report, Reason.MISSING_RECORD) == ["C"]
    assert Gain.BAD_FAITH in report.call.gain
    assert not report.flagged_record_ids


def test_missing_carrier_of_partial_deployment_is_no_bad_faith():
    records = path_records("A B C")
    report = run(without(records, "B"), records[-1], members="AC")
    assert Gain.BAD_FAITH not in report.call.gain
    assert not asked(report, Reason.MISSING_RECORD)


def test_missing_origin_is_named_by_the_next():
    records = path_records("A B C")
    report = run(without(records, "A"), records[-1])
    assert path_of(report) == "[A] B C"
    assert origin_of(report) == (OriginStatus.NAMED, "A")
    assert asked(report, Reason.FROM_WHOM) == ["A"]
    assert not report.call.whole
    assert report.call.figure5.origin == (carrier("A"), 0)


def test_missing_origin_and_second_leaves_the_origin_open():
    records = path_records("A B C D")
    report = run(without(records, "A", "B"), records[-1])
    assert path_of(report) == "[B] C D"
    assert origin_of(report) == (OriginStatus.NAMED, "B")
    assert asked(report) == ["B"]
    assert Gain.ORIGIN not in report.call.gain


def test_two_adjacent_missing_carriers_show_the_gap_and_the_claimed_origin():
    records = path_records("A B C D E")
    report = run(without(records, "B", "C"), records[-1])
    assert path_of(report) == "A [B] ? [C] D E"
    assert origin_of(report) == (OriginStatus.CLAIMED, "A")
    assert report.call.origin.across_gap
    assert asked(report, Reason.GAP) == ["C", "B"]
    assert not report.call.whole
    assert not report.call.figure5.connected
    assert len(report.call.figure5.subgraphs) == 2
    assert not report.flagged_record_ids


def test_two_possible_upstream_fragments_leave_the_origin_unknown():
    records = without(path_records("A B C D E"), "B", "C")
    report = run([*records, record("- X Y", 1)], records[-1])
    assert origin_of(report) == (OriginStatus.UNKNOWN, None)
    assert len(report.call.alternatives) == 2
    assert set(asked(report, Reason.POSSIBLY_UPSTREAM)) == {"B", "Y"}
    assert not report.flagged_record_ids


def test_rival_upstream_of_a_missing_carrier_is_not_discarded_by_nearness():
    # Nobody can tell which of the two calls the missing B had in hand.
    records = [record("- A B", 0), record("- X B", 1), record("B C -", 1)]
    report = run(records, records[-1])
    assert origin_of(report) == (OriginStatus.UNKNOWN, None)
    assert {name_of(each.provider) for each in report.call.origin.candidates} == {"A", "X"}
    assert not report.call.whole


def test_fragment_without_a_facing_end_stays_another_call():
    records = path_records("A B C")
    report = run([*records, record("- X Y", 1)], records[-1])
    assert report.call.whole
    assert report.other_calls_total == 1


# --- lies ---------------------------------------------------------------------------------------------


def conflict_sides(report):
    return {(name_of(c.asserting), name_of(c.opposing), c.kind) for c in report.call.conflicts}


def test_transit_with_a_false_previous_is_in_conflict_with_the_true_one():
    records = [record("- A B"), record("A B C"), record("X C D"), record("C D -")]
    report = run(records, records[-1], members="ABCDX")
    assert conflict_sides(report) == {("B", "C", ConflictKind.EDGE)}
    assert origin_of(report) == (OriginStatus.CONTESTED, None)
    assert {name_of(each.provider) for each in report.call.origin.candidates} == {"A", "X"}
    assert set(report.call.contradicting_record_ids) == {*records[1].record_ids, *records[2].record_ids}
    assert set(asked(report, Reason.CONFLICT)) == {"B", "C"}
    assert Gain.BAD_FAITH in report.call.gain


def test_transit_that_skips_its_neighbour_is_in_conflict_with_both():
    records = [record("- A B"), record("A B C"), record("A C D"), record("C D -")]
    report = run(records, records[-1])
    assert conflict_sides(report) == {("B", "C", ConflictKind.EDGE), ("C", "A", ConflictKind.EDGE)}


def test_origin_that_both_tellings_lead_to_is_not_contested():
    # C skips B; both ways begin at A, who claims it.
    records = [record("- A B"), record("A B C"), record("A C D"), record("C D -")]
    report = run(records, records[-1])
    assert origin_of(report) == (OriginStatus.CLAIMED, "A")
    assert not report.call.whole
    assert [[name_of(each) for each in way] for way in report.call.contested] == [["A", "B", "C"]]


def test_transit_that_claims_to_be_the_origin_is_in_conflict_with_its_previous():
    records = [record("- A B"), record("A B C"), record("- C D"), record("C D -")]
    report = run(records, records[-1])
    assert conflict_sides(report) == {("B", "C", ConflictKind.EDGE)}
    assert origin_of(report) == (OriginStatus.CONTESTED, None)
    assert {name_of(each.provider) for each in report.call.origin.candidates} == {"A", "C"}


def test_carrier_that_denies_passing_on_is_in_conflict_with_the_next():
    records = [record("- A B"), record("A B -"), record("B C D"), record("C D -")]
    report = run(records, records[-1])
    assert conflict_sides(report) == {("C", "B", ConflictKind.EDGE)}


def test_originator_that_blames_an_uninvolved_carrier_is_only_named_by_itself():
    # No record contradicts it: only the blamed carrier's disavowal, or an opening, brings it out.
    records = [record("X A B"), record("A B C"), record("B C -")]
    report = run(records, records[-1], members="ABCX")
    assert origin_of(report) == (OriginStatus.NAMED, "X")
    assert asked(report, Reason.FROM_WHOM) == ["X"]
    assert not report.call.conflicts


def test_forged_record_at_the_tracers_own_second_is_a_rival_and_does_not_take_over():
    records = [record("- A B", -1), record("A B C", 0), record("B C -", 0)]
    for forged in (record("X B C", 0, tag="f"), record("A B Y", -1, tag="f"), record("B C Z", -1, tag="f")):
        report = run([*records, forged], records[-1])
        assert path_of(report) == "A B C"
        assert set(forged.record_ids) <= set(report.call.contradicting_record_ids), forged.hop
        assert report.other_calls_total == 0


def test_rival_of_a_transit_contests_the_origin():
    records = [record("- A B"), record("A B C"), record("X B C", tag="f"), record("B C -")]
    report = run(records, records[-1])
    assert origin_of(report)[0] is OriginStatus.CONTESTED
    assert ("B", "B", ConflictKind.RIVAL) in conflict_sides(report)


def test_record_of_a_carrier_in_no_join_log_is_a_forgery_and_joins_no_path():
    records = path_records("A B C")
    forged = record("- Z C")
    report = run([*records, forged], records[-1], members="ABC")
    assert report.forged == forged.record_ids
    assert report.call.whole


def test_record_opened_to_somebody_else_is_set_aside():
    forged = record("- X B")
    opened = record("- X B", signers={forged.record_ids[0]: carrier("M")})
    rest = [record("X B C"), record("B C -")]
    report = run([opened, *rest], rest[-1])
    assert report.forged == forged.record_ids
    assert origin_of(report) == (OriginStatus.NAMED, "X")


def test_record_opened_to_its_own_carrier_attests_the_origin():
    plain = record("- A B")
    opened = record("- A B", signers={plain.record_ids[0]: carrier("A")})
    report = run([opened, record("A B -")], record("A B -"))
    assert origin_of(report) == (OriginStatus.ATTESTED, "A")


def test_late_record_accuses_nobody():
    records = [*path_records("A B C"), record("X B C", late=True)]
    report = run(records, records[2])
    assert report.call.whole
    assert not report.flagged_record_ids
    assert report.late == records[-1].record_ids


def test_late_record_does_not_take_a_match_from_one_on_time():
    records = [record("- A B", 5), record("- A B", 0, late=True), record("A B -", 0)]
    report = run(records, records[-1])
    assert report.call.path[0].record_ids == records[0].record_ids
    assert not report.call.path[0].late


def test_late_record_still_fills_the_path():
    records = [record("- A B"), record("A B C", late=True), record("B C -")]
    report = run(records, records[-1])
    assert path_of(report) == "A B C"
    assert report.call.path[1].late


# Quadratic work on this input runs into the time limit.
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "shape",
    ["same hop", "own carrier", "other previous", "loops", "random"],
)
def test_flood_of_ten_thousand_records_under_one_index_is_reported(shape):
    honest = path_records("A B C D")
    rng = random.Random(7)

    def forged(number):
        names = "ABCDEFGH"
        return {
            "same hop": "A B C",
            "own carrier": f"C D N{number}",
            "other previous": f"N{number} C D",
            "loops": ("B C B", "C B C")[number % 2],
            "random": f"{rng.choice(names)} {rng.choice(names)} {rng.choice(names)}",
        }[shape]

    flood = [record(forged(number), tag=str(number)) for number in range(10_000)]
    report = run([*flood, *honest], honest[-1])
    assert report.floods
    assert report.call.path[-1].own


def test_callers_to_one_number_are_told_apart_where_labels_have_no_caller():
    # Label profile dst: the hop carries the caller and the millisecond.
    def told(hop, src, ms):
        plain = record(hop, tag=f"{src}{ms}")
        filled = replace(plain.hop, ms=ms, src=bytes.fromhex(src.ljust(16, "f")))
        return replace(plain, hop=filled)

    one = [told("- A M", "15550100", 10), told("A M E", "15550100", 30), told("M E -", "15550100", 50)]
    two = [told("- C M", "15550111", 11), told("C M E", "15550111", 29), told("M E -", "15550111", 31)]
    for own, head in ((one, "A"), (two, "C")):
        report = run([*two, *one], own[-1])
        assert path_of(report) == f"{head} M E"
        assert report.call.whole
        assert report.other_calls_total == 1


# --- properties ---------------------------------------------------------------------------------------

names = st.lists(st.sampled_from("ABCDEFGH"), min_size=1, max_size=7)
simple_paths = names.map(lambda found: list(dict.fromkeys(found)))


@st.composite
def skewed_calls(draw):
    path = draw(simple_paths)
    records = [
        record(" ".join((["-", *path, "-"])[i : i + 3]), draw(st.integers(-T_MAX, T_MAX)))
        for i in range(len(path))
    ]
    return path, records, draw(st.permutations(records))


@settings(max_examples=200, deadline=None)
@given(skewed_calls())
def test_any_simple_path_in_any_order_with_any_clock_error_has_no_faults(case):
    path, records, shuffled = case
    report = run(shuffled, records[-1], members=path)
    assert path_of(report).split() == path
    assert report.call.whole
    assert not report.flagged_record_ids
    figure5 = report.call.figure5
    assert (*figure5.faulty_origins, *figure5.faulty_transits, *figure5.faulty_ends) == ()
    assert [name_of(node[0]) for node in figure5.path] == path


@settings(max_examples=200, deadline=None)
@given(skewed_calls(), st.data())
def test_any_subset_of_honest_records_accuses_nobody(case, data):
    path, records, _ = case
    kept = data.draw(st.lists(st.sampled_from(records), unique_by=lambda each: each.record_ids))
    report = run(kept, records[-1], members=path)
    # Impossible outcomes: an accusation, another origin's claim, a carrier that was not there.
    assert not report.flagged_record_ids
    assert set(map(name_of, report.call.carriers)) <= set(path)
    if report.call.origin.status is OriginStatus.CLAIMED:
        assert name_of(report.call.origin.provider) == path[0]
    whole = [carrier(name) for name in path]
    assert report.call.whole <= (list(report.call.carriers) == whole)


walks = st.lists(st.sampled_from("ABCD"), min_size=1, max_size=9)


@settings(max_examples=200, deadline=None)
@given(walks, st.randoms(use_true_random=False))
def test_any_walk_with_loops_accuses_nobody(walk, rng):
    records = path_records(" ".join(walk))
    shuffled = rng.sample(records, len(records))
    report = run(shuffled, records[-1])
    assert not report.flagged_record_ids
    assert report.call.whole
    assert name_of(report.call.origin.provider) == walk[0]
    assert len(report.call.path) == len(walk)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(simple_paths, st.integers(-T_MAX, T_MAX)), min_size=2, max_size=4),
    st.randoms(use_true_random=False),
)
def test_several_honest_calls_to_one_subscriber_accuse_nobody(calls, rng):
    # All of them end at the same carrier, as calls to one number do.
    records = []
    for number, (path, at) in enumerate(calls):
        records.extend(path_records(" ".join([*(n for n in path if n != "H"), "H"]), at, tag=str(number)))
    own = next(each for each in records if each.hop.next is None)
    report = run(rng.sample(records, len(records)), own)
    assert not report.flagged_record_ids
    assert report.call.whole


def test_report_json_does_not_depend_on_the_order_of_records():
    records = [*path_records("A B C D"), record("X C D", tag="f"), *path_records("E D", at=2)]
    reports = {
        str(run(random.Random(seed).sample(records, len(records)), records[3]).to_json())
        for seed in range(10)
    }
    assert len(reports) == 1


def test_copies_count_into_floods():
    copies = tuple(identifier(str(number)) for number in range(65))
    one = record("- A -")
    many = type(one)(copies, one.hop, one.epoch, one.accepted_hour, one.period)
    assert run([many]).floods == ((one.epoch, 65),)


@st.composite
def arbitrary_records(draw):
    """Records as liars would write them: any neighbours, tried, released, late."""
    side = st.sampled_from("-ABCD")
    records = []
    for number in range(draw(st.integers(1, 12))):
        following = draw(side)
        hop = f"{draw(side)} {draw(st.sampled_from('ABCD'))} {following}"
        records.append(
            record(
                hop,
                draw(st.integers(-2, 2)),
                tag=str(number),
                tried=draw(st.booleans()) and following != "-",
                released=following == "-" and draw(st.booleans()),
                late=draw(st.booleans()),
            )
        )
    return records


@settings(max_examples=300, deadline=None)
@given(arbitrary_records(), st.booleans(), st.randoms(use_true_random=False))
def test_any_records_at_all_give_the_same_report_in_any_order(records, with_own, rng):
    own = records[0] if with_own else None
    report = run(records, own, members="ABC").to_json()
    assert run(rng.sample(records, len(records)), own, members="ABC").to_json() == report
    # No record is lost: each is in the call, in another call, forged, or among those over a limit.
    if not report["candidates"] and report["call"] is not None:
        placed = {*report["call"]["records"], *report["forged"]}
        placed.update(found for other in report["other_calls"] for found in other["records"])
        assert placed >= {found.hex() for each in records for found in each.record_ids}
