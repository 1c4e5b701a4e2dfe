"""A GPU, or a backend that has started its threads, in worker processes that were forked from it."""

from __future__ import annotations

from typing import Iterator

from feeders.audit.excerpts import marks_of
from feeders.audit.source import Mark
from feeders.results.record import FAILED, HUNG

from ._case import Case, Ending
from ._cause import Cause, Family, Fault

# What is said where CUDA has started before the fork: by torch, by the driver, and by the runtime.
FORKED = (
    "Cannot re-initialize CUDA in forked subprocess",
    "CUDA_ERROR_NOT_INITIALIZED",
    "CUDA error: initialization error",
)

# Folders of the backends that start threads: a worker that stands in one waits for threads that its parent has.
STANDS_IN = {"JAX": "/jax/_src/", "TensorFlow": "/tensorflow/python/"}

_ADVICE = (
    "Or start the workers anew (--start-method spawn, multiprocessing.set_start_method('spawn')), as "
    "`lookahead-processes` does by itself; or use threads."
)

CUDA_FORKED = Cause(
    "cuda-forked",
    "A worker process was forked from one that uses the GPU, and CUDA does not work in such a process.",
    f"Return NumPy arrays from the loader: Keras brings them to the GPU. {_ADVICE}",
)
BACKEND_FORKED = Cause(
    "backend-forked",
    "A worker process was forked from one where the backend has started, and waits in it for ever.",
    f"Prepare batches with NumPy: Keras makes tensors of them. {_ADVICE}",
)


def find(case: Case) -> Iterator[Fault]:
    """Find it where worker processes are forked."""
    ending, known = case.ending, case.description
    if not ending or not known.processes or known.pickles:
        return
    said = next((text for text in FORKED if text in ending.message), "")
    if ending.outcome == FAILED and said:
        seen = f"preparing a batch in a worker used the GPU: {said}"
        yield Fault(CUDA_FORKED, seen, case.raised_lines(ending), ending.observations, explains=("raises",))
    if ending.outcome == HUNG:
        name, where = _waits_in(case, ending)
        marks = (Mark(mark.file, mark.line, f"a worker waits in {name}, {mark.says}") for mark in marks_of(where))
        if name:
            yield Fault(
                BACKEND_FORKED,
                ending.delivered,
                where,
                ending.observations,
                explains=("hangs", "hangs-at-epoch-end", "keras-hangs"),
                summary=f"{name} can't be used in a worker process that was forked after it had started.",
                marks=tuple(marks),
            )


def _waits_in(case: Case, ending: Ending) -> tuple[str, tuple[str, ...]]:
    """Return the backend that a line of the person's code waits in, and the line; nothing where no stack shows it."""
    for stack in case.stacks(ending):
        lines = case.own_lines(stack)[:1]
        if lines:
            inner = stack.partition(f'File "{lines[0].split(":")[0]}"')[0]  # the innermost call stands first
            name = next((name for name, folder in STANDS_IN.items() if folder in inner), "")
            if name:
                return name, lines
    return "", ()


FAMILY = Family((CUDA_FORKED, BACKEND_FORKED), find)
