"""Everything that a deployment shows to those who watch it, while good and bad things happen to it.

Logs, metrics and problem documents are searched for what none of them may carry.
"""

import base64
import csv
import os
import re
import signal
import socket
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import yaml
from lab_shapes import TRUTH, chain_lab
from prometheus_client.parser import text_string_to_metric_families
from real_processes import eventually, lab_run, pid_of

from trunkline.errors import TrunklineError, UnavailableError
from trunkline.jager.carrier.config import CarrierConfig
from trunkline.jager.carrier.reports import send_report
from trunkline.jager.carrier.trace_query import TraceQuery
from trunkline.jager.deployment.lab_run import LabRun
from trunkline.jager.deployment.load import CHAIN
from trunkline.jager.deployment.local import AUTHORITY_ROLES, RECORD_STORE, provider_id
from trunkline.jager.messages.accountability import TraceBundle
from trunkline.jager.messages.contribution import CONTRIBUTION_TYPE, Contribution
from trunkline.jager.messages.record import RECORD_SIZE
from trunkline.jager.messages.retrieval import RetrievalPage
from trunkline.service.config import load_config
from trunkline.service.keys import IdentityKey
from trunkline.service.signatures import RequestAuth

pytestmark = pytest.mark.network

CALLS = 3
STRANGE_NUMBER = "12025550199"
"""A number that only bad input brings: it is in no call."""
CASE = "complaint of Harriet Vane"
SERVICES = (*AUTHORITY_ROLES, RECORD_STORE)
DEPLOY = Path(__file__).parents[2] / "deploy"


@dataclass
class Day:
    """What was seen of a deployment's day, and what nobody may have seen.

    Attributes:
        texts: Logs, metrics and problem documents, each by where it comes from.
        metrics: The metrics of each process at the end.
        secrets: What must stand in none of the texts, each by what it is.
    """

    run: LabRun
    texts: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, dict[tuple[str, ...], float]] = field(default_factory=dict)
    families: dict[str, set[str]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def keep(self, name: str, value: bytes) -> None:
        """Note bytes that must not be seen, in all the ways in which bytes are written."""
        for form in (
            value.hex(),
            base64.b64encode(value).decode().rstrip("="),
            base64.urlsafe_b64encode(value).decode().rstrip("="),
            repr(value)[2:-1],
        ):
            self.secrets[form] = name

    def problem(self, name: str, answer: httpx.Response) -> None:
        assert answer.status_code >= 400, name
        self.texts[f"problem {name}"] = answer.text + str(answer.headers)

    def scrape(self, process: str) -> str:
        url = f"http://127.0.0.1:{self.ports[process]}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()


def numbers_of(lab: Path) -> Iterator[str]:
    """All numbers of the lab's calls, in the forms in which numbers are written."""
    with (lab / TRUTH).open(newline="") as file:
        for row in csv.DictReader(file):
            for column in ("src", "dst"):
                digits = row[column].lstrip("+")
                yield from (digits, digits[1:], f"{digits[1:4]}-{digits[4:7]}-{digits[7:]}")


def leaks(texts: Mapping[str, str], secrets: Mapping[str, str]) -> list[str]:
    """Where something stands that must not, without saying it again."""
    lowered = {where: text.lower() for where, text in texts.items()}
    return [
        f"{name} in {where}"
        for secret, name in secrets.items()
        for where, text in lowered.items()
        if secret.lower() in text
    ]


def watch_everything(run: LabRun) -> dict[str, int]:
    """Give each process a port for monitoring."""
    ports = {}
    files = {name: run.deployment.directory / "authority" / name / "config.toml" for name in AUTHORITY_ROLES}
    files[RECORD_STORE] = run.deployment.directory / RECORD_STORE / "config.toml"
    files |= {f"carrier-{name}": run.deployment.carrier_config(name) for name in CHAIN}
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in files]
    for (process, file), probe in zip(files.items(), probes, strict=True):
        ports[process] = probe.getsockname()[1]
        probe.close()
        # Top-level keys stand before all tables.
        file.write_text(f"metrics_port = {ports[process]}\n{file.read_text()}")
    return ports


def bad_rows(run: LabRun) -> None:
    """Rows that become no record: a number that does not exist, and one where a trunk should be."""
    path = run.lab / CHAIN[0] / "Master.csv"
    good = path.read_text().splitlines(keepends=True)[0]
    called = good.split(",")[2].strip('"')
    path.write_text(
        path.read_text()
        + good.replace(called, f"{STRANGE_NUMBER}x7")
        + good.replace("PJSIP/customers", f"PJSIP/{STRANGE_NUMBER}")
    )


