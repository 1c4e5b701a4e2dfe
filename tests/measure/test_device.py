"""What trains: asked for, found, or refused; and a process that has touched a GPU is never forked."""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pynvml
import pytest

from feeders import variables
from feeders.errors import FeedersError, Unsupported
from feeders.loaders import INDEX
from feeders.measure import Record, Settings, device, session, stack, takes
from feeders.measure.settings import GPU_STEADY_SECONDS

from .standin_nvml import Gpu, Library


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    """What `prepare` and `settle` set is taken back after each test."""
    for name in (
        variables.DEVICE,
        variables.BATCH,
        device.FOUND_VARIABLE,
        "CUDA_VISIBLE_DEVICES",
        "JAX_PLATFORMS",
        "KERAS_TORCH_DEVICE",
        *device.SHARED_GPU_ENV,
    ):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture
def gpus(monkeypatch):
    """Let the driver tell of GPUs, and the backend see some of them."""

    def gpus(driver, backend):
        library = Library(tuple(map(Gpu, driver)), {} if driver else {"nvmlInit": pynvml.NVML_ERROR_DRIVER_NOT_LOADED})
        monkeypatch.setitem(sys.modules, "pynvml", library)
        monkeypatch.setattr(device, "look_for_gpus", lambda: (backend, ""))
        monkeypatch.setattr(device, "backend", lambda: "tensorflow")

    return gpus


@pytest.mark.parametrize(
    ("asked", "driver", "backend", "settled"),
    [
        ("", [], [], "cpu"),
        ("", ["A"], ["A"], "gpu"),
        ("", ["A", "B"], ["A", "B"], "gpu"),
        ("", ["A"], [], "cpu"),  # tensorflow-cpu on a GPU host
        ("cpu", ["A"], ["A"], "cpu"),
        ("gpu", ["A"], ["A"], "gpu"),
        ("gpus", ["A", "B"], ["A", "B"], "gpus"),
    ],
)
def test_what_trains_is_what_was_asked_for_or_what_there_is(gpus, monkeypatch, asked, driver, backend, settled):
    gpus(driver, backend)
    monkeypatch.setenv(variables.DEVICE, asked)
    device.resolve_device()
    assert device.current() == settled == os.environ[variables.DEVICE]


