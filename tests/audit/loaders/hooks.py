"""Loaders that do something between epochs, or when they are made."""

import random
import time

import numpy as np

from feeders.keras_api import sequence_base

Base = sequence_base()

# 47 batches, the last one of 5.
COUNT, WIDTH, BATCH = 373, 16, 8


class Ordered(Base):
    """What the loaders below have in common: an order, taken slice by slice."""

    def __init__(self):
        super().__init__()
        self.x, self.y = np.random.RandomState(8).rand(COUNT, WIDTH).astype(np.float32), np.arange(COUNT) % 5
        self.order = list(range(COUNT))

    def __len__(self):
        return -(-COUNT // BATCH)

    def __getitem__(self, index):
        numbers = self.order[index * BATCH : (index + 1) * BATCH]
        return self.x[numbers], self.y[numbers]


class ShuffledOnce(Ordered):
    """One order, drawn when the loader is made."""

    def __init__(self):
        super().__init__()
        random.shuffle(self.order)


class ShuffledAtEnd(Ordered):
    """A new order, without a seed, at the end of each epoch."""

    def on_epoch_end(self):
        random.shuffle(self.order)


class ShuffledSlowlyAtEnd(Ordered):
    """The same, sample by sample and with a pause in each: Keras 3 has joined its workers before it calls this."""

    def on_epoch_end(self):
        for place in range(COUNT - 1):
            other = random.randrange(place, COUNT)
            self.order[place], self.order[other] = self.order[other], self.order[place]
            time.sleep(0.001)


class ShuffledAtBegin(Ordered):
    """A new order at the beginning of each epoch; believed: before the first batch. Keras 3 has started its workers.

    Unprovoked, 4 of 150 epochs of `fit()` with four threads repeated some samples and lost others.
    """

    def on_epoch_begin(self):
        random.shuffle(self.order)


class ShuffledSlowlyAtBegin(Ordered):
    """The same after reading the list of samples anew, which takes a moment."""

    def on_epoch_begin(self):
        time.sleep(0.05)
        random.shuffle(self.order)


class ForgetsSuper(Ordered):
    """Never calls the constructor of its base; believed: it does nothing. Keras 3 then knows of no workers."""

    def __init__(self):
        self.x, self.y = np.random.RandomState(8).rand(COUNT, WIDTH).astype(np.float32), np.arange(COUNT) % 5
        self.order = list(range(COUNT))
