"""Copies of an embedded record store, made while it runs, and stores made of them.

A backup is a folder: the database's files, `registry-serial`, and `backup.json` with the checksums of all of
them, which is written last. It has the records, the quotas, and which grants were answered. It does not have
the nonces of requests, which are good for minutes, nor any key.

The database belongs to the store's process. The command that wants a copy leaves a request in the data
directory; the store answers with a folder of hard links, which is made in a moment and takes no room, or
with a file that says why not. The command copies that folder to where the backup goes, and removes it.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import structlog
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from trunkline.errors import ConfigurationError, ConflictError, StorageError, TrunklineError, UnavailableError
from trunkline.jager.messages.signed_document import Bytes16
from trunkline.jager.record_store.config import RecordStoreConfig
from trunkline.jager.record_store.rocks_engine import RECORDS_FOLDER, RocksEngine
from trunkline.service.clock import Clock
from trunkline.service.files import lock_directory, write_atomically

MANIFEST = "backup.json"
MANIFEST_LIMIT = 64 * 1024 * 1024

_REGISTRY_SERIAL = "registry-serial"
_SNAPSHOTS = "snapshots"
_REQUEST, _REFUSAL, _DRAFT = ".request", ".refusal", ".draft"
_LOOK_S = 0.5
_ANSWER_S = 60.0
_CHUNK = 1024 * 1024

_logger = structlog.get_logger(__name__)

Step = Callable[[int], None]


class BackedUpFile(BaseModel):
    """One file of a backup."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(ge=0)
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """What a backup consists of.

    Attributes:
        version: The form of backups.
        store_id: The record store.
        made_at: Unix time; everything acknowledged before is in it.
        files: Its files, by their paths within it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = Field(default=1, ge=1, le=1)
    store_id: Bytes16
    made_at: int
    files: dict[Annotated[str, StringConstraints(pattern=r"^(records/)?[A-Za-z0-9._-]{1,64}$")], BackedUpFile]


class Snapshots:
    """The store's side: answers requests for a copy.

    Args:
        engine: The database.
        data_dir: The store's data directory.
    """

    def __init__(self, engine: RocksEngine, data_dir: Path) -> None:
        self._engine = engine
        self._folder = data_dir / _SNAPSHOTS
        # What a command left behind that did not end well keeps files from being given back.
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, stop: threading.Event) -> None:
        """Look for requests until told to stop."""
        while not stop.wait(_LOOK_S):
            self.answer()

    def answer(self) -> None:
        """Answer all requests that are there."""
        for request in self._folder.glob(f"*{_REQUEST}"):
            draft = request.with_suffix(_DRAFT)
            try:
                self._engine.snapshot(draft)
                draft.rename(request.with_suffix(""))
            except (TrunklineError, OSError) as error:
                _logger.warning("no snapshot made", reason=str(error))
                with contextlib.suppress(TrunklineError):
                    write_atomically(request.with_suffix(_REFUSAL), str(error).encode())
            request.unlink(missing_ok=True)


def back_up(config: RecordStoreConfig, target: Path, clock: Clock, step: Step, total: Step) -> Manifest:
    """Copy a store, running or not, to a new folder.

    Args:
        config: The store's configuration.
        target: Where the backup goes; must not exist or be empty.
        clock: The time of the backup.
        step: Is told how many more bytes were copied.
        total: Is told how many bytes there are.

    Raises:
        ConfigurationError: The store keeps its records in a cluster.
        ConflictError: The target is not empty.
        StorageError: The copy cannot be made or written.
        UnavailableError: The store runs but does not answer.
    """
    if config.cassandra is not None:
        raise ConfigurationError(
            "this store keeps its records in a cluster: nodetool makes snapshots of that"
        )
    _check_empty(target)
    with _storage_errors(), _snapshot(config.data_dir) as snapshot:
        made_at = int(clock())
        sources = {f"{RECORDS_FOLDER}/{path.name}": path for path in sorted(snapshot.iterdir())}
        serial = config.data_dir / _REGISTRY_SERIAL
        if serial.exists():
            sources[_REGISTRY_SERIAL] = serial
        total(sum(path.stat().st_size for path in sources.values()))
        (target / RECORDS_FOLDER).mkdir(parents=True, mode=0o700)
        files = {name: _copy(path, target / name, step) for name, path in sources.items()}
        manifest = Manifest(store_id=config.id, made_at=made_at, files=files)
        write_atomically(target / MANIFEST, manifest.model_dump_json().encode())
    return manifest


def restore(config: RecordStoreConfig, source: Path, step: Step, total: Step) -> Manifest:
    """Make a store's data of a backup.

    Args:
        config: The configuration of the store, which does not run and has no records.
        source: The backup.
        step: Is told how many more bytes were copied.
        total: Is told how many bytes there are.

    Raises:
        ConfigurationError: The backup is of another store, or the configuration is of one on a cluster.
        ConflictError: The store has records.
        StorageError: The backup is incomplete or damaged, or the data cannot be written.
    """
    if config.cassandra is not None:
        raise ConfigurationError("restore the backup to an embedded store, then migrate that to the cluster")
    manifest = _read_manifest(source)
    if manifest.store_id != config.id:
        raise ConfigurationError("the backup is of another record store: its id differs from record_store.id")
    with _storage_errors(), lock_directory(config.data_dir):
        if (config.data_dir / RECORDS_FOLDER).exists():
            raise ConflictError(f"{config.data_dir} has records already; restore to an empty data_dir")
        total(sum(file.size for file in manifest.files.values()))
        draft = config.data_dir / f"{RECORDS_FOLDER}{_DRAFT}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        for name, file in manifest.files.items():
            folder, _, base = name.rpartition("/")
            copied = _copy(source / name, (draft if folder else config.data_dir) / base, step)
            if copied != file:
                raise StorageError(
                    f"the backup is damaged: {name} differs from its checksum; use another one"
                )
        draft.rename(config.data_dir / RECORDS_FOLDER)
        with contextlib.closing(RocksEngine(config.data_dir / RECORDS_FOLDER)) as engine:
            engine.check()
    return manifest


def check_store(config: RecordStoreConfig, step: Step) -> None:
    """Check all checksums of a store that does not run.

    Args:
        config: Its configuration.
        step: Is told how many more entries were read.

    Raises:
        ConfigurationError: The store keeps its records in a cluster.
        StorageError: It runs, it has no records, or something is damaged.
    """
    if config.cassandra is not None:
        raise ConfigurationError("this store keeps its records in a cluster: nodetool verify checks those")
    if not (config.data_dir / RECORDS_FOLDER).exists():
        raise StorageError(f"there are no records in {config.data_dir}")
    with (
        lock_directory(config.data_dir),
        contextlib.closing(RocksEngine(config.data_dir / RECORDS_FOLDER, read_only=True)) as engine,
    ):
        engine.verify(step)


@contextlib.contextmanager
def _snapshot(data_dir: Path) -> Iterator[Path]:
    """A folder of hard links to the database's files; gone afterwards."""
    if not (data_dir / RECORDS_FOLDER).exists():
        raise StorageError(f"there are no records in {data_dir}")
    folder = data_dir / _SNAPSHOTS
    folder.mkdir(exist_ok=True, mode=0o700)
    snapshot = folder / secrets.token_hex(8)
    with contextlib.ExitStack() as held:
        held.callback(shutil.rmtree, snapshot, ignore_errors=True)
        try:
            held.enter_context(lock_directory(data_dir))
        except StorageError:
            _ask_for(snapshot)  # a store runs here
        else:
            with contextlib.closing(RocksEngine(data_dir / RECORDS_FOLDER)) as engine:
                engine.snapshot(snapshot)
        yield snapshot


