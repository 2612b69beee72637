"""Sources read by a map: layouts, rewriting, times, and the maps that come with the package."""

import json

import pytest
from cdr_cases import EAST, NORTH, WEST, read_rows, utc

from trunkline.errors import ConfigurationError
from trunkline.telephony.model import Attempt
from trunkline.telephony.readers.field_map import load_field_map, shipped_maps

CSV_MAP = """
name = "test"
verified = true
layout = "csv"
delimiter = "|"
escape = "\\\\"
[fields]
caller = { column = 1, rewrite = [{ pattern = "^9", replacement = "" }] }
called = { column = 2 }
incoming = { column = 3 }
outgoing = { column = 4 }
start = { column = 5 }
end = { column = 6 }
call_id = { column = 7 }
[answered]
field = { column = 8 }
values = ["yes"]
"""
START = "2026-11-21 12:00:00"
NOON = utc("2026-11-21T12:00:00")


def read_mapped(folder, map_text, text):
    (folder / "map.toml").write_text(map_text)
    return read_rows(folder, text, format="field-map", field_map=str(folder / "map.toml"))


def line(**changes):
    fields = {"caller": "95125550109", "called": "6465550105", "incoming": "east", "outgoing": "west"}
    fields |= {"start": START, "end": START, "call_id": "1", "answered": "yes"}
    return "|".join((fields | changes).values()) + "\n"


def test_mapped_columns_become_a_record(tmp_path):
    (record,), rejects = read_mapped(tmp_path, CSV_MAP, line())
    assert rejects == []
    assert (record.src.text, record.dst.text) == ("+15125550109", "+16465550105")
    assert (record.previous, record.next, record.answered, record.arrival_us) == (EAST, WEST, True, NOON)


def test_escaped_delimiter_is_no_delimiter(tmp_path):
    records, _ = read_mapped(tmp_path, CSV_MAP, line(call_id="a\\|b"))
    assert len(records) == 1


def test_rows_with_one_call_id_are_one_call(tmp_path):
    text = line(answered="no") + line(outgoing="north", start="2026-11-21 12:00:03")
    records, _ = read_mapped(tmp_path, CSV_MAP, text)
    assert [(record.next, record.attempt) for record in records] == [
        (WEST, Attempt.TRIED),
        (NORTH, Attempt.FINAL),
    ]


def test_rows_without_call_id_are_calls_of_their_own(tmp_path):
    text = line(answered="no") + line(outgoing="north", start="2026-11-21 12:00:03")
    records, _ = read_mapped(tmp_path, CSV_MAP.replace("call_id = { column = 7 }", ""), text)
    assert [record.attempt for record in records] == [Attempt.FINAL, Attempt.FINAL]


def test_short_row_is_refused_by_itself(tmp_path):
    records, (reject,) = read_mapped(tmp_path, CSV_MAP, "a|b\n" + line())
    assert len(records) == 1
    assert (reject.line, reject.reason) == (1, "the line has fewer columns than the field map names")


def test_fixed_width_is_read_by_characters(tmp_path):
    fixed = """
name = "test"
verified = true
layout = "fixed"
[fields]
caller = { characters = [1, 12] }
called = { characters = [13, 24] }
incoming = { characters = [25, 30] }
outgoing = { characters = [31, 36] }
start = { characters = [37, 55] }
"""
    good = f"{'5125550109':12}{'6465550105':12}{'east':6}{'west':6}{START}\n"
    (record,), (short, binary) = read_mapped(
        tmp_path, fixed, good + good[:40] + "\n" + good.replace("512", "5\x002")
    )
    assert (record.previous, record.next) == (EAST, WEST)
    assert "shorter" in short.reason
    assert "NUL" in binary.reason


JSON_MAP = """
name = "test"
verified = true
layout = "json-lines"
time_format = "epoch-ms"
[[select]]
field = { path = "type" }
values = ["call"]
[fields]
caller = { path = "from.number" }
called = { path = "to.number" }
incoming = { path = "from.trunk" }
outgoing = { path = "to.trunk" }
start = { path = "at" }
"""


def test_json_lines_are_read_by_path(tmp_path):
    call = {
        "type": "call",
        "from": {"number": 5125550109, "trunk": "east"},
        "to": {"number": "6465550105", "trunk": "west"},
        "at": 1795262400123,
    }
    lines = [json.dumps(call), json.dumps({"type": "ping"}), "{", "[1]", json.dumps(call | {"at": "soon"})]
    (record,), rejects = read_mapped(tmp_path, JSON_MAP, "\n".join(lines) + "\n")
    assert record.arrival_us == 1_795_262_400_123_000
    assert record.src.text == "+15125550109"
    assert [reject.line for reject in rejects] == [3, 4, 5]
    assert "milliseconds" in rejects[2].reason


def test_header_names_the_columns(tmp_path):
    headed = CSV_MAP.replace('layout = "csv"', 'layout = "csv"\nheader = true')
    headed = headed.replace("called = { column = 2 }", 'called = { name = "called" }')
    header = "a|called|c|d|e|f|g|h\n"
    records, rejects = read_mapped(tmp_path, headed, header + line())
    assert (len(records), rejects) == (1, [])
    _, (reject,) = read_mapped(tmp_path, headed, header.replace("called", "x") + line())
    assert "header has not all columns" in reject.reason


