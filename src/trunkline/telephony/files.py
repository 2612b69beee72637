"""Following text files as they grow, are rotated, or are copied and truncated.

A file is known by its inode and a hash of its first bytes. When the name leads to another file, or to the
same inode cut short, the rest of the old content is looked for beside it, under whatever name rotation gave
it, and read to its end before the new file is begun.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from glob import glob
from pathlib import Path
from typing import Any, BinaryIO, Self

from trunkline.errors import CdrError, StorageError
from trunkline.telephony.model import Reject
from trunkline.telephony.readers.base import Position, Reader, Skip, with_position
from trunkline.telephony.rows import Row
from trunkline.telephony.stored import restore

_HEAD_LENGTH = 512
_FILE_LIMIT = 10_000
TOO_LONG = "the line is longer than its limit: not a call record file, or a damaged one"
LOST = "the file was replaced before it was read to its end, and the rest of it was not found beside it"
TOO_MANY_FILES = "more than 10,000 files match: move finished files away"

Outcome = Row | Skip | Reject


@dataclass(slots=True)
class FollowedFile:
    """One file that is followed.

    Attributes:
        path: Where it is now.
        device: Device number.
        inode: Inode number.
        head_length: How many of its first bytes are hashed.
        head_hash: Their hash.
        position: What was read of it.
        rotated: It lies under another name than the source states, and nothing will be appended.
        size: Its size when last looked at.
    """

    path: str
    device: int
    inode: int
    head_length: int
    head_hash: str
    position: Position
    rotated: bool = False
    size: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Any) -> Self:
        """Read what `to_json` wrote.

        Raises:
            StorageError: It is anything else.
        """
        entry = restore(cls, with_position(values))
        if not 0 <= entry.head_length <= _HEAD_LENGTH or not _can_be_a_path(entry.path):
            raise StorageError("the stored state of a CDR source holds a file that cannot be read")
        return entry


@dataclass(frozen=True, slots=True)
class Item:
    """One row that was read, not yet taken: taking it sets the file's position.

    Attributes:
        time_us: Its time, or that of the row before; for putting rows of several files in order.
        outcome: The row, or why it is none.
        followed: The file.
        position: The file's position after it.
    """

    time_us: int
    outcome: Outcome
    followed: FollowedFile
    position: Position


def matching_paths(patterns: tuple[str, ...]) -> list[str]:
    """Return the files that the patterns name, in order, each once.

    Raises:
        CdrError: There are more than 10,000.
    """
    paths = dict.fromkeys(
        path
        for pattern in patterns
        for path in sorted(glob(pattern))  # noqa: PTH207 - a pattern may be absolute
        if Path(path).is_file()
    )
    if len(paths) > _FILE_LIMIT:
        raise CdrError(TOO_MANY_FILES)
    return list(paths)


def newest_change_us(paths: list[str]) -> int:
    """Return when the newest of some files was last written, microseconds since 1970; 0 if there is none."""
    newest_ns = 0
    for path in paths:
        with contextlib.suppress(OSError):
            newest_ns = max(newest_ns, Path(path).stat().st_mtime_ns)
    return newest_ns // 1000


def refresh(followed: list[FollowedFile], paths: list[str]) -> tuple[list[FollowedFile], list[Reject]]:
    """Find out which files are still themselves, which were rotated, and which are new.

    Args:
        followed: The files known so far.
        paths: The files there are now.

    Returns:
        The files to read, rotated ones before those that took their name, and what was lost.
    """
    kept: list[FollowedFile] = []
    rejects: list[Reject] = []
    for entry in followed:
        if entry.rotated and entry.position.offset >= entry.size and entry.path not in paths:
            continue
        if _is_same(entry, entry.path):
            kept.append(_with_longer_head(entry))
            continue
        moved = _find_moved(entry)
        if moved is not None:
            kept.append(moved)
        elif entry.position.offset < entry.size:
            rejects.append(Reject(entry.position.file, 0, LOST))
    known = {entry.path for entry in kept}
    for path in paths:
        if path not in known:
            entry_or_none = _begin(path)
            if entry_or_none is not None:
                kept.append(entry_or_none)
    return kept, rejects


def read_items(followed: FollowedFile, reader: Reader, limit: int, *, finish: bool) -> Iterator[Item]:
    """Yield at most `limit` rows of one file from its position on.

    Args:
        followed: The file. Its position is not changed; the items carry the new ones.
        reader: The source's reader.
        limit: How many rows.
        finish: Take a last line without a line feed as complete.
    """
    try:
        with Path(followed.path).open("rb") as file:
            if os.fstat(file.fileno()).st_ino != followed.inode:
                return
            followed.size = os.fstat(file.fileno()).st_size
            yield from _read_open(file, followed, reader, limit, finish=finish or followed.rotated)
    except OSError as error:
        reason = f"the file cannot be read: {error.strerror}"
        yield Item(0, Reject(followed.position.file, 0, reason), followed, followed.position)


def _read_open(
    file: BinaryIO,
    followed: FollowedFile,
    reader: Reader,
    limit: int,
    *,
    finish: bool,
) -> Iterator[Item]:
    position = followed.position
    file.seek(position.offset)
    time_us = 0
    for _ in range(limit):
        raw = b""
        # What `replace` would do, in a fifth of its time, for every row.
        position = Position(
            position.file,
            position.line,
            position.offset,
            position.skipping,
            position.header,
            position.latest_us,
        )
        while True:
            part = file.readline(reader.line_limit + 1)
            position.offset += len(part)
            ended = part.endswith(b"\n")
            if ended or len(part) <= reader.line_limit:
                raw = part
                break
            position.skipping = True
        if not raw and position.skipping and not finish:
            if position.offset > followed.position.offset:
                # Its end is not written yet; what was passed over need not be read again.
                yield Item(time_us, Skip("part of a line that is too long"), followed, position)
            return
        if not raw and not position.skipping:
            return
        if not ended and not finish and not (reader.last_line_may_be_open and _is_json(raw)):
            return
        position.line += 1
        outcome: Outcome
        if position.skipping:
            outcome = Reject(position.file, position.line, TOO_LONG)
            position.skipping = False
        else:
            outcome = _read_line(raw, reader, position)
        if isinstance(outcome, Row):
            time_us = outcome.end_us or outcome.start_us or time_us
        yield Item(time_us, outcome, followed, position)


def _read_line(raw: bytes, reader: Reader, position: Position) -> Outcome:
    # A name that is not UTF-8 must not lose the call; in a number or a trunk it fails by itself.
    text = raw.decode("utf-8", "replace").rstrip("\r\n")
    if position.line == 1:
        text = text.removeprefix("\ufeff")
    try:
        return reader.read(text, position)
    except CdrError as error:
        return Reject(position.file, position.line, str(error))


def _is_json(raw: bytes) -> bool:
    try:
        json.loads(raw)
    except (ValueError, RecursionError):
        return False
    return True


def _can_be_a_path(text: str) -> bool:
    try:
        return b"\x00" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _begin(path: str) -> FollowedFile | None:
    try:
        with Path(path).open("rb") as file:
            status = os.fstat(file.fileno())
            head = file.read(_HEAD_LENGTH)
    except OSError:
        return None
    return FollowedFile(
        path=path,
        device=status.st_dev,
        inode=status.st_ino,
        head_length=len(head),
        head_hash=hashlib.sha256(head).hexdigest(),
        position=Position(path),
        size=status.st_size,
    )


def _with_longer_head(entry: FollowedFile) -> FollowedFile:
    """Hash more of a file that was short when it was first seen."""
    if entry.head_length < _HEAD_LENGTH:
        longer = _begin(entry.path)
        if longer is not None and longer.inode == entry.inode and longer.head_length > entry.head_length:
            return replace(entry, head_length=longer.head_length, head_hash=longer.head_hash)
    return entry


def _is_same(entry: FollowedFile, path: str, *, any_inode: bool = False) -> bool:
    """Tell whether a path leads to an entry's content, with all that was read of it."""
    try:
        status = Path(path).stat()
        if not any_inode and (status.st_ino, status.st_dev) != (entry.inode, entry.device):
            return False
        with Path(path).open("rb") as file:
            head = file.read(entry.head_length)
    except OSError:
        return False
    return status.st_size >= entry.position.offset and hashlib.sha256(head).hexdigest() == entry.head_hash


def _find_moved(entry: FollowedFile) -> FollowedFile | None:
    """Look beside a file for its old content: first renamed, then copied."""
    path = Path(entry.path)
    stem = path.name.partition(".")[0]
    try:
        siblings = sorted(str(other) for other in path.parent.iterdir() if str(other) != entry.path)[
            :_FILE_LIMIT
        ]
    except OSError:
        return None
    copies = [other for other in siblings if Path(other).name.startswith(stem)] if entry.head_length else []
    for candidates, any_inode in ((siblings, False), (copies, True)):
        for sibling in candidates:
            if _is_same(entry, sibling, any_inode=any_inode):
                status = Path(sibling).stat()
                return replace(
                    entry,
                    path=sibling,
                    device=status.st_dev,
                    inode=status.st_ino,
                    rotated=True,
                    size=status.st_size,
                )
    return None
