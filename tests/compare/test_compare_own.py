"""Comparisons of a person's own loaders: what a call means, and that delivery comes before speed."""

from __future__ import annotations

import dataclasses
import json

import pytest

from feeders import cli
from feeders.compare import own, run, show
from feeders.compare.evidence import evidence
from feeders.compare.own import OwnSide, first_takes, parse_own
from feeders.compare.request import CellPair
from feeders.errors import FeedersError
from feeders.measure import Cell, Record, Settings
from feeders.releases.interpreters import Interpreter
from tests.compare.made import Bench, silent

SETTINGS = Settings(step_ms=5.0, steps=20)


def measured(loader, samples=640, batches=20, **values):
    """A take of a loader that delivers each sample once."""
    return Record(
        **{
            "feeder": "sequence",
            "workload": loader,
            "workers": 4,
            "outcome": "measured",
            "metrics": {"throughput": samples / 2.0, "epoch": 2.0, "missing": 0, "corrupt": 0},
            "guarantee": "exactly-once",
            "delivered": samples,
            "batches": batches,
            "settings": {"model": "none"},
            **values,
        }
    )


@pytest.fixture
def takes(monkeypatch):
    """Interpreters that start nothing; the take of each loader or release is what is put here, or is raised."""
    answers, asked = {}, []

    def answer(request, what, python, variables):
        asked.append((request, python))
        found = answers[what]
        if isinstance(found, Exception):
            raise found
        return found.to_json()

    monkeypatch.setattr(own, "interpreter", lambda release, log, pinned, packages: Interpreter(f"python-{release}"))
    monkeypatch.setattr(own, "in_new_interpreter", answer)
    answers["asked"] = asked
    return answers


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("my.py:Old", "sequence:4"),
            "compare my.py:Old sequence:4: expected two loaders, or two feeders and a loader",
        ),
        (("my.py:Old", "my.py:New", "--loader", "my.py:Old"), "compare my.py:Old my.py:New: expected two loaders, or"),
        (
            ("2.15.1", "sequence", "--loader", "my.py:Old"),
            "compare 2.15.1 sequence: one of them is a release. Try: two",
        ),
        (("2.15.1", "2.16.2", "--loader", "my.py:Old", "--release", "2.16.2"), "compare 2.15.1 2.16.2: --release 2.16"),
        (
            ("my.py:Old", "my.py:New", "--workload", "text"),
            "compare my.py:Old my.py:New: --cells and --workload are not",
        ),
        (
            ("my.py:Old", "my.py:New", "--with", "x"),
            "--with x: goes beside the pins of a release, this one is installed. Try: pip install",
        ),
        (("sequense", "arrays", "--loader", "my.py:Old"), "sequense: not a feeder. Nearest: sequence,"),
        (("sequence", "arrays", "--step-ms", "5"), "compare sequence arrays: --step-ms: for a loader of your own. Try"),
    ],
)
def test_a_call_that_makes_no_sense_is_one_line_and_status_2(capsys, arguments, text):
    assert cli.main(("compare", *arguments)) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith(f"feeders: {text}")
    assert error.count("\n") == 1


def test_the_sides_of_a_call():
    assert parse_own("my.py:Old", "my.py:New", None, "2.16.2") == (
        OwnSide("my.py:Old", "2.16.2", "my.py:Old"),
        OwnSide("my.py:New", "2.16.2", "my.py:New"),
    )
    assert parse_own("sequence:4", "generator", "my.py:Old", "2.16.2") == (
        OwnSide("sequence:4", "2.16.2", "my.py:Old", "sequence", 4),
        OwnSide("generator", "2.16.2", "my.py:Old", "generator", 1),
    )
    assert parse_own("2.15.1", "2.16.2", "my.py:Old", None) == (
        OwnSide("2.15.1", "2.15.1", "my.py:Old"),
        OwnSide("2.16.2", "2.16.2", "my.py:Old"),
    )


def test_both_are_taken_before_and_have_epochs_of_as_many_batches(takes):
    takes.update(Old=measured("my.py:Old"), New=measured("my.py:New", samples=320, batches=10, workers=2))
    sides = OwnSide("Old", "2.16.2", "my.py:Old"), OwnSide("New", "2.16.2", "my.py:New")
    request = first_takes(sides, dataclasses.replace(SETTINGS, steps=None), silent)
    assert request.settings == dataclasses.replace(SETTINGS, steps=10, model="none")
    assert request.cell_pairs == (
        CellPair("epoch", Cell("sequence", "my.py:Old", 4), Cell("sequence", "my.py:New", 2)),
    )
    assert [python for _, python in takes["asked"]] == ["python-2.16.2"] * 2


def test_batches_of_other_sizes_are_not_compared(takes):
    takes.update(Old=measured("my.py:Old"), New=measured("my.py:New", samples=1280))
    sides = OwnSide("Old", "2.16.2", "my.py:Old"), OwnSide("New", "2.16.2", "my.py:New")
    with pytest.raises(FeedersError, match=r"^compare Old New: 32 and 64 samples a batch; expected the same"):
        first_takes(sides, SETTINGS, silent)


