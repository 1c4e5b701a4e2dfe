"""Which Python measures a release, what it is told, and that it holds what it was made from."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from asv import environment
from asv.config import Config

from feeders.asv_plugin import environment as environment_module
from feeders.errors import FeedersError
from feeders.measure import preload
from feeders.measure import stack as measured_stack
from feeders.releases import interpreters
from feeders.releases.catalogue import Release
from feeders.releases.environments import path_of, python_of
from feeders.releases.interpreters import FOREIGN, interpreter, is_release
from feeders.results import series

HERE = Release("2.17.0", "2024-07-11", "TensorFlow 2.17.0, Keras 3.4.1")

# A Python that prints what it was told.
TOLD = """#!/bin/sh
exec '{python}' -I -c 'import json, os; print(json.dumps(dict(os.environ)))'
"""


def quiet(text):
    pass


@pytest.fixture
def here(monkeypatch):
    """Say which release the running interpreter holds."""

    def here(release):
        for module in (interpreters, environment_module):
            monkeypatch.setattr(module, "installed", lambda: release)

    here(HERE)
    return here


def test_the_installed_release_is_measured_by_the_interpreter_that_runs_asv(here, cache, shelf):
    """No environment is made of what is there already, and nothing is set for it."""
    found = interpreter("2.17.0", quiet)
    assert (found.python, dict(found.variables)) == (sys.executable, {})
    assert not cache.exists()


def test_a_release_that_is_installed_is_measured_as_pinned_where_that_is_asked_for_and_it_has_a_stack(
    here, cache, planted_uv, shelf, stack
):
    here(Release("2.16.2", "2024-06-28", "TensorFlow 2.16.2, Keras 3.4.1"))
    assert interpreter("2.16.2", quiet, pinned=True).python == sys.executable
    shelf.put(stack)
    assert interpreter("2.16.2", quiet, pinned=True).python == str(python_of(stack))
    assert interpreter("2.16.2", quiet).python == sys.executable


def test_another_release_is_measured_by_its_own(here, cache, planted_uv, shelf, stack):
    shelf.put(stack)
    found = interpreter("2.16.2", quiet)
    assert found.python == str(python_of(stack))
    assert Path(found.python).exists()
    assert found.variables == {**dict.fromkeys(FOREIGN, ""), "FEEDERS_PINS": stack.digest, "FEEDERS_DEVICE": "cpu"}
    assert {"PYTHONPATH", "PYTHONHOME", "TF_USE_LEGACY_KERAS"} <= set(FOREIGN)


@pytest.mark.parametrize(("release", "holds"), [(HERE, "installed is 2.17.0"), (None, "none is installed")])
def test_a_release_without_stack_is_refused_with_the_command_that_adds_it(here, shelf, stack, release, holds):
    here(release)
    shelf.put(stack)
    with pytest.raises(FeedersError) as error:
        interpreter("2.15.1", quiet)
    assert str(error.value) == (
        f"2.15.1: a release that can't be measured here; {holds}, stacks: 2.16.2. Try: feeders releases add 2.15.1"
    )


def test_a_release_is_what_is_installed_or_has_a_stack(here, shelf, stack):
    shelf.put(stack)
    assert [is_release(name) for name in ("2.17.0", "2.16.2", "2.15.1", "sequence")] == [True, True, False, False]
    here(None)
    assert not is_release("2.17.0")


@pytest.mark.parametrize(
    ("name", "value", "needed"), [("FEEDERS_DEVICE", "gpu", "cpu"), ("KERAS_BACKEND", "jax", "tensorflow")]
)
def test_an_environment_made_from_pins_has_tensorflow_for_the_cpu_alone(
    here, cache, shelf, stack, monkeypatch, name, value, needed
):
    """It would measure something else under the name of what was asked for. The installed release has what it has."""
    shelf.put(stack)
    monkeypatch.setenv(name, value)
    with pytest.raises(FeedersError) as error:
        interpreter("2.16.2", quiet)
    assert str(error.value).startswith("2.16.2: the environment that is made for it has TensorFlow for the CPU alone")
    assert str(error.value).endswith(
        f"expected {name}={needed}, seen {name}={value}. Try: {name}={needed} with the same command"
    )
    assert interpreter("2.17.0", quiet).python == sys.executable
    assert not cache.exists()


@pytest.fixture
def lab(tmp_path, monkeypatch, here):
    """Return asv's environment, in a folder of its own; attributes are those that a run sets."""
    monkeypatch.chdir(tmp_path)
    for name, _ in series.SERIES_VARIABLES:
        monkeypatch.delenv(name, raising=False)

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


