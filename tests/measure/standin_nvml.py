"""A stand-in for NVIDIA's management library, with the real package's constants, structures and errors.

It answers as the reference of the library says: samples with the driver's CPU timestamps in microseconds, only those
after the one asked for; `NotFound` where there are none; `NotSupported` for the utilisation of a MIG partition.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pynvml

# The driver notes the utilisation so often.
SAMPLE_SECONDS = 1 / 6


@dataclass
class Gpu:
    """A GPU or a MIG partition.

    Attributes:
        name, uuid: as the driver tells them.
        busy: percent of the time in which a kernel runs, at a time in seconds.
        used: bytes in use, at a time in seconds.
        partition: whether it is a MIG partition.
        clock: seconds that the driver's clock is ahead of this process'.
    """

    name: str = "NVIDIA Stand-In"
    uuid: str = "GPU-0"
    busy: object = lambda when: 40
    used: object = lambda when: 3_000_000_000
    partition: bool = False
    clock: float = 0.0


@dataclass
class Library:
    """Stands for the module `pynvml`.

    Attributes:
        gpus: what the host has.
        faults: name of a function to the error code that it gives; "*" for all that ask a GPU.
        calls: names of the functions that were called.
    """

    gpus: tuple[Gpu, ...] = (Gpu(),)
    faults: dict[str, int] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def __getattr__(self, name):
        return getattr(pynvml, name)

    def _answer(self, name, gpu=False):
        self.calls.append(name)
        fault = self.faults.get(name) or (gpu and self.faults.get("*"))
        if fault:
            raise pynvml.NVMLError(fault)

    def nvmlInit(self):
        self._answer("nvmlInit")

    def nvmlShutdown(self):
        self._answer("nvmlShutdown")

    def nvmlSystemGetDriverVersion(self):
        self._answer("nvmlSystemGetDriverVersion")
        return "580.65.06"

    def nvmlSystemGetCudaDriverVersion(self):
        self._answer("nvmlSystemGetCudaDriverVersion")
        return 13010

    def nvmlDeviceGetCount(self):
        self._answer("nvmlDeviceGetCount")
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index):
        self._answer("nvmlDeviceGetHandleByIndex")
        if index >= len(self.gpus):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_INVALID_ARGUMENT)
        return self.gpus[index]

    def nvmlDeviceGetHandleByUUID(self, uuid):
        self._answer("nvmlDeviceGetHandleByUUID")
        for gpu in self.gpus:
            if gpu.uuid == uuid:
                return gpu
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)

    def nvmlDeviceGetName(self, gpu):
        self._answer("nvmlDeviceGetName", gpu=True)
        return gpu.name

    def nvmlDeviceGetMemoryInfo(self, gpu):
        self._answer("nvmlDeviceGetMemoryInfo", gpu=True)
        memory = pynvml.c_nvmlMemory_t()
        memory.total, memory.used = 80_000_000_000, gpu.used(time.time())
        memory.free = memory.total - memory.used
        return memory

    def nvmlDeviceGetUtilizationRates(self, gpu):
        self._answer("nvmlDeviceGetUtilizationRates", gpu=True)
        self._refuse_partition(gpu)
        rates = pynvml.c_nvmlUtilization_t()
        rates.gpu, rates.memory = gpu.busy(time.time()), 1
        return rates

    def nvmlDeviceGetSamples(self, gpu, kind, after):
        self._answer("nvmlDeviceGetSamples", gpu=True)
        self._refuse_partition(gpu)
        assert kind == pynvml.NVML_GPU_UTILIZATION_SAMPLES
        now = time.time()
        samples = []
        for number in range(100, -1, -1):
            when = now - number * SAMPLE_SECONDS
            sample = pynvml.c_nvmlSample_t()
            sample.timeStamp = int((when + gpu.clock) * 1e6)
            sample.sampleValue.uiVal = gpu.busy(when)
            if sample.timeStamp > after:
                samples.append(sample)
        if not samples:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return pynvml.NVML_VALUE_TYPE_UNSIGNED_INT, samples

    def _refuse_partition(self, gpu):
        if gpu.partition:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
