"""The lab's real call records against the truth that an observer took from the wire."""

import csv
import random
import re
import shutil
import sqlite3
import tomllib
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import tomli_w

import trunkline.data
from trunkline.errors import ConfigurationError
from trunkline.telephony.follow import read_all
from trunkline.telephony.lab import lab_sources, number_plan
from trunkline.telephony.model import Attempt, CallRecord, TimeKind
from trunkline.telephony.numbers import WITHHELD, Party, PartyKind
from trunkline.telephony.providers import ProviderId

LAB = Path(trunkline.data.__path__[0]) / "cdr-lab"


def records_of_lab(folder: Path) -> dict[str, list[CallRecord]]:
    carriers = lab_sources(folder / "carriers.toml", ProviderId.unlisted)
    records: dict[str, list[CallRecord]] = {}
    for carrier in carriers:
        batches = list(read_all(carrier.sources))
        assert [reject for batch in batches for reject in batch.rejects] == []
        records[carrier.id] = [record for batch in batches for record in batch.records]
    return records


def truth(folder: Path) -> list[dict[str, str]]:
    with (folder / "ground-truth.csv").open() as file:
        return list(csv.DictReader(file))


def microseconds(text: str) -> int:
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC).timestamp() * 1e6)


def score(folder: Path, records: dict[str, list[CallRecord]]) -> tuple[int, int, int, list[str]]:
    """Return (whole calls, hops, hops with right neighbours, calls not whole)."""
    whole = hops = right = 0
    missed = []
    for call in truth(folder):
        path = call["path"].split(">")
        src = WITHHELD if call["src"] == "anonymous" else Party(PartyKind.E164, call["src"])
        found = 0
        for index, (carrier, start) in enumerate(zip(path, call["start_utc"].split(">"), strict=True)):
            previous = ProviderId.unlisted(path[index - 1]) if index else None
            following = ProviderId.unlisted(path[index + 1]) if index + 1 < len(path) else None
            candidates = [
                record
                for record in records[carrier]
                if (record.src, record.dst.value) == (src, call["dst"])
                and abs(record.arrival_us - microseconds(start)) <= 2_000_000
            ]
            hops += bool(candidates)
            good = [
                record for record in candidates if (record.previous, record.next) == (previous, following)
            ]
            right += bool(good)
            found += bool(good)
        whole += found == len(path)
        if found != len(path):
            missed.append(call["call_id"])
    return whole, hops, right, missed


@pytest.fixture(scope="module")
def lab_records() -> dict[str, list[CallRecord]]:
    return records_of_lab(LAB)


def test_lab_records_agree_with_the_wire(lab_records):
    whole, hops, right, missed = score(LAB, lab_records)
    assert (whole, hops, right) >= (123, 472, 472), missed


def test_lab_has_one_record_per_call_and_carrier(lab_records):
    expected = Counter(carrier for call in truth(LAB) for carrier in call["path"].split(">"))
    assert {carrier: len(records) for carrier, records in lab_records.items()} == expected
    assert all(record.attempt is Attempt.FINAL for records in lab_records.values() for record in records)


# --- other labs of the form: settings, names, times and order must not matter ---------------------------


