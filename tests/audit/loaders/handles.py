"""Loaders that read records from files: through a shared position, a position of their own, or none."""

# ruff: noqa: SIM115  (files that stay open are what this is about)

import os
import socket
import tempfile
import threading
import zipfile
from pathlib import Path

import numpy as np

from feeders.keras_api import sequence_base

Base = sequence_base()

FOLDER = Path(os.environ.get("FEEDERS_TEST_MATERIAL") or tempfile.gettempdir()) / f"feeders-loaders-{os.getuid()}"

# 63 batches, the last one of 11. The spare records are for validation and never asked for: a read that starts where
# another thread left the position finds whole records there, so a race gives wrong samples and not an exception.
COUNT, SPARE, WIDTH, BATCH = 1003, 64, 64, 16
RECORD_BYTES = 4 * WIDTH
LABELS = np.arange(COUNT) % 10


def material(name, write):
    """Make a file once; of processes that come at the same time each writes a whole one, and the last rename stays."""
    path = FOLDER / name
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{name}.{os.getpid()}-{threading.get_ident()}")
        write(part)
        part.replace(path)
    return path


def rows():
    return np.random.RandomState(3).rand(COUNT + SPARE, WIDTH).astype(np.float32)


def write_hdf5(path):
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=rows(), chunks=(BATCH, WIDTH), compression="gzip")


def write_zip(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for number, row in enumerate(rows()):
            file.writestr(f"{number:05}.raw", row.tobytes())


RECORDS = material("records-1.bin", lambda path: path.write_bytes(rows().tobytes()))
HDF5 = material("records-1.h5", write_hdf5)
ZIP = material("records-1.zip", write_zip)


def wanted(index):
    return range(index * BATCH, min((index + 1) * BATCH, COUNT))


def stacked(read, numbers):
    return np.array([np.frombuffer(read(number), np.float32) for number in numbers]).reshape(len(numbers), WIDTH)


class Records(Base):
    """What the loaders below have in common; `read` gives the bytes of one record."""

    def __len__(self):
        return -(-COUNT // BATCH)

    def __getitem__(self, index):
        numbers = wanted(index)
        return stacked(self.read, numbers), LABELS[numbers.start : numbers.stop]


class SharedHandle(Records):
    """One open file and seek, read; believed: Keras gives every worker its own dataset."""

    def __init__(self):
        super().__init__()
        self.file = open(RECORDS, "rb")

    def read(self, number):
        self.file.seek(number * RECORD_BYTES)
        return self.file.read(RECORD_BYTES)


class TwoHandles(Records):
    """Two open files, one for even and one for odd batches; believed: neighbours never meet in one of them."""

    def __init__(self):
        super().__init__()
        self.even, self.odd = open(RECORDS, "rb", buffering=0), open(RECORDS, "rb", buffering=0)

    def __getitem__(self, index):
        file = self.odd if index % 2 else self.even

        def read(number):
            file.seek(number * RECORD_BYTES)
            return file.read(RECORD_BYTES)

        numbers = wanted(index)
        return stacked(read, numbers), LABELS[numbers.start : numbers.stop]


class Pread(Records):
    """A shared descriptor without a position: os.pread."""

    def __init__(self):
        super().__init__()
        self.descriptor = os.open(RECORDS, os.O_RDONLY)

    def read(self, number):
        return os.pread(self.descriptor, RECORD_BYTES, number * RECORD_BYTES)


class ThreadLocalHandle(Records):
    """A handle for each thread, opened when the thread first reads."""

    def __init__(self):
        super().__init__()
        self.mine = threading.local()

    def read(self, number):
        if not hasattr(self.mine, "file"):
            self.mine.file = open(RECORDS, "rb")
        self.mine.file.seek(number * RECORD_BYTES)
        return self.mine.file.read(RECORD_BYTES)


class LocalOfAnother(ThreadLocalHandle):
    """The constructor opens it; believed: each thread has its own from then on."""

    def __init__(self):
        super().__init__()
        self.mine.file = open(RECORDS, "rb")

    def read(self, number):
        self.mine.file.seek(number * RECORD_BYTES)
        return self.mine.file.read(RECORD_BYTES)


def answer(link):
    """Send the record of each number that comes, as a server does, until nobody asks any more."""
    raw = RECORDS.read_bytes()
    while True:
        asked = link.recv(4, socket.MSG_WAITALL)
        if len(asked) < 4:
            return
        start = int.from_bytes(asked, "little") * RECORD_BYTES
        link.sendall(raw[start : start + RECORD_BYTES])


class OneConnection(Records):
    """A server asked over one socket; believed: who asks gets the answer."""

    def __init__(self):
        super().__init__()
        self.link, other = socket.socketpair()
        threading.Thread(target=answer, args=(other,), daemon=True).start()

    def read(self, number):
        self.link.sendall(number.to_bytes(4, "little"))
        return self.link.recv(RECORD_BYTES, socket.MSG_WAITALL)


class Memmap(Records):
    """A memory map: no position at all."""

    def __init__(self):
        super().__init__()
        self.x = np.memmap(RECORDS, np.float32, "r", shape=(COUNT, WIDTH))

    def __getitem__(self, index):
        numbers = slice(index * BATCH, (index + 1) * BATCH)
        return np.array(self.x[numbers]), LABELS[numbers]


class HandlePerProcess(Records):
    """A handle for each process: it is opened anew where the process id has changed."""

    def __init__(self):
        super().__init__()
        self.owner, self.file = None, None

    def read(self, number):
        if self.owner != os.getpid():
            self.owner, self.file = os.getpid(), open(RECORDS, "rb")
        self.file.seek(number * RECORD_BYTES)
        return self.file.read(RECORD_BYTES)


class SharedHdf5(Records):
    """One HDF5 file for all threads: h5py takes its own lock around every call."""

    def __init__(self):
        super().__init__()
        import h5py

        self.x = h5py.File(HDF5, "r")["x"]

    def __getitem__(self, index):
        numbers = wanted(index)
        return self.x[numbers.start : numbers.stop], LABELS[numbers.start : numbers.stop]


class SharedZip(Records):
    """One zip archive for all; believed: it takes its own lock. Between threads it does, between forks it can't."""

    def __init__(self):
        super().__init__()
        self.archive = zipfile.ZipFile(ZIP)

    def read(self, number):
        return self.archive.read(f"{number:05}.raw")
