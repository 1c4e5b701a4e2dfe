"""The software and the host that a take ran on."""

from __future__ import annotations

import functools
import importlib
import os
import platform
import sys
from typing import Any

import psutil

from feeders.errors import FeedersError

INSTALL = "Try: pip install -e '.[cpu]' (or '.[gpu]' on a GPU host)"


def preload() -> None:
    """Import what every take needs, and run nothing: takes are forked from here.

    No TensorFlow operation, no device: a process that has touched either must not be forked.

    Raises:
        FeedersError: TensorFlow is missing or does not import.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import tensorflow as tf
    except ImportError as error:
        raise FeedersError(f"TensorFlow can't be imported ({error}); this suite measures it. {INSTALL}") from error
    tf.keras.Model  # noqa: B018  tf.keras is loaded lazily: this loads it
    for name in ("PIL.Image", "feeders.measure.session"):
        importlib.import_module(name)


def is_untouched() -> bool:
    """Whether this process has imported TensorFlow and has not started its runtime: then it may be forked."""
    context = sys.modules.get("tensorflow.python.eager.context")
    if context is None:
        return False
    current = context.context_safe()
    return current is None or not current._initialized


@functools.lru_cache(maxsize=1)
def describe_stack() -> dict[str, str]:
    """Versions that decide what is measured."""
    import numpy
    import PIL
    import tensorflow as tf

    from feeders.strategies import generation

    keras = sys.modules[tf.keras.Model.__module__.split(".")[0]]
    return {
        "tensorflow": tf.__version__,
        "keras": getattr(tf.keras, "__version__", None) or keras.__version__,
        "generation": str(generation()),
        "backend": "tensorflow" if generation() == 2 else os.environ.get("KERAS_BACKEND", "tensorflow"),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "pillow": PIL.__version__,
    }


def describe_host() -> dict[str, Any]:
    """The machine, and how busy it was."""
    return {
        "cores": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "kernel": platform.release(),
        "load": os.getloadavg()[0],
    }
