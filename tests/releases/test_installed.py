"""The installed release is told by metadata: whatever the distribution is called, and whichever Keras is in use."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from feeders.releases import installed as module


@pytest.fixture
def host(tmp_path, monkeypatch):
    """An interpreter that sees these distributions only."""
    monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)

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


def message(caplog, call):
    with pytest.raises(SystemExit) as ended:
        call()
    assert ended.value.code == 2
    return caplog.text


def test_without_tensorflow_the_message_says_how_to_install_it(host, caplog):
    host()
    text = message(caplog, module.require_installed)
    assert "no TensorFlow" in text
    assert "pip install -e '.[cpu]'" in text
    assert "pip install -e '.[gpu]'" in text


def test_two_tensorflows_over_each_other_are_refused(host, caplog):
    host(tensorflow="2.16.2", tf_nightly="2.30.0.dev20261120")
    text = message(caplog, module.installed)
    assert "tensorflow 2.16.2, tf-nightly 2.30.0.dev20261120 are installed over each other" in text
    assert "uninstall them all" in text


def test_the_plugin_does_not_import_tensorflow():
    code = "import sys, feeders.asv_plugin.plugin as plugin; plugin.setup(); print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
