"""Loaders of one content in every kind: ten batches of four samples, numbered."""

from __future__ import annotations

import numpy as np

from feeders.keras_api import as_sequence, generation

BATCHES, ROWS = 10, 4


def numbered(index):
    """The batch of an index: each sample is its number."""
    x = np.arange(ROWS * index, ROWS * (index + 1), dtype=np.float32)[:, None]
    return x, x[:, 0]


class _Train:
    def __init__(self, **options):
        if generation() == 3:
            super().__init__(**options)

    def __len__(self):
        return BATCHES

    def __getitem__(self, index):
        return numbered(index)


Train = as_sequence(_Train)
Train.__qualname__ = Train.__name__ = "Train"
Train.__module__ = __name__


class _Hooked(_Train):
    """It turns the order of its batches around after each epoch."""

    turned = False

    def __getitem__(self, index):
        return numbered(BATCHES - 1 - index if self.turned else index)

    def on_epoch_end(self):
        self.turned = not self.turned


Hooked = as_sequence(_Hooked)
Hooked.__qualname__ = Hooked.__name__ = "Hooked"
Hooked.__module__ = __name__


def batches():
    """Without end."""
    while True:
        yield from map(numbered, range(BATCHES))


def once():
    """One epoch."""
    yield from map(numbered, range(BATCHES))


def pipeline():
    """A tf.data pipeline."""
    import tensorflow as tf

    return (
        tf.data.Dataset.from_tensor_slices(np.arange(ROWS * BATCHES, dtype=np.float32)[:, None])
        .batch(ROWS)
        .map(lambda x: (x, x[:, 0]))
    )


def arrays():
    """All of it."""
    x = np.arange(ROWS * BATCHES, dtype=np.float32)[:, None]
    return x, x[:, 0]
