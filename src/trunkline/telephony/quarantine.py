"""The quarantine file: which rows gave no record, and why; without the rows' content."""

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path

from trunkline.errors import StorageError
from trunkline.telephony.model import Reject

SIZE_LIMIT = 128 << 20
HEADER = ("file", "line", "reason", "trunk")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def append_to_quarantine(path: Path, rejects: Iterable[Reject]) -> int:
    """Append rejects to a quarantine file, a CSV with a header, and return how many they were.

    Values that a spreadsheet would take for a formula get an apostrophe in front. The file is made readable
    by its owner alone. At its size limit it is put aside under the ending `.old`, in place of the one before:
    a wrong file among the sources must not fill the disk that the records need.

    Raises:
        StorageError: The file cannot be written.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    count = 0
    for reject in rejects:
        writer.writerow(
            _harmless(value) for value in (reject.file, str(reject.line), reject.reason, reject.trunk)
        )
        count += 1
    if count == 0:
        return 0
    try:
        if path.exists() and path.stat().st_size >= SIZE_LIMIT:
            path.replace(path.with_name(f"{path.name}.old"))
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with open(descriptor, "a", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - a descriptor
            if file.tell() == 0:
                file.write(",".join(HEADER) + "\n")
            file.write(buffer.getvalue())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(f"the quarantine file cannot be written: {error.strerror}") from error
    return count


def _harmless(value: str) -> str:
    flat = " ".join(value.splitlines()) if "\n" in value or "\r" in value else value
    return f"'{flat}" if flat.startswith(_FORMULA_STARTS) else flat
