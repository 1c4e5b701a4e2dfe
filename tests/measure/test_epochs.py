"""Epochs of a stated length: the time of a batch and the gap are told apart, and what they make together."""

from __future__ import annotations

import contextlib
import itertools
import time
import types
from functools import partial

import numpy as np
import pytest

from feeders.loaders import workload
from feeders.measure import Record, Settings, session, timed, within
from feeders.measure.epochs import batch_seconds, batches, effective_throughput, epoch_seconds, of_length
from feeders.measure.taps import PulledWaitTap
from feeders.strategies import Feed, feeder


def record(seconds_per_batch=None, **values):
    """A take on `remote`: epochs of 97 batches of 32 samples, the last one of 10."""
    material = workload("remote").kind
    known = {} if seconds_per_batch is None else {"seconds_per_batch": seconds_per_batch}
    metrics = {"epoch": 1.0, "gap": 0.03, "throughput": float(material.samples), **known, **values}
    metrics = {"effective_throughput": metrics["throughput"], **metrics}
    return Record("sequence", "remote", 1, "measured", metrics=metrics)


def test_a_take_of_before_long_epochs_tells_what_is_left_without_the_gap():
    assert batches(record()) == 97
    assert batch_seconds(record()) == pytest.approx(0.97 / 97)
    assert batch_seconds(record(0.004)) == 0.004


def test_an_epoch_is_its_batches_and_a_gap():
    assert epoch_seconds(record(0.004), 1000) == pytest.approx(4.03)
    # The epoch that was measured, made of its parts again.
    assert epoch_seconds(record(), 97) == pytest.approx(1.0)


def test_longer_epochs_come_near_to_the_speed_within_them():
    """A feeder with a long gap gains rank with the length."""
    take = record(0.004, gap=0.4)
    speeds = [effective_throughput(take, length) for length in (10, 100, 1000, 1_000_000)]
    assert speeds == sorted(speeds)
    within = 3082 / 97 / 0.004
    assert speeds[1] == pytest.approx(within / 2)
    assert speeds[-1] == pytest.approx(within, rel=1e-3)


def test_only_whole_samples_count_in_an_epoch_of_any_length():
    whole, half = record(0.004), record(0.004, effective_throughput=3082 / 2)
    assert effective_throughput(half, 500) == pytest.approx(effective_throughput(whole, 500) / 2)


def test_what_ranks_is_put_for_the_length_and_the_rest_stays():
    take = of_length(record(0.004, limit=10_000.0, share_of_limit=1.0, beyond_limit=1.0), 1000)
    speed = take.metrics["effective_throughput"]
    assert speed == pytest.approx(1000 * 3082 / 97 / 4.03)
    assert take.metrics["effective"] == pytest.approx(1000 / speed)
    assert take.metrics["share_of_limit"] == pytest.approx(speed / 100)
    assert take.metrics["beyond_limit"] == pytest.approx(1000 / speed - 0.1)
    assert (take.metrics["epoch"], take.metrics["gap"]) == (1.0, 0.03)


def test_a_take_without_numbers_stays_as_it_is():
    take = Record("sequence", "remote", 1, "hung")
    assert of_length(take, 1000) is take


@pytest.mark.parametrize(("seen", "gap"), [({}, 0.04), ({"gap": 0.02}, 0.02)])
def test_a_gap_that_no_tap_sees_is_what_an_epoch_takes_beyond_its_batches(tiny, seen, gap):
    """Else it would be left out of epochs of any length, as if there were none."""
    part = timed.Timed({"epoch": 0.1, **seen}, (0.2, 0.1), (), (0.0, 0.1), 0.3, batches=6)
    pace = within.Pace([(0.01, 0.0)], span=(0.0, 0.06))
    told = session._with_batch(part, pace, None, feeder("sequence"), tiny(batches=6), 23)
    assert told["metrics"]["gap"] == pytest.approx(gap)


def test_the_ceiling_of_batches_that_are_one_sample_each_is_not_scaled(loaded, tiny):
    """Their arrays share no first axis, so that a look counts batches; a ceiling by rows would be too high."""

    class Sized(tiny):
        def batch(self, index, epoch):
            x, y = super().batch(index, epoch)
            return (x, np.float32(len(x))), y

    part = timed.Timed({"epoch": 0.1}, (0.2, 0.1), (), (0.0, 0.1), 0.3, batches=6)
    pace = within.Pace([(0.01, 0.0)], span=(0.0, 0.06))
    told = session._with_batch(part, pace, None, feeder("resident"), Sized(batches=6), 6)
    assert told["metrics"]["seconds_per_batch"] == pytest.approx(0.01)