def bad_requests(run: LabRun, day: Day, client: httpx.Client) -> None:
    """Requests of strangers, with call data in every place where a request has room for it."""
    config = load_config(run.deployment.carrier_config(CHAIN[0]), CarrierConfig).carrier
    for service in SERVICES:
        url = getattr(config, f"{service.replace('-', '_')}_url")[0]
        day.problem(f"{service} unknown address", client.get(f"{url}/v1/calls/{STRANGE_NUMBER}"))
        day.problem(f"{service} query", client.get(f"{url}/nowhere", params={"dst": STRANGE_NUMBER}))
        headers = {"x-number": STRANGE_NUMBER, "content-type": f"text/{STRANGE_NUMBER}"}
        for path in ("/v1/labels", "/v1/join", "/v1/authorizations", "/v1/reports", "/v1/contributions"):
            body = f"{STRANGE_NUMBER} {CASE}".encode()
            day.problem(f"{service}{path}", client.post(url + path, content=body, headers=headers))
    url = config.record_store_url[0]
    garbage = Contribution(STRANGE_NUMBER.encode().ljust(RECORD_SIZE, b"0")).encode()
    head = {"content-type": CONTRIBUTION_TYPE}
    assert client.post(f"{url}/v1/contributions", content=garbage, headers=head).status_code == 200
    day.problem("torn", client.post(f"{url}/v1/contributions", content=garbage[:-1], headers=head))
    auth = RequestAuth(
        IdentityKey.load(config.identity_key),
        config.id,
        run.parameters.audience("authorization"),
        lambda: time.time() - 90,
    )
    late = client.post(
        f"{config.authorization_url[0]}/v1/authorizations", content=STRANGE_NUMBER.encode(), auth=auth
    )
    day.problem("clock", late)
    assert late.json()["type"].endswith("clock-skew")


def traces_in_vain(run: LabRun) -> None:
    good = TraceQuery.of_text(f"+{STRANGE_NUMBER}", f"+{STRANGE_NUMBER}", str(time.time()), case=CASE)
    control = run.control(CHAIN[0])
    for wrong in ({"dst": f"{STRANGE_NUMBER}x"}, {"tolerance_ms": 3_000_000}, {"time_ms": 0}):
        with pytest.raises(TrunklineError):
            control.call("trace", good.to_json() | wrong)
    assert control.call("trace", good.to_json())["report"]["records"] == 0


def note_secrets(run: LabRun, day: Day, bundle: TraceBundle) -> None:
    day.secrets |= dict.fromkeys(numbers_of(run.lab), "a number of a call")
    day.secrets |= dict.fromkeys((STRANGE_NUMBER, STRANGE_NUMBER[1:]), "the strange number")
    day.secrets[CASE] = "a case"
    for name in CHAIN:
        day.keep("a provider id", provider_id("lab", name).value)
    for one in bundle.labels:
        day.keep("a label", one.label)
        day.keep("a witness", one.signature)
    day.keep("a grant", bundle.grant[:64])
    for page in map(RetrievalPage.decode, bundle.pages):
        for stored in page.records:
            day.keep("an index", stored.record.idx)
            day.keep("a record id", stored.record.id(run.parameters.hash, run.parameters.gpk_id))
    for path in run.deployment.directory.rglob("*.key"):
        secret = path.read_text().split()[-1]
        if path.name != "tls.key" and len(secret) >= 32:
            day.secrets[secret] = f"the key {path.name}"


def whole_day(run: LabRun) -> Day:
    day = Day(run)
    run.create()
    day.ports = watch_everything(run)
    bad_rows(run)
    run.start()
    run.enrol()
    run.contribute()
    call = run.answered()[0]
    result = run.trace(call, case=CASE)
    bundle = TraceBundle.decode(result["bundle"].encode())
    send_report(load_config(run.deployment.carrier_config(call.carrier), CarrierConfig), bundle)
    traces_in_vain(run)
    with httpx.Client(verify=False) as client:  # noqa: S501 - what is answered is looked at, nothing trusted
        bad_requests(run, day, client)
    kill_and_return(run, call)
    note_secrets(run, day, bundle)
    for process in day.ports:
        text = day.scrape(process)
        day.texts[f"metrics of {process}"] = text
        families = list(text_string_to_metric_families(text))
        day.families[process] = {family.name for family in families}
        day.metrics[process] = {
            (sample.name, *sample.labels.values()): sample.value
            for family in families
            for sample in family.samples
        }
    run.stop()
    for log in (run.deployment.directory / "log").iterdir():
        day.texts[f"log {log.name}"] = log.read_text()
    return day


def kill_and_return(run: LabRun, call) -> None:
    """The authorization authority dies in the middle of everything; a trace is told so; it comes back."""
    os.kill(pid_of(run, "authorization"), signal.SIGKILL)
    eventually(lambda: run.deployment.processes.find("authorization") is None, "end of the authority")
    with pytest.raises(UnavailableError):
        run.trace(call, case=CASE)
    run.deployment.restart("authorization")
    assert run.trace(call, case=CASE)["report"]["records"] == len(CHAIN)


