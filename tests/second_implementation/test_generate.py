"""The vectors in the repository are those that the generator writes."""

from .generate import DIRECTORY, files


def test_vector_files_are_what_the_generator_writes() -> None:
    # A vector changed by hand, or a generator that drifted, would no longer be confirmed by both.
    for file in files():
        assert (DIRECTORY / f"{file.name}.json").read_text() == file.text(), file.name
