"""What is Keras: what it does not take, what it does not know, what it does to any loader."""

from __future__ import annotations

from typing import Iterator

from feeders.audit.events import BatchTrained
from feeders.audit.evidence import FitRun
from feeders.audit.exceptions import first_line
from feeders.results.record import HUNG, REFUSED

from ._case import Case
from ._cause import MISSING, Cause, Family, Fault

SUPER_NOT_CALLED = Cause(
    "super-not-called",
    "Its __init__ does not call super().__init__(), so Keras takes it to have one worker.",
    "Call super().__init__(workers=..., use_multiprocessing=..., max_queue_size=...).",
    loses=False,
)
REFUSED_BY_KERAS = Cause(
    "refused-by-keras",
    "Keras does not take this kind of object, or not with these arguments.",
    "Wrap it: a generator function for one thread, a Sequence/PyDataset for several.",
)
KERAS_HANGS = Cause(
    "keras-hangs",
    "This release of Keras hangs with any loader of several workers.",
    "Use another release of Keras, or workers=1.",
)
KERAS_MISDELIVERS = Cause(
    "keras-misdelivers",
    "This release of Keras loses or repeats batches of any loader used like this.",
    "Use another release of Keras, or workers=1.",
)
STEPS_RESTART = Cause(
    "steps-restart",
    "steps_per_epoch is shorter than a pass, and this Keras starts the sequence anew after each epoch while its "
    "workers have read on: its last batches never arrive.",
    "Leave steps_per_epoch out, or set it to len(sequence); or use workers=1, with which epochs go on through the "
    "sequence; or let the sequence itself be short: return steps from __len__ and choose the part in on_epoch_end.",
)


def find(case: Case) -> Iterator[Fault]:
    """Find it in what Keras said, and in what it does to a loader that is known to be safe."""
    ending, control, known = case.ending, case.evidence.control, case.description
    if known.ignores_workers:
        said = [text for run in case.evidence.fits for text in run.logged if "super().__init__" in text]
        yield Fault(SUPER_NOT_CALLED, f"{known.workers} workers were asked for, one was used", tuple(said[:1]))
    if ending and ending.outcome == REFUSED:
        yield Fault(REFUSED_BY_KERAS, first_line(ending.message), observations=ending.observations)
    if ending and ending.outcome == HUNG and control and control.outcome == HUNG:
        seen = "fit() with a PyDataset that shares no state hangs in the same way on this Keras"
        yield Fault(KERAS_HANGS, seen, case.stack_lines(ending), ending.observations)
    reference = case.evidence.reference
    if case.miscounted and reference and reference.through and known.length and (known.workers or 1) > 1:
        arrived = min(_different_batches(run) for run in case.fits_with(MISSING) or case.evidence.fits)
        steps, epochs = case.request.steps or 0, case.request.epochs
        due = min(known.length, steps * epochs)
        if arrived < due:
            seen = f"of {due} batches that {epochs} epochs of {steps} steps need, {arrived} arrived"
            explains = ("copied-generator", "epoch-leak", "unexplained", "last-batch-lost")
            yield Fault(STEPS_RESTART, seen, explains=explains, fallback=True)
    if case.miscounted and control and any(epoch.faults for epoch in control.epochs):
        seen = f"fit() with a PyDataset that shares no state does too; {case.worst_epoch()}"
        explains = ("copied-generator", "shared-state", "epoch-leak", "unexplained")
        yield Fault(KERAS_MISDELIVERS, seen, explains=explains, fallback=True)


def _different_batches(run: FitRun) -> int:
    return len({event.keys for event in run.events if isinstance(event, BatchTrained)})


FAMILY = Family((SUPER_NOT_CALLED, REFUSED_BY_KERAS, KERAS_HANGS, STEPS_RESTART, KERAS_MISDELIVERS), find)