class Paced:
    """Makes the class of a material whose batches and ends of epochs take so many seconds."""

    def __new__(cls, tiny, batch, end, count):
        class Material(tiny):
            hooks = True

            def on_epoch_end(self):
                time.sleep(end)

        return Material(lambda index, epoch: time.sleep(batch), batches=count)


@pytest.fixture(scope="module")
def paced(take, planted, tiny):
    """Return a function that takes `sequence` on such a material, once for each."""
    known = {}

    def paced(batch, end, count):
        if (batch, end, count) not in known:
            with planted(Paced(tiny, batch, end, count)):
                known[batch, end, count] = take("sequence", steady_seconds=0.3)
        made = known[batch, end, count]
        assert made.outcome == "measured", made.message
        return made.metrics

    return paced


@pytest.mark.slow
def test_what_is_planted_in_a_batch_and_between_epochs_is_in_its_own_number(paced):
    """Only lower bounds: a busy machine adds to both. How the two are told apart is shown by a virtual clock."""
    plain, between, within = paced(0.005, 0.05, 6), paced(0.005, 1.0, 40), paced(0.04, 0.05, 40)
    assert plain["gap"] >= 0.05
    assert plain["seconds_per_batch"] >= 0.005
    assert between["gap"] >= 1.0
    assert within["seconds_per_batch"] >= 0.04


class Clock:
    """Stands still unless it is put forward: what is measured by it has no noise."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def forward(self, seconds):
        self.now += seconds


class Iterators:
    """Where Keras on JAX and torch gets an epoch's iterator from: each batch takes `batch` seconds to prepare."""

    def __init__(self, clock, batch, count):
        self._clock, self._batch, self.count = clock, batch, count

    def _get_iterator(self):
        for _ in range(self.count):
            self._clock.forward(self._batch)
            yield None


class Paces:
    """A model that trains by a virtual clock: 1 ms a step, `end` seconds between two epochs."""

    def __init__(self, clock, iterators, end):
        self._clock, self._iterators, self._end = clock, iterators, end

    def make_train_function(self, force=False):
        self.train_function = lambda batch: self._clock.forward(0.001)
        return self.train_function

    def fit(self, *_, epochs, callbacks=(), **__):
        self.stop_training, self.trained = False, 0
        self.make_train_function()
        for callback in callbacks:
            callback.set_model(self)
            callback.on_train_begin()
        for epoch in range(epochs):
            for batch in self._iterators._get_iterator():
                self.train_function(batch)
                self.trained += 1
                if self.stop_training:
                    break
            self.read_metrics()
            for callback in callbacks:
                callback.on_epoch_end(epoch)
            self._clock.forward(self._end)
            if self.stop_training:
                return

    def read_metrics(self):
        """As Keras does after an epoch."""


class OnDevice(Paces):
    """The same on an accelerator: 1 ms to send a step there, and 5 ms to compute it, one after the other."""

    free = 0.0

    def make_train_function(self, force=False):
        self.train_function = self._send
        return self.train_function

    def _send(self, batch):
        self._clock.forward(0.001)
        self.free = max(self.free, self._clock()) + 0.005
        return {"loss": Pending(self._clock, self.free)}

    def read_metrics(self):
        float(Pending(self._clock, self.free))


class Pending:
    """A number that is there at some time; who reads it waits for that."""

    shape = ()

    def __init__(self, clock, there):
        self._clock, self._there = clock, there

    def __float__(self):
        self._clock.forward(max(0.0, self._there - self._clock()))
        return 1.0


class TakeEndedError(Exception):
    """Ends a long epoch where its pace is known, as the end of its process does in a take."""


