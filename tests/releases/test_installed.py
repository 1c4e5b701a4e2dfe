"""The installed release is told by metadata: whatever the distribution is called, and whichever Keras is in use."""

from __future__ import annotations

import os
import sys

import pytest

from feeders.errors import FeedersError
from feeders.releases import installed as module
from feeders.releases.catalogue import Release


@pytest.fixture
def host(tmp_path, monkeypatch):
    """An interpreter that sees these distributions only."""
    for name in ("TF_USE_LEGACY_KERAS", "KERAS_BACKEND"):
        monkeypatch.delenv(name, raising=False)

    def install(**versions):
        for name, version in versions.items():
            folder = tmp_path / f"{name}-{version}.dist-info"
            folder.mkdir()
            (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            (folder / "RECORD").write_text(f"{folder.name}/METADATA,,\n")
            os.utime(folder / "METADATA", (1000000000, 1000000000))
        monkeypatch.setattr(sys, "path", [str(tmp_path)])

    return install


@pytest.mark.parametrize(
    ("distributions", "name"),
    [
        ({"tensorflow": "2.16.2", "keras": "3.4.1"}, "2.16.2"),
        ({"tensorflow_cpu": "2.16.2", "keras": "3.4.1"}, "2.16.2"),
        ({"tensorflow": "2.15.1", "tensorflow_macos": "2.15.1", "keras": "2.15.0"}, "2.15.1"),
        ({"tf_nightly": "2.30.0.dev20261120", "keras_nightly": "3.30.0.dev2026112003"}, "n261120"),
        ({"tensorflow": "2.21.0rc1", "keras": "3.14.0"}, "21r1k140"),
        ({"tensorflow": "2.16.2", "keras": "3.4.1", "tf_keras": "2.16.0"}, "2.16.2"),
        ({"tensorflow": "2.5.0", "keras": "2.4.3"}, "2.5.0"),
    ],
)
def test_it_is_named_after_what_is_there(host, distributions, name):
    host(**distributions)
    release = module.installed()
    assert release.id == name
    assert release.date


def test_a_build_of_unknown_date_has_the_day_of_its_installation(host):
    host(tensorflow="2.30.0", keras="3.30.0")
    assert module.installed().date == "2001-09-09"


def test_keras_2_beside_the_same_tensorflow_is_another_release(host, monkeypatch):
    host(tensorflow="2.16.2", keras="3.4.1", tf_keras="2.16.0")
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    assert module.installed().id == "t2.16.2"
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "0")
    assert module.installed().id == "2.16.2"


def test_none_without_tensorflow(host):
    host(keras="3.4.1")
    assert module.installed() is None


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_keras_3_on_another_backend_needs_no_tensorflow(host, monkeypatch, backend):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    host(keras="3.6.0")
    assert module.installed() == Release("k3.6.0", "2024-10-03", "Keras 3.6.0")


def test_of_another_backend_too_a_build_of_unknown_date_has_the_day_of_its_installation(host, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    host(keras="3.98.0")
    assert module.installed() == Release("k3.98.0", "2001-09-09", "Keras 3.98.0")


@pytest.mark.parametrize(("backend", "keras"), [("jax", "2.15.0"), ("tensorflow", "3.6.0"), ("theano", "3.6.0")])
def test_no_other_keras_does_without_tensorflow(host, monkeypatch, backend, keras):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    host(keras=keras)
    assert module.installed() is None


def test_beside_tensorflow_the_backend_does_not_change_the_release(host, monkeypatch):
    """Series of another backend are kept apart by the name of their environment."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    host(tensorflow="2.16.2", keras="3.4.1")
    assert module.installed().id == "2.16.2"


def message(call):
    with pytest.raises(FeedersError) as error:
        call()
    return str(error.value)


def test_without_a_release_the_message_says_how_to_install_one(host):
    host()
    text = message(module.require_installed)
    assert "no TensorFlow" in text
    assert "pip install -e '.[cpu]'" in text
    assert "pip install -e '.[gpu]'" in text


def test_two_tensorflows_over_each_other_are_refused(host):
    host(tensorflow="2.16.2", tf_nightly="2.30.0.dev20261120")
    text = message(module.installed)
    assert "tensorflow 2.16.2, tf-nightly 2.30.0.dev20261120 are installed over each other" in text
    assert "uninstall them all" in text
