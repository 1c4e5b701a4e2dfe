"""Settings, cells and profiles, and the messages for what is in none of them."""

from __future__ import annotations

import pytest

from feeders.errors import FeedersError
from feeders.loaders import WORKLOADS
from feeders.measure import PROFILES, Cell, Settings, current_profile, profile
from feeders.measure.cells import core_workers, measured_workers
from feeders.measure.host import usable_cores
from feeders.measure.models import MODELS
from feeders.measure.store import CEILING_FEEDER, CEILING_WORKERS
from feeders.strategies import FEEDERS


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in ("FEEDERS_MODEL", "FEEDERS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("value", "model"), [(None, "light"), ("", "light"), *((name, name) for name in MODELS.names)])
def test_the_model_comes_from_the_environment(monkeypatch, value, model):
    """FEEDERS_MODEL chooses; empty is as not set."""
    if value is not None:
        monkeypatch.setenv("FEEDERS_MODEL", value)
    assert Settings.from_environment() == Settings(model=model)


def test_an_unknown_model_is_refused_with_the_known_ones(monkeypatch):
    """A slip in the environment must not measure something else."""
    monkeypatch.setenv("FEEDERS_MODEL", "bad")
    with pytest.raises(FeedersError) as error:
        Settings.from_environment()
    assert str(error.value) == (
        "bad: not a value of FEEDERS_MODEL. Known: light, real, resnet, transformer. Try: unset FEEDERS_MODEL"
    )


@pytest.mark.parametrize(("value", "name"), [(None, "core"), ("", "core"), *((row.name, row.name) for row in PROFILES)])
def test_the_profile_comes_from_the_environment(monkeypatch, value, name):
    """FEEDERS_PROFILE chooses; empty is as not set."""
    if value is not None:
        monkeypatch.setenv("FEEDERS_PROFILE", value)
    assert current_profile() is profile(name)


def test_an_unknown_profile_is_refused_with_the_known_ones(monkeypatch):
    """A slip in the environment must not measure something else."""
    monkeypatch.setenv("FEEDERS_PROFILE", "bad")
    with pytest.raises(
        FeedersError, match=r"^bad: not a value of FEEDERS_PROFILE\. Known: core, full, history\. Try: unset"
    ):
        current_profile()


def names(cells, field):
    return list(dict.fromkeys(getattr(cell, field) for cell in cells))


def test_core_has_every_feeder_and_three_workloads_with_one_worker_four_and_one_a_core():
    """The default run answers for every feeder that is installed, but for the one made for other hosts."""
    cells = profile("core").cells
    here = [row.name for row in FEEDERS if row.is_installed and row.name != "tfdata-service"]
    assert names(cells, "feeder") == here
    assert len(names(cells, "workload")) == 3
    assert {cell.workers for cell in cells} == set(core_workers(usable_cores()))
    by_feeder = {name: {cell.workers for cell in cells if cell.feeder == name} for name in names(cells, "feeder")}
    assert by_feeder["sequence"] == set(core_workers(usable_cores()))
    # What takes turns gains nothing from each core, and a mistake shows with several workers.
    assert (by_feeder["sequence-lock"], by_feeder["sequence-call-lock"]) == ({1, 4}, {4})


def test_full_has_everything():
    """Every feeder, workload and number of workers that the host has cores for, those without workers with one."""
    cells = profile("full").cells
    expected = {
        (row.name, load.name, count)
        for row in FEEDERS
        for load in WORKLOADS
        for count in (measured_workers(usable_cores()) if row.parallel else (1,))
    }
    assert {(cell.feeder, cell.workload, cell.workers) for cell in cells} == expected
    assert len(cells) == len(expected)


def test_history_has_few_cells_each_with_the_ceiling_of_its_workload():
    """It is measured on some 25 releases; a stall needs its ceiling in the same round."""
    cells = profile("history").cells
    assert len(cells) <= 24
    for load in names(cells, "workload"):
        assert Cell(CEILING_FEEDER, load, CEILING_WORKERS) in cells
    assert set(cells) <= set(profile("full").cells)


@pytest.mark.parametrize("row", PROFILES, ids=lambda row: row.name)
def test_a_profile_has_each_cell_once_and_measures_what_has_no_workers_with_one(row):
    """No two cells measure the same thing."""
    cells = row.cells
    assert len(set(cells)) == len(cells)
    serial = {feeder.name for feeder in FEEDERS if not feeder.parallel}
    assert {cell.workers for cell in cells if cell.feeder in serial} == {1}
    assert all(cell.checked() is cell for cell in cells)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (Cell("sequense", "text", 1), r"^sequense: not a feeder\. .*\bsequence\b"),
        (Cell("sequence", "texd", 1), r"texd.*\btext\b"),
        (Cell("sequence", "text", 0), r"^sequence on text, workers 0: 0 workers; expected 1 or more\. Try: "),
        (Cell("sequence", "text", -1), r"-1 workers; expected 1 or more"),
    ],
)
def test_a_cell_of_unknown_names_or_no_workers_is_refused_before_anything_runs(cell, text):
    """A slip costs one message that names what is near, also where it is `take` that is asked."""
    from feeders.measure import take

    for ask in (cell.checked, lambda: take(cell)):
        with pytest.raises(FeedersError, match=text):
            ask()
