"""Threads that a fork leaves behind."""

from __future__ import annotations

from typing import Iterator

from feeders.audit.excerpts import marks_of
from feeders.audit.source import Mark
from feeders.audit.waits import thread_makers
from feeders.results.record import HUNG

from ._case import Case
from ._cause import Cause, Family, Fault

THREADS_FORKED = Cause(
    "threads-forked",
    "Threads do not survive a fork: a worker process waits for threads that only its parent has.",
    "Make the pool or thread at its first use in the worker: keep None in __init__, and os.getpid() beside it to see "
    "the fork; or use threads as workers (leave --processes away).",
    race=True,
)

# What a line says that hands work to threads, or waits for them.
WAITING = (".map(", ".submit(", ".result(", ".apply", ".starmap(", ".imap", ".get(", ".put(", ".join(", ".wait(")


def find(case: Case) -> Iterator[Fault]:
    """Find it where forked workers stand in a line that waits, and the loader's source starts threads before."""
    ending, known = case.ending, case.description
    if not (ending and ending.outcome == HUNG and known.processes and not known.pickles) or case.request.is_feeder:
        return
    where = case.stack_lines(ending)
    waiting = [mark for mark in marks_of(where) if any(part in mark.text() for part in WAITING)]
    source = case.request.source()
    files = dict.fromkeys([*(mark.file for mark in waiting), source.place])
    made = [(file, *maker) for file in files for maker in thread_makers(file)]
    if not (waiting and made):
        return
    file, line, name = made[0]
    marks = [Mark(file, line, "the threads are started for one process, here")]
    marks += [Mark(mark.file, mark.line, f"a worker process waits here, {mark.says}") for mark in waiting]
    yield Fault(
        THREADS_FORKED,
        ending.delivered,
        where,
        ending.observations,
        explains=("hangs", "hangs-at-epoch-end", "keras-hangs"),
        summary=f"Threads do not survive a fork: a worker process waits for {name}, whose threads only its parent has.",
        marks=tuple(marks),
    )


FAMILY = Family((THREADS_FORKED,), find)
