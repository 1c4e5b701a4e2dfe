"""``tf.data`` pipelines around the same batch, and in TensorFlow ops alone."""

from __future__ import annotations

import itertools
from typing import Any, Iterator

from feeders.keras_api import backend, no_autograph
from feeders.loaders import STATIC_EPOCH, Batch, Material

from ._row import Feed, Feeder


def _signature(material: Material) -> Any:
    import tensorflow as tf

    return (
        tf.TensorSpec((None, *material.x_shape), tf.float32),
        tf.TensorSpec((None, material.y_width), tf.int64),
    )


def _prefetched(dataset: Any) -> Feed:
    import tensorflow as tf

    return Feed(dataset.prefetch(tf.data.experimental.AUTOTUNE))


def _generator(material: Material, workers: int) -> Feed:
    import tensorflow as tf

    passes = itertools.count()

    def one_epoch() -> Iterator[Batch]:
        epoch = next(passes)
        for index in range(len(material)):
            yield material.prepare(index, epoch)

    return _prefetched(tf.data.Dataset.from_generator(one_epoch, output_signature=_signature(material)))


def _passes() -> Iterator[int]:
    """The epochs of one part of a dataset, in order.

    Keras for JAX and torch begins an epoch that it does not train on, to learn shapes, and drops it with some parts
    begun and others not: there a part can't tell its epoch.
    """
    return itertools.count() if backend() == "tensorflow" else itertools.repeat(STATIC_EPOCH)


def _map(material: Material, workers: int) -> Feed:
    import tensorflow as tf

    # A dataset does not know its epoch: an index is in the epoch that it has been asked for before.
    epochs = [_passes() for _ in range(len(material))]

    def prepare(index: int) -> Batch:
        return material.prepare(index, next(epochs[index]))

    def mapped(index: Any) -> Any:
        batch = tf.numpy_function(prepare, [index], (tf.float32, tf.int64))
        return tuple(tf.ensure_shape(part, spec.shape) for part, spec in zip(batch, _signature(material)))

    indices = tf.data.Dataset.range(len(material))
    return _prefetched(indices.map(no_autograph(mapped), num_parallel_calls=workers))


def _native(material: Material, workers: int) -> Feed:
    import tensorflow as tf

    return _prefetched(no_autograph(material.native)(workers, tf.constant(STATIC_EPOCH, tf.int64)))


def _interleave(material: Material, workers: int) -> Feed:
    import tensorflow as tf

    passes = [_passes() for _ in range(workers)]

    def shard(number: int) -> Iterator[Batch]:
        epoch = next(passes[number])
        for index in range(number, len(material), workers):
            yield material.prepare(index, epoch)

    def shard_dataset(number: Any) -> Any:
        return tf.data.Dataset.from_generator(shard, args=(number,), output_signature=_signature(material))

    shards = tf.data.Dataset.range(workers).interleave(
        no_autograph(shard_dataset), cycle_length=workers, num_parallel_calls=workers
    )
    # The number of batches is lost on the way; Keras would find it out in the first epoch.
    return _prefetched(shards.apply(tf.data.experimental.assert_cardinality(len(material))))


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
        shared_by="threads",
    ),
    Feeder(
        "tfdata-native",
        _native,
        "the same work written in TensorFlow ops, num_parallel_calls=workers",
        "no Python in the loop, no GIL",
        shared_by="ops",
        needs="the preparation written in TensorFlow ops",
    ),
    Feeder(
        "tfdata-interleave",
        _interleave,
        "one from_generator per worker over disjoint shards, interleaved",
        "exactly once only if the shards are disjoint",
        shared_by="threads",
    ),
)
