"""`feeders advise`: what is refused before anything runs, what is written, and its exit status."""

from __future__ import annotations

import importlib
import json
import signal

import pytest

from feeders import cli
from feeders.advise.advice import Advice
from feeders.advise.answer import answer
from feeders.advise.candidates import ONE
from tests.advise.made import SAFE, Bench, audit, cell, evidence, search

SEQUENCE, PROCESSES_2 = cell("sequence"), cell("lookahead-processes", 2)


def advice(audits=SAFE, **others):
    found = search(Bench({SEQUENCE: 10_000, PROCESSES_2: 18_000}), audits=audits)
    found.begin()
    found.screen([PROCESSES_2], 0.65)
    found.compare()
    seen = evidence(found, audits, **others)
    return Advice(seen, answer(seen))


@pytest.fixture
def advised(monkeypatch, tmp_path):
    """Run the command where advice is made up; the loader's file is there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("")
    asked = []

    def advised(found, *arguments):
        def advise(request, progress):
            asked.append(request)
            return found

        monkeypatch.setattr(importlib.import_module("feeders.advise"), "advise", advise)
        return cli.main(["advise", "mine.py:Train", *arguments])

    advised.asked = asked
    return advised


def test_it_prints_the_answer_and_ends_well(advised, capsys):
    assert advised(advice()) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Carry it by `lookahead-processes` with 2 workers: 1.8" in printed


def test_a_loader_that_is_unsafe_as_used_has_exit_status_1(advised, capsys):
    assert advised(advice({ONE: audit("last-batch-lost")})) == 1
    assert "It is unsafe as it is used" in " ".join(capsys.readouterr().out.split())


def test_options_reach_the_request(advised):
    given = [
        "--call",
        "Train(3)",
        "--steps",
        "7",
        "--step-ms",
        "20",
        "--epoch",
        "500",
        "--workers",
        "8",
        "--seconds",
        "60",
        "--key",
        "labels",
    ]
    assert advised(advice(), *given) == 0
    (request,) = advised.asked
    assert (request.call, request.steps, request.step_ms) == ("Train(3)", 7, 20.0)
    assert (request.epoch, request.workers, request.seconds, request.key) == (500, 8, 60.0, "labels")


def test_the_evidence_and_the_page_are_written(advised, tmp_path, monkeypatch):
    found = advice()
    # Audits that are made up have no JSON.
    bare = Advice(found.evidence.__class__(**{**vars(found.evidence), "audits": {}, "used": None}), found.answer)
    assert advised(bare, "--json", "advice.json", "-o", "advice.html") == 0
    written = json.loads((tmp_path / "advice.json").read_text())
    assert (written["schema"], written["answer"]["kind"]) == (1, "change")
    assert "Carry it by" in (tmp_path / "advice.html").read_text()


def test_the_evidence_is_kept_where_nobody_reads_the_answer(advised, tmp_path, monkeypatch):
    """A terminal that was closed, whose signal ended the search, takes no more lines."""
    found = advice()
    bare = Advice(found.evidence.__class__(**{**vars(found.evidence), "audits": {}, "used": None}), found.answer)
    monkeypatch.delattr(Advice, "to_text")
    with pytest.raises(AttributeError):
        advised(bare, "--json", "advice.json")
    assert json.loads((tmp_path / "advice.json").read_text())["answer"]["kind"] == "change"


def test_the_end_of_the_terminal_is_taken_for_ctrl_c(advised, monkeypatch, capsys):
    """So what was found is kept."""

    def advise(request, progress):
        signal.raise_signal(signal.SIGHUP)

    monkeypatch.setattr(importlib.import_module("feeders.advise"), "advise", advise)
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests under nohup ignores it
    try:
        assert cli.main(["advise", "mine.py:Train"]) == 130
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sequence"], "expected a loader of your own, FILE.py:NAME"),
        (["nowhere.py:Train"], "no such file"),
        (["mine.py"], "advise mine.py: which loader in it? Expected FILE.py:NAME, as mine.py:MyLoader"),
        (["mine.py:Train", "--seconds", "5"], "too few"),
        (["mine.py:Train", "--model", "m.py:build", "--step-ms", "5"], "one of --model and --step-ms"),
        (["mine.py:Train", "--model", "light"], "--model light: expected a model of your own, FILE.py:NAME"),
        (["mine.py:Train", "--json", "nowhere/a.json"], "no such folder"),
        (["mine.py:Train", "-o", "."], "a folder"),
    ],
)
def test_a_bad_call_is_refused_in_one_line_before_anything_runs(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("")
    assert cli.main(["advise", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
