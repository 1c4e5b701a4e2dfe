"""A generator behind a lock: as an iterator class, as a decorator, and from a library."""

from __future__ import annotations

import functools
import threading
from typing import Any, Callable, Generic, Iterator, NoReturn, TypeVar

from feeders.errors import Unsupported
from feeders.loaders import ITERATOR, Loader

from ._feeder import Feed, Feeder
from ._feeds import iterator_feed
from .bridge import bridge_feed
from .generator import endless

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


locked_endless = locked(endless)


def _bare(loader: Loader, workers: int) -> Feed:
    return iterator_feed(LockedIterator(endless(loader)), len(loader), workers, processes=False)


def _bare_processes(loader: Loader, workers: int) -> Feed:
    return iterator_feed(LockedIterator(endless(loader)), len(loader), workers, processes=True)


def _bridged(loader: Loader, workers: int) -> Feed:
    return bridge_feed(locked_endless(loader), len(loader), workers)


def _serialized(loader: Loader, workers: int) -> Feed:
    return bridge_feed(_serialize()(endless(loader)), len(loader), workers)


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
        pulls=ITERATOR,
    ),
    Feeder(
        "generator-locked-processes",
        _bare_processes,
        "the same with use_multiprocessing=True (Keras 2 only)",
        "the lock is copied with the process and excludes nobody: duplicates",
        shared_by="processes",
        mistake=True,
        pulls=ITERATOR,
    ),
    Feeder(
        "generator-locked-bridge",
        _bridged,
        "a generator function under the @locked decorator, pulled by N workers through an indexable bridge",
        "accepted by both generations of Keras; safe, and still serial",
        shared_by="lock",
        pulls=ITERATOR,
    ),
    Feeder(
        "generator-serialized",
        _serialized,
        "threading.serialize_iterator (Python 3.15) or more_itertools.serialize, through the same bridge",
        "the same guarantees from a well-kept library",
        shared_by="lock",
        pulls=ITERATOR,
    ),
)
