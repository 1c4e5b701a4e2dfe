"""A loader: it prepares batches, and knows nothing of workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator

from feeders.errors import Unsupported

# Ways to get at the batches of a loader; a feeder asks for one of them.
INDEX, ITERATOR, OPS = "index", "iterator", "ops"

# What whoever asks a loader for a way that it does not have is told.
MISSING = {
    INDEX: "its batches have no index, they only come one after the other. Try: the feeder generator, or a PyDataset",
    OPS: "its preparation is not written in TensorFlow ops",
}

# The epoch of a batch prepared once for all epochs, by a feeder that can't tell one epoch from another.
STATIC_EPOCH = -1


@dataclass(frozen=True)
class Leaf:
    """One array of a batch, without its content.

    Attributes:
        shape: None stands for an axis whose length differs between batches, as the first one does.
        dtype: NumPy's name of it, such as "float32".
    """

    shape: tuple[int | None, ...]
    dtype: str


class Loader:
    """The base of all loaders. A subclass defines `batch`, or `batches` where a batch has no index.

    Feeders share a loader between threads as it is: it is as safe as its methods happen to be. A worker process gets a
    forked copy, or a pickled one.

    Attributes:
        name: what messages call it.
        signature: `Leaf` for each array, in the structure of a batch: nested tuples, lists and dicts.
        hooks: whether `on_epoch_begin` or `on_epoch_end` does anything that batches depend on.
        draws_late: its first batch draws its first order, unless `on_epoch_end` has done it.
    """

    name: str
    signature: Any
    hooks: bool = False
    draws_late: bool = False

    @property
    def offers(self) -> frozenset[str]:
        """`INDEX`, `ITERATOR` and `OPS`, as far as it has them."""
        kind = type(self)
        optional = {INDEX: kind.batch is not Loader.batch, OPS: kind.native is not Loader.native}
        return frozenset([ITERATOR, *(way for way, present in optional.items() if present)])

    def __len__(self) -> int:
        """Batches of an epoch."""
        raise NotImplementedError

    def batch(self, index: int, epoch: int) -> Any:
        """Prepare a batch.

        Args:
            index: of the batch in its epoch, from 0.
            epoch: which epoch, from 0, or `STATIC_EPOCH`.

        Returns:
            Arrays in the structure of `signature`, owned by the caller.

        Raises:
            IndexError: the epoch has no such batch.
            Unsupported: the loader can only be iterated.
        """
        raise Unsupported(f"{self.name}: {MISSING[INDEX]}")

    def batches(self, epoch: int) -> Iterator[Any]:
        """Yield the batches of an epoch in order."""
        for index in range(len(self)):
            yield self.batch(index, epoch)

    def native(self, workers: int, epoch: Any) -> Any:
        """Return one epoch's batches, in order, prepared by TensorFlow ops alone.

        Args:
            workers: calls that may run at once.
            epoch: the epoch, a scalar int64 tensor.

        Returns:
            A ``tf.data.Dataset`` of what `batch` returns, bit for bit. One without end goes on from epoch to epoch.

        Raises:
            Unsupported: it is not written in TensorFlow ops.
        """
        raise Unsupported(f"{self.name}: {MISSING[OPS]}")

    def passes(self, epoch: int, times: int) -> Iterator[Any]:
        """Yield the batches of so many passes over an epoch, one after the other."""
        for _ in range(times):
            yield from self.batches(epoch)

    def native_passes(self, workers: int, epoch: Any, times: int) -> Any:
        """Return the dataset of so many passes over what `native` returns."""
        return self.native(workers, epoch).repeat(times)

    def on_epoch_begin(self) -> None:
        """An epoch begins; feeders that can tell call it."""

    def on_epoch_end(self) -> None:
        """An epoch has ended; feeders that can tell call it."""

    def close(self) -> None:
        """Close what is open."""
