"""The time that advice may take, and the shares of it that its parts may use."""

from __future__ import annotations

import time
from typing import Callable


class Budget:
    """Time that may be used.

    Args:
        seconds: all of it, from now on.
        clock: that of the machine, or a test's.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds, self._clock = seconds, clock
        self._start, self._begun = clock(), 0.0

    def begin(self) -> None:
        """Count shares from now on: what came before, such as importing Keras, is not the search's to divide."""
        self._begun = self.used

    @property
    def used(self) -> float:
        """Seconds since it began."""
        return self._clock() - self._start

    @property
    def share(self) -> float:
        """Share of it that is used."""
        return self.used / self.seconds

    @property
    def left(self) -> float:
        """Seconds until its end."""
        return self.seconds - self.used

    def fits(self, seconds: float, until: float = 1.0) -> bool:
        """Whether something that takes so long ends before a share of what was left at the beginning is used."""
        return self.used + seconds <= self._begun + until * (self.seconds - self._begun)

    def halfway(self, until: float) -> float:
        """Return the share at which half of the time from now until a later share is used."""
        now = (self.used - self._begun) / (self.seconds - self._begun)
        return (now + until) / 2

    def of(self, share: float) -> float:
        """Return the seconds of a share of what was left at the beginning."""
        return share * (self.seconds - self._begun)