def _ask_for(snapshot: Path) -> None:
    request, refusal = snapshot.with_suffix(_REQUEST), snapshot.with_suffix(_REFUSAL)
    deadline = time.monotonic() + _ANSWER_S
    try:
        request.touch(mode=0o600)
        while not snapshot.exists():
            if refusal.exists():
                raise StorageError(f"the store could not make a copy: {refusal.read_text()}")
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"a process holds {snapshot.parent.parent}, but no record store answers there"
                )
            time.sleep(_LOOK_S / 5)
    finally:
        request.unlink(missing_ok=True)
        refusal.unlink(missing_ok=True)


def _copy(source: Path, target: Path, step: Step) -> BackedUpFile:
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as reader, target.open("xb") as writer:
        os.fchmod(writer.fileno(), 0o600)
        while chunk := reader.read(_CHUNK):
            writer.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            step(len(chunk))
        writer.flush()
        os.fsync(writer.fileno())
    return BackedUpFile(size=size, sha256=digest.hexdigest())


def _read_manifest(source: Path) -> Manifest:
    try:
        with (source / MANIFEST).open("rb") as file:
            content = file.read(MANIFEST_LIMIT + 1)
        if len(content) > MANIFEST_LIMIT:
            raise StorageError(f"{MANIFEST} of the backup is too large")
        return Manifest.model_validate_json(content)
    except OSError as error:
        raise StorageError(
            f"{source} is no complete backup: it has no {MANIFEST} ({error.strerror})"
        ) from error
    except ValidationError as error:
        raise StorageError(f"{MANIFEST} of the backup is damaged or of a later release") from error


def _check_empty(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConflictError(f"{target} is not empty; give a new folder for each backup")


@contextlib.contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot copy {error.filename}: {error.strerror}") from error
