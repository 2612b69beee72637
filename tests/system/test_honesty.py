"""What must change nothing changes nothing, and what must break the traces breaks them."""

import ssl
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import httpx
import pytest
import tomli_w
from lab_shapes import chain_lab, copy_lab, edit_truth, rename, shift, shuffle
from real_processes import answer_of, lab_run, short_folder, trunkline

from trunkline.errors import UnavailableError
from trunkline.jager.carrier.agent import Agent
from trunkline.jager.carrier.config import CarrierConfig
from trunkline.jager.carrier.record_maker import RecordMaker
from trunkline.jager.carrier.reports import send_report
from trunkline.jager.deployment.ceremony import Terms
from trunkline.jager.deployment.lab_run import LabRun
from trunkline.jager.deployment.load import CHAIN
from trunkline.jager.deployment.local import LocalDeployment, provider_id
from trunkline.jager.deployment.score import score
from trunkline.jager.messages.accountability import TraceBundle, Verdict
from trunkline.jager.messages.contribution import Contribution
from trunkline.jager.messages.record import INDEX_SIZE, RECORD_KEY_SIZE, RECORD_SIZE
from trunkline.jager.record_store.rocksdb import KeyValueStore
from trunkline.service.config import load_config
from trunkline.service.tls import issue_certificate

pytestmark = pytest.mark.network

CALLS = 3
CT1_START = 14 + INDEX_SIZE  # in a record, docs/protocol.md, section 4
BROKEN = "b3"
"""The carrier of the chain whose encryption is broken."""


def flip_ct1(records: bytes) -> bytes:
    """Flip a bit of every record's ct1."""
    changed = bytearray(records)
    for start in range(0, len(records), RECORD_SIZE):
        changed[start + CT1_START + 5] ^= 1
    return bytes(changed)


# --- what changes nothing ---------------------------------------------------------------------------------


def test_lab_renamed_shifted_and_shuffled_gives_the_same_paths(tmp_path):
    # Traces that hang on names, on the date, on a zone or on the order of rows are luck, not evidence.
    lab = copy_lab(tmp_path / "lab")
    rename(lab, {f"c{number}": f"carrier-{chr(ord('z') - number)}" for number in range(1, 9)})
    shift(lab, days=40)
    shuffle(lab, seed=7)
    with short_folder() as temporary:
        result = answer_of(trunkline("demo", "--lab", lab, "--json", TMPDIR=str(temporary)))
    assert result["path_correct"] == result["origin_correct"] == result["answered"] == 82
    assert (result["records_found"], result["false_faults"]) == (318, 0)


# --- what breaks traces -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made_deployment():
    """A deployment after its ceremony; nothing of it runs."""
    with short_folder() as folder:
        deployment = LocalDeployment(folder, end_with_parent=True)
        deployment.create(Terms("keys"), [])
        yield deployment


@pytest.mark.parametrize(
    ("service", "key"),
    [
        ("labels", "authority/labels/label.key"),
        ("membership", "authority/membership/issuer.key"),
        ("authorization", "authority/authorization/label-signature.key"),
        ("accountability", "authority/accountability/opener.key"),
        ("record-store", "record-store/store.key"),
    ],
)
def test_service_without_its_key_does_not_start_and_names_the_file(made_deployment, service, key):
    # A service that made up a key, or did without, would not be the one that the parameters name.
    path = made_deployment.directory / key
    hidden = path.rename(path.with_suffix(".hidden"))
    try:
        with pytest.raises(UnavailableError, match=rf"{service} ended .*{path.name}"):
            made_deployment.restart(service)
    finally:
        made_deployment.stop()
        hidden.rename(path)


@contextmanager
def tampering_proxy(run: LabRun) -> Iterator[str]:
    """Stands between carriers and store, with a certificate they trust, and flips a bit of every ct1."""
    directory = run.deployment.directory
    tls = issue_certificate(directory / "root" / "tls", "proxy", ["127.0.0.1"], directory / "proxy")
    port = tomllib.loads((directory / "record-store" / "config.toml").read_text())["port"]
    trust = ssl.create_default_context(cafile=str(directory / "public" / "ca.pem"))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/v1/contributions":
                body = Contribution(flip_ct1(Contribution.decode(body).records)).encode()
            passed = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            answer = httpx.post(
                f"https://127.0.0.1:{port}{self.path}", content=body, headers=passed, verify=trust
            )
            self.send_response(answer.status_code)
            self.send_header("content-type", answer.headers["content-type"])
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_flipped_byte_of_every_ct1_on_the_way_leaves_nothing_to_trace(tmp_path):
    # Records whose ciphertext is not under the signature could be exchanged by whoever carries them.
    with lab_run(chain_lab(tmp_path / "lab", CALLS)) as run:
        run.start()
        with tampering_proxy(run) as url:
            for name in CHAIN:
                path = run.deployment.carrier_config(name)
                config = tomllib.loads(path.read_text())
                config["carrier"]["record_store_url"] = url
                path.write_text(tomli_w.dumps(config))
            run.enrol()
            totals = run.contribute()
            assert (totals["acknowledged"], totals["quarantined"]) == (0, CALLS * len(CHAIN))
            traced = run.trace_all(run.answered())
        result = score(run.lab, traced)
        assert (result.traced, result.path_correct, result.origin_correct) == (CALLS, 0, 0)


