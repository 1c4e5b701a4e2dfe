"""What a call keeps where other calls can change it."""

from __future__ import annotations

from typing import Iterator

from feeders.audit.source import changed_names

from ._case import Case
from ._cause import OBSERVATIONS, Cause, Family, Fault
from ._race import Race, observations, suspicions

SHARED_STATE = Cause(
    "shared-state",
    "A call keeps its progress where other calls can change it.",
    "Keep it in local variables; where it must be shared, hold one lock, made in __init__, over all lines that "
    "read or write it.",
    race=True,
)
EPOCH_LEAK = Cause(
    "epoch-leak",
    "Workers run on into the next epoch, and hand over in the order in which they come back.",
    "Make it a Sequence/PyDataset; or pull it through one worker.",
    race=True,
)


def find(case: Case) -> Iterator[Fault]:
    """Find what a race has changed, or say that it is in the way an iterator is shared."""
    race, known = case.race, case.description
    if race:
        yield Fault(
            SHARED_STATE, race.seen, race.where, race.observations, _changed(race), race.delivery, explains=("raises",)
        )
    elif case.miscounted and known.iterates and case.is_pulled_as_by_keras and known.generation == 2:
        cause = SHARED_STATE if case.findings else EPOCH_LEAK
        yield Fault(cause, case.worst_epoch(), explains=("unexplained",), fallback=True)


def _changed(race: Race) -> str:
    names = {name: lines for _, function in race.functions for name, lines in changed_names(function).items()}
    if not names:
        return ""
    lines = sorted(line for part in names.values() for line in part)
    return f"Changed by several at once: {', '.join(sorted(names))} (line {', '.join(map(str, lines))})."


def notes(case: Case) -> Iterator[str]:
    """Say what was seen once."""
    if is_seen_once(case):
        yield f"seen once and never again, so not judged: {suspicions(case)[0][1].seen.text()}"


def is_seen_once(case: Case) -> bool:
    """Whether a race was seen, and not often enough."""
    return 0 < observations(suspicions(case)) < OBSERVATIONS


FAMILY = Family((SHARED_STATE, EPOCH_LEAK), find, notes)
