"""Workers of our own that pull a loader at once, as those of Keras and of TensorFlow do."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import multiprocessing
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, Callable, Iterator, Sequence, Tuple, Union

from feeders.keras_api import TENSORFLOW, asked_backend, generation
from feeders.loaders.opening import DATASET, GENERATOR, ITERATOR, SEQUENCE, WORKERS
from feeders.loaders.own import one_at_a_time
from feeders.loaders.pipelines import is_endless
from feeders.measure.identity import Columns

from .crew import CALLS_PER_WORKER, LOOKED_AT, Crew
from .exceptions import RaisedException, describe_exception
from .findings import SOUND, ChangedBatch, RaisedCall, Seen, compare, compare_sets
from .loader import AuditedLoader, identity_of, open_loader, provoked_files
from .request import AuditRequest
from .stress_plan import StressPlan
from .switches import Switches

# Processes start anew for each trial, which therefore lasts longer: so many calls, and so long, for each start.
PROCESS_CALLS, PROCESS_SECONDS = 40, 2.0

# A ``tf.data`` pipeline gets a wider pool, so that more of its Python functions run at once than there are cores.
DATASET_THREADS = 8

# What a call gave: index, and its samples or what it raised.
Call = Tuple[int, Union[Columns, RaisedException]]


class _Threads(Crew):
    """Threads that stay, each with its own ``threading.local``, as those of Keras do."""

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._loader.workers)

    def trial(self, right: Sequence[Columns]) -> list[Seen]:
        tasks = collections.deque(self._tasks())
        self.calls = len(tasks)
        together = threading.Barrier(self._loader.workers)
        done = list(self._pool.map(lambda _: self._work(tasks, together), range(self._loader.workers)))
        return [seen for part in done for batch, call in part for seen in self._judged(batch, call, right)]

    def _work(self, tasks: collections.deque[int], together: threading.Barrier) -> list[tuple[Any, Call]]:
        done: list[tuple[Any, Call]] = []
        together.wait()
        while True:
            try:
                index = tasks.popleft()
            except IndexError:
                return done
            try:
                batch = self._loader.x[index]
                done.append((batch, (index, self._loader.identity.columns(batch))))
            except Exception as error:
                done.append((None, (index, describe_exception(error))))

    def _judged(self, batch: Any, call: Call, right: Sequence[Columns]) -> Iterator[Seen]:
        yield from _judged(call, right, self._plan.compared)
        index, given = call
        if isinstance(given, Columns) and self._loader.identity.columns(batch).contents != given.contents:
            yield ChangedBatch(index)

    def close(self) -> None:
        self._pool.shutdown()


class _Processes(Crew):
    """Processes that start anew for each trial, as those of Keras do for each epoch."""

    @property
    def can_be_held(self) -> bool:
        """A process has switches of its own. Beside them, those that it was forked with act from Python 3.12 on."""
        return sys.version_info >= (3, 12)

    def learn(self) -> list[Columns]:
        """Let a process of its own tell what each index gives: who forks workers makes no more batches than Keras."""
        context: Any = multiprocessing.get_context(self._request.start_method)
        if self._plan.right is not None or context.get_start_method() != "fork":
            return super().learn()
        for index in range(min(self._looked_at(), self._plan.steps)):
            self._loader.x[index]
            self._beat()
        results = context.SimpleQueue()
        process = context.Process(target=self._learn_aside, args=(results,))
        process.start()
        known, self.slowest, error = results.get()
        process.join()
        if error:
            raise RuntimeError(error)
        return list(known)

    def _looked_at(self) -> int:
        """Count the batches that Keras makes before it forks its workers."""
        if generation() == 2:
            return 1
        return LOOKED_AT if asked_backend() == TENSORFLOW else 0

    def _learn_aside(self, results: Any) -> None:
        try:
            results.put((super().learn(), self.slowest, ""))
        except Exception as error:
            results.put(([], 0.0, describe_exception(error).error))

    def trial(self, right: Sequence[Columns]) -> list[Seen]:
        context: Any = multiprocessing.get_context(self._request.start_method)
        results = context.SimpleQueue()
        processes = [
            context.Process(target=_process_work, args=(self._request, self._loader.x, share, results))
            for share in self._shares()
        ]
        for process in processes:
            process.start()
        answers = [results.get() for _ in processes]
        for process in processes:
            process.join()
        parts: list[list[Call]] = [calls for calls, _ in answers]
        self.lines.update(line for _, lines in answers for line in lines)
        self.calls = sum(len(part) for part in parts)
        return [seen for part in parts for call in part for seen in _judged(call, right, self._plan.compared)]

    def _shares(self) -> list[list[int]]:
        """Indices for each worker: each has other ones at the same time."""
        order = self._random.sample(range(self._plan.steps), self._plan.steps)
        most = max(CALLS_PER_WORKER, min(PROCESS_CALLS, int(PROCESS_SECONDS / max(1e-6, self.slowest))))
        workers = self._loader.workers
        return [(order[number::workers] or order)[:most] for number in range(workers)]


def _process_work(request: AuditRequest, x: Any, indices: Sequence[int], results: Any) -> None:
    """Runs in a worker process; sends all of its calls, and the lines that ran."""
    identity = identity_of(request)
    done: list[Call] = []
    with Switches(provoked_files(request)) as switches:
        switches.noise(0.3, 0.002)
        for index in indices:
            try:
                done.append((index, identity.columns(x[index])))
            except Exception as error:
                done.append((index, describe_exception(error)))
    results.put((done, [(place.file, place.line) for place in switches.places.values()]))


def _judged(call: Call, right: Sequence[Columns], compared: str | None) -> Iterator[Seen]:
    index, given = call
    if isinstance(given, RaisedException):
        yield RaisedCall(index, given)
    else:
        yield from compare(index, given, right, compared)


class _Pipeline(Crew):
    """A ``tf.data`` pipeline, iterated on a wider thread pool than its own."""

    def _alone(self) -> Iterator[Callable[[], Any]]:
        iterator = iter(one_at_a_time(self._loader.x))
        for _ in range(self._plan.steps):
            yield lambda: next(iterator)
        self._end(iterator)

    def _end(self, iterator: Iterator[Any]) -> None:
        """Come to its end, if it has one: only then a cache on disk is complete, and no writer's lock stays."""
        if not is_endless(self._loader.x):
            next(iterator, None)

    def trial(self, right: Sequence[Columns]) -> list[Seen]:
        given: list[Columns] = []
        iterator = one_at_a_time(self._loader.x, DATASET_THREADS)
        try:
            for batch in itertools.islice(iterator, self._plan.steps):
                given.append(self._loader.identity.columns(batch))
                self._beat()
            self._end(iterator)
        except Exception as error:
            return [RaisedCall(len(given), describe_exception(error))]
        finally:
            self.calls = len(given)
        if self._plan.compared == SOUND or (self._plan.ordered and len(given) == len(right)):
            return [
                seen for index, part in enumerate(given) for seen in compare(index, part, right, self._plan.compared)
            ]
        return list(compare_sets(given, right, self._plan.compared))


