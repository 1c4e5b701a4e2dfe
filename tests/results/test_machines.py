"""The folders of machines: what they are called, and what is known of each machine."""

from __future__ import annotations

import json
import os

import pytest

from feeders.errors import FeedersError
from feeders.results.machines import asv_results, description_file, name_of_host, read_description, writable_folder


def test_this_host_is_called_as_the_variable_says(monkeypatch):
    monkeypatch.setenv("FEEDERS_MACHINE", "lab")
    assert name_of_host() == "lab"
    monkeypatch.delenv("FEEDERS_MACHINE")
    assert name_of_host()


def test_a_machine_is_described_by_what_says_something_of_it(tmp_path):
    assert read_description(tmp_path, "lab") == {}
    path = description_file(tmp_path, "lab")
    path.parent.mkdir()
    path.write_text(json.dumps({"machine": "lab", "cpu": "made up", "num_cpu": 2, "version": 1}))
    assert read_description(tmp_path, "lab") == {"cpu": "made up", "num_cpu": "2"}


@pytest.mark.parametrize("text", ["{", "[]", "1"])
def test_a_damaged_description_is_named(tmp_path, text):
    path = description_file(tmp_path, "lab")
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(FeedersError, match=r"machine\.json: damaged \(.+\)\. Try: git checkout .*, or delete it"):
        read_description(tmp_path, "lab")


def test_releases_with_results_of_asv_are_known_by_their_ids(tmp_path):
    (tmp_path / "lab").mkdir()
    for name in ("2.16.2-stack.json", "k3.6.0-stack-KERAS_BACKENDjax.json", "machine.json", "2.15.1-stack-takes.jsonl"):
        (tmp_path / "lab" / name).touch()
    assert list(asv_results(tmp_path)) == ["2.16.2", "k3.6.0"]


def test_a_folder_in_which_nothing_can_be_written_is_refused_before_anything_is_measured(tmp_path, monkeypatch):
    folder = writable_folder(tmp_path / "results", "lab")
    assert folder == tmp_path / "results" / "lab"
    assert folder.is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(FeedersError, match=r"lab: results can't be kept there \(Not a directory\)\. Try: a clone of"):
        writable_folder(tmp_path / "file", "lab")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # whoever runs the tests may be root
    with pytest.raises(FeedersError, match=r"lab: results can't be kept there \(no right to write\)\. Try: .*MACHINE="):
        writable_folder(tmp_path / "results", "lab")
