"""What the log-ratios of lockstep pairs, one number a pair, allow to be said of B against A."""

from __future__ import annotations

import dataclasses
import math
from typing import Hashable, Mapping, Sequence, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import special
from scipy.optimize import brentq

from feeders.results.changes import SpeedVerdict

SLOWER, FASTER, SAME, UNDECIDED = "slower", "faster", "same", "undecided"

# Identical sides differed by up to 1.7 % in the mean of many pairs: a bias of label or order of 1-2 % cannot be
# excluded, so less than this is never called a change.
MARGIN = 0.03
# A report has hundreds of comparisons; at the customary 5 % every twentieth identical one would pass the test alone.
LEVEL = 0.01
# The customary chance of being found, for which the smallest effect is told.
POWER = 0.8
# Of fewer pairs one that a burst has hit decides, and two that agree by chance look certain.
FEWEST = 10

_LOG_MARGIN = math.log1p(MARGIN)
# The exponential of more overflows. Two pairs that disagree wildly have an interval as wide.
_LARGEST_LOG = 700.0
# Quantiles of the estimated spread that stand for its distribution: with 200, and no margin, the smallest effect is
# that of scipy's non-central t to one part in a million.
_SPREADS = 200

Key = TypeVar("Key", bound=Hashable)
Values = npt.NDArray[np.float64]


def judge_pairs(log_ratios: Sequence[float] | Values, level: float = LEVEL) -> SpeedVerdict:
    """Return the verdict of one comparison.

    A change passes a t test at the level and its estimate passes the margin; "same" needs the 99 % interval within
    the margin. A bias that all pairs share is not seen, whatever their number.

    Args:
        log_ratios: one a pair, log of B's time over A's; pairs are taken as independent.
        level: of the test for a change, smaller inside a family. The interval and "same" are always 99 %.

    Raises:
        ValueError: a log-ratio is not finite.
    """
    values = np.asarray(log_ratios, dtype=float)
    _check_finite(values)
    pairs = len(values)
    if pairs < 2:
        return SpeedVerdict(UNDECIDED, pairs, ratio=_ratio(float(values[0])) if pairs else None)
    mean, spread = float(values.mean()), float(values.std(ddof=1))
    p = _p_value(mean, spread, pairs)
    low, high = t_interval(values)
    word = _word(mean, low, high, changed=p < level)
    return SpeedVerdict(
        word,
        pairs,
        ratio=_ratio(mean),
        low=_ratio(low),
        high=_ratio(high),
        spread=spread,
        p=p,
        detectable=_ratio(_detectable(spread, pairs, level)) - 1,
        needed=_needed(spread, pairs) if word == UNDECIDED else None,
        within=_ratio(max(-low, high)) - 1 if word == SAME else None,
    )


def judge_within_family(log_ratios: Sequence[float] | Values, family: int) -> SpeedVerdict:
    """Return the verdict of one comparison among as many as the family has, before the others are known.

    A change that is called here is called by `holm` over the whole family as well, so its sampling can end.
    """
    return _of_enough(judge_pairs(log_ratios, LEVEL / family))


def _of_enough(verdict: SpeedVerdict) -> SpeedVerdict:
    """Leave it undecided before there are `FEWEST` pairs."""
    if verdict.pairs >= FEWEST or verdict.spread is None:
        return verdict
    return dataclasses.replace(verdict, word=UNDECIDED, within=None, needed=max(verdict.needed or 0, FEWEST))


def holm(family: Mapping[Key, Sequence[float] | Values]) -> dict[Key, SpeedVerdict]:
    """Return the verdicts of a family of comparisons: with a chance of 99 %, none of its equal ones is called a change.

    "same" is not part of the family: it is judged for each comparison alone.

    Args:
        family: the log-ratios of each comparison; which ones belong to it is fixed before measuring.

    Source:
        S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979).
    """
    p_values = [judge_pairs(log_ratios).p for log_ratios in family.values()]
    levels = step_down([1.0 if p is None else p for p in p_values], LEVEL)
    return {key: _of_enough(judge_pairs(family[key], level)) for key, level in zip(family, levels)}


def step_down(p_values: Sequence[float], level: float) -> list[float]:
    """Return the level at which Holm's procedure tests each of the p-values; it rejects those that are below.

    The smallest is tested at the level over their number, the next at the level over one less, and so on; from the
    first that is not rejected on the level stays, and the larger ones cannot pass.
    """
    levels = [level] * len(p_values)
    left = len(p_values)
    for index in sorted(range(left), key=p_values.__getitem__):
        levels[index] = level / left
        if p_values[index] < levels[index]:
            left -= 1
    return levels


def t_interval(log_ratios: Sequence[float] | Values, level: float = LEVEL) -> tuple[float, float]:
    """Return the t interval of the mean log-ratio, at least two pairs; the level is the chance to miss it.

    Not a bootstrap: of ten pairs its 99 % interval misses in 4-5 %, the t interval in 1 %.
    """
    values = np.asarray(log_ratios, dtype=float)
    mean, pairs = float(values.mean()), len(values)
    half = _threshold(pairs, level) * float(values.std(ddof=1)) / math.sqrt(pairs)
    return mean - half, mean + half


def _check_finite(values: Values) -> None:
    finite = int(np.isfinite(values).sum())
    if finite < len(values):
        raise ValueError(
            f"verdict: {len(values) - finite} of {len(values)} log-ratios are not finite; expected the logarithm of a "
            "ratio of two positive times for each pair. A pair that was not measured has to be left out"
        )


def _word(mean: float, low: float, high: float, changed: bool) -> str:
    if changed and abs(mean) > _LOG_MARGIN:
        return SLOWER if mean > 0 else FASTER
    return SAME if max(-low, high) <= _LOG_MARGIN else UNDECIDED


def _p_value(mean: float, spread: float, pairs: int) -> float:
    if spread == 0:
        return 1.0 if mean == 0 else 0.0
    return 2 * float(special.stdtr(pairs - 1, -abs(mean) / (spread / math.sqrt(pairs))))


def _threshold(pairs: int, level: float) -> float:
    return float(special.stdtrit(pairs - 1, 1 - level / 2))


def _needed(spread: float, pairs: int) -> int:
    """Return the pairs, more than there are, whose 99 % interval reaches as far as the margin on both sides."""
    # With the spread known for certain; the t interval needs some more.
    needed = max(pairs + 1, math.ceil((float(special.ndtri(1 - LEVEL / 2)) * spread / _LOG_MARGIN) ** 2))
    while _threshold(needed, LEVEL) * spread / math.sqrt(needed) > _LOG_MARGIN:
        needed += 1
    return needed


def _detectable(spread: float, pairs: int, level: float) -> float:
    """Return the true log-ratio that is called a change with a chance of POWER.

    The estimate has to pass what the t test demands, which varies with the spread as estimated, and the margin.
    Without the margin this is the power of the non-central t distribution.
    """
    if spread == 0:
        return _LOG_MARGIN
    error = spread / math.sqrt(pairs)
    shares = (np.arange(_SPREADS) + 0.5) / _SPREADS
    estimated = np.sqrt(special.chdtri(pairs - 1, shares) / (pairs - 1))
    demanded = np.maximum(_LOG_MARGIN, _threshold(pairs, level) * error * estimated)

    def lacking(effect: float) -> float:
        return float(special.ndtr((effect - demanded) / error).mean()) - POWER

    return float(brentq(lacking, _LOG_MARGIN, float(demanded.max()) + error))


def _ratio(log: float) -> float:
    return math.exp(max(-_LARGEST_LOG, min(_LARGEST_LOG, log)))