def by_virtual_clock(batch, end, count, kind=Paces):
    """Return the gap, the seconds of a batch, what is no wait of them, and what was trained on, by a virtual clock."""
    clock = time.perf_counter = Clock()
    settings, told = Settings(steady_seconds=0.3, taps=True), {}
    iterators = Iterators(clock, batch, count)
    model = kind(clock, iterators, end)
    timed.backends.current = lambda: types.SimpleNamespace(wait_tap=lambda: PulledWaitTap(iterators))
    made = timed.TimedFit(Feed(None), model, count, settings)
    made.run()
    seen, trained = made.timed(samples=count, copy=None), model.trained
    long = within.LongEpoch(model, count, 1, settings, lambda: None)
    iterators.count = long.passes * count

    def ended(pace):
        waits = timed.waited(made.wait_tap.read(), pace.span)
        work = pace.seconds - waits / (len(pace.passes) * count)
        told.update(batch=pace.seconds, long=model.trained, work=work)
        raise TakeEndedError

    with contextlib.suppress(TakeEndedError), made.wait_tap.installed():
        long.run(Feed(None), ended)
    return {**seen.metrics, "epochs": len(seen.epochs), "trained": trained, **told}


@pytest.mark.parametrize(
    ("batch", "end", "count"), [(0.005, 0.05, 6), (0.005, 0.05, 40), (0.005, 1.0, 40), (0.04, 0.05, 40)]
)
def test_a_batch_and_a_gap_are_told_apart_whatever_the_length_of_an_epoch(in_child, batch, end, count):
    """Exactly: the clock is virtual. The gap ends when the next epoch's first batch has arrived."""
    seen = in_child(partial(by_virtual_clock, batch, end, count))
    assert seen["gap"] == pytest.approx(end + batch)
    assert seen["batch"] == pytest.approx(batch + 0.001)
    assert seen["work"] == pytest.approx(0.001)


@pytest.mark.parametrize("count", [6, 40])
def test_what_an_accelerator_has_still_to_compute_is_no_gap_and_no_batch_is_as_short_as_it_takes_to_send(
    in_child, count
):
    """Keras waits for it at the end of an epoch; a long epoch has none."""
    seen = in_child(partial(by_virtual_clock, 0.0, 0.05, count, OnDevice))
    assert seen["gap"] == pytest.approx(0.05)
    sent = 0.001 / count  # nothing is computed until the first step after a wait is there
    assert seen["batch"] == pytest.approx(0.005 + sent)
    assert seen["seconds_per_batch"] == pytest.approx(0.005 + sent)


def timed_by_a_ring(kept):
    """Return what a take tells whose wait tap has kept so many of 81 stamps, by a virtual clock."""
    clock = time.perf_counter = Clock()
    iterators = Iterators(clock, batch=0.04, count=40)
    read = PulledWaitTap.read
    PulledWaitTap.read = lambda tap: read(tap)[-kept:]
    timed.backends.current = lambda: types.SimpleNamespace(wait_tap=lambda: PulledWaitTap(iterators))
    made = timed.TimedFit(Feed(None), Paces(clock, iterators, end=0.05), 40, Settings(steady_seconds=0.3, taps=True))
    made.run()
    seen = made.timed(samples=40, copy=None)
    return {**seen.metrics, "longest": seen.waits[-1]}


@pytest.mark.parametrize("kept", [60, 20])
def test_stamps_that_a_ring_has_lost_are_unknown_and_shift_no_others(in_child, kept):
    """An epoch of a person may have more batches than the ring keeps: the last ones, and the gap before the last."""
    seen = in_child(partial(timed_by_a_ring, kept))
    assert "first_batch" not in seen
    assert seen["gap"] == pytest.approx(0.05 + 0.04)
    assert seen["epoch"] == pytest.approx(40 * 0.041 + 0.05)
    assert [seen[name] for name in ("wait_mean", "wait_max", "longest")] == [pytest.approx(0.04)] * 3


@pytest.mark.parametrize(
    ("span", "seconds"),
    [((0.0, 10.0), None), ((1.0, 10.0), 3.0), ((1.5, 4.5), 2.0), ((2.0, 3.0), 0.0), ((6.0, 9.0), 0.0)],
)
def test_waits_count_as_far_as_they_lie_in_a_span(span, seconds):
    """Those of before it, which a ring may have lost, are not known."""
    assert timed.waited([(1.0, 2.0), (3.0, 4.0), (4.0, 5.0)], span) == seconds
    assert timed.waited([], span) is None


def test_a_slow_epoch_has_two_gaps_for_the_price_of_a_step(in_child):
    """The first epoch, a steady one that is long enough alone, and one that is cut after its first batch."""
    seen = in_child(partial(by_virtual_clock, 0.04, 0.05, 40))
    assert (seen["epochs"], seen["trained"]) == (2, 2 * 40 + 1)
    assert seen["epoch"] == pytest.approx(40 * 0.041 + 0.05)  # the batch that was added is not in it
    assert seen["wait_max"] == pytest.approx(0.04)