@pytest.fixture(scope="module")
def day(tmp_path_factory) -> Iterator[Day]:
    """A deployment's day; the processes have ended."""
    with lab_run(chain_lab(tmp_path_factory.mktemp("watched") / "lab", CALLS)) as run:
        yield whole_day(run)


def test_nothing_that_a_deployment_shows_carries_calls_carriers_or_keys(day):
    assert {f"log {process}.log" for process in day.ports} <= set(day.texts)
    assert not leaks(day.texts, day.secrets)


def test_search_for_leaks_finds_each_secret_that_is_planted(day):
    # Without this the test above could pass because it looks for the wrong thing.
    assert {name.partition(" of")[0] for name in day.secrets.values()} >= {
        *("a number", "a provider id", "a label", "a witness", "an index", "a record id", "a case")
    }
    assert sum(name.startswith("the key") for name in day.secrets.values()) >= 15
    for secret, name in day.secrets.items():
        planted = {"log": f'{{"event": "odd", "reason": "{secret}"}}'}
        assert f"{name} in log" in leaks(planted, day.secrets)


def test_logs_tell_of_what_went_wrong_in_json_lines(day):
    logs = {name: text.splitlines() for name, text in day.texts.items() if name.startswith("log ")}
    assert all(line.startswith("{") for lines in logs.values() for line in lines)
    assert any("service unavailable" in line for line in logs["log carrier-b5.log"])
    assert not [line for lines in logs.values() for line in lines if '"level": "error"' in line]


def test_metrics_of_the_carrier_count_its_work(day):
    found = day.metrics["carrier-b1"]
    assert found["trunkline_carrier_counts_total", "acknowledged"] == CALLS
    assert found["trunkline_carrier_counts_total", "rejected_rows"] == 2
    assert found["trunkline_carrier_label_slots_total", "contribution"] == CALLS
    assert found["trunkline_carrier_label_slots_total", "padding"] > 0
    assert found["trunkline_carrier_label_slots_total", "trace"] == 21
    assert found["trunkline_carrier_batches_total", "ok"] >= 1
    assert found["trunkline_carrier_traces_total", "ok"] == 1
    assert found["trunkline_carrier_outbox_records",] == 0
    assert found["trunkline_carrier_outbox_overdue_seconds",] == 0
    assert found["trunkline_carrier_credential_end_timestamp_seconds",] > time.time()
    tracer = day.metrics["carrier-b5"]
    assert tracer["trunkline_carrier_traces_total", "unavailable"] == 1
    assert tracer["trunkline_carrier_trace_seconds_count", "evidence"] == 2


def test_metrics_of_the_store_count_records_by_what_became_of_them(day):
    found = day.metrics[RECORD_STORE]
    assert found["trunkline_store_records_total", "stored"] >= CALLS * len(CHAIN)
    assert found["trunkline_store_records_total", "version"] == 1
    assert found["trunkline_store_answers_total",] == 3
    assert found["trunkline_store_waiting_records",] == 0
    assert found["trunkline_store_database", "keys"] > 0
    assert found["trunkline_http_refusals_total", "malformed", "/v1/contributions"] >= 1


def test_metrics_of_the_authorities_count_what_they_gave(day):
    assert day.metrics["labels"]["trunkline_labels_request_elements_count",] > 0
    assert day.metrics["membership"]["trunkline_log_entries_total",] == 2 * len(CHAIN)
    assert day.metrics["authorization"]["trunkline_log_entries_total",] == 2
    assert day.metrics["authorization"]["trunkline_pending_requests",] == 0
    assert day.metrics["accountability"]["trunkline_verdicts_total", "report"] == 1
    # The authorization authority was killed after that; counts of a process begin anew with it.
    assert ("trunkline_http_refusals_total", "clock-skew", "/v1/authorizations") not in day.metrics[
        "authorization"
    ]
    for process, found in day.metrics.items():
        checks = {key[1]: value for key, value in found.items() if key[0] == "trunkline_check_ok"}
        assert checks, process
        assert set(checks.values()) == {1.0}, process


def names_in(expressions: Iterable[str]) -> set[str]:
    return {name for one in expressions for name in re.findall(r"\btrunkline_[a-z0-9_]+", one)}


def test_alerts_and_dashboard_ask_for_metrics_that_the_services_have(day):
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
    asked = names_in(rule["expr"] for group in rules["groups"] for rule in group["rules"])
    asked |= names_in([(DEPLOY / "grafana" / "trunkline.json").read_text()])
    known = set.union(*day.families.values())
    samples = {f"{name}{suffix}" for name in known for suffix in ("", "_total", "_bucket", "_sum", "_count")}
    assert asked
    assert not asked - samples
