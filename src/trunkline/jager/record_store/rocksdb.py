"""RocksDB as a durable map from bytes to bytes: bounded memory, typed errors, recovery from a full disk.

A write returns when it is in the synchronised log. The log's last entry may be torn by a crash, which is
then one that nobody was told about; damage anywhere else is an error and never skipped silently.
"""

import contextlib
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
from rocksdict import (
    AccessType,
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    Checkpoint,
    CompactOptions,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    Rdict,
    ReadOptions,
    SliceTransform,
    WriteBatch,
    WriteOptions,
)

from trunkline.errors import StorageError

# Room for the filters and indices of some twenty million records; of more, for those in use.
_BLOCK_CACHE = 128 * 1024 * 1024
_WRITE_BUFFER = 16 * 1024 * 1024
_WRITE_BUFFERS_TOTAL = 48 * 1024 * 1024
_MAX_OPEN_FILES = 256
_BYTES_A_SYNC = 1024 * 1024
_MAX_LOG_TOTAL = 64 * 1024 * 1024
_BLOOM_BITS = 10
_BLOCK_SIZE = 16 * 1024
# What merging may write in a second: it must leave the disk to the log's synchronisations and to reads.
_MERGE_RATE = 96 * 1024 * 1024
_RATE_PERIOD_US = 20_000
_RATE_FAIRNESS = 10  # RocksDB's default
_PAIRS_A_WRITE = 256  # about a millisecond
_MEMTABLE_BLOOM = 0.05  # of the write buffer
_ENTRIES_A_STEP = 10_000
_READAHEAD = 1024 * 1024
_INFO_LOG_SIZE = 1024 * 1024
# Both kinds take RocksDB some microseconds to tell.
_PROPERTIES = {
    "live_data_bytes": "estimate-live-data-size",
    "table_files_bytes": "total-sst-files-size",
    "write_buffers_bytes": "size-all-mem-tables",
    "pending_compaction_bytes": "estimate-pending-compaction-bytes",
    "keys": "estimate-num-keys",
    "level0_files": "num-files-at-level0",
}
_SHARED_PROPERTIES = {
    "block_cache_bytes": "block-cache-usage",
    "running_compactions": "num-running-compactions",
    "writes_stopped": "is-write-stopped",
    "delayed_write_rate": "actual-delayed-write-rate",
    "background_errors": "background-errors",
}

_logger = structlog.get_logger(__name__)


