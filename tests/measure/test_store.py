"""The store: one take serves all series of a cell, in order, whatever is killed in between."""

from __future__ import annotations

import dataclasses
import itertools
import json

import pytest

from feeders.measure import Cell, Record
from feeders.measure.limit import Limit
from feeders.measure.store import Store, stall

CELL = Cell("sequence", "text", 4)

RUN = "2026-01-02T03:04:05+00:00"


def store_of(folder, measure, limit=lambda workload: None):
    return Store(folder, measure, limit)


@pytest.fixture(autouse=True)
def outside_of_a_run(monkeypatch):
    for name in ("FEEDERS_TAKES", "FEEDERS_RUN", "FEEDERS_ROUND"):
        monkeypatch.delenv(name, raising=False)


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
    rounds = [[store_of(str(tmp_path), lab).value(series, CELL) for series in ("epoch", "gap")] for _ in range(3)]
    assert rounds == [[1, 0.5], [2, 0.5], [3, 0.5]]
    assert lab.taken == [CELL] * 3


def test_a_series_that_starts_late_reads_from_the_first_take(tmp_path):
    lab = Lab()
    store = store_of(str(tmp_path), lab)
    assert [store.value("epoch", CELL) for _ in range(2)] == [1, 2]
    assert store.value("missing", CELL) == 3
    assert len(lab.taken) == 2


def test_cells_do_not_share_takes(tmp_path):
    lab = Lab()
    store = store_of(str(tmp_path), lab)
    others = [CELL, Cell("sequence", "text", 1), Cell("sequence-lock", "text", 4), Cell("sequence", "jpeg", 4)]
    assert [store.value("epoch", cell) for cell in others] == [1, 2, 3, 4]


@pytest.mark.parametrize("outcome", ["unsupported", "refused", "failed", "hung", "crashed"])
def test_other_outcomes_have_no_times_but_keep_what_delivery_is_known(tmp_path, outcome):
    store = store_of(str(tmp_path), Lab(outcome))
    assert store.value("epoch", CELL) is None
    assert store.value("stall", CELL) is None
    assert store.value("missing", CELL) == 3
    assert store.value("stale", CELL) is None
    assert store.value("broken", CELL) == (outcome in ("failed", "hung", "crashed"))


def test_the_read_that_makes_the_take_gets_what_later_ones_get(tmp_path):
    store = store_of(str(tmp_path), Lab(gap=1 / 3, cpu=1 / 3))
    assert store.value("gap", CELL) == store.value("cpu", CELL) == 0.333333


def test_a_value_the_take_does_not_know_is_none(tmp_path):
    assert store_of(str(tmp_path), Lab()).value("cpu", CELL) is None


def test_stall_takes_the_ceiling_of_the_same_round(tmp_path):
    lab = Lab()
    store = store_of(str(tmp_path), lab)
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


def test_stall_is_of_epochs_of_as_many_batches():
    """How many of a long epoch of a person's are read in some seconds differs from take to take."""
    actual = Record("sequence", "own", 4, "measured", metrics={"epoch": 4.0}, batches=100)
    best = Record("resident", "own", 1, "measured", metrics={"epoch": 1.2}, batches=120)
    assert stall(actual, best) == 75.0


def test_a_read_killed_during_its_take_leaves_no_half_take_and_has_had_its_turn(tmp_path):
    lab = Lab()

    def killed(cell):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store_of(str(tmp_path), killed).value("epoch", CELL)
    store = store_of(str(tmp_path), lab)
    assert store.value("gap", CELL) is None  # makes the first take
    assert store.value("epoch", CELL) == 2  # the killed read was the first
    assert not [path for path in tmp_path.iterdir() if path.suffix not in (".take", ".reads", ".limit")]


def test_each_take_is_appended_once_as_one_line(tmp_path, monkeypatch):
    takes = tmp_path / "takes.jsonl"
    takes.write_text("earlier\n")
    monkeypatch.setenv("FEEDERS_TAKES", str(takes))
    (tmp_path / "store").mkdir()
    store = store_of(str(tmp_path / "store"), Lab())
    for series in ("epoch", "missing", "broken", "epoch"):
        store.value(series, CELL)
    lines = takes.read_text().splitlines()
    assert lines[0] == "earlier"
    assert [json.loads(line)["metrics"]["epoch"] for line in lines[1:]] == [1, 2]


