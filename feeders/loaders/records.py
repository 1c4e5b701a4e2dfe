"""Fixed-size records, read through one open file that all workers share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ._material import Material
from ._stamped import Batch

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

    def batch(self, index: int, epoch: int) -> Batch:
        """Seek and read each record."""
        ids = self.ids(index)
        records = np.zeros((len(ids), *SHAPE), np.uint8)
        for record, i in zip(records, ids):
            self.file.seek(i * RECORD_BYTES)
            self.file.readinto(record)
        return records * SCALE, self._y(ids, records[:, 0, 0, 0] >> 6, epoch)

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
