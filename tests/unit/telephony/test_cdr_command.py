"""`trunkline cdr inspect`, as a user without any configuration begins."""

import json

import pytest
from cdr_cases import asterisk_row
from typer.testing import CliRunner

from trunkline.cli.cdr import app

PLAN = ["--number-plan", "national", "--international-prefix", "011"]


def run(*arguments):
    return CliRunner().invoke(app, ["inspect", *(str(argument) for argument in arguments)])


def last_json(result):
    return json.loads(result.stdout.strip().splitlines()[-1])


@pytest.fixture
def cdr_file(tmp_path):
    path = tmp_path / "Master.csv"
    path.write_text(asterisk_row() + asterisk_row(incoming="PJSIP/north-9", src="anonymous"))
    return path


def test_inspect_without_tables_lists_the_trunks(cdr_file):
    result = run(cdr_file, *PLAN)
    assert result.exit_code == 0
    assert '"PJSIP/west" = "unlisted:NAME"   # met by 2 calls' in result.stdout
    assert "in no table" in result.stdout


def test_inspect_json_counts_rows_calls_and_records(cdr_file, tmp_path):
    tables = tmp_path / "tables.toml"
    tables.write_text(
        '[trunks]\neast = "unlisted:E"\nwest = "unlisted:W"\n[access]\n"PJSIP/north" = "customer:n"\n'
    )
    report = last_json(run(cdr_file, *PLAN, "--trunks", tables, "--json"))
    assert (report["rows"], report["calls"], report["records"], report["withheld_callers"]) == (2, 2, 2, 1)
    assert (report["rejects"], report["unknown_trunks"], report["verified"]) == ({}, {}, True)


def test_inspect_shows_where_the_first_calls_are_and_no_number(cdr_file, tmp_path):
    tables = tmp_path / "tables.toml"
    tables.write_text('[trunks]\neast = "unlisted:E"\nwest = "unlisted:W"\n[access]\nnorth = "customer:n"\n')
    result = run(cdr_file, *PLAN, "--trunks", tables, "--json")
    first, second = last_json(result)["examples"]
    assert first["row"] == f"{cdr_file}:1"
    assert (first["utc"], first["time"], first["answered"]) == ("2026-11-21T12:00:00.000Z", "arrival", True)
    assert second["from"] == "customer n"
    assert "5550109" not in result.output + run(cdr_file, *PLAN, "--trunks", tables).output


def test_inspect_with_a_source_file_reads_the_given_file(cdr_file, tmp_path):
    table = tmp_path / "source.toml"
    table.write_text(
        '[[source]]\nformat = "asterisk-csv"\npaths = ["elsewhere.csv"]\ntime_zone = "UTC"\n'
        '[source.number_plan]\nstyle = "national"\nregion = "US"\n'
        '[source.trunks]\neast = "unlisted:E"\nwest = "unlisted:W"\nnorth = "unlisted:N"\n'
    )
    assert last_json(run(cdr_file, "--source", table, "--json"))["records"] == 2


def test_inspect_with_an_unverified_map_says_so(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("CallZoneData,OrigGw,TermGw,Duration,CallDTMF,Ani,DateTimeInt\n")
    result = run(path, "--map", "nextone")
    assert "verified = false" in result.stdout
    assert last_json(run(path, "--map", "nextone", "--json"))["verified"] is False


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (["--number-plan", "guess"], "configuration", "number_plan.style"),
        (["--time-zone", "Mars"], "configuration", "IANA"),
        (["--map", "unheard-of"], "configuration", "shipped"),
        (["--source", "none.toml"], "configuration", "cannot be read"),
    ],
)
def test_inspect_with_options_that_mean_nothing_says_why(cdr_file, arguments, code, fragment):
    result = run(cdr_file, *arguments, "--json")
    assert result.exit_code == 2
    assert last_json(result)["error"] == code
    assert fragment in last_json(result)["message"]


@pytest.mark.parametrize("content", [b"", b"# a text\n", b"\x7fELF\x00\x00"])
def test_inspect_of_another_format_asks_for_it(tmp_path, content):
    path = tmp_path / "x"
    path.write_bytes(content)
    result = run(path, "--json")
    assert result.exit_code == 2
    assert "state --format" in last_json(result)["message"]


def test_inspect_of_a_missing_file_says_so(tmp_path):
    result = run(tmp_path / "none", "--json")
    assert "no such file" in last_json(result)["message"]


@pytest.mark.parametrize(
    ("first_line", "told"),
    [
        ("id,method,from_tag,to_tag,callid,sip_code,sip_reason,time\n", "kamailio-csv"),
        ('{"core-uuid":"x","variables":{}}\n', "freeswitch-json"),
    ],
)
def test_inspect_tells_a_format_that_leaves_no_doubt(tmp_path, first_line, told):
    path = tmp_path / "x"
    path.write_text(first_line)
    assert last_json(run(path, "--json"))["format"] == told


def test_inspect_shows_nothing_that_a_terminal_would_obey(tmp_path):
    path = tmp_path / "Master.csv"
    path.write_text(asterisk_row(incoming="SIP/\x1b[31mx\x07-1"))
    result = run(path, *PLAN)
    assert "\x1b[31mx" not in result.stdout
    assert "\x07" not in result.stdout
