"""Threads and processes of our own that pull a loader at once, each held in turn where a switch could hurt.

Every finding is about one call: index, what it gave, what it gives when nobody else is there, and where a thread was
held meanwhile. Content that is not reproducible is compared by key.
"""

from __future__ import annotations

import collections
import itertools
import multiprocessing
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from types import CodeType
from typing import Any, Callable, Iterator, Sequence

from feeders.keras_api import seed_everything
from feeders.loaders.opening import DATASET, GENERATOR, ITERATOR, SEQUENCE, WORKERS

from .identity import Columns
from .journal import Journal
from .loader import Loader, identity_of, open_loader, provoked_files
from .request import Request
from .serial import one_at_a_time, told
from .switches import Place, Switches

# Calls of a trial for each worker.
CALLS_PER_WORKER = 3

# A thread is held until others ran so many lines, or so long: they may need a lock that it has.
HOLD_LINES = 40
HOLD_SECONDS = 0.01
LONGEST_HOLD_SECONDS = 0.1

# After the first fault, so many more trials look for the other places where a switch hurts.
TRIALS_AFTER = 60

# Findings kept; one loader can fail at every call.
MOST_FINDINGS = 200

# A ``tf.data`` pipeline gets a wider pool, so that more of its Python functions run at once than there are cores.
DATASET_THREADS = 8


def pull(
    request: Request, column: str | None, ordered: bool, steps: int, seed: int, seconds: float, journal: Journal
) -> dict[str, Any]:
    """Open the loader, learn what its calls give one by one, and pull it from all sides.

    Args:
        request: what is audited.
        column: what is compared with a call that has no company, "contents" or "keys"; "sound" where samples carry
            their checksum; None where an index read again gives something else.
        ordered: a dataset gives its batches in the same order each time.
        steps: indices or batches that belong to an epoch.
        seed: of the global random numbers, and of which place is held when.
        seconds: to go on for.
        journal: gets an event per trial and per finding.

    Returns:
        "calls": how many were made beside others; "trials"; "places": lines at which threads were held.
    """
    if request.start_method:
        multiprocessing.set_start_method(request.start_method, force=True)
    seed_everything(seed)
    trials = _Trials(request, column, ordered, steps, seed, journal)
    return trials.run(seconds)


class _Trials:
    def __init__(
        self, request: Request, column: str | None, ordered: bool, steps: int, seed: int, journal: Journal
    ) -> None:
        self._request, self._journal = request, journal
        self._loader = open_loader(request)
        if self._loader.kind in (GENERATOR, ITERATOR):
            # Also where this Keras has one thread for them: people share them among threads of their own.
            self._loader.workers = request.workers or WORKERS
        self._column = column
        self._random = random.Random(seed)
        self._switches = Switches(provoked_files(request))
        self._calls = self._trials = self._findings = 0
        self._place: Place | None = None
        kinds = {SEQUENCE: _ProcessCrew if self._loader.processes else _ThreadCrew, DATASET: _DatasetCrew}
        crew = kinds.get(self._loader.kind, _IteratorCrew)
        self._crew = crew(self._loader, request, steps, ordered, self._random, lambda: journal.write("pulled"))

    def run(self, seconds: float) -> dict[str, Any]:
        since = 0
        held: set[Place] = set()
        with self._switches:
            right = self._crew.learn()
            lines = [[place.file, place.line] for place in self._switches.places.values()]
            self._journal.write("lines", lines=lines)
            end, places = time.perf_counter() + seconds, self._choices()
            while time.perf_counter() < end and self._findings < MOST_FINDINGS and since < TRIALS_AFTER:
                self._place = self._arrange(places)
                if self._place is not None:
                    held.add(self._place)
                self._trial(right)
                since += bool(self._findings)
        self._crew.close()
        return {"calls": self._calls, "trials": self._trials, "places": len(held), "findings": self._findings}

    def _arrange(self, places: Iterator[tuple[CodeType, Place]]) -> Place | None:
        """Hold at the next place, or make noise while none is known."""
        choice = next(places, None)
        if choice is None:
            self._switches.noise(0.2, 0.001)
            return None
        seconds = min(LONGEST_HOLD_SECONDS, max(HOLD_SECONDS, 3 * self._crew.slowest))
        self._switches.hold(*choice, share=self._random.choice((0.3, 1.0)), seconds=seconds, lines=HOLD_LINES)
        return choice[1]

    def _choices(self) -> Iterator[tuple[CodeType, Place]]:
        """Every line that has run; then lines and single operations, over and over."""
        tried: set[Place] = set()
        while True:
            lines = [(code, place) for (code, _), place in self._switches.places.items()]
            new = [choice for choice in lines if choice[1] not in tried]
            if not new:
                break
            tried.update(place for _, place in new)
            yield from self._random.sample(new, len(new))
        operations = self._switches.operations()
        while lines:
            yield self._random.choice(operations if operations and self._random.random() < 0.7 else lines)

    def _trial(self, right: Sequence[Columns]) -> None:
        self._trials += 1
        self._journal.write("trial", number=self._trials)
        found = self._crew.trial(right, self._column)
        self._calls += self._crew.calls
        for finding in found[: MOST_FINDINGS - self._findings]:
            self._findings += 1
            beside = [asdict(place) for place in list(self._switches.beside)[:20]]
            place = asdict(self._place) if self._place else None
            self._journal.write("found", trial=self._trials, place=place, beside=beside, **finding)


