"""What to feed ``fit()`` with here, from what was measured, by one rule that is written out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Mapping

import pandas as pd

from feeders import variables
from feeders.measure.device import GPUS
from feeders.measure.metrics import METRICS, stall_word
from feeders.results.record import BROKEN, REFUSED
from feeders.strategies import FEEDERS

from .cells import SAFE, SUBJECT, UNSAFE, rows_of
from .neighbours import sentence

# Feeders closer together than this can't be told apart by the takes of one run; the simpler one is as good.
AS_FAST = 0.95
# A runner-up is better at something if it takes this share of it, or less.
CHEAPER = 0.8

RULE = (
    "A feeder must have delivered every sample once and whole, in every take and in the audit, if there is one. Of "
    "these, take all that reach 95 % of the most effective samples per second. Of those, the one with the fewest "
    "workers is named; then the one that comes first in the list of feeders, simple ones first. Feeders that show a "
    "mistake are left out. A feeder that needs more than a loader in Python is named apart."
)

# The name of a series has no slash nor colon, so it tells no path: who reads knows it.
PATHS = {variables.IMAGES: "DIR", variables.LOADER: "FILE.py:NAME"}

# What an unsafe feeder is avoided for.
WRONG = "wrong delivery"

CellRow = Mapping[str, Any]

FEEDERS_BY_NAME = {row.name: row for row in FEEDERS}
ORDER = list(FEEDERS_BY_NAME)


@dataclass(frozen=True)
class Recommendation:
    """What to use for one workload on one machine, release and device.

    Attributes:
        subject: machine, release and device.
        workload: its name.
        best: the row of `cells_table` that is recommended; None if no feeder delivered all samples.
        runner_up: the next best feeder; None if there is none.
        better_at: what the runner-up is better at, in words with numbers.
        otherwise: rows that are faster still, if what they need can be had.
        avoid: feeders and why, in words.
        neighbour: how much longer a step takes beside it, in words; empty if not known.
        uncounted: why it is not known what the best one delivers, in words; empty if that was counted.
    """

    subject: tuple[str, str, str]
    workload: str
    best: CellRow | None
    runner_up: CellRow | None
    better_at: tuple[str, ...]
    otherwise: tuple[CellRow, ...]
    avoid: tuple[tuple[str, str], ...]
    neighbour: str
    uncounted: str

    @property
    def none_safe(self) -> str:
        """What is said where there is no best one."""
        return f"nothing measured is safe{' that needs only a loader in Python' if self.otherwise else ''}"


def recommendations(cells: pd.DataFrame) -> list[Recommendation]:
    """Return a recommendation for each subject and workload.

    Args:
        cells: as `cells_table` returns it.
    """
    return [
        _recommendation(key, rows_of(group))
        for key, group in cells.groupby([*SUBJECT, "workload"], sort=False, dropna=False)
    ]


def name(cell: CellRow) -> str:
    """Return the feeder of a cell with its workers."""
    return f"{cell['feeder']} ×{cell['workers']}"


def share(cell: CellRow) -> str:
    """Return how near training came to the ceiling, with the word for it; empty if it is not known."""
    stall = cell["stall"]
    if pd.isna(stall):
        return ""
    return f"{METRICS.named('stall').format(100 - stall)} ({stall_word(stall)})"


def _recommendation(key: Any, cells: list[dict[str, Any]]) -> Recommendation:
    known = [
        cell for cell in cells if cell["feeder"] in FEEDERS_BY_NAME and not FEEDERS_BY_NAME[cell["feeder"]].ceiling
    ]
    whole = [cell for cell in known if cell["state"] == SAFE and not cell["why"]]
    safe = [cell for cell in whole if not FEEDERS_BY_NAME[cell["feeder"]].mistake]
    own = [cell for cell in safe if not FEEDERS_BY_NAME[cell["feeder"]].needs]
    best = _best(own)
    runner_up = _best([cell for cell in own if best and cell["feeder"] != best["feeder"]])
    return Recommendation(
        subject=tuple(key[: len(SUBJECT)]),
        workload=key[-1],
        best=best,
        runner_up=runner_up,
        better_at=_better_at(runner_up, best) if best and runner_up else (),
        otherwise=_otherwise([cell for cell in safe if FEEDERS_BY_NAME[cell["feeder"]].needs], best),
        avoid=tuple(_avoid(known)),
        neighbour=sentence(best, cells),
        uncounted=_uncounted(best),
    )


def _best(cells: list[dict[str, Any]]) -> CellRow | None:
    if not cells:
        return None
    fastest = max(cell["effective_throughput"] for cell in cells)
    near = [cell for cell in cells if cell["effective_throughput"] >= AS_FAST * fastest]
    return min(near, key=lambda cell: (cell["workers"], ORDER.index(cell["feeder"])))


def _uncounted(best: CellRow | None) -> str:
    if best is None or not best["message"]:
        return ""
    return f"delivery {best['message']}. Try: `feeders audit LOADER --key EXPRESSION`"


def _otherwise(cells: list[dict[str, Any]], best: CellRow | None) -> tuple[CellRow, ...]:
    bar = best["effective_throughput"] if best else 0.0
    feeders = dict.fromkeys(cell["feeder"] for cell in cells)
    best_of_each = [_best([cell for cell in cells if cell["feeder"] == feeder]) for feeder in feeders]
    return tuple(cell for cell in best_of_each if cell and cell["effective_throughput"] * AS_FAST > bar)


def _better_at(other: CellRow, best: CellRow) -> tuple[str, ...]:
    """What the other one needs clearly less of."""
    compared = (("wait_p99", "p99 wait"), ("first_batch", "first batch"), ("cpu", "CPU"), ("memory", "memory"))
    return tuple(
        f"{title} {METRICS.named(metric).format(other[metric])} against {METRICS.named(metric).format(best[metric])}"
        for metric, title in compared
        if other[metric] <= CHEAPER * best[metric]
    )


def _avoid(cells: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What must not be used, or gains nothing, and why; worker counts that suffer alike stand together."""
    workers_of: dict[tuple[str, str], list[int]] = {}
    for cell in cells:
        reason = _reason(cell, cells)
        if reason:
            workers_of.setdefault((cell["feeder"], reason), []).append(cell["workers"])
    return [(f"{feeder} ×{', ×'.join(map(str, workers))}", reason) for (feeder, reason), workers in workers_of.items()]


