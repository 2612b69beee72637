"""Writes `tests/vectors/*.json`, the same bytes each time: python -m tests.second_implementation.generate."""

from . import vectors_group, vectors_labels, vectors_records


def main() -> None:
    """Writes all files."""
    for module in (vectors_labels, vectors_records, vectors_group):
        for file in module.files():
            file.write()


if __name__ == "__main__":
    main()
