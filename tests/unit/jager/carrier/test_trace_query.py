"""What can be asked to be traced, and how it travels to the agent."""

import pytest
from carrier_rows import row
from hypothesis import given
from hypothesis import strategies as st

from trunkline.errors import CdrError, InputError, NotFoundError, NumberError
from trunkline.jager.carrier.trace_query import CSV_SIZE_LIMIT, TraceQuery, find_call, read_queries
from trunkline.jager.messages.hop import Hop
from trunkline.jager.validation.records import OwnRecord
from trunkline.telephony.call_details import LabelRules
from trunkline.telephony.model import Attempt, CallRecord, RowLocation, TimeKind
from trunkline.telephony.numbers import WITHHELD, NumberPlan, Party, PartyKind
from trunkline.telephony.providers import ProviderId
from trunkline.telephony.source import CdrSource

ALICE = Party(PartyKind.E164, "+12025550101")
BOB = Party(PartyKind.E164, "+12025550202")
SELF, PEER = ProviderId(b"s" * 16), ProviderId(b"p" * 16)


@given(
    time_ms=st.integers(0, 2**41),
    src=st.sampled_from([WITHHELD, ALICE, Party(PartyKind.URI, "alice@example.org")]),
    answer=st.booleans(),
    tolerance=st.integers(0, 3_600_000),
    own=st.sampled_from([None, OwnRecord(Hop(PEER, SELF, None), 77)]),
)
def test_query_survives_its_json_form(time_ms, src, answer, tolerance, own):
    query = TraceQuery(src, BOB, time_ms, answer, tolerance, "a case", own, 5.0)
    assert TraceQuery.from_json(query.to_json()) == query


def test_query_of_a_call_has_the_own_record():
    call = CallRecord(
        ALICE,
        BOB,
        1_700_000_000_123_456,
        TimeKind.ANSWER,
        PEER,
        None,
        Attempt.FINAL,
        True,
        False,
        None,
        RowLocation("f", 1),
    )
    query = TraceQuery.of_call(call, SELF, LabelRules())
    assert query.time_ms == 1_700_000_000_123
    assert query.own_time_is_answer
    assert query.own == OwnRecord(Hop(PEER, SELF, None, answer_time=True), 1_700_000_000)


@pytest.mark.parametrize(
    "time", ["2023-11-14T17:13:20-05:00", "2023-11-14T22:13:20Z", "1700000000", " 1700000000.0"]
)
def test_query_of_text_reads_times(time):
    assert TraceQuery.of_text("anonymous", BOB.text, time).time_ms == 1_700_000_000_000


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"dst": "anonymous"}, NumberError, "called number"),
        ({"src": "rubbish"}, NumberError, "called number"),
        ({"time": "yesterday"}, InputError, "neither ISO 8601"),
        ({"time": "2023-11-14T22:13:20"}, InputError, "offset from UTC"),
        ({"time": "-5"}, InputError, "time_ms"),
        ({"time": "inf"}, InputError, "neither ISO 8601"),
        ({"tolerance_s": -1}, InputError, "tolerance_ms"),
        ({"tolerance_s": 1e7}, InputError, "tolerance_ms"),
        ({"tolerance_s": float("nan")}, InputError, "tolerance_ms"),
        ({"tolerance_s": float("inf")}, InputError, "tolerance_ms"),
        ({"case": "x" * 2001}, InputError, "case"),
    ],
)
def test_query_of_text_refuses_what_it_cannot_use(change, error, words):
    values = {"src": ALICE.text, "dst": BOB.text, "time": "1700000000"} | change
    with pytest.raises(error, match=words) as caught:
        TraceQuery.of_text(**values)
    assert "202555" not in str(caught.value)


def test_json_with_an_unknown_key_is_refused():
    with pytest.raises(InputError, match="surprise"):
        TraceQuery.from_json(TraceQuery(ALICE, BOB, 1).to_json() | {"surprise": 1})


def test_repr_shows_no_number():
    assert "202555" not in repr(TraceQuery(ALICE, BOB, 1))


def test_bad_line_of_a_csv_does_not_touch_its_neighbours(tmp_path):
    path = tmp_path / "calls.csv"
    path.write_text(
        "src,dst,time,tolerance_s,case\n"
        f"{ALICE.text},{BOB.text},1700000000,,one\n"
        f"{ALICE.text},rubbish,1700000000,,two\n"
        f",{BOB.text},1700000000,much,three\n"
        f",{BOB.text},1700000000,2.5,four\n"
        f"{ALICE.text}\n"
    )
    found = dict(read_queries(path))
    assert [type(item).__name__ for item in found.values()] == [
        "TraceQuery",
        "NumberError",
        "InputError",
        "TraceQuery",
        "InputError",
    ]
    assert found[5].tolerance_ms == 2500
    assert found[5].src == WITHHELD


def test_line_that_is_not_utf_8_does_not_touch_its_neighbours(tmp_path):
    path = tmp_path / "calls.csv"
    line = f"{ALICE.text},{BOB.text},1700000000,M%sller\n".encode()
    path.write_bytes(b"src,dst,time,case\n" + line % b"u" + line % b"\xfc" + line % b"\xc3\xbc")
    first, damaged, last = (query for _, query in read_queries(path))
    assert (first.case, last.case) == ("Muller", "M\u00fcller")
    assert "not UTF-8" in str(damaged)


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"src,dst,time\n" + b"9" * 200_000, b"\xff\xfe\n"])
def test_file_of_another_form_is_a_cdr_error(tmp_path, content):
    path = tmp_path / "calls.csv"
    path.write_bytes(content)
    with pytest.raises(CdrError, match=r"columns|UTF-8"):
        list(read_queries(path))


def test_file_of_queries_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "calls.csv"
    with path.open("wb") as file:
        file.truncate(CSV_SIZE_LIMIT + 1)
    with pytest.raises(CdrError, match="split it"):
        list(read_queries(path))


def test_own_call_is_found_by_its_row(tmp_path, miniature):
    path = tmp_path / "Master.csv"
    path.write_text("".join(row(miniature, number) for number in range(3)))
    source = CdrSource(
        format="asterisk-csv",
        paths=(str(path),),
        time_zone="UTC",
        number_plan=NumberPlan(style="e164", region="US"),
        trunks={"peer": PEER.value.hex()},
        access={"desk": "subscribers"},
    )
    assert find_call([source], "Master.csv", 2).dst.text == "+12025550001"
    assert find_call([source], str(path), 3).dst.text == "+12025550002"
    for file, line in (("Master.csv", 9), ("aster.csv", 2)):
        with pytest.raises(NotFoundError, match="cdr inspect"):
            find_call([source], file, line)
