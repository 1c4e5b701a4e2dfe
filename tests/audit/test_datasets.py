"""What the stages of a ``tf.data.Dataset`` tell."""

from __future__ import annotations

import dataclasses

import pytest

from feeders.audit import datasets
from feeders.measure.identity import Columns

# Pipelines over 10 samples: whether a pass is mixed with the next, whether it takes another part, what is left out.
PIPELINES = {
    "plain": (lambda ds: ds.shuffle(9).batch(5, drop_remainder=True), False, False, None),
    "repeated, then shuffled": (lambda ds: ds.repeat().shuffle(9).batch(4), True, False, None),
    "the same, a part of it": (lambda ds: ds.repeat().shuffle(9).take(8).batch(4), True, False, None),
    "shuffled, then repeated": (lambda ds: ds.shuffle(9).repeat().batch(4), False, False, None),
    "a part of what is shuffled": (lambda ds: ds.shuffle(9).take(8).batch(4), False, True, None),
    "the other part": (lambda ds: ds.shuffle(9).skip(8).batch(4), False, True, None),
    "a shard": (lambda ds: ds.shuffle(9).shard(2, 0).batch(4), False, True, None),
    "all of it": (lambda ds: ds.shuffle(9).take(10).batch(4), False, False, None),
    "shuffled once": (lambda ds: ds.shuffle(9, 1, reshuffle_each_iteration=False).take(8), False, False, None),
    "a part, then shuffled": (lambda ds: ds.take(8).shuffle(9).batch(4), False, False, None),
    "full batches": (lambda ds: ds.batch(4, drop_remainder=True).prefetch(1), False, False, [2, 10]),
    "full batches, repeated": (lambda ds: ds.batch(4, drop_remainder=True).repeat(), False, False, [2, 10]),
    "repeated, full batches": (lambda ds: ds.repeat().batch(4, drop_remainder=True), False, False, None),
    "padded": (lambda ds: ds.padded_batch(3, drop_remainder=True), False, False, [1, 10]),
    "some batches": (lambda ds: ds.batch(4, drop_remainder=True).take(1), False, False, None),
    "nobody knows how many": (lambda ds: ds.filter(lambda x: x > 2).batch(4, drop_remainder=True), False, False, None),
}


@pytest.mark.parametrize(("make", "blurred", "reselected", "remainder"), PIPELINES.values(), ids=PIPELINES)
def test_the_stages_tell_what_a_pass_lacks(in_child, make, blurred, reselected, remainder):
    def told():
        import tensorflow as tf

        made = make(tf.data.Dataset.range(10))
        left = datasets.remainder(made)
        return datasets.is_blurred(made), datasets.is_reselected(made), left and list(dataclasses.astuple(left))

    assert in_child(told) == [blurred, reselected, remainder]


def plain(number):
    import tensorflow as tf

    return tf.cast(number, tf.float32)


def drawn(number):
    import tensorflow as tf

    return plain(number) + tf.random.uniform(())


def drawn_now_and_then(number):
    import tensorflow as tf

    return tf.cond(number > 3, lambda: tf.random.normal(()), lambda: plain(number))


def told(number):
    import tensorflow as tf

    return plain(number) + tf.random.stateless_uniform((), tf.stack([number, number]))


# What a pipeline over 10 samples does, whether calls that run at once draw random numbers there.
AT_ONCE = {
    "drawn": (lambda ds: ds.map(drawn, num_parallel_calls=2), True),
    "below a condition, in batches": (lambda ds: ds.map(drawn_now_and_then, num_parallel_calls=2).batch(2), True),
    "one after the other": (lambda ds: ds.map(drawn).batch(2), False),
    "told what to draw": (lambda ds: ds.map(told, num_parallel_calls=2), False),
    "nothing drawn": (lambda ds: ds.shuffle(9).map(plain, num_parallel_calls=2), False),
}


@pytest.mark.parametrize(("make", "draws"), AT_ONCE.values(), ids=AT_ONCE)
def test_calls_that_run_at_once_and_draw_are_seen(in_child, make, draws):
    def seen():
        import tensorflow as tf

        return datasets.is_drawn(make(tf.data.Dataset.range(10)), ())

    assert in_child(seen) is draws


def batches(*contents):
    return tuple(Columns(part, part) for part in contents)


FIRST = batches((1, 2), (3, 4), (5,))


@pytest.mark.parametrize(
    ("second", "calls", "backend", "draws"),
    [
        (batches((6, 7), (8, 9), (5,)), 2, "tensorflow", True),
        (batches((6, 7), (8, 9), (5,)), None, "tensorflow", False),
        (batches((6, 7), (8, 9), (5,)), None, "jax", True),
        (batches((5, 3), (1, 2), (4,)), 2, "tensorflow", False),
        (batches((5, 3), (1, 2), (6,)), 2, "tensorflow", False),
    ],
    ids=["new", "new, one after the other", "new, and Keras looks at a batch", "another order", "another one left out"],
)
def test_content_that_is_new_in_each_pass_was_drawn(in_child, monkeypatch, second, calls, backend, draws):
    """By Python, which TensorFlow only calls."""
    monkeypatch.setenv("KERAS_BACKEND", backend)

    def seen():
        import tensorflow as tf

        return datasets.is_drawn(tf.data.Dataset.range(10).map(plain, num_parallel_calls=calls), (FIRST, second))

    assert in_child(seen) is draws
