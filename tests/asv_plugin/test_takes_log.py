"""While takes are made, a line tells which one of how many and the time left, and asv's percent is one of takes."""

from __future__ import annotations

import sys

import pytest

from feeders.asv_plugin import takes_log
from feeders.asv_plugin.takes_log import CLEAR_LINE, TakesLog

PARAMS = [["'sequence'", "'arrays'"], ["'remote'"], ["1", "4"]]
BENCHMARKS = {"one": {"params": PARAMS}, "two": {"params": PARAMS}}
# Both workers of the first feeder; the second series has one of them alone.
SELECTION = {"one": [0, 1], "two": [1]}


class Log:
    """Stands in for asv's."""

    def __init__(self):
        self.lines, self.total, self.steps, self.flushed = [], None, 0, False

    def info(self, text, **options):
        self.lines.append(text)

    def set_nitems(self, number):
        self.total = number

    def step(self):
        self.steps += 1

    def flush(self):
        self.flushed = True


@pytest.fixture
def counted():
    """A log of two rounds of both series, and a clock that tests move."""
    log = TakesLog(Log(), lambda: log.now)
    log.now = 0.0
    log.expect(BENCHMARKS, SELECTION)
    log.set_nitems(2 * len(BENCHMARKS))
    return log


def launch(log, name, seconds):
    with log.launch(name):
        log.now += seconds


def test_asvs_percent_counts_takes(counted):
    assert counted._log.total == 4  # two cells, two rounds
    counted.step()
    assert counted._log.steps == 0
    with counted.series():
        for name in ("one-0", "one-1", "two-1"):
            launch(counted, name, 10)
    assert counted._log.steps == 2  # the second series only reads
    with counted.series():
        for name in ("one-0", "one-1", "two-1"):
            launch(counted, name, 10)
    assert counted._log.steps == 4


def test_a_line_tells_the_cell_of_how_many_and_the_time_left(counted):
    counted.info("one")
    with counted.series():
        launch(counted, "one-0", 40)
        launch(counted, "one-1", 60)
    assert counted._log.lines == [
        "one",
        "take 1 of 4: sequence on remote, workers 1",
        "take 2 of 4, needs 2 min more: sequence on remote, workers 4",
        "one",
    ]


def test_reading_counts_towards_the_time_left(counted):
    launch(counted, "one-0", 40)
    launch(counted, "one-1", 40)
    launch(counted, "two-1", 1)
    launch(counted, "one-0", 40)
    assert counted._log.lines[-1] == "take 3 of 4, needs 81 s more: sequence on remote, workers 1"


def test_takes_that_an_interrupted_run_has_made_tell_nothing_of_the_pace(counted):
    with counted.series():
        launch(counted, "one-0", 0.1)
        counted.now += 40
        launch(counted, "one-1", 40)
    assert counted._log.lines[1] == "take 2 of 4: sequence on remote, workers 4"


def test_in_a_log_lines_are_half_a_minute_apart_and_series_without_takes_have_none(counted):
    with counted.series():
        launch(counted, "one-0", 10)
        launch(counted, "one-1", 10)
    said = list(counted._log.lines)
    assert [line[:6] for line in said] == ["take 1", ""]
    with counted.series():
        launch(counted, "two-1", 60)
    assert counted._log.lines == said


def test_a_terminal_has_one_line_that_changes_and_ends_as_asvs(counted, monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(takes_log.util, "terminal_width", 40)
    counted.info("one")
    with counted.series():
        launch(counted, "one-0", 1)
        launch(counted, "one-1", 1)
    assert capsys.readouterr().out == 3 * CLEAR_LINE
    assert [len(line) <= 25 for line in counted._log.lines] == [True] * 4
    assert counted._log.lines[-1] == "one"


def test_a_new_release_shares_no_take(counted):
    launch(counted, "one-0", 10)
    counted.begin()
    launch(counted, "two-1", 10)
    assert counted._log.steps == 2


def test_a_run_that_may_skip_releases_is_told_no_number_that_can_not_be_known():
    log = TakesLog(Log(), lambda: log.now)
    log.now = 0.0
    log.skips_releases = True
    log.expect(BENCHMARKS, SELECTION)
    log.set_nitems(4)
    launch(log, "one-0", 40)
    launch(log, "one-1", 40)
    assert (log._log.total, log._log.steps) == (None, 0)
    assert log._log.lines[0] == "take 1: sequence on remote, workers 1"


def test_all_else_is_asvs(counted):
    counted.flush()
    assert counted._log.flushed