def test_a_gap_of_seconds_is_not_waited_for_again(in_child):
    seen = in_child(partial(by_virtual_clock, 0.005, 5.0, 40))
    assert (seen["epochs"], seen["trained"]) == (2, 2 * 40)
    assert seen["gap"] == pytest.approx(5.005)


def test_a_long_epoch_ends_after_the_pass_in_which_its_pace_is_known(in_child):
    """Batches of 6 ms, 25 of them read ahead: one pass of 40 is enough of a steady pace, where 0.3 s were asked for."""
    assert in_child(partial(by_virtual_clock, 0.005, 0.05, 40))["long"] == 25 + 40 - 1


def looks_in(steps):
    """Return how often the pace is looked at in half a second of steps of 1 ms, by a virtual clock."""
    clock = time.perf_counter = Clock()
    looks, paces = [], []
    within.standard_error = lambda ends: looks.append(len(ends)) or 1.0
    long = within.LongEpoch(None, steps, 1, Settings(steady_seconds=0.5), lambda: None)
    while not paces:
        clock.forward(0.001)
        long._step_ended(None, paces.append)
    return len(looks)


@pytest.mark.parametrize("steps", [1, 2, 97])
def test_looks_at_the_pace_are_few_however_short_a_pass_is(in_child, steps):
    """Each is in the time of the next batch: after every pass of one batch, it would be a part of each."""
    assert 1 <= in_child(partial(looks_in, steps)) <= 20


@pytest.mark.parametrize(
    ("batches", "known"),
    [([0.01] * 96, True), ([0.0, 0.0, 0.0, 0.04] * 24, True), ([0.01] * 48 + [0.02] * 48, False), ([0.01] * 15, False)],
)
def test_bursts_tell_a_pace_and_a_drift_does_not(batches, known):
    ends = list(itertools.accumulate(batches, initial=5.0))
    assert (within.standard_error(ends) <= within.KNOWN) == known


class Fake:
    """A model whose ``fit()`` does nothing but tell its callbacks of epochs of 10 ms."""

    def fit(self, *_, epochs, callbacks, **__):
        self.stop_training, (clock,) = False, callbacks
        clock.set_model(self)
        clock.on_train_begin()
        for epoch in range(epochs):
            self.epoch = epoch
            time.sleep(0.01)
            clock.on_epoch_end(epoch)
            if self.stop_training:
                return


def test_a_look_at_memory_is_no_cpu_time_of_the_steady_part(in_child):
    """It takes 9 ms for each process of TensorFlow's, at both ends of half a second."""

    def fit():
        used = [0.0]

        def look(processes):
            used[0] += 0.5
            return 100

        timed.pss_bytes, timed.cpu_seconds = look, lambda processes: used[0]
        made = timed.TimedFit(Feed(None), Fake(), steps=2, settings=Settings(steady_seconds=0.02, taps=False))
        made.run()
        return made.timed(samples=4, copy=None).metrics

    seen = in_child(fit)
    assert (seen["memory"], seen["cpu"]) == (100, 0)


@pytest.mark.parametrize(
    ("new_in", "warm", "unsteady"), [((0,), 1, 0), ((0, 1), 2, 0), ((0, 1, 2), 3, 0), (range(100), 3, 1)]
)
def test_the_steady_part_begins_once_no_new_batch_shape_comes(in_child, new_in, warm, unsteady):
    """Epochs with a new shape are not in it; a model that never comes to rest is told of."""

    def fit():
        model = Fake()
        made = timed.TimedFit(
            Feed(None),
            model,
            steps=2,
            settings=Settings(steady_seconds=0.02, taps=False),
            compiled=lambda: sum(epoch <= model.epoch for epoch in new_in),
        )
        made.run()
        seen = made.timed(samples=4, copy=None)
        steady = seen.metrics["epoch"] * (len(seen.epochs) - warm)
        return {"steady": steady, "of": sum(seen.epochs[warm:]), "unsteady": seen.metrics["unsteady"]}

    seen = in_child(fit)
    assert seen["steady"] == pytest.approx(seen["of"])
    assert min(seen["unsteady"], 1) == unsteady
