"""``feeders releases``: what is listed, what adding a release writes and when it writes nothing."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from feeders.cli import main
from feeders.errors import FeedersError
from feeders.releases import dates, environments, listing, resolve
from feeders.releases.stacks import stacks

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def said():
    return []


def written(shelf):
    return sorted(path.name for path in shelf.folder.iterdir())


def test_a_release_is_resolved_built_and_tried_and_then_its_pins_are_written(index, cache, planted_uv, shelf, said):
    path, record = listing.add_release("2.16.2", said.append)
    assert path == shelf.folder / "2.16.2.txt"
    assert path.read_text().startswith("# Python 3.11, packages as of 2024-06-28\ntensorflow-cpu==2.16.2\n")
    assert said[0] == "2.16.2: resolving TensorFlow 2.16.2, Keras 3.4.1 as of 2024-06-28"
    assert "building the environment of 2.16.2" in said[1]
    shelf.put()
    assert environments.is_built(stacks()["2.16.2"])
    text = listing.trial_text(path, record)
    assert "TensorFlow 2.16.2, Keras 3.4.1, Python 3.11.9; sequence on remote: measured exactly-once" in text
    assert "1,234 samples/s" in text
    assert text.endswith(f"pins: {os.path.relpath(path)}")


def test_the_dates_of_a_new_release_are_written_with_its_pins(index, cache, planted_uv, shelf, said):
    path, _ = listing.add_release("2.30.0", said.append)
    assert path.name == "2.30.0.txt"
    assert dates.FILE.read_text().endswith("tensorflow,2.30.0,2030-05-02\nkeras,3.30.0,2030-05-01\n")


def no_release(index, planted_uv, trial_outcome):
    index.days["tensorflow-cpu"].pop("2.30.0")


def no_wheels(index, planted_uv, trial_outcome):
    index.pythons = ()


def no_room(index, planted_uv, trial_outcome):
    planted_uv.ends_with("echo 'disk full' >&2; exit 1")


def no_import(index, planted_uv, trial_outcome):
    planted_uv.python.write_text("#!/bin/sh\necho TensorFlow can\\'t be imported\nexit 2\n")


@pytest.mark.parametrize(
    ("defect", "text"),
    [
        (no_release, "no version of tensorflow-cpu==2.30.0"),
        (no_wheels, "no Python of 3.11"),
        (no_room, "uv venv says: disk full"),
        (no_import, "2.30.0: does not run: TensorFlow can't be imported"),
    ],
)
def test_nothing_is_written_of_a_release_that_cant_be_added(
    index, cache, planted_uv, shelf, said, trial_outcome, defect, text
):
    before = dates.FILE.read_text()
    defect(index, planted_uv, trial_outcome)
    with pytest.raises(FeedersError) as error:
        listing.add_release("2.30.0", said.append)
    assert text in str(error.value)
    assert written(shelf) == []
    assert dates.FILE.read_text() == before


@pytest.mark.parametrize("outcome", ["failed", "hung", "crashed", "refused", "unsupported"])
def test_nothing_is_written_of_a_release_whose_trial_was_not_measured(
    index, cache, planted_uv, shelf, said, trial_outcome, outcome
):
    before = dates.FILE.read_text()
    trial_outcome(outcome)
    path, record = listing.add_release("2.30.0", said.append)
    assert written(shelf) == []
    assert dates.FILE.read_text() == before
    text = f"2.30.0: sequence on remote: {outcome}, expected measured; no pins are written. what was seen"
    assert listing.trial_text(path, record) == text


def test_a_release_with_a_stack_is_built_from_it_and_stays_as_it_is(index, cache, planted_uv, shelf, stack, said):
    shelf.put(stack)
    path, _ = listing.add_release("2.16.2", said.append)
    assert said[0] == "2.16.2: has a stack already"
    assert index.tried == []
    assert path.read_text() == stack.requirements()
    assert environments.is_built(stack)


def test_the_trial_runs_in_the_environment_of_the_release_alone(index, cache, planted_uv, shelf, stack, monkeypatch):
    """What was set for the running interpreter would change another release, or keep it from starting."""
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    monkeypatch.setenv("PYTHONHOME", "/elsewhere")
    monkeypatch.setenv("FEEDERS_PINS", "other")
    with planted_uv.python.open("a") as file:
        seen = planted_uv.path.with_name("seen")
        file.write(f'echo "$TF_USE_LEGACY_KERAS|$PYTHONHOME|$PYTHONPATH|$FEEDERS_PINS" > "{seen}"\n')
    shelf.put(stack)
    listing.add_release("2.16.2", print)
    assert seen.read_text() == f"||{ROOT}|{stack.digest}\n"


def test_clean_removes_all_environments(cache, planted_uv, stack, said):
    environments.build_environment(stack, print)
    environments.environments_folder().joinpath("k3.6.0-half").mkdir()
    listing.clean(said.append)
    assert environments.environments() == []
    assert said[:2] == [
        f"removed {environments.path_of(stack)}",
        f"removed {environments.environments_folder() / 'k3.6.0-half'}",
    ]
    assert said[-1].endswith("uv cache clean")


def test_clean_has_nothing_to_do_where_nothing_is(cache, said):
    listing.clean(said.append)
    assert len(said) == 1
    assert not cache.exists()


def rows(text):
    return {line.split()[0]: line for line in text.split("\n\n")[0].splitlines()[1:]}


def test_the_table_tells_what_is_built_and_measured(index, cache, planted_uv, tmp_path):
    environments.build_environment(stacks()["k3.6.0"], print)
    for machine, takes in (("desk", 1), ("lab", 3)):
        folder = tmp_path / "results" / machine
        folder.mkdir(parents=True)
        (folder / "2.16.2-stack-takes.jsonl").write_text("{}\n" * takes)
        (folder / "2.16.1-stack.json").write_text("{}")
    found = rows(listing.releases_table(tmp_path / "results"))
    assert list(found) == sorted(found, key=lambda name: listing.age(name))
    assert set(found) == set(stacks())
    assert found["2.16.2"].split()[1:6] == ["2024-06-28", "2.16.2", "3.4.1", "3.11", "no"]
    assert found["2.16.2"].endswith("1 takes on desk, 3 takes on lab")
    assert found["2.16.1"].split()[-2:] == ["no", "no"]
    assert found["k3.6.0"].split()[-2:] == ["yes", "no"]
    assert "built in" in found["2.4.4"]


def test_the_table_says_where_environments_are(index, cache, planted_uv, stack, tmp_path):
    environments.build_environment(stack, print)
    assert f"1 environments in {cache}. Remove them: " in listing.releases_table(tmp_path)


def test_the_table_names_what_is_newer_on_the_index(index, cache, shelf, stack, tmp_path):
    shelf.put(stack)
    index.days["tensorflow-cpu"]["2.30.0"] = index.days["keras"]["3.30.0"] = "2026-01-01"
    last = listing.releases_table(tmp_path).splitlines()[-1]
    assert last == ("newest on the package index: TensorFlow 2.30.0, Keras 3.30.0. Add: feeders releases add 2.30.0")


def test_an_index_that_cant_be_reached_is_said_and_the_table_is_there(cache, tmp_path, monkeypatch):
    def offline(*_):
        raise FeedersError("no network")

    monkeypatch.setattr(resolve, "_compile", offline)
    text = listing.releases_table(tmp_path)
    assert set(rows(text)) == set(stacks())
    assert text.splitlines()[-1] == "newest on the package index: not known, it can't be reached"


def test_the_command_line_adds_lists_and_cleans(index, cache, planted_uv, shelf, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["releases", "add", "2.16.2"]) == 0
    shown = capsys.readouterr()
    assert shown.out.endswith(f"pins: {os.path.relpath(shelf.folder / '2.16.2.txt')}\n")
    assert "2.16.2: resolving TensorFlow 2.16.2" in shown.err
    shelf.put()
    for command in (["releases"], ["releases", "list"]):
        assert main(command) == 0
        assert rows(capsys.readouterr().out)["2.16.2"].split()[-2:] == ["yes", "no"]
    assert main(["releases", "clean"]) == 0
    assert environments.environments() == []


def test_the_command_line_says_with_its_status_that_a_trial_was_not_measured(
    index, cache, planted_uv, shelf, trial_outcome, capsys
):
    trial_outcome("crashed")
    assert main(["releases", "add", "2.16.2"]) == 1
    assert "crashed, expected measured; no pins are written" in capsys.readouterr().out


def test_the_command_line_refuses_what_is_no_release_with_one_line():
    command = [sys.executable, "-m", "feeders", "releases", "add", "2.16"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert (
        "releases add 2.16: expected a TensorFlow like 2.16.2 or 2.22.0rc0, a Keras like k3.6.0, or nightly"
        in done.stderr
    )
    assert "Traceback" not in done.stderr


def test_adding_needs_what_a_stack_has_of_the_suite(monkeypatch, capsys):
    """uv alone is not enough: a stack pins the asv_runner that is installed here."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "asv_runner" else find(name, *rest)
    )
    assert main(["releases", "add", "2.16.2"]) == 2
    assert capsys.readouterr().err == (
        "feeders: releases add: needs asv_runner, which is not installed. Try: pip install 'keras-feeders[suite]'\n"
    )
