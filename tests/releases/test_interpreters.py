"""Which Python measures a release, what it is told, and that it holds what it was made from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from feeders.errors import FeedersError
from feeders.measure import preload
from feeders.measure import stack as measured_stack
from feeders.releases import interpreters
from feeders.releases.catalogue import Release
from feeders.releases.environments import python_of
from feeders.releases.interpreters import FOREIGN, interpreter, is_release

HERE = Release("2.17.0", "2024-07-11", "TensorFlow 2.17.0, Keras 3.4.1")


def quiet(text):
    pass


@pytest.fixture
def here(monkeypatch):
    """Say which release the running interpreter holds."""

    def here(release):
        monkeypatch.setattr(interpreters, "installed", lambda: release)

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
