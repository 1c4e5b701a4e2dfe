"""A GPU in worker processes."""

from __future__ import annotations

from typing import Iterator

from ._case import Case
from ._cause import Cause, Family, Fault

# What torch says; JAX, in the same place, waits for ever.
FORKED = "Cannot re-initialize CUDA in forked subprocess"

CUDA_FORKED = Cause(
    "cuda-forked",
    "A worker process was forked from one that uses the GPU, and CUDA does not work in such a process.",
    "Return NumPy arrays from the loader: Keras brings them to the GPU. Or start the workers anew "
    "(--start-method spawn, multiprocessing.set_start_method('spawn')); or use threads.",
)


def find(case: Case) -> Iterator[Fault]:
    """Find it where worker processes are forked."""
    ending = case.ending
    if ending and FORKED in ending.message and case.description.processes and not case.description.pickles:
        seen = "preparing a batch in a worker used the GPU: " + FORKED
        yield Fault(CUDA_FORKED, seen, case.raised_lines(ending), ending.observations, explains=("raises",))


FAMILY = Family((CUDA_FORKED,), find)
