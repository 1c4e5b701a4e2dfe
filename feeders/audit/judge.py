"""From evidence to a verdict: what is wrong, what it is called, and how much is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from feeders.loaders.opening import SEQUENCE
from feeders.measure.counts import FEWEST_CONTENTS
from feeders.results.record import AT_LEAST_ONCE, AT_MOST_ONCE, EXACTLY_ONCE, FAILED, NONE

from .causes import CORRUPT, DUPLICATED, FAMILIES, MISSING, OBSERVATIONS, Case, Fault, is_seen_once, reported
from .evidence import ENDED, Evidence
from .exceptions import first_line
from .request import AuditRequest
from .stress_plan import compared_by

WHOLE, NOT_COMPARED = "whole", "not compared"

NOT_COUNTED = "not-counted"

# Of the rate of a fault that was not seen.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class AuditVerdict:
    """What the audit says.

    Attributes:
        word: exactly-once, at-least-once, at-most-once, none, not-counted, refused, failed, hung or crashed.
        content: whole, corrupt or not compared.
        faults: what is wrong; none in a safe loader.
        notes: what a person should know that is no fault of this use.
        deliveries: batches that were made or delivered while others were.
        message: for words that are outcomes: what was raised, where it stood.
        pending: something was seen once.
    """

    word: str
    content: str
    faults: tuple[Fault, ...]
    notes: tuple[str, ...] = ()
    deliveries: int = 0
    message: str = ""
    pending: bool = False

    @property
    def safe(self) -> bool:
        """Whether it is safe as used; what nothing tells apart was not counted, and is not called safe."""
        return not self.faults and self.word != NOT_COUNTED

    @property
    def unseen_rate(self) -> float | None:
        """The share of deliveries that a fault must hit to have been seen with 95 % probability."""
        return 1 - (1 - CONFIDENCE) ** (1 / self.deliveries) if self.deliveries else None


def judge(request: AuditRequest, evidence: Evidence) -> AuditVerdict:
    """Judge the evidence as it stands; call it again when there is more."""
    case = Case(request, evidence)
    faults = tuple(reported(fault for family in FAMILIES for fault in family.find(case)))
    word, content = (case.ending.outcome, NOT_COMPARED) if case.ending else _guarantee(case, faults)
    return AuditVerdict(
        word=word,
        content=content,
        faults=faults,
        notes=tuple(dict.fromkeys(note for family in FAMILIES for note in family.notes(case))),
        deliveries=_deliveries(case),
        message=case.ending.message if case.ending else _uncounted(case) if word == NOT_COUNTED else "",
        pending=_is_pending(case),
    )


def _guarantee(case: Case, faults: Sequence[Fault]) -> tuple[str, str]:
    """What every ``fit()`` kept, and whether what arrived is what one thread reads."""
    reference = case.evidence.reference
    if reference is None:
        return FAILED, NOT_COMPARED
    implied = {name for fault in faults for name in fault.delivery} | ({DUPLICATED} if case.is_wrapped else set())
    counted = set(case.miscounted)
    spoilt = CORRUPT in implied | counted
    if spoilt and reference.addressed and not reference.named and _each_index_once(case):
        counted = {CORRUPT}  # what is wrong is what each index holds
    wrong = implied | counted
    content = CORRUPT if spoilt else WHOLE if reference.reproducible else NOT_COMPARED
    if MISSING in wrong:
        return NONE if DUPLICATED in wrong else AT_MOST_ONCE, content
    if DUPLICATED in wrong:
        return AT_LEAST_ONCE, content
    return EXACTLY_ONCE if reference.tells else NOT_COUNTED, content


def _uncounted(case: Case) -> str:
    """Say why nothing was counted, and what would count."""
    key, reference, backward = case.evidence.key, case.evidence.reference, case.evidence.backward
    if backward and backward.failed:
        said = first_line(backward.failed.exception.error)
        if case.description.kind != SEQUENCE:
            return f"read a second time it raised {said}. Try: mend what raises now and then"
        repair = "let each index give its batch, whatever was read before"
        return f"read from its last batch to its first it raised {said}. Try: {repair}"
    forward = case.evidence.forward
    if reference and reference.reproducible and not reference.keyed:
        if forward and forward.unordered:
            return "it gives what is ready first, so what a part of a pass holds is not known. Try: deterministic=True"
        return "its order is new in the middle of a pass, so what is due is not known. Try: leave --steps away"
    drawn = forward is not None and forward.drawn
    new = "it draws random numbers, others in each run" if drawn else "no two passes gave the same samples"
    reasons = [] if reference and reference.reproducible else [new]
    if reference and reference.reproducible and not reference.named:
        reasons.append(f"fewer than {FEWEST_CONTENTS:.0%} of its samples differ")
    if reference and reference.named:
        reasons.append("its keys do not tell samples apart")
    reason = ", and ".join(reasons)
    offer = f'--key "{key}"' if key else "--key EXPRESSION, which names a sample: an index, a path, a rounded mean"
    return f"{reason}. Try: {offer}"


def _each_index_once(case: Case) -> bool:
    """Whether as many batches arrived as were asked for."""
    runs = [run for run in case.evidence.fits if run.outcome == ENDED and run.epochs]
    return all(run.batches == case.batches * len(run.epochs) for run in runs)


def _is_pending(case: Case) -> bool:
    """Whether something was seen once: an end, a race, a count."""
    names = (MISSING, DUPLICATED, CORRUPT, "stale") if case.can_be_counted else ()
    counted_once = any(len(case.fits_with(name)) == 1 for name in names)
    return 0 < case.bad_endings < OBSERVATIONS or is_seen_once(case) or counted_once


def _deliveries(case: Case) -> int:
    """Batches made while others were: what a race had the chance to hit, and where it would have been seen."""
    counts = case.is_pulled_as_by_keras and compared_by(case.request, case.evidence) is not None
    pulled = sum(run.answer.calls for run in case.evidence.stress) if counts else 0
    return sum(run.batches for run in (*case.evidence.fits, *case.evidence.others)) + pulled
