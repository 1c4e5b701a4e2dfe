"""Sliding windows over a long series in memory: the forecasting case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ._material import Material
from ._stamped import Batch

# Two weeks of hours of sixteen quantities; with them a batch of 32 takes 0.2-0.5 ms.
STEPS = 336
CHANNELS = 16

# Not a divisor of a day, so that windows start at all hours.
STRIDE = 25

# A power of two: scaling is exact.
SCALE = np.float32(1 / 64)


class Window(Material):
    """Each sample is a stretch of the series, relative to its last step; the label: whether the next step is higher."""

    name = "window"
    version = 1
    needed = 6_000_000
    x_shape = (STEPS, CHANNELS)
    classes = 2

    @classmethod
    def _write(cls, folder: Path) -> None:
        random = np.random.Generator(np.random.PCG64(2021))
        length = (cls.samples - 1) * STRIDE + STEPS + 1
        walk = np.cumsum(random.integers(-4, 5, (length, CHANNELS)), axis=0)
        daily = np.abs(np.arange(length) % 24 - 12) * 4
        np.save(folder / "series.npy", (walk + daily[:, None]).astype(np.float32) / 4)

    def _load(self) -> None:
        self.series = np.load(self.folder / "series.npy")

    def batch(self, index: int, epoch: int) -> Batch:
        """Cut the windows out of the series."""
        ids = self.ids(index)
        windows = np.stack([self.series[i * STRIDE : i * STRIDE + STEPS] for i in ids])
        after = [self.series[i * STRIDE + STEPS, 0] for i in ids]
        return (windows - windows[:, -1:]) * SCALE, self._y(ids, after > windows[:, -1, 0], epoch)

    def native(self, workers: int, epoch: Any) -> Any:
        """The same by ``tf.gather``."""
        import tensorflow as tf

        from ._native import native_ids, native_y

        def windows(index: Any) -> Any:
            ids = native_ids(self, index)
            steps = tf.gather(self.series, ids[:, None] * STRIDE + tf.range(STEPS + 1, dtype=tf.int64))
            x = (steps[:, :-1] - steps[:, -2:-1]) * SCALE
            return x, native_y(self, ids, steps[:, -1, 0] > steps[:, -2, 0], epoch)

        return tf.data.Dataset.range(len(self)).map(windows, num_parallel_calls=workers)
