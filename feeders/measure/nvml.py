"""What NVIDIA's management library tells of GPUs, from outside of the process that trains.

Nothing here makes a context on a device. Whatever the library does not tell, for want of a driver, of permission or of
support (a MIG partition has no utilisation), is left unknown.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any, Callable, Iterator

# Samples of a driver whose clock is not this one's can't be laid over a span of time here.
CLOCK_SECONDS = 10.0

# What the library calls the current utilisation is that of its last period: between a sixth of a second and a second.
PERIOD_SECONDS = 1.0

MICRO = 1e-6


@contextlib.contextmanager
def nvml() -> Iterator[Any]:
    """Give the library, initialised; None where there is none, or no driver."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # the package is missing, or one of the library's errors: it has no GPU to tell of
        yield None
        return
    try:
        yield pynvml
    finally:
        with contextlib.suppress(pynvml.NVMLError):  # a GPU that was lost is lost
            pynvml.nvmlShutdown()


def gpu_names() -> list[str]:
    """Return the names of all NVIDIA GPUs of this host, whatever the variables of this process hide."""
    with nvml() as library:
        if library is None:
            return []
        try:
            count = library.nvmlDeviceGetCount()
            handles = [library.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
            return [_text(library.nvmlDeviceGetName(handle)) for handle in handles]
        except library.NVMLError:
            return []


class GpuWatch:
    """Watches the GPU that training uses: the first of those that CUDA_VISIBLE_DEVICES leaves.

    Args:
        library: as `nvml` gives it; None watches nothing.
    """

    def __init__(self, library: Any) -> None:
        self._library = library
        self._handle = None if library is None else self._told(lambda: _first_visible(library))
        # When, in seconds of ``time.time()``; bytes in use; percent of the last period in which a kernel ran.
        self._looks: list[tuple[float, float | None, float | None]] = []

    def _told(self, ask: Callable[[], Any]) -> Any:
        """What the library answers, None if it can't or may not."""
        try:
            return ask()
        except self._library.NVMLError:
            return None

    def look(self) -> None:
        """Note the memory in use, and how busy it is."""
        if self._handle is not None:
            memory = self._told(lambda: float(self._library.nvmlDeviceGetMemoryInfo(self._handle).used))
            busy = self._told(lambda: float(self._library.nvmlDeviceGetUtilizationRates(self._handle).gpu))
            self._looks.append((time.time(), memory, busy))

    def told(self, start: float, end: float) -> dict[str, Any]:
        """Return what is known of a span of time that is just over.

        Args:
            start: in seconds of ``time.time()``.
            end: likewise.

        Returns:
            "metrics": gpu_busy in percent, gpu_memory in bytes; "stack": gpu, driver, and as cuda the newest version
            that this driver runs. Only what is known.
        """
        if self._handle is None:
            return {"metrics": {}, "stack": {}}
        library, handle = self._library, self._handle
        memory = [used for when, used, _ in self._looks if used is not None and start <= when <= end]
        busy = self._sampled(start, end)
        metrics = {
            "gpu_busy": self._looked(start, end) if busy is None else busy,
            "gpu_memory": max(memory, default=None),
        }
        stack = {
            "gpu": self._told(lambda: _text(library.nvmlDeviceGetName(handle))),
            "driver": self._told(lambda: _text(library.nvmlSystemGetDriverVersion())),
            "cuda": self._told(lambda: _version(library.nvmlSystemGetCudaDriverVersion())),
        }
        return {"metrics": _known(metrics), "stack": _known(stack)}

    def _sampled(self, start: float, end: float) -> float | None:
        """Percent of the span in which a kernel ran, by the samples that the driver keeps; None if unknown."""
        library, kind = self._library, self._library.NVML_GPU_UTILIZATION_SAMPLES
        found = self._told(lambda: library.nvmlDeviceGetSamples(self._handle, kind, int(start / MICRO)))
        if found is None:
            return None
        # uiVal: utilisation is an unsigned int, whatever else the union could hold.
        samples = [(sample.timeStamp * MICRO, float(sample.sampleValue.uiVal)) for sample in found[1]]
        if not samples or abs(max(samples)[0] - time.time()) > CLOCK_SECONDS:
            return None
        inside = [busy for when, busy in samples if start < when <= end]
        return _mean(inside)

    def _looked(self, start: float, end: float) -> float | None:
        """The same by what was seen at each look, for a driver that keeps no samples."""
        return _mean(
            [busy for when, _, busy in self._looks if busy is not None and start + PERIOD_SECONDS <= when <= end]
        )


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _version(number: int) -> str:
    """12040 is 12.4."""
    return f"{number // 1000}.{number % 1000 // 10}"


def _first_visible(library: Any) -> Any:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    if visible.isdecimal():
        return library.nvmlDeviceGetHandleByIndex(int(visible))
    # "GPU-..." and "MIG-..."; anything else is none, as it is to CUDA.
    return library.nvmlDeviceGetHandleByUUID(visible)


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
