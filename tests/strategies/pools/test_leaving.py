"""Programs that end in the midst of an epoch."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
END_SECONDS = 60

MAKE = {
    "lookahead-threads": "from feeders.strategies.lookahead_threads import LookaheadThreads as Pool",
    "lookahead-processes": "from feeders.strategies.lookahead_processes import LookaheadProcesses as Pool",
    "queue-threads": "from feeders.strategies.queue_threads import QueueThreads as Pool",
    "prefetch-thread": """
from feeders.strategies.prefetch_thread import PrefetchThread
Pool = lambda loader, _: PrefetchThread(loader.batch(index, 0) for index in range(10**9))
""",
}


def program(name, end):
    return MAKE[name] + textwrap.dedent(
        f"""
        import sys, time
        sys.path.insert(0, {str(HERE)!r})
        from pool_loaders import Numbered
        pool = Pool(Numbered(steps=10**6), 2)
        batches = pool.batches()
        kept = [next(batches) for _ in range(5)]
        {end}
        """
    )


def start(name, end):
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[2])}
    return subprocess.Popen(
        [sys.executable, "-c", program(name, end)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def group_is_gone(leader):
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        try:
            os.killpg(leader, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("end", ["pass", "del pool", "sys.exit(0)"])
def test_a_program_that_just_ends_says_nothing_and_leaves_nothing(name, end):
    with start(name, end) as process:
        out, errors = process.communicate(timeout=END_SECONDS)
    assert (process.returncode, out, errors) == (0, "", "")
    assert group_is_gone(process.pid)


@pytest.mark.parametrize("name", MAKE)
def test_ctrl_c_ends_it_with_one_traceback(name):
    with start(name, "print('ready', flush=True); [time.sleep(0.001) for _ in batches]") as process:
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
        _, errors = process.communicate(timeout=END_SECONDS)
    assert process.returncode == -signal.SIGINT
    assert errors.count("Traceback") == 1 and errors.rstrip().endswith("KeyboardInterrupt")
    assert group_is_gone(process.pid)


def test_ctrl_c_while_workers_start_ends_it_with_one_traceback():
    """They are forked, and have not come to where they ignore it."""
    slow = "import os; os.register_at_fork(after_in_child=lambda: time.sleep(0.5))"
    more = "more = Pool(Numbered(steps=10**6), 2, start='fork'); print('ready', flush=True); time.sleep(60)"
    with start("lookahead-processes", f"{slow}; {more}") as process:
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=END_SECONDS)
    assert process.returncode == -signal.SIGINT
    assert errors.count("Traceback") == 1 and errors.rstrip().endswith("KeyboardInterrupt")
    assert group_is_gone(process.pid)
