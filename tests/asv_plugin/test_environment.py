"""asv's environment: one for all releases, whose interpreter is that of the release whose turn it is."""

from __future__ import annotations

import json
import sys

import pytest
from asv import environment
from asv.config import Config

from feeders.asv_plugin import environment as environment_module
from feeders.errors import FeedersError
from feeders.measure import device
from feeders.releases import interpreters
from feeders.releases.catalogue import Release
from feeders.releases.environments import path_of
from feeders.releases.interpreters import FOREIGN
from feeders.results import series

HERE = Release("2.17.0", "2024-07-11", "TensorFlow 2.17.0, Keras 3.4.1")

# A Python that prints what it was told.
TOLD = """#!/bin/sh
exec '{python}' -I -c 'import json, os; print(json.dumps(dict(os.environ)))'
"""


@pytest.fixture
def here(monkeypatch):
    """Say which release the running interpreter holds."""

    def here(release):
        for module in (interpreters, environment_module):
            monkeypatch.setattr(module, "installed", lambda: release)

    here(HERE)
    return here


@pytest.fixture
def lab(tmp_path, monkeypatch, here):
    """Return asv's environment, in a folder of its own; attributes are those that a run sets."""
    monkeypatch.chdir(tmp_path)
    for name in (*(name for name, _ in series.SERIES_VARIABLES), device.FOUND_VARIABLE):
        monkeypatch.setenv(name, "")  # what a test makes of it is taken back
        monkeypatch.delenv(name)

    def lab(**extra):
        conf = Config.from_json({"repo": ".", "environment_type": "stack", "env_dir": ".asv/env"})
        conf.__dict__.update(extra)
        (made,) = environment.get_environments(conf, None)
        return made

    return lab


def test_the_turn_goes_from_release_to_release(lab, cache, planted_uv, shelf, stack, tmp_path, monkeypatch):
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    planted_uv.python.write_text(TOLD.format(python=sys.executable))
    shelf.put(stack)
    made = lab(takes_folder=tmp_path / "results" / "lab", run_id="2026-01-02T03:04:05+00:00")
    made.install_project(None, None, "2.16.2")
    assert made.installed_commit_hash == "2.16.2"
    made.round = 3
    told = json.loads(made.run(["-c", "ignored"]))
    assert {name: told[name] for name in FOREIGN} == dict.fromkeys(FOREIGN, "")
    assert told["FEEDERS_PINS"] == stack.digest
    assert told["FEEDERS_TAKES"] == str(tmp_path / "results" / "lab" / "2.16.2-stack-takes.jsonl")
    assert (told["FEEDERS_RUN"], told["FEEDERS_ROUND"]) == ("2026-01-02T03:04:05+00:00", "3")
    made.install_project(None, None, "2.17.0")
    told = json.loads(made.run(["-c", "import json, os; print(json.dumps(dict(os.environ)))"]))
    assert "FEEDERS_PINS" not in told
    assert told["TF_USE_LEGACY_KERAS"] == "1"
    assert told["FEEDERS_TAKES"].endswith("2.17.0-stack-takes.jsonl")


def test_all_environments_are_made_before_the_first_release_is_measured(lab, cache, planted_uv, shelf, stack):
    shelf.put(stack)
    lab().require(["2.17.0", "2.16.2"])
    assert path_of(stack).exists()


def test_one_that_cant_be_made_is_an_error(lab, cache, planted_uv, shelf, stack):
    shelf.put(stack)
    planted_uv.ends_with("echo 'no network' >&2; exit 1")
    with pytest.raises(FeedersError, match=r"^2\.16\.2: its environment can't be made. uv venv says: no network"):
        lab().require(["2.17.0", "2.16.2"])


def test_a_host_without_tensorflow_has_no_turn_at_first(lab, here, tmp_path):
    """asv asks for the environment's name and for the suite before it names a release."""
    here(None)
    made = lab(takes_folder=tmp_path)
    assert (made.name, made.installed_commit_hash) == ("stack", None)
    assert made.run(["-c", "import os; print(os.environ.get('FEEDERS_TAKES'))"]).strip() == "None"


@pytest.mark.parametrize(
    ("asked", "driver", "seen", "name"),
    [
        ("", [], None, "stack"),
        ("", ["A"], ["A"], "stack-FEEDERS_BATCH64-FEEDERS_DEVICEgpu"),
        ("", ["A"], [], "stack"),  # a GPU that the backend can't use
        ("cpu", ["A"], None, "stack"),
        ("gpu", ["A"], ["A"], "stack-FEEDERS_BATCH64-FEEDERS_DEVICEgpu"),
        ("gpus", ["A", "B"], ["A", "B"], "stack-FEEDERS_BATCH64-FEEDERS_DEVICEgpus"),
    ],
)
def test_what_trains_is_part_of_the_name_of_the_series(lab, monkeypatch, asked, driver, seen, name):
    """Series of a CPU and of a GPU are never one; a host without a GPU starts no interpreter to know."""
    monkeypatch.setenv("FEEDERS_DEVICE", asked)
    for module in (environment_module, device):
        monkeypatch.setattr(module, "gpu_names", lambda: driver)

    def look_for_gpus():
        assert seen is not None, "nobody had to be asked"
        return seen, ""

    monkeypatch.setattr(device, "look_for_gpus", look_for_gpus)
    assert lab().name == name


def test_a_device_that_is_none_is_an_error(lab, monkeypatch):
    monkeypatch.setenv("FEEDERS_DEVICE", "tpu")
    with pytest.raises(FeedersError, match=r"^FEEDERS_DEVICE=tpu: not a device; expected cpu or gpu or gpus"):
        lab()


def test_the_size_of_a_batch_has_series_of_its_own(lab, monkeypatch):
    monkeypatch.setenv("FEEDERS_BATCH", "128")
    assert lab().name == "stack-FEEDERS_BATCH128"
    assert series.settings_in_name("stack-FEEDERS_BATCH128") == ["FEEDERS_BATCH=128"]


def test_a_backend_has_series_of_its_own(lab, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert lab().name == "stack-KERAS_BACKENDjax"