@pytest.mark.parametrize(
    ("old", "new", "fragment"),
    [
        ("caller = { column = 1", "caller = { column = 1, name = 'x'", "exactly one of column"),
        ("called = { column = 2 }", "called = { }", "exactly one of column"),
        ("called = { column = 2 }", "called = { characters = [5, 1] }", "the first and the last"),
        ('"^9"', '"("', "not a regular expression"),
        ('replacement = ""', 'replacement = "\\\\1"', "names a group"),
        ('layout = "csv"', 'layout = "csv"\nzone_hours = { EST = 99.0 }', "zone_hours"),
        ('layout = "csv"', 'layout = "csv"\nzone_hours = { EST = inf }', "zone_hours"),
        ('layout = "csv"', 'layout = "xml"', "layout"),
        ("verified = true", "", "verified"),
        ("[fields]", "[fields]\nduration = { column = 1 }", "duration"),
    ],
)
def test_map_that_means_nothing_is_refused(tmp_path, old, new, fragment):
    with pytest.raises(ConfigurationError, match=fragment):
        read_mapped(tmp_path, CSV_MAP.replace(old, new), "")


def test_unknown_map_is_refused_with_the_names_of_the_shipped_ones():
    with pytest.raises(ConfigurationError, match="there are broadworks, "):
        load_field_map("unheard-of")


# --- the shipped maps, on rows made by their own description ------------------------------------------

ACME_START = "12:00:00.250 UTC NOV 21 2026"


def columns(count, values, delimiter=","):
    row = [""] * count
    for position, value in values.items():
        row[position - 1] = value
    return delimiter.join(row) + "\n"


def acme(status="2", name="'WIRELESS \"X\" CALLER'"):
    values = {1: status, 4: "s1", 10: f'"{name}<sip:+15125550109@192.0.2.1:5060;user=phone>;tag=1"'}
    values |= {
        11: '"<sip:+16465550105@192.0.2.2:5060;user=phone>"',
        14: ACME_START,
        15: ACME_START,
        16: ACME_START,
    }
    return columns(175, values | {22: "west", 23: "east"})


def broadworks(direction, **changes):
    values = {2: "cust", 3: "Normal", 6: direction, 7: "+15125550109", 9: "+16465550105"}
    values |= {10: "20261121120000.250", 12: "Yes", 14: "20261121120100.000", 24: "west"}
    return columns(30, {1: "x"}) + columns(30, values)


def genband():
    row = [" "] * 630
    for first, text in {
        7: "call1",
        37: START,
        56: START,
        75: START,
        124: "east",
        154: "+15125550109",
        234: "west",
        264: "+16465550105",
    }.items():
        row[first - 1 : first - 1 + len(text)] = text
    return "".join(row) + "\n"


def sansay():
    when = "Sat Nov 21 12:00:00 2026"
    values = {
        1: "7",
        2: "V1.10",
        3: "R",
        5: "session",
        7: when,
        8: when,
        9: when,
        14: "east",
        16: "+15125550109",
    }
    return columns(58, values | {18: "+16465550105", 33: "west", 52: "F", 53: "9"}, ";")


def nextone():
    header = "CallZoneData,OrigGw,TermGw,Duration,CallDTMF,Ani,DateTimeInt\n"
    return header + "zone,east,west,12,+16465550105,+15125550109,1795262400\n"


SHIPPED = {
    "oracle_acme": (acme() + acme(status="1"), EAST, WEST),
    "broadworks": (broadworks("Originating"), None, WEST),
    "broadworks_terminating": (broadworks("Terminating"), WEST, None),
    "genband_g6": (genband(), EAST, WEST),
    "sansay_vsx": (sansay(), EAST, WEST),
    "nextone": (nextone(), EAST, WEST),
}


@pytest.mark.parametrize("name", shipped_maps())
def test_shipped_map_reads_a_row_of_its_description(tmp_path, name):
    text, previous, following = SHIPPED[name]
    (record,), rejects = read_rows(tmp_path, text, format="field-map", field_map=name)
    assert rejects == []
    assert (record.src.text, record.dst.text) == ("+15125550109", "+16465550105")
    assert (record.previous, record.next, record.answered) == (previous, following, True)
    assert record.arrival_us // 1_000_000 == NOON // 1_000_000


@pytest.mark.parametrize("name", shipped_maps())
def test_shipped_map_never_run_on_real_files_says_so(name):
    assert not load_field_map(name).verified


def test_zone_names_in_times_are_read_as_the_map_states(tmp_path):
    text = acme().replace(ACME_START, "04:00:00.250 PST NOV 21 2026")
    (record,), _ = read_rows(tmp_path, text, format="field-map", field_map="oracle_acme")
    assert record.arrival_us == NOON + 250_000
    _, (reject,) = read_rows(
        tmp_path, text.replace("PST", "XYZ"), format="field-map", field_map="oracle_acme"
    )
    assert "form that the field map states" in reject.reason
