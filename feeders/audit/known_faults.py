"""Faults of Keras that are known, tried on the Keras that is installed: fixed, still there, or new."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from typing import Callable, Iterator

from feeders.errors import FeedersError
from feeders.keras_api import BACKENDS, JAX, TENSORFLOW, TORCH, backend, generation
from feeders.measure.stack import preload

from .causes import OBSERVATIONS
from .epochs import count_epochs, reference_of, reference_of_a_pass
from .evidence import ENDED, FitRun
from .exceptions import first_line
from .probes import Probes
from .readings import BrokenReading
from .request import AuditRequest
from .uses import EVALUATE, FIT, PREDICT, VALIDATION

# The release for which the catalogue tells which faults there are.
AS_OF = "3.15.1"

# Two runs decide; where they differ, a third one does.
RUNS = OBSERVATIONS

STILL_THERE, FIXED, NEW, RIGHT, NOT_TRIED = "still there", "fixed", "NEW", "right", "not tried"

STAND_INS = f"{__package__}.standins"


@dataclass(frozen=True)
class KnownFault:
    """A use of Keras with a loader that is right, and where Keras does it wrong.

    Attributes:
        name: unique.
        loader: of `standins`.
        there: backends on which the Keras of `AS_OF` does it wrong.
        use: see `uses`.
        workers: of a sequence.
        processes: they are processes.
        epochs: of ``fit()``.
        steps: ``steps_per_epoch``; None is the length.
    """

    name: str
    loader: str
    there: tuple[str, ...] = ()
    use: str = FIT
    workers: int | None = 4
    processes: bool = False
    epochs: int = 2
    steps: int | None = None

    def request(self) -> AuditRequest:
        """Return what is tried."""
        place = f"{STAND_INS}:{self.loader}"
        return AuditRequest(
            place, workers=self.workers, processes=self.processes, epochs=self.epochs, steps=self.steps, seconds=30.0
        )


OTHERS = (JAX, TORCH)

# The loader that is made of TensorFlow.
PIPELINE = "arrays_of_tensorflow"

KNOWN_FAULTS = (
    KnownFault("fit(), one thread", "Numbered", workers=1),
    KnownFault("fit(), 4 threads", "Numbered", OTHERS),
    KnownFault("fit(), 4 processes", "Numbered", OTHERS, processes=True),
    KnownFault("evaluate(), 4 threads", "Numbered", OTHERS, EVALUATE),
    KnownFault("predict(), 4 threads", "Numbered", (JAX,), PREDICT),
    KnownFault("validation_data, 4 threads", "Numbered", use=VALIDATION),
    KnownFault("steps_per_epoch=10, one thread", "Numbered", workers=1, epochs=4, steps=10),
    KnownFault("steps_per_epoch=10, 4 threads", "Numbered", BACKENDS, epochs=4, steps=10),
    KnownFault("a length that changes", "Changing", BACKENDS, epochs=4, workers=1),
    KnownFault("decimals after whole numbers", "Decimals", (TENSORFLOW,), workers=1),
    KnownFault("fit(), a generator", "numbered", workers=None, steps=97),
    KnownFault("evaluate(), a generator", "numbered", use=EVALUATE, workers=None, steps=97),
    KnownFault("predict(), a generator", "numbered", use=PREDICT, workers=None, steps=97),
    KnownFault("validation_data, a generator", "numbered", BACKENDS, VALIDATION, None, epochs=6, steps=97),
    KnownFault("fit(), tf.data", PIPELINE, workers=None),
    KnownFault("predict(), tf.data", PIPELINE, use=PREDICT, workers=None),
)


@dataclass(frozen=True)
class Tried:
    """What came of one of them.

    Attributes:
        fault: that was tried.
        word: `STILL_THERE`, `FIXED`, `NEW`, `RIGHT` or `NOT_TRIED`.
        seen: what was wrong, in words; empty where nothing was.
    """

    fault: KnownFault
    word: str
    seen: str


def try_known(progress: Callable[[str, float], None]) -> Iterator[Tried]:
    """Try all of them, one after the other, each in processes of its own.

    Args:
        progress: told what is going on, and the share that is done.

    Raises:
        FeedersError: this Keras is not of the generation that the catalogue is about.
    """
    preload()
    if generation() != 3:
        raise FeedersError(
            f"audit --known: the catalogue is of Keras 3, as of {AS_OF}; installed is a Keras 2. "
            "Try: feeders audit LOADER"
        )
    for made, fault in enumerate(KNOWN_FAULTS):
        progress(fault.name, made / len(KNOWN_FAULTS))
        if fault.loader == PIPELINE and importlib.util.find_spec("tensorflow") is None:
            yield Tried(fault, NOT_TRIED, "TensorFlow is not installed")
            continue
        seen = _seen(fault)
        known = backend() in fault.there
        yield Tried(fault, (STILL_THERE if known else NEW) if seen else (FIXED if known else RIGHT), seen)


def _seen(fault: KnownFault) -> str:
    request = fault.request()
    probes = Probes(request)
    forward, backward = probes.read(1, backward=False), probes.read(2, backward=True)
    if isinstance(forward, BrokenReading):
        return f"read by one thread: {forward.outcome}"
    if isinstance(backward, BrokenReading):
        return f"read by one thread: {backward.outcome}"
    due = (reference_of if fault.use == FIT else reference_of_a_pass)(request, forward, backward)
    wrong: list[str] = []
    for number in range(RUNS + 1):
        if number == RUNS and len(wrong) in (0, RUNS):
            break
        run = probes.fit(forward.steps, number + 1, provoked=False, use=fault.use)
        wrong += filter(None, [_wrong(fault, replace(run, epochs=count_epochs(run, due)))])
    return wrong[0] if len(wrong) >= RUNS else ""


def _wrong(fault: KnownFault, run: FitRun) -> str:
    """What was wrong in a run, in words."""
    if run.outcome != ENDED:
        return f"{run.outcome}: {first_line(run.message)}"
    worst = max(run.epochs, key=lambda epoch: epoch.faults, default=None)
    if worst is None:
        return "nothing arrived"
    counts = {"missing": worst.missing, "twice": worst.duplicated, "changed": worst.corrupt}
    if fault.use == PREDICT and not worst.faults:
        counts = {"out of order": worst.disordered}
    named = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    return f"of {worst.delivered:,} samples {named}" if named else ""
