"""Loaders that draw random numbers: from a seed of the batch, from what all share, from what each process makes.

The label is the number of the sample, because its picture never comes twice.
"""

import os

import numpy as np

from feeders.keras_api import sequence_base

Base = sequence_base()

# 50 batches, the last one of 7.
COUNT, WIDTH, BATCH = 595, 24, 12


class Augmented(Base):
    """What the loaders below have in common; `noise` draws as many numbers as it is asked for."""

    def __init__(self):
        super().__init__()
        self.x = np.random.RandomState(2).rand(COUNT, WIDTH).astype(np.float32)
        self.y = np.arange(COUNT)

    def __len__(self):
        return -(-COUNT // BATCH)

    def __getitem__(self, index):
        numbers = slice(index * BATCH, (index + 1) * BATCH)
        x = self.x[numbers]
        return x + np.float32(0.01) * self.noise(index, x.shape).astype(np.float32), self.y[numbers]


class SeedsForAll(Augmented):
    """Seeds NumPy's generator with the index; believed: the noise of a batch is then its own."""

    def noise(self, index, shape):
        np.random.seed(index)
        return np.random.normal(size=shape)


class SeededByIndex(Augmented):
    """The seed is made of the epoch and the index: the same numbers whoever prepares the batch."""

    epoch = 0

    def noise(self, index, shape):
        return np.random.default_rng([7, self.epoch, index]).normal(size=shape)

    def on_epoch_end(self):
        self.epoch += 1


class GlobalRandom(Augmented):
    """NumPy's global generator; believed: random is random. Between threads it is, forked workers repeat each other."""

    def noise(self, index, shape):
        return np.random.normal(size=shape)


class OwnRandom(Augmented):
    """A generator of the instance; believed: mine alone, so reproducible. Forked workers each start with a copy."""

    def __init__(self):
        super().__init__()
        self.random = np.random.default_rng(4)

    def noise(self, index, shape):
        return self.random.normal(size=shape)


class ReseededPerProcess(Augmented):
    """A generator for each process, seeded by the operating system where the process id has changed."""

    owner = None

    def noise(self, index, shape):
        if self.owner != os.getpid():
            self.owner, self.random = os.getpid(), np.random.default_rng()
        return self.random.normal(size=shape)
