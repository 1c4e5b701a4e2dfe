"""What one thread reads of a loader: where an epoch of a generator ends, and what follows from two passes."""

from __future__ import annotations

import itertools
import random
import time
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from feeders.audit import recorder
from feeders.audit.epochs import reference_of
from feeders.audit.evidence import Evidence, Key
from feeders.audit.exceptions import RaisedException
from feeders.audit.findings import CONTENTS
from feeders.audit.loader import AuditedLoader
from feeders.audit.probes import PATIENCE_FIRST, Probes
from feeders.audit.readings import Description, FailedRead, Reading
from feeders.audit.reference import _Reader
from feeders.audit.reference_search import _allow_for, _look_for_a_key
from feeders.audit.request import AuditRequest
from feeders.audit.stress_plan import compared_by, plan_stress
from feeders.measure.identity import Columns


class Journal:
    def write(self, event):
        """Nobody reads it."""


def read(numbers):
    """Read a generator of batches that are known by a number each."""
    batches = ((np.full((2, 1), number, np.float32), np.zeros(2)) for number in numbers)
    loader = AuditedLoader(batches, None, "generator", workers=1, processes=False)
    reader = _Reader(loader, AuditRequest("mine.py:mine"), backward=False, journal=Journal(), making=0.0)
    reader.run()
    reading = reader.reading(Description("generator"), None)
    return [len(epoch) for epoch in reading.epochs], reading.steps, reading.endless


def first_twice():
    """A batch to show the shapes, and then all of them, again and again."""
    yield 0
    while True:
        yield from range(20)


@pytest.mark.parametrize(
    ("numbers", "epochs", "steps"),
    [
        (lambda: itertools.cycle(range(3)), [3, 3], 3),
        (lambda: itertools.cycle(range(30)), [30, 30], 30),
        (first_twice, [21, 21], 21),
        (lambda: itertools.chain([7, 7], range(5)), [7], None),
        (lambda: range(4), [4], None),
        (lambda: [0, 1, 0, 1], [2, 2], 2),
        (lambda: [0, 1, 0, 1, 0], [5], None),
    ],
    ids=["short", "long", "the first one twice", "alike and an end", "an end", "two passes", "two passes and more"],
)
def test_an_epoch_of_a_generator_ends_where_all_that_follows_is_the_same_again(loaded, numbers, epochs, steps):
    assert read(numbers()) == (epochs, steps, steps is not None)


def passes(batches):
    return Reading(Description("sequence", length=batches), (tuple(Columns((n,), (n,)) for n in range(batches)),))


def test_a_pass_that_broke_agrees_with_nothing():
    error = FailedRead(4, 0, 0, RaisedException("AttributeError: no rows"))
    request, forward = AuditRequest("mine.py:Mine"), passes(5)
    agreed = reference_of(request, forward, passes(5))
    broken = reference_of(request, forward, Reading(forward.description, failed=error))
    assert (agreed.keyed, agreed.reproducible) == (True, True)
    assert (broken.keyed, broken.reproducible) == (False, False)
    neither = Reading(forward.description, failed=error)
    assert not reference_of(request, neither, neither).reproducible  # as where fixed random numbers break a loader


def test_no_batch_beyond_a_sequence_is_asked_for_where_epochs_go_on_through_it():
    request, forward = AuditRequest("mine.py:Mine", steps=2, epochs=3), passes(5)
    evidence = Evidence(forward=forward, backward=forward, reference=reference_of(request, forward, forward))
    assert evidence.reference.batches == 6
    assert plan_stress(request, evidence, 1, 1.0).steps == evidence.indices == 5


class TurnedInPlace:
    """Gives views of an array that it changes between epochs, when nobody has a batch any more."""

    def __init__(self):
        self.x = np.arange(12, dtype=np.float32).reshape(6, 2)

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return (self.x[2 * index : 2 * index + 2],)

    def on_epoch_end(self):
        self.x[:] = self.x[::-1].copy()


