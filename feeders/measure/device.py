"""What trains: the CPU, a GPU or all GPUs, as FEEDERS_DEVICE asks for or as the backend finds it."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, ContextManager

from feeders import variables
from feeders.errors import FeedersError, Unsupported
from feeders.keras_api import TENSORFLOW, asked_backend, backend, tensorflow

from . import backends, batch_size
from .nvml import gpu_names

CPU, GPU, GPUS = DEVICES = ("cpu", "gpu", "gpus")

# For every process on a GPU host. By their own defaults backends take all of a GPU's memory at once: its use could not
# be told, and two takes could not be alive together. CUDA's default order of GPUs is not that of NVML.
SHARED_GPU_ENV = {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
}

ROOT = str(Path(__file__).resolve().parents[2])

# Tells what was found by whom, to this process and to those it starts: whoever looks imports a backend for seconds, and
# asv asks for the name of its environment again and again.
FOUND_VARIABLE = "FEEDERS_DEVICE_FOUND"

LOOK = "import json; from feeders.measure.device import visible_gpus; print(json.dumps(visible_gpus()))"

# An odd number, so that the median is one of them; a large batch of photographs takes some milliseconds.
COPIES = 21


def asked() -> str:
    """Return what FEEDERS_DEVICE asks for, empty if nothing.

    Raises:
        FeedersError: for something that is no device.
    """
    value = os.environ.get(variables.DEVICE) or ""
    if value and value not in DEVICES:
        raise FeedersError(
            f"{variables.DEVICE}={value}: not a device; expected {' or '.join(DEVICES)}. Try: unset {variables.DEVICE}"
        )
    return value


def prepare() -> None:
    """Before a backend is imported: find out what trains, and hide GPUs from it if that is the CPU.

    Raises:
        FeedersError: what is asked for is not there, or FEEDERS_BATCH is no size.
    """
    if asked() != CPU and gpu_names():
        for name, value in SHARED_GPU_ENV.items():
            os.environ.setdefault(name, value)
    resolve_device()
    batch_size.resolve(on_gpu=current() != CPU)
    # Else Keras asks torch for a GPU when it is imported, for which torch starts CUDA: no process that is forked from
    # there could use it.
    os.environ.setdefault("KERAS_TORCH_DEVICE", "cpu" if current() == CPU else "cuda")
    if current() == CPU:
        os.environ.update(CUDA_VISIBLE_DEVICES="-1", JAX_PLATFORMS="cpu")


def resolve_device() -> None:
    """Make FEEDERS_DEVICE say what trains, for this process and those it starts.

    Where there may be a GPU a new interpreter looks: this one must not touch it, and a forked one could not use CUDA if
    this one had.

    Raises:
        FeedersError: what is asked for is not there.
    """
    device = asked()
    if device == CPU or (not device and not gpu_names()):
        os.environ[variables.DEVICE] = CPU
        return
    if os.environ.get(FOUND_VARIABLE) == _found(device):
        return
    seen, said = look_for_gpus()
    if not device:
        device = os.environ[variables.DEVICE] = GPU if seen else CPU
    needed = {CPU: 0, GPU: 1, GPUS: 2}[device]
    if len(seen) < needed:
        sees = f"sees {', '.join(seen) or 'no GPU'}" if not said else f"could not be asked for GPUs ({said})"
        raise FeedersError(
            f"{variables.DEVICE}={device}: {asked_backend()} {sees}, expected {needed} or more; NVIDIA's "
            f"driver tells of {', '.join(gpu_names()) or 'none'}. "
            f"Try: pip install -e '.[gpu]', or {variables.DEVICE}=cpu"
        )

    os.environ[FOUND_VARIABLE] = _found(device)


def _found(device: str) -> str:
    """What was found, and what else decides that: another interpreter may hold a backend without CUDA."""
    return " ".join((device, asked_backend(), os.environ.get("CUDA_VISIBLE_DEVICES", ""), sys.prefix))


def current() -> str:
    """Return what trains here, once `resolve_device` has run; before, what is asked for, by default the CPU."""
    return asked() or CPU


def visible_gpus() -> list[str]:
    """Return the names of the GPUs that the backend can use. It touches them: never call it where takes are forked."""
    return backends.of(asked_backend()).visible_gpus()


def on_device(make: Callable[[], Any]) -> Any:
    """Return the model that a function makes and compiles, for the device that trains.

    Call it in a process that trains, before anything else there wakes up TensorFlow.

    Raises:
        Unsupported: several GPUs, with a backend other than TensorFlow.
    """
    if backend() != TENSORFLOW:
        if current() == GPUS:
            raise Unsupported(
                f"{variables.DEVICE}={GPUS}: measured with tf.distribute.MirroredStrategy, not with {backend()}"
            )
        # TensorFlow only feeds there, and would take memory of the GPU for nothing.
        if tensorflow() is not None:
            tensorflow().config.set_visible_devices([], "GPU")
    if current() != GPUS:
        return make()
    with tensorflow().distribute.MirroredStrategy().scope():
        return make()


def scope_of(model: Any) -> ContextManager[Any]:
    """Return the context to make a feed for a model in: some feeders are a dataset under a strategy."""
    return model.distribute_strategy.scope() if current() == GPUS else contextlib.nullcontext()


def copy_seconds(batch: tuple[Any, ...]) -> float | None:
    """Return how long it takes to bring a batch to where the backend computes, alone and waited for.

    In training the copy may overlap with other work, so this is no share of a step.

    Args:
        batch: NumPy arrays, in pageable memory as Keras gets them.

    Returns:
        Seconds, the median of `COPIES`; None with a TensorFlow too old to wait for its devices.
    """
    bring = backends.current().copier(batch)
    if bring is None:
        return None
    times = []
    for _ in range(COPIES):
        start = time.perf_counter()
        bring()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def look_for_gpus() -> tuple[list[str], str]:
    """Ask a new interpreter for `visible_gpus`.

    Returns:
        The names, and the last line of what the interpreter printed if it broke; empty if it did not.
    """
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (ROOT, os.environ.get("PYTHONPATH"))))},
    )
    if done.returncode:
        return [], (done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"])[-1]
    return json.loads(done.stdout.splitlines()[-1]), ""
