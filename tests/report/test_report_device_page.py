"""The page of a GPU host: busy beside the limit, the split of an epoch with what is unknown, CPU beside GPU.

The numbers resemble those of an NVIDIA H100 with 16 cores, TensorFlow and JAX, in epochs of 25 batches.
"""

from __future__ import annotations

import pytest

from feeders.report import html_report
from feeders.report.payload import payload

from .conftest import STACK, made_up, write_takes
from .test_report_page import at, rows

# feeder, workers, seconds of an epoch, of a wait, of a step without it, GPU busy, share of the limit
TENSORFLOW = (
    ("resident", 1, 0.501, 0.0002, 0.0195, 76.4, None),
    ("sequence", 4, 0.672, 0.0022, 0.0205, 58.3, 71.0),
    ("sequence-processes", 8, 0.891, 0.0022, 0.0199, 43.7, 52.0),
    ("tfdata-map", 8, 0.623, 0.0037, 0.0199, 61.8, 77.0),
)
JAX = (
    ("resident", 1, 0.130, 0.0008, 0.0034, 88.6, None),
    ("sequence", 1, 0.533, 0.0172, 0.0036, 20.5, 19.0),
    ("tfdata-native", 8, 0.157, 0.0025, 0.0040, 73.7, 82.0),
)
CPU = (("resident", 1, 0.051, 0.0001, 0.0018, None, None), ("sequence", 4, 0.408, 0.0086, 0.0021, None, 9.0))
GPU_STACK = {**STACK, "device": "gpu", "gpu": "NVIDIA H100 80GB HBM3", "driver": "580.159.04", "cuda": "13.0"}


def a_take(stack, feeder, workers, epoch, wait, work, busy, share):
    known = {"epoch": epoch, "wait_mean": wait, "step_work": work, "gpu_busy": busy, "share_of_limit": share}
    known["copy"] = 0.0005 if busy is not None else None
    metrics = {name: value for name, value in known.items() if value is not None}
    speed = 391 / epoch
    return made_up(feeder, "jpeg", workers, speed, stack=stack, batches=25, metrics={**metrics, "stall": 5.0})


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A GPU host: two backends on the GPU, and TensorFlow on the CPU; one feeder whose GPU NVML did not tell of."""
    folder = tmp_path_factory.mktemp("gpu") / "results"
    for cells, stack, environment in (
        (TENSORFLOW, GPU_STACK, "stack-FEEDERS_BATCH64-FEEDERS_DEVICEgpu-FEEDERS_MODELresnet"),
        (JAX, {**GPU_STACK, "backend": "jax"}, "stack-FEEDERS_BATCH64-FEEDERS_DEVICEgpu-KERAS_BACKENDjax"),
        (CPU, STACK, "stack"),
    ):
        write_takes(folder, [a_take(stack, *cell) for cell in cells], machine="h100", environment=environment)
    return folder


@pytest.fixture(scope="module")
def page_of(results, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html_report(results), encoding="utf-8")
    return path


def splits(results, **chosen):
    given = payload(results)["tables"]["splits"]["columns"]
    found = [dict(zip(given, values)) for values in zip(*given.values())]
    return [row for row in found if all(row[name] == value for name, value in chosen.items())]


def test_an_epoch_is_split_into_waits_copies_and_computing(results):
    (row,) = splits(results, feeder="sequence", device="GPU, FEEDERS_BATCH=64, KERAS_BACKEND=jax")
    assert row["waits"] == pytest.approx(100 * 25 * 0.0172 / 0.533, rel=1e-3)
    assert row["copies"] == pytest.approx(100 * 25 * 0.0005 / 0.533, rel=1e-3)
    assert (row["computes"], row["rest"], row["unknown"]) == (20.5, 0.0, "")


def test_what_is_not_known_of_an_epoch_is_told_and_is_in_the_rest(results):
    (row,) = splits(results, feeder="sequence", device="CPU")
    assert (row["copies"], row["computes"], row["unknown"]) == (None, None, "copies, computes")
    assert row["rest"] == pytest.approx(100 - row["waits"], rel=1e-3)


def test_the_page_shows_busy_beside_the_limit_and_both_devices(page_of, open_page):
    gpu = "GPU, FEEDERS_BATCH=64, FEEDERS_MODEL=resnet"
    page = at(open_page(), page_of, "device", machine="h100", device=gpu, workload="jpeg")
    assert page.get_by_role("alert").count() == 0
    assert page.locator("main svg.marks").count() == 2
    told = {row[0]: row for row in rows(page, "What feeding takes from a step")}
    assert told["sequence"][4:6] == ["1.051", "58.3"]
    beside = rows(page, "All devices of this host, side by side")
    assert {row[2] for row in beside} == {"CPU", "GPU, batch 64, model resnet", "GPU, batch 64, jax"}


def test_without_a_gpu_the_page_says_so_and_still_splits_epochs(page_of, open_page):
    page = at(open_page(), page_of, "device", machine="h100", device="CPU", workload="jpeg")
    assert page.locator("main svg.marks").count() == 1
    told = page.locator("main").inner_text()
    assert "No GPU was measured on this workload here. To do so: FEEDERS_DEVICE=gpu asv run" in told
    told = {row[0]: row for row in rows(page, "Shares of an epoch")}
    assert told["sequence"][-1] == "copies, computes"
