"""Rows of Kamailio and OpenSIPS to calls to records."""

import sqlite3

import pytest
from cdr_cases import EAST, NORTH, WEST, poll_to_end, read, read_batches, read_rows, source, utc

from trunkline.telephony import tables
from trunkline.telephony.follow import Follower, FollowState
from trunkline.telephony.model import Attempt, TimeKind

EVENT = "id,method,from_tag,to_tag,callid,sip_code,sip_reason,time"
HEADER = EVENT + ",src_user,src_domain,src_ip,dst_ouser,dst_user,dst_domain"
NOON = utc("2026-11-21T12:00:00")
SECOND = 1_000_000
PLAN = {"style": "e164", "region": "US"}
OWN = "192.0.2.100"


def clock(seconds: int) -> str:
    return f"2026-11-21 12:{seconds // 60:02}:{seconds % 60:02}"


def event(
    number: int,
    seconds: int,
    *,
    method: str = "INVITE",
    code: str = "200",
    callid: str = "a",
    tag: str = "f",
    to_tag: str = "t",
    src: str = "+15125550109",
    incoming: str = "192.0.2.1",
    dialled: str = "+16465550105",
    dst: str = "+16465550105",
    outgoing: str = "192.0.2.2",
) -> str:
    called = "" if method == "BYE" else dst
    return (
        f"{number},{method},{tag},{to_tag},{callid},{code},x,{clock(seconds)},{src},h,{incoming},{dialled},{called},"
        f"{outgoing}\n"
    )


