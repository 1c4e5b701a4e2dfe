"""A ``fit()`` that does not come to its end: exceptions, hangs, crashes."""

from __future__ import annotations

from typing import Iterable, Iterator

from feeders.audit.evidence import FitRun
from feeders.audit.exceptions import first_line
from feeders.audit.excerpts import marks_of
from feeders.audit.readings import BrokenReading
from feeders.audit.source import Mark
from feeders.audit.waits import waits_for
from feeders.loaders.opening import SEQUENCE
from feeders.results.record import CRASHED, FAILED, HUNG

from ._case import MOST_LINES, Case, Ending
from ._cause import OBSERVATIONS, Cause, Family, Fault

RAISES = Cause(
    "raises",
    "It raises an exception.",
    "Make that batch alone, in a Python prompt: loader[index]. If it raises there too, mend the line; if it does not, "
    "workers disturb each other there.",
)
THREAD_LOCAL_EMPTY = Cause(
    "thread-local-empty",
    "threading.local() holds only what the same thread has put there, and another thread filled it.",
    'Fill it at its first use, in the call: if not hasattr(self.local, "file"): self.local.file = open(path, "rb").',
)
EMPTY = Cause(
    "empty",
    "It gives no batch at all.",
    "See what it finds: a path that matches no file, a filter that keeps nothing, drop_remainder with fewer samples "
    "than a batch.",
)
EXITS = Cause("exits", "It ends the process it runs in.", "Raise an exception instead of calling os._exit or sys.exit.")
KILLED = Cause(
    "killed",
    "The process it runs in was ended by a signal.",
    "It is a library that crashes, called from the lines shown; where none is shown, see the stacks of `python -X "
    "faulthandler`. Make one batch alone, then with one worker, to see whether several are what it can't stand.",
)
MEMORY_LIMIT = Cause(
    "memory-limit",
    "It holds more memory than half of what was free when the audit began.",
    "Do not keep what was read; bound what is kept.",
)
HANGS_AT_EPOCH_END = Cause(
    "hangs-at-epoch-end",
    "All batches of the epoch were delivered, or all but the last, and then nothing went on.",
    "Whoever waits needs an end: a sentinel in the queue, an event that is set, a timeout.",
)
HANGS = Cause(
    "hangs",
    "No batch came any more.",
    "Whoever waits needs an end: release the lock in a with statement, give queue.get() and result() a timeout.",
)


def find(case: Case) -> Iterator[Fault]:
    """Name how it ended; other causes may explain it."""
    ending = case.ending
    if ending and ending.outcome == FAILED:
        where, seen = case.raised_lines(ending), first_line(ending.message)
        local = "_thread._local' object has no attribute" in ending.message
        # Whoever sees a race in it sees that its threads are several.
        cause, explains = (THREAD_LOCAL_EMPTY, ("shared-handle", "shared-state")) if local else (RAISES, ())
        yield Fault(cause, seen, where, ending.observations, explains=explains, marks=_marks(where, "raised"))
    elif ending and ending.outcome == HUNG:
        yield _hang(case, ending)
    elif ending and ending.outcome == CRASHED:
        where = case.stack_lines(ending)
        marks = _marks(where, "it stood here when the process ended,")
        yield Fault(_crash(ending.message), first_line(ending.message), where, ending.observations, marks=marks)
    elif ending is None and case.evidence.reference is None:
        yield _raised_alone(case)


def _marks(where: Iterable[str], what: str) -> tuple[Mark, ...]:
    """Lines of the person's code, and what happened there."""
    return tuple(Mark(mark.file, mark.line, f"{what} {mark.says}") for mark in marks_of(where))


def _hang(case: Case, ending: Ending) -> Fault:
    cause, seen = _hang_seen(case, ending.run)
    where = case.stack_lines(ending)
    who = "a worker process" if case.description.processes else "a thread"
    waits = (waits_for(mark.file, mark.line) for mark in marks_of(where))
    advice = next(filter(None, waits), "")
    if not where:
        advice = (
            "No line of your code was in a stack when it hung: the wait is in Keras or in a library. "
            "`py-spy dump --pid PID`, while it hangs, names it."
        )
    marks = _marks(where, f"{who} waits here,")
    return Fault(cause, seen, where, ending.observations, advice, marks=marks)


def _hang_seen(case: Case, run: FitRun | None) -> tuple[Cause, str]:
    batches = case.batches or case.description.length or 0
    if run is None:
        return HANGS, "no batches delivered, then nothing"
    delivered = run.batches > 0 and batches > 0 and run.batches % batches in (0, batches - 1)
    if delivered or 0 < batches <= run.read_of_last_epoch:
        return HANGS_AT_EPOCH_END, f"{run.batches} batches delivered, {batches} to the epoch, then nothing"
    return HANGS, f"{run.batches} batches delivered, then nothing"


def _crash(message: str) -> Cause:
    if "GiB of memory" in message[:80]:
        return MEMORY_LIMIT
    return KILLED if message.startswith("ended by") else EXITS


def _raised_alone(case: Case) -> Fault:
    """It broke when one thread read it, and not when it was trained on."""
    failed, broken = (case.evidence.forward.failed if case.evidence.forward else None), case.evidence.broken
    if not failed and not broken:
        seen = "a first pass over it, by one thread, ended without a batch"
        return Fault(EMPTY, seen, (), 1, fallback=True)
    if broken:
        # The second pass, where the first one is there.
        backward = bool(case.evidence.forward) and case.description.kind == SEQUENCE
        order = ", from its last batch to its first," if backward else ""
        cause, how = _broken(broken), f"{broken.outcome}: {first_line(broken.message)}"
        where = case.own_lines(broken.message)[:MOST_LINES]
        return Fault(cause, f"read by one thread{order} it {how}; fit() came to its end", where, 1, fallback=True)
    assert failed
    how, where = f"raised {first_line(failed.exception.error)}", case.own_frames(failed.exception.frames)
    return Fault(RAISES, f"read by one thread it {how}; fit() came to its end", where, 1, fallback=True)


def _broken(broken: BrokenReading) -> Cause:
    """Name how a pass ended that gave no answer."""
    if broken.outcome == HUNG:
        return HANGS
    return _crash(broken.message) if broken.outcome == CRASHED else RAISES


def notes(case: Case) -> Iterator[str]:
    """Say that it ended badly once."""
    if case.bad_fits and case.bad_endings < OBSERVATIONS:
        run = case.bad_fits[0]
        yield f"one fit() {run.outcome} and no other one did: not judged. {first_line(run.message)}"
    elif case.stuck and case.bad_endings < OBSERVATIONS:
        outcome, message = case.stuck[0]
        yield f"pulled by workers of our own it {outcome}, once and never again: not judged. {first_line(message)}"


FAMILY = Family(
    (RAISES, THREAD_LOCAL_EMPTY, EMPTY, EXITS, KILLED, MEMORY_LIMIT, HANGS_AT_EPOCH_END, HANGS), find, notes
)
