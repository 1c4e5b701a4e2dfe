"""The software and the host that a take ran on."""

from __future__ import annotations

import functools
import hashlib
import importlib
import os
import platform
import re
import sys
from importlib import metadata
from typing import Any, Iterable

import psutil

from feeders.errors import FeedersError

# What `digest` must give of this environment; set by whoever made it from pins.
PINS_VARIABLE = "FEEDERS_PINS"

INSTALL = "Try: pip install -e '.[cpu]' (or '.[gpu]' on a GPU host)"


def preload() -> None:
    """Import what every take needs, and run nothing: takes are forked from here.

    No TensorFlow operation, no device: a process that has touched either must not be forked.

    Raises:
        FeedersError: TensorFlow is missing or does not import, or the environment is not what it was made to be.
    """
    _check_pins()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import tensorflow as tf
    except ImportError as error:
        raise FeedersError(f"TensorFlow can't be imported ({error}); this suite measures it. {INSTALL}") from error
    tf.keras.Model  # noqa: B018  tf.keras is loaded lazily: this loads it
    for name in ("PIL.Image", "feeders.measure.session"):
        importlib.import_module(name)


def normalised(name: str) -> str:
    """Return the one spelling of a distribution's name: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def digest(python: str, pins: Iterable[tuple[str, str]]) -> str:
    """Return 12 hexadecimal digits that name a Python and a set of distributions.

    Args:
        python: minor version.
        pins: normalised name and version of each distribution.
    """
    text = "\n".join([python, *(f"{name}=={version}" for name, version in sorted(pins))])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@functools.lru_cache(maxsize=1)
def _installed_digest() -> str:
    # Not all of sys.path: this project's own folder is on it, and may hold an egg-info.
    own = [path for path in sys.path if path.startswith(sys.prefix)]
    found = {(normalised(each.metadata["Name"]), each.version) for each in metadata.distributions(path=own)}
    return digest("{}.{}".format(*sys.version_info), found)


def _check_pins() -> None:
    expected = os.environ.get(PINS_VARIABLE)
    if expected and expected != _installed_digest():
        raise FeedersError(
            f"{sys.prefix}: holds other packages (digest {_installed_digest()}) than the stack that it was made from "
            f"({expected}). Try: python -m feeders releases clean, which lets it be made anew"
        )


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
        "pins": _installed_digest(),
    }


def describe_host() -> dict[str, Any]:
    """The machine, and how busy it was."""
    return {
        "cores": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "kernel": platform.release(),
        "load": os.getloadavg()[0],
    }