class OneBuffer(TurnedInPlace):
    """Gives one array for all batches."""

    def __getitem__(self, index):
        buffer = self.__dict__.setdefault("buffer", np.empty((2, 2), np.float32))
        buffer[:] = self.x[2 * index : 2 * index + 2]
        return (buffer,)


@pytest.mark.parametrize(("kind", "reused"), [(TurnedInPlace, False), (OneBuffer, True)])
def test_a_batch_is_reused_by_another_call_and_not_by_what_happens_between_epochs(loaded, kind, reused):
    loader = AuditedLoader(kind(), None, "sequence", workers=1, processes=False)
    reader = _Reader(loader, AuditRequest("mine.py:Mine"), backward=False, journal=Journal(), making=0.0)
    reader.run()
    reading = reader.reading(Description("sequence", length=3), None)
    assert len(reading.epochs) > 2
    assert bool(reading.reused) is reused


def test_to_read_an_index_again_draws_none_of_the_random_numbers_of_a_loader(loaded):
    loader = AuditedLoader(TurnedInPlace(), None, "sequence", workers=1, processes=False)
    random.seed(3)
    drawn = random.random()
    random.seed(3)
    _Reader(loader, AuditRequest("mine.py:Mine"), backward=True, journal=Journal(), making=0.0).run()
    assert random.random() == drawn


def test_what_each_index_gives_is_known_where_both_passes_agree_on_it():
    request, forward = AuditRequest("mine.py:Mine"), passes(5)
    evidence = Evidence(forward=forward, backward=forward, reference=reference_of(request, forward, forward))
    assert plan_stress(request, evidence, 1, 1.0).right == forward.epochs[0]
    shuffled = replace(evidence, reference=replace(evidence.reference, ordered=False))
    assert plan_stress(request, shuffled, 1, 1.0).right is None


def pipeline(*passes, **values):
    """Passes of a pipeline, of batches that are known by a number each."""
    return Reading(Description("dataset"), tuple(tuple(Columns((n,), (n,)) for n in one) for one in passes), **values)


def seen(request, forward):
    return Evidence(forward=forward, backward=forward, reference=reference_of(request, forward, forward))


def test_what_calls_draw_that_run_at_once_is_not_compared_and_labels_are():
    """A file that seeds draws the same in both passes of one thread, and something else in fit()."""
    request, forward = AuditRequest("mine.py:mine"), pipeline(range(4), range(4), drawn=True)
    content, label = (reference_of(replace(request, key=key), forward, forward) for key in (None, "labels"))
    assert (content.keyed, content.reproducible) == (False, False)
    assert (label.keyed, label.reproducible) == (True, False)


@pytest.mark.parametrize(
    ("second", "compared"),
    [(range(4), CONTENTS), ([3, 2, 1, 0], CONTENTS), (range(4, 8), None)],
    ids=["the same", "another order", "other content"],
)
def test_a_pipeline_that_is_pulled_is_compared_where_each_pass_gives_the_same(second, compared):
    """A generator of random numbers that goes on, or a part of what is shuffled: each pass of it is another one."""
    evidence = seen(AuditRequest("mine.py:mine"), pipeline(range(4), second))
    assert evidence.reference.reproducible
    assert compared_by(AuditRequest("mine.py:mine"), evidence) == compared


def test_what_a_part_of_a_pass_holds_that_has_no_order_is_not_known():
    request = AuditRequest("mine.py:mine", steps=2)
    part, whole = ([0, 1, 2, 3],) * 2, ([0, 1, 0, 1],) * 2
    found = [seen(request, pipeline(*passes, unordered=True)) for passes in (part, whole)]
    assert [evidence.reference.keyed for evidence in found] == [False, True]
    assert [compared_by(request, evidence) for evidence in found] == [None, CONTENTS]
    assert seen(request, pipeline(*part)).reference.keyed


