"""What all materials share: size, ids, stamps, and the table of right checksums."""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Iterable, Tuple

import numpy as np

from feeders.errors import Unsupported

from . import cache

if TYPE_CHECKING:
    from numpy.typing import NDArray

Batch = Tuple["NDArray[np.float32]", "NDArray[np.int64]"]

# The stamp of a batch prepared once for all epochs, by a feeder that can't stamp each of them.
STATIC_EPOCH = -1


class Material:
    """Opened material of a workload.

    It takes no locks and may be shared by threads and forked processes, as safe as its `prepare` happens to be.
    Pickled, it is its folder: the other side opens it again.

    Args:
        folder: as `cache.folder` returned it for `recipe()`.

    Attributes:
        samples: in an epoch; not a multiple of `batch_size`.
        batch_size: of all batches but the last, which is shorter.
        x_shape: shape of a sample.
        classes: labels are 0 ... classes - 1.
        y_width: columns of y: label, id, epoch, CRC-32 of the right x row.
        checksums: the last of them for every id, int64, (samples,).
        note: what a person should know about this material, or empty.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    needed: ClassVar[int]
    y_width: ClassVar[int] = 4
    samples: int = 96 * 32 + 10
    batch_size: int = 32
    x_shape: tuple[int, ...]
    classes: int
    note: str = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._load()
        self.checksums: NDArray[np.int64] = np.zeros(self.samples, np.int64)
        self.checksums = _right_checksums(self)

    def __len__(self) -> int:
        return -(-self.samples // self.batch_size)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.folder,)

    @classmethod
    def recipe(cls) -> cache.Recipe:
        """How the material is made. A new `version` is due whenever `_write` writes something else."""
        return cache.Recipe(f"{cls.name}-{cls.version}", cls._write, cls.needed)

    @classmethod
    def _write(cls, folder: Path) -> None:
        raise NotImplementedError

    def _load(self) -> None:
        raise NotImplementedError

    def prepare(self, index: int, epoch: int) -> Batch:
        """Prepare a batch, as people write it in the body of their loader.

        Args:
            index: of the batch in its epoch.
            epoch: the stamp it gets.

        Returns:
            x, float32, (rows, *x_shape), and y, int64, (rows, y_width), owned by the caller. Id and
            checksum follow from `index`, whatever was read.

        Raises:
            IndexError: the epoch has no such batch.
        """
        raise NotImplementedError

    def native(self, workers: int, epoch: Any) -> Any:
        """Return one epoch's batches, in order, prepared by TensorFlow ops alone.

        Args:
            workers: calls that may run at once.
            epoch: the stamp, a scalar int64 tensor.

        Returns:
            A ``tf.data.Dataset`` of (x, y), bit for bit what `prepare` returns.

        Raises:
            Unsupported: it can't be written in TensorFlow ops.
        """
        raise Unsupported(f"{self.name}: its preparation can't be written in TensorFlow ops")

    def close(self) -> None:
        """Close what is open."""

    def versions(self) -> list[str]:
        """Versions of the libraries that decide the content of a batch."""
        return [np.__version__]

    def ids(self, index: int) -> range:
        """Ids of the samples of a batch."""
        if not 0 <= index < len(self):
            raise IndexError(f"{self.name}: batch {index} asked for; an epoch has 0 to {len(self) - 1}")
        first = int(index) * self.batch_size
        return range(first, min(first + self.batch_size, self.samples))

    def _y(self, ids: range, labels: Any, epoch: int) -> NDArray[np.int64]:
        y = np.empty((len(ids), self.y_width), np.int64)
        y[:, 0] = labels
        y[:, 1] = ids
        y[:, 2] = epoch
        y[:, 3] = self.checksums[ids.start : ids.stop]
        return y

    def _native_ids(self, index: Any) -> Any:
        """`ids`, of a scalar int64 tensor."""
        import tensorflow as tf

        first = index * self.batch_size
        return tf.range(first, tf.minimum(first + self.batch_size, self.samples))

    def _native_y(self, ids: Any, labels: Any, epoch: Any) -> Any:
        """`_y`, of int64 tensors."""
        import tensorflow as tf

        stamps = tf.fill(tf.shape(ids), epoch)
        return tf.stack([tf.cast(labels, tf.int64), ids, stamps, tf.gather(self.checksums, ids)], axis=-1)


def _right_checksums(material: Material) -> NDArray[np.int64]:
    """Return the checksums of a serial pass, made once for all that decides the content."""

    def write(folder: Path) -> None:
        cache.verify(material.folder)  # or the table would bless damaged content
        np.save(folder / "checksums.npy", np.fromiter(_serial_pass(material), np.int64, material.samples))

    recipe = cache.Recipe(f"{material.folder.name}-checksums-{_key(material)}", write, 10_000 + 8 * material.samples)
    table: NDArray[np.int64] = np.load(cache.folder(recipe) / "checksums.npy")
    return table


def _serial_pass(material: Material) -> Iterable[int]:
    for index in range(len(material)):
        x, _ = material.prepare(index, STATIC_EPOCH)
        yield from (zlib.crc32(row.tobytes()) for row in x)


def _key(material: Material) -> str:
    source = Path(inspect.getfile(type(material))).read_text(encoding="utf-8")
    decides = [cache.fingerprint(material.folder), source, sys.byteorder, *material.versions()]
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:12]
