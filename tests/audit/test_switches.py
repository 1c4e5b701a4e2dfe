"""Forced switches: a race is hit where a thread is held, without luck, and a lock keeps it out all the same."""

from __future__ import annotations

import importlib.util
import random
import sys
import threading
from types import SimpleNamespace

import pytest

from feeders.audit import switches as module
from feeders.audit.switches import Switches

SOURCE = """\
import threading


class Counter:
    def __init__(self):
        self.n = 0
        self.lock = threading.Lock()

    def bare(self):
        value = self.n
        self.n = value + 1

    def locked(self):
        with self.lock:
            value = self.n
            self.n = value + 1

    def short(self):
        self.n += 1


def work(step, finished):
    step()
    finished.append(step)
    while len(finished) < 2:
        pass
"""

WRITES = {"bare": 11, "locked": 16, "short": 19}

# More lines than a thread runs up to the write of its step: when a held one goes on, the other one has read. After its
# step a thread runs lines until the other one is through too, so that none is held until its time is up.
LINES = 12

# Far beyond any wait: a test that gets here has found a thread that nobody lets go.
NEVER = 250.0


@pytest.fixture
def mine(tmp_path):
    """A person's module, and its path."""
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("mine", path)
    mine = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mine)
    return mine


def twice(mine, switches, step, seconds=NEVER, arrange=None):
    """Let two threads make one step each, held at its write; return what the counter says."""
    counter = mine.Counter()
    work = getattr(counter, step)
    mine.work(work, [None])  # as the audit does: its lines are learnt in one thread
    counter.n = 0
    code = getattr(mine.Counter, step).__code__
    if arrange is None:
        place = next((place for place in switches.places.values() if place.line == WRITES[step]), None)
        if place is not None:
            switches.hold(code, place, 1.0, seconds, LINES)
    else:
        arrange(code)
    finished = []
    threads = [threading.Thread(target=mine.work, args=(work, finished)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counter.n


def is_mine(mine):
    return lambda file: file == mine.__file__


@pytest.mark.parametrize("trial", range(5))
def test_a_thread_held_between_read_and_write_loses_the_count_of_the_other(mine, trial):
    with Switches(is_mine(mine)) as switches:
        assert twice(mine, switches, "bare") == 1


@pytest.mark.parametrize("trial", range(5))
def test_a_thread_held_under_a_lock_loses_nothing(mine, trial):
    """It is let go after a time, since the other one waits for the lock."""
    with Switches(is_mine(mine)) as switches:
        assert twice(mine, switches, "locked", seconds=0.01) == 2


@pytest.mark.parametrize("trial", range(5))
def test_a_thread_is_held_inside_a_line_too(mine, trial):
    """``self.n += 1`` is one line, and a switch between its operations loses a count."""
    with Switches(is_mine(mine)) as switches:

        def arrange(code):
            store = _offset(code, "STORE_ATTR")
            places = [place for owner, place in switches.operations() if owner is code and place.offset == store]
            assert [place.line for place in places] == [WRITES["short"]]
            switches.hold(code, places[0], 1.0, NEVER, LINES)

        assert twice(mine, switches, "short", arrange=arrange) == 1


def _offset(code, name):
    import dis

    return next(operation.offset for operation in dis.get_instructions(code) if operation.opname == name)


def test_what_the_others_did_meanwhile_is_known(mine):
    with Switches(is_mine(mine)) as switches:
        twice(mine, switches, "bare")
        assert {place.file for place in switches.beside} == {mine.__file__}
        lines = {place.line for place in switches.beside}
        assert {25} <= lines <= {10, 11, 23, 24, 25, 26}


def test_the_lines_that_ran_are_places_and_others_are_not(mine):
    with Switches(is_mine(mine)) as switches:
        mine.work(mine.Counter().bare, [None])
    assert {place.line for place in switches.places.values()} >= {10, 11, 23, 24, 25}
    assert WRITES["short"] not in {place.line for place in switches.places.values()}
    assert {place.function.split(".")[-1] for place in switches.places.values()} >= {"bare", "work"}


def test_code_that_is_not_under_audit_is_not_touched(mine):
    """Held for ever there, this test would not come back."""
    with Switches(lambda file: False) as switches:
        code = mine.Counter.bare.__code__
        place = module.Place(mine.__file__, "bare", WRITES["bare"])
        switches.hold(code, place, 1.0, NEVER, LINES)
        assert twice(mine, switches, "bare", arrange=lambda code: None) == 2
        assert switches.places == {}
        assert switches.beside == set()


def test_a_held_thread_is_let_go_when_nobody_else_runs(mine):
    with Switches(is_mine(mine)) as switches:
        counter = mine.Counter()
        counter.bare()
        place = next(place for place in switches.places.values() if place.line == WRITES["bare"])
        switches.hold(mine.Counter.bare.__code__, place, 1.0, 0.01, LINES)
        counter.bare()
    assert counter.n == 2


def test_noise_stops_lines_and_calm_stops_none(mine, monkeypatch):
    slept = []
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=slept.append))
    with Switches(is_mine(mine)) as switches:
        mine.Counter().bare()
        assert slept == []
        switches.noise(1.0, 0.25)
        mine.Counter().bare()
        assert len(slept) == 4  # two of the constructor, two of the step
        assert all(0 <= seconds <= 0.25 for seconds in slept)
        switches.calm()
        mine.Counter().bare()
    assert len(slept) == 4


def test_nothing_is_left_switched_on_afterwards(mine):
    """Also after an error, and so that the next audit of the process finds a free tool."""
    interval, trace = sys.getswitchinterval(), sys.gettrace()
    for _ in range(8):  # more than there are tools
        switches = Switches(is_mine(mine))
        with pytest.raises(LookupError), switches:
            assert sys.getswitchinterval() < interval
            raise LookupError
        switches.noise(1.0, NEVER)
        mine.work(mine.Counter().bare, [None])
    assert (sys.getswitchinterval(), sys.gettrace()) == (interval, trace)
    assert switches.places == {}


def test_random_numbers_of_the_code_under_audit_stay_its_own(mine):
    with Switches(is_mine(mine)) as switches:
        switches.noise(0.5, 0.0)
        random.seed(3)
        mine.Counter().bare()
        drawn = random.random()
        random.seed(3)
        assert drawn == random.random()
