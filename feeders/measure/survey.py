"""A person's loader, looked at in processes of its own before it is measured: its batches, one after the other."""

from __future__ import annotations

import dataclasses
import itertools
import re
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Mapping, Sequence

from feeders.errors import FeedersError
from feeders.keras_api import generation, seed_everything
from feeders.loaders.opening import ARRAYS, DATASET, SEQUENCE, Opened, Source, open_own, own_files
from feeders.loaders.own import Own, OwnLoader, one_at_a_time, serve
from feeders.loaders.pickling import pickling_fault
from feeders.loaders.pipelines import calls_python_at_once, draws_at_once
from feeders.messages import message_of
from feeders.results.record import FAILED, HUNG

from .counts import Reference
from .identity import ByContent, Columns
from .settings import NO_MODEL, Settings, is_own_model
from .supervise import Finish, Watch
from .watched import Ended, watched

# Of Python's, NumPy's and the backend's global random numbers: a loader that draws from them differs between the two.
FORWARD_SEED, BACKWARD_SEED = 1, 2

# Of an epoch that takes longer, its first batches are measured: it is read twice, and trained on several times.
LONGEST_SECONDS = 5.0
FEWEST_STEPS = 8

# Keras calls the hooks between epochs a different number of times, by release: so many states are read.
STATES = 3


@dataclass(frozen=True)
class Survey:
    """What a look at a person's loader has found.

    Attributes:
        kind: how it is pulled, one of `feeders.loaders.opening`: SEQUENCE, GENERATOR, ITERATOR, DATASET or ARRAYS.
        title: what it is, in words.
        workers: that it sets itself, or one.
        processes: whether they are processes.
        unpicklable: what keeps a sequence from a process that is started anew; empty if nothing does.
        length: batches of its epoch; None where it neither tells nor shows that.
        steps: batches of an epoch as it is measured: the first ones of a longer one.
        samples: of them.
        batch: what a batch looks like, in words.
        seconds: of a batch, prepared alone.
        reference: what an epoch should deliver.
        step: seconds of a training step on a batch, where that takes long; 0 where it does not, or is not known.
    """

    kind: str
    title: str
    workers: int
    processes: bool
    unpicklable: str
    length: int | None
    steps: int
    samples: int
    batch: str
    seconds: float
    reference: Reference
    step: float = 0.0

    @property
    def tells(self) -> bool:
        """Whether its content tells what should be delivered."""
        return self.reference.keyed and self.reference.tells

    def settled(self, settings: Settings) -> Settings:
        """Return settings under which every take of it has epochs of the same batches, and a model that takes them."""
        model = settings.model if is_own_model(settings.model) else NO_MODEL
        return dataclasses.replace(settings, steps=self.steps, model=model, batch=None)


@dataclass(frozen=True)
class _Pass:
    """A serial pass, as a child answers; drawn: what it holds is another thing where calls run at once.

    The backward one does not look for that.
    """

    states: tuple[tuple[Columns, ...], ...]
    opened: Mapping[str, Any]
    length: int | None
    batch: str
    seconds: float
    drawn: bool


def survey(address: str, settings: Settings) -> Survey:
    """Read a person's loader twice, each time in a process of its own.

    Args:
        address: of the loader.
        settings: how it is made, and the batches of an epoch where they are given.

    Raises:
        FeedersError: it can't be opened, or it breaks while it is read.
    """
    load = Own(address, settings.call, settings.steps)
    load.material()
    forward = _passed(load, settings, backward=False)
    load = dataclasses.replace(load, steps=len(forward.states[0]))
    backward = _passed(load, settings, backward=True)
    first = forward.states[0]
    return Survey(
        **forward.opened,
        length=forward.length,
        steps=len(first),
        samples=sum(len(batch.keys) for batch in first),
        batch=forward.batch,
        seconds=forward.seconds,
        reference=_reference(forward, backward),
    )