class KeyValueStore:
    """One RocksDB database with named families of keys. Safe to share between threads, not between processes.

    After a write has failed, RocksDB refuses all further ones until it is opened again. That is done here,
    at the first write after there is room again; reading goes on in the meantime.
    """

    def __init__(self, path: Path, families: Mapping[str, int], *, read_only: bool = False) -> None:
        """Open the database, making it when it is not there.

        Args:
            path: Its directory.
            families: The families of keys by name; for each, the length of the prefix that `keys_under`
                looks keys up by, or 0.
            read_only: Open one that is there, and that nobody writes to meanwhile; several processes may.

        Raises:
            StorageError: It is in use by another process, damaged, or cannot be made.
        """
        self._path = path
        self._families = dict(families)
        self._read_only = read_only
        self._pid = os.getpid()
        self._gate = threading.Condition()
        self._readers = 0
        self._write_lock = threading.Lock()
        self._write_failed = False
        self._closed = False
        self._database: _Database | None = None
        try:
            if not read_only:
                path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._database = _Database(path, self._families, read_only=read_only)
        except Exception as error:  # rocksdict raises plain Exception for every failure
            raise _storage_error("open", error) from error

    def get(self, family: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of keys, None where there is none."""
        with self._reading("read") as database:
            values: Any = database.families[family].get(list(keys))
            return list(values)

    def keys_under(self, family: str, starts: Sequence[bytes], limit: int) -> list[bytes]:
        """Return up to `limit` keys: for each start, those of its prefix that are not before it."""
        found: list[bytes] = []
        with self._reading("read") as database:
            prefix_size = self._families[family]
            options = _walking()
            options.set_prefix_same_as_start(True)
            walker = database.families[family].iter(options)
            try:
                for start in starts:
                    walker.seek(start)
                    while len(found) < limit and walker.valid():
                        key = walker.key()
                        if key[:prefix_size] != start[:prefix_size]:
                            break
                        found.append(key)
                        walker.next()
                    walker.status()
            finally:
                del walker  # a traceback would keep it, and with it the database, open
        return found

    def occupied(self, family: str, starts: Sequence[bytes]) -> list[int]:
        """Return the positions of those starts for which `keys_under` would find a key."""
        found: list[int] = []
        with self._reading("read") as database:
            prefix_size = self._families[family]
            options = _walking()
            options.set_prefix_same_as_start(True)
            walker = database.families[family].iter(options)
            try:
                for position, start in enumerate(starts):
                    walker.seek(start)
                    if walker.valid() and walker.key()[:prefix_size] == start[:prefix_size]:
                        found.append(position)
                walker.status()
            finally:
                del walker  # as above
        return found

    def scan(self, family: str, start: bytes, end: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """Return up to `limit` pairs with start <= key < end, in the order of the keys."""
        found: list[tuple[bytes, bytes]] = []
        with self._reading("read") as database:
            options = _walking()
            options.set_total_order_seek(True)
            walker = database.families[family].iter(options)
            try:
                walker.seek(start)
                while len(found) < limit and walker.valid():
                    key = walker.key()
                    if key >= end:
                        break
                    found.append((key, walker.value()))
                    walker.next()
                walker.status()
            finally:
                del walker  # as above
        return found

    def scan_keys(self, family: str, start: bytes, limit: int) -> list[bytes]:
        """Return up to `limit` keys from one on, in order. What others look up stays in the cache."""
        found: list[bytes] = []
        with self._reading("read") as database:
            options = _walking()
            options.set_total_order_seek(True)
            options.fill_cache(False)  # type: ignore[call-arg]  # noqa: FBT003 - the stubs lack the argument
            options.set_readahead_size(_READAHEAD)
            walker = database.families[family].iter(options)
            try:
                walker.seek(start)
                while len(found) < limit and walker.valid():
                    found.append(walker.key())
                    walker.next()
                walker.status()
            finally:
                del walker  # as above
        return found

    def last_below(self, family: str, end: bytes) -> tuple[bytes, bytes] | None:
        """Return the pair with the greatest key that is less than or equal to `end`, or None."""
        with self._reading("read") as database:
            walker = database.families[family].iter(_walking())
            try:
                walker.seek_for_prev(end)
                found = (walker.key(), walker.value()) if walker.valid() else None
                walker.status()
            finally:
                del walker  # as above
        return found

    def write(
        self,
        family: str,
        puts: Iterable[tuple[bytes, bytes]] = (),
        deletes: Iterable[bytes] = (),
        *,
        durable: bool = True,
    ) -> None:
        """Write a batch: all of it or nothing.

        Args:
            family: The family of all the keys.
            puts: Pairs to store.
            deletes: Keys to remove.
            durable: Wait until it is on the disk.

        Raises:
            StorageError: It is not certain that the batch is stored; it must not be acknowledged.
        """
        with self._write_lock:
            self._check_usable()
            if self._read_only:
                raise StorageError("the database was opened for reading only")
            if self._write_failed:
                self._open_again()
            try:
                with self._reading("write") as database:
                    batch = database.batch(family, puts, deletes)
                    database.root.write(batch, database.synchronised if durable else database.buffered)
            except StorageError:
                self._write_failed = True
                raise

    def put_all(self, family: str, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Store pairs, however many; on return all of them survive any crash.

        The library keeps the interpreter to itself while it writes, but not while it synchronises the log.

        Raises:
            StorageError: It is not certain which of them are stored; none may be acknowledged.
        """
        for start in range(0, len(pairs), _PAIRS_A_WRITE):
            self.write(family, pairs[start : start + _PAIRS_A_WRITE], durable=False)
        self._synchronise()

    def _synchronise(self) -> None:
        with self._write_lock:
            self._check_usable()
            if self._write_failed:
                raise StorageError("another write failed before this one was safe; it is tried again")
            try:
                with self._reading("write") as database:
                    database.root.flush_wal(sync=True)
            except StorageError:
                self._write_failed = True
                raise

    def merge(self, family: str) -> None:
        """Merge all tables of a family, beside all other work, so that what is deleted gives back its space.

        Raises:
            StorageError: The disk is full, or something is damaged.
        """
        with self._reading("merge") as database:
            options = CompactOptions()
            options.set_exclusive_manual_compaction(False)  # writes would pile up behind it
            database.families[family].compact_range(None, None, options)

    def snapshot(self, path: Path) -> None:
        """Make a copy of the database as it is now, of hard links to its files.

        Args:
            path: A folder that does not exist, on the same file system.

        Raises:
            StorageError: It could not be made.
        """
        with self._reading("copy") as database:
            # Making the copy writes out what is in memory, and keeps the interpreter to itself meanwhile.
            for family in database.families.values():
                family.flush()
            Checkpoint(database.root).create_checkpoint(str(path))

    def verify(self, step: Callable[[int], None]) -> None:
        """Read everything, which checks the checksum of every block.

        Args:
            step: Is told how many more entries were read.

        Raises:
            StorageError: Something is damaged.
        """
        for family in self._families:
            start = b""
            while keys := self.scan_keys(family, start, _ENTRIES_A_STEP):
                step(len(keys))
                start = keys[-1] + b"\x00"

    def check(self) -> None:
        """Check that the database can be read and, as far as is known, written.

        Raises:
            StorageError: It cannot.
        """
        with self._reading("read") as database:
            database.root.get(b"")
        if self._write_failed:
            raise StorageError("the last write failed; the disk is probably full")

    def measurements(self) -> dict[str, float]:
        """Return what RocksDB says of itself, by the names of `_PROPERTIES`, all families together."""
        with self._reading("read") as database:
            families = [database.root, *database.families.values()]
            found = {
                name: float(sum(family.property_int_value(f"rocksdb.{one}") or 0 for family in families))
                for name, one in _PROPERTIES.items()
            }
            found |= {
                name: float(database.root.property_int_value(f"rocksdb.{one}") or 0)
                for name, one in _SHARED_PROPERTIES.items()
            }
        return found | {"write_failed": float(self._write_failed)}

    def close(self) -> None:
        """Close the database; everything afterwards is a `StorageError`."""
        with self._gate:
            self._closed = True
            self._gate.wait_for(lambda: self._readers == 0)
            database, self._database = self._database, None
        if database is not None and os.getpid() == self._pid:
            try:
                database.close()
            except Exception as error:  # noqa: BLE001 - rocksdict's class; what was acknowledged is safe
                _logger.warning("closing the database failed", reason=str(error))

    def _check_usable(self) -> None:
        if os.getpid() != self._pid:
            # RocksDB would let a forked child write without an error, and lose it.
            raise StorageError("the database belongs to the process that opened it, not to a fork of it")
        if self._closed:
            raise StorageError("the database is closed")

    @contextlib.contextmanager
    def _reading(self, what: str) -> Iterator["_Database"]:
        """Give the open database, and keep it open meanwhile."""
        with self._gate:
            self._check_usable()
            if self._database is None:
                raise StorageError("the database could not be opened again after a failed write")
            database = self._database
            self._readers += 1
        try:
            yield database
        except Exception as error:
            raise _storage_error(what, error) from error
        finally:
            with self._gate:
                self._readers -= 1
                self._gate.notify_all()

    def _open_again(self) -> None:
        self._probe_room()
        with self._gate:
            self._gate.wait_for(lambda: self._readers == 0)
            if self._database is not None:
                # Closing reports the failed write once more, but it does close.
                with contextlib.suppress(Exception):
                    self._database.close()
                self._database = None
            try:
                self._database = _Database(self._path, self._families)
            except Exception as error:
                raise _storage_error("open", error) from error
            self._write_failed = False
        _logger.info("database opened again after a failed write")

    def _probe_room(self) -> None:
        """Write as much as opening again will write; on a disk still full, readers keep what is open."""
        probe = self._path / f"probe-{secrets.token_hex(4)}"
        try:
            try:
                with probe.open("xb") as file:
                    for _ in range(_WRITE_BUFFER // _INFO_LOG_SIZE):
                        file.write(bytes(_INFO_LOG_SIZE))
                    file.flush()
                    os.fsync(file.fileno())
            finally:
                probe.unlink(missing_ok=True)
        except OSError as error:
            raise _storage_error("write", error) from error


class _Database:
    """The open handles of one database. RocksDB closes only when the last of them is gone."""

    def __init__(self, path: Path, families: Mapping[str, int], *, read_only: bool = False) -> None:
        cache = Cache(_BLOCK_CACHE)
        # The default family is always there and stays empty.
        options = {name: _options(cache, prefix_size) for name, prefix_size in families.items()}
        access = AccessType.read_only() if read_only else AccessType.read_write()
        self.root = Rdict(str(path), _options(cache, 0), options, access)
        self.families = {name: self.root.get_column_family(name) for name in families}
        self.handles = {name: self.root.get_column_family_handle(name) for name in families}
        self.synchronised = WriteOptions()
        self.synchronised.sync = True
        self.buffered = WriteOptions()

    def batch(self, family: str, puts: Iterable[tuple[bytes, bytes]], deletes: Iterable[bytes]) -> WriteBatch:
        handle = self.handles[family]
        batch = WriteBatch(raw_mode=True)
        for key, value in puts:
            batch.put(key, value, handle)
        for key in deletes:
            batch.delete(key, handle)
        return batch

    def close(self) -> None:
        self.families.clear()
        self.handles.clear()
        root = self.root
        del self.root
        root.close()


def _walking() -> ReadOptions:
    options = ReadOptions()
    # What merging left behind is removed by RocksDB's threads, not by readers with the interpreter's lock.
    options.set_background_purge_on_iterator_cleanup(True)
    return options


def _options(cache: Cache, prefix_size: int) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(create_if_missing=True)
    options.create_missing_column_families(create_missing_cfs=True)
    options.set_paranoid_checks(True)
    options.set_wal_recovery_mode(DBRecoveryMode.tolerate_corrupted_tail_records())
    options.set_write_buffer_size(_WRITE_BUFFER)
    options.set_db_write_buffer_size(_WRITE_BUFFERS_TOTAL)
    options.set_max_total_wal_size(_MAX_LOG_TOTAL)
    options.set_max_open_files(_MAX_OPEN_FILES)
    # Tables go to the disk while they are written; all at once at their end, they would hold up the log.
    options.set_bytes_per_sync(_BYTES_A_SYNC)
    # One writes buffers out and two merge, so that new tables do not wait behind old ones.
    options.set_max_background_jobs(3)
    options.set_ratelimiter(_MERGE_RATE, _RATE_PERIOD_US, _RATE_FAIRNESS)
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(_INFO_LOG_SIZE)
    options.set_stats_dump_period_sec(0)
    # Ciphertexts and hashes do not compress.
    options.set_compression_type(DBCompressionType.none())
    options.set_level_compaction_dynamic_level_bytes(True)
    table = BlockBasedOptions()
    table.set_block_cache(cache)
    table.set_bloom_filter(_BLOOM_BITS, block_based=False)
    # Blocks of some twenty records: a look-up reads little more, and the index takes a quarter of the memory.
    table.set_block_size(_BLOCK_SIZE)
    # Indices and filters grow with the number of records; in the cache they are bounded like all else.
    table.set_index_type(BlockBasedIndexType.two_level_index_search())
    table.set_partition_filters(True)
    table.set_cache_index_and_filter_blocks(True)
    table.set_pin_l0_filter_and_index_blocks_in_cache(True)
    table.set_format_version(5)
    options.set_block_based_table_factory(table)
    if prefix_size:
        # Filters then also answer, without reading the disk, that nothing is under a prefix.
        options.set_memtable_prefix_bloom_ratio(_MEMTABLE_BLOOM)
        options.set_prefix_extractor(SliceTransform.create_fixed_prefix(prefix_size))
    return options


def _storage_error(what: str, error: Exception) -> StorageError:
    if isinstance(error, StorageError):
        return error
    text = str(error)
    if "/LOCK" in text:
        return StorageError("the database is in use by another process; stop that one first")
    if "Corruption" in text:
        return StorageError(f"the database is damaged (cannot {what}); restore it from a copy: {text[:200]}")
    return StorageError(f"cannot {what} the database: {text[:200]}")
