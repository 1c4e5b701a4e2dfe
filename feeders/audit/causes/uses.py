"""What goes wrong where a loader is used otherwise than by ``fit()``: in ``evaluate()``, ``predict()``, validation."""

from __future__ import annotations

from typing import Iterator, Sequence

from feeders.audit.epochs import is_order_redrawn
from feeders.audit.evidence import ENDED, FitRun
from feeders.audit.exceptions import first_line
from feeders.audit.uses import PREDICT
from feeders.loaders.opening import SEQUENCE

from ._case import Case
from ._cause import CORRUPT, DUPLICATED, MISSING, OBSERVATIONS, Cause, Family, Fault
from .keras import KERAS_MISDELIVERS

PREDICT_ORDER = Cause(
    "predict-order",
    "predict() returns its results in the order in which batches arrive, and that is not the order of the loader: "
    "results belong to other samples.",
    "Keep the order where you predict: no shuffle(), deterministic=True in map and interleave, a Sequence/PyDataset "
    "instead of a queue; or let predict() return the keys of its samples too.",
    loses=False,
)
PEEKED_AGAIN = Cause(
    "peeked-again",
    "Keras keeps the batches of a generator that it looked at first, and gives them again in each later validation: "
    "as many others never come.",
    "Validate on a Sequence/PyDataset or on a tf.data pipeline.",
)
USE_DIFFERS = Cause(
    "use-differs",
    "Beside fit(), samples are lost, repeated or changed on their way.",
    "Use workers=1 there, or give each use a loader of its own.",
)
USE_FAILS = Cause(
    "use-fails",
    "It does not come to its end where it is used otherwise than by fit().",
    "Give each use a loader of its own, with the steps that it has.",
)


def find(case: Case) -> Iterator[Fault]:
    """Find each of them; uses that show the same are one fault."""
    if case.ending is not None or not case.evidence.others:
        return
    yield from _fault(USE_FAILS, [(use, _ending(_broken(case, use))) for use in case.request.also], ("raises",))
    yield from _fault(PREDICT_ORDER, [(PREDICT, _order(case))])
    lost = [(use, _loss(_ended(case, use))) for use in case.request.also]
    yield from _lost(case, USE_DIFFERS, [pair for pair in lost if not _is_keras(case, pair[0])])
    keras = PEEKED_AGAIN if case.description.iterates else KERAS_MISDELIVERS
    yield from _lost(case, keras, [pair for pair in lost if _is_keras(case, pair[0])])


def _fault(cause: Cause, seen: Sequence[tuple[str, str]], explains: tuple[str, ...] = ()) -> Iterator[Fault]:
    said = [f"{_call(use)}: {text}" for use, text in seen if text]
    if said:
        yield Fault(cause, "; ".join(said), explains=explains)


def _lost(case: Case, cause: Cause, seen: Sequence[tuple[str, str]]) -> Iterator[Fault]:
    """Where a race is named, it is what loses samples here too."""
    named = frozenset(name for use, text in seen if text for name in _miscounted(_ended(case, use)))
    for fault in _fault(cause, seen):
        yield Fault(cause, fault.seen, delivery=tuple(sorted(named)), fallback=True)


def _call(use: str) -> str:
    return f"{use}()" if use.islower() and "_" not in use else f"fit({use}=...)"


def _ended(case: Case, use: str) -> list[FitRun]:
    return [run for run in case.evidence.others if run.use == use and run.outcome == ENDED]


def _broken(case: Case, use: str) -> list[FitRun]:
    return [run for run in case.evidence.others if run.use == use and run.outcome != ENDED]


def _ending(broken: Sequence[FitRun]) -> str:
    if len(broken) < OBSERVATIONS:
        return ""
    return f"{broken[0].outcome}, {first_line(broken[0].message)}"


def _miscounted(runs: Sequence[FitRun]) -> list[str]:
    """What was counted often enough."""
    seen = {name: len(_with(runs, name)) for name in (MISSING, DUPLICATED, CORRUPT)}
    often = [name for name, times in seen.items() if times >= OBSERVATIONS]
    if not often and len(_with(runs, "faults")) >= OBSERVATIONS:  # one race shows now so, now so
        return [name for name, times in seen.items() if times]
    return often


def _with(runs: Sequence[FitRun], name: str) -> list[FitRun]:
    return [run for run in runs if any(getattr(epoch, name) for epoch in run.epochs)]


def _loss(runs: Sequence[FitRun]) -> str:
    """Counts of the pass with most faults, in words."""
    names = _miscounted(runs)
    return _worst(runs, names) if names else ""


def _worst(runs: Sequence[FitRun], names: Sequence[str]) -> str:
    worst = max((epoch for run in runs for epoch in run.epochs), key=lambda epoch: epoch.faults)
    counts = [f"{getattr(worst, name):,} {name}" for name in names if getattr(worst, name)]
    return f"of {worst.delivered:,} samples in a pass {', '.join(counts)}"


def _is_keras(case: Case, use: str) -> bool:
    """Whether a loader that is known to be safe loses samples there too."""
    controls = (run for run in case.evidence.other_controls if run.use == use)
    return any(epoch.faults for run in controls for epoch in run.epochs)


def _order(case: Case) -> str:
    forward, backward = case.evidence.forward, case.evidence.backward
    runs = _ended(case, PREDICT)
    # What is lost or comes twice moves all others.
    late = [run for run in runs if any(epoch.disordered and not epoch.faults for epoch in run.epochs)]
    if len(late) >= OBSERVATIONS:
        worst = max(epoch.disordered or 0 for run in late for epoch in run.epochs)
        return f"{worst:,} samples of a pass came after one that one thread reads later"
    if runs and forward and forward.unordered:  # on a host with time to spare that may show in no pass
        return "the pipeline gives its batches as they are ready (deterministic=False), in any order"
    if len(runs) >= OBSERVATIONS and forward and backward and is_order_redrawn(forward, backward):
        return "the same samples come in another order in each pass"
    return ""


def notes(case: Case) -> Iterator[str]:
    """Say what was seen once, and whose order nobody knows."""
    for use in case.request.also:
        broken = _broken(case, use)
        if 0 < len(broken) < OBSERVATIONS:
            said = first_line(broken[0].message)
            yield f"one {_call(use)} {broken[0].outcome} and no other one did: not judged. {said}"
        faulty = _with(_ended(case, use), "faults")
        if len(faulty) == 1:
            counts = _worst(faulty, (MISSING, DUPLICATED, CORRUPT))
            yield f"counted in one {_call(use)} and in no other one, so not judged: {counts}"
    runs = _ended(case, PREDICT)
    epochs = [epoch for run in runs for epoch in run.epochs]
    if epochs and all(epoch.disordered is None for epoch in epochs) and not _order(case):
        whose = "it is made anew with another order" if case.description.kind == SEQUENCE else "no order is known"
        yield f"predict(): {whose}, so the order of its results was not compared"


def is_use_seen_once(case: Case, use: str) -> bool:
    """Whether something was seen in one run of a use alone."""
    runs = _ended(case, use)
    names = (MISSING, DUPLICATED, CORRUPT, "disordered")
    seen = [sum(any(getattr(epoch, name) for epoch in run.epochs) for run in runs) for name in names]
    return 1 in (len(_broken(case, use)), *seen)


FAMILY = Family((PREDICT_ORDER, PEEKED_AGAIN, USE_DIFFERS, USE_FAILS), find, notes)