class _Crew:
    """Some workers that pull at once.

    Args:
        loader: what is pulled; a crew may open others of the same request.
        request: what is audited.
        steps: indices, or pulls, of a pass.
        ordered: passes give the same order.
        chance: draws which indices come together.
        beat: called whenever something has come, so that slow is not taken for hung.

    Attributes:
        calls: of the last trial.
        slowest: seconds of the slowest call when nobody else is there.
    """

    def __init__(
        self,
        loader: Loader,
        request: Request,
        steps: int,
        ordered: bool,
        chance: random.Random,
        beat: Callable[[], None],
    ) -> None:
        self._loader, self._request, self._random, self._beat = loader, request, chance, beat
        self._steps, self._ordered = steps, ordered
        self.calls = 0
        self.slowest = 0.0

    def learn(self) -> list[Columns]:
        """Return what each index, or each pull in turn, gives when nobody else is there."""
        known = []
        for _index, pull_one in self._alone():
            start = time.perf_counter()
            batch = pull_one()
            self.slowest = max(self.slowest, time.perf_counter() - start)
            known.append(self._loader.identity.columns(batch))
            self._beat()
        return known

    def _alone(self) -> Iterator[tuple[int, Callable[[], Any]]]:
        x = self._loader.x
        for index in range(self._steps):
            yield index, lambda index=index: x[index]  # type: ignore[misc]

    def trial(self, right: Sequence[Columns], column: str | None) -> list[dict[str, Any]]:
        raise NotImplementedError

    def close(self) -> None:
        """End what the crew has started."""

    def _tasks(self) -> list[int]:
        wanted = CALLS_PER_WORKER * self._loader.workers
        tasks = self._random.sample(range(self._steps), min(wanted, self._steps))
        return tasks + [self._random.randrange(self._steps) for _ in range(self._loader.workers - len(tasks))]


