"""A ``tf.data.Dataset`` read by the audit; whoever made one has TensorFlow."""

from __future__ import annotations

from collections import Counter
from typing import Any, Iterator, Sequence

from feeders.measure.identity import Columns

# What tf.data.Dataset.cardinality() says of a dataset that repeats.
INFINITE = -1


def is_endless(dataset: Any) -> bool:
    """Whether it repeats without end."""
    return int(dataset.cardinality()) == INFINITE


def overlap(dataset: Any, epoch: Sequence[Columns]) -> int | None:
    """Return how many times each sample comes in a pass of a dataset that interleaves others and repeats nothing."""
    stages = [type(stage).__name__ for stage in _stages(dataset)]
    times = set(Counter(key for batch in epoch for key in batch.keys).values())
    interleaved = any("Interleave" in name for name in stages) and not any("Repeat" in name for name in stages)
    return times.pop() if interleaved and len(times) == 1 and times != {1} else None


def is_blurred(dataset: Any) -> bool:
    """Whether it repeats without end and is shuffled after that, which mixes the end of a pass with the next one."""
    stages = [type(stage).__name__ for stage in _stages(dataset)]
    shuffled = next((place for place, name in enumerate(stages) if "Shuffle" in name), len(stages))
    return is_endless(dataset) and any("Repeat" in name for name in stages[shuffled + 1 :])


def gives_up_order(dataset: Any) -> bool:
    """Whether it hands on what is ready first (``deterministic=False``), which one thread alone does not show."""
    options = dataset.options()
    whole = getattr(options, "deterministic", None)  # TensorFlow 2.4 calls it otherwise
    return whole is False or any(getattr(stage, "_deterministic", "") == "false" for stage in _stages(dataset))


def _stages(dataset: Any) -> Iterator[Any]:
    """A dataset and those that it is made from, as far as TensorFlow tells."""
    while dataset is not None:
        yield dataset
        dataset = getattr(dataset, "_input_dataset", None)
