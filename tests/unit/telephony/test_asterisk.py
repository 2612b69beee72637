"""Asterisk rows to calls to records."""

import contextlib

import pytest
from cdr_cases import EAST, NORTH, WEST, asterisk_row, read_batches, read_rows, source, utc
from hypothesis import given
from hypothesis import strategies as st

from trunkline.errors import CdrError, ConfigurationError
from trunkline.telephony.clock import AMBIGUOUS
from trunkline.telephony.model import Attempt, TimeKind
from trunkline.telephony.numbers import WITHHELD
from trunkline.telephony.readers.asterisk import AsteriskReader, trailing_columns, trunk_of_channel
from trunkline.telephony.readers.base import Position
from trunkline.telephony.source import AsteriskOptions

UNIQUE = ("1795262400.7",)


def hops(records):
    return [(record.previous, record.next, record.attempt) for record in records]


def test_dial_and_hangup_rows_of_one_call_are_one_record(tmp_path):
    text = asterisk_row(disposition="BUSY", trailing=UNIQUE)
    text += asterisk_row(outgoing="", disposition="BUSY", start="2026-11-21 12:00:05", trailing=UNIQUE)
    records, rejects = read_rows(tmp_path, text)
    assert rejects == []
    (record,) = records
    assert (record.previous, record.next, record.attempt) == (EAST, WEST, Attempt.FINAL)
    assert (record.src.text, record.dst.text) == ("+15125550109", "+16465550105")
    assert (record.arrival_us, record.time_kind) == (utc("2026-11-21T12:00:00"), TimeKind.ARRIVAL)
    assert not record.answered
    assert not record.released_here
    assert record.location.line == 1


def test_rows_without_uniqueid_join_where_channel_and_times_touch(tmp_path):
    text = asterisk_row(disposition="BUSY") + asterisk_row(
        outgoing="", start="2026-11-21 12:00:05", disposition="BUSY"
    )
    records, _ = read_rows(tmp_path, text)
    assert hops(records) == [(EAST, WEST, Attempt.FINAL)]


def test_rows_of_a_restarted_switch_with_the_same_channel_name_are_two_calls(tmp_path):
    text = asterisk_row() + asterisk_row(start="2026-11-21 14:00:00", end="2026-11-21 14:00:05")
    records, _ = read_rows(tmp_path, text)
    assert [record.attempt for record in records] == [Attempt.FINAL, Attempt.FINAL]


def test_call_refused_without_route_is_released_here(tmp_path):
    records, _ = read_rows(tmp_path, asterisk_row(outgoing="", disposition="NO ANSWER"))
    (record,) = records
    assert record.released_here
    assert (record.previous, record.next, record.answered) == (EAST, None, False)


def test_route_advance_gives_a_record_per_next_hop_with_the_arrival_of_the_first(tmp_path):
    text = asterisk_row(disposition="CONGESTION", end="2026-11-21 12:00:02", trailing=UNIQUE)
    text += asterisk_row(outgoing="PJSIP/north-00000003", start="2026-11-21 12:00:02", trailing=UNIQUE)
    records, _ = read_rows(tmp_path, text)
    assert hops(records) == [(EAST, WEST, Attempt.TRIED), (EAST, NORTH, Attempt.FINAL)]
    assert {record.arrival_us for record in records} == {utc("2026-11-21T12:00:00")}
    assert [record.answered for record in records] == [False, True]


def test_forked_dial_marks_the_answered_next_hop_as_final(tmp_path):
    text = asterisk_row(trailing=UNIQUE)
    text += asterisk_row(outgoing="PJSIP/north-00000003", disposition="NO ANSWER", trailing=UNIQUE)
    records, _ = read_rows(tmp_path, text)
    assert hops(records) == [(EAST, NORTH, Attempt.TRIED), (EAST, WEST, Attempt.FINAL)]


def test_second_try_at_the_same_next_hop_is_no_second_record(tmp_path):
    text = asterisk_row(disposition="CONGESTION", end="2026-11-21 12:00:02", trailing=UNIQUE)
    text += asterisk_row(start="2026-11-21 12:00:02", trailing=UNIQUE)
    records, _ = read_rows(tmp_path, text)
    assert [(record.next, record.answered) for record in records] == [(WEST, True)]


