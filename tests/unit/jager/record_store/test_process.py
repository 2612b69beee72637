"""The record store as a process of its own: killed, out of disk, started twice."""

import json
import re
import resource
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from store_lab import AUDIENCE, REQUESTER, STORE_ID, WEEK, Lab
from typer.testing import CliRunner

from trunkline.cli.main import app
from trunkline.errors import UnavailableError
from trunkline.jager.messages.contribution import CONTRIBUTION_TYPE, Contribution, Receipt
from trunkline.jager.messages.retrieval import (
    NEW_ANSWER,
    RETRIEVAL_REQUEST_TYPE,
    RetrievalPage,
    RetrievalRequest,
    assemble_result,
)
from trunkline.jager.record_store.__main__ import main
from trunkline.service.client import ServiceClient
from trunkline.service.signatures import RequestAuth
from trunkline.service.tls import create_local_authority, issue_certificate

pytestmark = pytest.mark.network


@pytest.fixture
def live(keys, tmp_path):
    """A lab whose parameters are valid by the real clock, and a function that starts its store."""
    now = int(time.time())
    lab = Lab(keys, tmp_path, not_before=now - 86_400, not_after=now + 86_400)
    lab.period = now // WEEK
    with socket.create_server(("127.0.0.1", 0)) as probe:
        lab.port = probe.getsockname()[1]
    config = lab.write_files()
    trusted = create_local_authority(tmp_path / "ca")
    tls = issue_certificate(tmp_path / "ca", "store", ["127.0.0.1"], tmp_path)
    (tmp_path / "config.toml").write_text(
        f'parameters = "parameters.json"\nregistry = "registry.json"\ndata_dir = "data"\nport = {lab.port}\n'
        f'root_fingerprint = "{config.root_fingerprint}"\n'
        f'tls_certificate = "{tls.certificate.name}"\ntls_key = "{tls.key.name}"\n'
        f'[record_store]\nid = "{STORE_ID.hex()}"\nkey = "store.key"\n'
    )
    lab.processes = []
    lab.url, lab.trusted = f"https://127.0.0.1:{lab.port}", trusted
    lab.client = ServiceClient(lab.url, ca_file=trusted, attempts=1)

    def start(before=None):
        process = subprocess.Popen(
            [sys.executable, "-m", "trunkline.jager.record_store", "--config", str(tmp_path / "config.toml")],
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=before,
        )
        lab.processes.append(process)
        for line in process.stderr:
            if json.loads(line)["event"] == "ready":
                return process
        raise AssertionError("the store did not start")

    yield lab, start
    lab.client.close()
    for process in lab.processes:
        process.kill()
        process.communicate()


def contribute(lab, records) -> Receipt:
    answer = lab.client.post("/v1/contributions", Contribution(b"".join(records)).encode(), CONTRIBUTION_TYPE)
    receipt = Receipt.decode(answer.content)
    receipt.verify(lab.store_key.public_key)
    return receipt


def retrieve(lab, indices):
    """The first page under a new grant, and the grant."""
    now = int(time.time())
    grant = lab.grant(indices, not_before=now, expiry=now + 3600)
    request = RetrievalRequest(grant, NEW_ANSWER, 0, tuple(sorted(indices)))
    auth = RequestAuth(lab.requester, REQUESTER.hex, AUDIENCE)
    client = ServiceClient(lab.url, ca_file=lab.trusted, auth=auth, attempts=1)
    try:
        answer = client.post("/v1/retrievals", request.encode(), RETRIEVAL_REQUEST_TYPE)
    finally:
        client.close()
    return RetrievalPage.decode(answer.content), grant


def stored(lab, records) -> set[bytes]:
    page, grant = retrieve(lab, [record[14:46] for record in records])
    return {one.record.data for one in assemble_result([page], grant, lab.parameters).records}


