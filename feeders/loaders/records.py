"""Fixed-size records, read through one open file that all workers share, and the three repairs of that.

The same file, the same samples, the same right answer: what differs is how a record is read.
"""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import cache
from ._material import Material
from ._stamped import Batch

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A small picture; with them a batch of 32 takes 0.2-0.5 ms.
SHAPE = (64, 64, 3)
RECORD_BYTES = 64 * 64 * 3

SCALE = np.float32(1 / 255)


class Records(Material):
    """Random bytes; the label: the two highest bits of the first.

    Seek and read are two steps on one file position, so two threads (or forked processes) can get each other's
    records, or nothing at the end of the file. That is the point of this workload: it takes no lock.

    Attributes:
        file: the open file, unbuffered. A test may put another in its place that has `seek` and `readinto`.
    """

    name = "records"
    version = 1
    needed = 38_000_000
    x_shape = SHAPE
    classes = 4

    @classmethod
    def _write(cls, folder: Path) -> None:
        random = np.random.Generator(np.random.PCG64(2023))
        (folder / "records.bin").write_bytes(random.bytes(cls.samples * RECORD_BYTES))

    def _load(self) -> None:
        self.file: Any = open(self.folder / "records.bin", "rb", buffering=0)  # noqa: SIM115  (stays open)

    @classmethod
    def recipe(cls, batch_size: int | None = None) -> cache.Recipe:
        """One file for all of them."""
        return cache.Recipe(f"{Records.name}-{cls.version}", cls._write, cls.needed)

    def batch(self, index: int, epoch: int) -> Batch:
        """Read each record."""
        ids = self.ids(index)
        records = np.zeros((len(ids), *SHAPE), np.uint8)
        for record, i in zip(records, ids):
            self._read(i * RECORD_BYTES, record)
        return records * SCALE, self._y(ids, records[:, 0, 0, 0] >> 6, epoch)

    def _read(self, position: int, record: NDArray[np.uint8]) -> None:
        self.file.seek(position)
        self.file.readinto(record.data)

    def native(self, workers: int, epoch: Any) -> Any:
        """The same records by ``FixedLengthRecordDataset``, which reads ahead in order: TensorFlow has no seek."""
        import tensorflow as tf

        from ._native import native_ids, native_y

        def decode(index: Any, records: Any) -> Any:
            ids = native_ids(self, index)
            decoded = tf.reshape(tf.io.decode_raw(records, tf.uint8), (-1, *SHAPE))
            labels = decoded[:, 0, 0, 0] // 64
            return tf.cast(decoded, tf.float32) * SCALE, native_y(self, ids, labels, epoch)

        records = tf.data.FixedLengthRecordDataset(str(self.folder / "records.bin"), RECORD_BYTES)
        numbered = tf.data.Dataset.zip((tf.data.Dataset.range(len(self)), records.batch(self.batch_size)))
        return numbered.map(decode, num_parallel_calls=workers)

    def close(self) -> None:
        """Close the shared file."""
        self.file.close()


class _Handle(io.FileIO):
    """A file of one thread: it is closed, without a warning, when the thread ends."""

    def __del__(self) -> None:
        self.close()


class RecordsHandles(Records):
    """Each thread has a handle of its own, and with it a position of its own.

    A forked process opens the file anew: the handle that it inherits has one position with its parent and siblings.
    """

    name = "records-handles"

    def _load(self) -> None:
        self._own = threading.local()

    def _read(self, position: int, record: NDArray[np.uint8]) -> None:
        file = self._file()
        file.seek(position)
        file.readinto(record.data)

    def _file(self) -> _Handle:
        if getattr(self._own, "process", None) != os.getpid():
            self._own.process, self._own.file = os.getpid(), _Handle(self.folder / "records.bin")
        file: _Handle = self._own.file
        return file

    def close(self) -> None:
        """Close the handles of all threads; they go with the object that holds them."""
        self._own = threading.local()


class RecordsPread(Records):
    """Positional reads: the position is an argument, so that threads and processes share nothing that moves."""

    name = "records-pread"

    def _read(self, position: int, record: NDArray[np.uint8]) -> None:
        content = os.pread(self.file.fileno(), RECORD_BYTES, position)
        record[...] = np.frombuffer(content, np.uint8).reshape(SHAPE)


class RecordsNarrow(Records):
    """A lock around seek and read alone; what follows is done at once.

    It is for threads. A forked process has a copy of the lock and no copy of the position: there it excludes nobody.
    """

    name = "records-narrow"

    def _load(self) -> None:
        super()._load()
        self._lock = threading.Lock()

    def _read(self, position: int, record: NDArray[np.uint8]) -> None:
        with self._lock:
            super()._read(position, record)
