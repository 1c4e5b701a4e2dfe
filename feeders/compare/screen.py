"""Where in a history of releases a cell may have changed: candidates to confirm, not findings.

One cell, one release after the other, a few takes of each. Takes of one round ran within the same minutes, on releases
in turn, so what a round has in common is the machine's and not a release's.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean, median
from typing import Container, Iterator, Mapping, Optional, Sequence, Tuple

import numpy as np
from scipy import special

from .verdict import MARGIN, Values, step_down

# The key of the take's round, None where it had none, and the take's time as `low_quantile` tells it.
Take = Tuple[Optional[str], float]
# The takes of each release, in the order of the releases.
History = Mapping[str, Sequence[Take]]

# What a screen lets through costs ten pairs to confirm; what it holds back is never seen.
SCREEN_LEVEL = 0.05
# The means on the two sides of a split are of many takes; a change below the verdict's margin could not be confirmed.
SCAN_MARGIN = math.log1p(MARGIN)
# To differ is not enough, sessions do by 0.5 %: the test is whether the change is larger than this.
ADJACENT_MARGIN = math.log(1.02)
# Bursts on a shared machine only add time: the 10 % quantiles of takes spread by 38 and 17 % where their medians spread
# by 52 and 29 %.
LOW = 0.1
# A release with one take has no spread, and that take may be the one that hit a burst.
FEWEST_TAKES = 2
# The round of two releases has no median that would not move with either.
FEWEST_IN_ROUND = 3
# Two releases' five takes alone: the mean of the middle three errs less than their median, and one burst is not in it.
TAKES_TRIMMED = 0.25
# One pass is exact where every release is in every round; where some are in half of the rounds, each halves the error.
PASSES = 8
# Among three releases the spread within the sides of a split would be that of one pair.
SHORTEST_SCAN = 4
# The 95 % quantile of as many varies by 1.4 % at four releases, by 0.5 % at sixteen.
NULL_DRAWS = 20_000
# Takes never agree that well; made-up ones may, and a spread of 0 could not be divided by.
SMALLEST_SPREAD = 1e-9


@dataclass(frozen=True)
class Suspect:
    """A transition that may hold a change, in either direction.

    Attributes:
        before: the last release without it.
        after: the first release with it.
        step: log of the time after over the time before.
        by: what found it: "scan", "adjacent" or "newest", the first that did.
    """

    before: str
    after: str
    step: float
    by: str


def low_quantile(epochs: Sequence[float]) -> float:
    """Return a take's time as the screen takes it: the log of the 10 % quantile of its steady epochs.

    Stalls in single epochs are not seen.

    Args:
        epochs: seconds of each steady epoch.

    Raises:
        ValueError: there are none.
    """
    if not len(epochs):
        raise ValueError("low_quantile: no steady epochs; expected at least one. A take without them has no time")
    return math.log(float(np.quantile(epochs, LOW)))


def suspects(history: History) -> tuple[Suspect, ...]:
    """Return the transitions of a cell's history that deserve to be confirmed, one suspect each, oldest first.

    Not seen: less than the margins; a machine that changed between two sessions which share no release looks like a
    change, so what is found has to be confirmed by fresh lockstep pairs. Releases with fewer than two takes are left
    out, and a suspect may span them.
    """
    takes = without_rounds({name: takes for name, takes in history.items() if len(takes) >= FEWEST_TAKES})
    names, values = list(takes), list(takes.values())
    by_index: dict[int, tuple[float, str]] = {}
    for by, steps in (
        ("scan", scan([median(own) for own in values])),
        ("adjacent", adjacent(values)),
        ("newest", newest_step(values)),
    ):
        for index, step in steps.items():
            by_index.setdefault(index, (step, by))
    return tuple(Suspect(names[index - 1], names[index], *by_index[index]) for index in sorted(by_index))


def without_rounds(history: History) -> dict[str, list[float]]:
    """Return the takes of each release less what their rounds have in common.

    A round's effect is the median, over the releases in it, of what its takes are off their release's mean: a release
    that stepped, or was in slow rounds only, does not move it. Takes of rounds of fewer than three releases, or of no
    round, say how fast the machine was as much as how fast the release is: they are left out where a release has
    others, and stay as they are where it has not. Not seen: the difference of two sessions whose rounds do not share
    most of their releases. It stays in the takes.

    Args:
        history: at least one take of each release.

    Source:
        Built as the median polish of J. W. Tukey, Exploratory Data Analysis (1977); but with the releases' means, as
        the median of five takes in unequal rounds is the take of one round.
    """
    rounds: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for name, takes in history.items():
        for key, value in takes:
            if key is not None:
                rounds[key].append((name, value))
    shared = {key: held for key, held in rounds.items() if len(dict(held)) >= FEWEST_IN_ROUND}
    history = {name: _comparable(takes, shared) for name, takes in history.items()}
    effects: dict[str | None, float] = {}
    for _ in range(PASSES):
        levels = {name: fmean(_less(takes, effects)) for name, takes in history.items()}
        effects = {key: median(value - levels[name] for name, value in held) for key, held in shared.items()}
    return {name: _less(takes, effects) for name, takes in history.items()}


def _comparable(takes: Sequence[Take], shared: Container[str]) -> Sequence[Take]:
    own = [(key, value) for key, value in takes if key is not None and key in shared]
    return own if len(own) >= FEWEST_TAKES else takes


def _less(takes: Sequence[Take], effects: Mapping[str | None, float]) -> list[float]:
    return [value - effects.get(key, 0.0) for key, value in takes]


def scan(levels: Sequence[float]) -> dict[int, float]:
    """Return lasting steps: the index of the first release after each, and its size.

    The split with the largest t is compared with the largest t of histories without a step; where it is found, both
    sides are split again. What lasts for a single release is seldom seen.

    Args:
        levels: one of each release, in logs.
    """
    return dict(_splits(np.asarray(levels, dtype=float), 0))


def _splits(levels: Values, start: int) -> Iterator[tuple[int, float]]:
    if len(levels) < SHORTEST_SCAN:
        return
    t_values = _t_of_splits(levels)
    split = int(np.argmax(t_values)) + 1
    step = float(levels[split:].mean() - levels[:split].mean())
    if t_values[split - 1] <= _critical(len(levels)) or abs(step) <= SCAN_MARGIN:
        return
    yield from _splits(levels[:split], start)
    yield start + split, step
    yield from _splits(levels[split:], start + split)


def _t_of_splits(levels: Values) -> Values:
    """Return abs t of every split of the last axis, from after its first value to before its last."""
    count = levels.shape[-1]
    centred = levels - levels.mean(axis=-1, keepdims=True)
    before = np.arange(1, count)
    between = centred.cumsum(axis=-1)[..., :-1] ** 2 * count / (before * (count - before))
    within = (centred**2).sum(axis=-1, keepdims=True) - between
    t_squared: Values = between * (count - 2) / np.maximum(within, SMALLEST_SPREAD**2)
    return np.sqrt(t_squared)


@lru_cache(maxsize=None)
def _critical(count: int) -> float:
    """Return what the largest t of so many levels without a step exceeds with a chance of SCREEN_LEVEL."""
    draws = np.random.default_rng(count).standard_normal((NULL_DRAWS, count))
    return float(np.quantile(_t_of_splits(draws).max(axis=-1), 1 - SCREEN_LEVEL))


def adjacent(takes: Sequence[Sequence[float]]) -> dict[int, float]:
    """Return steps from one release to the next, which the scan misses where they last for one release only.

    Args:
        takes: of each release, in logs, without the effects of their rounds.
    """
    steps, p_values = _transitions(takes)
    levels = step_down(p_values, SCREEN_LEVEL)
    return {index + 1: step for index, step in enumerate(steps) if p_values[index] < levels[index]}


def newest_step(takes: Sequence[Sequence[float]]) -> dict[int, float]:
    """Return the step to the last release, tested alone: it is what people ask about, and no later release helps."""
    steps, p_values = _transitions(takes)
    return {len(steps): steps[-1]} if steps and p_values[-1] < SCREEN_LEVEL else {}


def _transitions(takes: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    """Return the step of each transition, and p of the test that its true size is not above the margin.

    The spread is that of all takes about their release's middle: five takes alone would know it badly.
    """
    counts = np.array([len(own) for own in takes])
    free = int(counts.sum()) - len(counts)
    if len(counts) < 2 or free < 1:
        return [], []
    levels = np.array([_middle(own) for own in takes])
    residuals = np.concatenate([np.asarray(own) - level for own, level in zip(takes, levels)])
    spread = max(math.sqrt(float((residuals**2).sum()) / free), SMALLEST_SPREAD)
    steps = np.diff(levels)
    error = spread * np.sqrt(1 / counts[:-1] + 1 / counts[1:])
    p_values = special.stdtr(free, (ADJACENT_MARGIN - np.abs(steps)) / error)
    return steps.tolist(), p_values.tolist()


def _middle(takes: Sequence[float]) -> float:
    """Return the trimmed mean."""
    cut = int(TAKES_TRIMMED * len(takes))
    return fmean(sorted(takes)[cut : len(takes) - cut])
