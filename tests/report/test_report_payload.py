"""What the page is given: metrics of a GPU where there is one, and nothing of them where there is none."""

from __future__ import annotations

from feeders.report.payload import payload

from .conftest import STACK, made_up, write_takes

GPU = {"gpu_busy": 35.0, "gpu_memory": 2e9, "copy": 0.0015}
GPU_STACK = {**STACK, "device": "gpu", "gpu": "NVIDIA Stand-In", "driver": "580.65.06", "cuda": "13.1"}


def rows(given, table, **chosen):
    """Rows of a table that have these values; it is given by columns."""
    given = given["tables"][table]["columns"]
    found = [dict(zip(given, values)) for values in zip(*given.values())]
    return [row for row in found if all(row[name] == value for name, value in chosen.items())]


def test_without_a_gpu_nothing_of_one_is_shown(tmp_path):
    write_takes(tmp_path, [made_up(), made_up("resident")])
    given = payload(tmp_path)
    assert not {"gpu_busy", "gpu_memory", "copy", "gpu_busy_low"} & set(rows(given, "cells")[0])
    assert not {"gpu_busy", "gpu_memory", "copy"} & {row["name"] for row in given["metrics"]}
    assert not rows(given, "metrics", metric="gpu_busy")
    assert "GPU" not in rows(given, "answers")[0]["html"]


def test_with_a_gpu_its_metrics_can_be_chosen_and_stand_in_the_answer(tmp_path):
    write_takes(tmp_path, [made_up(), made_up("resident")])
    takes = [made_up(speed=speed, metrics=GPU, stack=GPU_STACK) for speed in (100.0, 200.0)]
    write_takes(tmp_path, [*takes, made_up("resident", stack=GPU_STACK)], environment="stack-FEEDERS_DEVICEgpu")
    given = payload(tmp_path)
    (cell,) = rows(given, "cells", device="GPU", feeder="sequence")
    assert (cell["gpu_busy"], cell["gpu_memory"], cell["copy"]) == (35.0, 2000.0, 1.5)
    (other,) = rows(given, "cells", device="CPU", feeder="sequence")
    assert other["gpu_busy"] is None
    units = {row["name"]: row["unit"] for row in given["metrics"]}
    assert (units["gpu_busy"], units["gpu_memory"], units["copy"]) == ("%", "MB", "ms")
    (answer,) = rows(given, "answers", device="GPU", batches=1000)
    assert "<dt>GPU busy</dt><dd>35 %</dd>" in answer["html"]
    (stack,) = rows(given, "stacks", device="GPU")
    assert stack["stack"].endswith("NVIDIA Stand-In, driver 580.65.06, CUDA 13.1")


def test_the_page_opens_with_this_host_and_its_newest_release(tmp_path, monkeypatch):
    """Whoever clones the repository and measures is shown that host first, however old its releases are."""
    monkeypatch.setenv("FEEDERS_MACHINE", "zoo")
    for machine, release in (("lab", "2.17.1"), ("lab", "2.15.1"), ("zoo", "2.9.3"), ("zoo", "2.10.1")):
        write_takes(tmp_path, [made_up()], release, machine)
    subjects = [(subject["machine"], subject["release"]) for subject in payload(tmp_path)["subjects"]]
    assert subjects == [("zoo", "2.10.1"), ("zoo", "2.9.3"), ("lab", "2.17.1"), ("lab", "2.15.1")]
