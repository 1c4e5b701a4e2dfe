"""Lockstep pairs of two ways of feeding, and what they allow to be said of one against the other."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from feeders.compare.verdict import MARGIN, t_interval
from feeders.measure import Cell

# The chance that an interval of pairs misses.
LEVEL = 0.05

# Fewer have no interval worth the name: that of two pairs, 2.0 and 2.3 times as fast, begins below 1.
FEWEST_PAIRS = 3

# Of a log-ratio, on top of its interval: takes that are forked from one process share its layout in memory, and
# identical ones differed by up to 1.7 % in the mean of many pairs.
SHARED_LAYOUT = 0.02


@dataclass(frozen=True)
class Duel:
    """Lockstep pairs of B against A.

    Attributes:
        a: a way of feeding.
        b: another one.
        log_ratios: of each pair, log of the time of B's epoch over A's.
        broken: what was seen where a side broke.
    """

    a: Cell
    b: Cell
    log_ratios: tuple[float, ...] = ()
    broken: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times A's samples per second B gives."""
        return math.exp(-statistics.fmean(self.log_ratios)) if self.log_ratios else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its 95 % interval; None with fewer than `FEWEST_PAIRS`."""
        if len(self.log_ratios) < FEWEST_PAIRS:
            return None
        low, high = t_interval(self.log_ratios, LEVEL)
        return math.exp(max(-700.0, -high - SHARED_LAYOUT)), math.exp(min(700.0, -low + SHARED_LAYOUT))

    @property
    def is_faster(self) -> bool:
        """Whether B is faster: by more than the margin, and with an interval above 1."""
        return bool(self.interval and self.interval[0] > 1 and (self.ratio or 0.0) > 1 + MARGIN)
