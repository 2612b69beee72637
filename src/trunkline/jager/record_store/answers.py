"""Answers that have more than one page, kept for a while so that all pages are of one moment."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Protocol

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Largest answer that is kept."""

_MAX_TOTAL_BYTES = 64 * 1024 * 1024
_SERVED_BYTES = 100  # an idx and a number, as objects


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer was at its time. Of the records only the keys are kept; pages are read again.

    Attributes:
        answer_id: 16 random bytes.
        grant_digest: Whose answer it is.
        time: Unix time of the answer.
        served: Each index with the number of grants it had been served under before.
        keys: The keys of all records, in order, joined.
        result_digest: The digest over all records.
    """

    answer_id: bytes
    grant_digest: bytes
    time: int
    served: tuple[tuple[bytes, int], ...] = field(repr=False)
    keys: bytes = field(repr=False)
    result_digest: bytes

    @property
    def size(self) -> int:
        """Roughly how many bytes it takes."""
        return len(self.keys) + _SERVED_BYTES * len(self.served)


class Answers(Protocol):
    """Where answers are kept between their pages."""

    def put(self, answer: Answer) -> None:
        """Keep an answer."""
        ...

    def get(self, answer_id: bytes) -> Answer | None:
        """Return an answer, or None if it is gone."""
        ...


class AnswerCache:
    """The latest answers, together within a number of bytes; the one unused for longest goes first."""

    def __init__(self, max_bytes: int = _MAX_TOTAL_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._answers: OrderedDict[bytes, Answer] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, answer: Answer) -> None:
        """Keep an answer."""
        with self._lock:
            if answer.answer_id in self._answers:
                return
            self._answers[answer.answer_id] = answer
            self._bytes += answer.size
            while self._bytes > self._max_bytes:
                _, oldest = self._answers.popitem(last=False)
                self._bytes -= oldest.size

    def get(self, answer_id: bytes) -> Answer | None:
        """Return an answer, or None if it is gone."""
        with self._lock:
            if answer_id in self._answers:
                self._answers.move_to_end(answer_id)
            return self._answers.get(answer_id)