class Proxy:
    """A folder of Kamailio's CSV files."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "acc.csv").write_text(HEADER + "\n")
        (folder / "missed_calls.csv").write_text(HEADER + "\n")

    def acc(self, *rows):
        with (self.folder / "acc.csv").open("a") as file:
            file.write("".join(rows))

    def missed(self, *rows):
        with (self.folder / "missed_calls.csv").open("a") as file:
            file.write("".join(rows))

    def times(self, *rows, callid=True):
        path = self.folder / "acc_cdrs.csv"
        if not path.exists():
            path.write_text("id,start_time,end_time,duration" + (",callid\n" if callid else "\n"))
        with path.open("a") as file:
            for number, start, end, *rest in rows:
                file.write(
                    ",".join([str(number), clock(start), clock(end), str(float(end - start)), *rest]) + "\n"
                )

    def source(self, **changes):
        options = {"format": "kamailio-csv", "number_plan": PLAN, "dialog": {"own_addresses": [OWN]}}
        return source(self.folder / "*.csv", **(options | changes))

    def read(self, **changes):
        return read(self.source(**changes))


@pytest.fixture
def proxy(tmp_path):
    return Proxy(tmp_path)


def test_answered_call_takes_its_start_from_the_times_with_its_call_id(proxy):
    proxy.acc(event(1, 20), event(2, 50, method="BYE"))
    proxy.times((1, 0, 50, "a"))
    (record,), rejects = proxy.read()
    assert rejects == []
    assert (record.arrival_us, record.time_kind) == (NOON, TimeKind.ARRIVAL)
    assert (record.previous, record.next, record.answered) == (EAST, WEST, True)


def test_answered_call_without_times_has_the_answer_time_and_says_so(proxy):
    proxy.acc(event(1, 20), event(2, 50, method="BYE"))
    (record,), _ = proxy.read(time="answer")
    assert (record.arrival_us, record.time_kind) == (NOON + 20 * SECOND, TimeKind.ANSWER)


def test_times_without_call_id_join_where_the_call_ends(proxy):
    proxy.acc(event(1, 20), event(2, 50, method="BYE"))
    proxy.times((1, 0, 50), callid=False)
    (record,), _ = proxy.read()
    assert (record.arrival_us, record.time_kind) == (NOON, TimeKind.ARRIVAL)


def test_times_without_call_id_of_calls_that_end_together_join_in_order(proxy):
    proxy.acc(
        event(1, 20),
        event(2, 30, callid="b"),
        event(3, 50, method="BYE", callid="b"),
        event(4, 50, method="BYE"),
    )
    proxy.times((1, 25, 50), (2, 0, 50), callid=False)
    records, _ = proxy.read()
    assert sorted(record.arrival_us for record in records) == [NOON, NOON + 25 * SECOND]
    assert {record.location.line: record.arrival_us for record in records} == {2: NOON, 3: NOON + 25 * SECOND}


def test_times_that_cannot_belong_to_a_call_are_not_taken(proxy):
    # The only times begin after the call's answer.
    proxy.acc(event(1, 20), event(2, 50, method="BYE"))
    proxy.times((1, 40, 50), callid=False)
    (record,), _ = proxy.read()
    assert record.time_kind is TimeKind.ANSWER


def test_failed_call_in_acc_and_missed_calls_is_one_record(proxy):
    proxy.acc(event(1, 5, code="486"))
    proxy.missed(event(1, 5, code="486"))
    (record,), _ = proxy.read()
    assert (record.next, record.attempt, record.answered) == (WEST, Attempt.FINAL, False)
    assert record.time_kind is TimeKind.ANSWER


def test_failed_call_takes_its_start_from_the_times_with_its_call_id(proxy):
    proxy.acc(event(1, 25, code="487"))
    proxy.times((1, 5, 5, "a"))
    (record,), _ = proxy.read()
    assert (record.arrival_us, record.time_kind) == (NOON + 5 * SECOND, TimeKind.ARRIVAL)


def test_route_advance_is_a_record_per_next_hop(proxy):
    proxy.missed(event(1, 5, code="503"))
    proxy.acc(event(1, 10, outgoing="192.0.2.3"), event(2, 30, method="BYE"))
    proxy.times((1, 0, 30, "a"))
    records, _ = proxy.read()
    assert [(record.next, record.attempt) for record in records] == [
        (WEST, Attempt.TRIED),
        (NORTH, Attempt.FINAL),
    ]
    assert {record.arrival_us for record in records} == {NOON}


def test_call_that_comes_back_is_two_records(proxy):
    proxy.acc(event(1, 5), event(2, 5, incoming="192.0.2.3", outgoing="192.0.2.9"))
    records, _ = proxy.read(time="answer")
    assert {(record.previous, record.next) for record in records} == {(EAST, WEST), (NORTH, None)}


def test_local_failure_at_an_own_address_is_released_here(proxy):
    proxy.acc(event(1, 5, code="404", to_tag="", outgoing=OWN))
    (record,), _ = proxy.read()
    assert record.released_here
    assert record.next is None


def test_local_failure_towards_a_neighbour_names_the_neighbour(proxy):
    proxy.acc(event(1, 5, code="500", to_tag=""))
    (record,), _ = proxy.read()
    assert (record.next, record.released_here) == (WEST, False)


def test_answered_call_at_an_own_address_is_refused_not_empty(proxy):
    proxy.acc(event(1, 5, outgoing=OWN))
    records, (reject,) = proxy.read(time="answer")
    assert records == []
    assert "no row names the outgoing trunk" in reject.reason


def test_address_in_no_table_is_refused(proxy):
    proxy.acc(event(1, 5, outgoing="198.51.100.7"))
    records, (reject,) = proxy.read(time="answer")
    assert records == []
    assert (reject.trunk, reject.line) == ("198.51.100.7", 2)


def test_address_with_port_is_the_address(proxy):
    proxy.acc(event(1, 5, outgoing="192.0.2.2:5062"))
    (record,), _ = proxy.read(time="answer")
    assert record.next == WEST


def test_translated_number_is_filed_under_both(proxy):
    proxy.acc(event(1, 5, dialled="+18005550100"))
    records, _ = proxy.read(time="answer")
    assert [record.dst.text for record in records] == ["+16465550105", "+18005550100"]


def test_odd_dialled_field_does_not_hide_the_call(proxy):
    proxy.acc(event(1, 5, dialled="robot"))
    (record,), _ = proxy.read(time="answer")
    assert record.dst.text == "+16465550105"


def test_authentication_challenge_and_other_methods_are_no_calls(proxy):
    proxy.acc(event(1, 1, code="407", outgoing=OWN), event(2, 2, method="CANCEL"), event(3, 5))
    (batch,) = read_batches(proxy.source(time="answer"))
    assert len(batch.records) == 1
    assert batch.skipped["authentication challenge"] == batch.skipped["neither INVITE nor BYE"] == 1


@pytest.mark.parametrize(
    ("row", "fragment"),
    [
        (event(2, 5, code="OK"), "final answer"),
        (event(2, 5).replace("2026-11-21", "2026-99-21"), "calendar"),
        ("1,2,3\n", "3 columns where the source states 14"),
        (event(2, 5, dst="911", dialled="911"), "called number is none"),
    ],
)
def test_bad_row_is_refused_by_itself(proxy, row, fragment):
    proxy.acc(event(1, 5, callid="x"), row, event(3, 5, callid="y"))
    records, (reject,) = proxy.read(time="answer")
    assert len(records) == 2
    assert fragment in reject.reason
    assert reject.line == 3


def test_row_number_of_thousands_of_digits_does_not_end_the_reading(proxy):
    proxy.acc(event("9" * 5_000, 5, callid="x"), event(3, 5, callid="y"))
    records, rejects = proxy.read(time="answer")
    assert (len(records), rejects) == (2, [])


def test_file_without_header_is_refused_row_by_row(tmp_path):
    text = event(1, 5) + event(2, 6)
    records, rejects = read_rows(tmp_path, text, format="kamailio-csv", number_plan=PLAN)
    assert records == []
    assert ["does not name the columns" in rejects[0].reason, "named no columns" in rejects[1].reason] == [
        True,
        True,
    ]


def test_table_without_numbers_says_what_to_state(tmp_path):
    text = EVENT + "\n1,INVITE,f,t,a,200,OK,2026-11-21 12:00:00\n"
    _, (reject,) = read_rows(tmp_path, text, format="kamailio-csv", number_plan=PLAN)
    assert "state [source.dialog]" in reject.reason


def test_columns_of_other_names_are_read_as_stated(tmp_path):
    text = "method,callid,sip_code,time,who,whom,peer,trunk\n"
    text += "INVITE,a,200,2026-11-21 12:00:00,,+16465550105,east,west\n"
    dialog = {"caller": "who", "called": "whom", "dialled": "", "incoming": "peer", "outgoing": "trunk"}
    (record,), _ = read_rows(
        tmp_path, text, format="kamailio-csv", number_plan=PLAN, dialog=dialog, time="answer"
    )
    assert (record.previous, record.next) == (EAST, WEST)


@pytest.mark.parametrize(
    ("columns", "values", "expected"),
    [
        ("time_hires,time_exten", "1795262405,29723", NOON + 5 * SECOND + 29_723),
        ("time_attr,time_exten", "1795262405,500000", NOON + 5 * SECOND + 500_000),
        ("time_hires,time_exten", ",", NOON + 5 * SECOND),
        ("time_hires,time_exten", "x,y", NOON + 5 * SECOND),
    ],
)
def test_microseconds_without_leading_zeros_are_padded(tmp_path, columns, values, expected):
    text = f"{HEADER},{columns}\n" + event(1, 5).strip() + f",{values}\n"
    (record,), _ = read_rows(tmp_path, text, format="kamailio-csv", number_plan=PLAN, time="answer")
    assert record.arrival_us == expected


def test_julian_days_of_csv_are_local_and_half_a_second_short(tmp_path):
    # 2461366.0 is noon of the day; the half second is what Kamailio subtracts.
    text = HEADER + "\n" + event(1, 5).replace(clock(5), f"{2461366.0 + 4.5 / 86400:.10f}")
    (record,), _ = read_rows(
        tmp_path, text, format="kamailio-csv", number_plan=PLAN, time="answer", time_zone="America/New_York"
    )
    assert record.arrival_us == NOON + 5 * (3600 + 1) * SECOND


def test_opensips_row_has_its_start_in_created(tmp_path):
    text = HEADER + ",duration,ms_duration,setuptime,created\n"
    text += event(1, 20).strip() + ",30,30000,20,2026-11-21 12:00:00\n"
    text += event(2, 40, callid="b").strip() + ",0,0,0,0\n"
    records, _ = read_rows(tmp_path, text, format="opensips-csv", number_plan=PLAN)
    assert [(record.arrival_us, record.time_kind) for record in records] == [
        (NOON, TimeKind.ARRIVAL),
        (NOON + 40 * SECOND, TimeKind.ANSWER),
    ]


def follow(proxy, **changes):
    return Follower(proxy.source(settle_ms=2000, hold_minutes=60, **changes))


def test_followed_call_with_long_ringing_waits_for_its_times(proxy):
    follower = follow(proxy)
    proxy.acc(event(1, 20))
    assert follower.poll(100 * SECOND).records == []
    assert follower.poll(500 * SECOND).records == []
    proxy.acc(event(2, 50, method="BYE"))
    proxy.times((1, 0, 50, "a"))
    follower.poll(600 * SECOND)
    (record,) = follower.poll(603 * SECOND).records
    assert record.arrival_us == NOON


def test_followed_call_whose_times_never_come_is_filed_after_the_hold(proxy):
    follower = follow(proxy)
    proxy.acc(event(1, 20))
    follower.poll(0)
    assert follower.poll(3599 * SECOND).records == []
    (record,) = follower.poll(3600 * SECOND).records
    assert record.time_kind is TimeKind.ANSWER


def test_followed_hang_up_waits_until_its_own_times_are_read(proxy):
    # Both calls end in the same second; the first one's times arrive in a later poll than its hang-up.
    follower = follow(proxy)
    proxy.acc(event(1, 20), event(2, 30, callid="b"), event(3, 50, method="BYE"))
    proxy.times(callid=False)
    follower.poll(0)
    proxy.times((1, 0, 50), callid=False)
    proxy.acc(event(4, 50, method="BYE", callid="b"))
    proxy.times((2, 25, 50), callid=False)
    follower.poll(SECOND)
    batches = [follower.poll(moment * SECOND) for moment in (2, 3, 4)]
    records = [record for batch in batches for record in batch.records]
    assert {record.location.line: record.arrival_us for record in records} == {2: NOON, 3: NOON + 25 * SECOND}


def test_long_backlog_keeps_few_rows_waiting_and_finds_every_start(proxy, monkeypatch):
    # 400 calls, three at a time, each answered after 2 s and hung up after 7 s; all read at one moment.
    monkeypatch.setattr("trunkline.telephony.assembly.READY_LIMIT", 60)
    monkeypatch.setattr("trunkline.telephony.assembly.PENDING_LIMIT", 400)
    starts = range(0, 1200, 3)
    answers = [(start + 2, event(0, start + 2, callid=str(start))) for start in starts]
    ends = [(start + 7, event(0, start + 7, method="BYE", callid=str(start))) for start in starts]
    rows = [row for _, row in sorted(answers + ends)]
    proxy.acc(*(f"{number}{row[1:]}" for number, row in enumerate(rows, 1)))
    proxy.times(*((number, start, start + 7) for number, start in enumerate(starts, 1)), callid=False)
    follower = Follower(proxy.source())
    batches = [follower.poll(0, limit=50) for _ in range(30)]
    assert max(len(batch.state.pending) for batch in batches) < 150
    batches += poll_to_end(follower, 0, finish=True)
    records = [record for batch in batches for record in batch.records]
    assert sorted(record.arrival_us for record in records) == [NOON + start * SECOND for start in starts]


def test_hang_up_of_a_call_seen_before_is_dropped(proxy):
    follower = follow(proxy, time="answer")
    proxy.acc(event(1, 20))
    follower.poll(0)
    assert len(follower.poll(2 * SECOND).records) == 1
    proxy.acc(event(2, 50, method="BYE"))
    follower.poll(3 * SECOND)
    batch = follower.poll(100 * SECOND)
    assert (batch.records, batch.rejects, batch.state.pending) == ([], [], ())


def test_rows_of_calls_that_lack_something_are_bounded_too(proxy, monkeypatch):
    monkeypatch.setattr("trunkline.telephony.assembly.PENDING_LIMIT", 40)
    proxy.acc(*(event(number, 20, callid=str(number)) for number in range(100)))
    follower = Follower(proxy.source())
    batches = [follower.poll(0, limit=10) for _ in range(11)]
    assert max(len(batch.state.pending) for batch in batches) <= 50
    assert sum(len(batch.records) for batch in batches) >= 60


# --- SQLite -------------------------------------------------------------------------------------------

COLUMNS = HEADER.split(",")


def database(path, *, journal="delete"):
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode = {journal}")
    columns = ", ".join(f"{name} TEXT" for name in COLUMNS[1:])
    for table in ("acc", "missed_calls"):
        connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY NOT NULL, {columns})")
    connection.execute(
        "CREATE TABLE acc_cdrs"
        " (id INTEGER PRIMARY KEY, start_time REAL, end_time REAL, duration REAL, callid TEXT)"
    )
    connection.commit()
    return connection


def insert(connection, table, row):
    values = [value or None for value in row.strip().split(",")][1:]
    marks = ",".join("?" * len(values))
    connection.execute(f"INSERT INTO {table} ({','.join(COLUMNS[1:])}) VALUES ({marks})", values)  # noqa: S608
    connection.commit()


def sqlite_source(path, **changes):
    return source(path, format="kamailio-sqlite", number_plan=PLAN, **({"time": "answer"} | changes))


def test_growing_database_is_read_by_row_number(tmp_path):
    path = tmp_path / "acc.sqlite"
    connection = database(path)
    insert(connection, "acc", event(1, 5, src=""))
    follower = Follower(sqlite_source(path))
    follower.poll(0)
    insert(connection, "acc", event(2, 6, callid="b"))
    batches = poll_to_end(follower, 10 * SECOND) + poll_to_end(follower, 20 * SECOND)
    assert [record.location.line for batch in batches for record in batch.records] == [1, 2]
    resumed = Follower(sqlite_source(path), FollowState.from_bytes(batches[-1].state.to_bytes()))
    assert resumed.poll(30 * SECOND, finish=True).rows_read == 0


def test_julian_days_of_a_database_are_utc_whatever_the_zone(tmp_path):
    path = tmp_path / "acc.sqlite"
    connection = database(path)
    insert(connection, "acc", event(1, 5))
    start = 2461366.0 - 0.5 / 86400
    connection.execute("INSERT INTO acc_cdrs VALUES (1, ?, ?, 5.0, 'a')", (start, start + 5 / 86400))
    connection.commit()
    changes = {"time": "arrival", "time_zone": "America/New_York"}
    (record,), _ = read(sqlite_source(path, **changes))
    assert (record.arrival_us, record.time_kind) == (NOON, TimeKind.ARRIVAL)


def test_database_in_write_ahead_mode_is_read_while_it_is_written(tmp_path):
    path = tmp_path / "acc.sqlite"
    connection = database(path, journal="wal")
    insert(connection, "acc", event(1, 5))
    records, rejects = read(sqlite_source(path))
    assert (len(records), rejects) == (1, [])
    connection.close()


@pytest.mark.parametrize("closed", [True, False])
def test_database_in_write_ahead_mode_that_cannot_be_locked_is_read(tmp_path, monkeypatch, closed):
    # A folder that cannot be written to has no place for the -shm file. Who runs the tests may be allowed to
    # write anywhere, so the first way of opening is made to fail.
    path = tmp_path / "acc.sqlite"
    connection = database(path, journal="wal")
    insert(connection, "acc", event(1, 5))
    if closed:
        connection.close()
    connect = sqlite3.connect

    def refuse_read_only(name, *args, **kwargs):
        if str(name).endswith("mode=ro"):
            raise sqlite3.OperationalError
        return connect(name, *args, **kwargs)

    monkeypatch.setattr(sqlite3, "connect", refuse_read_only)
    records, rejects = read(sqlite_source(path))
    assert (len(records), rejects) == (1, [])


def test_table_that_was_emptied_and_begun_anew_is_read_from_its_beginning(tmp_path):
    path = tmp_path / "acc.sqlite"
    connection = database(path)
    for number in range(3):
        insert(connection, "acc", event(number, 5, callid=str(number)))
    follower = Follower(sqlite_source(path))
    follower.poll(0)
    connection.execute("DELETE FROM acc")
    insert(connection, "acc", event(1, 9, callid="new"))
    assert follower.poll(SECOND).rows_read == 1


def test_old_rows_deleted_from_a_table_change_nothing(tmp_path):
    path = tmp_path / "acc.sqlite"
    connection = database(path)
    for number in range(3):
        insert(connection, "acc", event(number, 5, callid=str(number)))
    follower = Follower(sqlite_source(path))
    follower.poll(0)
    insert(connection, "acc", event(9, 9, callid="new"))
    connection.execute("DELETE FROM acc WHERE id <= 3")
    connection.commit()
    assert follower.poll(SECOND).rows_read == 1


@pytest.mark.parametrize(
    ("content", "fragment"),
    [(b"", "none of the tables"), (b"not a database at all, but text\n" * 50, "not a SQLite database")],
)
def test_file_that_is_no_such_database_is_refused_once(tmp_path, content, fragment):
    path = tmp_path / "acc.sqlite"
    path.write_bytes(content)
    follower = Follower(sqlite_source(path))
    (reject,) = follower.poll(0).rejects
    assert fragment in reject.reason
    assert follower.poll(SECOND).rejects == []


def test_database_that_is_damaged_within_is_refused_and_tried_again(tmp_path):
    path = tmp_path / "acc.sqlite"
    connection = database(path)
    for number in range(200):
        insert(connection, "acc", event(number, 5, callid=str(number)))
    connection.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:20_480] + b"\xff" * (len(whole) - 20_480))
    follower = Follower(sqlite_source(path))
    first = follower.poll(0)
    assert any("damaged" in reject.reason for reject in first.rejects)
    path.write_bytes(whole)
    assert first.rows_read + follower.poll(SECOND).rows_read == 200


def test_database_that_its_writer_has_locked_is_not_read_half_written(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_BUSY_SECONDS", 0)
    path = tmp_path / "acc.sqlite"
    connection = database(path)
    insert(connection, "acc", event(1, 5))
    connection.execute("BEGIN EXCLUSIVE")
    follower = Follower(sqlite_source(path))
    (reject,) = follower.poll(0).rejects
    assert "locked by its writer" in reject.reason
    connection.commit()
    assert follower.poll(SECOND).rows_read == 1


def test_database_whose_writer_died_in_a_change_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "acc.sqlite"
    insert(database(path), "acc", event(1, 5))
    (tmp_path / "acc.sqlite-journal").write_bytes(b"x")
    monkeypatch.setattr(tables, "_try_to_read", lambda _uri, _stack: None)
    (reject,) = Follower(sqlite_source(path)).poll(0).rejects
    assert "cannot be read" in reject.reason


def test_row_with_a_huge_value_is_refused_by_itself(tmp_path):
    path = tmp_path / "acc.sqlite"
    connection = database(path)
    insert(connection, "acc", event(1, 5, src="x" * 70_000))
    insert(connection, "acc", event(2, 5, callid="b"))
    records, (reject,) = read(sqlite_source(path))
    assert len(records) == 1
    assert "longer than its limit" in reject.reason
