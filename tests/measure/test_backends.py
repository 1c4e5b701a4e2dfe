"""Keras' other backends: a whole take of a feeder that waits 5 ms a batch, and what is said where there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from feeders.measure import Record

# The wait of the workload `remote`.
WAIT_SECONDS = 0.005


def run(backend, *command):
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"},
    )


@pytest.fixture(scope="module", params=["jax", "torch"])
def record(request):
    """A take of `sequence` with one thread."""
    if not find_spec(request.param):
        pytest.skip(f"{request.param} is not installed")
    cell = {"feeder": "sequence", "workload": "remote", "workers": 1}
    settings = {"steady_seconds": 0.5, "deadline_seconds": 100, "model": "light", "taps": True}
    answer = run(request.param, "-m", "feeders.measure", json.dumps([cell, settings]))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return request.param, Record.from_json(answer.stdout.splitlines()[-1])


def test_every_sample_arrives_once_and_whole(record):
    _, record = record
    assert (record.outcome, record.guarantee) == ("measured", "exactly-once"), record.message
    assert {record.metrics[name] for name in ("missing", "duplicated", "disordered", "corrupt", "stale")} == {0}


def test_the_wait_is_at_least_what_the_feeder_waits(record):
    """It is tapped where Keras pulls batches in Python, and a step holds its wait."""
    _, record = record
    metrics = record.metrics
    assert WAIT_SECONDS <= record.waits[0] <= metrics["wait_p50"] <= metrics["step_p50"]
    assert metrics["wait_mean"] <= metrics["epoch"] / 97
    assert metrics["first_batch"] <= metrics["first_epoch"]


def test_the_record_says_what_computed(record):
    backend, record = record
    assert record.stack["backend"] == backend
    assert record.stack["device"] == "cpu"
    assert record.stack[backend]  # its version


@pytest.mark.parametrize(
    ("feeder", "outcome"),
    [pytest.param("sequence", "measured", marks=pytest.mark.slow), ("tfdata-map", "unsupported")],
)
def test_a_take_needs_no_tensorflow_where_another_backend_trains(monkeypatch, tmp_path, feeder, outcome):
    """A row of tf.data is unsupported there, with the way to get it; nothing else asks for TensorFlow."""
    if not find_spec("jax"):
        pytest.skip("jax is not installed")
    (tmp_path / "tensorflow.py").write_text("raise ImportError('no tensorflow here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    cell = {"feeder": feeder, "workload": "remote", "workers": 1}
    answer = run("jax", "-m", "feeders.measure", json.dumps([cell, {"steady_seconds": 0.1, "deadline_seconds": 100}]))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    record = Record.from_json(answer.stdout.splitlines()[-1])
    assert record.outcome == outcome, record.message
    assert "tensorflow" not in record.stack
    if outcome == "unsupported":
        assert record.message.startswith("tfdata-map: TensorFlow is not installed (no tensorflow here), and tf.data")


def test_a_backend_that_is_not_installed_is_one_message(monkeypatch, tmp_path):
    (tmp_path / "jax.py").write_text("raise ImportError('no jax here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    answer = run("jax", "-m", "feeders", "measure", "sequence")
    assert answer.returncode == 2
    expected = "KERAS_BACKEND=jax: jax can't be imported (no jax here). Try: pip install jax keras, or unset"
    assert expected in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_backend_that_keras_does_not_have_is_one_message():
    answer = run("theano", "-m", "feeders", "measure", "sequence")
    assert answer.returncode == 2
    assert "KERAS_BACKEND=theano: not a backend that is measured; expected tensorflow or jax or torch" in answer.stderr
    assert "Traceback" not in answer.stderr
