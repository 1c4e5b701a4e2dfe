"""What a way of feeding can give at best, and why one is not worth a take, as cores, GIL and other takes tell."""

from __future__ import annotations

from typing import Callable, Sequence

from feeders.compare.verdict import MARGIN
from feeders.measure import Cell
from feeders.measure.limit import Limit
from feeders.results.record import REFUSED, UNSUPPORTED
from feeders.strategies import FEEDERS

from .candidates import ONE, PROCESSES, gain, use_of
from .evidence import Tried, is_fed

# A way that at best gives less than this share of the fastest so far is not tried: what bounds it is measured roughly.
HOPELESS = 0.75

# Processes take ten times as long to be tried as threads. They are, where they may give so much more.
DEAR = 0.9


class Prospects:
    """What ways of feeding a loader can give.

    Args:
        limit: of the loader; None if not known.
        guess: how many times as fast as one thread a way can be, where no limit is known.
    """

    def __init__(self, limit: Limit | None, guess: Callable[[Cell], float]) -> None:
        self._limit, self._guess = limit, guess

    def promise(self, cell: Cell) -> tuple[float, int, bool, int]:
        """Return what sorts ways into the order of trial: what can be fastest first, then fewer workers, then pools.

        A pool's workers stay between epochs, where others begin anew; so it is tried before them where time is short.
        """
        row = FEEDERS.named(cell.feeder)
        bound = (self._bound(cell) or 0.0) if self._limit else self._guess(cell)
        bound *= DEAR if use_of(cell) == PROCESSES else 1
        return -bound, cell.workers, not row.own_workers, FEEDERS.names.index(cell.feeder)

    def hopeless(self, cell: Cell, tried: Sequence[Tried], safe: Sequence[Tried]) -> str:
        """Return why a way can't win; empty if it can.

        Args:
            cell: the way.
            tried: those that were taken.
            safe: those of them that nothing is known against.
        """
        return self._bounded(cell, safe) or self._known_of_feeder(cell, tried, _fastest(safe))

    def _gain(self, cell: Cell) -> float | None:
        """How many times as fast as one thread a way can prepare batches at best; None if that is not known."""
        if self._limit is None or FEEDERS.named(cell.feeder).pulls == "ops":
            return None
        return gain(cell, self._limit.preparation(), self._limit.cores)

    def _bound(self, cell: Cell) -> float | None:
        """Samples per second that a way can give at best; None if that is not known."""
        times = self._gain(cell)
        if self._limit is None or times is None:
            return None
        return min(self._limit.ceiling, times / max(self._limit.prepare_seconds, 1e-9))

    def _bounded(self, cell: Cell, safe: Sequence[Tried]) -> str:
        """Why a way can't win, as far as cores and GIL bound it; empty if it can."""
        bound, others = self._bound(cell), _fastest(safe, without=PROCESSES)
        if bound is not None and use_of(cell) == PROCESSES and DEAR * bound < others:
            return f"{bound:,.0f} samples/s at best, where {others:,.0f} were seen without processes"
        if bound is not None and bound < HOPELESS * _fastest(safe):
            held = "one thread prepares its batches" if use_of(cell) == ONE else "the loader holds the GIL or a core"
            return f"{bound:,.0f} samples/s at best, as {held}"
        return ""

    def _known_of_feeder(self, cell: Cell, tried: Sequence[Tried], best: float) -> str:
        """Why a way can't win, as far as other numbers of its feeder's workers tell; empty if it can."""
        same = [each for each in tried if each.cell.feeder == cell.feeder]
        fewer = [each for each in same if each.cell.workers < cell.workers]
        enough = next((each.cell for each in fewer if self._is_enough(each.cell, cell)), None)
        if enough:
            return f"with {enough.workers} it gives all that the cores or the GIL allow"
        full = next((each.cell for each in fewer if is_fed(each, self._limit)), None)
        if full:
            return f"{full.workers} workers feed the device"
        refused = next((each.fault for each in same if each.takes[-1].outcome in (REFUSED, UNSUPPORTED)), "")
        slow = next((each for each in same if self._expected(each, cell) < HOPELESS * best), None)
        if refused or slow is None:
            return refused
        return f"{slow.speed:,.0f} samples/s with {slow.cell.workers}, where {best:,.0f} were seen elsewhere"

    def _is_enough(self, known: Cell, cell: Cell) -> bool:
        """Whether fewer workers can prepare as fast at best; how near they come to that is a matter of the feeder."""
        fewer, more = self._gain(known), self._gain(cell)
        return fewer is not None and more is not None and more <= fewer * (1 + MARGIN)

    def _expected(self, known: Tried, cell: Cell) -> float:
        """Samples per second that a way gives if it gains from workers all that can be gained."""
        if not known.speed:
            return float("inf")
        gains = self._gain(cell), self._gain(known.cell)
        ratio = gains[0] / gains[1] if gains[0] and gains[1] else cell.workers / known.cell.workers
        return known.speed * max(1.0, ratio)


def _fastest(safe: Sequence[Tried], without: str = "") -> float:
    """Samples per second of the fastest, but for those that read the loader in one way."""
    return max((each.speed or 0.0 for each in safe if use_of(each.cell) != without), default=0.0)
