"""A person's own loader, served to feeders as a `Loader`."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Callable, Iterator

import numpy as np

from feeders.errors import FeedersError
from feeders.keras_api import flatten, is_of_keras, map_structure, sequence_base

from ._loader import Leaf, Loader
from .opening import ARRAYS, DATASET, SEQUENCE, Opened, Source, open_own
from .pipelines import is_endless

# Rows of a batch that ``fit(x, y)`` cuts unless it is told otherwise.
KERAS_BATCH_SIZE = 32

HOOKS = ("on_epoch_begin", "on_epoch_end")


@dataclass(frozen=True)
class Own:
    """A person's loader, where a `Workload` could stand.

    Attributes:
        name: its address: FILE.py:NAME or package.module:NAME.
        call: Python that makes it; None calls it without arguments.
        steps: batches of an epoch; None takes its own length.
    """

    name: str
    call: str | None = None
    steps: int | None = None

    @property
    def source(self) -> Source:
        """Where it comes from."""
        return Source(self.name, self.call)

    def material(self) -> None:
        """See to it that it can be there; nothing of it is imported.

        Raises:
            FeedersError: no place, no name, no such file.
        """
        self.source.checked()

    def open(self) -> OwnLoader:
        """Make it and serve it; call this in a process of its own, since its code may do anything.

        Raises:
            FeedersError: it can't be made, is no loader, or nobody tells how many batches an epoch has.
        """
        return serve(open_own(self.source), self.name, self.steps)


def serve(opened: Opened, name: str, steps: int | None = None) -> OwnLoader:
    """Return a loader that gives what the person's gives.

    Args:
        opened: the person's.
        name: what messages call it.
        steps: batches of an epoch: the first ones of a longer one, of which each epoch is made then.

    Raises:
        FeedersError: nobody tells how many batches an epoch has.
    """
    if opened.kind == ARRAYS:
        return _Arrays(opened, name, steps)
    length = min(filter(None, (opened.length(), steps)), default=None)
    if not length:
        raise FeedersError(
            f"{name}: {opened.title} does not tell how many batches an epoch has; expected a number of steps. "
            "Try: --steps N"
        )
    if opened.kind == SEQUENCE:
        return _Sequence(opened.x, name, length)
    if opened.kind == DATASET:
        return _Dataset(opened.x, name, length)
    return _Iterator(opened.x, name, length, opened.again)


def one_at_a_time(dataset: Any, threads: int = 1) -> Iterator[Any]:
    """Iterate a ``tf.data.Dataset`` on a thread pool of its own."""
    import tensorflow as tf

    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    options.autotune.enabled = False
    alone = dataset.with_options(options)
    # As NumPy arrays, rows that happen to be of one length are not told from others.
    if any(isinstance(spec, tf.RaggedTensorSpec) for spec in tf.nest.flatten(dataset.element_spec)):
        return (tf.nest.map_structure(_rows_stay, batch) for batch in alone)
    return iter(alone.as_numpy_iterator())


def _rows_stay(leaf: Any) -> Any:
    """Bring a tensor to NumPy, and leave a ragged one what it is."""
    return leaf.numpy() if hasattr(leaf, "numpy") and not hasattr(leaf, "nested_row_splits") else leaf


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


class OwnLoader(Loader):
    """What a person's loader is served as.

    Args:
        x: what ``fit()`` is called with.
        name: what messages call it.
        length: batches of an epoch.
    """

    def __init__(self, x: Any, name: str, length: int) -> None:
        self.x, self.name, self._length = x, name, length
        self._signature: Any = None

    def __len__(self) -> int:
        return self._length

    @property
    def signature(self) -> Any:
        """Looked at once: that may take a batch."""
        if self._signature is None:
            self._signature = self._look()
        return self._signature

    def _look(self) -> Any:
        """Return the `Leaf` of each array of a batch."""
        raise NotImplementedError

    def serially(self, epoch: int, times: int = 1) -> Iterator[Any]:
        """Yield the batches of passes over an epoch, one after the other whatever workers it brings itself."""
        yield from self.passes(epoch, times)


class _Sequence(OwnLoader):
    """A ``Sequence``/``PyDataset``: it keeps its own epoch, which its hooks change."""

    def __init__(self, x: Any, name: str, length: int) -> None:
        super().__init__(x, name, length)
        kept = {getattr(sequence_base(), hook, None) for hook in HOOKS}
        self.hooks = any(getattr(type(x), hook, None) not in {None, *kept} for hook in HOOKS)
        end = getattr(type(x), "on_epoch_end", None)
        # Keras' own iterators of images draw their first order with their first batch.
        self.draws_late = end not in {None, *kept} and is_of_keras(str(getattr(end, "__module__", "")))

    def _look(self) -> Any:
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


class _Iterator(OwnLoader):
    """A generator or iterator: whatever comes next, whichever epoch that is.

    Args:
        again: makes a new one, where one has ended; None if it can't be made again.
    """

    def __init__(self, x: Any, name: str, length: int, again: Callable[[], Any] | None) -> None:
        super().__init__(x, name, length)
        self._rest = _pass_after_pass(x, again)

    def _look(self) -> Any:
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


class _Dataset(OwnLoader):
    """A ``tf.data.Dataset``: its own pipeline, with its own number of parallel calls."""

    def _look(self) -> Any:
        return map_structure(lambda spec: Leaf((None, *spec.shape[1:]), spec.dtype.name), self.x.element_spec)

    def batches(self, epoch: int) -> Iterator[Any]:
        """Yield the batches of one pass, as NumPy arrays."""
        yield from self._epoch().as_numpy_iterator()

    def serially(self, epoch: int, times: int = 1) -> Iterator[Any]:
        """Yield the batches of passes, with one thread."""
        yield from one_at_a_time(self.native_passes(1, epoch, times))

    def native(self, workers: int, epoch: Any) -> Any:
        """Return it, with its own parallel calls; an endless one as it is, since ``fit()`` goes on with it."""
        return self.x if is_endless(self.x) else self._epoch()

    def _epoch(self) -> Any:
        return self.x if int(self.x.cardinality()) == len(self) else self.x.take(len(self))

    def passes(self, epoch: int, times: int) -> Iterator[Any]:
        """Yield the batches of passes, as NumPy arrays."""
        yield from self.native_passes(1, epoch, times).as_numpy_iterator()

    def native_passes(self, workers: int, epoch: Any, times: int) -> Any:
        """Return it so many times; one that is cut goes on instead of filling the buffer of its shuffle anew."""
        if times == 1:
            return self._epoch()
        if int(self.x.cardinality()) == len(self):
            return self.x.repeat(times)
        return self.x.repeat().take(times * len(self))


class _Arrays(OwnLoader):
    """Arrays as ``fit(x, y)`` cuts them, in order."""

    def __init__(self, opened: Opened, name: str, steps: int | None) -> None:
        parts = [opened.x, opened.y, opened.fit.get("sample_weight")]
        arrays = tuple(map_structure(np.asarray, part) for part in parts if part is not None)
        self.batch_size = opened.fit.get("batch_size", KERAS_BATCH_SIZE)
        length = -(-len(flatten(arrays)[0]) // self.batch_size)
        super().__init__(arrays, name, min(length, steps or length))

    def _look(self) -> Any:
        return signature_of(self.x)

    def batch(self, index: int, epoch: int) -> Any:
        """Cut the rows of a batch.

        Raises:
            IndexError: the epoch has no such batch.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"{self.name}: batch {index} asked for; an epoch has 0 to {len(self) - 1}")
        first = int(index) * self.batch_size
        return map_structure(lambda array: array[first : first + self.batch_size], self.x)


def _pass_after_pass(x: Any, again: Callable[[], Any] | None) -> Iterator[Any]:
    """Yield what an iterator gives, and what those give that are made after it; end with one that gives nothing."""
    given = True
    while given:
        given = False
        for batch in x:
            given = True
            yield batch
        x = again() if again else ()
