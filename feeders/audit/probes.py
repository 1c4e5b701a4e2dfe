"""The probes of an audit, each in a watched process of its own: unsafe code runs nowhere else."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Callable, Generic, TypeVar

from feeders.errors import FeedersError, Unsupported
from feeders.measure.host import free_memory
from feeders.measure.supervise import Finish, Watch
from feeders.measure.watched import Watched
from feeders.messages import message_of
from feeders.results.record import FAILED, REFUSED, UNSUPPORTED

from . import wire
from .bounds import bounds
from .events import BatchRead, BatchTrained, EpochEnded, Event, Foreseen, Found, LinesRan, LoaderOpened, TrialBegan
from .evidence import ENDED, Bounds, Draws, FitAnswer, FitRun, Growth, Key, StressAnswer, StressRun
from .exceptions import RaisedException
from .fits import fit
from .journal import Journal
from .keys import find_key
from .leaks import growth
from .loader import audited_files
from .random_numbers import draws
from .readings import BrokenReading, Description, Reading
from .reference import read_serially
from .request import AuditRequest
from .stress import stress
from .stress_plan import StressPlan
from .uses import FIT

# Without a batch for so long it has hung; a share of the budget, so that a longer audit is more patient.
PATIENCE_SHARE, SHORTEST_PATIENCE, LONGEST_PATIENCE = 0.2, 8.0, 30.0

# Of the slowest batch seen, and of the first one: a shuffle buffer is filled before it.
PATIENCE_BATCHES, PATIENCE_FIRST = 20, 3

# The first batch of all, about which nothing is known yet, may take so long.
FIRST_BATCH_SECONDS = 60.0

# A spawned worker imports TensorFlow again.
SPAWN_SECONDS = 60.0

# Of the memory that is free when the audit begins.
MEMORY_SHARE = 0.5

# Exceptions with which Keras says that it does not take what it is given.
REFUSALS = ("ValueError", "TypeError", "AttributeError")

# How often the journal of a probe is looked at.
LOOK_SECONDS = 0.05

Kind = TypeVar("Kind")
Seen = TypeVar("Seen", bound=Event)


@dataclass(frozen=True)
class ProbeResult(Generic[Kind]):
    """How a probe went.

    Attributes:
        outcome: `ENDED`, failed, hung or crashed.
        message: for outcomes other than ended.
        answer: what it found out; None for outcomes other than ended.
        events: its journal.
        printed: by the process.
    """

    outcome: str
    message: str
    answer: Kind | None
    events: tuple[Event, ...]
    printed: str


class Running(Generic[Kind]):
    """A probe that has started.

    Args:
        kind: class of the answer.
        work: gets the journal; returns the answer.
        patience: seconds without an event after which it has hung.
        memory: bytes it may hold.
    """

    def __init__(self, kind: type[Kind], work: Callable[[Journal], Kind], patience: float, memory: int) -> None:
        self._kind, self._journal = kind, Journal()

        def answered(answer: Finish) -> None:
            answer(_answer(lambda: wire.to_json(work(self._journal))))

        watch = Watch(patience, memory=False, heartbeat=self._journal.descriptor, memory_limit=memory)
        self._watched = Watched(answered, watch)

    def __enter__(self) -> Running[Kind]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watched.__exit__(kind, error, trace)
        self._journal.close()

    def first(self, kind: type[Seen]) -> Seen | None:
        """Wait for the first event of a kind; None where the probe ended without it."""
        while True:
            ended = self._watched.has_ended()
            found = next((event for event in self._journal.events() if isinstance(event, kind)), None)
            if found is not None or ended:
                return found
            time.sleep(LOOK_SECONDS)

    def wait(self) -> ProbeResult[Kind]:
        """Wait for its end.

        Raises:
            FeedersError: the loader can't be opened.
            Unsupported: the feeder can't feed the workload.
        """
        end = self._watched.wait()
        seen = end.answer or {}
        outcome, message = str(seen.get("outcome", end.outcome)), str(seen.get("message", end.message))
        if outcome == UNSUPPORTED:
            raise Unsupported(message)
        if seen.get("wrong_call"):
            raise FeedersError(message)
        answer = wire.from_json(str(seen["evidence"]), self._kind) if outcome == ENDED else None
        return ProbeResult(outcome, message, answer, self._journal.events(), end.printed)


def _answer(work: Callable[[], str]) -> dict[str, object]:
    """Return the evidence, or why there is none, as the watching process passes it on."""
    try:
        return {"outcome": ENDED, "evidence": work()}
    except Unsupported as error:
        return {"outcome": UNSUPPORTED, "message": str(error)}
    except FeedersError as error:
        return {"outcome": FAILED, "message": str(error), "wrong_call": True}
    except Exception as error:
        return {"outcome": FAILED, "message": message_of(error)}


class Probes:
    """Starts probes of one request.

    Attributes:
        request: what is audited.
        memory: bytes that a probe may hold.
    """

    def __init__(self, request: AuditRequest) -> None:
        self.request = request
        self.memory = int(MEMORY_SHARE * free_memory())
        self._patience = min(LONGEST_PATIENCE, max(SHORTEST_PATIENCE, request.seconds * PATIENCE_SHARE))
        self._unknown = True
        if request.start_method in ("spawn", "forkserver"):
            self._patience += SPAWN_SECONDS

    def slowest_batch(self, seconds: float, first: float) -> None:
        """Be patient enough for a loader of such batches, and for such a first one or a hook before it."""
        self._patience = max(self._patience, PATIENCE_BATCHES * seconds, PATIENCE_FIRST * first)

    def _run(self, kind: type[Kind], work: Callable[[Journal], Kind], patience: float | None = None) -> Running[Kind]:
        return Running(kind, work, patience or self._patience, self.memory)

    @property
    def patience(self) -> float:
        """Seconds without a batch after which it has hung."""
        return self._patience

    def read(
        self, seed: int, backward: bool, foresee: Callable[[Foreseen], None] = lambda seen: None
    ) -> Reading | BrokenReading:
        """Read it in one thread; see `read_serially`.

        Args:
            seed: see there.
            backward: see there.
            foresee: told what the first batches tell, as soon as they have come.
        """
        request = self.request
        patience, self._unknown = (FIRST_BATCH_SECONDS if self._unknown else self._patience), False
        with self._run(Reading, lambda journal: read_serially(request, seed, backward, journal), patience) as running:
            seen = running.first(Foreseen)
            if seen is not None:
                foresee(seen)
            result = running.wait()
        opened = [event.description for event in result.events if isinstance(event, LoaderOpened)]
        return result.answer or BrokenReading(result.outcome, result.message, opened[0] if opened else Description())

    def fit(self, steps: int | None, seed: int, provoked: bool, use: str = FIT) -> FitRun:
        """Train on it, or use it otherwise; see `fits.fit`."""
        request = self.request
        with self._run(FitAnswer, lambda journal: fit(request, use, steps, seed, provoked, journal)) as running:
            return replace(_fit_run(request, running.wait(), provoked), use=use)

    def stress(self, plan: StressPlan) -> StressRun:
        """Pull it from all sides; see `stress.stress`."""
        request = self.request
        with self._run(StressAnswer, lambda journal: stress(request, plan, journal)) as running:
            return _stress_run(running.wait())

    def find_key(self, steps: int) -> Key:
        """Look for an expression that tells samples apart; see `keys.find_key`."""
        request = replace(self.request, key=None)
        with self._run(Key, lambda journal: find_key(request, steps, journal)) as running:
            return running.wait().answer or Key()

    def draws(self, steps: int, seed: int) -> Draws | None:
        """Compare random numbers, as they come; see `random_numbers.draws`."""
        request = replace(self.request, fixed_random=False)
        with self._run(Draws, lambda journal: draws(request, steps, seed, journal)) as running:
            return running.wait().answer

    def bounds(self, length: int, column: str) -> Bounds | None:
        """Ask beyond its length; see `bounds.bounds`."""
        request = self.request
        with self._run(Bounds, lambda journal: bounds(request, length, column, journal)) as running:
            return running.wait().answer

    def growth(self, steps: int, seconds: float) -> Growth:
        """Read epoch after epoch; see `leaks.growth`."""
        request = self.request
        with self._run(Growth, lambda journal: growth(request, steps, seconds, journal)) as running:
            result = running.wait()
        read = sum(isinstance(event, EpochEnded) for event in result.events)
        return result.answer or Growth(broken=BrokenReading(result.outcome, result.message), read=read)


def _fit_run(request: AuditRequest, result: ProbeResult[FitAnswer], provoked: bool) -> FitRun:
    """Say how a ``fit()`` ended."""
    outcome, message = result.outcome, result.message
    exception = result.answer.exception if result.answer else None
    if exception:
        touched = any(isinstance(event, (BatchTrained, BatchRead)) for event in result.events)
        outcome = REFUSED if not touched and _is_refusal(request, exception) else FAILED
        message = exception.error
    return FitRun(provoked, outcome, message, result.answer, result.events, result.printed)


def _is_refusal(request: AuditRequest, exception: RaisedException) -> bool:
    """Whether Keras said no, rather than the person's code breaking."""
    theirs = audited_files(request)
    return exception.error.startswith(REFUSALS) and not any(theirs(frame.file) for frame in exception.frames)


def _stress_run(result: ProbeResult[StressAnswer]) -> StressRun:
    """Say what a process that pulls has shown, also when it did not come to its end."""
    trials = sum(isinstance(event, TrialBegan) for event in result.events)
    return StressRun(
        outcome=result.outcome,
        message=result.message,
        answer=result.answer or StressAnswer(trials=trials),
        findings=tuple(event.finding for event in result.events if isinstance(event, Found)),
        lines=tuple(line for event in result.events if isinstance(event, LinesRan) for line in event.lines),
    )
