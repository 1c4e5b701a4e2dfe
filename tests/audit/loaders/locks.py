"""Loaders with a lock: where it belongs, where it locks nothing, and where it can't go."""

# ruff: noqa: SIM115  (files that stay open are what this is about)

import os
import tempfile
import threading
from pathlib import Path

import numpy as np

from feeders.keras_api import sequence_base

Base = sequence_base()

FOLDER = Path(os.environ.get("FEEDERS_TEST_MATERIAL") or tempfile.gettempdir()) / f"feeders-loaders-{os.getuid()}"

# 58 batches, the last one of 10. The spare records are never asked for: with them a race gives wrong samples and not
# the end of the file.
COUNT, SPARE, WIDTH, BATCH = 922, 64, 48, 16
RECORD_BYTES = 4 * WIDTH
LABELS = np.arange(COUNT) % 7


def rows():
    return np.random.RandomState(5).rand(COUNT + SPARE, WIDTH).astype(np.float32)


def records():
    """Make the file once; of processes that come at the same time each writes a whole one, the last rename stays."""
    path = FOLDER / "locked-1.bin"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
        part.write_bytes(rows().tobytes())
        part.replace(path)
    return path


def read_batch(file, index):
    numbers = range(index * BATCH, min((index + 1) * BATCH, COUNT))
    x = np.zeros((len(numbers), WIDTH), np.float32)
    for row, number in zip(x, numbers):
        file.seek(number * RECORD_BYTES)
        row[:] = np.frombuffer(file.read(RECORD_BYTES), np.float32)
    return x, LABELS[numbers.start : numbers.stop]


class Locked(Base):
    """What the loaders below have in common."""

    def __init__(self):
        super().__init__()
        self.file = open(records(), "rb", buffering=0)

    def __len__(self):
        return -(-COUNT // BATCH)


class InstanceLock(Locked):
    """One lock, in the instance, around one open file; believed: that is enough. With forked workers it is not."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()

    def __getitem__(self, index):
        with self.lock:
            return read_batch(self.file, index)


class CallLock(Locked):
    """A lock made inside the call, so that each call holds its own; believed: "with a lock" is safe."""

    def __getitem__(self, index):
        lock = threading.Lock()
        with lock:
            return read_batch(self.file, index)


class StripedLocks(Locked):
    """Four files and four locks; a batch takes the pair of its index."""

    def __init__(self):
        super().__init__()
        self.stripes = [(threading.Lock(), open(records(), "rb", buffering=0)) for _ in range(4)]

    def __getitem__(self, index):
        lock, file = self.stripes[index % 4]
        with lock:
            return read_batch(file, index)


class LockedArrays(Base):
    """Arrays and a lock to be on the safe side; believed: it does no harm. Spawned workers can't be sent it."""

    def __init__(self):
        super().__init__()
        self.x = rows()[:COUNT]
        self.lock = threading.Lock()

    def __len__(self):
        return -(-COUNT // BATCH)

    def __getitem__(self, index):
        with self.lock:
            numbers = slice(index * BATCH, (index + 1) * BATCH)
            return self.x[numbers], LABELS[numbers]


class PicklableLock(LockedArrays):
    """The same, but the lock stays behind when the loader is pickled and is made anew on the other side."""

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "lock"}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.lock = threading.Lock()
