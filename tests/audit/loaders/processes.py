"""Loaders for worker processes: what a spawned worker can't be sent, and what a forked one does not have."""

# ruff: noqa: SIM115  (files that stay open are what this is about)

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from feeders.keras_api import sequence_base

Base = sequence_base()

# 31 batches, the last one of 3.
COUNT, WIDTH, BATCH = 243, 16, 8


class Plain(Base):
    """Slices of two arrays."""

    def __init__(self):
        super().__init__()
        self.x, self.y = np.random.RandomState(12).rand(COUNT, WIDTH).astype(np.float32), np.arange(COUNT) % 6

    def __len__(self):
        return -(-COUNT // BATCH)

    def __getitem__(self, index):
        numbers = slice(index * BATCH, (index + 1) * BATCH)
        return self.x[numbers], self.y[numbers]


class OpenFile(Plain):
    """Holds an open log; believed: workers inherit it. Only forked ones do."""

    def __init__(self):
        super().__init__()
        self.log = open(__file__, "rb")


class Lambda(Plain):
    """Holds a function without a name; believed: a function is a function. Pickle finds it by its name."""

    def __init__(self):
        super().__init__()
        self.scale = lambda x: x * 2

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return self.scale(x), y


class PoolBeforeFork(Plain):
    """Makes a pool of threads with the loader; believed: each worker has its own. Threads do not survive a fork."""

    def __init__(self):
        super().__init__()
        self.pool = ThreadPoolExecutor(2)
        list(self.pool.map(abs, range(4)))

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return np.stack(list(self.pool.map(np.sqrt, x))), y
