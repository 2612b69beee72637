"""Drawings: nothing is lost in them, and nothing in a name gets out of hand."""

import xml.etree.ElementTree as ET

import pytest
from validation_cases import carrier, path_records, record, run, without

from trunkline.jager.validation.drawing import draw
from trunkline.jager.validation.svg import draw_svg

NAMES = {carrier(name).hex: f"Carrier {name}" for name in "ABCDEX"}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def whole():
    records = path_records("A B C")
    return run(records, records[-1]).to_json()


@pytest.fixture
def gap():
    records = path_records("A B C D E")
    return run(without(records, "B", "C"), records[-1]).to_json()


@pytest.fixture
def conflict():
    records = [record("- A B"), record("A B C"), record("X C D"), record("C D -")]
    return run(records, records[-1]).to_json()


def test_whole_path_is_drawn_from_origin_to_tracer(whole):
    assert draw(whole, NAMES).splitlines()[:6] == [
        "● Carrier A  (origin, claimed)",
        "│",
        "● Carrier B",
        "│",
        "● Carrier C  (the tracer)",
        "· origin: Carrier A, as a record in its name claims",
    ]


def test_gap_is_drawn_and_both_sides_are_to_be_asked(gap):
    text = draw(gap, NAMES)
    assert "?  gap" in text
    assert "○ Carrier B" in text
    assert text.count("stands next to the gap") == 2
    assert "a gap lies between" in text


def test_conflict_is_marked_on_both_sides(conflict):
    text = draw(conflict, NAMES)
    assert "✗ Carrier C" in text
    said = "conflict: Carrier B says that Carrier B handed the call to Carrier C; Carrier C says otherwise"
    assert said in text
    assert "origin contested" in text


def test_branch_is_drawn():
    records = [record("- A B"), record("- A X", tried=True), record("A B -")]
    assert "tried: Carrier X" in draw(run(records, records[-1]).to_json(), NAMES)


def test_empty_trace_is_drawn():
    empty = run([]).to_json()
    assert "(no records)" in draw(empty, NAMES)
    assert "No records" in draw_svg(empty, NAMES)


def test_unknown_carrier_is_shown_by_its_identifier(whole):
    assert carrier("A").hex[:8] in draw(whole, {})


def test_control_characters_in_names_do_not_reach_the_terminal(whole):
    text = draw(whole, NAMES | {carrier("A").hex: "evil\x1b[2J\u202ename"})
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("kind", ["whole", "gap", "conflict"])
def test_svg_is_well_formed_and_accessible(kind, request):
    report = request.getfixturevalue(kind)
    text = draw_svg(report, NAMES)
    root = ET.fromstring(text)  # noqa: S314 - our own output
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text
    assert "origin" in root.find(f"{SVG}desc").text
    assert "prefers-color-scheme: dark" in text
    assert "href" not in text
    assert "url(" not in text


def test_markup_in_names_is_escaped(whole):
    text = draw_svg(whole, NAMES | {carrier("A").hex: "<script>&\x00\"'"})
    ET.fromstring(text)  # noqa: S314 - our own output
    assert "<script" not in text


def test_svg_marks_conflict_in_words_not_in_colour_alone(conflict):
    assert "contradicted" in draw_svg(conflict, NAMES)
