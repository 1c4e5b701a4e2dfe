"""Loaders that block, take their time, raise, or take the process with them."""

import ctypes
import os
import threading
import time

import numpy as np

from feeders.keras_api import sequence_base

Base = sequence_base()

# 33 batches, the last one of 6.
COUNT, WIDTH, BATCH = 262, 16, 8


class Ending(Base):
    """What the loaders below have in common."""

    def __init__(self):
        super().__init__()
        self.x, self.y = np.random.RandomState(14).rand(COUNT, WIDTH).astype(np.float32), np.arange(COUNT) % 2
        self.done = threading.Event()

    def __len__(self):
        return -(-COUNT // BATCH)

    def __getitem__(self, index):
        numbers = slice(index * BATCH, (index + 1) * BATCH)
        return self.x[numbers], self.y[numbers]


class HangsAtTheLast(Ending):
    """Waits with the last batch until the others are done; believed: somebody says so."""

    def __getitem__(self, index):
        if index == len(self) - 1:
            self.done.wait()
        return super().__getitem__(index)


class BlocksAtOnce(Ending):
    """Waits for a server that never comes."""

    def __getitem__(self, index):
        self.done.wait()
        return super().__getitem__(index)


class SlowBatches(Ending):
    """Twelve batches of 22 samples, a quarter of a second each: slow, and nothing else."""

    def __len__(self):
        return 12

    def __getitem__(self, index):
        time.sleep(0.25)
        numbers = slice(index * 22, (index + 1) * 22)
        return self.x[numbers], self.y[numbers]


class RaisesAtSeven(Ending):
    """Sample 60, in batch 7, is damaged."""

    def __getitem__(self, index):
        if index == 7:
            raise ValueError("sample 60 has no label")
        return super().__getitem__(index)


class LeavesAtSeven(Ending):
    """A library ends the process without a word."""

    def __getitem__(self, index):
        if index == 7:
            os._exit(3)
        return super().__getitem__(index)


class SegfaultsAtSeven(Ending):
    """A library reads address 0."""

    def __getitem__(self, index):
        if index == 7:
            ctypes.string_at(0)
        return super().__getitem__(index)


class EatsMemory(Ending):
    """Never stops reading in batch 7; at most 1.6 GB a second, so that a watcher has time."""

    def __getitem__(self, index):
        hoard = []
        while index == 7:
            hoard.append(np.ones(4_000_000))
            time.sleep(0.02)
        return super().__getitem__(index)
