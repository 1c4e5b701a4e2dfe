"""Random numbers that are the same in each worker process."""

from __future__ import annotations

from typing import Iterator

from ._case import Case
from ._cause import OBSERVATIONS, Cause, Family, Fault
from .generators import equal_content, is_known

SAME_RANDOM_NUMBERS = Cause(
    "same-random-numbers",
    "Worker processes are copies of one process and go on from the same random state: they draw the same numbers, "
    "and the same again in the next epoch where they are forked anew.",
    "Make the generator in the call: np.random.default_rng([seed, epoch, index]); it is unique and reproducible.",
    loses=False,
)


def find(case: Case) -> Iterator[Fault]:
    """Find processes that drew alike, and nothing that one thread has read."""
    equal = [draws for draws in case.evidence.draws if draws.are_equal]
    contents = case.evidence.forward.contents() if case.evidence.forward else set()
    if len(equal) >= OBSERVATIONS and not is_known(equal[0].processes[0], contents):
        yield Fault(SAME_RANDOM_NUMBERS, equal_content(equal[0].processes), observations=len(equal))


FAMILY = Family((SAME_RANDOM_NUMBERS,), find)
