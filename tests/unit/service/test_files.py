import subprocess
import sys

import pytest

from trunkline.errors import StorageError
from trunkline.service.files import lock_directory, write_atomically


def test_write_atomically_replaces_content_and_sets_mode(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    write_atomically(path, b"new", mode=0o640)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_write_atomically_in_missing_directory_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="cannot write"):
        write_atomically(tmp_path / "none" / "file", b"x")


def test_lock_directory_refuses_another_process_until_released(tmp_path):
    script = (
        "import sys, pathlib\n"
        "from trunkline.service.files import lock_directory\n"
        "from trunkline.errors import StorageError\n"
        "try:\n"
        "    with lock_directory(pathlib.Path(sys.argv[1])): pass\n"
        "except StorageError as error: sys.exit(str(error))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "data")]
    with lock_directory(tmp_path / "data"):
        refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "in use by another process" in refused.stderr
    assert subprocess.run(command, check=False).returncode == 0
