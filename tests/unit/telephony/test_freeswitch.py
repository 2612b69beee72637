"""FreeSWITCH rows to records."""

import json
from urllib.parse import quote

import pytest
from cdr_cases import EAST, WEST, poll_to_end, read, read_rows, source, utc

from trunkline.errors import ConfigurationError
from trunkline.telephony.follow import Follower
from trunkline.telephony.model import TimeKind
from trunkline.telephony.readers.freeswitch import FreeswitchCsvReader, peer

RATE = {"format": "freeswitch-csv", "freeswitch": {"template": "opencdrrate"}}


def rate_row(
    uuid, bond, direction, *, answer="2026-11-21 12:00:05", end="2026-11-21 12:00:09", address="", gateway=""
):
    columns = [
        uuid,
        bond,
        direction,
        "5125550109",
        "6465550105",
        answer,
        end,
        "4",
        "",
        "",
        address,
        "",
        gateway,
    ]
    return ",".join(f'"{column}"' for column in columns) + "\n"


def test_legs_in_rows_of_their_own_are_one_record(tmp_path):
    text = rate_row("b-leg", "a-leg", "outbound", address="192.0.2.2", gateway="west")
    text += rate_row("a-leg", "b-leg", "inbound", address="192.0.2.1")
    (record,), rejects = read_rows(tmp_path, text, **RATE)
    assert rejects == []
    assert (record.previous, record.next, record.answered) == (EAST, WEST, True)
    # This template has no start.
    assert (record.arrival_us, record.time_kind) == (utc("2026-11-21T12:00:05"), TimeKind.ANSWER)


def test_unanswered_call_has_the_time_of_its_end(tmp_path):
    text = rate_row("a-leg", "", "inbound", answer="", address="192.0.2.1")
    (record,), _ = read_rows(tmp_path, text, **RATE)
    assert (record.released_here, record.arrival_us) == (True, utc("2026-11-21T12:00:09"))


def test_answered_leg_without_its_other_leg_is_refused_not_empty(tmp_path):
    records, (reject,) = read_rows(
        tmp_path, rate_row("a-leg", "b-leg", "inbound", address="192.0.2.1"), **RATE
    )
    assert records == []
    assert "no row names the outgoing trunk" in reject.reason


def test_row_without_any_time_is_refused(tmp_path):
    _, (reject,) = read_rows(tmp_path, rate_row("a", "", "inbound", answer="", end=""), **RATE)
    assert "no time at all" in reject.reason


@pytest.mark.parametrize("template", ["example", "sql", "asterisk"])
def test_stock_template_without_peers_is_refused_at_once(template):
    with pytest.raises(ConfigurationError, match="no column network_addr, sip_gateway_name"):
        FreeswitchCsvReader(source("x", format="freeswitch-csv", freeswitch={"template": template}))


def test_sql_template_is_read_where_its_columns_name_the_peers(tmp_path):
    values = ["", "5125550109", "6465550105", "public", "2026-11-21 12:00:00", "2026-11-21 12:00:05"]
    values += ["2026-11-21 12:00:09", "9", "4", "NORMAL_CLEARING", "u1", "west", "east"]
    text = "INSERT INTO cdr VALUES (" + ",".join(f'"{value}"' for value in values) + ");\n"  # noqa: S608
    options = {"template": "sql", "incoming": "accountcode", "outgoing": "bleg_uuid"}
    (record,), _ = read_rows(tmp_path, text, format="freeswitch-csv", freeswitch=options)
    assert (record.previous, record.next, record.time_kind) == (EAST, WEST, TimeKind.ARRIVAL)


def test_columns_as_stated_are_read(tmp_path):
    columns = ("uuid", "caller_id_number", "destination_number", "start_stamp", "end_stamp", "from", "to")
    text = "u1,5125550109,6465550105,2026-11-21 12:00:00,2026-11-21 12:00:09,"
    text += "sofia/ext/5125550109@192.0.2.1,west\n"
    options = {"template": columns, "incoming": "from", "outgoing": "to"}
    (record,), _ = read_rows(tmp_path, text, format="freeswitch-csv", freeswitch=options)
    assert (record.previous, record.next) == (EAST, WEST)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("sofia/external/15550100@192.0.2.1", "192.0.2.1"),
        ("sofia/gateway/x", "sofia/gateway/x"),
        ("a@b", "a@b"),
    ],
)
def test_peer_of_a_channel_is_its_address(value, name):
    assert peer(value) == name


def leg(uuid, *, direction, encoded, bond="", address="", gateway=""):
    variables = {
        "uuid": uuid,
        "direction": direction,
        "signal_bond": bond,
        "start_uepoch": "1795262400123456",
        "answer_uepoch": "1795262405000000",
        "end_uepoch": "1795262409000000",
        "sip_gateway_name": gateway,
    }
    profiles = [
        {"caller_id_number": "5125550109", "destination_number": "9000", "network_addr": address},
        {"caller_id_number": "5125550109", "destination_number": "6465550105", "network_addr": address},
    ]
    if encoded:
        variables = {name: quote(value, safe="") for name, value in variables.items()}
    return {
        "core-uuid": "x",
        "variables": variables,
        "callflow": [{"caller_profile": part} for part in profiles],
    }


JSON = {"format": "freeswitch-json"}


@pytest.mark.parametrize("encoded", [True, False])
def test_json_legs_in_files_of_their_own_are_one_record(tmp_path, encoded):
    legs = {
        "a_1.cdr.json": leg("a 1", direction="inbound", bond="b", address="192.0.2.1", encoded=encoded),
        "b_1.cdr.json": leg("b", direction="outbound", bond="a 1", gateway="west", encoded=encoded),
    }
    for name, document in legs.items():
        (tmp_path / name).write_text(json.dumps(document))
    (record,), rejects = read(source(tmp_path / "*.json", **JSON))
    assert rejects == []
    assert (record.previous, record.next, record.dst.text) == (EAST, WEST, "+16465550105")
    assert (record.arrival_us, record.time_kind) == (1_795_262_400_123_456, TimeKind.ARRIVAL)


def test_json_file_is_complete_without_line_feed_and_not_before(tmp_path):
    path = tmp_path / "a_1.cdr.json"
    text = json.dumps(leg("a", direction="inbound", address="192.0.2.1", gateway="", encoded=True))
    path.write_text(text[:-20])
    follower = Follower(source(path, **JSON))
    assert follower.poll(0).rows_read == 0
    path.write_text(text)
    assert sum(batch.rows_read for batch in poll_to_end(follower, 1)) == 1


@pytest.mark.parametrize(
    ("line", "fragment"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "no variables"),
        ('{"variables": {}}', "no uuid"),
        ('{"variables": {"uuid": "a", "destination_number": "1", "start_uepoch": "0"}}', "no time at all"),
        (
            f'{{"variables": {{"uuid": "a", "destination_number": "1", "end_uepoch": "{"9" * 5_000}"}}}}',
            "no time at all",
        ),
        ('{"variables": {"uuid": 1}, "callflow": [1, {"caller_profile": 2}]}', "no uuid"),
    ],
)
def test_other_json_is_refused(tmp_path, line, fragment):
    records, (reject,) = read_rows(tmp_path, line + "\n", **JSON)
    assert records == []
    assert fragment in reject.reason