def _reference(forward: _Pass, backward: _Pass) -> Reference:
    """What both passes agree on."""
    same = all(_contents(one) == _contents(other) for one, other in zip(forward.states, backward.states))
    agree = same and not forward.drawn
    orders = {tuple(batch.keys for batch in state) for state in (*forward.states, *backward.states)}
    return Reference(
        states=forward.states,
        keyed=agree,
        reproducible=agree,
        ordered=agree and len(orders) == 1,
        addressed=forward.opened["kind"] in (SEQUENCE, DATASET),
        named=False,
    )


def _contents(state: Sequence[Columns]) -> Counter[int]:
    return Counter(key for batch in state for key in batch.keys)


def _passed(load: Own, settings: Settings, backward: bool) -> _Pass:
    watch = Watch(settings.deadline_seconds, memory=False, patient=True)
    ended = watched(lambda finish: _answer(lambda: _read(load, backward), finish), watch)
    if ended.answer is None:
        raise no_answer(load.source, ended)
    if "error" in ended.answer:
        raise FeedersError(ended.answer["error"])
    states = [[Columns(tuple(keys), tuple(keys)) for keys in state] for state in ended.answer.pop("states")]
    return _Pass(states=tuple(map(tuple, states)), **ended.answer)


def no_answer(source: Source, ended: Ended) -> FeedersError:
    """Return the error of a loader whose process gave no answer: how it ended, and at which line of the person's."""
    head = ended.message.partition(". ")[0].rstrip(".")
    is_own = own_files(source)
    stacks = re.findall(r'File "(.+)", line (\d+) in (\w+)', ended.message)
    places = [f", at {file}:{line} in {function}" for file, line, function in stacks if is_own(file)]
    where = places[0] if places else ""
    more = ". Try: see what it waits for there" if where and ended.outcome == HUNG else ""
    return FeedersError(f"{source.loader}: {ended.outcome} while it was read by one thread: {head}{where}{more}")


def _answer(work: Callable[[], Any], finish: Finish) -> None:
    try:
        answer = work()
    except FeedersError as error:
        answer = {"error": str(error)}
    finish(answer)


def _read(load: Own, backward: bool) -> dict[str, Any]:
    seed_everything(BACKWARD_SEED if backward else FORWARD_SEED)
    opened = open_own(load.source)
    fault = pickling_fault(opened.x) if opened.kind == SEQUENCE else None
    try:
        length = opened.length()
        if length == 0:
            raise _empty(load)
        reader = _Reader(load, opened, length)
        reader.read(backward)
    except FeedersError:
        raise
    except Exception as error:
        raise FeedersError(f"{load.name}: {FAILED} while it was read by one thread: {message_of(error)}") from None
    if not reader.states[0]:
        raise _empty(load)
    return {
        "states": [[batch.keys for batch in state] for state in reader.states],
        "opened": {
            **{name: getattr(opened, name) for name in ("kind", "title", "processes")},
            "workers": opened.workers if opened.sets_workers else 1,
            "unpicklable": fault.text() if fault else "",
        },
        "length": length or reader.found,
        "drawn": not backward and opened.kind == DATASET and _draws_at_once(load, opened, reader),
        "batch": reader.batch,
        "seconds": reader.spent / reader.pulled,
    }


def _draws_at_once(load: Own, opened: Opened, reader: _Reader) -> bool:
    """Whether what a pipeline calls several times at once draws random numbers.

    That of Python is told by a second pass of the same pipeline, which holds other content. The backward pass begins in
    a new process: where the person's file seeds, it draws the same.
    """
    if draws_at_once(opened.x):
        return True
    if not calls_python_at_once(opened.x):
        return False
    first = reader.states[0]
    again = _Reader(dataclasses.replace(load, steps=len(first)), opened, len(first))
    again.read(backward=False)
    return _contents(again.states[0]) != _contents(first)


def _empty(load: Own) -> FeedersError:
    return FeedersError(f"{load.name}: its epoch has no batch; expected one or more")


