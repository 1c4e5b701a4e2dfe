"""What a call keeps where other calls can change it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Iterator, Sequence

from feeders.audit.evidence import ENDED
from feeders.audit.exceptions import first_line
from feeders.audit.source import Mark, changed_names, functions_in, guarded_lines, name_reads, seeded_generator
from feeders.loaders.opening import SEQUENCE
from feeders.results.record import FAILED

from ._case import Case
from ._cause import OBSERVATIONS, Cause, Family, Fault
from ._race import MOST_LINES, Race, observations, suspicions

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
    """Find what a race has changed, or say that it is in the way an iterator is shared, or what the source shows."""
    race, known = case.race, case.description
    if race:
        state = _shared_state(race.functions) or _shared_state(race.functions, locked=True)
        seeded = _seeded(race.functions)
        yield Fault(
            SHARED_STATE,
            race.seen,
            race.where,
            race.observations,
            _changed(race, state),
            race.delivery,
            explains=("raises",),
            summary=_summary(case, state, seeded),
            marks=_marks(state, seeded),
        )
    elif case.miscounted and known.iterates and case.is_pulled_as_by_keras and known.generation == 2:
        cause = SHARED_STATE if case.findings else EPOCH_LEAK
        yield Fault(cause, case.worst_epoch(), explains=("unexplained",), fallback=True)
    else:
        yield from _from_source(case)


def _from_source(case: Case) -> Iterator[Fault]:
    """Find it in the source, where samples are lost beside others alone, and a loader known to be safe loses none."""
    control, forward = case.evidence.control, case.evidence.forward
    threads = case.description.kind == SEQUENCE and case.is_pulled_as_by_keras and not case.description.processes
    clean = control is not None and control.outcome == ENDED and not any(epoch.faults for epoch in control.epochs)
    if case.request.is_feeder or not (case.miscounted and threads and clean) or (forward and forward.wrapped):
        return
    source = case.request.source()
    around = [(source.place, function) for function in functions_in(source.place, source.name)]
    state = _shared_state([(file, one) for file, one in around if getattr(one, "name", "") not in ONCE])
    if state and state.reads:
        where = tuple(f"{mark.file}:{mark.line}: {mark.says}" for mark in _marks(state))
        yield Fault(
            SHARED_STATE,
            case.worst_epoch(),
            where,
            explains=("unexplained",),
            fallback=True,
            summary=_summary(case, state),
            marks=_marks(state),
        )


# Methods that run while no batch is made.
ONCE = ("__init__", "__len__", "__getstate__", "__setstate__", "on_epoch_begin", "on_epoch_end")


@dataclass(frozen=True)
class _State:
    """A name that calls share.

    Attributes:
        name: as it is written in the source.
        writes: file and line of each change of it.
        reads: of each other use.
    """

    name: str
    writes: tuple[tuple[str, int], ...]
    reads: tuple[tuple[str, int], ...]


def _shared_state(functions: Sequence[tuple[str, ast.AST]], locked: bool = False) -> _State | None:
    """Return the name that functions change outside of any lock, one that is read too rather than another.

    Args:
        functions: with their files.
        locked: it is changed below a lock, and read outside of it.
    """
    written: dict[str, list[tuple[str, int]]] = {}
    for file, function in functions:
        for name, lines in changed_names(function).items():
            below = set(lines) & guarded_lines(function)
            changed = below if locked else set(lines) - below
            written.setdefault(name, []).extend((file, line) for line in sorted(changed))
    states = []
    for name, writes in written.items():
        around = (
            (file, line)
            for file, function in functions
            for line in name_reads(function, name)
            if not (locked and line in guarded_lines(function))
        )
        reads = tuple(dict.fromkeys(place for place in around if place not in writes))
        if writes and (reads or not locked):
            states.append(_State(name, tuple(dict.fromkeys(writes)), reads))
    return max(states, key=lambda state: bool(state.reads), default=None)


def _summary(case: Case, state: _State | None, seeded: tuple[str, str, int] | None = None) -> str:
    if state is None:
        return f"Several calls seed {seeded[1]} and draw from it: it is one for all threads." if seeded else ""
    what = "worker process" if case.description.processes else "thread"
    if not state.reads:
        return (
            f"Several calls change {state.name} at once: it is one for all {what}{'es' if 'process' in what else 's'}."
        )
    return f"One {what} changes {state.name} while another one still needs what it held."


def _seeded(functions: Sequence[tuple[str, ast.AST]]) -> tuple[str, str, int] | None:
    """Return the file, module and line that seeds the random numbers of all threads."""
    found = ((file, seeded_generator(function)) for file, function in functions)
    return next(((file, *seeded) for file, seeded in found if seeded), None)


def _marks(state: _State | None, seeded: tuple[str, str, int] | None = None) -> tuple[Mark, ...]:
    """The first places where it is written, and read."""
    if state is None:
        return (Mark(seeded[0], seeded[2], "seeded here, for all threads", f"{seeded[1]}.seed"),) if seeded else ()
    also = "" if state.reads else ", by several threads at once"
    writes = [Mark(file, line, f"written here{also}", state.name) for file, line in state.writes[:2]]
    reads = [Mark(file, line, "read here, by another thread too", state.name) for file, line in state.reads[:2]]
    return (*writes, *reads)


def _changed(race: Race, state: _State | None) -> str:
    """Say what to write instead of the name, and which others the functions change."""
    seeded = _seeded(race.functions)
    if seeded and state is None:
        return f"Draw from a generator of the call, rng = np.random.default_rng(index), and leave out line {seeded[2]}."
    names: dict[str, list[int]] = {state.name: [line for _, line in state.writes]} if state else {}
    for _, function in race.functions:
        for name, found in changed_names(function).items():
            free = sorted(set(found) - guarded_lines(function))
            names.update({name: [*names.get(name, []), *free]} if free else {})
    lines = sorted({line for part in names.values() for line in part})
    if not names:
        return (
            "No variable that calls share is seen to change in these lines. Look for a method that changes its object, "
            "and for an argument whose default is a list or an array. Look outside of the program too: a file of a "
            "fixed name, a table, a port. Give each call one of its own."
        )
    changed = f"Changed by several at once: {', '.join(sorted(names))} (line {', '.join(map(str, lines))})."
    if state is None or not state.name.startswith("self.") or not state.reads:
        return changed
    local = state.name.split(".")[-1]
    return f"Write `{local} = ...` instead of `{state.name} = ...`, and give {local} to whoever reads it. {changed}"


def notes(case: Case) -> Iterator[str]:
    """Say what was seen once, and where nobody could look."""
    if is_seen_once(case):
        yield f"seen once and never again, so not judged: {suspicions(case)[0][1].seen.text()}"
    stress = case.evidence.stress
    if case.is_pulled_as_by_keras and stress and all(run.outcome == FAILED for run in stress):
        said = first_line(stress[0].message)
        yield f"workers of our own could not pull it, so races were looked for in fit() alone: {said}"
    yield from _unprovoked(case)


def _unprovoked(case: Case) -> Iterator[str]:
    """Say where no switch was forced."""
    known = case.description
    if known.pickles and known.has_several_workers and case.ending is None:
        yield (
            "worker processes that start anew (spawn, forkserver) have no forced switches: a race on what they share, "
            "as a file of a fixed name, shows only if fit() meets it by itself"
        )
    alone = () if case.race else _alone(case)
    if alone:
        yield (
            f"{', '.join(alone)} ran when one thread read it, and no more when workers of our own pulled it, as where "
            "batches are kept in memory: races there were looked for in fit() alone. Try: audit it with nothing kept"
        )


def _alone(case: Case) -> tuple[str, ...]:
    """Lines of the person's code that ran in no trial, though they make batches."""
    runs = [set(run.answer.alone) for run in case.evidence.stress if run.answer.trials and run.outcome == ENDED]
    if case.request.is_feeder or case.description.kind != SEQUENCE or not case.is_pulled_as_by_keras or not runs:
        return ()
    lines = sorted(set.intersection(*runs))
    return tuple(f"{file}:{line}" for file, line in lines if case.is_own(file))[:MOST_LINES]


def is_seen_once(case: Case) -> bool:
    """Whether a race was seen, and not often enough."""
    return 0 < observations(suspicions(case)) < OBSERVATIONS


FAMILY = Family((SHARED_STATE, EPOCH_LEAK), find, notes)
