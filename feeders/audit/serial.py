"""A loader read by one thread, on its own: the reference for what several should deliver."""

from __future__ import annotations

import inspect
import multiprocessing
import random
import time
import traceback
from collections import Counter
from typing import Any, Callable, Iterator

from feeders.errors import FeedersError
from feeders.keras_api import generation, seed_everything
from feeders.loaders.opening import ARRAYS, DATASET, GENERATOR, ITERATOR, SEQUENCE
from feeders.messages import message_of

from .identity import Columns
from .inspection import handles, memory_owner, pickling_fault
from .journal import Journal
from .loader import Loader, open_loader
from .request import Request

# Keras calls the hooks between epochs a different number of times, by release: more states than epochs are read.
SPARE_STATES = 2

# Indices that are read twice, one right after the other.
REREAD = 8

# Indices that are read once more before an epoch is cut short.
LOOKED_AT = 4

# Batches that are kept until the next one has been read, to see whether it writes into them.
KEPT = 16

# Without an end or a repetition in so many batches, the person has to say how long an epoch is.
MOST_PULLS = 20_000

# TensorFlow puts tracebacks of Python functions into the text of its errors.
LONGEST_TEXT = 20_000

# What tf.data.Dataset.cardinality() says of a dataset that repeats.
INFINITE = -1

# An epoch takes part of the budget at most; of a longer one only its first batches are audited.
SHARE_OF_BUDGET = 0.12
FEWEST_STEPS = 24


def read_serially(request: Request, seed: int, backwards: bool, journal: Journal) -> dict[str, Any]:
    """Open the loader and read its epochs, one batch after the other.

    Args:
        request: what is audited, with `steps` where an epoch is not to be read in full.
        seed: of Python's, NumPy's and TensorFlow's global random numbers, set before the loader is made.
        backwards: read a sequence from its last batch to the first.
        journal: gets an event per batch.

    Returns:
        What it is ("kind", "title", "workers", "processes", "length", "steps", ...); "epochs": one list per epoch of
        [keys, contents] per batch; "raised": where it broke, or None; what was noticed on the way.
    """
    seed_everything(seed)
    loader = open_loader(request)
    seen: dict[str, Any] = {
        "kind": loader.kind,
        "title": loader.title,
        "workers": loader.workers,
        "processes": loader.processes,
        "ignores_workers": loader.ignores_workers,
        "length": None,
        "started": _started(loader.x),
        "unpicklable": pickling_fault(loader.x) if loader.kind in (SEQUENCE, ITERATOR) else None,
        "pickles": loader.processes and (request.start_method or multiprocessing.get_start_method()) != "fork",
        "handles": handles(loader.x) if loader.kind == SEQUENCE else [],
        "generation": generation(),
        "raised": None,
    }
    reading = _Reading(loader, request, backwards, journal)
    try:
        seen["length"] = loader.length()
        journal.write("opened", seen=seen)
        reading.run()
    except Exception as error:
        if isinstance(error, FeedersError):
            raise
        seen["raised"] = {"index": reading.at, "epoch": len(reading.epochs), "after": reading.pulled, **told(error)}
        reading.close_epoch()
    found = reading.found()
    return {**seen, **found, "overlap": _overlap(loader, found["epochs"])}


def told(error: Exception) -> dict[str, Any]:
    """Return an exception as "error" text, "frames", the innermost last, and what TensorFlow wrote into its "text"."""
    frames = [[frame.filename, frame.lineno, frame.name] for frame in traceback.extract_tb(error.__traceback__)]
    return {"error": message_of(error), "frames": frames, "text": str(error)[:LONGEST_TEXT]}


