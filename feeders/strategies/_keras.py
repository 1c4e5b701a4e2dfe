"""The one place that knows what Keras 2 and Keras 3 do differently.

Keras 2 takes workers as arguments of ``fit()`` and calls an indexable feeder ``Sequence``; Keras 3 keeps them in the
``PyDataset`` itself. The generation is that of ``tf.keras``: ``tf_keras`` with ``TF_USE_LEGACY_KERAS=1`` is Keras 2.
"""

from __future__ import annotations

import functools
import sys
from types import GeneratorType
from typing import Any, Callable

from ._row import Feed


def generation() -> int:
    """Return 2 or 3: the generation of the Keras behind ``tf.keras``.

    The model class tells it. ``import keras`` does not: beside TensorFlow <= 2.15 or ``tf_keras`` it can be another.
    """
    import tensorflow as tf

    package = tf.keras.Model.__module__.split(".")[0]
    return 3 if package == "keras" and sys.modules[package].__version__.startswith("3") else 2


def backend() -> str:
    """Return what Keras computes with: tensorflow, jax or torch."""
    import tensorflow as tf

    return "tensorflow" if generation() == 2 else str(tf.keras.backend.backend())


def without_xla() -> dict[str, bool]:
    """Return the arguments of ``compile()`` that keep TensorFlow from XLA, as Keras 2 does; Keras 2.4 knows none.

    Other backends keep what Keras chooses for them: without XLA there is no JAX.
    """
    return {"jit_compile": False} if generation() == 3 and backend() == "tensorflow" else {}


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep AutoGraph away from a traced function of ours: nothing to convert, and looking takes half a second."""
    import tensorflow as tf

    return tf.autograph.experimental.do_not_convert(function)  # type: ignore[no-any-return]


@functools.lru_cache(maxsize=None)
def as_sequence(body: type) -> type:
    """Return ``body`` as a subclass of the installed Keras' ``Sequence`` or ``PyDataset``.

    Args:
        body: a module-level class with ``__len__`` and ``__getitem__``, which may define ``on_epoch_end`` and the
            pickling hooks.

    Returns:
        The class; its instances pickle by way of ``body``, which worker processes can import.
    """
    import tensorflow as tf

    base = tf.keras.utils.Sequence if generation() == 2 else tf.keras.utils.PyDataset

    def initialise(self: Any, *args: Any) -> None:
        base.__init__(self)
        body.__init__(self, *args)  # type: ignore[misc]

    def reduce(self: Any) -> Any:
        getstate = getattr(body, "__getstate__", None)
        return _revive, (body, getstate(self) if getstate else self.__dict__)

    return type(body.__name__, (body, base), {"__init__": initialise, "__reduce__": reduce})


def _revive(body: type, state: dict[str, Any]) -> Any:
    cls: Any = as_sequence(body)
    instance = cls.__new__(cls)
    if hasattr(body, "__setstate__"):
        instance.__setstate__(state)
    else:
        instance.__dict__.update(state)
    return instance


def sequence_feed(sequence: Any, workers: int, processes: bool) -> Feed:
    """Feed a ``Sequence``/``PyDataset`` with ``workers`` threads or processes and Keras' default queue of 10."""
    if generation() == 2:
        return Feed(sequence, fit=_workers(workers, processes))
    sequence.workers = workers
    sequence.use_multiprocessing = processes
    return Feed(sequence)


def iterator_feed(iterator: Any, steps: int, workers: int, processes: bool) -> Feed:
    """Feed an endless iterator, ``steps`` batches to the epoch.

    Keras 3 has no workers for generators: asked for more than one, its ``fit()`` gets the arguments all the same, so
    that the refusal on record is its own.
    """
    fit: dict[str, Any] = {"steps_per_epoch": steps}
    if generation() == 2 or (workers > 1 and isinstance(iterator, GeneratorType)):
        fit.update(_workers(workers, processes))
    return Feed(iterator, fit=fit)


def _workers(workers: int, processes: bool) -> dict[str, Any]:
    return {"workers": workers, "use_multiprocessing": processes, "max_queue_size": 10}
