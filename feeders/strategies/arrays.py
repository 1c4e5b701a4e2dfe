"""Everything in memory before ``fit()`` starts: whole arrays, or one batch again and again."""

from __future__ import annotations

import itertools

import numpy as np

from feeders.keras_api import TENSORFLOW, backend
from feeders.loaders import STATIC_EPOCH, Material

from ._feeds import iterator_feed
from ._row import Feed, Feeder


def _arrays(material: Material, workers: int) -> Feed:
    batches = [material.prepare(index, STATIC_EPOCH) for index in range(len(material))]
    x, y = (np.concatenate(parts) for parts in zip(*batches))
    return Feed(x, y, fit={"batch_size": material.batch_size})


def _resident(material: Material, workers: int) -> Feed:
    x, y = material.prepare(0, STATIC_EPOCH)
    short = material.samples % material.batch_size
    if backend() != TENSORFLOW:
        # tf.data is a detour there: NumPy arrays train three times as many samples on JAX, 1.3 times as many on torch.
        batches = itertools.cycle([*[(x, y)] * (len(material) - 1), (x[:short], y[:short])])
        return iterator_feed((batch for batch in batches), len(material), workers=1, processes=False)
    import tensorflow as tf

    x, y = tf.constant(x), tf.constant(y)
    full = tf.data.Dataset.from_tensors((x, y)).repeat(len(material) - 1)
    last = tf.data.Dataset.from_tensors((x[:short], y[:short]))
    return Feed(full.concatenate(last))


RESIDENT = Feeder(
    "resident",
    _resident,
    "one batch kept in memory and repeated",
    "the ceiling: what fit() does when data costs nothing; not a way to train",
    parallel=False,
    ceiling=True,
)

ROWS = (
    RESIDENT,
    Feeder(
        "arrays",
        _arrays,
        "fit(x, y)",
        "the baseline, where everything fits in memory",
        parallel=False,
        needs="all batches prepared once and kept in memory",
    ),
)
