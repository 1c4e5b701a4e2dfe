"""The size of a batch: asked for by FEEDERS_BATCH, by default as suits what trains; a take tells it."""

from __future__ import annotations

import os

import pytest

from feeders import variables
from feeders.errors import FeedersError
from feeders.loaders import BATCH_SIZES
from feeders.measure import Settings, batch_size
from feeders.measure.cells import Cell
from feeders.measure.survey import Survey


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    """What `resolve` sets is taken back after each test."""
    for name in (variables.BATCH, variables.LOADER):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.parametrize("size", BATCH_SIZES)
def test_the_size_comes_from_the_environment(monkeypatch, size):
    monkeypatch.setenv(variables.BATCH, str(size))
    assert Settings.from_environment().batch == size


def test_nothing_asked_for_is_the_size_of_the_workload(monkeypatch):
    monkeypatch.setenv(variables.BATCH, "")
    assert Settings.from_environment().batch is None


@pytest.mark.parametrize("value", ["100", "8", "064", "many", "-64"])
def test_what_is_no_size_is_refused_with_those_there_are(monkeypatch, value):
    """A slip in the environment must not measure something else."""
    monkeypatch.setenv(variables.BATCH, value)
    with pytest.raises(FeedersError) as error:
        Settings.from_environment()
    assert str(error.value) == (
        f"FEEDERS_BATCH={value}: not a size of a batch; expected 16, 32, 64, 128 or 256. Try: unset FEEDERS_BATCH"
    )


@pytest.mark.parametrize(
    ("asked", "loader", "on_gpu", "size"),
    [
        ("", "", False, None),  # today's series keep their names
        ("", "", True, "64"),
        ("", "my.py:Train", True, None),
        ("128", "", True, "128"),
        ("128", "", False, "128"),
    ],
)
def test_a_gpu_has_larger_batches_by_default(monkeypatch, asked, loader, on_gpu, size):
    for name, value in ((variables.BATCH, asked), (variables.LOADER, loader)):
        if value:
            monkeypatch.setenv(name, value)
    batch_size.resolve(on_gpu)
    assert os.environ.get(variables.BATCH) == size


def test_a_take_has_batches_of_that_size_and_tells_it(take):
    record = take("sequence", "window", batch=128)
    assert record.outcome == "measured", record.message
    assert (record.batches, record.delivered) == (25, 3082)
    assert record.settings["batch"] == 128


def test_a_cell_opens_its_workload_with_batches_of_that_size():
    assert Cell("sequence", "window", 1).load(None, None, 64).open().batch_size == 64
    with pytest.raises(FeedersError, match="batches of 65 samples"):
        Cell("sequence", "window", 1).load(None, None, 65)


def test_a_persons_loader_has_batches_of_its_own():
    found = Survey("sequence", "a Train", 1, False, "", 3, 3, 9, "float32 (3,)", 0.1, None)
    assert found.settled(Settings(batch=64)).batch is None