def test_one_that_cant_be_made_ends_the_command(lab, cache, planted_uv, shelf, stack, caplog):
    shelf.put(stack)
    planted_uv.ends_with("echo 'no network' >&2; exit 1")
    with pytest.raises(SystemExit) as ended:
        lab().require(["2.17.0", "2.16.2"])
    assert ended.value.code == 2
    assert "feeders: 2.16.2: its environment can't be made. uv venv says: no network" in caplog.text


def test_a_host_without_tensorflow_has_no_turn_at_first(lab, here, tmp_path):
    """asv asks for the environment's name and for the suite before it names a release."""
    here(None)
    made = lab(takes_folder=tmp_path)
    assert (made.name, made.installed_commit_hash) == ("stack", None)
    assert made.run(["-c", "import os; print(os.environ.get('FEEDERS_TAKES'))"]).strip() == "None"


@pytest.mark.parametrize(
    ("asked", "driver", "told", "name"),
    [
        ("", [], None, "stack"),
        ("", ["A"], "gpu", "stack-FEEDERS_DEVICEgpu"),
        ("", ["A"], "cpu", "stack"),  # a GPU that the installed TensorFlow can't use
        ("", ["A"], "", "stack"),  # no TensorFlow
        ("cpu", ["A"], None, "stack"),
        ("gpu", ["A"], None, "stack-FEEDERS_DEVICEgpu"),
        ("gpus", ["A", "B"], None, "stack-FEEDERS_DEVICEgpus"),
    ],
)
def test_what_trains_is_part_of_the_name_of_the_series(lab, monkeypatch, asked, driver, told, name):
    """Series of a CPU and of a GPU are never one; a host without a GPU starts no interpreter to know."""
    monkeypatch.setenv("FEEDERS_DEVICE", asked)
    monkeypatch.setattr(environment_module, "gpu_names", lambda: driver)

    def run(command, **_):
        assert told is not None, "nobody had to be asked"
        return SimpleNamespace(stdout=f"{told}\n")

    monkeypatch.setattr(environment_module.subprocess, "run", run)
    assert lab().name == name


def test_a_device_that_is_none_ends_the_command(lab, monkeypatch, caplog):
    monkeypatch.setenv("FEEDERS_DEVICE", "tpu")
    with pytest.raises(SystemExit) as ended:
        lab()
    assert ended.value.code == 2
    assert "feeders: FEEDERS_DEVICE=tpu: not a device; expected cpu or gpu or gpus" in caplog.text


def test_a_backend_has_series_of_its_own(lab, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert lab().name == "stack-KERAS_BACKENDjax"


@pytest.fixture
def no_import(monkeypatch):
    """TensorFlow can't be imported: what is refused before it is refused first."""
    monkeypatch.setitem(sys.modules, "tensorflow", None)


def test_an_environment_that_holds_other_packages_is_refused(monkeypatch, no_import):
    """Whoever installs something into a stack's environment would measure another stack under its name."""
    monkeypatch.setattr(measured_stack, "_installed_digest", lambda: "aaaaaaaaaaaa")
    monkeypatch.setenv("FEEDERS_PINS", "bbbbbbbbbbbb")
    with pytest.raises(FeedersError) as error:
        preload()
    assert str(error.value) == (
        f"{sys.prefix}: holds other packages (digest aaaaaaaaaaaa) than the stack that it was made from "
        "(bbbbbbbbbbbb). Try: feeders releases clean, which lets it be made anew"
    )


@pytest.mark.parametrize("pins", ["aaaaaaaaaaaa", "", None])
def test_an_environment_that_holds_its_pins_or_was_made_by_hand_is_not_refused(monkeypatch, no_import, pins):
    monkeypatch.setattr(measured_stack, "_installed_digest", lambda: "aaaaaaaaaaaa")
    monkeypatch.delenv("FEEDERS_PINS", raising=False)
    if pins is not None:
        monkeypatch.setenv("FEEDERS_PINS", pins)
    with pytest.raises(FeedersError, match=r"^TensorFlow can't be imported"):
        preload()


def test_the_digest_of_what_is_installed_is_that_of_the_same_pins(tmp_path, monkeypatch, stack):
    """A folder outside the prefix, like this project's own, is no part of it."""
    running = "{}.{}".format(*sys.version_info)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "prefix" / "lib")])
    spelled = {"tensorflow_cpu": "2.16.2", "Keras": "3.4.1", "numpy": "1.26.4"}
    for name, version, folder in [*((*pin, "prefix/lib") for pin in spelled.items()), ("feeders", "0.1", ".")]:
        metadata = tmp_path / folder / f"{name}-{version}.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    assert measured_stack._installed_digest.__wrapped__() == measured_stack.digest(running, stack.pins)
