"""A generator behind a lock: as an iterator class, as a decorator, and from a library."""

from __future__ import annotations

import functools
import threading
from typing import Any, Callable, Generic, Iterator, NoReturn, TypeVar

from feeders.errors import Unsupported
from feeders.loaders import Material

from ._feeds import iterator_feed
from ._row import Feed, Feeder
from .bridge import bridge_feed
from .generator import batches

T = TypeVar("T")


class LockedIterator(Generic[T]):
    """An iterator whose ``__next__`` is held by one lock, so that threads take turns.

    It protects the iterator, not the order in which threads hand on what they took, and not the state of other
    processes: a forked worker has its own copy of the lock and of the iterator.

    Args:
        iterator: the iterator to protect; nothing else may advance it.
    """

    def __init__(self, iterator: Iterator[T]) -> None:
        self._iterator = iterator
        self._lock = threading.Lock()

    def __iter__(self) -> LockedIterator[T]:
        return self

    def __next__(self) -> T:
        with self._lock:
            try:
                return next(self._iterator)
            except StopIteration:
                raise
            except Exception as error:
                # A generator that has raised is over, and would tell whoever comes next only that.
                self._iterator = iter(functools.partial(_raise, error), None)
                raise


def _raise(error: Exception) -> NoReturn:
    raise error


def locked(function: Callable[..., Iterator[T]]) -> Callable[..., LockedIterator[T]]:
    """Decorate a generator function so that its generators can be shared by threads.

    Args:
        function: a generator function, or any callable that returns an iterator.

    Returns:
        A function with the same arguments that returns a `LockedIterator`.
    """

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> LockedIterator[T]:
        return LockedIterator(function(*args, **kwargs))

    return wrapper


locked_batches = locked(batches)


def _bare(material: Material, workers: int) -> Feed:
    return iterator_feed(LockedIterator(batches(material)), len(material), workers, processes=False)


def _bare_processes(material: Material, workers: int) -> Feed:
    return iterator_feed(LockedIterator(batches(material)), len(material), workers, processes=True)


def _bridged(material: Material, workers: int) -> Feed:
    return bridge_feed(locked_batches(material), len(material), workers)


def _serialized(material: Material, workers: int) -> Feed:
    return bridge_feed(_serialize()(batches(material)), len(material), workers)


def _serialize() -> Callable[[Iterator[Any]], Iterator[Any]]:
    standard = getattr(threading, "serialize_iterator", None)
    if standard is not None:
        return standard  # type: ignore[no-any-return]
    try:
        from more_itertools import serialize
    except ImportError:
        raise Unsupported(
            "generator-serialized: neither threading.serialize_iterator (Python 3.15) nor more_itertools.serialize "
            "(more-itertools 11) is here. Try: pip install 'more-itertools>=11'"
        ) from None
    return serialize


ROWS = (
    Feeder(
        "generator-locked",
        _bare,
        "an iterator class whose __next__ holds one lock around a generator",
        "Keras 2: no error, but serial, out of order and across the end of an epoch; Keras 3 refuses it",
        shared_by="lock",
    ),
    Feeder(
        "generator-locked-processes",
        _bare_processes,
        "the same with use_multiprocessing=True (Keras 2 only)",
        "the lock is copied with the process and excludes nobody: duplicates",
        shared_by="processes",
        mistake=True,
    ),
    Feeder(
        "generator-locked-bridge",
        _bridged,
        "a generator function under the @locked decorator, pulled by N workers through an indexable bridge",
        "accepted by both generations of Keras; safe, and still serial",
        shared_by="lock",
    ),
    Feeder(
        "generator-serialized",
        _serialized,
        "threading.serialize_iterator (Python 3.15) or more_itertools.serialize, through the same bridge",
        "the same guarantees from a well-kept library",
        shared_by="lock",
    ),
)
