"""A person's own opened loader, served to feeders as a `Loader`."""

from __future__ import annotations

import itertools
from typing import Any, Iterator

import numpy as np

from feeders.errors import FeedersError
from feeders.keras_api import map_structure, sequence_base

from ._loader import Leaf, Loader
from .opening import ARRAYS, DATASET, SEQUENCE, Opened

# Rows of a batch that ``fit(x, y)`` cuts unless it is told otherwise.
KERAS_BATCH_SIZE = 32

HOOKS = ("on_epoch_begin", "on_epoch_end")


def serve(opened: Opened, name: str, steps: int | None = None) -> Loader:
    """Return a loader that gives what the person's gives.

    Args:
        opened: the person's.
        name: what messages call it.
        steps: batches of an epoch, for one that does not tell; others keep their own.

    Raises:
        FeedersError: nobody tells how many batches an epoch has.
    """
    if opened.kind == ARRAYS:
        return _Arrays(opened, name)
    length = opened.length() or steps
    if not length:
        raise FeedersError(
            f"{name}: {opened.title} does not tell how many batches an epoch has; expected a number of steps"
        )
    kind = {SEQUENCE: _Sequence, DATASET: _Dataset}.get(opened.kind, _Iterator)
    return kind(opened.x, name, length)


def signature_of(*batches: Any) -> Any:
    """Return the `Leaf` of each array of a batch.

    Args:
        batches: of one structure; an axis whose length differs among them is None, as the first axis always is.
    """
    return map_structure(_leaf, *batches)


def _leaf(*leaves: Any) -> Leaf:
    arrays = [np.asarray(leaf) for leaf in leaves]
    lengths = [set(axis) for axis in zip(*(array.shape[1:] for array in arrays))]
    shape = tuple(axis.pop() if len(axis) == 1 else None for axis in lengths)
    text = arrays[0].dtype.kind in "OSU"
    return Leaf((None, *shape) if arrays[0].ndim else (), "string" if text else arrays[0].dtype.name)


class _Own(Loader):
    def __init__(self, x: Any, name: str, length: int) -> None:
        self.x, self.name, self._length = x, name, length

    def __len__(self) -> int:
        return self._length


class _Sequence(_Own):
    """A ``Sequence``/``PyDataset``: it keeps its own epoch, which its hooks change."""

    def __init__(self, x: Any, name: str, length: int) -> None:
        super().__init__(x, name, length)
        kept = {getattr(sequence_base(), hook, None) for hook in HOOKS}
        self.hooks = any(getattr(type(x), hook, None) not in {None, *kept} for hook in HOOKS)

    @property
    def signature(self) -> Any:
        """That of its first and last batch, prepared for that."""
        return signature_of(self.x[0], self.x[len(self) - 1])

    def batch(self, index: int, epoch: int) -> Any:
        """Return that of the person's loader."""
        return self.x[int(index)]

    def on_epoch_begin(self) -> None:
        """Call the person's, if there is one."""
        getattr(self.x, "on_epoch_begin", lambda: None)()

    def on_epoch_end(self) -> None:
        """Call the person's, if there is one."""
        getattr(self.x, "on_epoch_end", lambda: None)()


class _Iterator(_Own):
    """A generator or iterator: whatever comes next, whichever epoch that is."""

    def __init__(self, x: Any, name: str, length: int) -> None:
        super().__init__(x, name, length)
        self._rest = iter(x)

    @property
    def signature(self) -> Any:
        """That of the next batch, which stays the next."""
        batch = next(self._rest)
        self._rest = itertools.chain([batch], self._rest)
        return signature_of(batch)

    def batches(self, epoch: int) -> Iterator[Any]:
        """Yield the next batches.

        Raises:
            RuntimeError: there are fewer than an epoch has.
        """
        left = len(self)
        for batch in itertools.islice(self._rest, left):
            left -= 1
            yield batch
        if left:
            raise RuntimeError(f"{self.name}: it ended with {left} of the {len(self)} batches of an epoch to come")


class _Dataset(_Own):
    """A ``tf.data.Dataset``: its own pipeline, with its own number of parallel calls."""

    @property
    def signature(self) -> Any:
        """That of its elements."""
        return map_structure(lambda spec: Leaf((None, *spec.shape[1:]), spec.dtype.name), self.x.element_spec)

    def batches(self, epoch: int) -> Iterator[Any]:
        """Yield the batches of one pass, as NumPy arrays."""
        yield from self.native(1, epoch).as_numpy_iterator()

    def native(self, workers: int, epoch: Any) -> Any:
        """Return it, an endless one cut to an epoch; its own parallel calls stay."""
        return self.x if int(self.x.cardinality()) == len(self) else self.x.take(len(self))


class _Arrays(_Own):
    """Arrays as ``fit(x, y)`` cuts them, in order."""

    def __init__(self, opened: Opened, name: str) -> None:
        parts = [opened.x, opened.y, opened.fit.get("sample_weight")]
        arrays = tuple(np.asarray(part) for part in parts if part is not None)
        self.batch_size = opened.fit.get("batch_size", KERAS_BATCH_SIZE)
        super().__init__(arrays, name, -(-len(arrays[0]) // self.batch_size))

    @property
    def signature(self) -> Any:
        """That of the arrays."""
        return signature_of(self.x)

    def batch(self, index: int, epoch: int) -> Any:
        """Cut the rows of a batch.

        Raises:
            IndexError: the epoch has no such batch.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"{self.name}: batch {index} asked for; an epoch has 0 to {len(self) - 1}")
        first = int(index) * self.batch_size
        return tuple(array[first : first + self.batch_size] for array in self.x)