class _IteratorThreads(Crew):
    """Threads that call ``next()`` on one iterator, as the workers of Keras 2 do."""

    def _alone(self) -> Iterator[Callable[[], Any]]:
        iterator = iter(open_loader(self._request).x)
        for _ in range(self._plan.steps):
            yield lambda: next(iterator)

    def trial(self, right: Sequence[Columns]) -> list[Seen]:
        iterator = iter(open_loader(self._request).x)
        tickets = collections.deque(range(self._plan.steps))
        together = threading.Barrier(self._loader.workers)
        with ThreadPoolExecutor(self._loader.workers) as pool:
            parts = list(pool.map(lambda _: self._work(iterator, tickets, together), range(self._loader.workers)))
        calls = [call for part in parts for call in part]
        self.calls = len(calls)
        errors = [call for call in calls if isinstance(call, RaisedException)]
        if errors:
            return [RaisedCall(None, errors[0])]
        return list(compare_sets([call for call in calls if isinstance(call, Columns)], right, self._plan.compared))

    def _work(
        self, iterator: Iterator[Any], tickets: collections.deque[int], together: threading.Barrier
    ) -> list[Columns | RaisedException]:
        done: list[Columns | RaisedException] = []
        together.wait()
        while True:
            try:
                tickets.popleft()
                done.append(self._loader.identity.columns(next(iterator)))
                self._beat()
            except (IndexError, StopIteration):
                return done
            except Exception as error:
                return [*done, describe_exception(error)]


def make_crew(
    loader: AuditedLoader, request: AuditRequest, plan: StressPlan, chance: random.Random, beat: Callable[[], None]
) -> Crew:
    """Return workers that pull a loader as its kind is pulled; the arguments are those of `Crew`."""
    if loader.kind in (GENERATOR, ITERATOR):
        # Also where this Keras has one thread for them: people share them among threads of their own.
        loader = dataclasses.replace(loader, workers=request.workers or WORKERS)
    kinds = {SEQUENCE: _Processes if loader.processes else _Threads, DATASET: _Pipeline}
    return kinds.get(loader.kind, _IteratorThreads)(loader, request, plan, chance, beat)
