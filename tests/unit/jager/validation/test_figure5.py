"""Figure 5 on graphs given by hand, step by step."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from validation_cases import carrier, path_records, record, run

from trunkline.jager.validation.figure5 import Graph, validate


def node(name, passage=0):
    return (carrier(name), passage)


def graph(*edges):
    counted = Counter((node(edge[0]), node(edge[1])) for edge in edges)
    vertices = dict.fromkeys(vertex for edge in counted for vertex in edge)
    return Graph(tuple(vertices), counted)


def names(nodes):
    return "".join(provider.value.rstrip(b".").decode() for provider, _ in nodes)


def test_ideal_path_has_one_origin_one_end_and_no_faults():
    found = validate(graph("AB", "AB", "BC", "BC"))
    assert (names(found.origins), names(found.transits), names(found.ends)) == ("A", "B", "C")
    assert (found.origin, found.end) == (node("A"), node("C"))
    assert names(found.path) == "ABC"
    assert not (found.faulty_origins + found.faulty_transits + found.faulty_ends)


def test_two_origins_one_of_them_confirmed():
    found = validate(graph("AB", "AB", "XB", "BC", "BC"))
    assert found.origin == node("A")
    assert names(found.faulty_origins) == "X"


def test_two_confirmed_origins_leave_the_origin_open():
    found = validate(graph("AC", "AC", "BC", "BC", "CD", "CD"))
    assert found.origin is None
    assert found.path == ()


def test_two_ends_one_of_them_confirmed():
    found = validate(graph("AB", "AB", "AX"))
    assert found.end == node("B")
    assert names(found.faulty_ends) == "X"


def test_transit_is_faulty_if_either_degree_is_off():
    # The paper's "and" would let this one pass: in 3, out 2.
    found = validate(graph("AB", "AB", "XB", "BC", "BC"))
    assert names(found.faulty_transits) == "B"


def test_parts_that_do_not_hang_together_are_subgraphs():
    found = validate(graph("AB", "CD", "CD"))
    assert not found.connected
    assert sorted(names(part) for part in found.subgraphs) == ["AB", "CD"]
    assert found.path == ()


def test_single_node_is_origin_end_and_path():
    only = validate(Graph((node("P"),), Counter()))
    assert only.path == (node("P"),)


def test_loop_has_a_node_for_each_passage():
    records = path_records("A P Q P B")
    found = run(records, records[-1]).call.figure5
    assert [passage for provider, passage in found.path if provider == carrier("P")] == [0, 1]


def test_tried_hops_are_outside_the_degrees():
    records = [record("- A B"), record("- A X", tried=True), record("A B -")]
    found = run(records, records[-1]).call.figure5
    assert names(found.ends) == "B"


@given(st.lists(st.tuples(st.sampled_from("ABCDE"), st.sampled_from("ABCDE")), min_size=1, max_size=20))
def test_every_node_is_origin_transit_or_end(edges):
    drawn = graph(*("".join(edge) for edge in edges))
    found = validate(drawn)
    assert sorted(found.origins + found.transits + found.ends) == sorted(drawn.vertices)
    assert set(found.faulty_origins) <= set(found.origins)
    assert set(found.faulty_transits) <= set(found.transits)
    assert set(found.faulty_ends) <= set(found.ends)
    assert found.connected == (not found.subgraphs)
