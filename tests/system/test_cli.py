"""The command line as the README has it: a deployment up, calls traced, a lie judged, and all of it down."""

import csv
import json
import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
import tomli_w
from lab_shapes import TRUTH, blame, chain_lab
from real_processes import answer_of, error_of, processes_in, short_folder, trunkline
from typer.testing import CliRunner

from trunkline.cli.main import app
from trunkline.jager.carrier.control import ControlClient
from trunkline.jager.deployment.load import CHAIN
from trunkline.jager.deployment.local import AUTHORITY_ROLES, RECORD_STORE, LocalDeployment, provider_id

pytestmark = pytest.mark.network

CALLS = 3
CALLING = ("--calling", "anonymous")
LIE = 1
"""The call of which b3 says that it came from b6, which had no part in it."""


class Deployment:
    """What `trunkline up` made, and the files that commands are given."""

    def __init__(self, folder: Path, lab: Path) -> None:
        self.folder = folder
        self.lab = lab
        public = folder / "public"
        self.judge_options = (
            *("--parameters", public / "parameters.json", "--registry", public / "registry.json"),
            *("--fingerprint", (public / "fingerprint.txt").read_text().strip()),
        )
        self.registry_options = (
            *("--registry", public / "registry.json", "--key", folder / "root" / "registry" / "registry.key"),
        )

    def carrier(self, name: str) -> tuple[str, Path]:
        return "--config", self.folder / "carriers" / name / "carrier.toml"

    def trace(self, *arguments: object, carrier: str = "b5"):
        return trunkline("carrier", "trace", *self.carrier(carrier), *arguments, "--json")

    def row(self, call: int, carrier: str = "b5") -> tuple[str, str]:
        return "--row", f"{self.lab / carrier / 'Master.csv'}:{call + 1}"

    def call(self, call: int) -> dict[str, str]:
        with (self.lab / TRUTH).open(newline="") as file:
            return list(csv.DictReader(file))[call]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    lab = chain_lab(tmp_path_factory.mktemp("cli") / "lab", CALLS)
    blame(lab, "b3", "b6", LIE)
    with short_folder() as folder:
        try:
            up = answer_of(trunkline("up", "--dir", folder, "--lab", lab, "--carrier", "b6", "--json"))
            agents = [f"carrier-{name}" for name in (*CHAIN, "b6")]
            assert sorted(up["running"]) == sorted((*AUTHORITY_ROLES, RECORD_STORE, *agents))
            made = Deployment(folder, lab)
            counts = answer_of(trunkline("carrier", "contribute", *made.carrier(CHAIN[0]), "--json"))
            assert counts["waiting"] == 0
            for name in CHAIN[1:]:
                socket = made.carrier(name)[1].parent / "control.sock"
                ControlClient(socket).call("contribute", {"finish": True})
            yield made
        finally:
            trunkline("down", "--dir", folder)


def path_of(report: dict) -> list[str]:
    return [step["provider"] for step in report["call"]["path"]]


WHOLE_PATH = [provider_id("local", name).hex for name in CHAIN]


# --- what runs, and what it says of itself ----------------------------------------------------------------


def test_status_names_what_runs_and_up_again_starts_only_what_does_not(deployment):
    # After a reboot of some process an operator repeats `up`; it must not start a second store.
    before = answer_of(trunkline("status", "--dir", deployment.folder, "--json"))["running"]
    LocalDeployment(deployment.folder).processes.stop(["membership", "carrier-b6"])
    after = answer_of(trunkline("up", "--dir", deployment.folder, "--json"))["running"]
    assert set(after) == set(before)
    assert {name for name in before if before[name] != after[name]} == {"membership", "carrier-b6"}


def test_carrier_status_counts_what_was_acknowledged(deployment):
    # What waits and what is delivered is the first thing an operator looks at.
    found = answer_of(trunkline("carrier", "status", *deployment.carrier("b2"), "--json"))
    assert (found["counts"]["acknowledged"], found["waiting"]) == (CALLS, 0)


