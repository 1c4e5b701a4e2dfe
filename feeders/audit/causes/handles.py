"""One open file for several workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator

from feeders.audit.source import Mark, shared_reader

from ._case import Case
from ._cause import Cause, Family, Fault
from ._race import Race

SHARED_HANDLE = Cause(
    "shared-handle",
    "Several workers use one open file: between seek and read another one moves the position.",
    "Hold one lock from the seek to the end of the read; or give each thread its own handle (threading.local), "
    "opened in the worker and not before the fork; or read with os.pread(fd, size, offset), or np.memmap, which "
    "have no position.",
    race=True,
)


def find(case: Case) -> Iterator[Fault]:
    """Find what is read by position in the functions of a race, or a library that stands before a file."""
    race = case.race
    if race is None:
        return
    reader = _reader(race)
    advice = _advice(case, reader) if reader else _from_attributes(case)
    if advice:
        explains = ("shared-state", "raises")
        summary, marks = (_summary(case, reader), _marks(reader)) if reader else ("", ())
        yield Fault(
            SHARED_HANDLE,
            race.seen,
            race.where,
            race.observations,
            advice,
            race.delivery,
            explains,
            summary=summary,
            marks=marks,
        )


@dataclass(frozen=True)
class _Reader:
    """What is read by position: its file, its name, and the lines from the first to the last use."""

    file: str
    name: str
    first: int
    last: int


def _reader(race: Race) -> _Reader | None:
    found = ((file, shared_reader(function)) for file, function in race.functions)
    return next((_Reader(file, *reader) for file, reader in found if reader), None)


def _advice(case: Case, reader: _Reader) -> str:
    span = f"line {reader.first}" if reader.first == reader.last else f"lines {reader.first} to {reader.last}"
    if case.description.processes:
        return (
            f"{reader.name} ({span} of {reader.file}) is shared since the fork, and no thread's lock helps: "
            "open it in the worker, at its first use there."
        )
    return f"Hold one lock over {span} of {reader.file}; {reader.name} is what is shared."


def _summary(case: Case, reader: _Reader) -> str:
    what = "process" if case.description.processes else "thread"
    return (
        f"Several {what}{'es' if what == 'process' else 's'} use one open file, {reader.name}: each moves its position."
    )


def _marks(reader: _Reader) -> tuple[Mark, ...]:
    if reader.first == reader.last:
        return (Mark(reader.file, reader.first, "read here by several at once", reader.name),)
    return (
        Mark(reader.file, reader.first, "the position is set here", reader.name),
        Mark(reader.file, reader.last, "and used here: another one has moved it meanwhile", reader.name),
    )


def _from_attributes(case: Case) -> str:
    held = [handle for handle in case.description.handles if handle.library]
    return f"{held[0].path} ({held[0].type}) is what is shared." if held else ""


FAMILY = Family((SHARED_HANDLE,), find)
