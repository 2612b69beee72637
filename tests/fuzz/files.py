"""Targets: files of a carrier, which are call records of any switch, and configurations."""

import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import BaseModel

import trunkline
from trunkline.crypto.group_signature import MemberSecret
from trunkline.jager.authority.accountability.config import AccountabilityConfig
from trunkline.jager.authority.authorization.config import AuthorizationConfig
from trunkline.jager.authority.labels.config import LabelsConfig
from trunkline.jager.authority.membership.config import MembershipConfig
from trunkline.jager.carrier.config import CarrierConfig
from trunkline.jager.carrier.trace_query import read_queries
from trunkline.jager.deployment.ceremony import Terms
from trunkline.jager.deployment.local import LocalCarrier, LocalDeployment
from trunkline.jager.record_store.config import load as load_record_store
from trunkline.service.config import load_config
from trunkline.service.keys import load_secret, save_secret
from trunkline.telephony.follow import Follower, FollowState
from trunkline.telephony.lab import lab_sources
from trunkline.telephony.numbers import NumberPlan, normalise_called, normalise_caller
from trunkline.telephony.providers import ProviderId
from trunkline.telephony.readers.field_map import load_field_map
from trunkline.telephony.source import load_sources

from .target import Target

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "telephony"))

from cdr_cases import source
from test_cdr_any_bytes import OPTIONS, SAMPLES

PACKAGE = Path(trunkline.__file__).parent
LAB = PACKAGE / "data" / "cdr-lab"
LAB_FILES = {
    "asterisk-csv": "c1/cdr-csv/Master.csv",
    "kamailio-csv": "c7/acc.csv",
    "opensips-csv": "c7/missed_calls.csv",
}
SEED_SIZE = 4096
MEMBER_SECRET_SIZE = len(MemberSecret.generate().secret_bytes())
CONFIGS: dict[str, type[BaseModel]] = {
    "labels": LabelsConfig,
    "membership": MembershipConfig,
    "authorization": AuthorizationConfig,
    "accountability": AccountabilityConfig,
}


def targets(directory: Path) -> Iterator[Target]:
    """All targets of this module; `directory` is for the files that they need."""
    for form in SAMPLES:
        yield Target(f"call records, {form}", _follow(form, directory / f"cdr-{form}"), _rows(form))
    for path in (PACKAGE / "telephony" / "maps").glob("*.toml"):
        yield Target(
            f"call records, {path.stem}",
            _follow("field-map", directory / f"cdr-{path.stem}", field_map=path.stem),
            [SAMPLES["field-map"].encode()],
        )
    yield from _states(directory)
    yield from _numbers()
    yield from _configurations(directory)


def _rows(form: str) -> list[bytes]:
    seeds = [SAMPLES[form].encode()]
    if form == "kamailio-sqlite":
        return [*seeds, _small_database()]
    if form in LAB_FILES:
        seeds.append((LAB / LAB_FILES[form]).read_bytes()[:SEED_SIZE].rpartition(b"\n")[0] + b"\n")
    return seeds


def _small_database() -> bytes:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("PRAGMA page_size = 512")
        columns = "src_user,src_ip,dst_ouser,dst_user,dst_domain"
        texts = ",".join(f"{name} TEXT" for name in columns.split(","))
        names = "method,from_tag,to_tag,callid,sip_code,sip_reason,time"
        named = ",".join(f"{name} TEXT" for name in names.split(","))
        values = (
            "'INVITE','f','t','a','200','OK','2026-11-21 12:00:00','+15125550109','192.0.2.1','+16465550105'"
        )
        for table in ("acc", "missed_calls"):
            connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, {named}, {texts})")
            connection.execute(f"INSERT INTO {table} VALUES (1,{values},'+16465550105','192.0.2.2')")  # noqa: S608
        connection.execute(
            "CREATE TABLE acc_cdrs (id INTEGER PRIMARY KEY, start_time, end_time, duration, callid)"
        )
        connection.commit()
        return connection.serialize()


