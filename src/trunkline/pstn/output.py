"""The folder that a network is written to: files that only grow, and a note of how far they are good.

After each part of the calls the note is replaced by one with the files' lengths. What was written after the
last note, by a run that was ended or that found the disk full, is cut off when the run is taken up again.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trunkline.errors import InputError, StorageError
from trunkline.service.files import write_atomically

NOTE_FILE = "generation.json"
_VERSION = 1


@dataclass(slots=True)
class Progress:
    """How far a run is; the note's content.

    Attributes:
        parameters: What it is generated from.
        facts: What was found out about the network.
        calls: Calls that are written.
        records: Records of them.
        untruths: How many of the records are false, missing or invented.
        finished: Nothing is left to do.
        lengths: Length of each growing file.
    """

    parameters: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)
    calls: int = 0
    records: int = 0
    untruths: int = 0
    finished: bool = False
    lengths: dict[str, int] = field(default_factory=dict)

    @property
    def bytes_written(self) -> int:
        """Bytes of the growing files."""
        return sum(self.lengths.values())


def refuse_foreign(folder: Path) -> None:
    """Refuses a folder that holds something that is no generated network.

    Raises:
        InputError: It does.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: name a folder")
    if not folder.exists() or (folder / NOTE_FILE).exists():
        return
    # Hidden files are locks and half-written notes.
    if any(not one.name.startswith(".") for one in folder.iterdir()):
        raise InputError(f"{folder} is not empty and holds no generated network: name another folder")


class Output:
    """One folder with a run's files.

    Args:
        folder: The folder, which this process has locked.
        parameters: What the run is generated from.

    Raises:
        InputError: The folder holds something else.
        StorageError: What it holds is damaged.
    """

    def __init__(self, folder: Path, parameters: dict[str, Any]) -> None:
        refuse_foreign(folder)
        self.folder = folder
        self.progress = Progress(parameters)
        note = folder / NOTE_FILE
        if note.exists():
            self.progress = _read(note)
            if self.progress.parameters != parameters:
                raise InputError(
                    f"{folder} holds a network that was generated from other parameters: "
                    "state the same ones to go on with it, or name another folder"
                )

    @property
    def is_new(self) -> bool:
        """Whether the files are yet to be set up."""
        return not self.progress.lengths

    def replace(self, name: str, text: str) -> None:
        """Writes a whole file that does not grow."""
        with _storage(f"writing {name}"):
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def open_growing(self, name: str, header: str) -> None:
        """Begins a growing file anew, with a header or empty."""
        text = f"{header}\n" if header else ""
        self.replace(name, text)
        self.progress.lengths[name] = len(text)

    def append(self, name: str, text: str) -> None:
        """Appends to a growing file."""
        data = text.encode()
        with _storage("writing call records"), (self.folder / name).open("ab", buffering=0) as file:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
        self.progress.lengths[name] += len(data)

    def note(self) -> None:
        """Notes that all that was written until now is good."""
        document = {"version": _VERSION} | {
            name: getattr(self.progress, name) for name in Progress.__dataclass_fields__
        }
        with _storage("writing the note of progress"):
            write_atomically(self.folder / NOTE_FILE, json.dumps(document, indent=1).encode())

    def cut_back(self) -> None:
        """Cuts off what was written after the last note.

        Raises:
            StorageError: A file is shorter than it was then.
        """
        for name, length in self.progress.lengths.items():
            path = self.folder / name
            try:
                size = path.stat().st_size
                if size > length:
                    os.truncate(path, length)
            except OSError as error:
                raise _damaged(path) from error
            if size < length:
                raise _damaged(path)


class _storage:  # noqa: N801 - reads as a statement
    """Turns trouble with the disk into a `StorageError` that says how to go on."""

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise StorageError(
                f"{self._doing} failed: {error.strerror}; what was generated until now is kept: "
                "make room and run the same command again"
            ) from error


def _damaged(path: Path) -> StorageError:
    return StorageError(f"{path} is shorter than what was written to it: remove the folder and begin anew")


def _read(note: Path) -> Progress:
    try:
        document = json.loads(note.read_bytes())
        if document.pop("version") != _VERSION:
            raise StorageError(f"{note} is of another release: remove the folder and begin anew")
        return Progress(**document)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageError(f"{note} cannot be read: remove the folder and begin anew") from error
