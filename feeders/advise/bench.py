"""The bench of advice: takes in processes of their own, and lockstep pairs by two interpreters that stay."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import sys
from types import TracebackType

from feeders.compare.lockstep import TURN_SECONDS as PART_SECONDS
from feeders.compare.lockstep import Side, measure_pair, numbers
from feeders.compare.lockstep_client import LockstepProcess
from feeders.errors import FeedersError
from feeders.measure import Cell, Record, Settings, take
from feeders.measure.host import usable_cores
from feeders.measure.survey import Survey
from feeders.results.changes import BrokenPair

from .cores import given_cores
from .evidence import gist

# A third of what comparisons of releases take: many pairs in a short time say more than a few quiet ones. Not so where
# it would cut an epoch that they leave whole: the end of it may wait for what ran on while it was stopped.
TURN_SECONDS = 0.1


class HostBench:
    """Measures on this host; as a context it ends what it has started.

    Args:
        settings: of the loader and of what trains.
        survey: of the loader: what it should deliver.
        epoch: batches of an epoch that pairs tell of; None is the loader's own.
    """

    def __init__(self, settings: Settings, survey: Survey, epoch: int | None) -> None:
        self._settings, self._survey = survey.settled(settings), survey
        self._epoch, self._rng = epoch, random.Random()
        self._running = contextlib.ExitStack()
        self._processes: list[LockstepProcess] = []

    def __enter__(self) -> HostBench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def take(self, cell: Cell, steady_seconds: float, deadline_seconds: float) -> Record:
        """Verify a way of feeding, then time it.

        Raises:
            FeedersError: the call is wrong.
        """
        settings = dataclasses.replace(self._settings, steady_seconds=steady_seconds, deadline_seconds=deadline_seconds)
        return take(cell, settings, self._survey)

    def pair(self, a: Cell, b: Cell) -> float | str:
        """Return the log of B's time over A's in a lockstep pair, or what was seen where a side broke."""
        try:
            if not self._processes:
                # They stay: a start takes as long as a pair. `duel.SHARED_LAYOUT` allows for what that hides.
                self._processes = [self._running.enter_context(LockstepProcess(sys.executable)) for _ in "ab"]
            one, other = (Side(process, cell, self._settings) for process, cell in zip(self._processes, (a, b)))
            pair = measure_pair(one, other, self._rng, TURN_SECONDS, PART_SECONDS)
        except FeedersError as error:
            # One has died, and the other may hold a take that stands still: it would answer no further pair.
            self._running.close()
            self._processes = []
            return gist(str(error))
        if isinstance(pair, BrokenPair):
            return f"{pair.outcome}: {gist(pair.message)}"
        if self._epoch is None:
            return pair.log_ratio
        return numbers(*(dataclasses.replace(side, steps=self._epoch) for side in (pair.a, pair.b)))[0]

    def given_cores(self) -> float:
        """Return how many cores the host gives now."""
        return given_cores(usable_cores())
