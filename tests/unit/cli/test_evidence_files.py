"""Files that commands write and read: evidence is the owner's alone, and what fails is said in words."""

import socket
import stat
import sys

import pytest

from trunkline.cli import carrier, main
from trunkline.cli.doctor import _check_service
from trunkline.errors import StorageError

VERDICT = b"{}"


class Verdict:
    """A signed document, as far as writing it goes."""

    payload = b'{"kind": "report", "time": 1, "openings": [], "findings": []}'

    def encode(self):
        return VERDICT


def test_result_and_verdict_are_readable_by_their_owner_only(tmp_path, monkeypatch):
    # They hold the two numbers and the time of a call.
    monkeypatch.setattr(carrier, "_load", lambda _path: None)
    monkeypatch.setattr(carrier, "_trace", lambda _config, _query: {"bundle": "{}", "report": {}})
    monkeypatch.setattr(carrier, "_say", lambda _config, _result, _svg: None)
    result, verdict = tmp_path / "result.json", tmp_path / "verdict.json"
    carrier.trace(tmp_path, calling="+12025550123", called="+14155550102", at="1795297332", out=result)
    carrier._keep_verdict(Verdict(), verdict, as_json=False)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (result, verdict)} == {0o600}


def test_result_in_a_folder_that_is_not_there_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match=r"cannot write .*missing"):
        carrier._keep_verdict(Verdict(), tmp_path / "missing" / "verdict.json", as_json=False)


def test_file_that_the_system_refuses_is_said_without_a_traceback(monkeypatch, capsys, tmp_path):
    def refuse():
        raise PermissionError(13, "Permission denied", str(tmp_path / "Master.csv"))

    monkeypatch.setattr(main, "app", refuse)
    monkeypatch.setattr(sys, "argv", ["trunkline", "cdr", "inspect", "Master.csv", "--json"])
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 1
    told = capsys.readouterr()
    assert '"error": "storage"' in told.out
    assert "Master.csv: Permission denied" in told.out
    assert "Traceback" not in told.err


@pytest.mark.parametrize("url", ["https://127.0.0.1:99999", "https://no such host"])
def test_doctor_says_that_an_address_cannot_be_reached(url):
    (finding,) = _check_service("labels", url, None)
    assert (finding.level, finding.code) == ("error", "port-closed")


def test_doctor_says_that_the_ca_file_cannot_be_used(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        (finding,) = _check_service("labels", url, tmp_path / "missing.pem")
    assert finding.code == "ca-file"
    assert "missing.pem" in finding.message