def test_loop_is_two_visits_and_two_records(tmp_path):
    text = asterisk_row(trailing=("", "1795262400.1", "1"))
    text += asterisk_row(
        incoming="PJSIP/north-00000005", outgoing="PJSIP/subs-00000006", trailing=("", "1795262400.3", "2")
    )
    records, _ = read_rows(tmp_path, text)
    assert hops(records) == [(EAST, WEST, Attempt.FINAL), (NORTH, None, Attempt.FINAL)]


def test_on_net_call_is_one_record_without_neighbours(tmp_path):
    text = asterisk_row(incoming="PJSIP/cust-00000001", outgoing="PJSIP/subs-00000002")
    (record,), _ = read_rows(tmp_path, text)
    assert (record.previous, record.next, record.customer) == (None, None, "cust")
    assert not record.released_here


def test_redials_within_seconds_are_separate_calls(tmp_path):
    text = "".join(
        asterisk_row(
            incoming=f"PJSIP/east-0000000{number}",
            start=f"2026-11-21 12:00:0{number}",
            end=f"2026-11-21 12:00:0{number}",
            disposition="BUSY",
            trailing=(f"179526240{number}.{number}",),
        )
        for number in range(3)
    )
    records, _ = read_rows(tmp_path, text)
    assert len(records) == 3


def test_two_withheld_callers_to_one_number_are_two_records(tmp_path):
    text = asterisk_row(src="anonymous") + asterisk_row(src="", incoming="PJSIP/north-00000009")
    records, _ = read_rows(tmp_path, text)
    assert [record.src for record in records] == [WITHHELD, WITHHELD]
    assert [record.previous for record in records] == [EAST, NORTH]


@pytest.mark.parametrize(
    ("side", "channel"), [("incoming", "PJSIP/nobody-00000001"), ("outgoing", "SIP/nobody-1")]
)
def test_trunk_in_no_table_is_refused_and_never_an_empty_side(tmp_path, side, channel):
    records, (reject,) = read_rows(tmp_path, asterisk_row(**{side: channel}))
    assert records == []
    assert "in no table" in reject.reason
    assert reject.trunk.endswith("/nobody")
    assert reject.line == 1


def test_trunk_in_no_table_does_not_take_the_other_attempt_with_it(tmp_path):
    text = asterisk_row(outgoing="PJSIP/nobody-1", disposition="CONGESTION", trailing=UNIQUE)
    text += asterisk_row(start="2026-11-21 12:00:01", trailing=UNIQUE)
    records, rejects = read_rows(tmp_path, text)
    assert hops(records) == [(EAST, WEST, Attempt.FINAL)]
    assert len(rejects) == 1


def test_changed_called_number_is_filed_under_both(tmp_path):
    records, _ = read_rows(
        tmp_path, asterisk_row(dst="8005550100", data="PJSIP/+16465550105@west,45,b(x^s^1(y))")
    )
    assert [record.dst.text for record in records] == ["+18005550100", "+16465550105"]


@pytest.mark.parametrize(
    "data", ["PJSIP/+16465550105@west,45", "SIP/west/9#6465550105", "west", "", "Local/s@x"]
)
def test_unchanged_or_unreadable_sent_number_adds_no_record(tmp_path, data):
    records, _ = read_rows(tmp_path, asterisk_row(data=data))
    assert [record.dst.text for record in records] == ["+16465550105"]


def test_sent_number_under_its_stated_plan_is_read(tmp_path):
    row = asterisk_row(dst="8005550100", data="SIP/west/6465550105,45")
    records, _ = read_rows(tmp_path, row, sent_number_plan={"style": "national", "region": "US"})
    assert [record.dst.text for record in records] == ["+18005550100", "+16465550105"]


def test_called_number_that_is_none_is_refused_with_its_line(tmp_path):
    records, (reject,) = read_rows(tmp_path, asterisk_row() + asterisk_row(dst="s", incoming="PJSIP/east-9"))
    assert len(records) == 1
    assert (reject.line, reject.reason[:26]) == (2, "the called number is none ")


