"""Sixteen loaders whose best way of feeding is found by measuring all of them; each is what its name says."""

from __future__ import annotations

import io
import random
import threading
import time

import numpy as np

from feeders.keras_api import generation, sequence_base

BATCHES, ROWS, FEATURES = 60, 32, 16

Base = sequence_base()


def numbered(index, rows=ROWS, features=FEATURES):
    """A batch whose every sample differs from all others."""
    x = np.zeros((rows, features), np.float32)
    x[:, 0], x[:, 1] = index, np.arange(rows)
    return x, np.full(rows, index, np.float32)


def compute(rounds):
    """Python that holds the GIL: about 0.1 ms for a thousand rounds."""
    total = 0
    for k in range(rounds):
        total += k * k % 7
    return total


class _Known(Base):
    def __init__(self, **options):
        if generation() == 3:
            super().__init__(**options)

    def __len__(self):
        return BATCHES

    def __getitem__(self, index):
        self.prepare(index)
        return numbered(index)

    def prepare(self, index):
        """What it costs."""


class HoldsTheGil(_Known):
    def prepare(self, index):
        compute(60_000)


class Waits(_Known):
    def prepare(self, index):
        time.sleep(0.01)


class Decodes(_Known):
    """JPEG files, whose decoding releases the GIL."""

    def __init__(self, **options):
        super().__init__(**options)
        from PIL import Image

        noise = np.random.default_rng(1).integers(0, 255, (256, 256, 3), np.uint8)
        held = io.BytesIO()
        Image.fromarray(noise).save(held, "JPEG")
        self.bytes = held.getvalue()

    def __getitem__(self, index):
        from PIL import Image

        for _ in range(8):
            Image.open(io.BytesIO(self.bytes)).convert("RGB").load()
        return numbered(index)


class LargeBatches(_Known):
    """16 MB each."""

    def __getitem__(self, index):
        return numbered(index, 64, 65_536)


class TinyBatches(_Known):
    def __len__(self):
        return 600

    def __getitem__(self, index):
        return numbered(index, 4, 4)


class Fed(_Known):
    """Ready in memory; with a step of 20 ms the device is fed."""

    def __init__(self, **options):
        super().__init__(**options)
        self.ready = [numbered(index) for index in range(BATCHES)]

    def __getitem__(self, index):
        x, y = self.ready[index]
        return x.copy(), y.copy()


class OneSlowInFifty(_Known):
    def prepare(self, index):
        time.sleep(0.25 if index % 50 == 7 else 0.004)


def generator():
    """It can't be indexed."""
    while True:
        for index in range(BATCHES):
            compute(30_000)
            yield numbered(index)


def pipeline():
    """A tf.data pipeline with a Python map."""
    import tensorflow as tf

    def prepare(index):
        compute(40_000)
        return numbered(int(index))

    def mapped(index):
        x, y = tf.numpy_function(prepare, [index], [tf.float32, tf.float32])
        return tf.ensure_shape(x, (ROWS, FEATURES)), tf.ensure_shape(y, (ROWS,))

    return tf.data.Dataset.range(BATCHES).map(mapped)


class UnsafeWithThreads(_Known):
    """It keeps its place in itself: each process has its own."""

    def __init__(self, **options):
        super().__init__(**({"workers": 4, **options} if generation() == 3 else options))
        self.at = 0

    def __getitem__(self, index):
        self.at = index
        compute(20_000)
        time.sleep(0.002)
        return numbered(self.at)


class UnsafeEverywhere(_Known):
    """Its length leaves out the last batch."""

    def __len__(self):
        return BATCHES - 1

    def __getitem__(self, index):
        time.sleep(0.002)
        return numbered(index % (BATCHES - 5))


class FastOnlyBecauseItIsWrong(_Known):
    """A lock that is new in each call: threads overtake each other, and hand over what another one read."""

    def __init__(self, **options):
        super().__init__(**options)
        self.buffer = np.zeros((ROWS, FEATURES), np.float32)

    def __getitem__(self, index):
        with threading.Lock():
            x, y = numbered(index)
            self.buffer[:] = x
            time.sleep(0.004)
            return self.buffer.copy(), y


class RandomContent(_Known):
    """New noise in each pass; its labels tell the samples."""

    def __getitem__(self, index):
        x, _ = numbered(index)
        x[:, 2:] += np.float32(random.random())
        time.sleep(0.005)
        return x, np.arange(index * ROWS, (index + 1) * ROWS, dtype=np.float32)


class NamedWithWeights(_Known):
    """Inputs by name, and a weight for each sample."""

    def __getitem__(self, index):
        compute(40_000)
        x, y = numbered(index)
        return {"a": x, "b": x[:, :4].copy()}, y, np.ones(ROWS, np.float32)


class TenSecondsToMake(_Known):
    def __init__(self, **options):
        super().__init__(**options)
        time.sleep(10)

    def __setstate__(self, state):
        self.__dict__.update(state)

    def prepare(self, index):
        time.sleep(0.01)


class GrowsMemory(_Known):
    """It keeps what it gave."""

    def __init__(self, **options):
        super().__init__(**options)
        self.kept = []

    def __getitem__(self, index):
        time.sleep(0.002)
        self.kept.append(np.ones(1_000_000, np.float32))
        return numbered(index)
