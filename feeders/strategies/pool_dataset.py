"""A pool's batches as a ``tf.data.Dataset``: for TensorFlow, where it is faster than a generator, and can begin again.

The file stands alone: to use it elsewhere, copy it beside that of the pool.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any, Iterator

# Batches that one call of Python brings: each pays a quarter of it, and none waits for more than three others.
GROUP = 4


def pool_dataset(pool: Any, steps: int | None = None, signature: Any = None) -> Any:
    """Return a dataset of what a pool prepares; each pass over it is an epoch.

    Use it with the backend TensorFlow instead of ``pool.batches()``, and always under a strategy of ``tf.distribute``:
    Keras begins a pass there that it does not train on, and a generator can't begin again.

        with LookaheadProcesses(loader, workers=4) as pool:
            model.fit(pool_dataset(pool), epochs=10)

    A pass that is left before its end is begun anew. What ``from_generator`` costs is the call of Python, however much
    it brings: here it brings four batches. So the first batch waits for three more. The pool is not closed with it.

    Args:
        pool: `LookaheadProcesses`, `LookaheadThreads` or `QueueThreads`, which give nobody else batches meanwhile.
        steps: batches of an epoch; by default as many as the pool has.
        signature: a ``tf.TensorSpec`` for each array of a batch; by default that of the first batch, of which the
            others may differ in the number of rows alone.
    """
    import tensorflow as tf

    steps = len(pool) if steps is None else steps
    passes = Passes(pool, steps)
    signature = _signature(next(passes())) if signature is None else signature
    leaves = tf.nest.flatten(signature)

    def groups() -> Iterator[Any]:
        batches = passes()
        for group in iter(lambda: list(itertools.islice(batches, GROUP)), []):
            parts = [part for batch in group for part in tf.nest.flatten(tuples(batch))]
            # The last group is filled up with what is not taken out again.
            yield (len(group), *parts, *parts[-len(leaves) :] * (GROUP - len(group)))

    def apart(count: Any, *parts: Any) -> Any:
        batches = [tf.nest.pack_sequence_as(signature, batch) for batch in zip(*[iter(parts)] * len(leaves))]
        datasets = map(tf.data.Dataset.from_tensors, batches)
        return functools.reduce(lambda first, second: first.concatenate(second), datasets).take(count)

    grouped = (tf.TensorSpec((), tf.int64), *leaves * GROUP)
    dataset = tf.data.Dataset.from_generator(groups, output_signature=grouped)
    dataset = dataset.flat_map(tf.autograph.experimental.do_not_convert(apart))
    return dataset.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(2)


def _signature(batch: Any) -> Any:
    import tensorflow as tf

    return tf.nest.map_structure(lambda part: tf.TensorSpec((None, *part.shape[1:]), part.dtype), tuples(batch))


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
        self._epoch = 0
        self._rest: Iterator[Any] | None = None  # what a whole pass has left
        self._newest: Any = None

    def __call__(self) -> Iterator[Any]:
        """Yield the batches of a pass."""
        batches = self._pool.batches(self._epoch) if self._rest is None else self._rest
        self._newest, self._rest = batches, None
        for left in reversed(range(self._steps)):
            batch = next(batches)
            # Nobody may ask whether there is one more. A pass that was left may still be in work, and is no matter.
            if not left and self._newest is batches:
                self._epoch, self._rest = self._epoch + 1, batches
            yield batch
