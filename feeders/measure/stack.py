"""The software and the host that a take ran on."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Iterable

import psutil

from feeders.errors import FeedersError
from feeders.keras_api import (
    BACKEND_VARIABLE,
    BACKENDS,
    TENSORFLOW,
    TORCH,
    asked_backend,
    backend,
    generation,
    keras,
    version,
)
from feeders.terminal import LOG_LEVEL, interruptible_import, without_chatter

from . import device

# What `digest` must give of this environment; set by whoever made it from pins.
PINS_VARIABLE = "FEEDERS_PINS"

INSTALL = "Try: pip install -e '.[cpu]' (or '.[gpu]' on a GPU host); or KERAS_BACKEND=jax, or torch, which need none"

# Device files of NVIDIA's driver: whoever has one open has touched a GPU, by whatever library. NVML, which starts no
# CUDA, opens the same ones, and closes them when it is shut down.
GPU_FILES = "/dev/nvidia"


@without_chatter()
def preload() -> None:
    """Import what every take needs, and run nothing: takes are forked from here.

    No operation of a backend, no device: a process that has touched either must not be forked. With JAX or torch,
    TensorFlow is imported where it is installed, for the feeders that are made of it.

    Raises:
        FeedersError: the backend of Keras is missing or does not import, the device that FEEDERS_DEVICE asks for is not
            there, or the environment is not what it was made to be.
    """
    _check_pins()
    os.environ.setdefault(LOG_LEVEL, "2")
    device.prepare()
    _import_backend()
    _check_backend()
    for name in ("PIL.Image", "feeders.measure.session"):
        importlib.import_module(name)


def _import_backend() -> None:
    """Import what KERAS_BACKEND names, before TensorFlow: torch brings an LLVM that aborts beside an earlier one."""
    name = asked_backend()
    if name not in BACKENDS:
        raise FeedersError(
            f"{BACKEND_VARIABLE}={name}: not a backend that is measured; expected {' or '.join(BACKENDS)}. "
            f"Try: unset {BACKEND_VARIABLE}"
        )
    try:
        with interruptible_import():
            importlib.import_module(name)
            keras()
    except ImportError as error:
        if name == TENSORFLOW:
            raise FeedersError(f"TensorFlow can't be imported ({error}); this suite measures it. {INSTALL}") from error
        raise FeedersError(
            f"{BACKEND_VARIABLE}={name}: {name} can't be imported ({error}). "
            f"Try: pip install {name} keras, or unset {BACKEND_VARIABLE}"
        ) from error
    with contextlib.suppress(ImportError):
        importlib.import_module(TENSORFLOW)


def _check_backend() -> None:
    """See to it that Keras computes with what KERAS_BACKEND says, which names the series."""
    name = asked_backend()
    if backend() != name:
        raise FeedersError(
            f"Keras {version()} computes with {backend()}, expected {name}, as {BACKEND_VARIABLE} says (unset is "
            f"{TENSORFLOW}); Keras 2 knows nothing else, Keras 3 also reads ~/.keras/keras.json. "
            f"Try: {BACKEND_VARIABLE}={backend()}"
        )


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
            f"({expected}). Try: feeders releases clean, which lets it be made anew"
        )


def is_untouched() -> bool:
    """Whether this process has imported its backend, started none and touched no GPU: then it may be forked."""
    name = asked_backend()
    if sys.modules.get("tensorflow.python.eager.context" if name == TENSORFLOW else name) is None:
        return False
    return not (_tensorflow_started() or _jax_started() or _torch_started() or holds_gpu())


def _tensorflow_started() -> bool:
    context = sys.modules.get("tensorflow.python.eager.context")
    current = context.context_safe() if context else None
    return bool(current is not None and current._initialized)


def _jax_started() -> bool:
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bool(bridge is not None and bridge._backends)


def _torch_started() -> bool:
    torch = sys.modules.get(TORCH)
    return bool(torch is not None and torch.cuda.is_initialized())


def holds_gpu() -> bool:
    """Whether this process has a file of NVIDIA's driver open; no where the system does not tell."""
    for descriptor in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError):  # the listing's own is gone
            if os.readlink(descriptor).startswith(GPU_FILES):
                return True
    return False


@functools.lru_cache(maxsize=1)
def describe_stack() -> dict[str, str]:
    """Versions that decide what is measured."""
    import numpy
    import PIL

    names = dict.fromkeys((TENSORFLOW, backend()))
    return {
        **{name: sys.modules[name].__version__ for name in names if name in sys.modules},
        "keras": version(),
        "generation": str(generation()),
        "backend": backend(),
        "device": device.current(),
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
