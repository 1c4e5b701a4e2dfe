"""The ways beside the one that is advised: the runner-up, and what must not be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from feeders.compare.verdict import MARGIN
from feeders.measure import METRICS, Cell

from .candidates import ONE, UNORDERED
from .evidence import UNAUDITED, UNCOUNTED, Evidence, Tried, faults_of, is_of_keras, simplest
from .patches import lifted_file
from .search import NEAR

# A runner-up is better at something if it takes this share of it, or less.
CHEAPER = 0.8


@dataclass(frozen=True)
class Reason:
    """Something that must not be used.

    Attributes:
        what: the way of feeding.
        why: what is wrong with it.
    """

    what: str
    why: str


def runner_up(evidence: Evidence, best: Tried | None) -> str:
    """Return the next best way and what speaks for it; empty if there is none."""
    others = [each for each in evidence.safe() if best and each.cell.feeder != best.cell.feeder]
    other = simplest(others, NEAR)
    if best is None or other is None:
        return ""
    better = _better_at(other, best)
    if (other.speed or 0.0) > (1 + MARGIN) * (best.speed or 0.0):  # pairs have not confirmed it
        better.insert(0, "samples/s in single takes")
    when = f"; better at {' and '.join(better)}" if better else "; nothing that was measured speaks for it"
    speak = METRICS.named("effective_throughput").format
    name = f"`{other.cell.feeder}` with {workers_of(other.cell)}"
    return f"{name}, {speak(other.speed)} against {speak(best.speed)}{when}"


def not_to_be_used(evidence: Evidence, slow: Tried | None = None) -> list[Reason]:
    """Return the ways that are known to be unsafe; what is not proven is none of them.

    Args:
        evidence: all that was seen.
        slow: a way that had no end in its time, and may only be late on this host; None if there is none.
    """
    reasons: dict[str, list[Cell]] = {}
    for each in evidence.tried:
        why = evidence.unsafe(each)
        if why and each is not slow and not why.startswith((UNAUDITED, UNCOUNTED)):
            reasons.setdefault(f"{each.cell.feeder}\n{why}", []).append(each.cell)
    seen = [Reason(_several(cells), key.partition("\n")[2]) for key, cells in reasons.items()]
    for use, audit in evidence.audits.items():
        names = ", ".join(dict.fromkeys(fault.cause.name for fault in faults_of(audit, use)))
        if names and not any(names in each.why for each in seen):
            who = "what Keras reads itself" if is_of_keras(audit, use) else "any feeder"
            seen.append(Reason(who if use == ONE else f"{who} with several {use}", names))
    return seen


def workers_of(cell: Cell) -> str:
    """Return a number of workers in words."""
    return f"{cell.workers} worker{'' if cell.workers == 1 else 's'}"


def _several(cells: Sequence[Cell]) -> str:
    return f"{cells[0].feeder} ×{', ×'.join(str(cell.workers) for cell in cells)}"


def _better_at(other: Tried, best: Tried) -> list[str]:
    """What speaks for the other one: what it needs clearly less of, the order that it keeps, that it is simple."""
    compared = (("first_batch", "first batch"), ("cpu", "CPU"), ("memory", "memory"))
    texts = []
    for metric, title in compared:
        one, two = other.metric(metric), best.metric(metric)
        if one is not None and two is not None and one <= CHEAPER * two:
            say = METRICS.named(metric).format
            texts.append(f"{title} ({say(one)} against {say(two)})")
    if (best.metric("disordered") or best.cell.feeder == UNORDERED) and not other.metric("disordered"):
        texts.append("order, which it keeps")
    if lifted_file(best.cell) and not lifted_file(other.cell):
        texts.append("simplicity, as plain Keras does it")
    return texts