def _follow(form: str, path: Path, **options: object) -> Callable[[bytes], None]:
    options = {**OPTIONS.get(form, {}), **options}
    cdr_source = source(path, format=form, time_zone="America/New_York", **options)

    def run(data: bytes) -> None:
        path.write_bytes(data)
        follower = Follower(cdr_source)
        state = follower.poll(0, limit=3).state
        resumed = Follower(cdr_source, FollowState.from_bytes(state.to_bytes()))
        while (batch := resumed.poll(1, finish=True)).more:
            assert all(reject.reason for reject in batch.rejects)

    return run


def _states(directory: Path) -> Iterator[Target]:
    path = directory / "followed"
    path.write_text(SAMPLES["asterisk-csv"])
    cdr_source = source(path)
    state = Follower(cdr_source).poll(0).state.to_bytes()
    yield Target(
        "state of a source",
        lambda data: Follower(cdr_source, FollowState.from_bytes(data)).poll(0, finish=True),
        [state],
    )


def _numbers() -> Iterator[Target]:
    plans = [
        NumberPlan(style="national", region="US", international_prefix="011"),
        NumberPlan(style="e164-without-plus", region="DE", international_prefix="00"),
    ]

    def run(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        for plan in plans:
            normalise_caller(text, plan)
            normalise_called(text, plan)

    yield Target(
        "number", run, [b"+15125550109", b"0115125550109", b"sip:512@example.com;user=phone", b"anonymous"]
    )


def _configurations(directory: Path) -> Iterator[Target]:
    deployment = LocalDeployment(directory / "deployment")
    table = {
        "format": "asterisk-csv",
        "paths": ["Master.csv"],
        "time_zone": "UTC",
        "number_plan": {"style": "national", "region": "US", "international_prefix": "011"},
        "trunks": {"east": "East"},
        "access": {"cust": "customer:cust"},
    }
    deployment.create(Terms("fuzz"), [LocalCarrier("alpha", "Alpha", [table])])
    folder = deployment.directory

    def of_file(name: str, load: Callable[[Path], object]) -> Callable[[bytes], object]:
        path = directory / name
        path.touch(mode=0o600)

        def run(data: bytes) -> object:
            path.write_bytes(data)
            return load(path)

        return run

    for role, model in CONFIGS.items():
        run = of_file(
            f"{role}.toml", lambda path, role=role, model=model: load_config(path, model, section=role)
        )
        yield Target(
            f"configuration of {role}", run, [(folder / "authority" / role / "config.toml").read_bytes()]
        )
    yield Target(
        "configuration of the record store",
        of_file("store.toml", load_record_store),
        [(folder / "record-store" / "config.toml").read_bytes()],
    )
    yield Target(
        "configuration of a carrier",
        of_file("carrier.toml", lambda path: load_config(path, CarrierConfig)),
        [(folder / "carriers" / "alpha" / "carrier.toml").read_bytes()],
    )
    yield Target(
        "sources of a carrier",
        of_file("sources.toml", lambda path: load_sources(path, ProviderId.unlisted)),
        [(folder / "carriers" / "alpha" / "sources.toml").read_bytes()],
    )
    (directory / "lab").mkdir()
    for path in LAB.iterdir():
        if path.is_dir():
            (directory / "lab" / path.name).symlink_to(path)
    maps = [path.read_bytes() for path in sorted((PACKAGE / "telephony" / "maps").glob("*.toml"))]
    yield Target("field map", of_file("map.toml", lambda path: load_field_map(str(path))), maps)
    yield Target(
        "description of a lab",
        of_file("lab/carriers.toml", lambda path: lab_sources(path, ProviderId.unlisted)),
        [(LAB / "carriers.toml").read_bytes()],
    )
    save_secret(directory / "seed.key", bytes(MEMBER_SECRET_SIZE), kind="member")
    yield Target(
        "key file",
        of_file("member.key", lambda path: load_secret(path, MEMBER_SECRET_SIZE, kind="member")),
        [(directory / "seed.key").read_bytes()],
    )
    yield Target(
        "queries of many traces",
        of_file("queries.csv", lambda path: list(read_queries(path))),
        [b"src,dst,time,tolerance_s,case\n+15125550109,+16465550105,2026-11-21T12:00:00Z,2,a\n"],
    )
