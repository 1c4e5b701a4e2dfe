"""One open file for several workers."""

from __future__ import annotations

from typing import Iterator

from feeders.audit.source import shared_reader

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
    advice = _from_source(case, race) or _from_attributes(case)
    if advice:
        explains = ("shared-state", "raises")
        yield Fault(SHARED_HANDLE, race.seen, race.where, race.observations, advice, race.delivery, explains)


def _from_source(case: Case, race: Race) -> str:
    for file, function in race.functions:
        reader = shared_reader(function)
        if reader:
            name, first, last = reader
            span = f"line {first}" if first == last else f"lines {first} to {last}"
            if case.description.processes:
                return (
                    f"{name} ({span} of {file}) is shared since the fork, and no thread's lock helps: "
                    "open it in the worker, at its first use there."
                )
            return f"Hold one lock over {span} of {file}; {name} is what is shared."
    return ""


def _from_attributes(case: Case) -> str:
    held = [handle for handle in case.description.handles if handle.library]
    return f"{held[0].path} ({held[0].type}) is what is shared." if held else ""


FAMILY = Family((SHARED_HANDLE,), find)
