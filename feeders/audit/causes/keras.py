"""What is Keras: what it does not take, what it does not know, what it does to any loader."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Iterator

from feeders.audit.events import BatchTrained
from feeders.audit.evidence import FitRun
from feeders.audit.exceptions import first_line
from feeders.audit.source import Mark, functions_in
from feeders.loaders.opening import DATASET, SEQUENCE, Source
from feeders.results.record import HUNG, REFUSED

from ._case import Case, Ending
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


@dataclass(frozen=True)
class _Refusal:
    """What Keras or Python says, and what it means.

    Attributes:
        pattern: of the message.
        meaning: what is wrong.
        advice: what to write.
        method: of the loader whose return statement is shown; empty shows nothing.
    """

    pattern: str
    meaning: str
    advice: str
    method: str = ""


_CEIL = "`return int(np.ceil(len(self.x) / self.batch_size))`, or `math.ceil(...)`, which returns an int."

# The first that fits.
_REFUSALS = (
    _Refusal(
        r"float\d*' object cannot be interpreted as an integer",
        "Its __len__ returns a float; a length is a whole number.",
        f"Write {_CEIL}",
        "__len__",
    ),
    _Refusal(
        r"has length 0|length of zero",
        "Its __len__ gives 0: there is no batch.",
        "See what it finds: a path that matches no file, or fewer samples than a batch. "
        "Round up: return math.ceil(samples / batch_size).",
        "__len__",
    ),
    _Refusal(
        r"at least one batch|[Ee]mpty (?:generator|dataset)",
        "It gives no batch.",
        "See what it finds: a path that matches no file, a filter that keeps nothing, or a generator that somebody has "
        "read to its end.",
    ),
    _Refusal(
        r"'method' and 'int'|'method' object cannot be interpreted",
        "Its num_batches is a method; Keras reads it as a property.",
        "Write @property in the line above `def num_batches(self):`; or call it __len__.",
        "num_batches",
    ),
    _Refusal(
        r"must return a tuple|should (?:return|be) a tuple|Expected .*tuple.*list",
        "It gives a list where Keras wants a tuple.",
        "Write `return x, y` (or `yield x, y`) instead of `[x, y]`; several inputs are a tuple or a dict.",
        "__getitem__",
    ),
    _Refusal(
        r"must be at least rank 1",
        "It gives plain numbers or lists of them where Keras wants arrays.",
        "Give arrays with an axis of samples: `np.asarray(x, 'float32'), np.asarray(y)`.",
        "__getitem__",
    ),
    _Refusal(
        r"unexpected keyword argument '(?:workers|use_multiprocessing|max_queue_size)'",
        "Since Keras 3 workers belong to the loader, not to fit().",
        "Write super().__init__(workers=4, use_multiprocessing=False) in its __init__.",
    ),
)


def _refused(case: Case, ending: Ending) -> Fault:
    """Explain it, where the message tells what it is; otherwise it is the kind of object that is not taken."""
    said = first_line(ending.message)
    row = next((row for row in _REFUSALS if re.search(row.pattern, ending.message)), None)
    if row is None:
        return Fault(REFUSED_BY_KERAS, said, observations=ending.observations)
    cause = replace(REFUSED_BY_KERAS, meaning=row.meaning, advice=row.advice)
    marks = () if case.request.is_feeder or not row.method else _returns(case.request.source(), row.method)
    where = tuple(f"{mark.file}:{mark.line}: {mark.says}" for mark in marks)
    return Fault(cause, said, where, ending.observations, marks=marks)


def _returns(source: Source, method: str) -> tuple[Mark, ...]:
    """The last line of a method of a person's class, or of the function itself."""
    found = [one for one in functions_in(source.place, source.name) if getattr(one, "name", "") == method]
    return tuple(Mark(source.place, getattr(one, "end_lineno", 0), "given here") for one in found)


def find(case: Case) -> Iterator[Fault]:
    """Find it in what Keras said, and in what it does to a loader that is known to be safe."""
    ending, control, known = case.ending, case.evidence.control, case.description
    if known.ignores_workers:
        said = [text for run in case.evidence.fits for text in run.logged if "super().__init__" in text]
        yield Fault(SUPER_NOT_CALLED, f"{known.workers} workers were asked for, one was used", tuple(said[:1]))
    if ending and ending.outcome == REFUSED:
        yield _refused(case, ending)
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


def notes(case: Case) -> Iterator[str]:
    """Say that a number of workers has no meaning here."""
    known, workers = case.description, case.request.workers or 1
    if workers > 1 and known.workers == 1 and not (known.kind == SEQUENCE or known.own_workers):
        if known.kind == DATASET:
            who = "TensorFlow's own threads read it, as many as num_parallel_calls of its map says"
        else:
            who = "this Keras reads it from one thread"
        yield f"--workers {workers} has no meaning here: {who}"


FAMILY = Family((SUPER_NOT_CALLED, REFUSED_BY_KERAS, KERAS_HANGS, STEPS_RESTART, KERAS_MISDELIVERS), find, notes)
