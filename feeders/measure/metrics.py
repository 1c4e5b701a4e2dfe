"""The catalogue of metrics: what is measured, in which unit, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass

# asv drops results of another version, and no run goes on with takes of another. Raise it when what a series means has
# changed: tests/benchmarks says when.
SERIES_VERSION = "1"


@dataclass(frozen=True)
class Metric:
    """One number of a take.

    Attributes:
        name: key in ``Record.metrics``.
        unit: what it is counted in.
        meaning: what is counted, in one line, and what it does not see.
        lower_is_better: the direction; where it is False the metric is no asv series.
        gpu: known on GPUs alone; no asv series, which would stand empty on every other host.
    """

    name: str
    unit: str
    meaning: str
    lower_is_better: bool = True
    gpu: bool = False


METRICS = (
    Metric("first_batch", "seconds", "from the call of fit() to the first batch in the training step"),
    Metric("first_epoch", "seconds", "from the call of fit() to the end of epoch 1: tracing, workers start, one pass"),
    Metric("epoch", "seconds", "a steady epoch, from the end of the one before: the gap is included"),
    Metric("gap", "seconds", "from the last step of an epoch to the first batch of the next; no per-batch tap sees it"),
    Metric("throughput", "samples/s", "samples of the steady epochs over their time, a ratio of sums", False),
    Metric("effective_throughput", "samples/s", "the unique, whole samples among them: the number that ranks", False),
    Metric("effective", "seconds/1000 samples", "time for 1,000 unique, whole samples: 1,000 / effective throughput"),
    Metric("wait_mean", "seconds", "mean time a step is blocked for its batch; in bursts, where a median misleads"),
    Metric("wait_p50", "seconds", "median of the wait per batch"),
    Metric("wait_p95", "seconds", "95th percentile of the wait per batch"),
    Metric("wait_p99", "seconds", "99th percentile of the wait per batch"),
    Metric("wait_max", "seconds", "longest wait for a batch"),
    Metric("step_p50", "seconds", "median of the whole training step, wait included"),
    Metric("step_p99", "seconds", "99th percentile of the whole training step"),
    Metric("stall", "%", "1 - ceiling / actual epoch time; ceiling: resident on the same workload in the same round"),
    Metric("cpu", "seconds/1000 samples", "CPU time of the process tree in the steady epochs"),
    Metric(
        "memory",
        "bytes",
        "peak set size (PSS) of the process tree: verified epoch, ends of the steady part",
    ),
    Metric("growth", "bytes/epoch", "growth of that set size per steady epoch; about 0 is right"),
    Metric("gpu_busy", "%", "share of the steady epochs in which a kernel ran on the GPU, by NVML", False, gpu=True),
    Metric("gpu_memory", "bytes", "peak memory in use on the GPU in the steady epochs, by anybody, by NVML", gpu=True),
    Metric("copy", "seconds", "bringing one batch to the GPU, alone; in training it may overlap other work", gpu=True),
    Metric("reads", "batches read/delivered", "batches prepared over batches trained on: look-ahead and shape probing"),
    Metric("left", "threads + processes", "Python threads and child processes still alive after fit() returned"),
    Metric("missing", "samples", "samples of the verified epoch that never reached the training step"),
    Metric("duplicated", "samples", "deliveries of a sample after its first, in the verified epoch"),
    Metric("disordered", "samples", "samples that arrived after one of a higher index"),
    Metric("corrupt", "samples", "samples whose content was not what their id promises: torn, or another's"),
    Metric("stale", "samples", "samples that carry the stamp of another epoch"),
)

# Percent of stall up to which training counts as fed, and beyond which as starved.
PARTLY, STARVED = 5.0, 20.0


def stall_word(stall: float) -> str:
    """Return the word for a stall in percent."""
    return "fed" if stall < PARTLY else "partly starved" if stall <= STARVED else "starved"
