"""Following a source: new rows in, call records out, and a state that lets a crash lose or double nothing.

The caller stores a batch's records and its state in one transaction. If it does not come to that, a new
`Follower` made from the stored state reads the same rows again.
"""

import heapq
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Self

from trunkline.errors import CdrError, StorageError
from trunkline.telephony.assembly import CallBuilder
from trunkline.telephony.files import (
    FollowedFile,
    Item,
    matching_paths,
    newest_change_us,
    read_items,
    refresh,
)
from trunkline.telephony.model import CallRecord, Reject
from trunkline.telephony.readers.accounting import AccountingReader
from trunkline.telephony.readers.base import Position, Skip
from trunkline.telephony.readers.choose import assembler_of, reader_of
from trunkline.telephony.rows import Row
from trunkline.telephony.source import CdrSource
from trunkline.telephony.tables import (
    NO_TABLES,
    FollowedTable,
    TableItem,
    accounting_tables,
    open_read_only,
    read_table,
)

ROWS_PER_POLL = 5_000
_STATE_VERSION = 1
_STATE_LIMIT = 256 << 20


@dataclass(frozen=True, slots=True)
class FollowState:
    """What must be stored to go on where a batch ended.

    Attributes:
        files: Followed files.
        tables: Followed tables.
        pending: Rows of calls that are not complete, with the time of their reading.
        told: Troubles with whole files that were already reported.
    """

    files: tuple[dict[str, Any], ...] = ()
    tables: tuple[dict[str, Any], ...] = ()
    pending: tuple[tuple[int, tuple[Row, ...]], ...] = ()
    told: tuple[tuple[str, str], ...] = ()

    def to_bytes(self) -> bytes:
        """Return the state as JSON."""
        document = {
            "version": _STATE_VERSION,
            "files": self.files,
            "tables": self.tables,
            "pending": [(touched_us, [row.to_json() for row in rows]) for touched_us, rows in self.pending],
            "told": self.told,
        }
        return json.dumps(document, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote.

        Raises:
            StorageError: It is anything else, or of another version.
        """
        try:
            document = json.loads(data) if len(data) <= _STATE_LIMIT else None
            if not isinstance(document, dict) or document.pop("version") != _STATE_VERSION:
                raise StorageError(
                    "the stored state of a CDR source is not of this version: contribute it anew"
                )
            return cls(
                files=tuple(document["files"]),
                tables=tuple(document["tables"]),
                pending=tuple(
                    (int(touched_us), tuple(Row.from_json(values) for values in rows))
                    for touched_us, rows in document["pending"]
                ),
                told=tuple((str(file), str(reason)) for file, reason in document["told"]),
            )
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise StorageError(
                "the stored state of a CDR source cannot be read: contribute it anew"
            ) from error


@dataclass(frozen=True, slots=True)
class Batch:
    """What one poll brought.

    Attributes:
        records: Records of calls that are complete.
        rejects: Rows that gave no record, with the reason; for the quarantine file.
        state: What to store together with the records.
        rows_read: How many lines or rows were read, headers included.
        warnings: Rows that were taken although something about them is in doubt.
        skipped: How many rows told of no call, by reason.
        unknown_trunks: Trunks that are in no table, with how often calls met them.
        modified_us: When the newest of the source's files was last written; 0 if there is none.
        calls: How many calls were put together.
        more: More can be read at once.
    """

    records: list[CallRecord]
    rejects: list[Reject]
    state: FollowState
    rows_read: int
    warnings: list[Reject] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    unknown_trunks: dict[str, int] = field(default_factory=dict)
    modified_us: int = 0
    calls: int = 0
    more: bool = False


class Follower:
    """Follows one source.

    Args:
        source: The source.
        state: Where to go on; None to begin at the beginning.

    Raises:
        ConfigurationError: The source's options do not fit its format.
        StorageError: The state cannot be read.
    """

    def __init__(self, source: CdrSource, state: FollowState | None = None) -> None:
        self._source = source
        self._reader = reader_of(source)
        self._assembler = assembler_of(source)
        self._builder = CallBuilder(source)
        state = state or FollowState()
        self._files = [FollowedFile.from_json(values) for values in state.files]
        self._tables = [FollowedTable.from_json(values) for values in state.tables]
        self._told = set(state.told)
        self._modified_us = 0
        self._assembler.restore(state.pending)

    def poll(self, now_us: int, *, limit: int = ROWS_PER_POLL, finish: bool = False) -> Batch:
        """Read what is new, up to a limit, and return the calls that are complete.

        Trouble with a file (missing, unreadable, not what the source says) becomes a reject with line 0,
        once, and is tried again at the next poll.

        Args:
            now_us: This machine's clock, UTC microseconds; only its progress matters.
            limit: How many rows at most.
            finish: The files are finished: last lines without a line feed count, and no call waits for more
                rows once all have been read.
        """
        rejects: list[Reject] = []
        warnings: list[Reject] = []
        skipped: dict[str, int] = {}
        rows_read = 0
        with ExitStack() as stack:
            for item in self._items(stack, rejects, limit, finish=finish):
                rows_read += item.position.line != item.followed.position.line
                self._take(item, now_us, rejects, warnings, skipped)
                if rows_read >= limit:
                    break
        more = rows_read >= limit
        calls = self._assembler.release(now_us, finish=finish and not more, limit=limit)
        records: list[CallRecord] = []
        for rows in calls:
            built, refused = self._builder.records_of_call(rows)
            records += built
            rejects += refused
        rejects = self._only_new(rejects)
        unknown_trunks = dict(self._builder.unknown_trunks)
        self._builder.unknown_trunks.clear()
        return Batch(
            records=records,
            rejects=rejects,
            state=self._state(),
            rows_read=rows_read,
            warnings=warnings,
            skipped=skipped,
            unknown_trunks=unknown_trunks,
            modified_us=self._modified_us,
            calls=len(calls),
            more=more or (finish and self._assembler.waiting > 0),
        )

    def _items(
        self,
        stack: ExitStack,
        rejects: list[Reject],
        limit: int,
        *,
        finish: bool,
    ) -> Iterable[Item | TableItem]:
        try:
            paths = matching_paths(self._source.paths)
        except CdrError as error:
            rejects.append(Reject(self._source.paths[0], 0, str(error)))
            return ()
        self._modified_us = newest_change_us(paths)
        if not paths:
            rejects.append(Reject(self._source.paths[0], 0, "no file matches: check the source's paths"))
        streams: list[Iterator[Item | TableItem]]
        if isinstance(self._reader, AccountingReader) and self._source.format.endswith("sqlite"):
            streams = list(self._table_streams(stack, self._reader, paths, rejects, limit))
        else:
            self._files, lost = refresh(self._files, paths)
            rejects += lost
            streams = [read_items(entry, self._reader, limit, finish=finish) for entry in self._files]
            for stream in streams:
                stack.callback(stream.close)  # type: ignore[attr-defined] # they are generators
        if isinstance(self._reader, AccountingReader):
            # The tables of one proxy are written side by side; read apart, calls would wait for their times.
            return heapq.merge(*streams, key=lambda item: item.time_us)
        return chain.from_iterable(streams)

    def _table_streams(
        self,
        stack: ExitStack,
        reader: AccountingReader,
        paths: list[str],
        rejects: list[Reject],
        limit: int,
    ) -> Iterator[Iterator[Item | TableItem]]:
        for path in paths:
            try:
                connection = stack.enter_context(open_read_only(path))
                tables = accounting_tables(connection)
            except CdrError as error:
                rejects.append(Reject(path, 0, str(error)))
                continue
            if not tables:
                rejects.append(Reject(path, 0, NO_TABLES))
            for table in tables:
                yield read_table(connection, self._followed_table(path, table), reader, limit)

    def _followed_table(self, path: str, table: str) -> FollowedTable:
        for followed in self._tables:
            if (followed.path, followed.table) == (path, table):
                return followed
        followed = FollowedTable(path, table, Position(f"{path}:{table}"))
        self._tables.append(followed)
        return followed

    def _take(
        self,
        item: Item | TableItem,
        now_us: int,
        rejects: list[Reject],
        warnings: list[Reject],
        skipped: dict[str, int],
    ) -> None:
        item.followed.position = item.position
        if isinstance(item, TableItem):
            item.followed.last_hash = item.row_hash
        if item.position.note:
            warnings.append(Reject(item.position.file, item.position.line, item.position.note))
        match item.outcome:
            case Row() as row:
                self._assembler.add(row, now_us)
            case Skip(reason):
                skipped[reason] = skipped.get(reason, 0) + 1
            case Reject() as reject:
                rejects.append(reject)

    def _only_new(self, rejects: list[Reject]) -> list[Reject]:
        """Report trouble with a whole file once, and again only after it was gone in between."""
        whole = {(reject.file, reject.reason) for reject in rejects if reject.line == 0}
        fresh = [
            reject for reject in rejects if reject.line or (reject.file, reject.reason) not in self._told
        ]
        self._told = whole
        return fresh

    def _state(self) -> FollowState:
        return FollowState(
            files=tuple(entry.to_json() for entry in self._files),
            tables=tuple(entry.to_json() for entry in self._tables),
            pending=tuple(self._assembler.pending()),
            told=tuple(sorted(self._told)),
        )


def read_all(sources: Iterable[CdrSource], *, finish: bool = True, now_us: int = 0) -> Iterator[Batch]:
    """Read sources once from beginning to end, in batches.

    Args:
        sources: The sources.
        finish: The files are finished; see `Follower.poll`.
        now_us: The clock to read them by.
    """
    for source in sources:
        follower = Follower(source)
        while True:
            batch = follower.poll(now_us, finish=finish)
            yield batch
            if not batch.more:
                break
