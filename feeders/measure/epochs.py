"""Epochs of a stated length: what a take tells of them, from the time of a batch and the gap between two epochs."""

from __future__ import annotations

import dataclasses

from feeders.loaders import workload
from feeders.results.record import MEASURED, Record

# Batches of an epoch, where nobody says another number: ImageNet at a batch size of 1,280, or 32,000 samples by 32.
EPOCH_BATCHES = 1000


def batches(record: Record) -> int:
    """Return how many batches an epoch of the take had."""
    if record.batches:
        return record.batches
    kind = workload(record.workload).kind
    return -(-kind.samples // kind.batch_size)


def batch_seconds(record: Record) -> float:
    """Return the seconds of a batch within long epochs.

    Takes of before that was measured tell what is left of an epoch without its gap.
    """
    known = record.metrics.get("seconds_per_batch")
    return known or (record.metrics["epoch"] - record.metrics.get("gap", 0.0)) / batches(record)


def epoch_seconds(record: Record, of: int) -> float:
    """Return the seconds of an epoch of so many batches, with the gap to the next one."""
    return of * batch_seconds(record) + record.metrics.get("gap", 0.0)


def effective_throughput(record: Record, of: int) -> float:
    """Return the unique, whole samples per second in epochs of so many batches."""
    metrics = record.metrics
    samples = metrics["throughput"] * metrics["epoch"] / batches(record)
    whole = metrics["effective_throughput"] / metrics["throughput"]
    return of * samples * whole / epoch_seconds(record, of)


def of_length(record: Record, of: int) -> Record:
    """Return the take with what ranks put for epochs of so many batches; other metrics stay as they were measured."""
    if record.outcome != MEASURED or not {"epoch", "throughput", "effective_throughput"} <= set(record.metrics):
        return record
    effective = effective_throughput(record, of)
    metrics = {**record.metrics, "seconds_per_batch": batch_seconds(record), "effective_throughput": effective}
    if effective:
        metrics["effective"] = 1000 / effective
        limit = metrics.get("limit")
        if limit and "share_of_limit" in metrics:
            metrics.update(share_of_limit=100 * effective / limit, beyond_limit=1000 / effective - 1000 / limit)
    return dataclasses.replace(record, metrics=metrics)
