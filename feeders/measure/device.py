"""What trains: the CPU, a GPU or all GPUs, as FEEDERS_DEVICE asks for or as the backend finds it."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from typing import Any, Callable

from feeders.errors import FeedersError, Unsupported
from feeders.strategies import backend

from .nvml import gpu_names

VARIABLE = "FEEDERS_DEVICE"

CPU, GPU, GPUS = DEVICES = ("cpu", "gpu", "gpus")

# Where the backend's own default would be to take all of a GPU's memory at once: its use could not be told, and two
# takes could not be alive together. CUDA's default order of GPUs is not that of NVML.
MODEST = {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
}

# An odd number, so that the median is one of them; a large batch of photographs takes some milliseconds.
COPIES = 21


def asked() -> str:
    """Return what FEEDERS_DEVICE asks for, empty if nothing.

    Raises:
        FeedersError: for something that is no device.
    """
    value = os.environ.get(VARIABLE) or ""
    if value and value not in DEVICES:
        raise FeedersError(f"{VARIABLE}={value}: not a device; expected {' or '.join(DEVICES)}. Try: unset {VARIABLE}")
    return value


def prepare() -> None:
    """Before a backend is imported: hide GPUs from it if the CPU is asked for."""
    if asked() == CPU:
        os.environ.update(CUDA_VISIBLE_DEVICES="-1", JAX_PLATFORMS="cpu")
    elif gpu_names():
        for name, value in MODEST.items():
            os.environ.setdefault(name, value)


def settle() -> None:
    """Once a backend is imported: make FEEDERS_DEVICE say what trains, for this process and those it starts.

    Where there may be a GPU a forked process looks: this one must not touch it.

    Raises:
        FeedersError: what is asked for is not there.
    """
    device = asked()
    if device == CPU or (not device and not gpu_names()):
        os.environ[VARIABLE] = CPU
        return
    seen = _in_child(visible_gpus)
    if not device:
        os.environ[VARIABLE] = GPU if seen else CPU
        return
    needed = 2 if device == GPUS else 1
    if len(seen) < needed:
        raise FeedersError(
            f"{VARIABLE}={device}: {backend()} sees {', '.join(seen) or 'no GPU'}, expected {needed} or more; NVIDIA's "
            f"driver tells of {', '.join(gpu_names()) or 'none'}. Try: pip install -e '.[gpu]', or {VARIABLE}=cpu"
        )


def current() -> str:
    """Return what trains here, once `settle` has run; before, what is asked for, by default the CPU."""
    return asked() or CPU


def visible_gpus() -> list[str]:
    """Return the names of the GPUs that the backend can use. It touches them: never call it where takes are forked."""
    if backend() == "jax":
        import jax

        return [device.device_kind for device in jax.devices() if device.platform == "gpu"]
    if backend() == "torch":
        import torch

        return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(device).get("device_name", "GPU") for device in devices]


def on_device(make: Callable[[], Any]) -> Any:
    """Return the model that a function makes and compiles, for the device that trains.

    Call it in a process that trains, before anything else there wakes up TensorFlow.

    Raises:
        Unsupported: several GPUs, with a backend other than TensorFlow.
    """
    import tensorflow as tf

    if backend() != "tensorflow":
        if current() == GPUS:
            raise Unsupported(f"{VARIABLE}={GPUS}: measured with tf.distribute.MirroredStrategy, not with {backend()}")
        # TensorFlow only feeds there, and would take memory of the GPU for nothing.
        tf.config.set_visible_devices([], "GPU")
    if current() != GPUS:
        return make()
    with tf.distribute.MirroredStrategy().scope():
        return make()


def copy_seconds(batch: tuple[Any, ...]) -> float | None:
    """Return how long it takes to bring a batch to where the backend computes, alone and waited for.

    In training the copy may overlap with other work, so this is no share of a step.

    Args:
        batch: NumPy arrays, in pageable memory as Keras gets them.

    Returns:
        Seconds, the median of `COPIES`; None with a TensorFlow too old to wait for its devices.
    """
    bring = {"tensorflow": _bring_tensorflow, "jax": _bring_jax, "torch": _bring_torch}[backend()](batch)
    if bring is None:
        return None
    times = []
    for _ in range(COPIES):
        start = time.perf_counter()
        bring()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _bring_tensorflow(batch: tuple[Any, ...]) -> Callable[[], Any] | None:
    import tensorflow as tf

    wait = getattr(tf.test.experimental, "sync_devices", None)
    if wait is None:
        return None
    with tf.device("CPU:0"):
        tensors = [tf.constant(part) for part in batch]
    place = "GPU:0" if tf.config.list_logical_devices("GPU") else "CPU:0"

    def bring() -> None:
        with tf.device(place):
            for tensor in tensors:
                tf.identity(tensor)
        wait()

    return bring


def _bring_jax(batch: tuple[Any, ...]) -> Callable[[], Any]:
    import jax

    return lambda: jax.block_until_ready(jax.device_put(batch))


def _bring_torch(batch: tuple[Any, ...]) -> Callable[[], Any]:
    import torch

    place = "cuda" if torch.cuda.is_available() else "cpu"

    def bring() -> None:
        for part in batch:
            torch.as_tensor(part).to(place)
        if place == "cuda":
            torch.cuda.synchronize()

    return bring


def _in_child(ask: Callable[[], list[str]]) -> list[str]:
    """What a function returns in a forked process; nothing if it breaks there, which it says itself."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, json.dumps(ask()).encode())
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as answer:
        said = answer.read()
    os.waitpid(pid, 0)
    return json.loads(said) if said else []