@pytest.mark.parametrize(
    ("asked", "driver", "backend", "said"),
    [
        ("gpu", [], [], "sees no GPU, expected 1 or more; NVIDIA's driver tells of none. Try: pip install -e '.[gpu]'"),
        ("gpu", ["A"], [], "sees no GPU, expected 1 or more; NVIDIA's driver tells of A. Try"),
        ("gpus", ["A"], ["A"], "sees A, expected 2 or more"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(gpus, monkeypatch, asked, driver, backend, said):
    gpus(driver, backend)
    monkeypatch.setenv(variables.DEVICE, asked)
    with pytest.raises(FeedersError, match=r"FEEDERS_DEVICE=gpus?: tensorflow ") as error:
        device.resolve_device()
    assert said in str(error.value)


@pytest.mark.parametrize("asked", ["", "gpu"])
def test_gpus_are_looked_for_once_by_a_process_and_those_it_starts(gpus, monkeypatch, asked):
    """Each look imports a backend. Another backend, or another interpreter, may see others."""
    looks = []
    gpus(["A"], ["A"])
    monkeypatch.setattr(device, "look_for_gpus", lambda: (looks.append(1) or ["A"], ""))
    monkeypatch.setenv(variables.DEVICE, asked)
    device.resolve_device()
    device.resolve_device()
    device.prepare()
    assert len(looks) == 1
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    device.resolve_device()
    assert len(looks) == 2
    monkeypatch.setattr(sys, "prefix", "/another/environment")
    device.resolve_device()
    device.resolve_device()
    assert len(looks) == 3


def test_what_was_not_there_is_looked_for_again(gpus, monkeypatch):
    gpus(["A"], [])
    monkeypatch.setenv(variables.DEVICE, "gpu")
    for _ in range(2):
        with pytest.raises(FeedersError, match="sees no GPU"):
            device.resolve_device()


def test_something_else_is_no_device(monkeypatch):
    monkeypatch.setenv(variables.DEVICE, "tpu")
    with pytest.raises(FeedersError) as error:
        device.asked()
    assert str(error.value) == (
        "FEEDERS_DEVICE=tpu: not a device; expected cpu or gpu or gpus. Try: unset FEEDERS_DEVICE"
    )


def test_a_host_without_a_gpu_trains_on_the_cpu_whatever_else_a_backend_finds(gpus):
    """What trains is part of a series' name: torch on a Mac would take its GPU, JAX a TPU."""
    gpus([], [])
    device.prepare()
    assert {name: os.environ.get(name) for name in (variables.DEVICE, "JAX_PLATFORMS", "KERAS_TORCH_DEVICE")} == {
        variables.DEVICE: "cpu",
        "JAX_PLATFORMS": "cpu",
        "KERAS_TORCH_DEVICE": "cpu",
    }
    assert not set(device.SHARED_GPU_ENV) & set(os.environ)


def test_on_a_gpu_memory_is_taken_as_needed(gpus, monkeypatch):
    """Two takes of a pair are alive together. What the person has set stays."""
    gpus(["A"], ["A"])
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", "false")
    device.prepare()
    expected = {**device.SHARED_GPU_ENV, "TF_FORCE_GPU_ALLOW_GROWTH": "false"}
    assert {name: os.environ[name] for name in device.SHARED_GPU_ENV} == expected


@pytest.mark.parametrize(("driver", "size"), [(["A"], "64"), ([], None)])
def test_where_a_gpu_trains_batches_are_larger(gpus, driver, size):
    """The host that launches the kernels bounds a step on sixteen photographs."""
    gpus(driver, driver)
    device.prepare()
    assert os.environ.get(variables.BATCH) == size


def test_the_cpu_hides_gpus_from_every_backend(gpus, monkeypatch):
    gpus(["A"], ["A"])
    monkeypatch.setenv(variables.DEVICE, device.CPU)
    device.prepare()
    assert (os.environ["CUDA_VISIBLE_DEVICES"], os.environ["JAX_PLATFORMS"]) == ("-1", "cpu")


@pytest.mark.parametrize(("where", "seconds"), [("cpu", Settings.steady_seconds), ("gpu", GPU_STEADY_SECONDS)])
def test_a_gpu_is_watched_for_longer(monkeypatch, where, seconds):
    """Its driver notes how busy it was a few times a second."""
    monkeypatch.setenv(variables.DEVICE, where)
    assert Settings.from_environment().steady_seconds == seconds


def test_a_process_that_has_touched_a_gpu_is_never_forked(loaded, monkeypatch, tmp_path):
    """Whoever has a file of the driver open has touched it, by whatever library; a take then goes another way."""
    monkeypatch.setattr(stack, "GPU_FILES", str(tmp_path / "nvidia"))
    assert stack.is_untouched()
    made = Record("sequence", "window", 1, "measured", message="a new interpreter")
    monkeypatch.setattr(takes, "in_new_interpreter", lambda request, what: made.to_json())
    monkeypatch.setattr(takes, "_forked", lambda *_: pytest.fail("forked"))
    with (tmp_path / "nvidia0").open("w"):
        assert not stack.is_untouched()
        assert takes.take(takes.Cell("sequence", "window", 1)).message == "a new interpreter"
    assert stack.is_untouched()


def test_a_process_that_has_started_jax_is_never_forked(loaded, monkeypatch):
    class Bridge:
        _backends = {"cpu": object()}

    monkeypatch.setitem(sys.modules, "jax._src.xla_bridge", Bridge)
    assert not stack.is_untouched()


def test_jax_tells_of_its_backends_where_it_is_looked_for(loaded, in_child):
    """An internal of JAX: empty before its first use, and not after."""
    if not find_spec("jax"):
        pytest.skip("jax is not installed")

    def work():
        import jax

        bridge = sys.modules["jax._src.xla_bridge"]
        before = len(bridge._backends)
        jax.devices()
        return [before, len(bridge._backends), stack.is_untouched()]

    assert in_child(work) == [0, 1, False]


STANDIN_CUDA = Path(__file__).with_name("standin_cuda")


@pytest.fixture
def standin_cuda(gpus, monkeypatch):
    """Torch with a GPU, for this process and those it starts; the driver tells of one as well."""
    look = device.look_for_gpus
    gpus(["Stand-In 0"], [])
    monkeypatch.setattr(device, "look_for_gpus", look)
    monkeypatch.setenv("PYTHONPATH", str(STANDIN_CUDA))
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    spec = importlib.util.spec_from_file_location("torch", STANDIN_CUDA / "torch" / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "torch", module)
    return module


def test_gpus_are_looked_for_in_a_new_interpreter(standin_cuda):
    """A forked one can't use CUDA where it has started, and this one may not start it: takes are forked from here."""
    device.resolve_device()
    assert device.current() == device.GPU
    assert not standin_cuda.cuda.is_initialized()
    standin_cuda.cuda.device_count()
    assert device.look_for_gpus() == (["Stand-In 0"], "")


def test_a_forked_process_can_not_use_a_cuda_that_has_started(standin_cuda, in_child):
    """What the test above is about: the stand-in fails as CUDA does."""
    standin_cuda.cuda.device_count()

    def work():
        with pytest.raises(RuntimeError, match="Cannot re-initialize CUDA in forked subprocess"):
            standin_cuda.cuda.device_count()
        return True

    assert in_child(work)


def test_a_process_whose_torch_has_started_cuda_is_never_forked(loaded, standin_cuda):
    assert stack.is_untouched()
    standin_cuda.cuda.device_count()
    assert not stack.is_untouched()


def test_a_backend_that_can_not_be_asked_is_told_with_what_it_said(standin_cuda, monkeypatch):
    """It does not see no GPU: nobody knows what it sees."""
    monkeypatch.setenv("STANDIN_CUDA_BREAKS", "the driver is too old")
    monkeypatch.setenv(variables.DEVICE, device.GPU)
    with pytest.raises(FeedersError) as error:
        device.resolve_device()
    assert "torch could not be asked for GPUs (RuntimeError: the driver is too old), expected 1 or more" in str(
        error.value
    )
    assert "sees no GPU" not in str(error.value)


def test_a_take_on_a_gpu_tells_what_was_seen_of_it(take, plant, tiny, gpus, monkeypatch):
    """The whole way of a take, with a stand-in for the driver; what trains here is the CPU all the same."""
    gpus(["NVIDIA Stand-In"], ["NVIDIA Stand-In"])
    monkeypatch.setattr(device, "backend", lambda: "tensorflow")
    monkeypatch.setenv(variables.DEVICE, device.GPU)
    plant(tiny())
    record = take("sequence", steady_seconds=1.0)
    assert record.outcome == "measured", record.message
    assert record.metrics["gpu_busy"] == pytest.approx(40)
    assert record.metrics["gpu_memory"] == 3e9
    assert 0 < record.metrics["copy"] < record.metrics["epoch"]
    assert (record.stack["gpu"], record.stack["driver"]) == ("NVIDIA Stand-In", "580.65.06")


def test_a_copy_that_can_not_be_waited_for_is_not_known(in_child):
    """An old TensorFlow would tell how long it takes to ask for a copy."""

    def work():
        import tensorflow as tf

        batch = (np.zeros((4, 3), np.float32), np.zeros(4))
        known = device.copy_seconds(batch)
        vars(tf.test.experimental).pop("sync_devices", None)
        return [known, device.copy_seconds(batch)]

    known, unknown = in_child(work)
    assert known > 0
    assert unknown is None


def test_a_take_on_a_gpu_that_is_lost_is_a_take(take, plant, tiny, monkeypatch):
    """What broke is the watching: the numbers of the take are there, those of the GPU are not."""
    monkeypatch.setitem(sys.modules, "pynvml", Library(faults={"*": pynvml.NVML_ERROR_GPU_IS_LOST}))
    monkeypatch.setenv(variables.DEVICE, device.GPU)
    plant(tiny())
    record = take("sequence")
    assert record.outcome == "measured", record.message
    assert not {"gpu_busy", "gpu_memory"} & set(record.metrics)


@pytest.mark.parametrize(
    ("batch", "arrays", "known"),
    [
        ((np.zeros((4, 2)), np.zeros(4)), [2], 0.5),
        (({"a": np.zeros((4, 2))}, None), [1], 0.5),
        (({"a": SimpleNamespace(tocoo=None)}, np.zeros(4)), [], None),
    ],
)
def test_a_copy_is_of_the_arrays_of_a_batch(loaded, monkeypatch, batch, arrays, known):
    """A batch without labels has one; of one that holds a sparse matrix it is not known, and the take stays one."""
    copied = []
    monkeypatch.setattr(device, "copy_seconds", lambda parts: copied.append(len(parts)) or 0.5)
    monkeypatch.setattr(device, "current", lambda: device.GPU)
    fit = SimpleNamespace(timed=lambda samples, copy: copy)
    loader = SimpleNamespace(offers={INDEX}, batch=lambda index, epoch: batch)
    assert (session._timed(fit, loader, 4), copied) == (known, arrays)


def test_on_the_cpu_nothing_of_a_gpu_is_asked(take, plant, tiny, monkeypatch):
    library = Library()
    monkeypatch.setitem(sys.modules, "pynvml", library)
    plant(tiny())
    record = take("sequence")
    assert record.outcome == "measured", record.message
    assert not {"gpu_busy", "gpu_memory", "copy"} & set(record.metrics)
    assert "gpu" not in record.stack


@pytest.fixture
def two_devices(monkeypatch):
    """Two CPUs of one stand in for two GPUs, in the processes of a take."""
    original = device.on_device

    def on_device(make):
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        mirrored = tf.distribute.MirroredStrategy
        tf.distribute.MirroredStrategy = lambda: mirrored(["CPU:0", "CPU:1"])
        return original(make)

    monkeypatch.setattr(device, "on_device", on_device)
    monkeypatch.setenv(variables.DEVICE, device.GPUS)


def test_several_gpus_train_under_a_mirrored_strategy(two_devices, in_child):
    """With TensorFlow: the model's variables are on each of them."""

    def work():
        import tensorflow as tf

        return device.on_device(lambda: tf.distribute.get_strategy().num_replicas_in_sync)

    assert in_child(work) == 2


@pytest.mark.parametrize(
    "feeder",
    [
        *("sequence", "tfdata-map"),
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("arrays", "lookahead-threads", "lookahead-processes", "prefetch-thread", "queue-threads")
        ),
    ],
)
def test_a_take_on_several_gpus_is_timed(two_devices, take, plant, tiny, feeder):
    """Waits are not known there: each device fetches its part in a way of its own."""
    plant(tiny())
    record = take(feeder)
    assert record.outcome == "measured", record.message
    assert (record.guarantee, record.metrics["corrupt"]) == ("exactly-once", 0)
    assert {"epoch", "throughput", "step_p50"} <= set(record.metrics)
    assert not {"wait_mean", "first_batch", "disordered", "reads"} & set(record.metrics)
    assert ("gap" in record.metrics) == (feeder != "arrays")  # of which no long epoch is timed


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_several_gpus_are_unsupported_on_other_backends(in_child, monkeypatch, backend):
    monkeypatch.setenv(variables.DEVICE, device.GPUS)
    monkeypatch.setattr(device, "backend", lambda: backend)

    def work():
        with pytest.raises(Unsupported, match=f"MirroredStrategy, not with {backend}"):
            device.on_device(lambda: None)

    in_child(work)


def test_one_gpu_trains_without_a_strategy(in_child, monkeypatch):
    monkeypatch.setenv(variables.DEVICE, device.GPU)

    def work():
        import tensorflow as tf

        return device.on_device(tf.distribute.has_strategy)

    assert in_child(work) is False
