"""The shared pool: any number of threads, from several threads at once, and after a fork."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from conftest import PERIOD, World

from trunkline.crypto.runtime import set_threads, threads

FORK = """
import os
from trunkline.crypto.label_signature import AuthorizationKey
from trunkline.crypto.runtime import set_threads, threads

key = AuthorizationKey.generate()
labels = os.urandom(64 * 40)
set_threads(2)
before = key.sign_batch(bytes(16), labels)      # the pool's threads run now
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        same = key.sign_batch(bytes(16), labels) == before
        os._exit(0 if same and threads() >= 1 else 1)
    children.append(child)
assert all(os.waitpid(child, 0)[1] == 0 for child in children)
assert key.sign_batch(bytes(16), labels) == before
print("alive")
"""

FRESH = """
import os
from trunkline.crypto.group_signature import MemberSecret

MemberSecret.generate()
reading, writing = os.pipe()
for _ in range(2):
    if os.fork() == 0:
        os.write(writing, MemberSecret.generate().secret_bytes())
        os._exit(0)
for _ in range(2):
    os.wait()
secrets = os.read(reading, 64)
print("alive" if secrets[:32] != secrets[32:] else "the children share their randomness")
"""


@pytest.fixture
def restored_threads() -> Iterator[None]:
    before = threads()
    yield
    set_threads(before)


@pytest.mark.usefixtures("restored_threads")
def test_number_of_threads_changes_no_result(world: World) -> None:
    labels = os.urandom(64 * 33)
    results = set()
    for count in (1, 2, 5):
        set_threads(count)
        assert threads() == count
        results.add(world.authorization.sign_batch(world.kid, labels))
    assert len(results) == 1
    set_threads(0)
    assert threads() == 1


def test_batch_calls_from_several_threads_do_not_disturb_each_other(world: World) -> None:
    bad: list[object] = []

    def work() -> None:
        records = b"".join(world.records(8))
        bad.extend(world.verifier.verify_records(records, PERIOD))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert bad == []


def test_batch_calls_release_the_interpreter(world: World) -> None:
    # The counting thread gets its turns only while the batch call does not hold the interpreter's lock: with
    # a switch interval above the call's length nothing else makes room for it. It gives the lock back itself.
    counted = 0
    done = threading.Event()
    started = threading.Event()

    def count() -> None:
        nonlocal counted
        started.set()
        while not done.is_set():
            counted += 1
            time.sleep(0)

    interval = sys.getswitchinterval()
    counter = threading.Thread(target=count)
    counter.start()
    started.wait()
    sys.setswitchinterval(60)
    try:
        before = counted
        world.records(16)
        after = counted
    finally:
        sys.setswitchinterval(interval)
        done.set()
        counter.join()
    assert after > before


@pytest.mark.parametrize("script", [FORK, FRESH], ids=["pool", "randomness"])
def test_child_processes_after_a_fork_work_with_their_own_pool_and_randomness(script: str) -> None:
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (result.stdout.strip(), result.returncode) == ("alive", 0), result.stderr
