"""The stamps of a `Stamped` loader in TensorFlow ops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

if TYPE_CHECKING:
    from ._stamped import Stamped


def native_ids(loader: Stamped, index: Any) -> Any:
    """`Stamped.ids`, of a scalar int64 tensor."""
    first = index * loader.batch_size
    return tf.range(first, tf.minimum(first + loader.batch_size, loader.samples))


def native_y(loader: Stamped, ids: Any, labels: Any, epoch: Any) -> Any:
    """`Stamped._y`, of int64 tensors."""
    stamps = tf.fill(tf.shape(ids), epoch)
    return tf.stack([tf.cast(labels, tf.int64), ids, stamps, tf.gather(loader.checksums, ids)], axis=-1)
