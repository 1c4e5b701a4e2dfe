"""A loader that knows the right answer: each sample says which it is, of which epoch, and what it should hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Tuple

import numpy as np

from ._loader import Leaf, Loader

if TYPE_CHECKING:
    from numpy.typing import NDArray

Batch = Tuple["NDArray[np.float32]", "NDArray[np.int64]"]

# Columns of y: the label to train on, the sample's id, the epoch it was prepared for, the CRC-32 of its right x row.
COLUMNS = LABEL, ID, EPOCH, CHECKSUM = range(4)


class Stamped(Loader):
    """Batches of (x, y): x float32, (rows, *x_shape); y int64, (rows, 4), with the columns of `COLUMNS`.

    Only whoever checks a delivery may rely on this; a feeder sees a `Loader`.

    Attributes:
        samples: of an epoch; their ids are 0 ... samples - 1.
        batch_size: of all batches but the last, which may be shorter.
        x_shape: shape of a sample.
        classes: labels are 0 ... classes - 1.
        checksums: CRC-32 of the right x row of every id, int64, (samples,).
    """

    samples: int
    batch_size: int
    x_shape: tuple[int, ...]
    classes: int
    checksums: NDArray[np.int64]

    @property
    def signature(self) -> tuple[Leaf, Leaf]:
        """Those of x and y."""
        return Leaf((None, *self.x_shape), "float32"), Leaf((None, len(COLUMNS)), "int64")

    def __len__(self) -> int:
        return -(-self.samples // self.batch_size)

    def ids(self, index: int) -> range:
        """Ids of the samples of a batch.

        Raises:
            IndexError: the epoch has no such batch.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"{self.name}: batch {index} asked for; an epoch has 0 to {len(self) - 1}")
        first = int(index) * self.batch_size
        return range(first, min(first + self.batch_size, self.samples))

    def _y(self, ids: range, labels: Any, epoch: int) -> NDArray[np.int64]:
        y = np.empty((len(ids), len(COLUMNS)), np.int64)
        y[:, LABEL] = labels
        y[:, ID] = ids
        y[:, EPOCH] = epoch
        y[:, CHECKSUM] = self.checksums[ids.start : ids.stop]
        return y
