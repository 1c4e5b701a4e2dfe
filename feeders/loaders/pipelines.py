"""The stages of a ``tf.data.Dataset``, as far as TensorFlow tells."""

from __future__ import annotations

from typing import Any, Iterator

# Operations that draw from a generator which all calls share, by the beginning of their names. Those that are stateless
# are told what to draw.
DRAWS = (
    "RandomUniform",
    "RandomStandardNormal",
    "RandomShuffle",
    "RandomGamma",
    "RandomPoisson",
    "RandomCrop",
    "TruncatedNormal",
    "ParameterizedTruncatedNormal",
    "Multinomial",
    "SampleDistortedBoundingBox",
    "StatefulUniform",
    "StatefulStandardNormal",
    "StatefulTruncatedNormal",
    "StatefulRandom",
    "Rng",
)

# Operations that call a function in Python.
PYTHON = ("PyFunc", "EagerPyFunc")

# What tf.data.Dataset.cardinality() says of a dataset that repeats without end.
INFINITE = -1


def is_endless(dataset: Any) -> bool:
    """Whether it repeats without end."""
    return int(dataset.cardinality()) == INFINITE


def stages_of(dataset: Any) -> Iterator[Any]:
    """Yield a dataset and those that it is made from."""
    while dataset is not None:
        yield dataset
        dataset = getattr(dataset, "_input_dataset", None)


def is_stage(stage: Any, *names: str) -> bool:
    """Whether the class of a stage has a part of its name in common with one of these."""
    return any(name in type(stage).__name__ for name in names)


def parallel_stages(dataset: Any) -> list[Any]:
    """Return those that call a function several times at once."""
    return [
        stage for stage in stages_of(dataset) if is_stage(stage, "ParallelMap", "ParallelInterleave", "MapAndBatch")
    ]


def draws_at_once(dataset: Any) -> bool:
    """Whether calls that run at once draw random numbers of TensorFlow: which of them draws which one is chance."""
    return _calls_at_once(dataset, DRAWS)


def calls_python_at_once(dataset: Any) -> bool:
    """Whether calls that run at once are of a function in Python, which may draw random numbers too."""
    return _calls_at_once(dataset, PYTHON)


def _calls_at_once(dataset: Any, operations: tuple[str, ...]) -> bool:
    return any(_has(stage, operations) for stage in parallel_stages(dataset))


def _has(stage: Any, operations: tuple[str, ...]) -> bool:
    graph = getattr(getattr(getattr(stage, "_map_func", None), "function", None), "graph", None)
    # With those that it calls, as the branches of a condition. As one message a graph may be too large.
    inner = (getattr(function, "graph", None) for function in getattr(graph, "_functions", {}).values())
    graphs = [part for part in (graph, *inner) if part is not None]
    return any(operation.type.startswith(operations) for part in graphs for operation in part.get_operations())