def test_nothing_is_appended_unless_asked_for(tmp_path):
    store_of(str(tmp_path), Lab()).value("epoch", CELL)
    expected = ["sequence.text.4.0.take", "sequence.text.4.epoch.reads", "text.0.limit"]
    assert sorted(path.name for path in tmp_path.iterdir()) == expected


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Serve a run whose takes go to a file; each call is a store in a fresh folder, as asv makes one at each start."""
    takes = tmp_path / "takes.jsonl"
    monkeypatch.setenv("FEEDERS_TAKES", str(takes))
    folders = (tmp_path / f"store{number}" for number in itertools.count())

    def run(lab, number=0, name=RUN):
        monkeypatch.setenv("FEEDERS_RUN", name)
        monkeypatch.setenv("FEEDERS_ROUND", str(number))
        folder = next(folders)
        folder.mkdir()
        return store_of(str(folder), lab)

    run.takes = takes
    return run


def test_a_take_carries_its_run_and_its_round(run):
    """Takes of one round lie close together in time, so comparisons pair them."""
    store = run(Lab(), number=3)
    assert [store.value("epoch", CELL) for _ in range(2)] == [1, 2]
    records = [Record.from_json(line) for line in run.takes.read_text().splitlines()]
    assert [(record.run, record.round) for record in records] == [(RUN, 3), (RUN, 4)]


def test_a_take_outside_of_a_run_has_neither(tmp_path, monkeypatch):
    monkeypatch.setenv("FEEDERS_TAKES", str(tmp_path / "takes.jsonl"))
    store_of(str(tmp_path), Lab()).value("epoch", CELL)
    record = Record.from_json((tmp_path / "takes.jsonl").read_text())
    assert (record.run, record.round) == ("", None)


def test_a_run_that_goes_on_reads_the_takes_it_has(run):
    """Nothing is measured twice, and nothing is in the file twice."""
    first = run(Lab(gap=0.25))
    assert [first.value("epoch", CELL) for _ in range(2)] == [1, 2]
    before = run.takes.read_bytes()
    lab = Lab(gap=0.75)
    again = run(lab)
    assert [again.value("epoch", CELL) for _ in range(2)] == [1, 2]
    assert [again.value("gap", CELL) for _ in range(2)] == [0.25, 0.25]
    assert lab.taken == []
    assert run.takes.read_bytes() == before
    assert again.value("epoch", CELL) == 1  # the third round was not made
    assert lab.taken == [CELL]
    assert run.takes.read_bytes().count(b"\n") == 3


def test_a_take_that_broke_is_the_runs_as_well(run):
    """Else a release on which a cell hangs would be waited for at each going on."""
    run(Lab("hung")).value("broken", CELL)
    lab = Lab()
    assert run(lab).value("broken", CELL) == 1
    assert lab.taken == []


@pytest.mark.parametrize(
    ("number", "name", "cell"),
    [
        (1, RUN, CELL),
        (0, "2026-01-02T03:04:06+00:00", CELL),
        (0, "", CELL),
        (0, RUN, dataclasses.replace(CELL, workers=1)),
        (0, RUN, dataclasses.replace(CELL, workload="jpeg")),
        (0, RUN, dataclasses.replace(CELL, feeder="sequence-lock")),
    ],
)
def test_takes_of_another_round_run_or_cell_are_not_read(run, number, name, cell):
    run(Lab()).value("epoch", CELL)
    lab = Lab()
    run(lab, number, name).value("epoch", cell)
    assert lab.taken == [cell]
    assert len(run.takes.read_text().splitlines()) == 2


def test_round_1_is_not_taken_for_round_10(run):
    run(Lab(), number=10).value("epoch", CELL)
    lab = Lab()
    run(lab, number=1).value("epoch", CELL)
    assert lab.taken == [CELL]


def test_a_message_that_looks_like_a_run_is_not_one(run):
    """What a take says is quoted in its line."""
    lab = Lab()
    said = f'"run":"{RUN}","round":0,'
    record = dataclasses.replace(lab(CELL), message=said, run="another", round=0)
    run.takes.write_text(record.to_json() + "\n")
    run(lab).value("epoch", CELL)
    assert lab.taken == [CELL, CELL]


def test_the_ceiling_is_the_one_the_run_has(run):
    first = run(Lab())
    assert first.value("stall", CELL) == -100.0
    lab = Lab()
    assert run(lab).value("stall", CELL) == -100.0
    assert lab.taken == []


def test_a_run_goes_on_after_a_kill_in_the_middle_of_a_take(run):
    def killed(cell):
        raise KeyboardInterrupt

    store = run(Lab())
    store.value("epoch", CELL)
    store._measure = killed
    with pytest.raises(KeyboardInterrupt):
        store.value("epoch", CELL)
    lab = Lab()
    again = run(lab)
    assert [again.value("epoch", CELL) for _ in range(2)] == [1, 1]
    assert lab.taken == [CELL]
    rounds = [Record.from_json(line).round for line in run.takes.read_text().splitlines()]
    assert rounds == [0, 1]


def test_the_limit_is_measured_once_for_a_workload_and_round(tmp_path):
    """All its cells are held against it."""
    asked = []

    def limit(workload):
        asked.append(workload)
        return Limit(ceiling=10.0 * len(asked), train_cpu=1e-9, prepare_cpu=0, prepare_seconds=0, gil_share=0, cores=1)

    store = store_of(str(tmp_path), Lab(throughput=2.0, effective_throughput=1.0), limit)
    cells = [CELL, Cell("generator", "text", 1), Cell("sequence", "jpeg", 4)]
    assert all(store.value("beyond_limit", cell) is not None for _ in range(2) for cell in cells)
    assert asked == ["text", "jpeg", "text", "jpeg"]


def test_a_limit_that_is_not_known_is_no_value(tmp_path):
    store = store_of(str(tmp_path), Lab(throughput=2.0, effective_throughput=1.0))
    assert store.value("beyond_limit", CELL) is None
