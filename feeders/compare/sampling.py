"""One comparison in the making: lockstep pairs, until they allow a verdict."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Sequence

from feeders.measure import BROKEN
from feeders.results.changes import BrokenPair, SpeedVerdict

from .lockstep import TURN_SECONDS, Pair, Side, measure_pair
from .verdict import FEWEST, UNDECIDED, judge_within_family

# Pairs between two looks at the verdict: each look is another chance to be wrong.
LOOK_EVERY = 5


@dataclass(frozen=True)
class Comparison:
    """B against A.

    Attributes:
        pairs: in the order they were measured.
        broken: pairs that came to nothing, repeated or not.
        verdict: what the pairs allow to be said; None if it ended because a side broke.
        ended: whether another pair would add nothing that was asked for.
    """

    pairs: tuple[Pair, ...]
    broken: tuple[BrokenPair, ...]
    verdict: SpeedVerdict | None
    ended: bool


class Sampling:
    """The pairs of one comparison, and whether more are wanted.

    A side that fails, hangs or crashes is tried once more; the second such pair of a comparison ends it, as does the
    first that is unsupported or refused. No pair is left out for what it shows.

    Args:
        rng: draws what is left to chance.
        maximum: pairs at most.
        family: comparisons that are made together with this one.
        turn_seconds: length of a turn.
        begun: log-ratios of pairs that were measured before, in another sitting.
    """

    def __init__(
        self,
        rng: random.Random,
        *,
        maximum: int = 30,
        family: int = 1,
        turn_seconds: float = TURN_SECONDS,
        begun: Sequence[float] = (),
    ) -> None:
        self._rng, self._maximum = rng, maximum
        self._family, self._turn_seconds = family, turn_seconds
        self._begun = list(begun)
        self._pairs: list[Pair] = []
        self._broken: list[BrokenPair] = []

    @property
    def ended(self) -> bool:
        """Whether another pair would add nothing that was asked for."""
        if self._gave_up:
            return True
        pairs = len(self._log_ratios)
        looks = pairs >= FEWEST and (pairs - FEWEST) % LOOK_EVERY == 0
        return pairs >= self._maximum or (looks and self._verdict().word != UNDECIDED)

    @property
    def left(self) -> int:
        """Pairs until the next look at the verdict; 0 when it has ended."""
        if self.ended:
            return 0
        pairs = len(self._log_ratios)
        looks = max(0, math.ceil((pairs + 1 - FEWEST) / LOOK_EVERY))
        return min(FEWEST + LOOK_EVERY * looks, self._maximum) - pairs

    @property
    def progress(self) -> str:
        """How far it is."""
        return f"pair {len(self._log_ratios) + 1} of {FEWEST} to {self._maximum}"

    def measure(self, a: Side, b: Side) -> None:
        """Measure one more pair, of B against A.

        Raises:
            FeedersError: a process has died, or the sides' epochs differ in steps.
        """
        pair = measure_pair(a, b, self._rng, self._turn_seconds)
        if isinstance(pair, BrokenPair):
            self._broken.append(pair)
        else:
            self._pairs.append(pair)

    def comparison(self) -> Comparison:
        """Return what has been seen so far."""
        verdict = None if self._gave_up else self._verdict()
        return Comparison(tuple(self._pairs), tuple(self._broken), verdict, self.ended)

    @property
    def _gave_up(self) -> bool:
        return len(self._broken) > 1 or any(broken.outcome not in BROKEN for broken in self._broken)

    @property
    def _log_ratios(self) -> list[float]:
        return [*self._begun, *(pair.log_ratio for pair in self._pairs)]

    def _verdict(self) -> SpeedVerdict:
        return judge_within_family(self._log_ratios, self._family)
