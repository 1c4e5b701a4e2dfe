"""CSV lines parsed into features in pure Python: the GIL is held throughout."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from . import cache
from ._material import Material
from ._stamped import Batch

# With them a batch of 32 lines takes 2-4 ms.
FEATURES = 256

# A power of two: scaling is exact.
SCALE = np.float32(1 / 128)


class Text(Material):
    """One file per batch; each line is a label and the features, some of them left empty.

    All numbers are multiples of 1/8 below 100, exact in binary: every parser makes the same float32 of them.
    """

    name = "text"
    version = 1
    needed = 8_000_000
    x_shape = (FEATURES,)
    classes = 4

    @classmethod
    def recipe(cls, batch_size: int | None = None) -> cache.Recipe:
        """As the base class says; another one for each other size of a batch, since each is a file."""
        if batch_size in (None, cls.batch_size):
            return super().recipe()
        write = partial(cls._write, batch_size=batch_size)
        return cache.Recipe(f"{cls.name}-{cls.version}-by-{batch_size}", write, cls.needed)

    @classmethod
    def _write(cls, folder: Path, batch_size: int = Material.batch_size) -> None:
        random = np.random.Generator(np.random.PCG64(2022))
        for first in range(0, cls.samples, batch_size):
            rows = min(batch_size, cls.samples - first)
            values = random.integers(-799, 800, (rows, FEATURES)) / 8
            empty = random.random((rows, FEATURES)) < 0.05
            lines = [_line(*row) for row in zip(values.tolist(), empty.tolist())]
            (folder / f"{first // batch_size:03d}.csv").write_text("".join(lines), encoding="ascii")

    def _load(self) -> None:
        self.paths = [str(self.folder / f"{index:03d}.csv") for index in range(len(self))]

    def batch(self, index: int, epoch: int) -> Batch:
        """Read the batch's file and parse it line by line."""
        ids = self.ids(index)
        labels, rows = [], []
        with open(self.paths[index], encoding="ascii") as lines:
            for line in lines:
                label, *fields = line.rstrip("\n").split(",")
                labels.append(int(label))
                rows.append([float(field) if field else 0.0 for field in fields])
        return np.array(rows, np.float32) * SCALE, self._y(ids, labels, epoch)

    def native(self, workers: int, epoch: Any) -> Any:
        """The same by ``tf.strings``."""
        import tensorflow as tf

        from ._native import native_ids, native_y

        def parse(index: Any, path: Any) -> Any:
            ids = native_ids(self, index)
            lines = tf.strings.split(tf.strings.strip(tf.io.read_file(path)), "\n")
            fields = tf.reshape(tf.strings.split(lines, ",").values, (-1, 1 + FEATURES))
            labels = tf.strings.to_number(fields[:, 0], tf.int64)
            features = tf.where(fields[:, 1:] == "", "0", fields[:, 1:])
            return tf.strings.to_number(features) * SCALE, native_y(self, ids, labels, epoch)

        numbered = tf.data.Dataset.zip(
            (tf.data.Dataset.range(len(self)), tf.data.Dataset.from_tensor_slices(self.paths))
        )
        return numbered.map(parse, num_parallel_calls=workers)


def _line(values: list[float], empty: list[bool]) -> str:
    fields = ["" if gap else f"{value:.3f}" for value, gap in zip(values, empty)]
    first, second = (bool(field) and float(field) > 0 for field in fields[:2])
    return f"{2 * first + second},{','.join(fields)}\n"
