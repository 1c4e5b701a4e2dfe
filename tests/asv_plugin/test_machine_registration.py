"""A machine is described without questions, stays described as it was, and is never mixed up with another."""

from __future__ import annotations

import json
import platform
import re

import pytest
from asv.machine import Machine

from feeders.asv_plugin import machine
from feeders.errors import FeedersError


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    monkeypatch.delenv("FEEDERS_MACHINE", raising=False)
    monkeypatch.setattr(machine, "_gpus", lambda: "")
    return tmp_path / "results"


def register(results, **description):
    known = Machine()
    known.__dict__.update(description)
    known.save(str(results))


def test_a_fresh_host_describes_itself(results):
    described = machine.describe(None, results)
    assert described["machine"] == platform.node()
    assert {"os", "arch", "cpu", "num_cpu", "ram"} <= set(described)
    assert "gpu" not in described  # a value would be a dimension of every graph
    assert not results.exists()


def test_names_come_from_the_option_then_the_variable(results, monkeypatch):
    monkeypatch.setenv("FEEDERS_MACHINE", "lab")
    assert machine.describe(None, results)["machine"] == "lab"
    assert machine.describe("desk", results)["machine"] == "desk"


def test_what_was_registered_stays(results):
    """A new kernel would start new series."""
    register(results, **{**machine.describe("lab", results), "os": "Linux 1.0", "ram": "1"})
    assert machine.describe("lab", results)["os"] == "Linux 1.0"


@pytest.mark.parametrize("key", ["cpu", "num_cpu", "arch", "gpu"])
def test_other_hardware_under_the_same_name_is_refused(results, key):
    register(results, **{**machine.describe("lab", results), key: "another"})
    with pytest.raises(FeedersError) as error:
        machine.describe("lab", results)
    assert f"{key} was 'another', is" in str(error.value)
    assert "FEEDERS_MACHINE=another-name" in str(error.value)


def test_a_damaged_registration_is_named(results):
    (results / "lab").mkdir(parents=True)
    (results / "lab" / "machine.json").write_text("{")
    with pytest.raises(FeedersError, match=r"machine\.json.*delete it"):
        machine.describe("lab", results)


@pytest.mark.parametrize("name", ["a/b", "..", "a b"])
def test_a_name_must_be_a_folder_name(results, name):
    with pytest.raises(FeedersError, match=f"^machine name {re.escape(repr(name))}"):
        machine.describe(name, results)


def test_an_entry_of_asv_machine_json_is_taken_as_it_is_and_left_alone(results, tmp_path):
    path = tmp_path / "home" / ".asv-machine.json"
    path.write_text(json.dumps({"lab": {"machine": "lab", "cpu": "my words"}, "version": 1}))
    before = path.read_bytes()
    assert machine.describe("lab", results) == {"machine": "lab", "cpu": "my words"}
    assert machine.describe("desk", results)["machine"] == "desk"
    assert path.read_bytes() == before


def test_the_only_entry_of_asv_machine_json_is_not_taken_for_a_host_of_another_name(results, tmp_path):
    """asv does that. The report calls this host by its name, and would show another machine's results as its own."""
    path = tmp_path / "home" / ".asv-machine.json"
    path.write_text(json.dumps({"lab": {"machine": "lab", "cpu": "my words"}, "version": 1}))
    described = machine.describe(None, results)
    assert described["machine"] == platform.node()
    assert described["cpu"] != "my words"


@pytest.mark.parametrize(
    ("gpus", "text"),
    [(["NVIDIA H200"], "NVIDIA H200"), (["A", "A", "Tesla T4"], "2 x A, Tesla T4"), ([], "")],
)
def test_gpus_are_named_and_counted(monkeypatch, gpus, text):
    monkeypatch.setattr(machine, "gpu_names", lambda: gpus)
    assert machine._gpus() == text
