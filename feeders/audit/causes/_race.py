"""What changes content when workers meet: the findings of one race, and the source around them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Sequence

from feeders.audit.findings import Finding, RaisedCall, WrongBatch, WrongSet
from feeders.audit.source import function_at, functions_in
from feeders.loaders.opening import DATASET, SEQUENCE

from ._cause import CORRUPT, OBSERVATIONS

if TYPE_CHECKING:
    from ._case import Case

# Findings, places and lines that are named.
MOST_FINDINGS, MOST_PLACES, MOST_LINES = 3, 4, 6


@dataclass(frozen=True)
class Race:
    """A race that has been seen often enough.

    Attributes:
        seen: what was seen, in words.
        where: places where a thread was held, the most telling first.
        observations: independent ones.
        functions: around the places, with their files.
        delivery: what it does to what arrives.
        in_generator: two threads were in one generator.
        frames: lines of the person's code of the first exception.
    """

    seen: str
    where: tuple[str, ...]
    observations: int
    functions: tuple[tuple[str, ast.AST], ...]
    delivery: tuple[str, ...]
    in_generator: bool
    frames: tuple[str, ...]


def observations(found: Sequence[tuple[int, Finding]]) -> int:
    """Count the trials that they are of: each starts from the same state and draws where to hold."""
    return len({(process, finding.trial) for process, finding in found})


def suspicions(case: Case) -> list[tuple[int, Finding]]:
    """Return the findings that show a race, of workers that meet in this use too; wrong content comes first.

    A buffer that is reused explains them all, and an exception that comes alone too is no race.
    """
    if not case.is_pulled_as_by_keras or case.is_buffer_reused:
        return []
    wrong = [item for item in case.findings if isinstance(item[1].seen, (WrongBatch, WrongSet))]
    if case.evidence.forward and case.evidence.forward.failed:
        return wrong
    return wrong + [item for item in case.findings if isinstance(item[1].seen, RaisedCall)]


def find_race(case: Case) -> Race | None:
    """Return the race that was seen, if it was seen often enough."""
    found = suspicions(case)
    if observations(found) < OBSERVATIONS:
        return None
    findings = [finding for _, finding in found]
    raised = [finding.seen.exception for finding in findings if isinstance(finding.seen, RaisedCall)]
    wrong = [item for item in found if not isinstance(item[1].seen, RaisedCall)]
    by_index = case.description.own_workers or case.description.kind in (SEQUENCE, DATASET)
    spoils = by_index and observations(wrong) >= OBSERVATIONS
    return Race(
        seen="; ".join(dict.fromkeys(finding.seen.text() for finding in findings[:MOST_FINDINGS])),
        where=_where(findings),
        observations=observations(found),
        functions=_functions(case, findings),
        delivery=(CORRUPT,) if spoils else (),
        in_generator=any(exception.is_busy_generator for exception in raised),
        frames=case.own_frames(raised[0].frames) if raised else (),
    )


def _held_at(findings: Sequence[Finding]) -> dict[tuple[str, int], int]:
    """Lines at which a thread was held, with the number of findings meanwhile."""
    places: dict[tuple[str, int], int] = {}
    for place in (finding.place for finding in findings):
        if place:
            places[place.file, place.line] = places.get((place.file, place.line), 0) + 1
    return places


def _where(findings: Sequence[Finding]) -> tuple[str, ...]:
    lines = []
    for (file, line), times in sorted(_held_at(findings).items(), key=lambda item: -item[1])[:MOST_PLACES]:
        held_here = [one for one in findings if one.place and (one.place.file, one.place.line) == (file, line)]
        beside = sorted({place.line for one in held_here for place in one.beside if place.file == file})
        others = f", others ran line {', '.join(map(str, beside[:MOST_LINES]))}" if beside else ""
        lines.append(f"{file}:{line}: while one thread stood here{others}: {times} wrong")
    return tuple(lines)


def _functions(case: Case, findings: Sequence[Finding]) -> tuple[tuple[str, ast.AST], ...]:
    """Functions of the person's code around the lines that tell something."""
    around = dict.fromkeys((file, function_at(file, line)) for file, line in _telling_lines(case, findings))
    functions = tuple((file, function) for file, function in around if function is not None and case.is_own(file))
    if functions or case.request.is_feeder:
        return functions
    # Before Python 3.12 threads that TensorFlow starts are not seen: only the text is left.
    source = case.request.source()
    return tuple((source.place, function) for function in functions_in(source.place, source.name))


def _telling_lines(case: Case, findings: Sequence[Finding]) -> list[tuple[str, int]]:
    held = list(_held_at(findings))
    frames = [frame for one in findings if isinstance(one.seen, RaisedCall) for frame in one.seen.exception.frames]
    raised = [(frame.file, frame.line) for frame in frames if case.is_own(frame.file)]
    beside = sorted({(place.file, place.line) for one in findings for place in one.beside})
    alone = [] if held or beside else [line for run in case.evidence.stress for line in run.lines]
    return [*held, *raised[-1:], *beside, *alone]
