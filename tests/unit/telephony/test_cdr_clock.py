from zoneinfo import ZoneInfo

import pytest
from cdr_cases import utc
from hypothesis import given
from hypothesis import strategies as st

from trunkline.errors import CdrError
from trunkline.telephony.clock import SourceClock

UTC_CLOCK = SourceClock(ZoneInfo("UTC"))
NEW_YORK = SourceClock(ZoneInfo("America/New_York"))


@pytest.mark.parametrize(
    ("text", "clock", "expected"),
    [
        ("2026-11-21 21:42:12", UTC_CLOCK, utc("2026-11-21T21:42:12")),
        ("2026-11-21T21:42:12.5", UTC_CLOCK, utc("2026-11-21T21:42:12.5")),
        ("2026-11-21 16:42:12", NEW_YORK, utc("2026-11-21T21:42:12")),
        ("2026-11-21 21:42:12Z", NEW_YORK, utc("2026-11-21T21:42:12")),
        ("2026-11-21 22:42:12+01:00", NEW_YORK, utc("2026-11-21T21:42:12")),
        ("1795297332.725671", NEW_YORK, 1_795_297_332_725_671),
        ("1795297332", NEW_YORK, 1_795_297_332_000_000),
        ("2026-11-21 21:42:12", SourceClock(ZoneInfo("UTC"), -1_500_000), utc("2026-11-21T21:42:10.5")),
    ],
)
def test_clock_reading_becomes_utc(text, clock, expected):
    reading = clock.read(text)
    assert reading.first_us == reading.second_us == expected


def test_hour_that_occurs_twice_has_two_readings():
    reading = NEW_YORK.read("2026-11-01 01:30:00")
    assert (reading.first_us, reading.second_us) == (utc("2026-11-01T05:30:00"), utc("2026-11-01T06:30:00"))
    assert reading.ambiguous
    assert reading.at_or_after(utc("2026-11-01T05:45:00")) == reading.second_us
    assert reading.nearest(utc("2026-11-01T05:45:00")) == reading.first_us


def test_hour_that_does_not_exist_is_refused():
    with pytest.raises(CdrError, match="does not exist"):
        NEW_YORK.read("2026-03-08 02:30:00")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0.000000",
        "21.11.2026 21:42",
        "2026-13-01 00:00:00",
        "2026-11-21 25:00:00",
        "2000-01-01 00:00:00",
        "2100-01-02 00:00:00",
        "99999999999",
        "0001-01-01 00:00:00",
        "9999-12-31 23:59:59",
    ],
)
def test_text_that_is_no_time_of_a_call_is_refused(text):
    for clock in (UTC_CLOCK, NEW_YORK):
        with pytest.raises(CdrError, match="a time"):
            clock.read(text)


@given(st.text(max_size=40))
def test_any_text_is_a_reading_or_a_typed_error(text):
    try:
        reading = NEW_YORK.read(text)
    except CdrError:
        return
    assert reading.first_us <= reading.second_us