class _Reading:
    """Reads epochs and takes down what it sees."""

    def __init__(self, loader: Loader, request: Request, backwards: bool, journal: Journal) -> None:
        self._loader, self._request, self._journal = loader, request, journal
        self._backwards = backwards and loader.kind == SEQUENCE
        self._kept: list[tuple[int, Any, list[int]]] = []
        self.epochs: list[list[list[list[int]]]] = []
        self._current: list[list[list[int]]] = []
        self.at: int | None = None
        self.pulled = 0
        self._slowest = self._first = self._spent = 0.0
        self._steps = request.steps or loader.fit.get("steps_per_epoch")
        self._endless = False
        self._reused: dict[str, Any] | None = None
        self._again = {"keys": True, "contents": True}
        self._tells = {"keys": True, "contents": True}

    def run(self) -> None:
        kinds: dict[str, Callable[[], None]] = {
            SEQUENCE: self._sequence,
            GENERATOR: self._iterator,
            ITERATOR: self._iterator,
            DATASET: self._dataset,
            ARRAYS: self._arrays,
        }
        kinds[self._loader.kind]()

    def found(self) -> dict[str, Any]:
        return {
            "epochs": self.epochs,
            "steps": self._steps,
            "endless": self._endless,
            "slowest": self._slowest,
            "first": self._first,
            "mean": self._spent / max(1, self.pulled),
            "reused": self._reused,
            "again": self._again,
            "tells": self._tells,
            "wrapped": _wraps(self.epochs[0]) if self.epochs else False,
            "empty": [index for index, batch in enumerate(self.epochs[0]) if not batch[0]] if self.epochs else [],
        }

    def close_epoch(self) -> None:
        if self._current:
            self.epochs.append(self._current[::-1] if self._backwards else self._current)
        self._current = []

    def _take(self, index: int, pull: Callable[[], Any]) -> Columns:
        self.at = index
        self._journal.write("reading", index=index)
        start = time.perf_counter()
        batch = pull()
        took = time.perf_counter() - start
        columns = self._loader.identity.columns(batch)
        self._slowest, self._spent = max(self._slowest, took), self._spent + took
        self._first = self._first or took
        self.pulled += 1
        self._current.append([columns.keys, columns.contents])
        self._look_for_reuse(index, batch, columns.contents)
        return columns

    def _look_for_reuse(self, index: int, batch: Any, contents: list[int]) -> None:
        if self._reused is None and self._kept:
            earlier, kept, was = self._kept[-1]
            if self._loader.identity.columns(kept).contents != was:
                owner = memory_owner(self._loader.x, kept)
                self._reused = {"index": earlier, "by": index, "owner": owner}
        if self.pulled <= KEPT:
            self._kept.append((index, batch, contents))
        else:
            self._kept.clear()

    def _limit(self, number: int | None) -> int:
        """How many batches of an epoch to read, judged after the first few."""
        if self._steps:
            return self._steps if number is None else min(self._steps, number)
        if number is None:
            raise FeedersError(f"{self._request.loader}: it tells no length. Try: --steps N, the batches per epoch")
        if number > FEWEST_STEPS and self.pulled == FEWEST_STEPS // 2 and not self._request.is_feeder:
            affordable = int(self._request.seconds * SHARE_OF_BUDGET / max(1e-6, self._spent / self.pulled))
            if affordable < number:
                self._steps = max(FEWEST_STEPS, affordable)
                return self._steps
        return number

    def _see_whether_an_index_tells(self) -> None:
        """The first part of an epoch can be judged only where an index gives the same whatever came before."""
        for index, (keys, contents) in enumerate(self._current[:LOOKED_AT]):
            columns = self._loader.identity.columns(self._loader.x[index])
            self._tells = {
                "keys": self._tells["keys"] and columns.keys == keys,
                "contents": self._tells["contents"] and columns.contents == contents,
            }
        seen = [key for keys, _ in self._current[:LOOKED_AT] for key in keys]
        # Labels that repeat are the same again by chance.
        self._tells["keys"] = self._tells["keys"] and (self._tells["contents"] or len(set(seen)) == len(seen))

    def _sequence(self) -> None:
        x, number = self._loader.x, self._loader.length()
        hooks = overrides(x, "on_epoch_begin") or overrides(x, "on_epoch_end")
        for epoch in range(self._request.epochs + SPARE_STATES if hooks else 1):
            if epoch or generation() == 3:
                call_hook(x, "on_epoch_begin")
            limit = self._limit(number)
            order = list(range(limit))
            for index in reversed(order) if self._backwards else order:
                if index >= self._limit(number) and not self._backwards:
                    break
                self._take(index, lambda index=index: x[index])  # type: ignore[misc]
            if self._backwards:
                self._read_again(order)
            elif not epoch and number is not None and self._limit(number) < number:
                self._see_whether_an_index_tells()
            self.close_epoch()
            call_hook(x, "on_epoch_end")

    def _read_again(self, order: list[int]) -> None:
        """See whether an index read again, with nothing between, gives the same."""
        for index in random.sample(order, min(REREAD, len(order))):
            first, second = (self._loader.identity.columns(self._loader.x[index]) for _ in range(2))
            for column in self._again:
                self._again[column] = self._again[column] and getattr(first, column) == getattr(second, column)

    def _iterator(self) -> None:
        iterator: Iterator[Any] = iter(self._loader.x)
        if self._steps:
            self._endless = True
            for _ in range(self._request.epochs):
                for index in range(self._steps):
                    if not self._pull(iterator, index):
                        self.close_epoch()
                        return
                self.close_epoch()
            return
        self._find_the_end(iterator)

    def _pull(self, iterator: Iterator[Any], index: int) -> bool:
        try:
            self._take(index, lambda: next(iterator))
        except StopIteration:
            return False
        return True

    def _find_the_end(self, iterator: Iterator[Any]) -> None:
        """Pull until it ends, or until the second half of what came equals the first."""
        sums = [0]
        end = time.perf_counter() + max(5.0, self._request.seconds / 3)
        for index in range(MOST_PULLS):
            if not self._pull(iterator, index):
                self.close_epoch()
                return
            sums.append(sums[-1] + sum(self._current[-1][0]))
            half, odd = divmod(len(sums) - 1, 2)
            if not odd and sums[-1] == 2 * sums[half] and _same(self._current[:half], self._current[half:]):
                self._endless, self._steps = True, half
                second = self._current[half:]
                self._current = self._current[:half]
                self.close_epoch()
                self._current = second
                self.close_epoch()
                return
            if time.perf_counter() > end:
                break
        raise FeedersError(
            f"{self._request.loader}: no end and no repetition in its first {self.pulled} batches. "
            "Try: --steps N, the batches of an epoch"
        )

    def _dataset(self) -> None:
        number, limit = self._loader.length(), self._steps
        if not limit and int(self._loader.x.cardinality()) == INFINITE:
            raise FeedersError(
                f"{self._request.loader}: it repeats without end. Try: --steps N, the batches of an epoch"
            )
        for _ in range(2):
            for index, batch in enumerate(one_at_a_time(self._loader.x)):
                if limit and index >= limit:
                    break
                self._take(index, lambda batch=batch: batch)  # type: ignore[misc]
                if not limit and number is None and self.pulled >= MOST_PULLS:
                    raise FeedersError(f"{self._request.loader}: no end in {self.pulled} batches. Try: --steps N")
            self.close_epoch()

    def _arrays(self) -> None:
        arrays = [self._loader.x, self._loader.y, self._loader.fit.get("sample_weight")]
        self._take(0, lambda: tuple(part for part in arrays if part is not None))
        self.close_epoch()


