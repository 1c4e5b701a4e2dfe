"""The store: one take serves all series of a cell, in order, whatever is killed in between."""

from __future__ import annotations

import dataclasses
import json

import pytest

from feeders.measure import Cell, Record
from feeders.measure.store import Store, stall

CELL = Cell("sequence", "text", 4)


class Lab:
    """Makes numbered takes instead of measuring."""

    def __init__(self, outcome="measured", **metrics):
        self.outcome, self.metrics, self.taken = outcome, metrics, []

    def __call__(self, cell):
        self.taken.append(cell)
        metrics = {"epoch": float(len(self.taken)), "missing": 3.0, **self.metrics}
        return Record(**dataclasses.asdict(cell), outcome=self.outcome, metrics=metrics)


def test_the_kth_read_of_every_series_is_the_kth_take(tmp_path):
    lab = Lab(gap=0.5)
    rounds = [[Store(str(tmp_path), lab).value(series, CELL) for series in ("epoch", "gap")] for _ in range(3)]
    assert rounds == [[1, 0.5], [2, 0.5], [3, 0.5]]
    assert lab.taken == [CELL] * 3


def test_a_series_that_starts_late_reads_from_the_first_take(tmp_path):
    lab = Lab()
    store = Store(str(tmp_path), lab)
    assert [store.value("epoch", CELL) for _ in range(2)] == [1, 2]
    assert store.value("missing", CELL) == 3
    assert len(lab.taken) == 2


def test_cells_do_not_share_takes(tmp_path):
    lab = Lab()
    store = Store(str(tmp_path), lab)
    others = [CELL, Cell("sequence", "text", 1), Cell("sequence-lock", "text", 4), Cell("sequence", "jpeg", 4)]
    assert [store.value("epoch", cell) for cell in others] == [1, 2, 3, 4]


@pytest.mark.parametrize("outcome", ["unsupported", "refused", "failed", "hung", "crashed"])
def test_other_outcomes_have_no_times_but_keep_what_delivery_is_known(tmp_path, outcome):
    store = Store(str(tmp_path), Lab(outcome))
    assert store.value("epoch", CELL) is None
    assert store.value("stall", CELL) is None
    assert store.value("missing", CELL) == 3
    assert store.value("stale", CELL) is None
    assert store.value("broken", CELL) == (outcome in ("failed", "hung", "crashed"))


def test_the_read_that_makes_the_take_gets_what_later_ones_get(tmp_path):
    store = Store(str(tmp_path), Lab(gap=1 / 3, cpu=1 / 3))
    assert store.value("gap", CELL) == store.value("cpu", CELL) == 0.333333


def test_a_value_the_take_does_not_know_is_none(tmp_path):
    assert Store(str(tmp_path), Lab()).value("cpu", CELL) is None


def test_stall_takes_the_ceiling_of_the_same_round(tmp_path):
    lab = Lab()
    store = Store(str(tmp_path), lab)
    assert [store.value("stall", CELL) for _ in range(2)] == [-100.0, -33.33]
    ceiling = Cell("resident", "text", 1)
    assert lab.taken == [CELL, ceiling, CELL, ceiling]
    assert store.value("epoch", ceiling) == 2  # the ceiling's own series begin at its first take


def test_stall_is_zero_for_the_ceiling_and_unknown_without_one():
    actual = Record(**dataclasses.asdict(CELL), outcome="measured", metrics={"epoch": 4.0})
    best = dataclasses.replace(actual, feeder="resident", metrics={"epoch": 1.0})
    assert stall(actual, best) == 75.0
    assert stall(best, best) == 0.0
    assert stall(actual, dataclasses.replace(best, outcome="hung")) is None
    assert stall(actual, dataclasses.replace(best, metrics={})) is None


def test_a_read_killed_during_its_take_leaves_no_half_take_and_has_had_its_turn(tmp_path):
    lab = Lab()

    def killed(cell):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Store(str(tmp_path), killed).value("epoch", CELL)
    store = Store(str(tmp_path), lab)
    assert store.value("gap", CELL) is None  # makes the first take
    assert store.value("epoch", CELL) == 2  # the killed read was the first
    assert not [path for path in tmp_path.iterdir() if path.suffix not in (".take", ".reads")]


def test_each_take_is_appended_once_as_one_line(tmp_path, monkeypatch):
    takes = tmp_path / "takes.jsonl"
    takes.write_text("earlier\n")
    monkeypatch.setenv("FEEDERS_TAKES", str(takes))
    (tmp_path / "store").mkdir()
    store = Store(str(tmp_path / "store"), Lab())
    for series in ("epoch", "missing", "broken", "epoch"):
        store.value(series, CELL)
    lines = takes.read_text().splitlines()
    assert lines[0] == "earlier"
    assert [json.loads(line)["metrics"]["epoch"] for line in lines[1:]] == [1, 2]


def test_nothing_is_appended_unless_asked_for(tmp_path, monkeypatch):
    monkeypatch.delenv("FEEDERS_TAKES", raising=False)
    Store(str(tmp_path), Lab()).value("epoch", CELL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sequence.text.4.0.take", "sequence.text.4.epoch.reads"]
