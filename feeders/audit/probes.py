"""The probes of an audit, each in a watched process of its own: unsafe code runs nowhere else."""

from __future__ import annotations

from typing import Any, Callable

import psutil

from feeders.errors import FeedersError, Unsupported
from feeders.measure.supervise import Finish, Watch
from feeders.measure.watched import Watched
from feeders.messages import message_of
from feeders.results.record import CRASHED, FAILED, HUNG, REFUSED, UNSUPPORTED

from .evidence import ENDED, FitRun, PullRun
from .extras import beyond, draws, growth
from .fits import fit
from .journal import Journal
from .loader import audited_files
from .pulls import pull
from .request import Request
from .serial import read_serially

# Without a batch for so long it has hung; a share of the budget, so that a longer audit is more patient.
PATIENCE_SHARE, SHORTEST_PATIENCE, LONGEST_PATIENCE = 0.2, 8.0, 30.0

# Of the slowest batch seen.
PATIENCE_BATCHES = 20

# A spawned worker imports TensorFlow again.
SPAWN_SECONDS = 60.0

# Of the memory that is free when the audit begins.
MEMORY_SHARE = 0.5


class Running:
    """A probe that has started.

    Args:
        work: gets the journal; returns the answer.
        patience: seconds without an event after which it has hung.
        memory: bytes it may hold.
    """

    def __init__(self, work: Callable[[Journal], dict[str, Any]], patience: float, memory: int) -> None:
        self._journal = Journal()

        def answered(answer: Finish) -> None:
            try:
                value = {"outcome": ENDED, **work(self._journal)}
            except Unsupported as error:
                value = {"outcome": UNSUPPORTED, "message": str(error)}
            except FeedersError as error:
                value = {"outcome": FAILED, "call": str(error)}
            except Exception as error:
                value = {"outcome": FAILED, "message": message_of(error)}
            answer(value)

        watch = Watch(patience, memory=False, heartbeat=self._journal.descriptor, memory_limit=memory)
        self._watched = Watched(answered, watch)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *error: Any) -> None:
        self._watched.__exit__(*error)
        self._journal.close()

    def wait(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the answer and the journal.

        Raises:
            FeedersError: the loader can't be opened.
            Unsupported: the feeder can't feed the workload.
        """
        end = self._watched.wait()
        answer = {"outcome": end.outcome, "message": end.message, "printed": end.printed, **(end.answer or {})}
        if answer["outcome"] == UNSUPPORTED:
            raise Unsupported(answer["message"])
        if "call" in answer:
            raise FeedersError(answer["call"])
        return answer, self._journal.events()


class Probes:
    """Starts probes of one request."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.memory = int(psutil.virtual_memory().available * MEMORY_SHARE)
        self._patience = min(LONGEST_PATIENCE, max(SHORTEST_PATIENCE, request.seconds * PATIENCE_SHARE))
        if request.start_method in ("spawn", "forkserver"):
            self._patience += SPAWN_SECONDS

    def slowest_batch(self, seconds: float) -> None:
        """Be patient enough for a loader of such batches."""
        self._patience = max(self._patience, PATIENCE_BATCHES * seconds)

    def _run(self, work: Callable[[Journal], dict[str, Any]]) -> Running:
        return Running(work, self._patience, self.memory)

    def serial(self, seed: int, backwards: bool) -> Running:
        """See `read_serially`."""
        return self._run(lambda journal: read_serially(self.request, seed, backwards, journal))

    def fit(self, steps: int | None, seed: int, provoked: bool) -> Running:
        """See `fits.fit`."""
        return self._run(lambda journal: fit(self.request, steps, seed, provoked, journal))

    def pull(self, column: str | None, ordered: bool, steps: int, seed: int, seconds: float) -> Running:
        """See `pulls.pull`."""
        return self._run(lambda journal: pull(self.request, column, ordered, steps, seed, seconds, journal))

    def draws(self, steps: int, seed: int) -> Running:
        """See `extras.draws`."""
        return self._run(lambda journal: draws(self.request, steps, seed, journal))

    def growth(self, steps: int, seconds: float) -> Running:
        """See `extras.growth`."""
        return self._run(lambda journal: growth(self.request, steps, seconds, journal))

    def beyond(self, length: int) -> Running:
        """See `extras.beyond`."""
        return self._run(lambda journal: beyond(self.request, length, journal))


def fit_run(request: Request, running: Running, provoked: bool) -> FitRun:
    """Wait for a ``fit()`` and say how it ended."""
    answer, events = running.wait()
    outcome, message = answer["outcome"], answer.get("message", "")
    raised = answer.get("raised")
    if raised:
        outcome, message = FAILED, raised["error"]
        theirs = audited_files(request)
        touched = any(event["event"] in ("batch", "read") for event in events)
        fed = touched or any(theirs(file) for file, _, _ in raised["frames"])
        if raised["error"].startswith(("ValueError", "TypeError", "AttributeError")) and not fed:
            outcome = REFUSED
    return FitRun(provoked, outcome, message, answer, events, answer["printed"])


def pull_run(running: Running) -> PullRun:
    """Wait for a process that pulls and say how it ended."""
    answer, events = running.wait()
    findings = [event for event in events if event["event"] == "found"]
    lines = [tuple(line) for event in events if event["event"] == "lines" for line in event["lines"]]
    return PullRun(
        outcome=answer["outcome"],
        message=answer.get("message", ""),
        calls=answer.get("calls", 0),
        trials=answer.get("trials", sum(event["event"] == "trial" for event in events)),
        places=answer.get("places", 0),
        findings=findings,
        lines=lines,
    )


def is_broken(answer: dict[str, Any]) -> bool:
    """Whether a probe gave no answer at all."""
    return answer["outcome"] in (FAILED, HUNG, CRASHED)
