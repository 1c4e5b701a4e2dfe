"""How long an audit may take: what was asked for, and what was announced beyond it."""

from __future__ import annotations

import math
import time
from typing import Callable

# The last process ends, and what it brings is judged.
CLOSING_SECONDS = 0.5

# Less than that is not worth a line, and is taken from what was asked for.
LEAST_SECONDS = 2.0


class Budget:
    """Time of an audit. No audit ends later than its budget and what was announced beyond it.

    Args:
        seconds: that were asked for.
        announce: told what goes beyond them, before it does.
        clock: tells the time in seconds.

    Attributes:
        announced: seconds beyond those asked for.
    """

    def __init__(
        self, seconds: float, announce: Callable[[str], None], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._asked, self._announce, self._clock = seconds, announce, clock
        self._start = clock()
        self._more = 0.0
        self.announced = 0.0

    def passed(self) -> float:
        """Return the seconds since it began."""
        return self._clock() - self._start

    def left(self) -> float:
        """Return the seconds in which races are looked for yet; below 0 where they are used."""
        return self._asked + self._more - self.passed() - CLOSING_SECONDS

    def lengthen(self, seconds: float, rest: float, why: str) -> None:
        """Don't count so many seconds in all against what was asked for: making a loader, its first batches.

        Args:
            seconds: if they are more than before, and not next to nothing; else nothing changes.
            rest: seconds from now that have to be within what was asked for and announced.
            why: begins the announcement.
        """
        self._more = max(self._more, seconds if seconds >= LEAST_SECONDS else 0.0)
        self._extend(max(self._more, self.passed() + rest + CLOSING_SECONDS - self._asked), why)

    def allow(self, seconds: float, why: str) -> None:
        """See to it that so many seconds from now are within what was asked for and announced.

        Args:
            seconds: that something takes at most.
            why: begins the announcement.
        """
        self._extend(self.passed() + seconds + CLOSING_SECONDS - self._asked, why)

    def _extend(self, beyond: float, why: str) -> None:
        if beyond > self.announced:
            self.announced = float(math.ceil(beyond))
            self._announce(f"{why}: up to {self.announced:.0f} s beyond the {self._asked:g} s of --seconds")
