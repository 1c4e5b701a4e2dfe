"""A loader read by one thread, on its own: the reference for what several should deliver."""

from __future__ import annotations

import dataclasses
import random
import sys
import time
from collections import Counter
from typing import Any, Callable, Iterator, Sequence

from feeders.errors import FeedersError
from feeders.keras_api import generation, seed_everything
from feeders.loaders.opening import ARRAYS, DATASET, GENERATOR, ITERATOR, SEQUENCE
from feeders.loaders.own import one_at_a_time
from feeders.loaders.pipelines import is_endless
from feeders.measure.identity import Columns

from .datasets import (
    gives_up_order,
    is_blurred,
    is_drawn,
    is_repeated,
    is_reselected,
    overlap,
    remainder,
)
from .events import Foreseen, LoaderOpened
from .hooks import HOOKS, ON_EPOCH_BEGIN, ON_EPOCH_END, call_hook, overrides
from .journal import Journal
from .loader import AuditedLoader, describe_loader, open_loader
from .readings import Agreement, Description, FailedRead, Reading
from .recorder import Recorder
from .request import AuditRequest

# Keras calls the hooks between epochs a different number of times, by release: more states than epochs are read.
SPARE_STATES = 2

# Most calls of the hook after an epoch, by generation: the threads of Keras 2 call it too, if they get to that in time.
CALLS_AFTER_EPOCH = {2: 2, 3: 1}

# With steps_per_epoch, so many epochs of a sequence are read: what Keras does between them shows in the third.
FEWEST_PARTS = 3

# Indices that are read twice, one right after the other.
REREAD = 8

# Indices that are read once more before an epoch is cut short.
LOOKED_AT = 4

# Without an end or a repetition in so many batches, the person has to say how long an epoch is.
MOST_PULLS = 20_000

# Nobody waits for the end of a longer epoch: such a length stands for "without end".
MOST_BATCHES = 10_000_000

# A pipeline that does not tell its length comes to its end in so long, or somebody has to tell how long an epoch is.
LONGEST_PASS_SECONDS = 120.0

# An epoch takes part of the budget at most; of a longer one only its first batches are audited.
SHARE_OF_BUDGET = 0.12
FEWEST_STEPS = 24


def read_serially(request: AuditRequest, seed: int, backward: bool, journal: Journal) -> Reading:
    """Open the loader and read its epochs, one batch after the other.

    Args:
        request: what is audited, with `steps` where an epoch is not to be read in full.
        seed: of Python's, NumPy's and TensorFlow's global random numbers, set before the loader is made.
        backward: read a sequence from its last batch to the first.
        journal: gets an event per batch.
    """
    seed_everything(request.seeded(seed))
    start = time.perf_counter()
    with journal.kept_alive():
        loader = open_loader(request, alone=True)
    making = time.perf_counter() - start
    description = describe_loader(loader, request)
    reader = _Reader(loader, request, backward, journal, making)
    failed: FailedRead | None = None
    try:
        description = dataclasses.replace(description, length=loader.length())
        journal.write(LoaderOpened(description))
        reader.run()
    except FeedersError:
        raise
    except Exception as error:
        failed = reader.recorder.failed(error)
        reader.recorder.close_epoch()
    return dataclasses.replace(reader.reading(description, failed), making=making)


