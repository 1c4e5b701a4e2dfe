"""Lockstep processes: while one take has its turn the other stands still, and nothing outlives whoever asked for it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from feeders.compare.lockstep_client import BrokenTake, LockstepProcess
from feeders.compare.lockstep_take import start_take
from feeders.errors import FeedersError
from feeders.measure import Settings
from feeders.measure.channel import TurnHeartbeat
from tests.compare.standin import ARGUMENTS, FAULTS, StandIn

ROOT = Path(__file__).resolve().parents[2]

SETTINGS = Settings(deadline_seconds=60)

# How long what has to come may take on a machine that does other things beside.
SOON_SECONDS = 30


def eventually(condition):
    deadline = time.monotonic() + SOON_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def process():
    return LockstepProcess(sys.executable, arguments=ARGUMENTS)


@pytest.fixture(scope="module")
def serving():
    """One process for tests that leave it as it was; it goes on from one to the next."""
    with process() as serving:
        yield serving


def states(group):
    """States of all processes of a group."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group:
                found.append(process.status())
    return found


def all_stopped(group):
    return set(states(group)) == {psutil.STATUS_STOPPED}


@pytest.fixture
def busy(tmp_path):
    """Return a stand-in with two busy processes, and a function that tells how much they have done."""
    counter = tmp_path / "counter"
    counter.touch()
    return StandIn("processes", counter=str(counter)), lambda: counter.stat().st_size


@pytest.mark.skipif(sys.platform != "linux", reason="states of processes are read as Linux tells them")
def test_while_one_side_has_its_turn_every_process_of_the_other_is_stopped(busy):
    cell, done = busy
    with process() as a, process() as b:
        first, second = start_take(a, StandIn(), SETTINGS), start_take(b, cell, SETTINGS)
        eventually(lambda: all_stopped(first.group) and all_stopped(second.group))
        assert len(states(second.group)) == 3
        before = done()
        for _ in range(5):
            assert first.turn(20).inside > 0
            assert all_stopped(second.group)
        assert done() == before
        second.resume()
        eventually(lambda: done() > before)
        second.pause()
        eventually(lambda: all_stopped(second.group))
        first.end()
        second.end()
        assert not states(first.group) + states(second.group)


def test_turns_tell_what_is_inside_epochs_and_between_them(serving):
    """They begin after the first step of an epoch, and a gap ends with the first of the next."""
    take = start_take(serving, StandIn(steps=40, gap=4000), SETTINGS)
    assert take.steps == 40
    assert 0 < take.inside_seconds < take.gap_seconds < SOON_SECONDS
    turns = [take.turn(steps) for steps in (20, 20, 39, 1, 80)]
    assert [turn.gaps for turn in turns] == [0, 1, 0, 1, 2]
    assert [turn.gap > 0 for turn in turns] == [False, True, False, True, True]
    assert all(0 <= turn.inside < SOON_SECONDS and turn.gap < SOON_SECONDS for turn in turns)
    # Five times the work of an epoch lies between two: no neighbour makes that much.
    assert turns[4].gap > turns[4].inside
    # The turn before ended with a gap: of two epochs the first does not count.
    assert take.turn(40, uncounted=40).gaps == 1
    take.end()
    take.end()
    again = start_take(serving, StandIn(), SETTINGS)
    assert again.steps == 40
    again.end()


@pytest.mark.parametrize("at", [5, 90], ids=["warming up", "in a turn"])
@pytest.mark.parametrize(
    ("fault", "outcome", "message"),
    [
        ("raises", "failed", "ValueError: planted"),
        ("exits", "crashed", "ended with exit status 3 and no result."),
        ("is killed", "crashed", "ended by SIGKILL."),
        ("hangs", "hung", "no end after 1 s."),
        ("runs out", "failed", "the feed ran out of data"),
    ],
)
def test_what_breaks_becomes_an_outcome_and_the_process_goes_on(serving, fault, outcome, message, at):
    assert fault in FAULTS
    with pytest.raises(BrokenTake) as broken:
        start_take(serving, StandIn(fault=fault, at=at), Settings(deadline_seconds=1)).turn(40)
    assert broken.value.outcome == outcome
    assert message in broken.value.message
    take = start_take(serving, StandIn(), SETTINGS)
    assert take.turn(40).gaps == 1
    take.end()


