"""Public parameters that succeed others, with real processes: a new kid, old records, one deployment."""

import shutil
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import tomli_w
from real_processes import answer_of, error_of, short_folder
from real_processes import trunkline as command

import trunkline
from trunkline.crypto.group_signature import check_credential
from trunkline.jager.carrier.carrier import open_carrier
from trunkline.jager.carrier.config import CarrierConfig
from trunkline.jager.carrier.credentials import load_member_secret
from trunkline.jager.carrier.reports import send_disavowal, send_report
from trunkline.jager.carrier.trace_query import TraceQuery
from trunkline.jager.deployment.ceremony import Terms
from trunkline.jager.deployment.chain import control
from trunkline.jager.deployment.local import LocalCarrier, LocalDeployment, provider_id
from trunkline.jager.deployment.scenarios import CUSTOMERS, SUBSCRIBERS, Row
from trunkline.jager.messages.accountability import TraceBundle, Verdict
from trunkline.jager.messages.membership import (
    RENEW_REQUEST_TYPE,
    CredentialResponse,
    RenewRequest,
)
from trunkline.jager.validation.records import OwnRecord
from trunkline.service.config import load_config
from trunkline.telephony.follow import read_all
from trunkline.telephony.source import load_sources

pytestmark = pytest.mark.network

NAME = "succession"
PATH = ("north", "transit", "west")
LATE = "north"
"""It keeps the first parameters when all others have the next ones."""
SRC, DST = "+12025550124", "+442079460123"
SETTINGS = {"contribution": {"delay_max_s": 0.1, "interval_ms": 200}, "labels": {"interval_ms": 50}}


def source() -> dict:
    ids = {name: provider_id(NAME, name).hex for name in PATH}
    return {
        "format": "field-map",
        "field_map": str(Path(trunkline.__file__).parent / "data" / "scenario-map.toml"),
        "paths": ["rows.jsonl"],
        "time_zone": "UTC",
        "number_plan": {"style": "e164", "region": "US"},
        "settle_ms": 0,
        "trunks": ids,
        "access": {CUSTOMERS: "customer:demo", SUBSCRIBERS: "subscribers"},
    }


class Flow:
    """A deployment of three carriers, and what was traced in it."""

    def __init__(self, folder: Path) -> None:
        self.deployment = LocalDeployment(folder, end_with_parent=True)
        # Calls of the next minutes are filed ahead, so that the test need not wait for the switch.
        self.switch = int(time.time()) + 300
        self.public = self.deployment.public
        self.deployment.create(Terms(NAME), [LocalCarrier(name, name, [source()], SETTINGS) for name in PATH])
        for name in PATH:
            (self._folder(name) / "rows.jsonl").touch()
        self.fingerprint = (self.public / "fingerprint.txt").read_text().strip()

    def _folder(self, name: str) -> Path:
        return self.deployment.carrier_config(name).parent

    def config(self, name: str) -> CarrierConfig:
        return load_config(self.deployment.carrier_config(name), CarrierConfig)

    def file(self, times: dict[str, float]) -> None:
        """Each of these carriers writes its row of one call, at its time, and contributes it."""
        for name, at in times.items():
            place = PATH.index(name)
            incoming = CUSTOMERS if place == 0 else PATH[place - 1]
            outgoing = SUBSCRIBERS if name == PATH[-1] else PATH[place + 1]
            row = Row(round(at * 1e6), SRC, DST, incoming, outgoing)
            with (self._folder(name) / "rows.jsonl").open("a") as file:
                file.write(f"{row.to_json()}\n")
            control(self.deployment, name).call("contribute", {"finish": True})
            assert control(self.deployment, name).call("status")["waiting"] == 0

    def trace(self, at: float) -> SimpleNamespace:
        """The last carrier traces its call of a time."""
        [record] = [
            record
            for batch in read_all(load_sources(self._folder(PATH[-1]) / "sources.toml"))
            for record in batch.records
            if record.arrival_us == round(at * 1e6)
        ]
        query = TraceQuery.of_call(record, provider_id(NAME, PATH[-1]), Terms(NAME).rules, case="a complaint")
        assert isinstance(query.own, OwnRecord)
        result = control(self.deployment, PATH[-1]).call("trace", query.to_json())
        names = {provider_id(NAME, name).hex: name for name in PATH}
        call = result["report"]["call"]
        return SimpleNamespace(
            bundle=TraceBundle.decode(result["bundle"].encode()),
            path=tuple(names[step["provider"]] for step in call["path"] if step["has_record"]),
            faults=(
                *result["store_faults"],
                *call["contradicting_records"],
                *result["report"]["forged"],
                *result["report"]["unreadable"],
            ),
            unverified=result["unverified"],
            members_known=result["members_known"],
        )

    def succeed(self) -> None:
        """New label keys from the switch on; all services and all carriers but one get the new parameters."""
        root = self.deployment.directory / "root"
        halves = []
        for role in ("labels", "authorization"):
            folder = self.deployment.directory / "authority" / role / "next"
            done = command("keys", "generate", role, "--out", folder)
            assert done.returncode == 0, done.stderr
            halves += ["--public", folder / "public.json"]
        terms = self.deployment.directory / "terms.toml"
        terms.write_text(tomli_w.dumps({"deployment": NAME}))
        at = datetime.fromtimestamp(self.switch, UTC).isoformat()
        out = self.public / "parameters-1.json"
        signing = ("keys", "sign", "--root", root / "root.key", "--terms", terms, "--out", out, *halves)
        before = ("--previous", self.public / "parameters.json", "--switch-epoch-at", at)
        done = command(*signing, *before)
        assert done.stdout.strip() == self.fingerprint, done.stderr
        self.deployment.stop()
        shutil.copy(self.public / "parameters.json", self.public / "parameters-0.json")
        out.replace(self.public / "parameters.json")
        authority = self.deployment.directory / "authority"
        earlier = ["../../public/parameters-0.json"]
        edit(authority / "labels", "labels", keys=["label.key", "next/label.key"])
        signature_keys = ["label-signature.key", "next/label-signature.key"]
        edit(
            authority / "authorization",
            "authorization",
            label_signature_keys=signature_keys,
            grant_key="next/grant.key",
        )
        edit(authority / "accountability", "accountability", earlier_parameters=earlier)
        edit(
            self.deployment.directory / "record-store",
            "record_store",
            earlier_parameters=["../public/parameters-0.json"],
        )
        for name in PATH:
            config = self.deployment.carrier_config(name)
            changed = {"parameters": earlier[0]} if name == LATE else {"earlier_parameters": earlier}
            config.write_text(tomli_w.dumps(tomllib.loads(config.read_text()) | changed))
        self.deployment.start_services()

    def judge(self, file: Path, *more: object):
        return command(
            "judge",
            file,
            "--fingerprint",
            self.fingerprint,
            "--registry",
            self.public / "registry.json",
            "--json",
            *more,
        )

    def now(self) -> tuple[object, ...]:
        return ("--parameters", self.public / "parameters.json")

    def with_earlier(self) -> tuple[object, ...]:
        return (*self.now(), "--earlier", self.public / "parameters-0.json")


