"""What is told of a GPU from outside: what is known, and nothing where it is not. Tried on a stand-in for NVML."""

from __future__ import annotations

import sys
import time

import pynvml
import pytest

from feeders.measure import nvml as module
from feeders.measure.nvml import GpuWatch, gpu_names, nvml

from .standin_nvml import Gpu, Library


@pytest.fixture(autouse=True)
def visible(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture
def install(monkeypatch):
    """Put a library in the place of the installed one."""

    def install(library):
        monkeypatch.setitem(sys.modules, "pynvml", library)
        return library

    return install


def told(library, seconds=3.0):
    """What a watch tells of the last seconds, after a look now and one a moment ago."""
    now = time.time()
    watch = GpuWatch(library)
    watch.look()
    return watch.told(now - seconds, now + 0.1)


def test_what_a_gpu_tells():
    """Its busy share is the mean over the samples of the span, its memory the most that was seen."""
    start = time.time() - 2
    library = Library((Gpu(busy=lambda when: 90 if when > start else 0),))
    watch = GpuWatch(library)
    watch.look()
    known = watch.told(start, time.time())
    assert known["metrics"] == {"gpu_busy": pytest.approx(90), "gpu_memory": 3e9}
    assert known["stack"] == {"gpu": "NVIDIA Stand-In", "driver": "580.65.06", "cuda": "13.1"}


def test_memory_outside_of_the_span_is_not_in_it(monkeypatch):
    used = iter([9_000_000_000, 2_000_000_000, 1_000_000_000])
    watch = GpuWatch(Library((Gpu(used=lambda when: next(used)),)))
    for now in (100.0, 110.0, 111.0):
        monkeypatch.setattr(module.time, "time", lambda now=now: now)
        watch.look()
    assert watch.told(105.0, 112.0)["metrics"]["gpu_memory"] == 2e9


@pytest.mark.parametrize(
    ("faults", "missing"),
    [
        # A user who may not ask.
        ({"nvmlDeviceGetMemoryInfo": pynvml.NVML_ERROR_NO_PERMISSION}, {"gpu_memory"}),
        (
            dict.fromkeys(("nvmlDeviceGetSamples", "nvmlDeviceGetUtilizationRates"), pynvml.NVML_ERROR_NO_PERMISSION),
            {"gpu_busy"},
        ),
        ({"nvmlSystemGetCudaDriverVersion": pynvml.NVML_ERROR_FUNCTION_NOT_FOUND}, {"cuda"}),
        # All that asks the GPU itself.
        ({"*": pynvml.NVML_ERROR_GPU_IS_LOST}, {"gpu_busy", "gpu_memory", "gpu"}),
        ({"*": pynvml.NVML_ERROR_UNKNOWN}, {"gpu_busy", "gpu_memory", "gpu"}),
        ({"nvmlDeviceGetHandleByIndex": pynvml.NVML_ERROR_NO_PERMISSION}, None),
    ],
)
def test_what_is_not_told_is_unknown(faults, missing):
    """Never 0, and never an error of the take."""
    known = told(Library(faults=faults))
    names = {*known["metrics"], *known["stack"]}
    everything = {"gpu_busy", "gpu_memory", "gpu", "driver", "cuda"}
    assert names == (set() if missing is None else everything - missing)


def test_a_gpu_that_is_lost_half_way_tells_what_was_seen():
    library = Library()
    start = time.time()
    watch = GpuWatch(library)
    watch.look()
    library.faults["*"] = pynvml.NVML_ERROR_GPU_IS_LOST
    watch.look()
    known = watch.told(start, time.time())
    assert known["metrics"] == {"gpu_memory": 3e9}
    assert known["stack"] == {"driver": "580.65.06", "cuda": "13.1"}


def test_a_mig_partition_has_memory_and_no_utilisation(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-7")
    known = told(Library((Gpu(), Gpu(name="NVIDIA H100 MIG 1g.10gb", uuid="MIG-7", partition=True))))
    assert known["metrics"] == {"gpu_memory": 3e9}
    assert known["stack"]["gpu"] == "NVIDIA H100 MIG 1g.10gb"


@pytest.mark.parametrize(
    ("visible", "name"),
    [("", None), ("1", "second"), ("1,0", "second"), ("GPU-1", "second"), ("-1", None), ("5", None)],
)
def test_the_gpu_is_the_first_that_cuda_may_use(monkeypatch, visible, name):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    known = told(Library((Gpu("first", "GPU-0"), Gpu("second", "GPU-1"))))
    assert known["stack"].get("gpu") == name


def test_a_driver_that_keeps_no_samples_is_asked_at_each_look(monkeypatch):
    """What it says first may still be of the time before the span."""
    busy = iter([5, 70, 80, 5])
    library = Library(
        (Gpu(busy=lambda when: next(busy)),), faults={"nvmlDeviceGetSamples": pynvml.NVML_ERROR_NOT_SUPPORTED}
    )
    watch = GpuWatch(library)
    for now in (100.5, 101.5, 102.0, 103.0):
        monkeypatch.setattr(module.time, "time", lambda now=now: now)
        watch.look()
    assert watch.told(100.0, 102.5)["metrics"]["gpu_busy"] == 75


def test_samples_of_another_clock_are_not_laid_over_the_span():
    library = Library((Gpu(clock=3600.0),))
    watch = GpuWatch(library)
    assert "gpu_busy" not in watch.told(time.time() - 3, time.time())["metrics"]


def test_nothing_is_watched_without_a_library():
    watch = GpuWatch(None)
    watch.look()
    assert watch.told(0.0, 1.0) == {"metrics": {}, "stack": {}}


def test_the_names_of_all_gpus_whatever_is_hidden(install, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    install(Library((Gpu("A"), Gpu("B"))))
    assert gpu_names() == ["A", "B"]


@pytest.mark.parametrize(
    "faults",
    [
        {"nvmlInit": pynvml.NVML_ERROR_LIBRARY_NOT_FOUND},
        {"nvmlInit": pynvml.NVML_ERROR_DRIVER_NOT_LOADED},
        {"nvmlInit": pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH},
        {"nvmlDeviceGetCount": pynvml.NVML_ERROR_NO_PERMISSION},
        {"nvmlDeviceGetName": pynvml.NVML_ERROR_GPU_IS_LOST},
    ],
)
def test_a_host_that_tells_of_no_gpu_has_none(install, faults):
    install(Library(faults=faults))
    assert gpu_names() == []


def test_a_host_without_the_package_has_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)  # importing it raises
    assert gpu_names() == []
    with nvml() as library:
        assert library is None


def test_the_library_is_shut_down_again(install):
    """Also when it has lost its GPU."""
    library = install(Library(faults={"nvmlShutdown": pynvml.NVML_ERROR_GPU_IS_LOST}))
    with nvml():
        pass
    assert library.calls == ["nvmlInit", "nvmlShutdown"]
