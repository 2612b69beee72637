"""Several servers of one service: which one is asked, and which one next when that fails."""

import secrets
import threading
import time
from collections.abc import Callable, Collection, Sequence

_AVOIDED_S = 30.0


class Servers:
    """The addresses of servers that answer the same requests. Safe to share between threads.

    The first one is drawn, so that clients spread. A server that failed is avoided for half a minute, unless
    all have failed.

    Args:
        urls: The addresses, at least one.
        keep: Whether to stay with a server that works, whose connections are open already. If not, each
            request draws anew: a server sees no more of one client than of any other.
        draw: Gives a number below its argument.
        clock: Monotonic time.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        keep: bool,
        draw: Callable[[int], int] = secrets.randbelow,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._urls = tuple(url.rstrip("/") for url in urls)
        self._keep = keep
        self._draw = draw
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: str | None = None
        self._avoided: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._urls)

    def choose(self, tried: Collection[str]) -> str:
        """Return the server to ask: one that was not tried yet, as long as there is any."""
        with self._lock:
            now = self._clock()
            untried = [url for url in self._urls if url not in tried] or self._urls
            well = [url for url in untried if self._avoided.get(url, now) <= now] or untried
            if self._kept is not None and self._kept in well:
                return self._kept
            chosen = well[self._draw(len(well))]
            if self._keep:
                self._kept = chosen
            return chosen

    def failed(self, url: str) -> None:
        """Note that a server did not answer, or cannot do its work now."""
        with self._lock:
            self._avoided[url] = self._clock() + _AVOIDED_S
            if self._kept == url:
                self._kept = None