def _reason(cell: CellRow, cells: list[dict[str, Any]]) -> str:
    if cell["state"] == UNSAFE:
        return f"{WRONG}: {cell['why']}"
    if cell["word"] in (*BROKEN, REFUSED):
        return f"{cell['word']}: {_gist(cell['message'])}"
    if cell["why"]:
        return str(cell["why"])
    if FEEDERS_BY_NAME[cell["feeder"]].mistake and cell["state"] == SAFE:
        return f"a mistake, whatever a short run shows: {FEEDERS_BY_NAME[cell['feeder']].belief}"
    alone = next((row for row in cells if row["feeder"] == cell["feeder"] and row["workers"] == 1), None)
    if alone is None or alone["state"] != SAFE or cell["state"] != SAFE or cell is alone:
        return ""
    gain = cell["effective_throughput"] / alone["effective_throughput"]
    return f"slower with more workers: × {gain:.2f} of one" if gain < CHEAPER else ""


def _gist(message: str) -> str:
    line = next(iter(message.strip().splitlines()), "")
    return line if len(line) <= 90 else f"{line[:87]}..."


def costs(cell: CellRow) -> list[tuple[str, str]]:
    """Return what a cell gives and takes: titles and values with units; what is not known is left out."""
    shown = (("p99 wait", "wait_p99"), ("CPU", "cpu"), ("memory", "memory"), ("GPU busy", "gpu_busy"))
    values = [(title, METRICS.named(metric).format(cell.get(metric))) for title, metric in shown]
    limit = METRICS.named("share_of_limit").format(cell.get("share_of_limit"))
    first = [("of this host's limit", limit), ("of the ceiling", share(cell))]
    return [(title, value) for title, value in [*first, *values] if value]


def speed(cell: CellRow) -> str:
    """Return effective throughput, with the interval of its median where there are takes enough."""
    low, high = cell["effective_throughput_low"], cell["effective_throughput_high"]
    value = f"{cell['effective_throughput']:,.0f}"
    return value if pd.isna(low) else f"{value} [{low:,.0f}, {high:,.0f}]"


def alternatives(recommendation: Recommendation, speed: Callable[[CellRow], str] = speed) -> list[str]:
    """Return what else there is, in words: the next best and when it is better; what would do more than a loader.

    Args:
        recommendation: of a workload.
        speed: says how fast a cell is.
    """
    best, other = recommendation.best, recommendation.runner_up
    texts = []
    if best and other:
        better = f", better at {' and '.join(recommendation.better_at)}" if recommendation.better_at else ""
        texts.append(f"next best `{name(other)}`, {speed(other)}{better}")
        low, high = best["effective_throughput_low"], other["effective_throughput_high"]
        if not high < low:  # also where there is one take, which has no interval
            doubt = "too few takes" if pd.isna(low + high) else "too close to call"
            sides = f"{best['feeder']}:{best['workers']} {other['feeder']}:{other['workers']}"
            settings = _settings(recommendation.subject[-1])
            command = f"{settings}feeders compare {sides} --workload {recommendation.workload}"
            texts.append(f"{doubt}; to decide: `{command}`")
    texts += [
        f"with {FEEDERS_BY_NAME[cell['feeder']].needs}: `{name(cell)}`, {speed(cell)}"
        for cell in recommendation.otherwise
    ]
    return texts


def _settings(device: str) -> str:
    """What is set for a command to measure on that device, which has what sets its series apart in its name."""
    where, *apart = device.split(", ")
    settings = [f"{variables.DEVICE}={GPUS}"] if where == GPUS.upper() else []  # else one would be used
    for name, equals, value in (part.partition("=") for part in apart):
        if equals:
            settings.append(f"{name}={PATHS.get(name, value)}")
    return "".join(f"{each} " for each in settings)
