"""A wait as for a network store, then a slice."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from ._material import Material
from ._stamped import Batch

# One request to an object store in the same region, per batch.
WAIT_SECONDS = 0.005

FEATURES = 256

# numpy 1 makes float64 of float32 and a Python int that large.
SCALE = np.float32(2**-16)


class Remote(Material):
    """Rows in memory that take one wait per batch to get; the label: whether the first feature is above the middle.

    It has no native form: TensorFlow has no op that waits, and a real store's client would be Python too.
    """

    name = "remote"
    version = 1
    needed = 4_000_000
    x_shape = (FEATURES,)
    classes = 2

    @classmethod
    def _write(cls, folder: Path) -> None:
        random = np.random.Generator(np.random.PCG64(2024))
        values = random.integers(0, 1 << 16, (cls.samples, FEATURES))
        np.save(folder / "rows.npy", values.astype(np.float32) * SCALE)

    def _load(self) -> None:
        self.rows = np.load(self.folder / "rows.npy")

    def batch(self, index: int, epoch: int) -> Batch:
        """Wait, then copy the rows."""
        ids = self.ids(index)
        time.sleep(WAIT_SECONDS)
        x = self.rows[ids.start : ids.stop].copy()
        return x, self._y(ids, x[:, 0] > 0.5, epoch)
