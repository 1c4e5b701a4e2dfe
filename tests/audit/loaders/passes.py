"""Loaders that are wrong already where one thread reads them, and some that only look so."""

import numpy as np

from feeders.keras_api import sequence_base

Base = sequence_base()

# 25 batches of 6.
COUNT, BATCH = 150, 6


class Rows(Base):
    """What the loaders below have in common; `order` is what an epoch reads."""

    def __init__(self):
        super().__init__()
        self.order = np.arange(COUNT)

    def __len__(self):
        return len(self.order) // BATCH

    def numbers(self, index):
        return self.order[index * BATCH : (index + 1) * BATCH]

    def __getitem__(self, index):
        numbers = self.numbers(index)
        return np.sqrt(numbers[:, None] + 1).astype(np.float32), numbers % 4


class StandsIn(Rows):
    """What can't be read is replaced by the batch before; believed: better than an exception."""

    def __getitem__(self, index):
        return super().__getitem__(index - 1 if index == 17 else index)


class DecimalsLater(Rows):
    """Whole numbers until batch 14; believed: Keras makes float32 of everything."""

    def __getitem__(self, index):
        numbers = self.numbers(index)[:, None]
        return {"price": numbers if index < 14 else numbers + 0.25}, numbers[:, 0] % 4


class IntegersLater(DecimalsLater):
    """The other way round, which loses nothing."""

    def __getitem__(self, index):
        numbers = self.numbers(index)[:, None]
        return {"price": numbers + 0.5 if index < 14 else numbers}, numbers[:, 0] % 4


class DrawnAnew(Rows):
    """An epoch takes another number of rows each time."""

    epoch = 0

    def on_epoch_end(self):
        self.epoch += 1
        size = COUNT - 24 * (self.epoch % 3)
        self.order = np.random.default_rng(self.epoch).permutation(COUNT)[:size]


class RingOfBuffers(Rows):
    """Four buffers in turn; believed: nobody is four batches behind."""

    def __init__(self):
        super().__init__()
        self.buffers, self.turn = np.empty((4, BATCH, 1), np.float32), 0

    def __getitem__(self, index):
        self.turn = (self.turn + 1) % 4
        buffer = self.buffers[self.turn]
        np.sqrt(self.numbers(index)[:, None] + 1, out=buffer, casting="unsafe")
        return buffer, self.numbers(index) % 4
