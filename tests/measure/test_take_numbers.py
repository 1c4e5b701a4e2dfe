"""Takes of planted feeders: what is known beforehand must come out as that number."""

from __future__ import annotations

import dataclasses
import itertools
import os
import threading
import time

import numpy as np
import pytest

from feeders.measure import METRICS, Record, Settings, session, timed, verify
from feeders.measure.models import MODELS
from feeders.measure.store import stall
from feeders.strategies import Feed, Feeder, feeder

SLEEP_SECONDS = 0.02

# What takes other measurements of the same round.
FROM_ELSEWHERE = {"stall", "limit", "share_of_limit", "beyond_limit", "gil_share"}


def row(build):
    return Feeder("planted", build, "planted", "planted", parallel=False)


def unbuffered(material, workers):
    """A dataset that starts on a batch only when it is asked for it: nothing overlaps the training step."""
    import tensorflow as tf

    def one_epoch():
        for index in range(len(material)):
            yield material.batch(index, 0)

    signature = tuple(tf.TensorSpec(leaf.shape, leaf.dtype) for leaf in material.signature)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    dataset = tf.data.Dataset.from_generator(one_epoch, output_signature=signature).with_options(options)
    return Feed(dataset.apply(tf.data.experimental.assert_cardinality(len(material))))