def edit(folder: Path, section: str, **values: object) -> None:
    path = folder / "config.toml"
    config = tomllib.loads(path.read_text())
    config[section] |= values
    path.write_text(tomli_w.dumps(config))


@pytest.fixture(scope="module")
def flow():
    with short_folder() as folder:
        flow = Flow(folder)
        try:
            flow.deployment.start_services()
            flow.deployment.enrol(PATH)
            flow.deployment.start_carriers(PATH)
            # One call under the first parameters from end to end; of a second one only the first two records.
            flow.first_at = flow.switch - 400.0
            flow.file(dict.fromkeys(PATH, flow.first_at))
            flow.first = flow.trace(flow.first_at)
            verdict = send_report(flow.config(PATH[-1]), flow.first.bundle, enforcement=True)
            flow.first_verdict = folder / "verdict-0.json"
            flow.first_verdict.write_bytes(verdict.encode())
            flow.file({"north": flow.switch - 2.0, "transit": flow.switch - 1.0})
            flow.succeed()
            yield flow
        finally:
            flow.deployment.stop()


@pytest.fixture(scope="module")
def succeeded(flow):
    """All agents run again; the second call's last record and a third call are filed."""
    flow.deployment.start_carriers(PATH)
    flow.second_at, flow.third_at = flow.switch + 1.0, flow.switch - 60.0
    flow.file({"west": flow.second_at})
    flow.file(dict.fromkeys(PATH, flow.third_at))
    flow.second = flow.trace(flow.second_at)
    return flow


def test_member_gets_its_next_credential_under_the_new_parameters_without_joining_again(flow):
    with open_carrier(flow.config("west"), time.time) as carrier:
        period = carrier.parameters.period_of(time.time()) + 1
        answer = carrier.services.membership.post(
            "/v1/renew", RenewRequest(period).encode(), RENEW_REQUEST_TYPE
        )
        response = CredentialResponse.decode(answer.content)
        assert response.params_hash == carrier.parameters.hash
        assert response.params_hash != flow.first.bundle.params_hash
        secret = load_member_secret(flow.config("west").carrier.member_secret)
        check_credential(carrier.parameters.group, secret.public_point, response.credential)


def test_trace_across_the_switch_finds_the_records_under_both_parameters_and_kids(succeeded):
    found = succeeded.second
    assert found.path == PATH
    assert (found.faults, found.unverified, found.members_known) == ((), 0, True)
    assert len({label.kid for label in found.bundle.labels}) == 2


def test_carrier_that_is_late_with_the_new_parameters_still_contributes(succeeded):
    found = succeeded.trace(succeeded.third_at)
    assert (found.path, found.faults, found.unverified) == (PATH, (), 0)


def test_report_across_the_switch_is_judged_with_the_earlier_parameters(succeeded, tmp_path):
    document = send_report(succeeded.config(PATH[-1]), succeeded.second.bundle, enforcement=True)
    verdict = Verdict.decode(document.payload)
    assert {one.signer for one in verdict.openings} == {provider_id(NAME, name).value for name in PATH}
    assert {one.kind for one in verdict.findings} == {"claim"}
    path = tmp_path / "verdict.json"
    path.write_bytes(document.encode())
    assert answer_of(succeeded.judge(path, *succeeded.with_earlier()))["valid"]
    assert "earlier" in error_of(succeeded.judge(path, *succeeded.now()))["message"]


def test_verdict_from_before_is_judged_with_its_parameters_as_earlier_ones(succeeded):
    judged = answer_of(succeeded.judge(succeeded.first_verdict, *succeeded.with_earlier()))
    assert len(judged["openings"]) == len(PATH)
    alone = ("--parameters", succeeded.public / "parameters-0.json")
    assert answer_of(succeeded.judge(succeeded.first_verdict, *alone))["openings"] == judged["openings"]


def test_trace_from_before_is_disavowed_and_judged_under_the_new_parameters(succeeded, tmp_path):
    document = send_disavowal(succeeded.config("transit"), succeeded.first.bundle)
    assert {one.kind for one in Verdict.decode(document.payload).findings} == {"claim", "disavowal-void"}
    path = tmp_path / "verdict.json"
    path.write_bytes(document.encode())
    assert answer_of(succeeded.judge(path, *succeeded.with_earlier()))["valid"]
