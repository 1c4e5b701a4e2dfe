"""A pool's batches as a ``tf.data.Dataset``, which can begin again: for ``tf.distribute``.

The file stands alone: to use it elsewhere, copy it beside that of the pool.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any, Iterator

import numpy as np

# Batches that one call of Python brings: each pays a quarter of it, and none waits for more than three others.
GROUP = 4


def pool_dataset(pool: Any, steps: int | None = None, signature: Any = None) -> Any:
    """Return a dataset of what a pool prepares; each pass over it is an epoch.

    Use it under a strategy of ``tf.distribute``: Keras begins a pass there that it does not train on, and a generator
    can't begin again. Elsewhere ``pool.batches()`` is the better choice: a batch costs a little more CPU, but there is
    no gap between epochs, where ``tf.data`` takes 60 to 100 ms on 2 cores to begin a pass.

        with LookaheadProcesses(loader, workers=4) as pool:
            model.fit(pool_dataset(pool), epochs=10)

    A pass that is left before its end is begun anew. One of a few batches may have been read ahead to its end: it
    counts as an epoch. A generator costs ``tf.data`` a call of Python for each batch; a call brings four here, and the
    first batch waits for three more. The pool is not closed with the dataset.

    Args:
        pool: `LookaheadProcesses`, `LookaheadThreads` or `QueueThreads`, which give nobody else batches meanwhile.
        steps: batches of an epoch; by default as many as the pool has.
        signature: a ``tf.TensorSpec`` for each array of a batch; by default that of the first batch, of which the
            others may differ in the number of rows alone.
    """
    import tensorflow as tf

    steps = len(pool) if steps is None else steps
    passes = Passes(pool, steps)
    signature = _signature(pool.batches()) if signature is None else signature
    leaves = tf.nest.flatten(signature)
    shapes = [leaf.shape for leaf in leaves * GROUP]
    as_it_is = tf.autograph.experimental.do_not_convert
    plain = isinstance(signature, tuple) and all(isinstance(part, tf.TensorSpec) for part in signature)

    def take(number: Any) -> list[Any]:
        group = list(itertools.islice(passes.batches(number), GROUP))
        parts = [part for batch in group for part in (batch if plain else tf.nest.flatten(tuples(batch)))]
        # The last group is filled up with what is not taken out again.
        return [np.int64(len(group)), *parts, *parts[-len(leaves) :] * (GROUP - len(group))]

    def grouped(number: Any) -> Any:
        count, *parts = tf.numpy_function(take, [number], [tf.int64, *(leaf.dtype for leaf in leaves * GROUP)])
        return (tf.ensure_shape(count, ()), *(tf.ensure_shape(*each) for each in zip(parts, shapes)))

    def apart(count: Any, *parts: Any) -> Any:
        batches = [tf.nest.pack_sequence_as(signature, batch) for batch in zip(*[iter(parts)] * len(leaves))]
        datasets = map(tf.data.Dataset.from_tensors, batches)
        return functools.reduce(lambda first, second: first.concatenate(second), datasets).take(count)

    def one_pass(_: Any) -> Any:
        number = tf.ensure_shape(tf.numpy_function(passes.begin, [], tf.int64), ())
        groups = tf.data.Dataset.from_tensors(number).repeat(-(-steps // GROUP))
        return groups.map(as_it_is(grouped)).flat_map(as_it_is(apart))

    dataset = tf.data.Dataset.range(1).flat_map(as_it_is(one_pass))
    return dataset.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(2)


def _signature(batches: Iterator[Any]) -> Any:
    import tensorflow as tf

    first = tuples(next(batches))
    return tf.nest.map_structure(lambda part: tf.TensorSpec((None, *part.shape[1:]), part.dtype), first)


def tuples(structure: Any) -> Any:
    """Return a nested structure with its lists as tuples: ``tf.data`` takes a list for one tensor."""
    if isinstance(structure, dict):
        return {key: tuples(part) for key, part in structure.items()}
    return tuple(map(tuples, structure)) if isinstance(structure, (list, tuple)) else structure


class Passes:
    """Passes over the batches of a pool: each is an epoch, and one that was left before its end is begun anew.

    After a whole pass the next one goes on with what the pool has read ahead.

    Args:
        pool: prepares them.
        steps: batches of an epoch.
    """

    def __init__(self, pool: Any, steps: int) -> None:
        self._pool, self._steps = pool, steps
        self._epoch = self._begun = 0
        self._rest: Iterator[Any] | None = None  # what a whole pass has left
        self._pass: Iterator[Any] = iter(())

    def begin(self) -> Any:
        """Begin a pass, and return its number."""
        batches = self._pool.batches(self._epoch) if self._rest is None else self._rest
        self._begun, self._rest = self._begun + 1, None
        self._pass = self._batches(self._begun, batches)
        return np.int64(self._begun)

    def batches(self, number: int) -> Iterator[Any]:
        """Return the batches of a pass; one call goes on where another has ended.

        Raises:
            RuntimeError: another one has begun since.
        """
        if number != self._begun:
            raise RuntimeError(f"pool_dataset: pass {number} was left, since pass {self._begun} has begun")
        return self._pass

    def _batches(self, number: int, batches: Iterator[Any]) -> Iterator[Any]:
        for left in reversed(range(self._steps)):
            batch = next(batches)
            # Nobody may ask whether there is one more. A pass that was left may still be in work, and is no matter.
            if not left and self._begun == number:
                self._epoch, self._rest = self._epoch + 1, batches
            yield batch
