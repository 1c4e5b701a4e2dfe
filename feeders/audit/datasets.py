"""A ``tf.data.Dataset`` read by the audit; whoever made one has TensorFlow."""

from __future__ import annotations

from collections import Counter
from typing import Any, Sequence

from feeders.keras_api import TENSORFLOW, asked_backend
from feeders.loaders.pipelines import draws_at_once, is_endless, is_stage, parallel_stages, stages_of
from feeders.measure.identity import Columns

from .readings import Remainder


def overlap(dataset: Any, epoch: Sequence[Columns]) -> int | None:
    """Return how many times each sample comes in a pass of a dataset that interleaves others and repeats nothing."""
    stages = [type(stage).__name__ for stage in stages_of(dataset)]
    times = set(Counter(key for batch in epoch for key in batch.keys).values())
    interleaved = any("Interleave" in name for name in stages) and not any("Repeat" in name for name in stages)
    return times.pop() if interleaved and len(times) == 1 and times != {1} else None


def is_blurred(dataset: Any) -> bool:
    """Whether it repeats without end and is shuffled after that, which mixes the end of a pass with the next one."""
    stages = list(stages_of(dataset))
    shuffled = next((place for place, stage in enumerate(stages) if is_stage(stage, "Shuffle")), len(stages))
    repeated = any(is_stage(stage, "Repeat") for stage in stages[shuffled + 1 :])
    return repeated and is_endless(stages[shuffled])


def is_repeated(dataset: Any) -> bool:
    """Whether it holds several passes of what it is made from, or passes without end."""
    return any(is_stage(stage, "Repeat") for stage in stages_of(dataset))


def is_reselected(dataset: Any) -> bool:
    """Whether each pass takes part of what is shuffled anew, so that it holds other samples than the one before."""
    stages = list(stages_of(dataset))
    shuffled = next((place for place, stage in enumerate(stages) if _is_shuffled_anew(stage)), 0)
    parts = [stage for stage in stages[:shuffled] if is_stage(stage, "Take", "Skip", "Shard")]
    return any(0 <= int(stage.cardinality()) < int(stage._input_dataset.cardinality()) for stage in parts)


def remainder(dataset: Any) -> Remainder | None:
    """Return what ``drop_remainder=True`` leaves out of each pass, as far as the dataset tells how long a pass is."""
    for stage in stages_of(dataset):
        if is_stage(stage, "Take"):  # what is beyond it is left out on purpose
            return None
        if bool(getattr(stage, "_drop_remainder", False)) and hasattr(stage, "_batch_size"):
            of = int(stage._input_dataset.cardinality())
            left = of % int(stage._batch_size) if of > 0 else 0
            return Remainder(left, of) if left else None
    return None


def gives_up_order(dataset: Any) -> bool:
    """Whether it hands on what is ready first (``deterministic=False``), which one thread alone does not show."""
    options = dataset.options()
    whole = getattr(options, "deterministic", None)  # TensorFlow 2.4 calls it otherwise
    return whole is False or any(getattr(stage, "_deterministic", "") == "false" for stage in stages_of(dataset))


def is_drawn(dataset: Any, passes: Sequence[Sequence[Columns]]) -> bool:
    """Whether it draws random numbers that are others in ``fit()``, though one thread alone draws the same again.

    Which of several calls that run at once draws which number is a matter of chance.

    Args:
        dataset: a pipeline.
        passes: whole ones, read by one thread. Content that is new in the second one was drawn by code that TensorFlow
            only calls.
    """
    # Elsewhere Keras begins a pass to build the model, and the next one goes on with other numbers.
    shifted = bool(parallel_stages(dataset)) or asked_backend() != TENSORFLOW
    new = shifted and len(passes) > 1 and not is_reselected(dataset) and _is_new(*passes[:2])
    return new or draws_at_once(dataset)


def _is_new(one: Sequence[Columns], other: Sequence[Columns]) -> bool:
    """Whether more samples of a pass are new than a short last batch, left out before, can bring."""
    before, now = (Counter(value for batch in epoch for value in batch.contents) for epoch in (one, other))
    return sum((now - before).values()) > max(len(batch.contents) for batch in other)


def _is_shuffled_anew(stage: Any) -> bool:
    return is_stage(stage, "Shuffle") and getattr(stage, "_reshuffle_each_iteration", None) is not False