def test_caller_name_cannot_break_a_row(tmp_path):
    row = (
        asterisk_row(name='O\'BRIEN, "BOB" & SONS;\t')
        .replace("SONS", "S\udcff", 1)
        .encode("utf-8", "surrogateescape")
    )
    records, rejects = read_rows(tmp_path, row)
    assert (len(records), rejects) == (1, [])


@pytest.mark.parametrize(
    ("channel", "trunk"),
    [
        ("PJSIP/gate-000000ab", "PJSIP/gate"),
        ("SIP/new-york-2-0000001f", "SIP/new-york-2"),
        ("IAX2/gate-4711", "IAX2/gate"),
        ("DAHDI/i1/5550100-1", "DAHDI/i1/5550100"),
        ("Local/100@office-00000003;2", "Local/100@office"),
        ("", ""),
    ],
)
def test_trunk_of_channel_drops_the_number_of_the_channel(channel, trunk):
    assert trunk_of_channel(channel) == trunk


@pytest.mark.parametrize(
    "incoming", ["IAX2/east-4711", "SIP/east-00000001", "DAHDI/east/5551234567-1", "PJSIP/east-00000001"]
)
def test_trunk_is_found_under_its_name_whatever_the_technology(tmp_path, incoming):
    records, _ = read_rows(tmp_path, asterisk_row(incoming=incoming))
    assert [record.previous for record in records] == [EAST]


NEW = ("peeraccount", "linkedid", "sequence")


@pytest.mark.parametrize(
    ("trailing", "names"),
    [
        ((), ()),
        (("1795297332.2",), ("uniqueid",)),
        (("some text",), ("userfield",)),
        (("cl-edge-1795297350.4", "x"), ("uniqueid", "userfield")),
        (("", "1795297332.4", "4"), NEW),
        (("3f8f", "", "1795297332.4", "4"), ("userfield", *NEW)),
        (("1795297332.2", "", "1795297332.4", "4"), ("uniqueid", *NEW)),
        (("1795297332.2", "u", "", "1795297332.4", "4"), ("uniqueid", "userfield", *NEW)),
    ],
)
def test_columns_after_the_sixteenth_are_told_from_the_row(trailing, names):
    assert trailing_columns([""] * 16 + list(trailing), AsteriskOptions()) == names


def test_declared_columns_win_where_their_number_fits_and_not_elsewhere():
    declared = AsteriskOptions(loguniqueid=False, loguserfield=True, newcdrcolumns=False)
    assert trailing_columns(["1795297332.2"] * 17, declared) == ("userfield",)
    assert trailing_columns([""] * 16, declared) == ()


@pytest.mark.parametrize("count", [1, 15, 22, 40])
def test_other_numbers_of_columns_are_refused(tmp_path, count):
    records, (reject,) = read_rows(tmp_path, ",".join(["x"] * count) + "\n")
    assert records == []
    assert "columns where cdr_csv has 16 to 21" in reject.reason


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("x" * 70_000 + "\n", "longer than its limit"),
        ("," * 600 + "\n", "more than 512 columns"),
        ('"a"b"\n', "quotes"),
        (asterisk_row().replace("5125550109", "512\x005550109"), "NUL bytes"),
        (asterisk_row().replace("ANSWERED", "16"), "disposition"),
        (asterisk_row(incoming=""), "no channel"),
        (asterisk_row(start="yesterday"), "a time is neither"),
        (asterisk_row(end="2026-11-21 11:00:00"), "ends before it starts"),
        ("%PDF-1.7 binary\n", "columns"),
        (b"\xff\xfe" + asterisk_row().encode("utf-16-le"), "NUL bytes"),
        (asterisk_row(dst="646555\udc80105").encode("utf-8", "surrogateescape"), "called number is none"),
    ],
)
def test_bad_row_is_refused_by_itself_and_loses_no_neighbour(tmp_path, text, fragment):
    bad = text if isinstance(text, bytes) else text.encode()
    before, after = asterisk_row().encode(), asterisk_row(incoming="PJSIP/north-9").encode()
    separator = b"" if bad.endswith(b"\n") else b"\n"
    records, rejects = read_rows(tmp_path, before + bad + separator + after)
    assert [record.previous for record in records] == [EAST, NORTH]
    assert fragment in rejects[0].reason
    assert rejects[0].line == 2


