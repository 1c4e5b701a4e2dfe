"""State that grows from epoch to epoch."""

from __future__ import annotations

from typing import Iterator

from feeders.audit.evidence import Held
from feeders.audit.exceptions import first_line
from feeders.audit.leaks import EPOCHS_AT_LEAST, JUDGED

from ._case import Case
from ._cause import Cause, Family, Fault

# Less is a log or a counter.
GROWTH_BYTES = 64 << 10

# What the watching process says of one that holds too much memory, and Python where no more files can be open.
TOO_MUCH_MEMORY, TOO_MANY_FILES = "GiB of memory", "Too many open files"

GROWS_MEMORY = Cause(
    "grows-memory",
    "It holds more memory after each epoch.",
    "Do not keep what was read; bound what is kept.",
    loses=False,
)
GROWS_THREADS = Cause(
    "grows-threads",
    "Each epoch leaves threads behind.",
    "Start them once, or end them (an event, a sentinel in their queue, join) when the epoch ends.",
    loses=False,
)
GROWS_PROCESSES = Cause(
    "grows-processes",
    "Each epoch leaves child processes behind.",
    "Start them once, or end and join them when the epoch ends.",
    loses=False,
)
GROWS_FILES = Cause(
    "grows-files",
    "Each epoch leaves files open.",
    "Open them in a with statement, or once.",
    loses=False,
)


def find(case: Case) -> Iterator[Fault]:
    """Find what is more after each of the last epochs."""
    growth = case.evidence.growth
    cause = _used_up(case)
    if cause and growth.broken:
        seen = f"after {growth.read} epochs in one thread: {first_line(growth.broken.message)}"
        yield Fault(cause, seen, observations=1)
    if len(growth.epochs) < EPOCHS_AT_LEAST:
        return
    least = _least_growth(growth.epochs[-JUDGED - 1 :])
    if least.bytes > GROWTH_BYTES:
        lines = tuple(f"{part.file}:{part.line}: {part.bytes / 1024:,.0f} KiB more" for part in growth.lines)
        yield Fault(GROWS_MEMORY, f"{least.bytes / 1024:,.0f} KiB more after each epoch", lines, JUDGED)
    # A thread or a process holds files of its own.
    if least.threads > 0:
        targets = [f"{one.file}:{one.line}: {one.name}" for one in growth.targets if case.is_own(one.file)]
        seen = f"{least.threads} more threads after each epoch"
        yield Fault(GROWS_THREADS, seen, tuple(targets[-1:]), JUDGED, explains=(GROWS_FILES.name,))
    if least.processes > 0:
        seen = f"{least.processes} more processes after each epoch"
        yield Fault(GROWS_PROCESSES, seen, observations=JUDGED, explains=(GROWS_FILES.name,))
    if least.files:
        yield Fault(GROWS_FILES, f"{least.files} more open files after each epoch", observations=JUDGED)


def _used_up(case: Case) -> Cause | None:
    """Name what ran out while epoch after epoch was read, more of them than ``fit()`` had."""
    growth = case.evidence.growth
    if growth.broken is None or growth.read < case.request.epochs:
        return None
    if TOO_MUCH_MEMORY in growth.broken.message[:80]:
        return GROWS_MEMORY
    return GROWS_FILES if TOO_MANY_FILES in growth.broken.message else None


def _least_growth(epochs: tuple[Held, ...]) -> Held:
    """What is more after each epoch at least; files are None where they are not counted, or are not more."""
    pairs = list(zip(epochs, epochs[1:]))
    files = min((after.files or 0) - (before.files or 0) for before, after in pairs)
    return Held(
        bytes=min(after.bytes - before.bytes for before, after in pairs),
        threads=min(after.threads - before.threads for before, after in pairs),
        processes=min(after.processes - before.processes for before, after in pairs),
        files=files if files > 0 else None,
    )


def notes(case: Case) -> Iterator[str]:
    """Say that there was no time to judge, or no answer."""
    growth = case.evidence.growth
    if growth.broken and not _used_up(case):
        yield (
            f"read epoch after epoch by one thread it {growth.broken.outcome} after {growth.read} epochs, so whether "
            f"memory, threads, processes or open files grow was not judged: {first_line(growth.broken.message)}"
        )
    if growth.cut and len(growth.epochs) < EPOCHS_AT_LEAST:
        yield (
            f"whether memory, threads, processes or open files grow was not judged: {len(growth.epochs)} epochs were "
            f"read in the time there was, {EPOCHS_AT_LEAST} are needed. Try: a larger --seconds"
        )


FAMILY = Family((GROWS_MEMORY, GROWS_THREADS, GROWS_PROCESSES, GROWS_FILES), find, notes)
