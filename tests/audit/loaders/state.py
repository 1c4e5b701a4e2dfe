"""Loaders that write to themselves, or to a global, while a batch is made."""

import os
import tempfile
import threading
from pathlib import Path

import numpy as np

from feeders.keras_api import sequence_base

Base = sequence_base()

FOLDER = Path(os.environ.get("FEEDERS_TEST_MATERIAL") or tempfile.gettempdir()) / f"feeders-loaders-{os.getuid()}"

# 63 batches, the last one of 11.
COUNT, WIDTH, BATCH = 1003, 32, 16

# Eight files of 125 samples: eight batches of each, the last one of 13. All are alike in size, so that a wrong file
# gives wrong samples and not an empty batch.
SHARDS, SHARD_COUNT, SHARD_BATCHES = 8, 125, 8

current = 0


def rows(count=COUNT, seed=11):
    return np.random.RandomState(seed).rand(count, WIDTH).astype(np.float32)


def shard_paths():
    """Make the files once; of processes that come at the same time each writes whole ones, the last rename stays."""
    paths = [FOLDER / f"shard-1-{number}.bin" for number in range(SHARDS)]
    for number, path in enumerate(paths):
        if not path.exists():
            FOLDER.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
            part.write_bytes(rows(SHARD_COUNT, 100 + number).tobytes())
            part.replace(path)
    return paths


class Arrays(Base):
    """Slices of two arrays: nothing is written to."""

    def __init__(self):
        super().__init__()
        self.x, self.y = rows(), np.arange(COUNT) % 10

    def __len__(self):
        return -(-COUNT // BATCH)

    def __getitem__(self, index):
        numbers = slice(index * BATCH, (index + 1) * BATCH)
        return self.x[numbers], self.y[numbers]


class InPlace(Arrays):
    """Scales its rows; believed: a slice is a copy."""

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        x /= np.float32(3)
        return x, y


class ReusedBuffer(Arrays):
    """One array for all batches, to spare the allocation; believed: Keras has copied it by then."""

    def __init__(self):
        super().__init__()
        self.buffer = np.zeros((BATCH, WIDTH), np.float32)

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        self.buffer[: len(x)] = x
        return self.buffer[: len(x)], y


class SharedCursor(Arrays):
    """The place is kept in the instance, and read again after the statistics are made; believed: one call at a time."""

    def __getitem__(self, index):
        self.start = index * BATCH
        scale = np.sort(self.x, axis=None)[-1]
        numbers = slice(self.start, self.start + BATCH)
        return self.x[numbers] / scale, self.y[numbers]


class SubtleCursor(Arrays):
    """The same with one list between writing and reading; believed: too short for a thread to get in between.

    Unprovoked, `fit()` with four threads got 6 wrong batches of 13,230 (two busy cores, Python 3.12, Keras 3.15).
    """

    def __getitem__(self, index):
        self.start = index * BATCH
        numbers = [self.number(place) for place in range(min(BATCH, COUNT - index * BATCH))]
        x = self.x[numbers].tolist()
        # Plain Python for longer than the 5 ms after which the interpreter switches threads, wherever they are.
        for _ in range(120):
            x = [[(left + right) / 2 for left, right in zip(row, row[1:] + row[:1])] for row in x]
        return np.array(x, np.float32), self.y[numbers]

    def number(self, place):
        return max(0, min(self.start + place, COUNT - 1))


class GlobalCursor(Arrays):
    """The place is kept in a global variable that a helper reads; believed: only attributes are shared."""

    def __getitem__(self, index):
        global current
        current = index
        scale = np.sort(self.x, axis=None)[-1]
        x, y = self.picked()
        return x / scale, y

    def picked(self):
        return super().__getitem__(current)


class LastShard(Base):
    """Keeps the file that was read last; believed: neighbours need the same one. Two threads do not."""

    def __init__(self):
        super().__init__()
        self.paths = shard_paths()
        self.number, self.shard = 0, self.load(0)

    def __len__(self):
        return SHARDS * SHARD_BATCHES

    def __getitem__(self, index):
        number, part = divmod(index, SHARD_BATCHES)
        if self.number != number:
            self.number = number
            self.shard = self.load(number)
        x = self.shard[part * BATCH : (part + 1) * BATCH]
        return x, np.full(len(x), number)

    def load(self, number):
        return np.fromfile(str(self.paths[number]), np.float32).reshape(SHARD_COUNT, WIDTH)


class SwappedDescriptors(Base):
    """Two open files, of which the one in use is put in front; believed: os.pread makes it safe. Not the swapping."""

    def __init__(self):
        super().__init__()
        self.paths = shard_paths()[:2]
        self.front, self.back = (os.open(path, os.O_RDONLY) for path in self.paths)
        self.in_front = 0

    def __len__(self):
        return 2 * SHARD_BATCHES * 2

    def __getitem__(self, index):
        # Even batches are of the first file, odd ones of the second; 8 samples each, the last one 5.
        part, number = divmod(index, 2)
        if self.in_front != number:
            self.front, self.back = self.back, self.front
            self.in_front = number
        places = range(part * 8, min((part + 1) * 8, SHARD_COUNT))
        x = [np.frombuffer(os.pread(self.front, 4 * WIDTH, place * 4 * WIDTH), np.float32) for place in places]
        return np.array(x), np.full(len(x), number)


class FillingCache(Arrays):
    """A dictionary that fills in the first epoch and then stays; every entry is whole before it is put in."""

    def __init__(self):
        super().__init__()
        self.cache = {}

    def __getitem__(self, index):
        if index not in self.cache:
            x, y = super().__getitem__(index)
            self.cache[index] = x * 2, y
        return self.cache[index]


class Oversampled(Arrays):
    """The rare class is drawn three times an epoch, on purpose."""

    def __init__(self):
        super().__init__()
        rare = np.flatnonzero(self.y == 3)
        order = np.random.RandomState(1).permutation(np.concatenate([np.arange(COUNT), rare, rare]))
        self.x, self.y = self.x[order], self.y[order]

    def __len__(self):
        return -(-len(self.x) // BATCH)


class TwoInputs(Arrays):
    """Two named inputs, and a weight for each sample."""

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return {"left": x[:, :20], "right": x[:, 20:]}, y, np.where(y == 3, 2.0, 1.0).astype(np.float32)


class Chatty(Arrays):
    """Prints 17 kB with every batch: a megabyte an epoch."""

    def __getitem__(self, index):
        print(f"batch {index}: " + "x" * 17_000)
        return super().__getitem__(index)


def factory():
    """A function that returns the dataset."""
    return Arrays()