def test_empty_file_gives_nothing(tmp_path):
    assert read_rows(tmp_path, "") == ([], [])


def test_answered_row_without_peer_is_a_call_that_ended_here(tmp_path):
    (record,), _ = read_rows(tmp_path, asterisk_row(outgoing=""))
    assert record.released_here
    assert not record.answered


NEW_YORK = {"time_zone": "America/New_York"}


def test_hour_that_occurs_twice_is_told_by_the_channels_identifier(tmp_path):
    text = "".join(
        asterisk_row(
            incoming=f"PJSIP/east-{created}",
            start="2026-11-01 01:30:00",
            end="2026-11-01 01:30:05",
            trailing=(f"{created}.1",),
        )
        for created in (1793511000, 1793514600)
    )
    records, _ = read_rows(tmp_path, text, **NEW_YORK)
    assert [record.arrival_us for record in records] == [
        utc("2026-11-01T05:30:00"),
        utc("2026-11-01T06:30:00"),
    ]


def test_hour_that_occurs_twice_is_told_by_the_order_of_the_rows(tmp_path):
    text = asterisk_row(start="2026-11-01 01:50:00", end="2026-11-01 01:55:00", duration=300)
    text += asterisk_row(
        incoming="PJSIP/east-2", start="2026-11-01 01:58:00", end="2026-11-01 01:05:00", duration=420
    )
    records, _ = read_rows(tmp_path, text, **NEW_YORK)
    assert [record.arrival_us for record in records] == [
        utc("2026-11-01T05:50:00"),
        utc("2026-11-01T05:58:00"),
    ]


def test_hour_that_occurs_twice_with_nothing_to_tell_it_is_taken_first_and_said(tmp_path):
    path = tmp_path / "cdr.csv"
    path.write_text(asterisk_row(start="2026-11-01 01:30:00", end="2026-11-01 01:30:05"))
    (batch,) = read_batches(source(path, **NEW_YORK))
    assert [record.arrival_us for record in batch.records] == [utc("2026-11-01T05:30:00")]
    assert [(warning.line, warning.reason) for warning in batch.warnings] == [(1, AMBIGUOUS)]


def test_hour_that_does_not_exist_is_refused(tmp_path):
    text = asterisk_row(start="2026-03-08 02:30:00", end="2026-03-08 02:30:05")
    records, (reject,) = read_rows(tmp_path, text, **NEW_YORK)
    assert records == []
    assert "does not exist" in reject.reason


CUSTOM = {
    "format": "asterisk-custom",
    "asterisk": {
        "custom_columns": ("start", "end", "src", "dst", "channel", "dstchannel", "disposition", "uniqueid")
    },
}


def test_custom_columns_with_microseconds_keep_them(tmp_path):
    row = '1795297338.950134,1795297339.1,"5125550109","6465550105","PJSIP/east-1","PJSIP/west-2","BUSY",'
    row += '"a-1795297338.2"'
    (record,), rejects = read_rows(tmp_path, row + "\n", **CUSTOM)
    assert rejects == []
    assert record.arrival_us == 1_795_297_338_950_134


def test_custom_columns_without_what_a_call_needs_are_refused_at_once():
    with pytest.raises(ConfigurationError, match="lacks channel, dst, dstchannel, start"):
        AsteriskReader(source("x", format="asterisk-custom", asterisk={"custom_columns": ("src",)}))


def test_custom_row_of_another_layout_is_refused(tmp_path):
    records, (reject,) = read_rows(tmp_path, asterisk_row(), **CUSTOM)
    assert records == []
    assert "16 columns where the source states 8" in reject.reason


@given(st.text(max_size=300))
def test_any_line_is_a_row_or_a_typed_error(text):
    with contextlib.suppress(CdrError):
        AsteriskReader(source("x")).read(text, Position("x", line=1))


def test_error_does_not_carry_the_rows_content():
    with pytest.raises(CdrError) as caught:
        AsteriskReader(source("x")).read(asterisk_row(start="5125550109"), Position("x", line=1))
    assert "5125550109" not in str(caught.value)
