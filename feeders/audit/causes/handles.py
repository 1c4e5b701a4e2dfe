"""One open file for several workers."""

from __future__ import annotations

from typing import Iterator

from feeders.audit.source import Mark, Reader, shared_reader

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
    place = _reader(race)
    advice = _advice(case, *place) if place else _from_attributes(case)
    if advice:
        explains = ("shared-state", "raises")
        summary, marks = (_summary(case, place[1]), _marks(*place)) if place else ("", ())
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


def _reader(race: Race) -> tuple[str, Reader] | None:
    found = ((file, shared_reader(function)) for file, function in race.functions)
    return next(((file, reader) for file, reader in found if reader), None)


def _advice(case: Case, file: str, reader: Reader) -> str:
    span = f"line {reader.first}" if reader.first == reader.last else f"lines {reader.first} to {reader.last}"
    if case.description.processes:
        return (
            f"{reader.name} ({span} of {file}) is shared since the fork, and no thread's lock helps: "
            "open it in the worker, at its first use there. Keep os.getpid() beside it, and open it anew where that "
            "has changed: Keras may make a batch before the fork."
        )
    if reader.asks:
        return (
            f"Hold one lock over {span} of {file}, or make a cursor or connection of its own for each call or thread."
        )
    return f"Hold one lock over {span} of {file}; {reader.name} is what is shared."


def _summary(case: Case, reader: Reader) -> str:
    workers = "processes" if case.description.processes else "threads"
    if reader.asks:
        return f"Several {workers} use one connection, {reader.name}: each takes answers that another asked for."
    return f"Several {workers} use one open file, {reader.name}: each moves its position."


def _marks(file: str, reader: Reader) -> tuple[Mark, ...]:
    if reader.first == reader.last:
        return (Mark(file, reader.first, "read here by several at once", reader.name),)
    first, last = "the position is set here", "and used here: another one has moved it meanwhile"
    if reader.asks:
        first, last = "it is asked here", "and the answer taken here: another one has asked meanwhile"
    return Mark(file, reader.first, first, reader.name), Mark(file, reader.last, last, reader.name)


def _from_attributes(case: Case) -> str:
    held = [handle for handle in case.description.handles if handle.library]
    return f"{held[0].path} ({held[0].type}) is what is shared." if held else ""


FAMILY = Family((SHARED_HANDLE,), find)
