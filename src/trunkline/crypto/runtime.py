"""The thread pool that batch calls share: as many threads as the machine has processors, unless set.

It is made on first use, and made anew (with that default) in a child process after a fork.
"""

from trunkline._core import set_threads, threads

__all__ = ["set_threads", "threads"]
