import os

import pytest
from cdr_cases import EAST, WEST, asterisk_row, read_batches, source, utc

from trunkline.telephony.doctor import Sample, check_sources

NOW = utc("2026-11-21T12:00:30")


def sample_of(folder, text, **changes):
    path = folder / "cdr.csv"
    path.write_text(text)
    os.utime(path, ns=(NOW * 1000, NOW * 1000))
    cdr_source = source(path, **changes)
    sample = Sample()
    for batch in read_batches(cdr_source):
        sample.add(batch)
    return cdr_source, sample


def codes(folder, text, now_us=NOW, **changes):
    cdr_source, sample = sample_of(folder, text, **({"trunks": {"east": EAST, "west": WEST}} | changes))
    return [finding.code for finding in check_sources([cdr_source], [sample], now_us)]


def test_source_in_order_has_nothing_to_report(tmp_path):
    assert codes(tmp_path, asterisk_row()) == ["sources"]


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        ("", {}, ["no-rows"]),
        (asterisk_row(), {"trunks": {}, "access": {}}, ["no-tables", "trunk-without-neighbour"]),
        (asterisk_row(incoming="SIP/x-1"), {}, ["trunk-without-neighbour", "many-rejects"]),
        (
            asterisk_row(start="2026-11-21 13:00:00", end="2026-11-21 13:00:05"),
            {},
            ["future-time", "zone-suspected"],
        ),
        (asterisk_row(start="2026-11-21 07:00:00", end="2026-11-21 07:00:05"), {}, ["zone-suspected"]),
        (asterisk_row(start="2026-11-21 11:41:00", end="2026-11-21 11:41:05"), {}, ["sources"]),
        (asterisk_row(src="Restricted"), {}, ["many-withheld"]),
        (asterisk_row(outgoing=""), {}, ["neighbour-never-seen"]),
        (asterisk_row() + "junk\n", {}, ["many-rejects"]),
        (
            asterisk_row(start="2026-11-01 01:30:00", end="2026-11-01 01:30:05"),
            {"time_zone": "America/New_York"},
            ["doubtful-time"],
        ),
    ],
)
def test_trouble_with_a_source_is_found(tmp_path, text, changes, expected):
    found = codes(tmp_path, text, **changes)
    assert [code for code in dict.fromkeys(found) if code in expected] == expected


def test_answer_times_are_found(tmp_path):
    header = "method,callid,sip_code,time,src_user,src_ip,dst_user,dst_domain\n"
    text = header + "INVITE,a,200,2026-11-21 12:00:00,+15125550109,east,+16465550105,west\n"
    plan = {"style": "e164", "region": "US"}
    found = codes(tmp_path, text, format="kamailio-csv", number_plan=plan, time="answer")
    assert found == ["answer-times"]


def test_zone_is_not_suspected_where_nobody_writes_to_the_file_now(tmp_path):
    text = asterisk_row(start="2026-11-21 07:00:00", end="2026-11-21 07:00:05")
    assert codes(tmp_path, text, now_us=NOW + 2 * 3_600_000_000) == ["sources"]


def test_file_in_two_sources_is_found(tmp_path):
    cdr_source, sample = sample_of(tmp_path, asterisk_row())
    findings = check_sources([cdr_source, cdr_source], [sample, sample], NOW)
    assert findings[0].code == "doubled-file"
    assert findings[0].level == "error"


def test_findings_carry_no_numbers(tmp_path):
    text = asterisk_row(incoming="DAHDI/i1/15125550109-1", src="15125550109")
    cdr_source, sample = sample_of(tmp_path, text)
    assert "5125550109" not in repr(check_sources([cdr_source], [sample], NOW))
