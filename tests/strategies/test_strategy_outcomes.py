"""Known answers: what each feeder is here to show, made certain by planted events rather than by luck."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from collections import Counter

import pytest

from feeders.keras_api import generation
from feeders.strategies import bridge

# Nothing waits that long unless the test is about to fail.
PATIENCE_SECONDS = 30


class Bodies:
    """Called by `batch`: who prepares, and how many bodies run at once."""

    def __init__(self, events):
        self._events = events
        self._lock = threading.Lock()
        self._inside = 0

    def __call__(self, index, epoch):
        with self._lock:
            self._inside += 1
            self._events.add(index, threading.get_ident(), self._inside)
        time.sleep(0.005)  # lets go of the GIL: whoever may come in, comes in
        with self._lock:
            self._inside -= 1


class Together:
    """Called by `batch`: batches 2 and 3, which Keras never reads to learn shapes, wait for each other."""

    def __init__(self):
        self._barrier = threading.Barrier(2)

    def __call__(self, index, epoch):
        if index in (2, 3):
            self._barrier.wait(PATIENCE_SECONDS)


class EveryProcess:
    """Called by `batch`: the first call in each worker process waits until all of them have made one."""

    def __init__(self, processes):
        self._barrier = multiprocessing.get_context("fork").Barrier(processes)
        self._waited = {os.getpid()}

    def first_in(self, pid):
        self._waited.add(pid)

    def __call__(self, index, epoch):
        if os.getpid() not in self._waited:
            self._waited.add(os.getpid())
            self._barrier.wait(PATIENCE_SECONDS)


class TwoPullers:
    """Called by `batch`: batch 3 waits until a second thread is inside the bridge, wanting a batch."""

    def __init__(self, events):
        self._events = events

    def __call__(self, index, epoch):
        end = time.monotonic() + PATIENCE_SECONDS
        while index == 3 and _inside_bridge() < 2 and time.monotonic() < end:
            time.sleep(0.001)
        self._events.add(threading.get_ident())


def _inside_bridge():
    return sum(_has_frame(frame, bridge.Bridge.__getitem__.__code__) for frame in sys._current_frames().values())


def _has_frame(frame, code):
    while frame:
        if frame.f_code is code:
            return True
        frame = frame.f_back
    return False


@pytest.fixture
def verified(verify, in_child):
    """Return what the verifying process answers."""

    def verified(feeder, loader, workers=4):
        def work():
            if isinstance(loader.before, EveryProcess):
                loader.before.first_in(os.getpid())
            return verify(feeder, loader, workers)

        return in_child(work)

    return verified


def test_threads_that_share_a_plain_generator(verified, tiny):
    """The classic error: Keras 2 breaks with it, Keras 3 does not take workers for generators."""
    answer = verified("generator", tiny(lambda index, epoch: time.sleep(0.05)))
    if generation() == 2:
        assert answer["outcome"] == "failed"
        assert "generator already executing" in answer["message"]
    else:
        assert answer["outcome"] == "refused"
        assert answer["message"].startswith("TypeError: ")
        assert "unexpected keyword argument 'workers'" in answer["message"]


@pytest.mark.parametrize("feeder", ["generator-processes", "generator-locked-processes"])
def test_processes_that_share_a_generator(verified, tiny, feeder):
    """Every worker process runs its own copy of generator and lock: duplicates, and no error."""
    if generation() == 2:
        answer = verified(feeder, tiny(EveryProcess(4)))
        assert answer["outcome"] == "measured"
        assert answer["metrics"]["duplicated"] > 0
        assert answer["guarantee"] in ("none", "at-least-once")
        return
    answer = verified(feeder, tiny())
    if feeder == "generator-processes":
        assert answer["outcome"] == "unsupported"
        assert answer["message"].startswith("generator-processes: Keras 3 has no worker processes for generators")
    else:
        assert answer["outcome"] == "refused"
        assert "Unrecognized data type" in answer["message"]


@pytest.mark.parametrize("workers", [1, 4])
def test_a_bare_locked_iterator(verified, tiny, workers):
    """Keras 2 takes it, and what arrives is whole; Keras 3 refuses the object."""
    answer = verified("generator-locked", tiny(), workers)
    if generation() == 3:
        assert answer["outcome"] == "refused"
        assert answer["message"].startswith("ValueError: Unrecognized data type: x=<")
        assert "metrics" not in answer
        return
    assert answer["outcome"] == "measured"
    assert answer["metrics"]["corrupt"] == 0
    # Several workers hand on what they took in any order, also across the end of the epoch: batches of the next one
    # can take the place of some of this one.
    assert workers > 1 or answer["guarantee"] == "exactly-once"


@pytest.mark.parametrize("feeder", ["generator-locked-bridge", "generator-serialized"])
def test_workers_pull_from_one_iterator_through_the_bridge(verified, tiny, events, feeder):
    """More than one worker really is at it, and every sample arrives once."""
    answer = verified(feeder, tiny(TwoPullers(events)))
    assert answer["outcome"] == "measured"
    assert answer["guarantee"] == "exactly-once"
    assert answer["metrics"]["reads"] == 1
    assert len({thread for (thread,) in events.read()}) > 1


@pytest.mark.parametrize("feeder", ["sequence", "sequence-call-lock"])
def test_bodies_run_at_once_without_a_lock_and_with_one_made_in_each_call(verified, tiny, feeder):
    """A lock made per call locks nothing: two bodies meet in the middle."""
    answer = verified(feeder, tiny(Together()))
    assert answer["outcome"] == "measured"
    assert answer["guarantee"] == "exactly-once"


@pytest.mark.parametrize("feeder", ["sequence-lock", "sequence-picklable-lock"])
def test_one_body_at_a_time_under_a_lock_of_the_instance(verified, tiny, events, feeder):
    """The lock made in __init__ excludes, whatever the number of workers."""
    answer = verified(feeder, tiny(Bodies(events)))
    assert answer["guarantee"] == "exactly-once"
    assert max(inside for _, _, inside in events.read()) == 1


def test_the_lock_of_the_instance_is_copied_to_worker_processes(verified, tiny):
    """Forked workers have a lock each: it excludes nobody, all four are inside at once."""
    answer = verified("sequence-lock-processes", tiny(EveryProcess(4)))
    assert answer["outcome"] == "measured"
    assert answer["guarantee"] == "exactly-once"


@pytest.mark.parametrize("workers", [2, 8])
def test_interleaved_shards_are_disjoint(verified, tiny, events, workers):
    """No batch is prepared by two shards, and none by no shard, also where there are more shards than batches."""
    answer = verified("tfdata-interleave", tiny(lambda index, epoch: events.add(index)), workers)
    assert answer["guarantee"] == "exactly-once"
    assert Counter(index for (index,) in events.read()) == Counter(range(6))


def test_a_sequence_reads_its_first_batches_once_more(verified, tiny, events):
    """Keras reads to learn shapes: batch 0 in Keras 2, batches 0 and 1 in Keras 3; `reads` counts them."""
    answer = verified("sequence", tiny(lambda index, epoch: events.add(index)), workers=1)
    probes = Counter(range(generation() - 1))
    assert Counter(index for (index,) in events.read()) == Counter(range(6)) + probes
    assert answer["metrics"]["reads"] == pytest.approx((6 + generation() - 1) / 6)


def test_a_missing_library_is_unsupported_and_says_what_to_install(verified, tiny, monkeypatch):
    """Without the library the row stays in the tables, with the way to get it."""
    monkeypatch.setitem(sys.modules, "more_itertools", None)
    monkeypatch.delattr(threading, "serialize_iterator", raising=False)
    answer = verified("generator-serialized", tiny())
    assert answer["outcome"] == "unsupported"
    assert "pip install 'more-itertools>=11'" in answer["message"]


def test_the_standard_library_comes_first(monkeypatch):
    """Where Python has `threading.serialize_iterator`, that is what is measured."""
    from feeders.strategies.locked import _serialize

    monkeypatch.setattr(threading, "serialize_iterator", iter, raising=False)
    assert _serialize() is iter


def test_a_type_error_of_the_persons_code_is_no_refusal(verified, tiny):
    """An error of the person's code is a failure, also of the types by which Keras refuses."""

    def breaks(index, epoch):
        raise TypeError("planted in batch")

    for feeder in ("sequence", "arrays"):
        answer = verified(feeder, tiny(breaks), 1)
        assert answer["outcome"] == "failed"
        assert "planted in batch" in answer["message"]
