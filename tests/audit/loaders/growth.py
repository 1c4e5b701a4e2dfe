"""Loaders that leave something behind, every batch or every epoch."""

# ruff: noqa: SIM115  (files that stay open are what this is about)

import subprocess
import threading

import numpy as np

from feeders.keras_api import sequence_base

Base = sequence_base()

# 38 batches of 32 samples of 2 kB, the last one of 13: 2.4 MB an epoch.
COUNT, WIDTH, BATCH = 1197, 512, 32


class Growing(Base):
    """What the loaders below have in common."""

    def __init__(self):
        super().__init__()
        self.x, self.y = np.random.RandomState(9).rand(COUNT, WIDTH).astype(np.float32), np.arange(COUNT) % 4
        self.kept = []

    def __len__(self):
        return -(-COUNT // BATCH)

    def __getitem__(self, index):
        numbers = slice(index * BATCH, (index + 1) * BATCH)
        return self.x[numbers] + np.float32(1), self.y[numbers]


class KeepsBatches(Growing):
    """Keeps every batch for statistics that nobody makes; believed: the collector takes it."""

    def __getitem__(self, index):
        batch = super().__getitem__(index)
        self.kept.append(batch)
        return batch


class ThreadEveryEpoch(Growing):
    """Starts a thread that warms a cache, each epoch, and never ends it; believed: daemons go by themselves."""

    def on_epoch_end(self):
        stop = threading.Event()
        threading.Thread(target=stop.wait, daemon=True).start()


class ProcessEveryEpoch(Growing):
    """Starts a decoder each epoch and never ends it; believed: it ends when it has nothing to do.

    It ends with its parent, whose end of the pipe closes.
    """

    def on_epoch_end(self):
        self.kept.append(subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL))


class FileEveryBatch(Growing):
    """Opens a file with every batch and never closes one; believed: Python does. Not while the list holds them."""

    def __getitem__(self, index):
        # Unbuffered, so that what grows is the number of files and not the memory of their buffers.
        self.kept.append(open(__file__, "rb", buffering=0))
        return super().__getitem__(index)