def test_doctor_finds_a_running_deployment_healthy(deployment):
    # Warnings about what is right would teach people not to read them.
    done = trunkline("doctor", *deployment.carrier("b2"), "--json")
    levels = {one["level"] for one in answer_of(done)["findings"]}
    assert levels == {"ok"}, done.stdout


def test_inspect_counts_rows_and_lists_unknown_trunks(deployment):
    # It is where a carrier begins: which trunks a table must name.
    options = ("--number-plan", "e164-without-plus", "--json")
    found = answer_of(trunkline("cdr", "inspect", deployment.lab / "b2" / "Master.csv", *options))
    assert (found["rows"], found["records"]) == (CALLS, 0)
    assert "b1-trunk" in str(found["unknown_trunks"])


def test_enrolling_again_while_the_agent_runs_is_refused(deployment):
    # Two processes on one data directory would spend each other's credentials.
    error = error_of(trunkline("carrier", "enroll", *deployment.carrier("b1"), "--json"))
    assert error["error"] == "storage"


# --- traces -----------------------------------------------------------------------------------------------


def test_trace_of_an_own_row_finds_the_path_and_draws_it(deployment, tmp_path):
    # The main job from the command line, with the result file and the drawing that go to others.
    out, svg = tmp_path / "result.json", tmp_path / "path.svg"
    report = answer_of(deployment.trace(*deployment.row(0), "--out", out, "--svg", svg))
    assert path_of(report) == WHOLE_PATH
    assert report["call"]["origin"]["provider"] == WHOLE_PATH[0]
    assert ElementTree.parse(svg).getroot().tag.endswith("svg")  # noqa: S314 - we wrote it ourselves
    judged = answer_of(trunkline("judge", out, *deployment.judge_options, "--json"))
    assert (judged["valid"], judged["kind"]) == (True, "trace")
    assert path_of(judged["report"]) == WHOLE_PATH


def test_trace_from_numbers_and_a_rough_time_finds_the_same_path(deployment):
    # A complaint has no row: a wrong minute and two numbers must do.
    call = deployment.call(0)
    time = re.sub(r"\+00:00$", "Z", call["start_utc"].split(">")[0])
    found = answer_of(
        deployment.trace(
            *("--calling", call["src"], "--called", call["dst"], "--time", time, "--tolerance", "5")
        )
    )
    candidates = [found["call"], *found["candidates"]]
    assert WHOLE_PATH in [[step["provider"] for step in one["path"]] for one in candidates]


def test_batch_with_a_bad_line_traces_its_neighbours(deployment, tmp_path):
    # One bad line must not cost the other complaints of the file.
    lines = ["src,dst,time"]
    for call in (
        deployment.call(0),
        {"src": "no number", "dst": "?", "start_utc": "yesterday"},
        deployment.call(2),
    ):
        lines.append(f"{call['src']},{call['dst']},{call['start_utc'].split('>')[0]}")
    (tmp_path / "complaints.csv").write_text("\n".join(lines) + "\n")
    done = deployment.trace("--batch", tmp_path / "complaints.csv", "--out", tmp_path / "results")
    rows = json.loads(done.stdout.splitlines()[-1])["traces"]
    assert "Traceback" not in done.stderr
    assert [("error" in row) for row in rows] == [False, True, False]
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["2.json", "4.json"]


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (["--row", "Master.csv:999"], "not-found", "no call begins in that row"),
        (["--row", "Master.csv"], "input", "FILE:LINE"),
        (["--called", "+14155550102"], "input", "--called needs --time"),
        ([*CALLING, "--called", "+14155550102", "--time", "noon"], "input", "neither ISO 8601 nor Unix"),
        ([*CALLING, "--called", "+14155550102", "--time", "2026-11-21T09:30"], "input", "offset from UTC"),
        ([*CALLING, "--called", "12", "--time", "0"], "number", "number"),
        ([], "input", "give one of"),
        (["--batch", "nowhere.csv", "--out", "results"], "cdr", "cannot be read"),
    ],
)
def test_trace_that_cannot_be_understood_says_why(deployment, tmp_path, arguments, code, fragment):
    # A traceback tells a user nothing; a wrong guess tells a lie.
    arguments = [str(tmp_path / "results") if one == "results" else one for one in arguments]
    error = error_of(deployment.trace(*arguments))
    assert error["error"] == code
    assert fragment in error["message"]


