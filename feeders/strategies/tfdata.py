"""``tf.data`` pipelines around the same batch, and in TensorFlow ops alone."""

from __future__ import annotations

import itertools
from typing import Any, Callable, Iterator

import numpy as np

from feeders.workloads import Batch, Material

from ._row import Feed, Feeder


def _signature(material: Material) -> Any:
    import tensorflow as tf

    return (
        tf.TensorSpec((None, *material.x_shape), tf.float32),
        tf.TensorSpec((None, material.y_width), tf.int64),
    )


def _per_epoch(pipeline: Callable[[Any], Any], steps: int) -> Feed:
    """Make a dataset that is built from the epoch's number each time it is iterated.

    Args:
        pipeline: given the epoch as a scalar int64 tensor, returns that epoch's dataset of batches.
        steps: batches in an epoch; `flat_map` hides the number from Keras.
    """
    import tensorflow as tf

    passes = itertools.count()
    epochs = tf.data.Dataset.from_tensors(0).map(
        lambda _: tf.reshape(tf.numpy_function(lambda: np.int64(next(passes)), [], tf.int64), ())
    )
    dataset = epochs.flat_map(pipeline).apply(tf.data.experimental.assert_cardinality(steps))
    return Feed(dataset.prefetch(tf.data.experimental.AUTOTUNE))


def _generator(material: Material, workers: int) -> Feed:
    import tensorflow as tf

    passes = itertools.count()

    def one_epoch() -> Iterator[Batch]:
        epoch = next(passes)
        for index in range(len(material)):
            yield material.prepare(index, epoch)

    dataset = tf.data.Dataset.from_generator(one_epoch, output_signature=_signature(material))
    return Feed(dataset.prefetch(tf.data.experimental.AUTOTUNE))


def _map(material: Material, workers: int) -> Feed:
    import tensorflow as tf

    def prepare(index: Any, epoch: Any) -> Any:
        batch = tf.numpy_function(material.prepare, [index, epoch], (tf.float32, tf.int64))
        return tuple(tf.ensure_shape(part, spec.shape) for part, spec in zip(batch, _signature(material)))

    def pipeline(epoch: Any) -> Any:
        indices = tf.data.Dataset.range(len(material))
        return indices.map(lambda index: prepare(index, epoch), num_parallel_calls=workers)

    return _per_epoch(pipeline, len(material))


def _native(material: Material, workers: int) -> Feed:
    import tensorflow as tf

    material.native(workers, tf.constant(0, tf.int64))  # raises Unsupported here rather than inside a traced function
    return _per_epoch(lambda epoch: material.native(workers, epoch), len(material))


def _interleave(material: Material, workers: int) -> Feed:
    import tensorflow as tf

    def shard(number: int, epoch: int) -> Iterator[Batch]:
        for index in range(number, len(material), workers):
            yield material.prepare(index, epoch)

    def shard_dataset(number: Any, epoch: Any) -> Any:
        return tf.data.Dataset.from_generator(shard, args=(number, epoch), output_signature=_signature(material))

    def pipeline(epoch: Any) -> Any:
        return tf.data.Dataset.range(workers).interleave(
            lambda number: shard_dataset(number, epoch), cycle_length=workers, num_parallel_calls=workers
        )

    return _per_epoch(pipeline, len(material))


ROWS = (
    Feeder(
        "tfdata-generator",
        _generator,
        "Dataset.from_generator and prefetch",
        "one Python thread, whatever prefetch says",
        parallel=False,
    ),
    Feeder(
        "tfdata-map",
        _map,
        "an index dataset, map(numpy_function, num_parallel_calls=workers)",
        "parallel only where the body releases the GIL, and no wider than TensorFlow's thread pool",
    ),
    Feeder(
        "tfdata-native",
        _native,
        "the same work written in TensorFlow ops, num_parallel_calls=workers",
        "no Python in the loop, no GIL",
    ),
    Feeder(
        "tfdata-interleave",
        _interleave,
        "one from_generator per worker over disjoint shards, interleaved",
        "exactly once only if the shards are disjoint",
    ),
)
