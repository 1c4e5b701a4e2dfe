"""Loaders whose length is not that of what they hold."""

import time

import numpy as np

from feeders.keras_api import sequence_base

Base = sequence_base()

# 41 batches, the last one of 9.
COUNT, WIDTH, BATCH = 489, 16, 12


class Measured(Base):
    """What the loaders below have in common."""

    def __init__(self):
        super().__init__()
        self.x, self.y = np.random.RandomState(6).rand(COUNT, WIDTH).astype(np.float32), np.arange(COUNT) % 3

    def __getitem__(self, index):
        numbers = slice(index * BATCH, (index + 1) * BATCH)
        return self.x[numbers], self.y[numbers]


class Whole(Measured):
    """As long as what it holds; with steps_per_epoch an epoch takes a part of it."""

    def __len__(self):
        return -(-COUNT // BATCH)


class ShuffledFloor(Measured):
    """Full batches only, in an order drawn anew; believed: what one epoch leaves out is in the next."""

    def __init__(self):
        super().__init__()
        self.on_epoch_end()

    def __len__(self):
        return COUNT // BATCH

    def __getitem__(self, index):
        numbers = self.order[index * BATCH : (index + 1) * BATCH]
        return self.x[numbers], self.y[numbers]

    def on_epoch_end(self):
        self.order = np.random.permutation(COUNT)


class WithoutEnd(Base):
    """Any index is right; the property says that there is no end, as Keras documents it."""

    @property
    def num_batches(self):
        return None

    def __getitem__(self, index):
        numbers = np.arange(BATCH) + BATCH * index
        return np.sqrt(numbers[:, None]).astype(np.float32), numbers


class SlowlyMade(Whole):
    """Longer in the making than any batch is waited for."""

    def __init__(self):
        time.sleep(9)
        super().__init__()


class TooLongRaises(Measured):
    """One batch too many, and a list of batches that ends before; believed: there is always a rest."""

    def __init__(self):
        super().__init__()
        self.starts = list(range(0, COUNT, BATCH))

    def __len__(self):
        return COUNT // BATCH + 2

    def __getitem__(self, index):
        numbers = slice(self.starts[index], self.starts[index] + BATCH)
        return self.x[numbers], self.y[numbers]


class TooLongEmpty(Measured):
    """One batch too many, and slices that come back empty; believed: a slice can't fail."""

    def __len__(self):
        return COUNT // BATCH + 2


class TooLongRepeats(Measured):
    """Three batches too many, filled from the front again; believed: an epoch of round numbers is a nice one."""

    def __len__(self):
        return -(-COUNT // BATCH) + 3

    def __getitem__(self, index):
        return super().__getitem__(index % -(-COUNT // BATCH))


class FloorLength(Measured):
    """Floor division; believed: the rest comes along. The last 9 samples never do."""

    def __len__(self):
        return COUNT // BATCH


class HalfLength(Measured):
    """The length of another split; believed: it is that of this one. Half of the batches are never asked for."""

    def __len__(self):
        return COUNT // BATCH // 2
