"""``tf.data`` pipelines around the same batch, and in TensorFlow ops alone."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any, Callable, Iterator

import numpy as np

from feeders.errors import Unsupported
from feeders.keras_api import TENSORFLOW, backend, flatten, map_structure, no_autograph
from feeders.loaders import ITERATOR, OPS, STATIC_EPOCH, Leaf, Loader
from feeders.loaders.pipelines import is_endless

from ._feeder import Feed, Feeder
from .pool_dataset import tuples


def specs_of(loader: Loader) -> Any:
    """Return the ``TensorSpec`` of each array of a batch.

    Raises:
        Unsupported: it holds None, which has none.
    """
    import tensorflow as tf

    if any(leaf is None for leaf in flatten(loader.signature)):
        raise Unsupported(
            f"{loader.name}: its batches hold None, which a tf.data pipeline around Python does not take. "
            "Try: sequence or generator"
        )
    return map_structure(lambda leaf: tf.TensorSpec(leaf.shape, leaf.dtype), tuples(loader.signature))


def _is_plain(signature: Any) -> bool:
    """Whether batches are tuples of arrays, which nothing needs to flatten."""
    return isinstance(signature, tuple) and all(isinstance(part, Leaf) for part in signature)


def _prefetched(dataset: Any) -> Feed:
    import tensorflow as tf

    return Feed(dataset.prefetch(tf.data.experimental.AUTOTUNE))


def as_tensors(batch: Any) -> Any:
    """Return a batch as a dataset takes it: tensors, in tuples and dicts."""
    import tensorflow as tf

    return map_structure(
        lambda leaf: tf.convert_to_tensor(leaf) if isinstance(leaf, np.ndarray) else leaf, tuples(batch)
    )


def repeated(batch: Any, count: int, short: int) -> Any:
    """Return a dataset that repeats a batch, `count` to the epoch, of which the last is cut to `short` rows."""
    import tensorflow as tf

    batch = as_tensors(batch)
    full = tf.data.Dataset.from_tensors(batch).repeat(count - 1)
    last = tf.data.Dataset.from_tensors(map_structure(lambda leaf: leaf[:short], batch))
    return full.concatenate(last)


def _generator(loader: Loader, workers: int) -> Feed:
    import tensorflow as tf

    passes, plain = itertools.count(), _is_plain(loader.signature)

    def one_epoch() -> Iterator[Any]:
        loader.on_epoch_begin()
        batches = loader.batches(next(passes))
        yield from batches if plain else map(tuples, batches)
        loader.on_epoch_end()

    return _prefetched(tf.data.Dataset.from_generator(one_epoch, output_signature=specs_of(loader)))


def _passes() -> Iterator[int]:
    """The epochs of one part of a dataset, in order.

    Keras for JAX and torch begins an epoch that it does not train on, to learn shapes, and drops it with some parts
    begun and others not: there a part can't tell its epoch.
    """
    return itertools.count() if backend() == TENSORFLOW else itertools.repeat(STATIC_EPOCH)


def _check_hooks(loader: Loader) -> None:
    if loader.hooks:
        raise Unsupported(
            f"{loader.name}: its on_epoch_begin or on_epoch_end would never be called: parallel tf.data "
            "pipelines do not tell their epochs. Try: sequence, generator or tfdata-generator"
        )


def _map(loader: Loader, workers: int) -> Feed:
    import tensorflow as tf

    _check_hooks(loader)
    specs, prepare = specs_of(loader), _flat_batch(loader)
    leaves = tf.nest.flatten(specs)

    def mapped(index: Any) -> Any:
        parts = tf.numpy_function(prepare, [index], [spec.dtype for spec in leaves])
        return tf.nest.pack_sequence_as(specs, [tf.ensure_shape(part, spec.shape) for part, spec in zip(parts, leaves)])

    indices = tf.data.Dataset.range(len(loader))
    return _prefetched(indices.map(no_autograph(mapped), num_parallel_calls=workers))


def _flat_batch(loader: Loader) -> Callable[[int], Any]:
    """Return a function of an index that gives the arrays of its batch, one after the other."""
    # A dataset does not know its epoch: an index is in the epoch that it has been asked for before.
    epochs = [_passes() for _ in range(len(loader))]

    def prepare(index: int) -> Any:
        return loader.batch(index, next(epochs[index]))

    return prepare if _is_plain(loader.signature) else lambda index: flatten(prepare(index))


def _native(loader: Loader, workers: int) -> Feed:
    import tensorflow as tf

    dataset = no_autograph(loader.native)(workers, tf.constant(STATIC_EPOCH, tf.int64))
    steps = {"steps_per_epoch": len(loader)} if is_endless(dataset) else {}
    return dataclasses.replace(_prefetched(dataset), fit=steps)


def _interleave(loader: Loader, workers: int) -> Feed:
    import tensorflow as tf

    _check_hooks(loader)
    passes, plain, specs = [_passes() for _ in range(workers)], _is_plain(loader.signature), specs_of(loader)

    def shard(number: int) -> Iterator[Any]:
        epoch = next(passes[number])
        for index in range(number, len(loader), workers):
            batch = loader.batch(index, epoch)
            yield batch if plain else tuples(batch)

    def shard_dataset(number: Any) -> Any:
        return tf.data.Dataset.from_generator(shard, args=(number,), output_signature=specs)

    shards = tf.data.Dataset.range(workers).interleave(
        no_autograph(shard_dataset), cycle_length=workers, num_parallel_calls=workers
    )
    # The number of batches is lost on the way; Keras would find it out in the first epoch.
    return _prefetched(shards.apply(tf.data.experimental.assert_cardinality(len(loader))))


ROWS = (
    Feeder(
        "tfdata-generator",
        _generator,
        "Dataset.from_generator and prefetch",
        "one Python thread, whatever prefetch says",
        parallel=False,
        pulls=ITERATOR,
        tensorflow=True,
    ),
    Feeder(
        "tfdata-map",
        _map,
        "an index dataset, map(numpy_function, num_parallel_calls=workers)",
        "parallel only where the body releases the GIL, and no wider than TensorFlow's thread pool",
        shared_by="threads",
        tensorflow=True,
    ),
    Feeder(
        "tfdata-native",
        _native,
        "the same work written in TensorFlow ops, num_parallel_calls=workers",
        "no Python in the loop, no GIL",
        shared_by="ops",
        needs="the preparation written in TensorFlow ops",
        pulls=OPS,
        tensorflow=True,
    ),
    Feeder(
        "tfdata-interleave",
        _interleave,
        "one from_generator per worker over disjoint shards, interleaved",
        "exactly once only if the shards are disjoint",
        shared_by="threads",
        tensorflow=True,
    ),
)