def test_trace_without_an_agent_says_how_to_start_it(deployment):
    # The command line only asks the agent; without it there is nothing to ask.
    LocalDeployment(deployment.folder).processes.stop(["carrier-b5"])
    error = error_of(deployment.trace(*deployment.row(0)))
    assert trunkline("up", "--dir", deployment.folder).returncode == 0
    assert error["error"] == "unavailable"
    assert "carrier run" in error["message"]


# --- a lie, its report, a disavowal, and the judge --------------------------------------------------------


@pytest.fixture(scope="module")
def contested(deployment, tmp_path_factory) -> Path:
    """The result file of the call that one carrier lies about."""
    out = tmp_path_factory.mktemp("contested") / "result.json"
    report = answer_of(deployment.trace(*deployment.row(LIE), "--case", "complaint 7", "--out", out))
    assert report["call"]["conflicts"]
    return out


def findings(verdict: dict) -> set[tuple[str, str | None]]:
    return {(one["kind"], one["carrier"]) for one in verdict["findings"]}


@pytest.fixture(scope="module")
def verdict(deployment, contested) -> Path:
    """The signed verdict on a report of that call."""
    out = contested.with_name("verdict.json")
    done = trunkline("carrier", "report", *deployment.carrier("b5"), contested, "--out", out, "--json")
    assert ("claim", provider_id("local", "b3").hex) in findings(answer_of(done))
    return out


def test_disavowal_of_a_blamed_carrier_stands(deployment, contested, tmp_path):
    # A carrier that is named although it had no part must be able to clear itself.
    verdict = tmp_path / "verdict.json"
    done = trunkline("carrier", "disavow", *deployment.carrier("b6"), contested, "--out", verdict, "--json")
    assert ("disavowal-stands", provider_id("local", "b6").hex) in findings(answer_of(done))
    judged = answer_of(trunkline("judge", verdict, *deployment.judge_options, "--json"))
    assert (judged["valid"], judged["kind"]) == (True, "disavowal")


def test_verdict_with_a_changed_byte_is_not_believed(deployment, verdict, tmp_path):
    # Whoever can change a verdict can blame anybody.
    document = json.loads(verdict.read_text())
    place = len(document["payload"]) // 2
    other = "A" if document["payload"][place] != "A" else "B"
    document["payload"] = document["payload"][:place] + other + document["payload"][place + 1 :]
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(document))
    assert error_of(trunkline("judge", changed, *deployment.judge_options, "--json"))["error"] == "signature"


# --- what operators decide --------------------------------------------------------------------------------


def test_trace_under_human_approval_waits_for_it_and_goes_on_after_it(deployment):
    # Where a person must decide, nothing may be handed out before, and no trace be lost.
    config = deployment.folder / "authority" / "authorization" / "config.toml"
    text = config.read_text()
    try:
        restart_authorization(deployment, set_approval(text))
        waits = error_of(deployment.trace(*deployment.row(2), "--case", "by hand"))
        assert waits["error"] == "policy"
        assert "waits for a person's approval" in waits["message"]
        [pending] = answer_of(trunkline("authority", "pending", "--config", config, "--json"))["pending"]
        assert pending["requester"] == provider_id("local", "b5").hex
        assert trunkline("authority", "approve", "--config", config, pending["id"]).returncode == 0
        assert path_of(answer_of(deployment.trace(*deployment.row(2), "--case", "by hand"))) == WHOLE_PATH
    finally:
        restart_authorization(deployment, text)


