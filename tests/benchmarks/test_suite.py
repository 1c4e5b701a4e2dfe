"""The suite as asv sees it: discovered in a process of its own, by asv's own script."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from asv.runner import BENCHMARK_RUN_SCRIPT

from feeders.loaders import WORKLOADS
from feeders.measure import METRICS, WORKERS
from feeders.measure.cells import OWN_WORKLOAD
from feeders.strategies import FEEDERS

ROOT = Path(__file__).resolve().parents[2]

SERIES = {
    "cost.Process.track_cpu": "cpu",
    "cost.Process.track_growth": "growth",
    "cost.Process.track_left": "left",
    "cost.Process.track_memory": "memory",
    "cost.Process.track_reads": "reads",
    "delivery.Epoch.track_broken": None,
    "delivery.Epoch.track_corrupt": "corrupt",
    "delivery.Epoch.track_disordered": "disordered",
    "delivery.Epoch.track_duplicated": "duplicated",
    "delivery.Epoch.track_missing": "missing",
    "delivery.Epoch.track_stale": "stale",
    "epoch.Fit.track_batch": "seconds_per_batch",
    "epoch.Fit.track_beyond_limit": "beyond_limit",
    "epoch.Fit.track_effective": "effective",
    "epoch.Fit.track_first": "first_epoch",
    "epoch.Fit.track_gap": "gap",
    "epoch.Fit.track_stall": "stall",
    "epoch.Fit.track_steady": "epoch",
    "epoch.Fit.track_unsteady": "unsteady",
    "start.Fit.track_first_batch": "first_batch",
    "wait.Batch.track_max": "wait_max",
    "wait.Batch.track_mean": "wait_mean",
    "wait.Batch.track_p50": "wait_p50",
    "wait.Batch.track_p95": "wait_p95",
    "wait.Batch.track_p99": "wait_p99",
    "wait.Step.track_p50": "step_p50",
    "wait.Step.track_p99": "step_p99",
    "wait.Step.track_work": "step_work",
}


def asv_script(*args, cwd):
    return subprocess.run([sys.executable, BENCHMARK_RUN_SCRIPT, *args], cwd=cwd, capture_output=True, text=True)


@pytest.fixture(scope="module")
def discovered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("discovery")
    done = asv_script("discover", str(ROOT / "benchmarks"), str(folder / "found.json"), cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return {found["name"]: found for found in json.loads((folder / "found.json").read_text())}


def test_asv_finds_exactly_these_series(discovered):
    assert sorted(discovered) == sorted(SERIES)


def test_every_metric_with_a_direction_is_a_series():
    assert {metric.name for metric in METRICS if metric.lower_is_better and not metric.gpu} == set(SERIES.values()) - {
        None
    }


def test_parameters_are_the_catalogues(discovered):
    expected = [
        [repr(row.name) for row in FEEDERS],
        [*(repr(row.name) for row in WORKLOADS), repr(OWN_WORKLOAD)],
        [repr(count) for count in WORKERS],
    ]
    for found in discovered.values():
        assert found["params"] == expected
        assert found["param_names"] == ["feeder", "workload", "workers"]


def test_units_are_the_metrics(discovered):
    units = {metric.name: metric.unit for metric in METRICS}
    for name, metric in SERIES.items():
        if metric:
            assert discovered[name]["unit"] == units[metric], name
    # asv scales these two units and no other one
    assert {"seconds", "bytes"} < {found["unit"] for found in discovered.values()}


def test_a_series_has_rounds_and_outlasts_two_takes(discovered):
    from feeders.measure import Settings

    for found in discovered.values():
        assert found["rounds"] == 5  # asv runs a track_ series once unless the function itself says otherwise
        assert found["timeout"] > 2 * Settings().deadline_seconds


def test_all_series_share_one_store_and_one_version(discovered):
    assert len({found["setup_cache_key"] for found in discovered.values()}) == 1
    assert len({found["version"] for found in discovered.values()}) == 1
    (key,) = {found["setup_cache_key"] for found in discovered.values()}
    assert not key.startswith("/")  # benchmarks.json is shared by all machines


def test_tooltips_say_what_is_counted_and_which_value_is_right(discovered):
    for name, found in discovered.items():
        docstring = re.search(r'"""(.+?)"""', found["code"], re.DOTALL)
        assert docstring, name
        assert re.search(r"Lower is better|is right|is best|is promised", docstring[1]), name


def test_names_fit_asvs_pages(discovered):
    assert max(map(len, discovered)) <= 40


def test_asv_accepts_the_arguments_of_every_series(tmp_path):
    done = asv_script("check", str(ROOT / "benchmarks"), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_discovery_does_not_import_tensorflow(tmp_path):
    code = (
        "import sys; from asv_runner.discovery import list_benchmarks; import io\n"
        f"list_benchmarks({str(ROOT / 'benchmarks')!r}, io.StringIO()); print('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.fixture
def question(monkeypatch):
    from benchmarks.epoch import Fit

    monkeypatch.delenv("FEEDERS_PROFILE", raising=False)
    return Fit()


def test_a_cell_outside_the_profile_is_skipped_before_anything_is_measured(question):
    with pytest.raises(NotImplementedError, match="not in profile core"):
        question.setup("unused", "sequence", "text", 8)
    question.setup("unused", "sequence", "text", 4)


def test_a_value_becomes_one_sample_and_no_value_a_skip(question, monkeypatch):
    from asv_runner.benchmarks.mark import SkipNotImplemented

    values = iter([0.25, None])
    monkeypatch.setattr("benchmarks._suite.Store.value", lambda *_: next(values))
    assert question.track_steady("unused", "sequence", "text", 4) == {"samples": [0.25], "number": 1}
    with pytest.raises(SkipNotImplemented, match="no epoch"):
        question.track_steady("unused", "sequence", "text", 4)
