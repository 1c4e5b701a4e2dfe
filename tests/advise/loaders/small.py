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


class _Hooked(_Train):
    """It turns the order of its batches around after each epoch."""

    turned = False

    def __getitem__(self, index):
        return numbered(BATCHES - 1 - index if self.turned else index)

    def on_epoch_end(self):
        self.turned = not self.turned


class _Begun(_Train):
    """It has the first batch alone before an epoch has begun."""

    ready = [numbered(0)] * BATCHES

    def on_epoch_begin(self):
        self.ready = [numbered(index) for index in range(BATCHES)]

    def __getitem__(self, index):
        return self.ready[index]


class _Several(_Train):
    """Two inputs, in a list."""

    def __getitem__(self, index):
        x, y = numbered(index)
        return [x, x], y


class _Named(_Train):
    """Inputs by name, and a weight for each sample."""

    def __getitem__(self, index):
        x, y = numbered(index)
        return {"a": x, "b": x}, y, np.ones(ROWS, np.float32)


class _Widening(_Train):
    """Rows that are padded to the longest of their batch."""

    def __getitem__(self, index):
        x, y = numbered(index)
        return np.repeat(x, 1 + index, axis=1), y


class _Helped(_Train):
    """It has a method by the name that the pools look for, which means something else."""

    def batch(self, first, count):
        return numbered(first)[:count]

    def __getitem__(self, index):
        return self.batch(index, 2)


class _Untold:
    """Keras 3 asks for a property where there is no length."""

    num_batches = BATCHES

    def __getitem__(self, index):
        return numbered(index)


def in_processes():
    """It asks for two of them."""
    loader = Train()
    loader.workers, loader.use_multiprocessing = 2, True
    return loader


def _as_sequence(body):
    made = as_sequence(body)
    made.__qualname__ = made.__name__ = body.__name__[1:]
    made.__module__ = __name__
    return made


Train, Hooked, Begun, Several, Named, Widening, Helped, Untold = map(
    _as_sequence, (_Train, _Hooked, _Begun, _Several, _Named, _Widening, _Helped, _Untold)
)


def batches():
    """Without end."""
    while True:
        yield from map(numbered, range(BATCHES))


def batches_of(rows):
    """Without end, of an argument."""
    assert rows == ROWS
    return batches()


class Stream:
    """An iterator that is no generator."""

    def __init__(self):
        self.rest = batches()

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.rest)


made = batches()


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