@pytest.fixture(scope="module")
def broken_encryption(tmp_path_factory):
    """A chain in which one carrier flips a byte of every ct1 before it signs: the store cannot tell."""
    make = RecordMaker.make

    def make_broken(self: RecordMaker, filings: object) -> list[bytes]:
        packed = self.sign_again(flip_ct1(b"".join(make(self, filings))))
        return [packed[start : start + RECORD_SIZE] for start in range(0, len(packed), RECORD_SIZE)]

    with lab_run(chain_lab(tmp_path_factory.mktemp("broken") / "lab", CALLS)) as run:
        run.start()
        run.deployment.enrol(CHAIN)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(RecordMaker, "make", make_broken)
            Agent(load_config(run.deployment.carrier_config(BROKEN), CarrierConfig)).contribute_all()
        run.deployment.start_carriers(CHAIN)
        run.contribute()
        yield run


def trace_first(run: LabRun) -> SimpleNamespace:
    call = run.answered()[0]
    result = run.trace(call, case="a complaint")
    return SimpleNamespace(
        report=result["report"],
        store_faults=result["store_faults"],
        summary=run.summary(call, result),
        bundle=TraceBundle.decode(result["bundle"].encode()),
    )


def test_carrier_that_flips_its_own_ct1_is_unreadable_and_found_out_by_a_report(broken_encryption):
    # A record that cannot be read, under a valid signature, is a way to take part and say nothing.
    found = trace_first(broken_encryption)
    assert len(found.report["unreadable"]) == 1
    assert found.summary.path == CHAIN
    assert found.summary.with_record == (True, True, False, True, True)

    config = load_config(broken_encryption.deployment.carrier_config("b5"), CarrierConfig)
    verdict = Verdict.decode(send_report(config, found.bundle).payload)
    [malformed] = [one for one in verdict.findings if one.kind == "malformed"]
    assert malformed.carrier == provider_id("lab", BROKEN).value
    assert [record.hex() for record in malformed.records] == found.report["unreadable"]


def test_truth_that_is_wrong_lowers_the_score_and_changes_no_trace(broken_encryption):
    # If traces could see the truth, a wrong one would lead them astray instead of being caught.
    run = broken_encryption
    calls = run.answered()
    before = run.trace_all(calls)
    right = score(run.lab, before)
    assert (right.path_correct, right.origin_correct) == (CALLS, CALLS)

    def lie(row: dict[str, str]) -> None:
        if row["call_id"] == "N0":
            row["path"] = ">".join(["b2", "b1", *CHAIN[2:]])

    edit_truth(run.lab, lie)
    after = run.trace_all(calls)
    assert after == before
    wrong = score(run.lab, after)
    assert (wrong.path_correct, wrong.origin_correct) == (CALLS - 1, CALLS - 1)


def test_stored_record_with_a_flipped_bit_is_the_stores_fault_and_spares_its_neighbours(broken_encryption):
    # Without the check of each signature a store could rewrite what carriers said.
    run = broken_encryption
    before = trace_first(run)
    victim = bytes.fromhex(before.report["call"]["path"][1]["records"][0])

    run.deployment.processes.stop(["record-store"])
    store = KeyValueStore(
        run.deployment.directory / "record-store" / "data" / "records", {"records": INDEX_SIZE, "grants": 0}
    )
    try:
        every = store.scan("records", b"", b"\xff" * (RECORD_KEY_SIZE + 1), 1 << 20)
        [(key, value)] = [(key, value) for key, value in every if key.endswith(victim)]
        store.write("records", [(key, value[:-1] + bytes([value[-1] ^ 1]))])
    finally:
        store.close()
    run.deployment.restart("record-store")

    after = trace_first(run)
    assert len(after.store_faults) == 1
    assert after.summary.path == CHAIN
    assert after.summary.with_record == (True, False, False, True, True)
    assert after.summary.flagged == before.summary.flagged
