"""The audits of advice: how the loader is used now, how else it could be, and how the best ways read it."""

from __future__ import annotations

from typing import Callable, Sequence

from feeders.audit import Audit, audit
from feeders.audit.request import AuditRequest
from feeders.loaders.opening import ARRAYS, SEQUENCE
from feeders.measure import Cell

from .budget import Budget
from .candidates import ONE, PROCESSES, THREADS, use_of
from .costs import Costs
from .evidence import Tried, is_safe, unsafe_by_audit
from .look import Look
from .request import AdviseRequest

# Of the budget: what an audit may take. With one reader there is no race to wait for.
SHARES = {ONE: 0.05, THREADS: 0.1, PROCESSES: 0.1}

# Workers that an audit provokes races with, where the loader asks for none itself.
WORKERS = 4


class Audits:
    """Audits of the ways in which a loader is read, each made once.

    Args:
        request: what is asked for.
        look: at the loader.
        budget: of time.
        costs: what parts of advice take; set anew where more is known.
        progress: told what goes on, and the share of the budget that is used.

    Attributes:
        by_use: by how the loader is read: `ONE`, `THREADS` or `PROCESSES`.
        lacking: seconds that the longest one takes which there was no time for.
    """

    def __init__(
        self, request: AdviseRequest, look: Look, budget: Budget, costs: Costs, progress: Callable[[str, float], None]
    ) -> None:
        self._request, self._look, self._budget, self.costs, self._progress = request, look, budget, costs, progress
        self._use = ONE
        self.by_use: dict[str, Audit] = {}
        self.lacking = self._longest = 0.0

    @property
    def used(self) -> Audit | None:
        """That of how the loader is used now, whenever it was made; None if it could not be."""
        return self.by_use.get(self._use)

    def of_today(self, today: Cell, early: float, late: float) -> None:
        """Audit how it is used now, and how else it could be used where there is time; the best are audited later.

        Args:
            today: how it is used now.
            early: share of the budget at which what is not needed for an answer ends.
            late: that of all others.
        """
        self._use = use = use_of(today)
        reserved = self.costs.take  # without today's speed there is no answer
        self.make(use, today.workers, late, reserved)
        if use != ONE and self.used and not is_safe(self.used, use):
            self.make(ONE, 1, late, reserved)
        if THREADS not in self.by_use and self._look.kind == SEQUENCE and self.is_worth_it():
            self.make(THREADS, WORKERS, early, reserved)

    def of_ways(self, cells: list[Cell], until: float) -> bool:
        """Audit how the first of these reads the loader that is not audited yet, and can be; whether that was done."""
        for cell in cells:
            use = use_of(cell)
            # Threads that race say nothing of one reader.
            workers = 1 if use == ONE else max(WORKERS, cell.workers)
            if use not in self.by_use and self.make(use, workers, until):
                return True
        return False

    def expected(self, cells: Sequence[Cell]) -> float:
        """Return the share of the budget that an audit takes which these ways may need.

        It is as long as the longest yet, or as one that there was no time for.
        """
        needed = {use_of(cell) for cell in cells}.difference(self.by_use)
        return max(self._longest, self.lacking) / self._budget.of(1.0) if needed else 0.0

    def is_worth_it(self) -> bool:
        """Whether one reader is safe: what goes wrong with one goes wrong with several."""
        one = self.by_use.get(ONE)
        return one is None or is_safe(one, ONE)

    def unsafe(self, tried: Tried) -> str:
        """Return why a way of feeding must not be used; empty if nothing is known against it."""
        return tried.fault or unsafe_by_audit(tried.cell, self.by_use)

    def make(self, use: str, workers: int, until: float, reserved: float = 0.0) -> Audit | None:
        """Audit a way of reading, if it ends in time; one that is slowly made takes it longer.

        Args:
            use: `ONE`, `THREADS` or `PROCESSES`.
            workers: that read.
            until: share of the budget at which it has to end.
            reserved: seconds that are needed before that for something else.
        """
        request = self.costs.shortened(self._of(use, workers))
        needed = max(self.costs.audit(request), self._longest)
        if not self._budget.fits(needed + reserved, until):
            self.lacking = max(self.lacking, needed)
            return None
        before = self._budget.used
        self._progress(f"auditing it with {use if use == ONE else f'{workers} {use}'}", self._budget.share)
        found = audit(request)
        self._longest = max(self._longest, self._budget.used - before)
        self.by_use[use] = found
        return found

    def _of(self, use: str, workers: int) -> AuditRequest:
        return AuditRequest(
            self._request.loader,
            workers=workers,  # Keras 2 would pull a generator by several threads, which is not asked here
            processes=use == PROCESSES if self._look.kind == SEQUENCE else None,
            call=self._request.call,
            steps=None if self._look.kind == ARRAYS else self._request.steps,  # of arrays all are audited
            key=self._request.key,
            seconds=max(5.0, self._budget.of(SHARES[use])),
        )
