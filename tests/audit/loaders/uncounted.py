"""Loaders whose content is random and whose labels are few: what arrived can be counted only by other means."""

import time

import numpy as np

from feeders.keras_api import sequence_base

Base = sequence_base()

# 30 batches of 8.
COUNT, BATCH, WIDTH = 240, 8, 6


class Jittered(Base):
    """Numbers with noise of NumPy's global generator; classes that are the same in each batch."""

    def __init__(self):
        super().__init__()
        self.numbers = np.arange(COUNT)

    def __len__(self):
        return COUNT // BATCH

    def __getitem__(self, index):
        numbers = self.numbers[index * BATCH : (index + 1) * BATCH]
        x = np.repeat(numbers[:, None], WIDTH, 1) + np.random.uniform(-0.3, 0.3, (len(numbers), WIDTH))
        return x.astype(np.float32), np.arange(len(numbers)) % 2


class JitteredByAttribute(Jittered):
    """The numbers of a batch are kept in self; believed: the noise hides nothing."""

    def __getitem__(self, index):
        self.chosen = self.numbers[index * BATCH : (index + 1) * BATCH]
        time.sleep(0.001)
        x = np.repeat(self.chosen[:, None], WIDTH, 1) + np.random.uniform(-0.3, 0.3, (len(self.chosen), WIDTH))
        return x.astype(np.float32), np.arange(len(self.chosen)) % 2


class OwnNoise(Jittered):
    """Noise of a generator of its own, which nobody can fix from outside."""

    def __init__(self):
        super().__init__()
        self.random = np.random.default_rng()

    def __getitem__(self, index):
        numbers = self.numbers[index * BATCH : (index + 1) * BATCH]
        x = np.repeat(numbers[:, None], WIDTH, 1) + self.random.uniform(-0.3, 0.3, (len(numbers), WIDTH))
        return x.astype(np.float32), np.arange(len(numbers)) % 2


class JitteredAndShuffled(Jittered):
    """A new order after each epoch, of the same global generator."""

    def on_epoch_end(self):
        np.random.shuffle(self.numbers)
