"""A pool of threads prepares the next batches of an indexable loader, in order.

The file stands alone: to use it elsewhere, copy it and leave out what follows "In this project".
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
import weakref
from collections import deque
from typing import Any, Callable, Iterator

# Keras defines the hooks too. In these classes they do nothing; its iterators of images shuffle in them.
KERAS = ("keras", "tf_keras", "tensorflow")
BASES = ("Sequence", "PyDataset")

# How long close() waits for a thread in the middle of a batch. The thread is a daemon: it can't keep Python alive.
LEAVE_SECONDS = 5.0


class LookaheadThreads:
    """Prepare batches in threads, ahead of training and in order, for any ``fit()`` of Keras 2 and 3.

    Use it where preparing a batch waits (disk, network) or releases the GIL (decoding, NumPy on large arrays).
    Use processes where it is Python code that computes: threads take turns there. Use `PrefetchThread` where batches
    can't be asked for by number. The loader is called by several threads at once, so it must share nothing unguarded.
    Its first call is made alone.

        with LookaheadThreads(loader, workers=4) as pool:
            model.fit(pool.batches(), steps_per_epoch=len(pool), epochs=10)

    Every batch comes exactly once per epoch. A loader without hooks is read ahead across the end of an epoch. One with
    hooks is not: ``on_epoch_end`` and ``on_epoch_begin`` are called when the next epoch's first batch is asked for, and
    no thread reads. So the end of the last epoch calls none. An exception of the loader is raised where its batch was
    due, with the thread's traceback.

    Args:
        loader: has ``__len__`` and ``__getitem__``, like a ``Sequence`` or ``PyDataset``, and may have ``on_epoch_end``
            and ``on_epoch_begin``. If it has ``batch(index, epoch)``, that is called instead of ``__getitem__``.
        workers: threads.
        ahead: batches that are in work or wait for training, at most; twice the workers by default.
    """

    def __init__(self, loader: Any, workers: int = 2, ahead: int | None = None) -> None:
        if workers < 1 or (ahead is not None and ahead < 1):
            raise ValueError(f"LookaheadThreads: workers={workers}, ahead={ahead}; expected 1 or more of each")
        self._loader = loader
        self._ahead = ahead or 2 * workers
        self._run = self._sent = self._received = 0
        self._ready: dict[int, tuple[Any, BaseException | None]] = {}
        self._lock = threading.Lock()  # held in a step of a generator
        tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._tasks, self._done = tasks, done
        threads = [threading.Thread(target=_work, args=(loader, tasks, done), daemon=True) for _ in range(workers)]
        for thread in threads:
            thread.start()
        self._finalizer = weakref.finalize(self, _leave, threads, tasks, done)

    def __len__(self) -> int:
        return len(self._loader)

    def __enter__(self) -> LookaheadThreads:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads, each after the batch that it has in work; batches that are ready are dropped."""
        self._finalizer()

    def batches(self, epoch: int = 0) -> Iterator[Any]:
        """Return a generator of batches, epoch after epoch, without end; it begins with batch 0.

        Only the newest generator yields: one that was left earlier ends.

        Args:
            epoch: number of the first epoch, which ``batch(index, epoch)`` gets.
        """
        with self._lock:
            self._check(self._run)
            self._run += 1
            self._received += _drop(self._tasks)
            self._ready.clear()
            return self._batches(self._run, epoch)

    def _batches(self, run: int, epoch: int) -> Iterator[Any]:
        try:
            yield from self._steps(run, epoch)
        except GeneratorExit:
            raise
        except BaseException:  # Ctrl-C may have come between two lines: what is left of the pool can't be relied on
            if run == self._run:
                self.close()
            raise

    def _steps(self, run: int, epoch: int) -> Iterator[Any]:
        waiting: deque[int] = deque()  # numbers of the batches that were sent for, in order
        for item in _plan(self._loader, epoch):
            if isinstance(item, list):
                while waiting:
                    yield self._receive(run, waiting.popleft())
                self._call(run, item)
            elif len(waiting) < self._ahead:
                waiting.append(self._send(run, *item))
            else:
                yield self._exchange(run, waiting, item)

    def _exchange(self, run: int, waiting: deque[int], item: tuple[int, int]) -> Any:
        batch = self._receive(run, waiting.popleft())
        waiting.append(self._send(run, *item))
        return batch

    def _send(self, run: int, epoch: int, index: int) -> int:
        with self._lock:
            self._check(run)
            number = self._sent
            self._sent += 1
            self._tasks.put((run, number, epoch, index))
            while not self._received:  # many loaders make at their first call what all of them share
                self._take()
            return number

    def _receive(self, run: int, number: int) -> Any:
        with self._lock:
            self._check(run)
            while number not in self._ready:
                self._take()
            batch, error = self._ready.pop(number)
        if error is not None:
            try:
                raise error
            finally:
                error = None  # or the traceback's frame would keep itself alive
        return batch

    def _take(self) -> None:
        run, number, batch, error = self._done.get()
        if run is None:
            self._done.put((None, 0, None, error))
            why = "was closed" if error is None else "lost a thread, by what is shown above"
            raise RuntimeError(f"LookaheadThreads: a batch was due, and the pool {why}") from error
        self._received += 1
        if run == self._run:
            self._ready[number] = batch, error

    def _call(self, run: int, hooks: list[Callable[[], Any]]) -> None:
        with self._lock:
            self._check(run)
            while self._received < self._sent:  # left by an earlier generator
                self._take()
            for hook in hooks:
                hook()

    def _check(self, run: int) -> None:
        if run != self._run:
            raise RuntimeError("LookaheadThreads: batches() was called again, which ended this generator")
        if not self._finalizer.alive:
            raise RuntimeError("LookaheadThreads: the pool is closed; make a new one to train again")


