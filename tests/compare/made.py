"""Comparisons without processes: made-up pairs, and lanes that are only counted."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass

from feeders.compare import lockstep, run
from feeders.compare.lockstep import Broken, Pair, Turns
from feeders.compare.request import name_of

# The pairs of a comparison lie so much above and below their mean, in turn: ten of them decide.
ABOUT = 0.01

# So wild that thirty pairs leave everything open.
WILD = 0.3

HUNG = Broken("b", "hung", "no end after 60 s.")


def made(log_ratio):
    """A pair of which only the number matters."""
    turns = Turns(97, [0.1] * 30, [10] * 30, [0.3] * 3)
    return Pair(
        log_ratio, log_ratio, 0.0, 0.2, turns, turns, "ab", "a", False, 1, "2026-01-01T00:00:00+00:00", 1.0, 0.5
    )


@dataclass(frozen=True)
class StandInLane:
    """Stands for a lane: knows its release and its round."""

    release: str
    round: int


class Bench:
    """Stands for the machine: its lanes start nothing, and its pairs are what `answers` says.

    Attributes:
        answers: called with the releases, the name of B's cell and the number of the pair, from 0: gives the pair's
            mean, or what is to be raised or returned instead of a pair.
        events: what was done, in order: ("lanes", release, release), ("pair", name), ("end",).
        sides: of each pair.
    """

    def __init__(self, monkeypatch):
        self.answers = lambda a, b, name, number: 0.0
        self.events, self.sides = [], []
        self._pairs = Counter()
        monkeypatch.setattr(run, "lanes", self._lanes)
        monkeypatch.setattr(lockstep, "pair", self._pair)

    def pairs_of(self, name):
        """How many pairs of a cell were begun."""
        return self.events.count(("pair", name))

    @property
    def compared(self):
        """The releases that lanes were started of."""
        return {event[1:] for event in self.events if event[0] == "lanes"}

    @contextlib.contextmanager
    def _lanes(self, a, b, say):
        self.events.append(("lanes", a, b))
        number = sum(event[0] == "lanes" for event in self.events)
        try:
            yield StandInLane(a, number), StandInLane(b, number)
        finally:
            self.events.append(("end",))

    def _pair(self, a, b, rng, turn_seconds):
        name = name_of(b.cell)
        self.events.append(("pair", name))
        self.sides.append((a, b))
        key = a.lane.release, b.lane.release, name
        number, self._pairs[key] = self._pairs[key], self._pairs[key] + 1
        seen = self.answers(*key, number)
        if isinstance(seen, BaseException):
            raise seen
        if isinstance(seen, (Broken, Pair)):
            return seen
        return made(seen + (ABOUT if number % 2 else -ABOUT))