def set_approval(text: str) -> str:
    config = tomllib.loads(text)
    config["authorization"]["approval"] = "human"
    return tomli_w.dumps(config)


def restart_authorization(deployment: Deployment, config: str) -> None:
    local = LocalDeployment(deployment.folder)
    local.processes.stop(["authorization"])
    (deployment.folder / "authority" / "authorization" / "config.toml").write_text(config)
    local.restart("authorization")


def in_process(*arguments: object) -> str:
    """Run a command that needs no other process without one of its own, and give what it printed."""
    result = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_registry_lists_adds_and_suspends(deployment):
    # The registry is how a carrier comes to be one, and ceases to be.
    options = deployment.registry_options
    added = in_process("registry", "add", *options, "--name", "Listed only").strip()

    def listed() -> dict[str, str]:
        found = json.loads(in_process("registry", "list", *options, "--json"))
        return {one["id"]: one["status"] for one in found["providers"]}

    assert listed()[added] == "listed"
    member = provider_id("local", "b6").hex
    in_process("registry", "suspend", *options, member)
    assert listed()[member] == "suspended"
    in_process("registry", "suspend", *options, member, "--lift")
    assert listed()[member] == "active"
    done = trunkline("registry", "suspend", *options, added)
    assert (done.returncode, "not-found" in done.stderr) == (1, True)


def test_keys_are_made_signed_shown_and_backed_up_by_hand(tmp_path):
    # The key ceremony of docs/operating.md, as operators perform it on machines of their own.
    roles = (*AUTHORITY_ROLES, RECORD_STORE, "registry", "root")
    for role in roles:
        assert json.loads(in_process("keys", "generate", role, "--out", tmp_path / role))["role"] == role
    (tmp_path / "terms.toml").write_text('deployment = "by-hand"\n')
    public = [part for role in roles[:-1] for part in ("--public", tmp_path / role / "public.json")]
    parameters = tmp_path / "parameters.json"
    signed = in_process(
        *("keys", "sign", "--root", tmp_path / "root" / "root.key", "--terms", tmp_path / "terms.toml"),
        *(*public, "--out", parameters),
    )
    shown = in_process("keys", "show", parameters, "--fingerprint", signed.split()[-1], "--json")
    assert json.loads(shown)["deployment"] == "by-hand"
    other_root = trunkline("keys", "show", parameters, "--fingerprint", "0" * 64, "--json")
    assert error_of(other_root)["error"] in {"signature", "crypto"}
    again = trunkline("keys", "generate", "labels", "--out", tmp_path / "labels")
    assert (again.returncode, "holds keys already" in again.stderr) == (1, True)

    restore = ("keys", "restore", tmp_path / "backup", "--folder", tmp_path / "restored")
    right, wrong = ("--passphrase", "correct horse battery staple"), ("--passphrase", "another passphrase")
    in_process("keys", "backup", tmp_path / "labels", "--out", tmp_path / "backup", *right)
    refused = trunkline(*restore, *wrong)
    assert (refused.returncode, "passphrase is wrong" in refused.stderr) == (1, True)
    in_process(*restore, *right)
    secret = (tmp_path / "labels" / "label.key").read_bytes()
    assert (tmp_path / "restored" / "label.key").read_bytes() == secret


# --- the end, which no test can come after ----------------------------------------------------------------


def test_down_ends_everything_and_a_verdict_is_judged_without_any_of_it(deployment, verdict):
    # What was started to try things must not stay; and a verdict is for people who trust no service.
    assert answer_of(trunkline("down", "--dir", deployment.folder, "--json")) == {"running": {}}
    assert processes_in(deployment.folder) == []
    judged = answer_of(trunkline("judge", verdict, *deployment.judge_options, "--json"))
    assert (judged["valid"], judged["kind"]) == (True, "report")
    assert ("claim", provider_id("local", "b3").hex) in findings(judged)
