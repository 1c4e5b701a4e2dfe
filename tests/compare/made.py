"""Comparisons without processes: made-up pairs, and interpreters that are only counted."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass

from feeders.compare import run, sampling
from feeders.compare.lockstep import Pair, TurnTimes
from feeders.compare.request import CellPair, ComparisonRequest, name_of
from feeders.measure import Cell
from feeders.results.changes import BrokenPair

# The pairs of a comparison lie so much above and below their mean, in turn: ten of them decide.
ABOUT = 0.01

# So wild that thirty pairs leave everything open.
WILD = 0.3

HUNG = BrokenPair("b", "hung", "no end after 60 s.")


# Cells to compare.
NAMES = ("sequence/text/1", "sequence/remote/1", "arrays/text/1")


def asked(*names):
    """A request to compare two releases on cells."""
    cells = [Cell(*name.split("/")[:2], 1) for name in names]
    return ComparisonRequest("2.15.1", "2.16.2", "2.15.1", "2.16.2", tuple(map(CellPair, names, cells, cells)))


def silent(*texts):
    """Takes progress, and shows nothing of it."""


def made(log_ratio, feed=None, gap=None):
    """A pair of which only the numbers matter: inside epochs and between them the same, unless others are given."""
    parts = log_ratio if feed is None else feed, log_ratio if gap is None else gap
    turns = TurnTimes(97, 1, [0.1] * 30, [10] * 30, [0.3] * 3)
    drawn = ("ab", "a", False, 1)
    return Pair(log_ratio, *parts, 0.2, *drawn, "2026-01-01T00:00:00+00:00", 1.0, 0.5, turns, turns)


@dataclass(frozen=True)
class StandInProcess:
    """Stands for an interpreter: knows its release and its round."""

    release: str
    round: int


class Bench:
    """Stands for the machine: its interpreters start nothing, and its pairs are what `answers` says.

    Attributes:
        answers: called with the releases, the name of B's cell and the number of the pair, from 0: gives the pair's
            mean, or what is to be raised or returned instead of a pair.
        events: what was done, in order: ("start", release, release), ("pair", name), ("end",).
        sides: of each pair.
    """

    def __init__(self, monkeypatch):
        self.answers = lambda a, b, name, number: 0.0
        self.events, self.sides = [], []
        self._pairs = Counter()
        monkeypatch.setattr(run, "lockstep_processes", self._processes)
        monkeypatch.setattr(sampling, "measure_pair", self._pair)

    def pairs_of(self, name):
        """How many pairs of a cell were begun."""
        return self.events.count(("pair", name))

    @property
    def compared(self):
        """The releases that interpreters were started of."""
        return {event[1:] for event in self.events if event[0] == "start"}

    @contextlib.contextmanager
    def _processes(self, a, b, log, packages=()):
        self.events.append(("start", a, b))
        number = sum(event[0] == "start" for event in self.events)
        try:
            yield StandInProcess(a, number), StandInProcess(b, number)
        finally:
            self.events.append(("end",))

    def _pair(self, a, b, rng, turn_seconds):
        name = name_of(b.cell)
        self.events.append(("pair", name))
        self.sides.append((a, b))
        key = a.process.release, b.process.release, name
        number, self._pairs[key] = self._pairs[key], self._pairs[key] + 1
        seen = self.answers(*key, number)
        if isinstance(seen, BaseException):
            raise seen
        if isinstance(seen, (BrokenPair, Pair)):
            return seen
        return made(seen + (ABOUT if number % 2 else -ABOUT))
