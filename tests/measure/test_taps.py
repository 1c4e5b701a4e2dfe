"""The taps: they leave Keras as they found it, and without them fit() is the stock one."""

from __future__ import annotations

import pytest

from feeders.measure import backends
from feeders.measure.taps import StepTap


def fetch():
    from tensorflow.python.data.ops import iterator_ops

    return iterator_ops.OwnedIterator._next_internal


def test_the_wait_tap_puts_the_patched_method_back(in_child):
    """Also when fit() raises: nothing else in the process is to be timed."""

    def work():
        original, tap = fetch(), backends.of("tensorflow").wait_tap()
        with tap.installed():
            inside = fetch() is not original
        after = fetch() is original
        with pytest.raises(LookupError), tap.installed():
            raise LookupError
        return [inside, after, fetch() is original]

    assert in_child(work) == [True, True, True]


def test_every_fetch_inside_a_traced_function_is_stamped(in_child):
    """In order, each asked before it arrived; fetches outside of a traced function are left alone."""

    def work():
        import tensorflow as tf

        tap = backends.of("tensorflow").wait_tap()
        with tap.installed():
            iterator = iter(tf.data.Dataset.range(4))
            traced = tf.function(lambda: next(iterator), jit_compile=False)
            got = [int(traced()) for _ in range(3)] + [int(next(iterator))]
        return [got, tap.read()]

    got, stamps = in_child(work)
    assert got == [0, 1, 2, 3]
    assert len(stamps) == 3
    assert [time for pair in stamps for time in pair] == sorted(time for pair in stamps for time in pair)


def test_a_fetch_of_a_sparse_tensor_is_stamped_too(in_child):
    """It is no tensor to a graph: training on it would not be traced."""

    def work():
        import tensorflow as tf

        tap = backends.of("tensorflow").wait_tap()
        with tap.installed():
            iterator = iter(tf.data.Dataset.from_tensors(tf.sparse.from_dense([[1.0, 0.0], [0.0, 2.0]])).repeat(2))
            traced = tf.function(lambda: next(iterator).values, jit_compile=False)
            got = [traced().numpy().tolist() for _ in range(2)]
        return [got, len(tap.read())]

    assert in_child(work) == [[[1.0, 2.0], [1.0, 2.0]], 2]


def test_the_ring_keeps_the_last_stamps_in_order(in_child, monkeypatch):
    """A long take must not lose its end, nor mix it with its beginning."""

    def work():
        import tensorflow as tf

        monkeypatch.setattr(backends.of("tensorflow"), "RING", 4)
        tap = backends.of("tensorflow").wait_tap()
        for number in range(6):
            tap._store(*(tf.constant(tap._offset + number + part, tf.float64) for part in (0.0, 0.5)))
        return tap.read()

    assert in_child(work) == [pytest.approx([number, number + 0.5]) for number in (2, 3, 4, 5)]


class Model:
    """Stands for a Keras model that makes its training function anew only if there is none, or by force."""

    train_function = None

    def make_train_function(self, force=False):
        if force or self.train_function is None:
            self.train_function = self._train
        return self.train_function

    def _train(self, iterator):
        return next(iterator)


def test_the_step_tap_counts_steps_that_trained():
    """The call that finds the end of the data is no step."""
    model, tap = Model(), StepTap(3)
    tap.install(model)
    model.make_train_function()
    iterator = iter([10, 20])
    assert [model.train_function(iterator), model.train_function(iterator)] == [10, 20]
    with pytest.raises(StopIteration):
        model.train_function(iterator)
    assert len(tap.steps) == 2
    assert all(start <= end for start, end in tap.steps)


@pytest.mark.parametrize("taps", [True, False])
def test_without_taps_the_fit_is_the_stock_one_and_has_no_waits(take, plant, tiny, events, taps):
    """What the taps cost is measured against a fit that has none."""
    original = []

    def look(index, epoch):
        events.add(fetch() is original[0])

    plant(tiny(look))
    import tensorflow  # noqa: F401

    original.append(fetch())
    record = take("generator", taps=taps)
    assert record.outcome == "measured", record.message
    # While the steady part is timed alone: neither where the delivery is verified nor in the long epoch.
    assert ([False] in events.read()) == taps
    waits = {name for name in record.metrics if name.startswith(("wait", "step", "first_batch", "gap"))}
    assert bool(waits) == bool(record.waits) == taps
    assert {"epoch", "throughput", "first_epoch", "cpu"} <= set(record.metrics)
