"""What an agent leaves in its log and its quarantine file when all goes well and when much goes wrong."""

import contextlib
import subprocess
import sys

import pytest
from carrier_http import HttpDeployment
from carrier_rows import expected_idx, row

from trunkline.errors import NumberError, TrunklineError
from trunkline.jager.carrier.control import ControlClient
from trunkline.jager.carrier.trace_query import TraceQuery
from trunkline.telephony.source import load_sources

pytestmark = pytest.mark.network


@pytest.fixture
def deployment(miniature, tmp_path):
    deployment = HttpDeployment(miniature, tmp_path)
    yield deployment
    deployment.close()


def _run_a_bad_day(deployment):
    """Contribute good and bad rows over services that fail at first, trace in vain; return the log."""
    miniature = deployment.miniature
    bad = row(miniature, 7, trunk="2025559999") + row(miniature, 8).replace('"+12025550008"', '"20255x0008"')
    (deployment.folder / "Master.csv").write_text("".join(row(miniature, n) for n in range(5)) + bad)
    failing = {"/v1/labels", "/v1/contributions"}

    def fail_once(path, answered):
        if path in failing and not answered:
            failing.remove(path)
            raise ConnectionAbortedError

    deployment.hook = fail_once
    deployment.more["/v1/authorizations"] = lambda _body: b"no authorization"
    process = subprocess.Popen(
        [sys.executable, "-m", "trunkline.jager.carrier", "--config", str(deployment.config_file)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        first = process.stderr.readline()
        while "ready" not in first:
            first += process.stderr.readline()
        control = ControlClient(deployment.config.carrier.control_socket)
        control.call("contribute", {"finish": True})
        query = TraceQuery.of_text("+12025550101", "+12025550001", str(miniature.now))
        with pytest.raises(TrunklineError):
            control.call("trace", query.to_json())
        with pytest.raises(NumberError):
            control.call("trace", query.to_json() | {"dst": "20255x0001"})
        process.terminate()
        return first + process.communicate(timeout=60)[1]
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


def test_log_and_quarantine_carry_no_number_label_or_key(deployment):
    log = _run_a_bad_day(deployment)
    quarantine = (deployment.folder / "data" / "quarantine.csv").read_text()
    assert "ready" in log
    assert len(quarantine.splitlines()) == 3
    sources = load_sources(deployment.folder / "sources.toml")
    secret = {one.hex() for one in expected_idx(deployment.miniature, sources)}
    secret |= {record.idx.hex() for record in deployment.miniature.store.records.values()}
    secret |= {path.read_text().split()[-1] for path in deployment.folder.glob("**/*.key")}
    assert len(secret) > 8
    for text in (log, quarantine):
        assert "20255" not in text
        assert not [one for one in secret if one in text]
