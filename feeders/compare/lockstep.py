"""Lockstep pairs: two takes alive together that train in turns, one of them stopped at any time.

A neighbour on the machine slows both down alike, turn by turn: the log-ratio of two takes in lockstep spreads by 4-6 %
where that of two takes in the same half minute spreads by 25-51 %.

Clocks run on while a process is stopped. A request to a store that was sent in one turn has been answered by the next,
for free, at most one for each worker and turn. So a side that waits goes on for an epoch in each turn before its time
counts, and is never stopped within one. tf.data's autotuning wakes up after times that double within an epoch,
and the end of an epoch may have to wait for it. So turns are whole epochs where that can be, however short these are:
what begins and ends with an epoch is in one turn.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import math
import os
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Sequence

import numpy as np
from scipy import stats

from feeders.errors import FeedersError
from feeders.measure import Settings
from feeders.results.changes import BrokenPair, PairNumbers

from .lockstep_client import BrokenTake, LockstepProcess
from .lockstep_take import LockstepTake, Turn, start_take

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# Long beside most waits that pass for free, short beside the seconds for which a neighbour keeps the machine busy.
TURN_SECONDS = 0.3

# Where an epoch is several turns: what a feeder does once it has read its last batch has to begin and end in the same
# turn, and Keras reads ahead 10 batches and one for each worker.
TURN_STEPS = 17

# The spread of a pair falls fast with its turns, as gaps are of two lengths: of `sequence` on `text`, idle, 3.9 % at
# 4, 0.9 % at 8, 0.3 to 0.7 % at 16.
TURNS = 16

# Gaps that take half of an epoch are needed half as often as turns, and never less than twice.
GAPS = 2

# Then two gaps will do: Keras 2 sits idle for 5 s in each, which is what the number is about there.
PAIR_SECONDS = 30

# A side that asks for fewer cores waits: for a store, or for a device. Then turns are whole epochs, of which others
# come before; half as many, as they take twice as long, and a neighbour on the machine disturbs a wait little.
WAITING_CORES, FEWEST_APART = 0.7, 4

# Of longer epochs there would be too few. One wait for free is a small part of them.
LONGEST_APART = 2.0

# Off each end of the sorted log-ratios; the mean is that of the middle 40 %. A neighbour's bursts hit single turns. Of
# fewer than four epochs in parts none is left out: bursts widen the interval over pairs then.
TURNS_TRIMMED = 0.3


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        process: where its takes run; the two sides need one each.
        cell: what is measured.
        settings: how.
    """

    process: LockstepProcess
    cell: DataclassInstance
    settings: Settings


@dataclass(frozen=True)
class TurnTimes:
    """The turns of one side, in seconds, matched one to one with those of the other side.

    Attributes:
        steps: of an epoch; a gap ends with the first of them.
        parts: turns that make an epoch; 1 where a turn is an epoch or more.
        feeds: inside epochs, one for each turn.
        feed_steps: steps inside epochs of each turn.
        gaps: the mean gap of each turn in which an epoch ended.
    """

    steps: int
    parts: int
    feeds: list[float]
    feed_steps: list[int]
    gaps: list[float]

    def whole(self) -> np.ndarray:
        """Seconds inside whole epochs, float64 of shape (turns // parts,): what is begun at the end is left out."""
        return _sums(self.feeds, self.parts)

    def gap_share(self) -> float:
        """Share of the gap in an epoch."""
        gap = float(np.median(self.gaps))
        step = float(np.median(self.whole() / _sums(self.feed_steps, self.parts)))
        return gap / (gap + step * (self.steps - 1))


def _sums(values: Sequence[float], parts: int) -> np.ndarray:
    whole = len(values) // parts * parts
    sums: np.ndarray = np.array(values[:whole], float).reshape(-1, parts).sum(axis=1)
    return sums


@dataclass(frozen=True)
class Pair(PairNumbers):
    """What a lockstep pair has shown, with its turns.

    Attributes:
        a: turns of A.
        b: turns of B.
    """

    a: TurnTimes
    b: TurnTimes


def measure_pair(
    a: Side, b: Side, rng: random.Random, turn_seconds: float = TURN_SECONDS, part_seconds: float | None = None
) -> Pair | BrokenPair:
    """Measure one pair.

    Args:
        a: side A.
        b: side B; its process is not that of A.
        rng: a seed is drawn from it, which draws launch order, first side, and processes where they are alike.
        turn_seconds: length of a turn.
        part_seconds: length of one that is a part of an epoch; None is as long as others.

    Raises:
        FeedersError: a process has died, or the sides' epochs differ in steps.
    """
    seed = rng.getrandbits(32)
    chance = random.Random(seed)
    launched, first = chance.choice(("ab", "ba")), chance.choice("ab")
    swapped = chance.random() < 0.5 and a.process.is_like(b.process)
    if swapped:
        a, b = dataclasses.replace(a, process=b.process), dataclasses.replace(b, process=a.process)
    started, load = datetime.datetime.now(datetime.timezone.utc), os.getloadavg()[0]
    turns = _in_lockstep({"a": a, "b": b}, launched, first, turn_seconds, part_seconds or turn_seconds)
    if isinstance(turns, BrokenPair):
        return turns
    return Pair(
        *numbers(turns["a"], turns["b"]),
        a=turns["a"],
        b=turns["b"],
        launched=launched,
        first=first,
        swapped=swapped,
        seed=seed,
        started=started.isoformat(timespec="seconds"),
        seconds=(datetime.datetime.now(datetime.timezone.utc) - started).total_seconds(),
        load=load,
    )