@pytest.mark.parametrize(("second", "asked"), [(range(4), []), (range(4, 8), [4])], ids=["alike", "other numbers"])
def test_no_key_is_looked_for_in_what_one_thread_draws_alike_each_time(second, asked):
    forward, backward = (pipeline(numbers, numbers, drawn=True) for numbers in (range(4), second))
    reference = reference_of(AuditRequest("mine.py:mine"), forward, backward)
    looked = []

    def find_key(steps):
        looked.append(steps)
        return Key()

    inquiry = SimpleNamespace(
        evidence=Evidence(forward=forward, backward=backward, reference=reference),
        progress=lambda text: None,
        expected=lambda kind: 0.0,
        budget=SimpleNamespace(allow=lambda seconds, why: None),
        probes=SimpleNamespace(find_key=find_key),
    )
    _look_for_a_key(inquiry)
    assert looked == asked


class SlowlyTurned(TurnedInPlace):
    """Takes a moment between epochs."""

    def on_epoch_end(self):
        time.sleep(0.05)


def test_a_hook_between_epochs_that_takes_long_is_no_hang(loaded):
    """As one that makes or fetches the data of the next epoch: nothing else tells that it is at work."""
    loader = AuditedLoader(SlowlyTurned(), None, "sequence", workers=1, processes=False)
    request = AuditRequest("mine.py:Mine")
    reader = _Reader(loader, request, backward=False, journal=Journal(), making=0.0)
    reader.run()
    reading = reader.reading(Description("sequence", length=3), None)
    assert reading.hook >= 0.05
    budget = SimpleNamespace(lengthen=lambda seconds, rest, why: None)
    inquiry = SimpleNamespace(request=request, probes=Probes(request), forecast=None, budget=budget)
    _allow_for(inquiry, replace(reading, hook=20.0))
    assert inquiry.probes.patience >= PATIENCE_FIRST * 20.0
    assert inquiry.forecast.one_pass >= 20.0


def test_few_large_batches_are_kept_at_a_time(loaded, monkeypatch):
    """They count as memory of the loader, which may hold one batch at a time."""
    monkeypatch.setattr(recorder, "KEPT_BYTES", 100)
    made = []

    def pull():
        x = np.full((4, 2), len(made), np.float32)
        made.append(weakref.ref(x))
        return (x,)

    loader = AuditedLoader(None, None, "generator", workers=1, processes=False)
    taken = recorder.Recorder(loader, Journal(), backward=False)
    for index in range(8):
        taken.take(index, pull)
    assert sum(one() is not None for one in made) == 3


@pytest.mark.parametrize(
    ("numbers", "steps", "repeats"),
    [(lambda: itertools.cycle(range(4)), 6, True), (lambda: [0, 1, 2, 3, 0], None, False)],
    ids=["more than a pass is asked for", "it begins again by itself"],
)
def test_batches_that_come_again_are_told_from_those_that_were_asked_for_again(loaded, numbers, steps, repeats):
    batches = ((np.array([[number], [number + 0.5]], np.float32),) for number in numbers())
    loader = AuditedLoader(batches, None, "generator", workers=1, processes=False)
    request = AuditRequest("mine.py:mine", steps=steps)
    reader = _Reader(loader, request, backward=False, journal=Journal(), making=0.0)
    reader.run()
    reading = reader.reading(Description("generator"), None)
    assert (reading.wrapped, reading.repeats) == (True, repeats)


class Again(TurnedInPlace):
    """Its three batches, and the first ones once more."""

    more = 1

    def __len__(self):
        return 3 + self.more

    def __getitem__(self, index):
        return super().__getitem__(index % 3)

    def on_epoch_end(self):
        """Nothing changes."""


class AllAgain(Again):
    more = 3


@pytest.mark.parametrize(("kind", "wrapped"), [(Again, True), (AllAgain, False)])
def test_a_loader_may_repeat_all_that_it_holds(loaded, kind, wrapped):
    loader = AuditedLoader(kind(), None, "sequence", workers=1, processes=False)
    reader = _Reader(loader, AuditRequest("mine.py:Mine"), backward=False, journal=Journal(), making=0.0)
    reader.run()
    reading = reader.reading(Description("sequence", length=len(loader.x)), None)
    assert (reading.wrapped, reading.repeats) == (wrapped, False)