def _plan(loader: Any, epoch: int) -> Iterator[Any]:
    """Yield (epoch, index) of every batch without end, and a list of hooks wherever some are to be called."""
    begin, end = _hook(loader, "on_epoch_begin"), _hook(loader, "on_epoch_end")
    if begin:
        yield [begin]
    for number in itertools.count(epoch):
        if len(loader) < 1:
            raise ValueError(f"LookaheadThreads: epoch {number} has {len(loader)} batches; expected 1 or more")
        yield from ((number, index) for index in range(len(loader)))
        if begin or end:
            yield [hook for hook in (end, begin) if hook]


def _hook(loader: Any, name: str) -> Callable[[], Any] | None:
    hook = getattr(loader, name, None)
    package, kind = (str(getattr(hook, key, "")).split(".")[0] for key in ("__module__", "__qualname__"))
    inherited = package in KERAS and kind in BASES
    return hook if callable(hook) and not inherited else None


def _prepare(loader: Any, epoch: int, index: int) -> Any:
    batch = getattr(loader, "batch", None)
    return batch(index, epoch) if callable(batch) else loader[index]  # many keep the size of a batch by that name


def _work(loader: Any, tasks: queue.SimpleQueue[Any], done: queue.SimpleQueue[Any]) -> None:
    """Prepare what is asked for; it knows nothing of the pool, so that the pool can be collected."""
    try:
        for run, number, epoch, index in iter(tasks.get, None):
            try:
                done.put((run, number, _prepare(loader, epoch, index), None))
            except BaseException as error:
                done.put((run, number, None, error))
    except BaseException as error:  # raised from outside, between two batches
        done.put((None, 0, None, error))


def _drop(tasks: queue.SimpleQueue[Any]) -> int:
    """Take back what no thread has begun, and count it."""
    count = 0
    with contextlib.suppress(queue.Empty):
        while True:
            tasks.get_nowait()
            count += 1
    return count


def _leave(threads: list[threading.Thread], tasks: queue.SimpleQueue[Any], done: queue.SimpleQueue[Any]) -> None:
    _drop(tasks)
    for _ in threads:
        tasks.put(None)
    done.put((None, 0, None, None))  # for a generator that waits for a batch in another thread
    deadline = time.monotonic() + LEAVE_SECONDS
    for thread in threads:
        if thread is not threading.current_thread():  # a worker may be the one that collects the pool
            thread.join(max(0.0, deadline - time.monotonic()))


# In this project

from feeders.loaders import Loader  # noqa: E402

from ._feeder import Feed, Feeder  # noqa: E402
from ._feeds import Numbered, pool_feed  # noqa: E402


def _build(loader: Loader, workers: int) -> Feed:
    return pool_feed(LookaheadThreads(Numbered(loader), workers), loader)


ROWS = (
    Feeder(
        "lookahead-threads",
        _build,
        "a pool of threads prepares the next batches, order kept, as a generator",
        "what workers= should be: every Keras, every backend, workers kept between epochs",
        shared_by="threads",
        own_workers=True,
    ),
)
