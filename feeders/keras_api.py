"""The one file that imports Keras, and that knows Keras 2 from Keras 3.

Keras 2 takes workers as arguments of ``fit()`` and calls an indexable feeder ``Sequence``; Keras 3 keeps them in the
``PyDataset`` itself. With the backend TensorFlow, Keras is ``tf.keras``: ``tf_keras`` with ``TF_USE_LEGACY_KERAS=1`` is
Keras 2. With JAX or torch it is the package ``keras``, and TensorFlow need not be installed.
"""

from __future__ import annotations

import functools
import importlib
import os
import random
import sys
from typing import Any, Callable

import numpy as np

BACKEND_VARIABLE = "KERAS_BACKEND"

# Keras 3 computes with one of them; the first by default, and alone in Keras 2.
TENSORFLOW, JAX, TORCH = BACKENDS = ("tensorflow", "jax", "torch")

# Of which Keras has been part.
PACKAGES = ("keras", "keras_preprocessing", "tf_keras", "tensorflow")


def asked_backend() -> str:
    """Return the backend that KERAS_BACKEND names, TensorFlow by default; it may be none that there is."""
    return os.environ.get(BACKEND_VARIABLE) or TENSORFLOW


@functools.lru_cache(maxsize=None)
def keras() -> Any:
    """Return the Keras that trains here, imported now if it was not.

    ``import keras`` alone does not tell: beside TensorFlow <= 2.15 or ``tf_keras`` it can be another.
    """
    if asked_backend() != TENSORFLOW:
        return importlib.import_module("keras")
    import tensorflow as tf

    tf.keras.Model  # noqa: B018  tf.keras is loaded lazily: this loads it
    return tf.keras


def tensorflow() -> Any:
    """Return the module ``tensorflow`` if this process has imported it, else None."""
    return sys.modules.get("tensorflow")


def _package() -> str:
    """Name of the package that Keras' model class comes from: keras, tf_keras or tensorflow."""
    return str(keras().Model.__module__.split(".")[0])


def is_of_keras(module: str) -> bool:
    """Whether a module is one of Keras; a file of a person may be called keras_data.py."""
    return module.split(".")[0] in PACKAGES


def generation() -> int:
    """Return 2 or 3: the generation of the Keras that trains here."""
    package = _package()
    return 3 if package == "keras" and sys.modules[package].__version__.startswith("3") else 2


def version() -> str:
    """Return the version of the Keras that trains here."""
    return str(getattr(keras(), "__version__", None) or sys.modules[_package()].__version__)


def backend() -> str:
    """Return what Keras computes with: tensorflow, jax or torch."""
    return TENSORFLOW if generation() == 2 else str(keras().backend.backend())


def trainer_module() -> Any:
    """Return the module of Keras 3 that trains on its backend; its classes are internals, which tests pin."""
    return importlib.import_module(f"keras.src.backend.{backend()}.trainer")


def compile_options() -> dict[str, bool]:
    """Return the arguments of ``compile()`` that keep TensorFlow from XLA, as Keras 2 does; Keras 2.4 knows none.

    Other backends keep what Keras chooses for them: without XLA there is no JAX.
    """
    return {"jit_compile": False} if generation() == 3 and backend() == TENSORFLOW else {}


def no_autograph(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep AutoGraph away from a traced function of ours: nothing to convert, and looking takes half a second."""
    return tensorflow().autograph.experimental.do_not_convert(function)  # type: ignore[no-any-return]


def sequence_base() -> type:
    """Return the class of indexable feeders: ``Sequence`` in Keras 2, ``PyDataset`` in Keras 3."""
    utils = keras().utils
    return utils.Sequence if generation() == 2 else utils.PyDataset  # type: ignore[no-any-return]


def is_dataset(thing: Any) -> bool:
    """Whether it is a ``tf.data.Dataset``; whoever made one has imported TensorFlow."""
    tf = tensorflow()
    return tf is not None and isinstance(thing, tf.data.Dataset)


def flatten(batch: Any) -> list[Any]:
    """Return the leaves of a nested batch in the order in which Keras flattens it: dicts by key; None is a leaf.

    Ragged and sparse tensors of TensorFlow come as the tensors that they are made of.
    """
    tf = tensorflow()
    if tf is not None:
        return tf.nest.flatten(batch, expand_composites=True)  # type: ignore[no-any-return]
    return keras().tree.flatten(batch)  # type: ignore[no-any-return]


def map_structure(function: Callable[..., Any], *batches: Any) -> Any:
    """Return a nested batch with each leaf replaced by what the function makes of it; None stays None.

    Args:
        function: called with a leaf of each batch.
        batches: one, or several of the same structure.
    """
    nest = tensorflow().nest if tensorflow() is not None else keras().tree
    return nest.map_structure(lambda *leaves: None if leaves[0] is None else function(*leaves), *batches)


def cast(array: Any, dtype: str) -> Any:
    """Return a tensor of the backend as another type, inside a loss."""
    if backend() != TENSORFLOW:
        return keras().ops.cast(array, dtype)
    return tensorflow().cast(array, dtype)


def seed_everything(seed: int) -> None:
    """Seed the global random numbers that loaders draw from: those of Python, NumPy, and what computes."""
    random.seed(seed)
    np.random.seed(seed)
    for name in (TENSORFLOW, TORCH):
        module = sys.modules.get(name)
        if module is not None:
            module.random.set_seed(seed) if name == TENSORFLOW else module.manual_seed(seed)


@functools.lru_cache(maxsize=None)
def as_sequence(body: type) -> type:
    """Return ``body`` as a subclass of the installed Keras' ``Sequence`` or ``PyDataset``.

    Args:
        body: a module-level class with ``__len__`` and ``__getitem__``, which may define ``on_epoch_end`` and the
            pickling hooks.

    Returns:
        The class; its instances pickle by way of ``body``, which worker processes can import.
    """
    base: Any = sequence_base()

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