def one_at_a_time(dataset: Any, threads: int = 1) -> Iterator[Any]:
    """Iterate a ``tf.data.Dataset`` on a thread pool of its own."""
    import tensorflow as tf

    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    options.autotune.enabled = False
    return iter(dataset.with_options(options).as_numpy_iterator())


def _same(first: list[list[list[int]]], second: list[list[list[int]]]) -> bool:
    return Counter(key for keys, _ in first for key in keys) == Counter(key for keys, _ in second for key in keys)


def _wraps(state: list[list[list[int]]]) -> bool:
    """Whether the last batches are the first ones once more, and no other sample comes twice."""
    contents = [part for _, part in state]
    again = next((k for k in range(1, len(contents) // 2 + 1) if contents[-k:] == contents[:k]), 0)
    several = again > 0 and len(contents[0]) > 1
    return several and len({value for part in contents for value in part}) == sum(map(len, contents[again:]))


def _overlap(loader: Loader, epochs: list[list[list[list[int]]]]) -> int | None:
    """How many times each sample comes in a pass of a dataset that interleaves others and repeats nothing."""
    if loader.kind != DATASET or not epochs:
        return None
    stages = [type(stage).__name__ for stage in _stages(loader.x)]
    times = set(Counter(key for keys, _ in epochs[0] for key in keys).values())
    interleaved = any("Interleave" in name for name in stages) and not any("Repeat" in name for name in stages)
    return times.pop() if interleaved and len(times) == 1 and times != {1} else None


def _stages(dataset: Any) -> Iterator[Any]:
    """A dataset and those that it is made from, as far as TensorFlow tells."""
    while dataset is not None:
        yield dataset
        dataset = getattr(dataset, "_input_dataset", None)


def _started(thing: Any) -> str | None:
    """Whether a generator has been pulled before it was handed over: "suspended" or "exhausted"."""
    if not inspect.isgenerator(thing):
        return None
    states = {inspect.GEN_SUSPENDED: "suspended", inspect.GEN_CLOSED: "exhausted"}
    return states.get(inspect.getgeneratorstate(thing))


def overrides(x: Any, hook: str) -> bool:
    """Whether a loader has such a hook of its own."""
    method = getattr(type(x), hook, None)
    return method is not None and not getattr(method, "__module__", "").startswith(("keras", "tf_keras", "tensorflow"))


def call_hook(x: Any, hook: str) -> None:
    """Call a hook of the loader's own, if it has it."""
    if overrides(x, hook):
        getattr(x, hook)()