class _ThreadCrew(_Crew):
    """Threads that stay, each with its own ``threading.local``, as those of Keras do."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._pool = ThreadPoolExecutor(self._loader.workers)

    def trial(self, right: Sequence[Columns], column: str | None) -> list[dict[str, Any]]:
        tasks = collections.deque(self._tasks())
        self.calls = len(tasks)
        together = threading.Barrier(self._loader.workers)
        done = self._pool.map(lambda _: self._work(tasks, together), range(self._loader.workers))
        calls = [call for part in list(done) for call in part]
        return [finding for call in calls for finding in self._judge(*call, right, column)]

    def _work(self, tasks: Any, together: threading.Barrier) -> list[tuple[int, Any, Any]]:
        done: list[tuple[int, Any, Any]] = []
        together.wait()
        while True:
            try:
                index = tasks.popleft()
            except IndexError:
                return done
            try:
                batch = self._loader.x[index]
                done.append((index, batch, self._loader.identity.columns(batch)))
            except Exception as error:
                done.append((index, None, error))

    def _judge(
        self, index: int, batch: Any, given: Any, right: Sequence[Columns], column: str | None
    ) -> Iterator[dict[str, Any]]:
        if isinstance(given, Exception):
            yield {"kind": "raised", "index": index, **told(given)}
            return
        yield from compare(index, given, right, column)
        if self._loader.identity.columns(batch).contents != given.contents:
            yield {"kind": "changed", "index": index}

    def close(self) -> None:
        self._pool.shutdown()


class _ProcessCrew(_Crew):
    """Processes that start anew for each trial, as those of Keras do for each epoch.

    The trials last longer: many calls for each start.
    """

    CALLS, SECONDS = 40, 2.0

    def trial(self, right: Sequence[Columns], column: str | None) -> list[dict[str, Any]]:
        context: Any = multiprocessing.get_context(self._request.start_method)
        results = context.SimpleQueue()
        order = self._random.sample(range(self._steps), self._steps)
        most = max(CALLS_PER_WORKER, min(self.CALLS, int(self.SECONDS / max(1e-6, self.slowest))))
        # Each has other indices at the same time.
        shares = [order[number :: self._loader.workers] or order for number in range(self._loader.workers)]
        processes = [
            context.Process(target=_process_work, args=(self._request, self._loader.x, share[:most], results))
            for share in shares
        ]
        for process in processes:
            process.start()
        parts = [results.get() for _ in processes]
        for process in processes:
            process.join()
        self.calls = sum(len(part) for part in parts)
        return [finding for part in parts for call in part for finding in _judge_told(call, right, column)]


def _process_work(request: Request, x: Any, indices: list[int], results: Any) -> None:
    """Runs in a worker process; sends [index, keys, contents, error] for each call."""
    identity = identity_of(request)
    done: list[Any] = []
    random.seed(os.getpid())
    with Switches(provoked_files(request)) as switches:
        switches.noise(0.3, 0.002)
        for index in indices:
            try:
                columns = identity.columns(x[index])
                done.append((index, columns.keys, columns.contents, None))
            except Exception as error:
                done.append((index, [], [], told(error)))
    results.put(done)


def _judge_told(call: Any, right: Sequence[Columns], column: str | None) -> Iterator[dict[str, Any]]:
    index, keys, contents, error = call
    if error is not None:
        yield {"kind": "raised", "index": index, **error}
        return
    yield from compare(index, Columns(keys, contents), right, column)


def compare(index: int, given: Columns, right: Sequence[Columns], column: str | None) -> Iterator[dict[str, Any]]:
    """Yield a finding where a call gave something else than it gives alone."""
    if column is None:
        return
    if column == "sound":
        bad = [key for key, sound in zip(given.keys, given.contents) if not sound]
        if bad:
            yield {"kind": "wrong", "index": index, "samples": bad[:5], "wrong": len(bad), "of": [], "torn": len(bad)}
        return
    now, alone = getattr(given, column), getattr(right[index], column)
    if now == alone:
        return
    owner = {value: other for other, columns in enumerate(right) for value in getattr(columns, column)}
    wrong = [value for value, expected in zip(now, alone) if value != expected]
    others = sorted({owner[value] for value in wrong if value in owner})
    torn = sum(value not in owner for value in wrong)
    yield {
        "kind": "wrong",
        "index": index,
        "samples": wrong[:5],
        "wrong": len(wrong) + abs(len(now) - len(alone)),
        "of": others[:5],
        "torn": torn,
    }


class _DatasetCrew(_Crew):
    """A ``tf.data`` pipeline, iterated on a wider thread pool than its own."""

    def _alone(self) -> Iterator[tuple[int, Callable[[], Any]]]:
        iterator = iter(one_at_a_time(self._loader.x))
        for index in range(self._steps):
            yield index, lambda: next(iterator)

    def trial(self, right: Sequence[Columns], column: str | None) -> list[dict[str, Any]]:
        given = []
        try:
            for batch in itertools.islice(one_at_a_time(self._loader.x, DATASET_THREADS), self._steps):
                given.append(self._loader.identity.columns(batch))
                self._beat()
        except Exception as error:
            return [{"kind": "raised", "index": len(given), **told(error)}]
        finally:
            self.calls = len(given)
        if column == "sound" or (self._ordered and len(given) == len(right)):
            return [finding for index, part in enumerate(given) for finding in compare(index, part, right, column)]
        return list(_compare_sets(given, right, column))


class _IteratorCrew(_Crew):
    """Threads that call ``next()`` on one iterator, as the workers of Keras 2 do."""

    def _alone(self) -> Iterator[tuple[int, Callable[[], Any]]]:
        iterator = iter(open_loader(self._request).x)
        for index in range(self._steps):
            yield index, lambda: next(iterator)

    def trial(self, right: Sequence[Columns], column: str | None) -> list[dict[str, Any]]:
        iterator = iter(open_loader(self._request).x)
        tickets = collections.deque(range(self._steps))
        together = threading.Barrier(self._loader.workers)
        with ThreadPoolExecutor(self._loader.workers) as pool:
            parts = list(pool.map(lambda _: self._work(iterator, tickets, together), range(self._loader.workers)))
        calls = [call for part in parts for call in part]
        self.calls = len(calls)
        errors = [call for call in calls if isinstance(call, Exception)]
        if errors:
            return [{"kind": "raised", "index": None, **told(errors[0])}]
        return list(_compare_sets(calls, right, column))

    def _work(self, iterator: Any, tickets: Any, together: threading.Barrier) -> list[Any]:
        done: list[Any] = []
        together.wait()
        while True:
            try:
                tickets.popleft()
                done.append(self._loader.identity.columns(next(iterator)))
                self._beat()
            except (IndexError, StopIteration):
                return done
            except Exception as error:
                return [*done, error]


def _compare_sets(given: Sequence[Columns], right: Sequence[Columns], column: str | None) -> Iterator[dict[str, Any]]:
    """Yield a finding where calls in any order gave other samples than one thread gets."""
    if column is None:
        return
    name = "keys" if column == "sound" else column
    now, expected = (collections.Counter(v for part in parts for v in getattr(part, name)) for parts in (given, right))
    extra, missing = now - expected, expected - now
    if extra or missing:
        yield {
            "kind": "pulled",
            "index": None,
            "samples": list(extra)[:5],
            "duplicated": sum(count for value, count in extra.items() if value in expected),
            "torn": sum(count for value, count in extra.items() if value not in expected),
            "missing": sum(missing.values()),
        }
