"""A cause that the audit can name, and a fault that has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Iterable, Iterator

from feeders.audit.source import Mark

if TYPE_CHECKING:
    from ._case import Case

# A fault is reported once so many independent observations of it were made.
OBSERVATIONS = 2

# What can be wrong with what arrives.
MISSING, DUPLICATED, CORRUPT = "missing", "duplicated", "corrupt"


@dataclass(frozen=True)
class Cause:
    """A cause that the audit can name.

    Attributes:
        name: as it is printed and written.
        meaning: what goes wrong, in a sentence.
        advice: what to do about it.
        loses: samples are lost, repeated or spoilt by it; if not, delivery is right and something else is wrong.
        race: it depends on what workers do at the same time.
    """

    name: str
    meaning: str
    advice: str
    loses: bool = True
    race: bool = False


@dataclass(frozen=True)
class Fault:
    """Something wrong, with its cause.

    Attributes:
        cause: what it is.
        seen: what was seen, with numbers.
        where: file:line of the person's code, and what happens there.
        observations: independent ones.
        advice: particular to this loader; the general one stands with the cause.
        delivery: what it does to what arrives, whatever was counted: `MISSING`, `DUPLICATED`, `CORRUPT`.
        explains: names of causes that are this one, seen from elsewhere; they are not reported beside it.
        fallback: it is reported only where no other fault loses samples.
        summary: what goes wrong, in a sentence that names what is the person's; empty is the meaning of the cause.
        marks: lines of the person's code that are shown; none are those of ``where``.
    """

    cause: Cause
    seen: str
    where: tuple[str, ...] = ()
    observations: int = OBSERVATIONS
    advice: str = ""
    delivery: tuple[str, ...] = ()
    explains: tuple[str, ...] = ()
    fallback: bool = False
    summary: str = ""
    marks: tuple[Mark, ...] = ()


def _no_notes(case: Case) -> Iterator[str]:
    return iter(())


@dataclass(frozen=True)
class Family:
    """Causes that are found in the same way.

    Attributes:
        causes: in the order in which they are reported.
        find: yields the faults that have them. It looks at the evidence, never at what others have found.
        notes: yields what a person should know that is no fault of this use.
    """

    causes: tuple[Cause, ...]
    find: Callable[[Case], Iterator[Fault]]
    notes: Callable[[Case], Iterator[str]] = _no_notes


def reported(found: Iterable[Fault]) -> Iterator[Fault]:
    """Yield the faults to report: one to a cause, none that another one explains."""
    faults = list(found)
    if any(fault.cause.loses and not fault.fallback for fault in faults):
        faults = [fault for fault in faults if not fault.fallback]
    done = {name for fault in faults for name in fault.explains}
    for fault in faults:
        if fault.cause.name not in done:
            done.add(fault.cause.name)
            yield fault