@pytest.fixture
def lab(tmp_path):
    """A copy of the lab that can be changed."""
    folder = tmp_path / "lab"
    shutil.copytree(LAB, folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def change(folder: Path, edit) -> None:
    path = folder / "carriers.toml"
    document = tomllib.loads(path.read_text())
    edit({carrier["id"]: carrier for carrier in document["carrier"]})
    path.write_text(tomli_w.dumps(document))


def calls_of(records: dict[str, list[CallRecord]], *, shift_us: int = 0, times: bool = True) -> Counter:
    return Counter(
        (
            carrier,
            record.src,
            record.dst,
            record.arrival_us - shift_us if times else 0,
            record.time_kind if times else None,
            record.previous,
            record.next,
            record.attempt,
            record.answered,
            record.released_here,
        )
        for carrier, found in records.items()
        for record in found
    )


def test_lab_with_csv_only_gives_the_same_records(lab, lab_records):
    def edit(carriers):
        for name in ("c7", "c8"):
            del carriers[name]["cdr"]

    change(lab, edit)
    # The CSV of c8 has times in whole seconds where the database has Julian days: the same seconds.
    assert calls_of(records_of_lab(lab)) == calls_of(lab_records)


def test_lab_without_the_table_of_starts_has_answer_times_and_the_same_calls(lab, lab_records):
    for name in ("c7", "c8"):
        with closing(sqlite3.connect(lab / name / "acc.sqlite")) as connection:
            connection.execute("DROP TABLE acc_cdrs")
            connection.commit()
    records = records_of_lab(lab)
    assert calls_of(records, times=False) == calls_of(lab_records, times=False)
    assert {record.time_kind for record in records["c8"]} == {TimeKind.ANSWER}


def test_lab_without_custom_files_and_settings_gives_the_same_calls(lab, lab_records):
    def edit(carriers):
        for carrier in carriers.values():
            carrier.pop("cdr_custom", None)
            carrier.pop("cdr_conf", None)

    change(lab, edit)
    assert calls_of(records_of_lab(lab), times=False) == calls_of(lab_records, times=False)


def test_lab_custom_file_with_fewer_rows_or_other_columns_is_not_used(lab):
    custom = lab / "c5" / "cdr-custom" / "Micro.csv"
    custom.write_text("".join(custom.read_text().splitlines(keepends=True)[:-1]))
    other = lab / "c6" / "cdr-custom" / "micro.tsv"
    other.write_text(other.read_text().replace("\t", ";"))
    sources = {
        carrier.id: carrier.sources[0].format
        for carrier in lab_sources(lab / "carriers.toml", ProviderId.unlisted)
    }
    assert (sources["c5"], sources["c6"]) == ("asterisk-csv", "asterisk-csv")


@pytest.mark.parametrize("technology", ["SIP", "IAX2"])
def test_lab_with_other_names_and_technology_gives_the_same_paths(lab, technology):
    names = {f"c{number}": f"carrier-{chr(ord('z') - number)}" for number in range(1, 9)}

    def edit(carriers):
        for carrier in carriers.values():
            carrier["trunks"] = {
                re.sub(r"^(c\d)-trunk$", r"gw \1-0a", trunk): names[neighbour]
                for trunk, neighbour in carrier["trunks"].items()
            }
            carrier["id"] = names[carrier["id"]]

    change(lab, edit)
    for path in lab.glob("c[1-6]/*/*"):
        text = re.sub(r"PJSIP/(c\d)-trunk-", rf"{technology}/gw \1-0a-", path.read_text())
        path.write_text(text.replace("PJSIP/", f"{technology}/"))
    truth_path = lab / "ground-truth.csv"
    with truth_path.open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["path"] = ">".join(names[carrier] for carrier in row["path"].split(">"))
    with truth_path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    whole, hops, right, missed = score(lab, records_of_lab(lab))
    assert (whole, hops, right) >= (123, 472, 472), missed


SHIFT = timedelta(days=40)
LOCAL = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
EPOCH = re.compile(r"\b1795\d{6}\b")


def test_lab_forty_days_later_in_another_zone_gives_the_same_records(lab, lab_records):
    zones: dict[str, tuple[ZoneInfo, ZoneInfo]] = {}

    def edit(carriers):
        for carrier in carriers.values():
            if "Asterisk" in carrier["switch"]:
                old = ZoneInfo(carrier["time_zone"])
                carrier["time_zone"] = "Asia/Kolkata" if carrier["time_zone"] == "UTC" else "Pacific/Auckland"
                zones[carrier["id"]] = (old, ZoneInfo(carrier["time_zone"]))

    change(lab, edit)
    for carrier, (old, new) in zones.items():

        def moved(matched, old=old, new=new):
            moment = datetime.fromisoformat(matched[0]).replace(tzinfo=old).astimezone(UTC) + SHIFT
            return moment.astimezone(new).strftime("%Y-%m-%d %H:%M:%S")

        for path in (lab / carrier).rglob("*.*sv"):
            text = LOCAL.sub(moved, path.read_text())
            path.write_text(EPOCH.sub(lambda matched: str(int(matched[0]) + 40 * 86_400), text))
    for carrier in ("c7", "c8"):
        with closing(sqlite3.connect(lab / carrier / "acc.sqlite")) as connection:
            for table in ("acc", "missed_calls"):
                connection.execute(f"UPDATE {table} SET time = time + 40")  # noqa: S608
                if carrier == "c8":
                    connection.execute(f"UPDATE {table} SET time_hires = time_hires + 40 * 86400")  # noqa: S608
            connection.execute("UPDATE acc_cdrs SET start_time = start_time + 40, end_time = end_time + 40")
            connection.commit()
    shift_us = round(SHIFT.total_seconds() * 1e6)
    assert calls_of(records_of_lab(lab), shift_us=shift_us) == calls_of(lab_records)


def test_lab_with_rows_and_files_in_another_order_gives_the_same_records(lab, lab_records):
    order = random.Random(7)

    def edit(carriers):
        for name in ("c7", "c8"):
            del carriers[name]["cdr"]
            order.shuffle(carriers[name]["cdr_csv"])

    change(lab, edit)
    for path in lab.glob("c*/**/*.*sv"):
        lines = path.read_text().splitlines(keepends=True)
        header = lines[:1] if path.parent.name in ("c7", "c8") else []
        rows = lines[len(header) :]
        order.shuffle(rows)
        path.write_text("".join(header + rows))
    assert calls_of(records_of_lab(lab)) == calls_of(lab_records)


@pytest.mark.parametrize(
    ("wording", "region", "expected"),
    [
        ("E.164 digits without +", "US", ("e164-without-plus", "")),
        ("E.164 digits", "US", ("e164-without-plus", "")),
        ("E.164 without a plus; international with 00", "DE", ("e164-without-plus", "00")),
        ("E.164 with +", "US", ("e164", "")),
        ("E.164 with + (SIP user part)", "US", ("e164", "")),
        ("10-digit national; international with 011", "US", ("national", "011")),
        ("national, trunk prefix 0; international with 00", "GB", ("national", "00")),
        ("national; 00 before foreign numbers", "DE", ("national", "00")),
        ("1 + 10 digits; international with 011", "US", ("1+national", "011")),
        ("11 digits; foreign numbers with 011", "CA", ("1+national", "011")),
        ("11-digit national; international with 00", "GB", ("national", "00")),
    ],
)
def test_number_format_in_words_is_understood(wording, region, expected):
    plan = number_plan(wording, region, "lab")
    assert (plan["style"], plan["international_prefix"]) == expected


def test_region_is_needed_for_national_numbers_alone():
    assert number_plan("E.164 with +", "", "lab")["region"] == "US"
    assert number_plan("10-digit national", "", "lab")["region"] == ""


def test_number_format_that_is_not_understood_is_no_guess():
    with pytest.raises(ConfigurationError, match="lab: number_format is not understood"):
        number_plan("as usual", "US", "lab")


@pytest.mark.parametrize(
    ("key", "value", "fragment"),
    [
        ("switch", "Unheard-of 1.0", "neither Asterisk nor Kamailio"),
        ("cdr", "nowhere.csv", "names no file that is there"),
        ("time_zone", "Mars", "IANA"),
        ("default_region", "ZZ", "not a region"),
        ("cdr_conf", 1, "cdr_conf is not a table"),
        ("id", 1, "needs an id"),
    ],
)
def test_lab_that_means_nothing_is_refused(lab, key, value, fragment):
    change(lab, lambda carriers: carriers["c1"].update({key: value}))
    with pytest.raises(ConfigurationError, match=fragment):
        lab_sources(lab / "carriers.toml", ProviderId.unlisted)


def test_lab_without_its_files_is_refused(lab):
    shutil.rmtree(lab / "c7")
    with pytest.raises(ConfigurationError, match="none of the files"):
        lab_sources(lab / "carriers.toml", ProviderId.unlisted)
    (lab / "carriers.toml").write_text("")
    with pytest.raises(ConfigurationError, match="expected"):
        lab_sources(lab / "carriers.toml", ProviderId.unlisted)
