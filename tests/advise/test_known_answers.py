"""Advice for loaders whose answer is known: what is unsafe is called so, and never advised."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import subprocess
import sys

import pytest

from feeders.advise.bench import HostBench
from feeders.advise.candidates import today
from feeders.errors import FeedersError
from feeders.measure import Cell, Settings
from tests.advise.known_answers import FILE, KNOWN
from tests.advise.made import INDEXED, REQUEST
from tests.advise.test_course import SURVEY

BY_NAME = {known.name: known for known in KNOWN}

SMALL = FILE.with_name("small.py")


def test_the_known_answers_name_loaders_that_are_there():
    source = FILE.read_text(encoding="utf-8")
    missing = [known.name for known in KNOWN if not re.search(rf"^(class|def) {known.name}\(", source, re.MULTILINE)]
    assert missing == []
    assert len(BY_NAME) == len(KNOWN) == 16


def test_todays_way_is_what_the_loader_asks_for():
    assert today(REQUEST, INDEXED) == Cell("sequence", "mine.py:Train", 1)
    processes = dataclasses.replace(INDEXED, workers=3, processes=True)
    assert today(REQUEST, processes) == Cell("sequence-processes", "mine.py:Train", 3)
    assert today(REQUEST, dataclasses.replace(INDEXED, kind="dataset")).feeder == "tfdata-native"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["UnsafeWithThreads", "UnsafeEverywhere", "Fed", "pipeline"])
def test_the_command_gives_the_known_answer(name, tmp_path):
    known, path = BY_NAME[name], tmp_path / "advice.json"
    command = [sys.executable, "-m", "feeders", "advise", f"{FILE}:{name}", *known.options, "--seconds", "90"]
    ended = subprocess.run([*command, "--json", str(path)], capture_output=True, text=True)
    assert ended.returncode == int("unsafe" in known.kinds), ended.stderr
    answer = json.loads(path.read_text())["answer"]
    assert answer["kind"] in known.kinds
    assert answer["feeder"] not in known.unsafe or answer["workers"] == 1


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_pair_of_a_persons_loader_is_measured_in_lockstep(loaded):
    """Two ways that are the same take the same time, roughly; it is the machinery that is tested, not the speed."""
    from feeders.measure.survey import survey

    address, settings = f"{SMALL}:Train", Settings(steady_seconds=0.1)
    found = survey(address, settings)
    cell = Cell("sequence", address, 1)
    with HostBench(settings, found, None) as bench:
        assert bench.take(cell, 0.1, 60.0).guarantee == "exactly-once"
        answer = bench.pair(cell, cell)
    assert isinstance(answer, float), answer
    assert abs(answer) < 3


def test_an_interpreter_for_pairs_that_does_not_start_breaks_the_pair_alone(monkeypatch):
    """As where the system ends it for want of memory: what takes have found is told all the same."""

    class Ended(contextlib.nullcontext):
        def __enter__(self):
            raise FeedersError("python: ended with status -9, expected it to stay. It printed: nothing")

    monkeypatch.setattr("feeders.advise.bench.LockstepProcess", Ended)
    cell = Cell("sequence", f"{SMALL}:Train", 1)
    with HostBench(Settings(), SURVEY, None) as bench:
        assert bench.pair(cell, cell).startswith("python: ended with status -9")


def test_after_an_interpreter_for_pairs_has_died_the_next_pair_gets_new_ones(monkeypatch):
    """The other one holds a take that stands still, and would be waited for until the deadline."""
    started, ended = [], []

    class Running(contextlib.nullcontext):
        def __enter__(self):
            started.append(self)
            return self

        def __exit__(self, *_):
            ended.append(self)

    def measure_pair(a, b, *_):
        raise FeedersError("python: ended with status -9, expected it to stay. It printed: nothing")

    monkeypatch.setattr("feeders.advise.bench.LockstepProcess", Running)
    monkeypatch.setattr("feeders.advise.bench.measure_pair", measure_pair)
    cell = Cell("sequence", f"{SMALL}:Train", 1)
    with HostBench(Settings(), SURVEY, None) as bench:
        for pair in (1, 2):
            assert bench.pair(cell, cell).startswith("python: ended with status -9")
            assert len(started) == len(ended) == 2 * pair
