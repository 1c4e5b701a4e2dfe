"""What measuring costs: the taps on a step, and a take on top of the time that it measures."""

from __future__ import annotations

import dataclasses
import random
from typing import Callable, Sequence

import numpy as np
from scipy import stats

from feeders.errors import FeedersError
from feeders.results.record import MEASURED, Record

from .cells import Cell
from .epochs import batches
from .settings import Settings
from .stack import preload
from .takes import take

# Steps of a fraction of a millisecond and no feeder behind them: nothing hides what the taps add.
CELL = Cell("resident", "remote", 1)

# Some twenty epochs, of which the fast ones are compared: a busy neighbour only ever slows an epoch down.
STEADY_SECONDS = 2.0
FAST_QUANTILE = 0.1

# The step that the promise is about.
REFERENCE_STEP_SECONDS = 0.005


def measure_overhead(pairs: int, progress: Callable[[str, float], None]) -> str:
    """Measure the same cell with and without taps, in turns and in random order, and say what they cost.

    Args:
        pairs: takes of each kind.
        progress: told what is going on, and the share of the pairs that are made.

    Raises:
        FeedersError: a take could not be measured.
    """
    preload()
    tapped = dataclasses.replace(Settings.from_environment(), steady_seconds=STEADY_SECONDS)
    bare = dataclasses.replace(tapped, taps=False)
    added, took = [], []
    for number in range(pairs):
        progress(f"pair {number + 1} of {pairs}", number / pairs)
        order = random.sample([tapped, bare], 2)
        records = {settings.taps: _measured(settings) for settings in order}
        added.append(_step_seconds(records[True]) - _step_seconds(records[False]))
        took += [record.overhead for record in records.values() if record.overhead is not None]
    return _text(added, took, _step_seconds(records[False]))


def _measured(settings: Settings) -> Record:
    record = take(CELL, settings)
    if record.outcome != MEASURED:
        raise FeedersError(f"{CELL}: {record.outcome}: {record.message}")
    return record


def _step_seconds(record: Record) -> float:
    return float(np.quantile(record.epochs[1:], FAST_QUANTILE)) / batches(record)


def _text(added: Sequence[float], took: Sequence[float], step: float) -> str:
    mean, half = np.mean(added), np.inf
    if len(added) > 1:
        half = stats.sem(added) * stats.t.ppf(0.995, len(added) - 1)
    low, high = ((mean + sign * half) * 1e6 for sign in (-1, 1))
    share = 100 * mean / REFERENCE_STEP_SECONDS
    return (
        f"taps: {mean * 1e6:+.1f} us a step [{low:+.1f}, {high:+.1f}] (99 %, {len(added)} pairs of takes, {CELL}, "
        f"step {step * 1e3:.2f} ms): {share:+.2f} % of a {REFERENCE_STEP_SECONDS * 1e3:g} ms step\n"
        f"take: {np.median(took):.2f} s on top of what it measures (median of {len(took)}; largest {max(took):.2f} s)"
    )