def numbers(a: TurnTimes, b: TurnTimes) -> tuple[float, float, float, float]:
    """Return log-ratio, feed, gap and share of a `Pair`.

    A gap counts as much as it takes of an epoch: one that appears moves the number, the noise of one that takes
    nothing does not. Where an epoch is several turns, these are added up first: some have slow batches, and count for
    as much as they take.
    """
    feed, gap = (
        float(stats.trim_mean(np.log(np.divide(of_b, of_a)), TURNS_TRIMMED))
        for of_a, of_b in ((a.whole(), b.whole()), (a.gaps, b.gaps))
    )
    share = a.gap_share()
    return math.log((1 - share) * math.exp(feed) + share * math.exp(gap)), feed, gap, share


def _in_lockstep(
    sides: dict[str, Side], launched: str, first: str, turn_seconds: float, part_seconds: float
) -> dict[str, TurnTimes] | BrokenPair:
    running: dict[str, LockstepTake] = {}
    turns: dict[str, list[tuple[int, Turn]]] = {"a": [], "b": []}
    name = launched[0]
    try:
        for name in launched:
            running[name] = start_take(sides[name].process, sides[name].cell, sides[name].settings)
        start = time.monotonic()
        order = first + ("b" if first == "a" else "a")
        planned = plan(_steps(running), *_seconds(running), turn_seconds, part_seconds, _waits(running))
        parts = len(planned.steps)
        for steps in itertools.cycle(planned.steps):
            for name in order:
                turns[name].append((steps, running[name].turn(steps, planned.uncounted)))
            if _enough(_summary(running[name], parts, turns[name]), planned.turns, time.monotonic() - start):
                break
        result: dict[str, TurnTimes] | BrokenPair = {name: _summary(running[name], parts, turns[name]) for name in "ab"}
    except BrokenTake as error:
        result = BrokenPair(name, error.outcome, error.message)
        if name == "b" and "a" not in running:
            # B was launched first by chance. What A does not do either is no fault of B's.
            result = _broken_at_start("a", sides["a"]) or result
    for take in running.values():
        take.end()
    return result


def _broken_at_start(name: str, side: Side) -> BrokenPair | None:
    """Return how a take of a side breaks before it is warm; None if it does not."""
    try:
        start_take(side.process, side.cell, side.settings).end()
    except BrokenTake as error:
        return BrokenPair(name, error.outcome, error.message)
    return None


def _steps(running: dict[str, LockstepTake]) -> int:
    """Return the steps of an epoch, which the sides have in common."""
    a, b = running["a"].steps, running["b"].steps
    if a != b:
        raise FeedersError(
            f"lockstep: an epoch has {a} steps on side A and {b} on side B; expected the same number, "
            "for turns are matched one to one. Try: the same workload on both sides"
        )
    return a


def _seconds(running: dict[str, LockstepTake]) -> tuple[float, float]:
    """Return the longer time inside an epoch, and the longer gap."""
    takes = running.values()
    return max(take.inside_seconds for take in takes), max(take.gap_seconds for take in takes)


def _waits(running: dict[str, LockstepTake]) -> bool:
    """Whether a side waits for much of its time."""
    return min(take.cores for take in running.values()) < WAITING_CORES


@dataclass(frozen=True)
class Plan:
    """The turns of a pair.

    Attributes:
        steps: of turns, again and again: of one epoch or several, or of nearly equal parts of one.
        uncounted: steps before these in each turn.
        turns: that are enough.
    """

    steps: list[int]
    uncounted: int
    turns: int


def plan(
    steps: int,
    inside_seconds: float,
    gap_seconds: float,
    turn_seconds: float,
    part_seconds: float,
    waits: bool = False,
) -> Plan:
    """Return the turns of a pair.

    Args:
        steps: of an epoch.
        inside_seconds: of an epoch, without the gap.
        gap_seconds: of the gap after it.
        turn_seconds: length of a turn.
        part_seconds: length of one that is a part of an epoch.
        waits: whether a side waits for much of its time.
    """
    seconds = inside_seconds + gap_seconds
    epochs = max(1, round(turn_seconds / seconds))
    most = steps // TURN_STEPS
    if waits and seconds <= LONGEST_APART:
        before, parts = steps * -(-TURN_STEPS // steps), max(1, min(round(inside_seconds / turn_seconds), most))
        return Plan([epochs * steps], before, max(FEWEST_APART, TURNS // (2 * parts)))
    parts = max(1, min(round(inside_seconds / part_seconds), most))
    return Plan([epochs * (steps * (at + 1) // parts - steps * at // parts) for at in range(parts)], 0, TURNS)


def _enough(turns: TurnTimes, wanted: int, seconds: float) -> bool:
    """Whether both parts of an epoch have been seen often enough for their weight in it."""
    gaps, feeds = len(turns.gaps), len(turns.feeds)
    if gaps < GAPS:
        return False
    return seconds > PAIR_SECONDS or (feeds >= wanted and gaps >= wanted * turns.gap_share())


def _summary(take: LockstepTake, parts: int, turns: Sequence[tuple[int, Turn]]) -> TurnTimes:
    return TurnTimes(
        steps=take.steps,
        parts=parts,
        feeds=[turn.inside for _, turn in turns],
        feed_steps=[steps - turn.gaps for steps, turn in turns],
        gaps=[turn.gap / turn.gaps for _, turn in turns if turn.gaps],
    )