def test_every_acknowledged_record_survives_kill_9(live):
    lab, start = live
    records = lab.records(60, period=lab.period)
    acknowledged = []
    for number in range(3):
        process = start()
        for at in range(number * 20, number * 20 + 20, 5):
            acknowledged += records[at : at + 5]
            assert len(contribute(lab, records[at : at + 5]).keys) == 5
        process.send_signal(signal.SIGKILL)
        process.wait()
    start()
    assert stored(lab, acknowledged) == set(acknowledged)
    # And sending one again after the crash doubles nothing.
    contribute(lab, records[:1])
    assert stored(lab, records[:1]) == {records[0]}


def test_kill_9_in_the_middle_of_contributions_loses_nothing_acknowledged(live):
    lab, start = live
    process = start()
    records = lab.records(200, period=lab.period)
    acknowledged = []
    kill_after = 3 + secrets.randbelow(10)
    for at in range(0, 200, 10):
        if at // 10 == kill_after:
            process.send_signal(signal.SIGKILL)
        try:
            contribute(lab, records[at : at + 10])
        except UnavailableError:
            break
        acknowledged += records[at : at + 10]
    process.wait()
    start()
    assert len(acknowledged) >= 30
    assert stored(lab, acknowledged) == set(acknowledged)


def test_backup_made_during_contributions_brings_back_all_that_was_acknowledged_before(live, tmp_path):
    lab, start = live
    process = start()
    records, acknowledged, stop = lab.records(400, period=lab.period), [], threading.Event()

    def contribute_on():
        for at in range(0, len(records), 5):
            contribute(lab, records[at : at + 5])
            acknowledged.extend(records[at : at + 5])
            if stop.is_set():
                return

    contributing = threading.Thread(target=contribute_on)
    contributing.start()
    while len(acknowledged) < 20:
        assert contributing.is_alive()
    before = list(acknowledged)
    run = CliRunner().invoke(app, ["record-store", "backup", *_options(tmp_path), "--to", f"{tmp_path}/copy"])
    stop.set()
    contributing.join()
    assert (run.exit_code, json.loads(run.stdout.splitlines()[-1])["files"] > 3) == (0, True)
    process.kill()
    process.wait()
    (tmp_path / "data").rename(tmp_path / "lost")
    run = CliRunner().invoke(
        app, ["record-store", "restore", *_options(tmp_path), "--from", f"{tmp_path}/copy"]
    )
    assert run.exit_code == 0
    run = CliRunner().invoke(app, ["record-store", "check", *_options(tmp_path)])
    assert json.loads(run.stdout.splitlines()[-1])["entries"] >= len(before)
    start()
    assert stored(lab, before) == set(before)


def _options(folder):
    return ["--config", str(folder / "config.toml"), "--json"]


def test_disk_full_is_told_nothing_is_acknowledged_and_what_was_is_kept(live):
    lab, start = live
    limit = 512 * 1024

    def small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = start(small_disk)
    records = lab.records(900, period=lab.period)
    acknowledged = []
    batches = iter([records[at : at + 100] for at in range(0, 900, 100)])

    def contribute_until_refused():
        for batch in batches:
            contribute(lab, batch)
            acknowledged.extend(batch)

    with pytest.raises(UnavailableError, match="503"):
        contribute_until_refused()
    assert acknowledged
    with pytest.raises(UnavailableError, match="503"):
        lab.client.get("/ready")
    assert lab.client.get("/health").json() == {"status": "ok"}
    # A grant is counted before it is answered, so retrievals are put off as well.
    with pytest.raises(UnavailableError, match="503"):
        retrieve(lab, [acknowledged[0][14:46]])
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    start()
    assert stored(lab, acknowledged) == set(acknowledged)
    assert len(contribute(lab, records[-100:]).keys) == 100


def test_store_starts_once_and_ends_on_sigterm(live, capsys):
    lab, start = live
    process = start()
    assert main(["--config", str(lab.directory / "config.toml")]) == 1
    assert re.search("record-store: .* in use by another process", capsys.readouterr().err)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_unusable_configuration_ends_with_a_message(tmp_path, capsys):
    assert main(["--config", str(tmp_path / "none.toml")]) == 1
    assert "record-store: cannot read the configuration" in capsys.readouterr().err
