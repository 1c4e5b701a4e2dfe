"""A run launches the cells of its profile, and shows those that have results."""

from __future__ import annotations

import math
from types import SimpleNamespace

import asv.results
import pytest
from asv.benchmarks import Benchmarks
from asv.commands.compare import unroll_result

from feeders.asv_plugin import selection, tables
from feeders.errors import FeedersError
from feeders.loaders import WORKLOADS
from feeders.measure import WORKERS, current_profile
from feeders.strategies import FEEDERS

PARAMS = [
    [repr(row.name) for row in FEEDERS],
    [repr(row.name) for row in WORKLOADS],
    [repr(count) for count in WORKERS],
]


def found(regex=None):
    common = {"params": PARAMS, "param_names": ["feeder", "workload", "workers"], "unit": "seconds"}
    series = [{**common, "name": name} for name in ("epoch.Fit.track_steady", "wait.Batch.track_p50")]
    return Benchmarks(SimpleNamespace(benchmark_dir="benchmarks"), series, regex=regex)


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    for name in ("FEEDERS_PROFILE", "FEEDERS_MODEL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", ["core", "full", "history"])
def test_only_the_cells_of_the_profile_are_left(monkeypatch, name):
    monkeypatch.setenv("FEEDERS_PROFILE", name)
    benchmarks = found()
    selection.narrow(benchmarks)
    cells = len(current_profile().cells)
    assert [len(left) for left in benchmarks.benchmark_selection.values()] == [cells, cells]
    assert benchmarks["epoch.Fit.track_steady"]["params"] is PARAMS


def test_what_b_selected_is_narrowed_not_widened():
    benchmarks = found(["track_steady.'sequence', 'text'"])
    selection.narrow(benchmarks)
    assert list(benchmarks) == ["epoch.Fit.track_steady"]
    cells = [cell for cell in current_profile().cells if (cell.feeder, cell.workload) == ("sequence", "text")]
    assert len(benchmarks.benchmark_selection["epoch.Fit.track_steady"]) == len(cells) > 1


def test_nothing_left_is_said_with_the_way_out():
    with pytest.raises(FeedersError) as error:
        selection.narrow(found(["'text', 8"]))
    assert "of the 2 series asked for, profile 'core' measures no cell" in str(error.value)
    assert "FEEDERS_PROFILE=full" in str(error.value)


def test_a_b_that_matches_nothing_is_asvs_to_report():
    selection.narrow(found(["no such series"]))


@pytest.mark.parametrize("variable", ["FEEDERS_PROFILE", "FEEDERS_MODEL"])
def test_an_unknown_setting_ends_the_run_before_it_starts(monkeypatch, variable):
    monkeypatch.setenv(variable, "huge")
    with pytest.raises(FeedersError, match=rf"^huge: not a value of {variable}\."):
        selection.narrow(found())


def test_tables_show_the_cells_that_have_results():
    params = [["'a'", "'b'", "'c'"], ["1", "2"]]
    benchmark = {"params": params, "param_names": ["feeder", "workers"], "unit": "seconds"}
    shown = tables.compact(asv.results._format_benchmark_result)
    skipped = (math.nan, None)
    text = "\n".join(shown([skipped, skipped, (0.25, None), skipped, (None, None), skipped], benchmark))
    assert "250ms" in text
    assert "failed" in text  # it was measured, and asv has no value: that is news
    assert " a " not in text
    assert " 2 " not in text
    assert shown([skipped] * 6, benchmark) == ["n/a in all 6 cells"]


def test_compare_lists_the_cells_that_have_results():
    rows = tables.measured_only(unroll_result)("track", [["1", "2", "3"]], [0.5, math.nan, None], None)
    assert [row[:2] for row in rows] == [("track(1)", 0.5), ("track(3)", None)]