def test_a_release_that_breaks_the_loader_is_an_outcome(takes, monkeypatch):
    """No pair is tried then: nothing could come of it."""
    takes.update(
        {"2.15.1": measured("my.py:Old"), "2.16.2": FeedersError("my.py: ImportError: no name 'x' at my.py:3")}
    )
    sides = parse_own("2.15.1", "2.16.2", "my.py:Old", None)
    request = first_takes(sides, SETTINGS, silent)
    bench = Bench(monkeypatch)
    found = evidence(request, dict(run.compare(request, silent)))
    assert bench.events == []
    assert found.is_bad
    assert "my.py:Old  B failed" in str(found)
    assert "my.py:Old: B failed: my.py: ImportError: no name 'x' at my.py:3" in str(found)
    assert "delivery of A: exactly-once" in str(found)


def test_a_loader_that_breaks_on_both_releases_is_bad(takes):
    """It breaks on the newer one, which is not good for its breaking on the older one too."""
    broken = {"outcome": "failed", "message": "ValueError: planted", "metrics": {}, "guarantee": ""}
    takes.update({release: measured("my.py:Old", **broken) for release in ("2.15.1", "2.16.2")})
    request = first_takes(parse_own("2.15.1", "2.16.2", "my.py:Old", None), SETTINGS, silent)
    found = evidence(request, dict(run.compare(request, silent)))
    assert found.is_bad
    assert "my.py:Old  A failed, B failed" in str(found)
    assert all(f"my.py:Old: {side} failed: ValueError: planted" in str(found) for side in "AB")


def test_a_loader_that_can_be_opened_on_neither_release_is_a_wrong_call(takes):
    takes.update({"2.15.1": FeedersError("my.py: no such file"), "2.16.2": FeedersError("my.py: no such file")})
    with pytest.raises(FeedersError, match=r"^my\.py: no such file$"):
        first_takes(parse_own("2.15.1", "2.16.2", "my.py:Old", None), SETTINGS, silent)


def test_a_package_that_the_pins_lack_is_asked_for(takes):
    error = FeedersError("my.py: ModuleNotFoundError: No module named 'cv2' at my.py:1")
    takes.update({"2.15.1": error, "2.16.2": error})
    with pytest.raises(FeedersError, match=r"at my\.py:1\. Try: --with PACKAGE, the name by which pip knows cv2$"):
        first_takes(parse_own("2.15.1", "2.16.2", "my.py:Old", None), SETTINGS, silent)


def test_packages_go_beside_the_pins_of_a_release_that_is_not_installed(takes, monkeypatch):
    """pip would bring them into another environment."""
    monkeypatch.setattr(own, "installed", lambda: None)
    takes.update(Old=measured("my.py:Old"), New=measured("my.py:New"))
    sides = OwnSide("Old", "2.16.2", "my.py:Old"), OwnSide("New", "2.16.2", "my.py:New")
    assert first_takes(sides, SETTINGS, silent, ("h5py",)).packages == ("h5py",)
    takes["Old"] = FeedersError("my.py: ModuleNotFoundError: No module named 'h5py' at my.py:1")
    with pytest.raises(FeedersError, match=r"at my\.py:1\. Try: --with PACKAGE, the name by which pip knows h5py$"):
        first_takes(sides, SETTINGS, silent)


def test_what_is_fast_because_it_is_wrong_is_said_first(takes, monkeypatch, capsys):
    """And is status 1, however fast it is."""
    wrong = measured("my.py:New", guarantee="at-most-once", metrics={"throughput": 320.0, "epoch": 2.0, "corrupt": 64})
    takes.update({"my.py:Old": measured("my.py:Old"), "my.py:New": wrong})
    bench = Bench(monkeypatch)
    bench.answers = lambda *_: -0.3
    monkeypatch.setattr(show, "installed", lambda: None)
    monkeypatch.setattr("feeders.commands.compare.require_for", lambda *releases: None)
    assert cli.main(("compare", "my.py:Old", "my.py:New", "--release", "2.16.2", "--step-ms", "5")) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:4] == ["delivery of A: exactly-once", "delivery of B: at-most-once (64 corrupt of 640 samples)"]
    assert any(line.startswith("epoch  faster") for line in lines[4:])


def test_the_takes_are_in_the_evidence(takes, monkeypatch):
    takes.update(Old=measured("my.py:Old"), New=measured("my.py:New"))
    sides = OwnSide("Old", "2.16.2", "my.py:Old"), OwnSide("New", "2.16.2", "my.py:New")
    Bench(monkeypatch)
    request = first_takes(sides, SETTINGS, silent)
    found = json.loads(json.dumps(evidence(request, dict(run.compare(request, silent))).to_json()))
    assert [take["guarantee"] for take in found["takes"]] == ["exactly-once"] * 2
    assert found["settings"]["step_ms"] == 5.0


NEW = """
import keras
import numpy as np


class Train(keras.utils.PyDataset):
    def __len__(self):
        return 10

    def __getitem__(self, index):
        x = np.arange(8 * index, 8 * index + 8, dtype="float32")[:, None]
        return x, x[:, 0]
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_upgrade_to_two_real_stacks_is_said_to_break_a_loader(tmp_path, monkeypatch, capsys):
    """Keras 2 knows no PyDataset. No pair follows, so that this takes a minute where both environments are there."""
    (tmp_path / "mine.py").write_text(NEW)
    monkeypatch.chdir(tmp_path)
    assert cli.main(("compare", "2.21.0", "2.15.1", "--loader", "mine.py:Train")) == 1
    printed = capsys.readouterr().out
    assert "delivery of A: exactly-once" in printed
    assert "mine.py:Train  B failed" in printed
    assert "module 'keras.utils' has no attribute 'PyDataset' at" in printed
