"""`feeders measure` of a person's own loader: what was measured is written, whatever comes after."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

import feeders.measure
from feeders import cli
from feeders.errors import FeedersError
from feeders.measure import Record, Settings


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """Run the command where nothing is measured: each take is what `take` gives of its cell."""
    monkeypatch.chdir(tmp_path)
    found = SimpleNamespace(
        kind="sequence",
        workers=1,
        processes=False,
        title="a mine.Train",
        length=60,
        steps=60,
        samples=1920,
        batch="(float32)",
        settled=lambda asked: asked,
    )
    monkeypatch.setattr(feeders.measure, "preload", lambda: None)
    monkeypatch.setattr("feeders.measure.asked.look", lambda *_: found)
    monkeypatch.setattr("feeders.measure.alone.measure_limit", lambda *_: None)
    monkeypatch.setattr("feeders.commands.measure._slow_lines", lambda *_: iter(()))

    def measured(take):
        monkeypatch.setattr(feeders.measure, "take", take)
        status = cli.main(
            ["measure", "mine.py:Train", "--by", "sequence", "--workers", "1,2", "--json", "measured.json"]
        )
        return status, [cell["workers"] for cell in json.loads((tmp_path / "measured.json").read_text())["cells"]]

    return measured


def taken(cell, settings: Settings, found):
    return Record(cell.feeder, cell.workload, cell.workers, "measured", metrics={"throughput": 1.0})


def test_all_cells_are_written(measured):
    assert measured(taken) == (0, [1, 2])


def test_ctrl_c_keeps_what_was_measured_before(measured):
    def interrupted(cell, settings, found):
        if cell.workers == 2:
            raise KeyboardInterrupt
        return taken(cell, settings, found)

    assert measured(interrupted) == (130, [1])


def test_so_does_an_error_of_the_lines_that_are_sampled_last(measured, monkeypatch):
    def broken(*_):
        raise FeedersError("it broke in its next pass")

    monkeypatch.setattr("feeders.commands.measure._slow_lines", broken)
    assert measured(taken) == (2, [1, 2])