class _Reader:
    """Reads epochs of a person's loader, one batch after the other.

    Args:
        load: says how many batches an epoch has, where that is given.
        opened: the loader.
        length: that it tells.

    Attributes:
        states: the batches of each state between the epoch hooks.
        found: batches after which one that tells no length has ended, or began again.
        batch: what one looks like, in words.
        spent: seconds of all that were pulled.
        pulled: how many were.
    """

    def __init__(self, load: Own, opened: Opened, length: int | None) -> None:
        self._opened, self._identity = opened, ByContent()
        self._open_end = length is None and load.steps is None and opened.kind != ARRAYS
        self._loader = None if self._open_end else serve(opened, load.name, load.steps)
        self._cuts = load.steps is None
        self.states: list[list[Columns]] = []
        self.found: int | None = None
        self.batch = ""
        self.spent, self.pulled = 0.0, 0

    def read(self, backward: bool) -> None:
        """Read them."""
        if self._loader is None:
            self.states.append(self._take(_endless(self._opened), LONGEST_SECONDS))
            return
        states = STATES if self._loader.hooks else 1
        for number in range(states):
            if number or generation() == 3:
                self._loader.on_epoch_begin()
            self.states.append(self._epoch(self._loader, backward, LONGEST_SECONDS / states))
            self._loader.on_epoch_end()

    def _epoch(self, loader: OwnLoader, backward: bool, seconds: float) -> list[Columns]:
        steps = len(self.states[0]) if self.states else len(loader)
        # The others have as many, however long these take: a look that is cut elsewhere would seem to differ.
        cuts = self._cuts and not self.states
        if backward and self._opened.kind == SEQUENCE:
            return self._take((loader.batch(index, 0) for index in reversed(range(steps))), None)[::-1]
        return self._take(itertools.islice(loader.serially(0), steps), seconds if cuts else None)

    def _take(self, batches: Iterator[Any], seconds: float | None) -> list[Columns]:
        """Take batches down until there are no more, they begin again, or pulling them has taken so many seconds."""
        taken: list[Columns] = []
        periods: list[int] = []
        sums, begin = [0], self.spent
        while seconds is None or self.spent - begin < seconds or len(taken) < FEWEST_STEPS:
            start = time.perf_counter()
            batch = next(batches, END)
            if batch is END:
                self.found = next((period for period in periods if len(taken) % period == 0), len(taken))
                return taken[: self.found]
            self.spent += time.perf_counter() - start
            self.pulled += 1
            self.batch = self.batch or _in_words(batch)
            taken.append(self._identity.columns(batch))
            sums.append(sums[-1] + sum(taken[-1].keys))
            half, odd = divmod(len(taken), 2)
            if self._open_end and not odd and sums[-1] == 2 * sums[half]:
                periods.append(half)
            periods = [period for period in periods if _repeats(taken, period)]
            if periods and len(taken) >= FEWEST_STEPS:  # the first batches may be alike
                self.found = periods[0]
                return taken[: self.found]
        return taken


END = object()


def _endless(opened: Opened) -> Iterator[Any]:
    if opened.kind == SEQUENCE:
        return (opened.x[index] for index in itertools.count())
    return one_at_a_time(opened.x) if opened.kind == DATASET else iter(opened.x)


def _repeats(taken: Sequence[Columns], period: int) -> bool:
    """Whether each full part of so many batches holds the samples of the first one."""
    starts = range(period, len(taken) - period + 1, period)
    return all(_contents(taken[start : start + period]) == _contents(taken[:period]) for start in starts)


def _in_words(batch: Any) -> str:
    """Say what a batch looks like: "(float32 (32, 8), int64 (32,))", with the sizes of this one."""
    if isinstance(batch, dict):
        return "{" + ", ".join(f"{name}: {_in_words(part)}" for name, part in batch.items()) + "}"
    if isinstance(batch, (tuple, list)):
        return "(" + ", ".join(map(_in_words, batch)) + ")"
    shape = tuple(getattr(batch, "shape", ()))
    dtype = getattr(batch, "dtype", None)
    name = getattr(dtype, "name", None) or dtype or type(batch).__name__
    return f"{name} {shape}" if shape else str(name)
