"""The pools under test, and a look at what they leave behind."""

import gc
import multiprocessing
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from feeders.strategies.lookahead_processes import LookaheadProcesses
from feeders.strategies.lookahead_threads import LookaheadThreads
from feeders.strategies.queue_threads import QueueThreads

sys.path.insert(0, str(Path(__file__).parent))

# Forked whatever else runs here: workers that are new interpreters have tests of their own.
POOLS = {
    "lookahead-threads": LookaheadThreads,
    "lookahead-processes": partial(LookaheadProcesses, start="fork"),
    "queue-threads": QueueThreads,
}
GONE_SECONDS = 20


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: fifty rounds of what has three by default; run with -m slow")


def pytest_collection_modifyitems(config, items):
    if "slow" not in config.getoption("markexpr"):
        skip = pytest.mark.skip(reason="slow: run with -m slow")
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(skip)


@pytest.fixture(params=POOLS)
def name(request):
    return request.param


@pytest.fixture
def make(name):
    """The kind of pool under test."""
    return POOLS[name]


@pytest.fixture
def pool(make):
    """Make a pool of the kind under test; it is closed at the end."""
    made = []

    def pool(*args, **kwargs):
        made.append(make(*args, **kwargs))
        return made[-1]

    yield pool
    for each in made:
        each.close()


@pytest.fixture(params=[3, pytest.param(50, marks=pytest.mark.slow)], ids=["rounds3", "rounds50"])
def rounds(request):
    return range(request.param)


def _traces():
    return {
        "threads": threading.active_count(),
        "processes": len(multiprocessing.active_children()),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "shared memory": Path("/proc/self/maps").read_text().count("memfd:"),
    }


@pytest.fixture
def nothing_left_here():
    """Return a function that checks that threads, processes, descriptors and memory files are as many as before."""
    gc.collect()
    before = _traces()

    def check():
        gc.collect()
        deadline = time.monotonic() + GONE_SECONDS
        while _traces() != before and time.monotonic() < deadline:
            time.sleep(0.01)  # a thread that was joined is taken off the system's list a little later
        assert _traces() == before

    return check
