"""The catalogue of metrics: what is measured, in which unit, which way is better, and how a person reads it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from feeders.catalogue import Catalogue

# asv drops results of another version, and no run goes on with takes of another. Raise it when what a series means has
# changed: tests/benchmarks says when.
SERIES_VERSION = "1"


@dataclass(frozen=True)
class Spoken:
    """How people say numbers of a unit.

    Attributes:
        units: what they say, and its size in the unit that is stored; largest first.
        of: what follows.
        digits: takes spread by some per cent, so more would be noise.
    """

    units: tuple[tuple[str, float], ...]
    of: str = ""
    digits: int = 3


TIMES = ((" s", 1.0), (" ms", 1e-3), (" µs", 1e-6))
SIZES = ((" GB", 1e9), (" MB", 1e6), (" kB", 1e3), (" B", 1.0))

# By the unit that is stored. What is in none of these is counted, and told whole.
SPOKEN = {
    "seconds": Spoken(TIMES),
    "seconds/1000 samples": Spoken(TIMES, " per 1,000 samples"),
    "bytes": Spoken(SIZES),
    "bytes/epoch": Spoken(SIZES, " per epoch"),
    "samples/s": Spoken(((" samples/s", 1.0),)),
    "%": Spoken(((" %", 1.0),), digits=2),
    "share": Spoken(((" %", 0.01),), digits=2),
    "batches read/delivered": Spoken((("", 1.0),), " read per batch delivered"),
}


def spoken(value: float | None, unit: str) -> str:
    """Return a value as a person would say it: "3.45 ms", "1.8 GB", "12,400 samples/s", "61 %"; empty if unknown.

    Args:
        value: in the unit that is stored.
        unit: of a `Metric`.
    """
    if value is None or not math.isfinite(value):
        return ""
    if unit not in SPOKEN:
        return f"{_plain(value)} {unit}"
    said = SPOKEN[unit]
    rounded = float(f"{value:.{said.digits}g}")
    name, size = next((each for each in said.units if abs(rounded) >= each[1]), said.units[-1])
    # A division brings digits back. A nought needs no prefix: it has the first unit.
    number = float(f"{rounded / size:.{said.digits}g}")
    return f"{_plain(number)}{name if number else said.units[0][0]}{said.of}"


def _plain(number: float) -> str:
    """A number with thousands apart and without a power of ten."""
    return f"{number:,.12f}".rstrip("0").rstrip(".")


# Unit of a column or an axis, the same for all of its values, and what they are multiplied by.
MILLISECONDS, MEGABYTES, KILOBYTES = ("ms", 1e3), ("MB", 1e-6), ("kB/epoch", 1e-3)


@dataclass(frozen=True)
class Metric:
    """One number of a take.

    Attributes:
        name: key in ``Record.metrics``.
        unit: what it is counted in, and stored.
        meaning: what is counted, in one line, and what it does not see.
        lower_is_better: the direction; where it is False the metric is no asv series.
        gpu: known on GPUs alone; no asv series, which would stand empty on every other host.
        column: unit of a column that shows it, and the factor to it; None is the unit that is stored.
    """

    name: str
    unit: str
    meaning: str
    lower_is_better: bool = True
    gpu: bool = False
    column: tuple[str, float] | None = None

    def format(self, value: float | None) -> str:
        """Return a value as a person would say it; empty if it is unknown."""
        return spoken(value, self.unit)

    def in_column(self) -> tuple[str, float]:
        """Return the unit of a column that shows it, and what values are multiplied by."""
        return self.column or (self.unit, 1.0)


_ROWS = (
    Metric("first_batch", "seconds", "from the call of fit() to the first batch in the training step"),
    Metric("first_epoch", "seconds", "from the call of fit() to the end of epoch 1: tracing, workers start, one pass"),
    Metric("epoch", "seconds", "a steady epoch, from the end of the one before: the gap is included"),
    Metric("gap", "seconds", "from the last step of an epoch to the first batch of the next; no per-batch tap sees it"),
    Metric(
        "seconds_per_batch",
        "seconds",
        "a batch within long epochs, once what was read ahead has been used up",
        column=MILLISECONDS,
    ),
    Metric("unsteady", "batch shapes", "batch shapes first trained on in the steady part, which a backend may compile"),
    Metric("throughput", "samples/s", "samples of the steady epochs over their time, a ratio of sums", False),
    Metric("effective_throughput", "samples/s", "the unique, whole samples among them: the number that ranks", False),
    Metric("effective", "seconds/1000 samples", "time for 1,000 unique, whole samples: 1,000 / effective throughput"),
    Metric(
        "wait_mean",
        "seconds",
        "mean time a step is blocked for its batch; in bursts, where a median misleads",
        column=MILLISECONDS,
    ),
    Metric("wait_p50", "seconds", "median of the wait per batch", column=MILLISECONDS),
    Metric("wait_p95", "seconds", "95th percentile of the wait per batch", column=MILLISECONDS),
    Metric("wait_p99", "seconds", "99th percentile of the wait per batch", column=MILLISECONDS),
    Metric("wait_max", "seconds", "longest wait for a batch", column=MILLISECONDS),
    Metric("step_p50", "seconds", "median of the whole training step, wait included", column=MILLISECONDS),
    Metric("step_p99", "seconds", "99th percentile of the whole training step", column=MILLISECONDS),
    Metric(
        "step_work",
        "seconds",
        "a batch within long epochs without the wait for it: what training takes while the feeder works beside it",
        column=MILLISECONDS,
    ),
    Metric(
        "limit",
        "samples/s",
        "what no feeder can beat here: min(cold ceiling, cores / CPU to prepare and train on a sample), each alone",
        False,
    ),
    Metric("share_of_limit", "%", "effective throughput in epochs of 1,000 batches over the limit", False),
    Metric("beyond_limit", "seconds/1000 samples", "time beyond what the limit takes, in epochs of 1,000 batches"),
    Metric("gil_share", "share", "share of preparing a batch in which the GIL is held, from 0 to 1", False),
    Metric("stall", "%", "1 - ceiling / actual epoch time; ceiling: resident on the same workload in the same round"),
    Metric("cpu", "seconds/1000 samples", "CPU time of the process tree in the steady epochs"),
    Metric(
        "memory",
        "bytes",
        "peak set size (PSS) of the process tree: verified epoch, ends of the steady part",
        column=MEGABYTES,
    ),
    Metric("growth", "bytes/epoch", "growth of that set size per steady epoch; about 0 is right", column=KILOBYTES),
    Metric("gpu_busy", "%", "share of the steady epochs in which a kernel ran on the GPU, by NVML", False, gpu=True),
    Metric(
        "gpu_memory",
        "bytes",
        "peak memory in use on the GPU in the steady epochs, by anybody, by NVML",
        gpu=True,
        column=MEGABYTES,
    ),
    Metric(
        "copy",
        "seconds",
        "bringing one batch to the GPU, alone; in training it may overlap other work",
        gpu=True,
        column=MILLISECONDS,
    ),
    Metric("reads", "batches read/delivered", "batches prepared over batches trained on: look-ahead and shape probing"),
    Metric("left", "threads + processes", "Python threads and child processes still alive after fit() returned"),
    Metric("missing", "samples", "samples of the verified epoch that never reached the training step"),
    Metric("duplicated", "samples", "deliveries of a sample after its first, in the verified epoch"),
    Metric("disordered", "samples", "samples that arrived after one of a higher index"),
    Metric("corrupt", "samples", "samples whose content was not what their id promises: torn, or another's"),
    Metric("stale", "samples", "samples that carry the stamp of another epoch"),
)

METRICS = Catalogue("a metric", _ROWS, hint="feeders list")

# Percent of stall up to which training counts as fed, and beyond which as starved.
PARTLY, STARVED = 5.0, 20.0


def stall_word(stall: float) -> str:
    """Return the word for a stall in percent."""
    return "fed" if stall < PARTLY else "partly starved" if stall <= STARVED else "starved"
