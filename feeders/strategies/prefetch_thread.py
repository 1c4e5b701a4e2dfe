"""One thread prepares batches ahead of an iterator that can't be asked for a batch by number.

The file stands alone: to use it elsewhere, copy it and leave out what follows "In this project".
"""

from __future__ import annotations

import itertools
import queue
import threading
import weakref
from types import GeneratorType
from typing import Any, Iterator

# How long close() waits for the thread in the middle of a batch. It is a daemon: it can't keep Python alive.
LEAVE_SECONDS = 5.0


class PrefetchThread:
    """Prepare batches of a generator in one thread, ahead of training and in order, for any ``fit()``.

    Use it where batches can't be asked for by number: it overlaps preparation and training, and keeps a generator with
    one reader. It gives at most the speed of that one thread. Use `LookaheadThreads` or `LookaheadProcesses` where the
    loader has ``__getitem__``. On TensorFlow, ``fit()`` itself reads a plain generator ahead: there it gains little.

        with PrefetchThread(lambda: my_generator(files)) as prefetch:
            model.fit(prefetch.batches(), steps_per_epoch=1000, epochs=10)

    Every batch comes exactly once, in order. The source is read ahead across the end of an epoch; it has no hooks. An
    exception of the source is raised where its batch was due, with the thread's traceback. The source is read, and a
    generator is closed, in the thread.

    Args:
        source: a function that makes an iterator, or an iterable, read again and again; or an iterator, read once.
        ahead: batches that are in work or wait for training, at most.
    """

    def __init__(self, source: Any, ahead: int = 2) -> None:
        if ahead < 1:
            raise ValueError(f"PrefetchThread: ahead={ahead}; expected 1 or more")
        if not callable(source) and not hasattr(source, "__iter__"):
            raise TypeError(
                f"PrefetchThread: the source is {type(source).__name__}; expected an iterator or a function"
            )
        self._source, self._ahead = source, ahead
        # What is no iterator begins a pass with each call of `iter`: workers, an epoch that is counted, an order.
        self._once = not callable(source) and hasattr(source, "__next__") and iter(source) is source
        self._run = 0
        self._lane: _Lane | None = None
        self._finalizer: Any = None
        self._closed = False

    def __enter__(self) -> PrefetchThread:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the thread after the batch that it has in work; batches that are ready are dropped."""
        self._closed = True
        if self._finalizer is not None:
            self._finalizer()

    def batches(self) -> Iterator[Any]:
        """Return a generator of batches: without end, or as many as an iterator has.

        Only the newest generator yields: one that was left earlier ends. What can be read again begins anew; an
        iterator goes on where the last generator left it, and what was read ahead is not lost.
        """
        if self._closed:
            raise RuntimeError("PrefetchThread: it is closed; make a new one to train again")
        self._run += 1
        if self._lane is None or not self._once:
            self._lane = self._start()
        return self._batches(self._run, self._lane)

    def _start(self) -> _Lane:
        if self._finalizer is not None:
            self._finalizer()
        lane = _Lane(self._ahead)
        thread = threading.Thread(target=_produce, args=(self._source, self._once, lane), daemon=True)
        thread.start()
        self._finalizer = weakref.finalize(self, _leave, thread, lane)
        return lane

    def _batches(self, run: int, lane: _Lane) -> Iterator[Any]:
        while True:
            item = self._next(run, lane)
            if self._closed:
                raise RuntimeError("PrefetchThread: a batch was due, and it is closed")
            if not item:
                break
            lane.room.put(None)
            yield item.pop()  # this frame keeps no batch
        lane.done.put([])  # for whoever asks next
        if lane.error is not None:
            raise lane.error

    def _next(self, run: int, lane: _Lane) -> list[Any]:
        with lane.turn:
            if run == self._run:
                item = lane.back.pop() if lane.back else lane.done.get()
                if run == self._run:
                    return item
                lane.back.append(item)  # it waited while a newer one was made, whose batch this is
        raise RuntimeError("PrefetchThread: batches() was called again, which ended this generator")


class _Lane:
    """What the thread and its reader share; the thread knows nothing of the pool, so that it can be collected."""

    def __init__(self, ahead: int) -> None:
        self.done: queue.SimpleQueue[list[Any]] = queue.SimpleQueue()  # a list of one batch, or an empty one: the end
        self.room: queue.SimpleQueue[None] = queue.SimpleQueue()  # as many as batches may be read
        for _ in range(ahead):
            self.room.put(None)
        self.turn = threading.Lock()  # to take what is done
        self.back: list[list[Any]] = []  # taken and given back: it comes next
        self.stopped = False
        self.error: BaseException | None = None


def _produce(source: Any, once: bool, lane: _Lane) -> None:
    try:
        for number in itertools.count():
            count = _read(iter(source() if callable(source) else source), lane)
            if once or lane.stopped:
                break
            if not count:
                raise ValueError(f"PrefetchThread: pass {number} over the source gave no batch; expected 1 or more")
    except BaseException as error:
        lane.error = error
    lane.done.put([])


def _read(iterator: Iterator[Any], lane: _Lane) -> int:
    """Read the iterator to its end, or until the lane is stopped, and count its batches."""
    count = 0
    try:
        while True:
            lane.room.get()
            if lane.stopped:
                return count
            try:
                lane.done.put([next(iterator)])
            except StopIteration:
                lane.room.put(None)
                return count
            count += 1
    finally:
        if isinstance(iterator, GeneratorType):
            iterator.close()


def _leave(thread: threading.Thread, lane: _Lane) -> None:
    lane.stopped = True
    lane.room.put(None)
    lane.done.put([])  # for a generator that waits for a batch in another thread
    if thread is not threading.current_thread():  # it may be the one that collects the pool
        thread.join(LEAVE_SECONDS)


# In this project

from feeders.loaders import ITERATOR, Loader  # noqa: E402

from . import generator  # noqa: E402
from ._feeder import Feed, Feeder  # noqa: E402
from ._feeds import pool_feed  # noqa: E402


class _Epochs:
    """A thread that reads a loader ahead, from the first batch of any epoch on."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._prefetch = PrefetchThread(())

    def batches(self, epoch: int = 0) -> Iterator[Any]:
        self.close()
        self._prefetch = PrefetchThread(generator.endless(self._loader, epoch))
        return self._prefetch.batches()

    def close(self) -> None:
        self._prefetch.close()


def _build(loader: Loader, _: int) -> Feed:
    return pool_feed(_Epochs(loader), loader)


ROWS = (
    Feeder(
        "prefetch-thread",
        _build,
        "one thread prepares ahead of a generator that can't be indexed",
        "overlaps preparation and training, keeps any iterator safe",
        parallel=False,
        own_workers=True,
        pulls=ITERATOR,
    ),
)
