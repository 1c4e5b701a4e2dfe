"""Opening a person's own loader: a name in a file or a module, made, looked at, and set up as it is to be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import GeneratorType, ModuleType
from typing import Any, Callable

from feeders.errors import FeedersError
from feeders.keras_api import flatten, generation, is_dataset, sequence_base

from ._making import PACKAGE, find_maker
from ._source import Source, own_files, whole_address

__all__ = [
    "ARRAYS",
    "DATASET",
    "GENERATOR",
    "ITERATOR",
    "PACKAGE",
    "SEQUENCE",
    "WORKERS",
    "ArraySignature",
    "Opened",
    "Signature",
    "Source",
    "find_maker",
    "is_array",
    "kind_of",
    "open_own",
    "own_files",
    "signature_of",
    "whole_address",
]

# What people set first; more threads meet more often.
WORKERS = 4

SEQUENCE, GENERATOR, ITERATOR, DATASET, ARRAYS = "sequence", "generator", "iterator", "dataset", "arrays"


@dataclass(frozen=True)
class ArraySignature:
    """What an array of a batch looks like.

    Attributes:
        shape: of the batch; None for the rows, and for what differs from batch to batch where that is known.
        dtype: name of its type.
    """

    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class Signature:
    """What a batch looks like.

    Attributes:
        structure: the batch with each array replaced by its `ArraySignature`: nested tuples, lists and dicts.
    """

    structure: Any

    @property
    def arrays(self) -> tuple[ArraySignature, ...]:
        """Those of all arrays, in the order in which Keras flattens a batch."""
        return tuple(leaf for leaf in flatten(self.structure) if leaf is not None)


def signature_of(batch: Any) -> Signature:
    """Return what a batch looks like.

    Args:
        batch: as a loader gives it: nested tuples, lists and dicts of arrays, tensors, frames, series or numbers.
    """
    if isinstance(batch, dict):
        return Signature({name: signature_of(part).structure for name, part in batch.items()})
    if isinstance(batch, (tuple, list)):
        parts = [signature_of(part).structure for part in batch]
        return Signature(tuple(parts) if isinstance(batch, tuple) else parts)
    return Signature(None if batch is None else _array_signature(batch))


def _array_signature(array: Any) -> ArraySignature:
    shape = tuple(getattr(array, "shape", ()))
    dtype = getattr(array, "dtype", None)
    if hasattr(array, "dtypes") and len(shape) == 2:  # a frame has one of each column; Keras makes one array of them
        dtype = array.to_numpy().dtype
    sizes = tuple(None if size is None else int(size) for size in shape[1:])
    return ArraySignature(
        (None, *sizes) if shape else (), str(getattr(dtype, "name", None) or dtype or type(array).__name__)
    )


@dataclass
class Opened:
    """An opened loader: what ``fit()`` is called with, and what is known of it.

    Attributes:
        x, y: what ``fit()`` is called with.
        kind: how it is pulled: by index, by ``next()``, or by TensorFlow.
        workers: threads or processes that pull it; 1 where this Keras has none for its kind.
        processes: whether they are processes.
        fit: further arguments of ``fit()`` that belong to it.
        title: what it is, in words.
        sets_workers: its workers are what it sets itself, not what people set first.
        ignores_workers: it does not call ``super().__init__()``, so Keras 3 takes its workers to be 1.
        again: makes another one, of a generator or an iterator.
    """

    x: Any
    y: Any
    kind: str
    workers: int
    processes: bool
    fit: dict[str, Any] = field(default_factory=dict)
    title: str = ""
    ignores_workers: bool = False
    sets_workers: bool = False
    again: Callable[[], Any] | None = None

    def length(self) -> int | None:
        """Batches in an epoch, where it tells."""
        if self.kind == SEQUENCE:
            return self.x.num_batches if _unsized(self.x) else len(self.x)
        if self.kind == DATASET:
            size = int(self.x.cardinality())
            return size if size >= 0 else None
        return None

    def signature(self) -> Signature | None:
        """Look at its first batch; None for what can be pulled once only, where whoever pulls it sees it."""
        if self.kind == SEQUENCE:
            return signature_of(self.x[0])
        if self.kind == DATASET:
            return signature_of(self.x.element_spec)
        if self.kind == ARRAYS:
            return signature_of((self.x, self.y, self.fit.get("sample_weight")))
        return None


def open_own(source: Source) -> Opened:
    """Make the loader; call it in a process of its own, since its code may do anything.

    Raises:
        FeedersError: no such module or name, it can't be made, or it is no loader.
    """
    make = find_maker(source.place, source.name, source.call, lambda thing: kind_of(thing) is not None)
    thing = make()
    kind = kind_of(thing)
    if kind is None:
        raise FeedersError(f"{source.loader} is {_describe(thing)}; expected {EXPECTED}")
    x, y, weights = (*thing, None, None)[:3] if isinstance(thing, tuple) else (thing, None, None)
    loader = Opened(x, y, kind, workers=1, processes=False, title=_describe(thing))
    if weights is not None:
        loader.fit = {"sample_weight": weights}
    if kind == SEQUENCE:
        _set_workers_of_sequence(loader, source)
    elif kind in (GENERATOR, ITERATOR):
        loader.again = make
        if generation() == 2:
            loader.workers, loader.processes = source.workers or WORKERS, bool(source.processes)
            loader.fit = _workers(loader)
    return loader


EXPECTED = (
    "a Sequence/PyDataset, a generator, a function that returns one, an iterator, a tf.data.Dataset "
    "or a tuple of arrays (x, y)"
)


def _set_workers_of_sequence(loader: Opened, source: Source) -> None:
    if generation() == 2:
        loader.workers, loader.processes = source.workers or WORKERS, bool(source.processes)
        loader.fit = _workers(loader)
        return
    own: Any = getattr(loader.x, "_workers", None)
    loader.ignores_workers = own is None and hasattr(loader.x, "_warn_if_super_not_called")
    asks = bool(getattr(loader.x, "_use_multiprocessing", False))
    loader.processes = asks if source.processes is None else source.processes
    set_itself = own is not None and (own > 1 or (own > 0 and loader.processes and source.processes is None))
    loader.sets_workers = bool(set_itself and not source.workers)
    loader.workers = source.workers or (own if set_itself else WORKERS)
    if not loader.ignores_workers and own is not None:
        loader.x.workers, loader.x.use_multiprocessing = loader.workers, loader.processes


def _workers(loader: Opened) -> dict[str, Any]:
    return {"workers": loader.workers, "use_multiprocessing": loader.processes, "max_queue_size": 10}


def _unsized(x: Any) -> bool:
    return not hasattr(x, "__len__")


def kind_of(thing: Any) -> str | None:
    """Return how ``fit()`` pulls a thing; None if it is nothing that it takes."""
    if is_dataset(thing):
        return DATASET
    if isinstance(thing, GeneratorType):
        return GENERATOR
    if isinstance(thing, sequence_base()):
        return SEQUENCE
    if is_array(thing) or (isinstance(thing, dict) and _holds_arrays(thing)):
        return ARRAYS
    if isinstance(thing, tuple):
        return ARRAYS if len(thing) < 4 and _holds_arrays(thing) else None
    if hasattr(thing, "__next__"):
        return ITERATOR
    plain = isinstance(thing, (list, dict, str, bytes, ModuleType))
    return SEQUENCE if hasattr(thing, "__getitem__") and hasattr(thing, "__len__") and not plain else None


def is_array(thing: Any) -> bool:
    """Whether it is an array, a tensor of any backend, a frame or a series, with an axis of samples."""
    shape = getattr(thing, "shape", ())
    typed = hasattr(thing, "dtype") or hasattr(thing, "dtypes")
    return typed and not isinstance(thing, type) and hasattr(shape, "__len__") and len(shape) > 0


def _holds_arrays(thing: Any) -> bool:
    """Whether all parts of a tuple, list or dict are arrays, or hold arrays: several inputs, named or in a row."""
    parts = list(thing.values() if isinstance(thing, dict) else thing)
    nested = all(is_array(part) or (isinstance(part, (tuple, list, dict)) and _holds_arrays(part)) for part in parts)
    return bool(parts) and nested


def _describe(thing: Any) -> str:
    if isinstance(thing, ModuleType):
        return "a module"
    if isinstance(thing, tuple):
        return f"a tuple of {len(thing)}: {', '.join(type(part).__name__ for part in thing[:4])}"
    name = f"{type(thing).__module__.split('.')[0]}.{type(thing).__qualname__}".replace("builtins.", "")
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