def test_an_epoch_too_short_for_turns_is_unsupported(serving):
    with pytest.raises(BrokenTake) as broken:
        start_take(serving, StandIn(steps=1), SETTINGS)
    assert broken.value.outcome == "unsupported"
    assert broken.value.message == "an epoch of 1 batch(es); turns within an epoch need 2 or more"


def test_a_take_that_dies_while_it_stands_still_is_named_at_its_next_turn(serving):
    take = start_take(serving, StandIn(), SETTINGS)
    os.kill(take.group, signal.SIGKILL)
    with pytest.raises(BrokenTake, match="ended by SIGKILL"):
        take.turn(40)
    take.end()
    start_take(serving, StandIn(), SETTINGS).end()


def test_standing_still_beyond_the_deadline_is_not_hanging(serving):
    take = start_take(serving, StandIn(), Settings(deadline_seconds=0.5))
    time.sleep(2)
    assert take.turn(40).gaps == 1
    take.end()


def test_a_heart_beats_for_who_moves_or_waits_and_not_for_who_is_stuck():
    heart = TurnHeartbeat()

    def beats(commanded=False):
        size = os.fstat(heart.descriptor).st_size
        heart.beat_if_alive(commanded)
        return os.fstat(heart.descriptor).st_size > size

    assert beats()
    assert not beats()  # it has its turn, and does nothing
    heart.progressed()
    assert beats()
    assert not beats()
    heart.turn_changed()
    assert beats()
    assert beats()  # it waits
    assert not beats(commanded=True)  # it has been told to go on, and doesn't
    heart.close()


def test_a_process_that_has_died_says_what_it_printed():
    with process() as a:
        a._process.kill()
        with pytest.raises(FeedersError, match=r"ended with status -9, expected it to stay\. It printed: nothing"):
            start_take(a, StandIn(), SETTINGS)


def test_a_process_that_does_not_start_says_why():
    with pytest.raises(FeedersError, match=r"It printed: .*No module named nowhere"), LockstepProcess(
        sys.executable, arguments=("-m", "nowhere")
    ):
        pass
    with pytest.raises(FeedersError, match=r"^/nowhere: can't be started"), LockstepProcess("/nowhere"):
        pass


def test_a_stack_without_tensorflow_says_so():
    says = 'import os, sys; os.write(int(sys.argv[2]), b\'{"error": "no TensorFlow"}\\n\')'
    with pytest.raises(FeedersError, match=r": no TensorFlow$"), LockstepProcess(
        sys.executable, arguments=("-c", says)
    ):
        pass


def test_processes_of_one_interpreter_are_alike():
    assert LockstepProcess("python").is_like(LockstepProcess("python"))
    assert not LockstepProcess("python").is_like(LockstepProcess("python", {"TF_USE_LEGACY_KERAS": "1"}))


HOST = """
import sys
sys.path.insert(0, {root!r})
from tests.compare.standin import ARGUMENTS, StandIn
from feeders.compare.lockstep_client import LockstepProcess
from feeders.compare.lockstep_take import start_take
from feeders.measure import Settings

settings = Settings(deadline_seconds=60)
processes = LockstepProcess(sys.executable, arguments=ARGUMENTS), LockstepProcess(sys.executable, arguments=ARGUMENTS)
with processes[0] as a, processes[1] as b:
    first = start_take(a, StandIn("processes", counter={counter!r}), settings)
    second = start_take(b, StandIn(), settings)
    print("ready", flush=True)
    while True:
        second.turn(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_the_host(tmp_path, number):
    """One side runs and the other is stopped when the host ends: both go, with their workers and what forked them."""
    (tmp_path / "counter").touch()
    script = HOST.format(root=str(ROOT), counter=str(tmp_path / "counter"))
    host = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=ROOT,
    )
    with host:
        assert host.stdout.readline() == b"ready\n"
        below = psutil.Process(host.pid).children(recursive=True)
        assert len(below) == 8  # two that fork, two that watch, two takes, two workers
        os.killpg(host.pid, number)
        host.wait(SOON_SECONDS)
    _, alive = psutil.wait_procs(below, timeout=SOON_SECONDS)
    assert not alive