class _Reader:
    """Reads epochs of a loader of any kind."""

    def __init__(
        self, loader: AuditedLoader, request: AuditRequest, backward: bool, journal: Journal, making: float
    ) -> None:
        self._loader, self._request, self._journal, self._making = loader, request, journal, making
        self._backward = backward and loader.kind == SEQUENCE
        self.recorder = Recorder(loader, journal, self._backward)
        self._steps: int | None = request.steps or loader.fit.get("steps_per_epoch")
        self._cut = request.cut
        self._lengths: list[int] = []
        self._endless = False
        self._ended: int | None = None
        self._reread = self._addressed = Agreement()
        self._hook = 0.0

    def run(self) -> None:
        kinds: dict[str, Callable[[], None]] = {
            SEQUENCE: self._sequence,
            GENERATOR: self._iterator,
            ITERATOR: self._iterator,
            DATASET: self._dataset,
            ARRAYS: self._arrays,
        }
        kinds[self._loader.kind]()

    def reading(self, description: Description, failed: FailedRead | None) -> Reading:
        recorder = self.recorder
        first = recorder.epochs[0] if recorder.epochs else ()
        first = first[: self._steps] if self._loader.kind == DATASET else first
        return Reading(
            description=dataclasses.replace(description, length=description.length or self._ended),
            epochs=tuple(recorder.epochs),
            steps=self._steps,
            cut=self._cut,
            endless=self._endless,
            first=recorder.first,
            slowest=recorder.slowest,
            mean=recorder.mean,
            reused=recorder.reused,
            reread=self._reread,
            addressed=self._addressed,
            wrapped=bool(first) and _wraps(first),
            repeats=self._goes_on(description, first),
            empty=tuple(index for index, batch in enumerate(first) if not batch.keys),
            overlap=overlap(self._loader.x, first) if first and self._loader.kind == DATASET else None,
            failed=failed,
            lengths=tuple(self._lengths),
            changed_dtype=recorder.changed_dtype,
            blurred=self._loader.kind == DATASET and is_blurred(self._loader.x),
            unordered=self._loader.kind == DATASET and gives_up_order(self._loader.x),
            reselected=self._loader.kind == DATASET and is_reselected(self._loader.x),
            remainder=remainder(self._loader.x) if self._loader.kind == DATASET else None,
            drawn=self._loader.kind == DATASET and is_drawn(self._loader.x, () if self._steps else recorder.epochs),
            hook=self._hook,
        )

    def _goes_on(self, description: Description, first: Sequence[Columns]) -> bool:
        """Whether more than a pass was asked for, so that its first batches may come again."""
        if self._loader.kind == SEQUENCE:
            return description.length is None or len(first) < description.length
        return self._endless or bool(self._steps) or (self._loader.kind == DATASET and is_repeated(self._loader.x))

    # A sequence.

    def _sequence(self) -> None:
        x, number = self._loader.x, self._loader.length()
        hooks = any(overrides(x, hook) for hook in HOOKS)
        epochs = self._request.epochs
        passes = max(epochs + SPARE_STATES, epochs * CALLS_AFTER_EPOCH[generation()]) if hooks else 1
        for epoch in range(passes):
            if epoch or generation() == 3:
                self._call_hook(ON_EPOCH_BEGIN)
            if epoch:  # a loader may draw it anew
                number = self._loader.length()
            if number is not None:
                self._lengths.append(number)
            order = range(self._limit(number))
            for index in reversed(order) if self._backward else order:
                if index >= self._limit(number) and not self._backward:
                    break
                self.recorder.take(index, lambda index=index: x[index])  # type: ignore[misc]
                self._foresee(len(order), passes)
            if self._backward:
                self._read_again(order)
            elif not epoch and self._cut:
                self._see_whether_an_index_tells()
            self.recorder.close_epoch()
            self._call_hook(ON_EPOCH_END)

    def _call_hook(self, hook: str) -> None:
        start = time.perf_counter()
        call_hook(self._loader.x, hook)
        self._hook = max(self._hook, time.perf_counter() - start)

    def _foresee(self, batches: int | None, passes: int) -> None:
        """Tell what a pass will take, once it can be told."""
        if self.recorder.pulled != 2:
            return
        first, batch = self.recorder.first, self.recorder.slowest
        uncut = self._steps or self._request.is_feeder or self._loader.kind != SEQUENCE
        if batches is not None and not uncut:
            batches = min(batches, max(FEWEST_STEPS, self._affordable(batch)))
        self._journal.write(Foreseen(self._making, first, batch, batches, passes, self._loader.kind == SEQUENCE))

    def _affordable(self, batch: float) -> int:
        """Batches for which there is time in an epoch."""
        return int(self._request.seconds * SHARE_OF_BUDGET / max(1e-6, batch))

    def _limit(self, number: int | None) -> int:
        """How many batches of an epoch to read, judged after the first few."""
        if self._steps:
            wanted = self._steps * max(self._request.epochs, FEWEST_PARTS)
            return wanted if number is None else min(wanted, number)
        if number is None or number > MOST_BATCHES:
            said = "tells no length" if number is None else f"says that an epoch has {number:,} batches"
            raise FeedersError(f"{self._request.loader}: it {said}. Try: --steps N, the batches per epoch")
        if self._cut:
            return min(self._cut, number)
        if number > FEWEST_STEPS and self.recorder.pulled == FEWEST_STEPS // 2 and not self._request.is_feeder:
            affordable = self._affordable(self.recorder.mean)
            if affordable < number:
                self._cut = max(FEWEST_STEPS, affordable)
                return self._cut
        return number

    def _see_whether_an_index_tells(self) -> None:
        """The first part of an epoch can be judged only where an index gives the same whatever came before."""
        known = self.recorder.current[:LOOKED_AT]
        now = [self._loader.identity.columns(self._loader.x[index]) for index in range(len(known))]
        contents = all(one.contents == other.contents for one, other in zip(now, known))
        seen = [key for batch in known for key in batch.keys]
        # Labels that repeat are the same again by chance.
        telling = contents or len(set(seen)) == len(seen)
        self._addressed = Agreement(telling and all(one.keys == other.keys for one, other in zip(now, known)), contents)

    def _read_again(self, order: Sequence[int]) -> None:
        """See whether an index read again, with nothing between, gives the same."""
        chance = random.Random(len(self.recorder.epochs))  # the loader may draw from `random` itself
        for index in chance.sample(order, min(REREAD, len(order))):
            one, other = (self._loader.identity.columns(self._loader.x[index]) for _ in range(2))
            self._reread = Agreement(
                self._reread.keys and one.keys == other.keys,
                self._reread.contents and one.contents == other.contents,
            )

    # A generator or iterator.

    def _iterator(self) -> None:
        iterator: Iterator[Any] = iter(self._loader.x)
        if self._steps:
            self._endless = True
            self._known_epochs(iterator, self._steps)
        else:
            self._find_the_end(iterator)

    def _known_epochs(self, iterator: Iterator[Any], steps: int) -> None:
        for _ in range(self._request.epochs):
            for index in range(steps):
                if not self._pull(iterator, index):
                    self.recorder.close_epoch()
                    return
                self._foresee(steps, self._request.epochs)
            self.recorder.close_epoch()

    def _pull(self, iterator: Iterator[Any], index: int) -> bool:
        try:
            self.recorder.take(index, lambda: next(iterator))
        except StopIteration:
            return False
        return True

    def _find_the_end(self, iterator: Iterator[Any]) -> None:
        """Pull until it ends, or until what came is the same part again and again: the first batches may be alike."""
        sums = [0]
        periods: list[int] = []
        end = time.perf_counter() + max(5.0, self._request.seconds / 3)
        for index in range(MOST_PULLS):
            if not self._pull(iterator, index):
                self._close(next((period for period in periods if index % period == 0), None))
                return
            self._foresee(None, 1)
            batches = self.recorder.current
            sums.append(sums[-1] + sum(batches[-1].keys))
            half, odd = divmod(len(batches), 2)
            if not odd and sums[-1] == 2 * sums[half] and _same(batches[:half], batches[half:]):
                periods.append(half)
            periods = [period for period in periods if _repeats(batches, period)]
            late = time.perf_counter() > end
            if periods and (late or len(batches) >= FEWEST_STEPS):
                self._close(periods[0])
                return
            if late:
                break
        raise FeedersError(
            f"{self._request.loader}: no end and no repetition in its first {self.recorder.pulled} batches. "
            "Try: --steps N, the batches of an epoch"
        )

    def _close(self, period: int | None) -> None:
        """End the epoch, or two of them where batches come again after so many."""
        if period:
            self._endless, self._steps = True, period
            del self.recorder.current[2 * period :]
            self.recorder.close_epoch(period)
        self.recorder.close_epoch()

    # What is read by TensorFlow, or at once.

    def _dataset(self) -> None:
        number, limit = self._loader.length(), self._steps
        if not limit and is_endless(self._loader.x):
            raise FeedersError(
                f"{self._request.loader}: it repeats without end. Try: --steps N, the batches of an epoch"
            )
        if not limit and (number or 0) > MOST_BATCHES:
            raise FeedersError(
                f"{self._request.loader}: it has {number:,} batches. Try: --steps N, the batches per epoch"
            )
        end = time.perf_counter() + max(LONGEST_PASS_SECONDS, self._request.seconds)
        # The next epoch goes on with what is left of a pass.
        wanted = limit * self._request.epochs if limit and (number is None or limit < number) else limit
        for _ in range(2):
            iterator = one_at_a_time(self._loader.x)
            for index in range(wanted or sys.maxsize):
                if not self._pull(iterator, index):
                    self._ended = self._ended or index
                    break
                self._foresee(wanted or number, 2)
                late = self.recorder.pulled >= MOST_PULLS or time.perf_counter() > end
                if not limit and number is None and not self.recorder.epochs and late:
                    raise FeedersError(
                        f"{self._request.loader}: no end in {self.recorder.pulled} batches. Try: --steps N"
                    )
            self.recorder.close_epoch()

    def _arrays(self) -> None:
        arrays = [self._loader.x, self._loader.y, self._loader.fit.get("sample_weight")]
        self.recorder.take(0, lambda: tuple(part for part in arrays if part is not None))
        self.recorder.close_epoch()


def _same(first: Sequence[Columns], second: Sequence[Columns]) -> bool:
    one, other = (Counter(key for batch in part for key in batch.keys) for part in (first, second))
    return one == other


def _repeats(batches: Sequence[Columns], period: int) -> bool:
    """Whether each full part of so many batches holds the samples of the first one."""
    starts = range(period, len(batches) - period + 1, period)
    return all(_same(batches[:period], batches[start : start + period]) for start in starts)


def _wraps(epoch: Sequence[Columns]) -> bool:
    """Whether the last batches are the first ones once more, and no other sample comes twice."""
    contents = [batch.contents for batch in epoch]
    # Where all of several batches come twice, or three times, that is how often the loader repeats what it holds.
    most = max(2, (len(contents) + 1) // 2)
    again = next((k for k in range(1, most) if contents[-k:] == contents[:k]), 0)
    several = again > 0 and len(contents[0]) > 1
    return several and len({value for part in contents for value in part}) == sum(map(len, contents[again:]))
