"""Generators and iterators: of one epoch, without end, behind a lock, and some that were used before."""

import queue
import threading
import time

import numpy as np

from feeders.keras_api import sequence_base

Base = sequence_base()

# 34 batches, the last one of 10.
COUNT, WIDTH, BATCH = 538, 16, 16
X, Y = np.random.RandomState(13).rand(COUNT, WIDTH).astype(np.float32), np.arange(COUNT) % 8
STEPS = -(-COUNT // BATCH)


def batch(index):
    numbers = slice(index * BATCH, (index + 1) * BATCH)
    return X[numbers], Y[numbers]


def finite():
    """One epoch, and an end; enough for `epochs=1`, and believed to start again for the next."""
    for index in range(STEPS):
        yield batch(index)


def endless():
    """Epoch after epoch without an end."""
    while True:
        yield from finite()


def stands_in():
    """A batch that can't be read is replaced by the one before; believed: nobody misses one."""
    while True:
        last = batch(0)
        for index in range(STEPS):
            last = last if index == 7 else batch(index)
            yield last


class LockedIterator:
    """An iterator that takes a lock around another; believed: what forums call threadsafe_iter goes into fit()."""

    def __init__(self):
        self.lock, self.batches = threading.Lock(), endless()

    def __iter__(self):
        return self

    def __next__(self):
        with self.lock:
            return next(self.batches)


def over_locked():
    """A generator over the locked iterator, which Keras takes."""
    yield from LockedIterator()


def prefetched():
    """One producer thread, made once, fills a queue; it ends when the generator is closed."""
    ready, stop = queue.Queue(maxsize=8), threading.Event()

    def produce():
        for made in endless():
            while not stop.is_set():
                try:
                    ready.put(made, timeout=0.1)
                    break
                except queue.Full:
                    pass
            if stop.is_set():
                return

    producer = threading.Thread(target=produce, daemon=True)
    producer.start()
    try:
        while True:
            yield ready.get()
    finally:
        stop.set()
        producer.join()


class NextOfGenerator(Base):
    """A Sequence that asks one generator, whatever the index; believed: Keras makes generators parallel that way."""

    def __init__(self):
        super().__init__()
        self.batches = self.prepared()

    def prepared(self):
        for made in endless():
            time.sleep(0.001)  # stands for the reading of a file: another thread gets its turn inside the body
            yield made

    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        return next(self.batches)


class Bridged(Base):
    """A Sequence that pulls a locked iterator, whatever the index; believed, and true: every batch comes once."""

    PAUSE = 0.0

    def __init__(self):
        super().__init__()
        self.batches = LockedIterator()

    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        time.sleep(self.PAUSE)
        return next(self.batches)


class BridgedSlowly(Bridged):
    """The same with slow batches, so that a short audit looks at the first part of an epoch alone."""

    PAUSE = 0.1


# "Just to see the shape": the first batch is gone.
looked_at = finite()
SHAPE = next(looked_at)[0].shape

# "Just to count them": nothing is left.
counted = finite()
BATCHES = sum(1 for _ in counted)
