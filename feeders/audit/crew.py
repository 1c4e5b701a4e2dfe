"""What all workers of our own have in common, in whichever way they pull."""

from __future__ import annotations

import itertools
import random
import time
from typing import Any, Callable, Iterator, Sequence

from feeders.measure.identity import Columns

from .findings import Seen
from .loader import AuditedLoader
from .request import AuditRequest
from .stress_plan import StressPlan

# Batches that one thread makes where it is known what each index gives: Keras makes two, to see what they look like.
LOOKED_AT = 2

# Calls of a trial for each worker.
CALLS_PER_WORKER = 3


class Crew:
    """Some workers that pull at once.

    Args:
        loader: what is pulled; a crew may open others of the same request.
        request: what is audited.
        plan: how.
        chance: draws which indices come together.
        beat: called whenever something has come, so that slow is not taken for hung.

    Attributes:
        calls: of the last trial.
        slowest: seconds of the slowest call when nobody else is there, as far as is known.
        lines: of the code under audit that ran in processes that pulled, (file, line).
    """

    def __init__(
        self,
        loader: AuditedLoader,
        request: AuditRequest,
        plan: StressPlan,
        chance: random.Random,
        beat: Callable[[], None],
    ) -> None:
        self._loader, self._request, self._plan, self._random, self._beat = loader, request, plan, chance, beat
        self.calls = 0
        self.slowest = plan.slowest
        self.lines: set[tuple[str, int]] = set()

    @property
    def can_be_held(self) -> bool:
        """Whether whoever pulls is held at the place that is chosen here."""
        return True

    def learn(self) -> list[Columns]:
        """Return what each index, or each pull in turn, gives when nobody else is there.

        Where that is known most batches are left to workers: what is kept in memory is made while they meet.
        """
        right = self._plan.right
        known = []
        for pull_one in itertools.islice(self._alone(), None if right is None else self._looked_at()):
            start = time.perf_counter()
            batch = pull_one()
            self.slowest = max(self.slowest, time.perf_counter() - start)
            known.append(self._loader.identity.columns(batch))
            self._beat()
        return known if right is None else list(right)

    def _looked_at(self) -> int:
        return LOOKED_AT

    def _alone(self) -> Iterator[Callable[[], Any]]:
        x = self._loader.x
        for index in range(self._plan.steps):
            yield lambda index=index: x[index]  # type: ignore[misc]

    def trial(self, right: Sequence[Columns]) -> list[Seen]:
        """Pull at once, and return what was wrong.

        Args:
            right: what `learn` returned.
        """
        raise NotImplementedError

    def close(self) -> None:
        """End what the crew has started."""

    def _tasks(self) -> list[int]:
        wanted = CALLS_PER_WORKER * self._loader.workers
        tasks = self._random.sample(range(self._plan.steps), min(wanted, self._plan.steps))
        return tasks + [self._random.randrange(self._plan.steps) for _ in range(self._loader.workers - len(tasks))]
