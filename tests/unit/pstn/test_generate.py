"""What is generated, read back by the readers that carriers' agents use, against the ground truth."""

from collections import Counter
from pathlib import Path

import pytest
from generated import carriers, files, hops, names_of_providers, network, records, table

from trunkline.pstn.switches import FORMS
from trunkline.telephony.follow import read_all
from trunkline.telephony.lab import lab_sources
from trunkline.telephony.model import Attempt, CallRecord, TimeKind
from trunkline.telephony.providers import ProviderId

RESOLUTION_US = {form.name: form.resolution_us for form in FORMS}


@pytest.fixture(scope="module")
def honest(tmp_path_factory) -> Path:
    """Twelve carriers, each of which writes another format, with right clocks."""
    return network(tmp_path_factory.mktemp("honest") / "n", clock_error_ms=0)


def facts(record: CallRecord, names: dict[str, str]) -> tuple:
    return (
        *(record.src.text, record.dst.text, record.previous and names[record.previous.hex]),
        *(record.next and names[record.next.hex], record.customer, record.answered, record.arrival_us),
    )


def expected(folder: Path, carrier: str, resolution_us: int) -> Counter:
    return Counter(
        (
            *(hop.src, hop.dst, hop.before, hop.after, hop.customer, hop.answered),
            hop.arrival_us // resolution_us * resolution_us,
        )
        for hop in hops(folder)
        if hop.carrier == carrier
    )


@pytest.mark.parametrize("form", [form.name for form in FORMS])
def test_generated_files_read_back_are_exactly_the_truth(honest, form):
    # One field in a wrong place, one call lost or doubled in any format shows here.
    names = names_of_providers(honest)
    [carrier] = [name for name, row in carriers(honest).items() if row["format"] == form]
    read = records(honest, carrier)
    assert all(one.time_kind is TimeKind.ARRIVAL and one.attempt is Attempt.FINAL for one in read)
    assert not any(one.released_here for one in read)
    assert Counter(facts(one, names) for one in read) == expected(honest, carrier, RESOLUTION_US[form])
    assert len(read) > 20


@pytest.mark.parametrize("start", ["2026-03-08T06:00:00Z", "2026-11-01T04:00:00Z"])
def test_local_times_across_a_clock_change_read_back_are_exactly_the_truth(tmp_path, start):
    # Asterisk writes local time without saying so; in the hour that occurs twice an offset too few shows.
    folder = network(tmp_path / "n", format="asterisk-csv", start=start, hours=6.0, clock_error_ms=0)
    names = names_of_providers(folder)
    rows = carriers(folder)
    assert len({row["time_zone"] for row in rows.values()}) > 3
    for carrier in rows:
        read = Counter(facts(one, names) for one in records(folder, carrier))
        assert read == expected(folder, carrier, 1_000_000)


def test_clock_error_of_a_carrier_moves_all_its_times(tmp_path):
    folder = network(tmp_path / "n", format="asterisk-custom", clock_error_ms=500, seed=3)
    for carrier, row in carriers(folder).items():
        true = sorted(hop.arrival_us for hop in hops(folder) if hop.carrier == carrier)
        read = sorted(one.arrival_us for one in records(folder, carrier))
        fast_us = int(row["clock_fast_ms"]) * 1000
        # Two hours at half a millionth are 3.6 ms.
        assert all(abs(shown - was - fast_us) <= 4_600 for shown, was in zip(read, true, strict=True))
    assert max(abs(int(row["clock_fast_ms"])) for row in carriers(folder).values()) > 300


def test_caller_ids_are_as_each_carrier_received_them(tmp_path):
    # A carrier that drops or rewrites the caller ID still has it; those after it do not.
    folder = network(
        tmp_path / "n", format="asterisk-custom", droppers=0.25, rewriters=0.25, clock_error_ms=0
    )
    rows = carriers(folder)
    own = {}
    for carrier in rows:
        read = {(one.dst.text, one.arrival_us): one.src.text for one in records(folder, carrier)}
        own[carrier] = read
    seen = Counter()
    for hop in hops(folder):
        src = own[hop.carrier][hop.dst, hop.arrival_us]
        if hop.before is None:
            assert src == hop.src
        else:
            how = rows[hop.before]["caller_ids"]
            seen[how, src == "", src == hop.src] += 1
            assert how != "dropped" or src == ""
            assert how != "rewritten" or src.startswith("+1")
    assert {how for how, _, _ in seen} == {"kept", "dropped", "rewritten"}
    assert seen["rewritten", False, False] > 20
    assert seen["kept", False, True] > 20


