"""What the stages of a ``tf.data.Dataset`` tell."""

from __future__ import annotations

import dataclasses

import pytest

from feeders.audit import datasets

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