def first_half_twice(material, workers):
    def batches():
        for index in itertools.cycle(range(len(material) // 2)):
            batch = material.batch(index, 0)
            yield batch
            yield batch

    return Feed(batches(), fit={"steps_per_epoch": len(material)})


def test_what_a_feeder_sleeps_is_a_wait_and_no_work_of_a_step(take, plant, tiny):
    """Only lower bounds: a busy machine adds to both."""
    plant(tiny(lambda *_: time.sleep(SLEEP_SECONDS)), row(unbuffered))
    metrics = take().metrics
    assert metrics["seconds_per_batch"] - metrics["step_work"] >= SLEEP_SECONDS
    assert metrics["step_work"] > 0


def test_what_training_takes_is_the_work_of_a_step(take, plant, tiny):
    plant(tiny())
    assert take(model="none", step_ms=1000 * SLEEP_SECONDS).metrics["step_work"] >= SLEEP_SECONDS


def test_the_wait_tap_moves_by_what_the_feeder_sleeps(take, plant, tiny, events):
    """A feeder that sleeps 20 ms a batch shows that wait, within 10 % of what it really slept."""

    def sleep(index, epoch):
        start = time.perf_counter()
        time.sleep(SLEEP_SECONDS)
        events.add(os.getpid(), time.perf_counter() - start)

    plant(tiny(sleep, batches=25), row(unbuffered))
    record = take(steady_seconds=1.0)
    assert record.outcome == "measured", record.message
    metrics, waits = record.metrics, dict(zip(timed.WAIT_QUANTILES, record.waits))
    last = events.read()[-1][0]
    slept = [seconds for pid, seconds in events.read() if pid == last][25:]  # after the first epoch
    # By the quartile: a machine that does other things beside disturbs some of the batches, not three in four.
    assert waits[0.25] == pytest.approx(np.quantile(slept, 0.25), rel=0.1)
    # The mean by bounds that hold however busy the machine: what was slept, and all the time there was.
    assert np.mean(slept) <= metrics["wait_mean"] <= metrics["epoch"] / 25
    assert min(slept) <= metrics["wait_p50"] <= metrics["wait_p95"] <= metrics["wait_max"]
    assert metrics["step_p50"] >= metrics["wait_p50"]


def test_a_duplicating_feeder_never_shows_full_throughput_as_effective(take, plant, tiny):
    """Every batch twice and half of the samples: twice as fast as it is worth."""
    material = tiny(samples=24)
    plant(material, row(first_half_twice))
    record = take()
    assert record.outcome == "measured", record.message
    assert record.guarantee == "none"
    assert record.delivered == 24
    assert (record.metrics["duplicated"], record.metrics["missing"]) == (12, 12)
    # Half of what was delivered is whole: unique, and as its id promises.
    assert record.metrics["effective_throughput"] == pytest.approx(record.metrics["throughput"] / 2)
    assert record.metrics["effective"] == pytest.approx(1000 / record.metrics["effective_throughput"])


def test_torn_content_is_not_effective(take, plant, tiny):
    """Samples that arrive damaged count as delivered and not as effective."""

    class Torn(tiny):
        def batch(self, index, epoch):
            x, y = super().batch(index, epoch)
            if index == 1:
                x[:2] += 1
            return x, y

    plant(Torn(samples=24))
    record = take("generator")
    assert record.guarantee == "exactly-once"
    assert record.metrics["corrupt"] == 2
    assert record.metrics["effective_throughput"] == pytest.approx(record.metrics["throughput"] * 22 / 24)


@pytest.fixture(scope="module")
def whole_record(take, planted, tiny):
    """A take of `sequence`, which knows every metric, on the small material."""
    with planted(tiny()):
        return take("sequence")


def test_a_take_knows_every_metric_of_the_catalogue_and_no_other(whole_record):
    """A row without a number is a promise not kept, a number without a row has no unit."""
    assert whole_record.outcome == "measured", whole_record.message
    assert set(whole_record.metrics) == {metric.name for metric in METRICS if not metric.gpu} - FROM_ELSEWHERE
    assert all(isinstance(value, (int, float)) for value in whole_record.metrics.values())


def test_a_record_carries_where_it_came_from(whole_record):
    """Numbers without stack, host and settings can't be compared with others."""
    import tensorflow as tf

    assert whole_record.stack["tensorflow"] == tf.__version__
    assert all(isinstance(value, str) and value for value in whole_record.stack.values())
    assert set(whole_record.host) == {"cores", "memory", "kernel", "load"}
    assert set(whole_record.settings) == {field.name for field in dataclasses.fields(Settings)}
    assert whole_record.settings["steady_seconds"] == 0.1
    assert whole_record.started.endswith("+00:00")
    assert whole_record.overhead > 0
    assert Record.from_json(whole_record.to_json()).stack == whole_record.stack


def test_the_numbers_of_a_take_agree_with_each_other(whole_record):
    """Ratio of sums: throughput is the samples of an epoch over the mean steady epoch."""
    metrics = whole_record.metrics
    assert metrics["throughput"] == pytest.approx(23 / metrics["epoch"])
    assert metrics["effective_throughput"] == metrics["throughput"]
    assert 0 < metrics["first_batch"] < metrics["first_epoch"] == pytest.approx(whole_record.epochs[0])
    steady = whole_record.epochs[1:]
    assert metrics["epoch"] == pytest.approx(sum(steady) / len(steady))
    assert sum(steady) >= 0.1
    assert list(whole_record.waits) == sorted(whole_record.waits)
    assert len(whole_record.waits) == len(timed.WAIT_QUANTILES)
    assert metrics["wait_p50"] == pytest.approx(whole_record.waits[timed.WAIT_QUANTILES.index(0.5)])


def test_the_ceiling_has_no_delivery_and_stalls_by_nothing(take, plant, tiny):
    """One batch repeated is no delivery to judge; it is its own ceiling."""
    plant(tiny())
    record = take("resident")
    assert record.outcome == "measured", record.message
    assert (record.guarantee, record.delivered) == ("", None)
    assert not {"missing", "duplicated", "disordered", "corrupt", "stale", "reads"} & set(record.metrics)
    assert record.metrics["effective_throughput"] == record.metrics["throughput"]
    assert stall(record, record) == 0


def test_the_real_model_trains(take, plant, tiny, monkeypatch):
    """FEEDERS_MODEL=real puts the convolutional net behind the same feed."""
    plant(tiny())
    monkeypatch.setenv("FEEDERS_MODEL", "real")
    record = take("arrays", model=Settings.from_environment().model)
    assert record.outcome == "measured", record.message
    assert record.settings["model"] == "real"


def test_which_model_is_built_and_compiled(monkeypatch, tiny):
    """The one that is asked for, of the material's shape and classes."""

    class Compiled(list):
        def compile(self, **arguments):
            self.append(arguments["optimizer"])

    monkeypatch.setattr(timed, "build", lambda *arguments: Compiled(arguments))
    for model in MODELS.names:
        assert timed.make_model(tiny.x_shape, tiny.classes, Settings(model=model)) == [model, (16,), 2, "sgd"]


def test_set_up_and_verification_come_before_the_timed_fit_and_nothing_is_built_inside_it(
    take, plant, tiny, events, monkeypatch
):
    """The order is pinned: verified in one process, then timed in another; built first, then fed, then answered."""
    import tensorflow as tf

    fit, build_model, answer = tf.keras.Model.fit, timed.build, session._timed

    def note(*fields):
        events.add(os.getpid(), *fields)

    def noted_fit(self, *arguments, **keywords):
        note("fit")
        result = fit(self, *arguments, **keywords)
        note("fit returned")
        return result

    def noted_build(material, workers):
        note("build")
        return feeder("generator").build(material, workers)

    class Noted(tiny):
        def batch(self, index, epoch):
            note("prepare")
            return super().batch(index, epoch)

    plant(Noted(), row(noted_build))
    monkeypatch.setattr(tf.keras.Model, "fit", noted_fit)
    monkeypatch.setattr(timed, "build", lambda *arguments: note("model") or build_model(*arguments))
    monkeypatch.setattr(session, "_timed", lambda *arguments: note("answer") or answer(*arguments))
    record = take(feeder="generator")
    assert record.outcome == "measured", record.message
    assert len(record.epochs) >= 2
    steps = [event for event, _ in itertools.groupby(events.read())]
    verifying, timing = list(dict.fromkeys(pid for pid, _ in steps))
    assert [pid for pid, _ in itertools.groupby(pid for pid, _ in steps)] == [verifying, timing]
    # How far the generator runs ahead is not pinned.
    by_process = {pid: list(dict.fromkeys(name for who, name in steps if who == pid)) for pid in (verifying, timing)}
    assert by_process[verifying] == ["build", "fit", "prepare", "fit returned"]
    assert by_process[timing] == ["model", "build", "fit", "prepare", "fit returned", "answer"]
    # A second fit() has a long epoch, which ends with the process.
    once = [name for pid, name in steps if pid == timing and name != "prepare"]
    assert once == ["model", "build", "fit", "fit returned", "answer", "build", "fit"]


def test_threads_and_processes_that_stay_are_counted(take, plant, tiny, nothing_left, monkeypatch):
    """A feeder that leaves a thread and a process behind shows 2 more than one that leaves none."""
    monkeypatch.setattr(verify, "GRACE_SECONDS", 0.1)

    started = []

    def leaves(index, epoch):
        # The first read of a sequence is the one for its shapes, in the thread that called fit().
        if not started and threading.current_thread() is threading.main_thread():
            started.append(threading.Thread(target=threading.Event().wait, daemon=True))
            started[0].start()
            if os.fork() == 0:
                threading.Event().wait()

    for before, left in ((None, 0), (leaves, 2)):
        plant(tiny(before))
        record = take("sequence")
        assert record.outcome == "measured", record.message
        assert record.metrics["left"] == left
    assert nothing_left()


def test_threads_of_tensorflow_are_not_left_by_the_feeder(take, plant, tiny):
    """A thread that Python did not start and cannot end is no leak of the feeder."""
    plant(tiny(lambda index, epoch: threading.current_thread()))
    record = take("generator")
    assert record.outcome == "measured", record.message
    assert record.metrics["left"] == 0