def test_carriers_that_do_not_take_part_write_nothing(tmp_path):
    folder = network(tmp_path / "n", participation=0.5)
    silent = {name for name, row in carriers(folder).items() if row["participates"] == "no"}
    assert len(silent) == 6
    assert {path.name for path in (folder / "carriers").iterdir()} == set(carriers(folder)) - silent
    assert silent & {hop.carrier for hop in hops(folder)}


def test_lies_are_of_every_kind_and_what_the_truth_says_of_them(tmp_path):
    # Scores of a trace against lies are worth nothing if a lie is not where the list says, or elsewhere too.
    folder = network(
        tmp_path / "n", carriers=14, format="asterisk-custom", liars=1, lies=0.2, clock_error_ms=0
    )
    names = names_of_providers(folder)
    lies = {(row["call_id"], row["carrier"]): row["lie"] for row in table(folder / "untruths.csv")}
    kind_of = {name: row["lies"] for name, row in carriers(folder).items()}
    true = {(hop.call, hop.carrier): hop for hop in hops(folder)}
    seen = Counter()
    for carrier, kind in kind_of.items():
        written: dict[tuple, list] = {}
        for one in records(folder, carrier):
            _, _, before, after, *_ = facts(one, names)
            written.setdefault((one.dst.text, one.arrival_us), []).append((before, after))
        for (call, at), hop in true.items():
            if at != carrier:
                continue
            said = written.pop((hop.dst, hop.arrival_us), [])
            lie = lies.get((call, at))
            seen[lie] += 1
            assert lie in (None, kind)
            was = (hop.before, hop.after)
            match lie:
                case None:
                    assert said == [was]
                case "omitted":
                    assert said == []
                case "contradicted":
                    assert was in said
                    assert len(said) == 2
                    assert said[0] != said[1]
                case "claims-origin":
                    assert said == [(None, hop.after)]
                    assert hop.before is not None
                case "claims-end":
                    assert said == [(hop.before, None)]
                    assert hop.after is not None
                case "false-previous":
                    assert said[0][0] not in (None, hop.before)
                    assert said[0][1] == hop.after
                case "false-next":
                    assert said[0][1] not in (None, hop.after)
                    assert said[0][0] == hop.before
        # What is left has no call behind it.
        invented = [pair for pairs in written.values() for pair in pairs]
        assert len(invented) == sum(1 for (_, at), lie in lies.items() if (at, lie) == (carrier, "invented"))
        seen["invented"] += len(invented)
    kinds = {"false-previous", "false-next", "claims-origin", "claims-end", "omitted", "contradicted"}
    assert set(seen) == {None, "invented"} | kinds
    assert all(seen[kind] for kind in seen)


def test_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    one, two, other = (
        network(tmp_path / name, seed=seed, calls=100) for name, seed in (("1", 1), ("2", 1), ("3", 2))
    )
    assert files(one) == files(two)
    assert files(one)["ground-truth.csv"] != files(other)["ground-truth.csv"]


@pytest.mark.parametrize("form", ["asterisk-csv", "kamailio-csv", "freeswitch-json", "oracle_acme", "mixed"])
def test_network_is_a_lab_with_the_carriers_and_their_trunks(tmp_path, form):
    folder = network(tmp_path / "n", format=form)

    def provider(name: str) -> ProviderId:
        return ProviderId.unlisted(name)

    lab = lab_sources(folder / "carriers.toml", provider)
    assert [one.id for one in lab] == list(carriers(folder))
    for one in lab:
        assert one.provider == provider(one.id)
        [source] = one.sources
        assert set(source.trunks.values()) <= {provider(name) for name in carriers(folder)} - {one.provider}
        assert sum(len(batch.records) for batch in read_all(one.sources)) > 0
