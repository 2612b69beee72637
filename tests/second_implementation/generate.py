"""Writes `tests/vectors/*.json`, the same bytes each time: python -m tests.second_implementation.generate."""

from collections.abc import Iterator
from pathlib import Path

from . import vectors_group, vectors_labels, vectors_records
from .vector_file import VectorFile

DIRECTORY = Path(__file__).parent.parent / "vectors"


def files() -> Iterator[VectorFile]:
    """All files."""
    for module in (vectors_labels, vectors_records, vectors_group):
        yield from module.files()


def main() -> None:
    """Writes them."""
    for file in files():
        (DIRECTORY / f"{file.name}.json").write_text(file.text())


if __name__ == "__main__":
    main()
