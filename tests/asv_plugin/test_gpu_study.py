"""The study of a GPU host, rehearsed on the CPU: it stops in time, and goes on where it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from feeders.results.takes import read_takes

from .test_asv_run import ROOT, Copy, pytestmark  # noqa: F401  (needs TensorFlow as well)

SECONDS = 600


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return a function that rehearses the study in a copy of the repository."""
    copy = Copy(tmp_path_factory.mktemp("study"))
    for name in ("studies", "examples"):
        shutil.copytree(ROOT / name, copy.folder / name)
    out = copy.folder.parent / "out"
    out.mkdir()

    def study(**variables):
        given = {"GPU_REHEARSAL": "1", "PYTHON": sys.executable, "OUT": str(out), "GPU_ROUNDS": "1", **variables}
        return subprocess.run(
            ["bash", str(copy.folder / "studies" / "gpu.sh")],
            env={**copy.environment, "FEEDERS_MACHINE": "", "PYTHONPATH": "", **given},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    study.results, study.out = copy.folder / "results", out
    return study


def test_without_time_nothing_is_measured(study):
    done = study(GPU_SECONDS="0", GPU_STEPS="tensorflow advise")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "tensorflow: 0"
    assert "round 1" not in done.stdout


# Stands for an interpreter: to count the rounds that have ended takes it what time is left.
INTERPRETER = """#!/bin/sh
case "$*" in
  "-") echo cpu-1core 1 ;;
  "- tensorflow"*) [ -e waited ] || sleep 1; touch waited; echo 0 ;;
  "-m asv"*) touch measured ;;
esac
"""


def test_no_round_begins_once_the_time_is_over(tmp_path):
    """To `timeout`, which ends a round, 0 seconds are no limit."""
    shutil.copytree(ROOT / "studies", tmp_path / "studies")
    python = tmp_path / "python"
    python.write_text(INTERPRETER)
    python.chmod(0o755)
    given = {"GPU_REHEARSAL": "1", "GPU_SECONDS": "1", "GPU_STEPS": "tensorflow", "PYTHON": str(python)}
    done = subprocess.run(
        ["bash", "studies/gpu.sh"],
        cwd=tmp_path,
        env={**os.environ, "FEEDERS_MACHINE": "", **given},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.stdout.splitlines()[-1] == "tensorflow: 0", done.stderr
    assert not (tmp_path / "measured").exists()


def test_what_is_not_installed_is_left_out(study):
    done = study(GPU_SECONDS="0", GPU_STEPS="tensorflow nothing_like_it")
    assert "nothing_like_it: nothing_like_it is not installed, left out" in done.stdout
    assert done.stdout.splitlines()[-1] == "tensorflow: 0"


@pytest.mark.slow
def test_a_round_is_measured_once_and_its_results_are_copied(study):
    done = study(GPU_STEPS="tensorflow")
    assert done.stdout.splitlines()[-1] == "tensorflow: 1", done.stdout + done.stderr
    (part,) = read_takes(study.results)
    assert part.machine.startswith("cpu-")
    assert part.device == "CPU, FEEDERS_BATCH=64"
    assert {(take.feeder, take.outcome) for take in part.records} == {
        ("resident", "measured"),
        ("sequence", "measured"),
    }
    assert (study.out / part.machine / "machine.json").exists()
    again = study(GPU_STEPS="tensorflow")
    assert "round 1" not in again.stdout
    assert again.stdout.splitlines()[-1] == "tensorflow: 1"
