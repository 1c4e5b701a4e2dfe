"""Runs over releases: what is asked again goes on, rounds are interleaved where there are several releases."""

from __future__ import annotations

import datetime
import json
from types import SimpleNamespace

import pytest
from asv.console import log
from asv.util import UserError

from feeders.asv_plugin import plugin as asv_plugin
from feeders.asv_plugin import runs
from feeders.asv_plugin.runs import begin, end, may_name_several, may_skip, rounds, run_identity, settle_rounds
from feeders.asv_plugin.takes_log import TakesLog
from feeders.errors import FeedersError
from feeders.measure import metrics
from feeders.results.unfinished import UNFINISHED

ASKED = {"range_spec": "ALL", "bench": None, "quick": False}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in runs.VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clock(monkeypatch):
    """A new second at each look, so that runs begun in one have ids of their own."""
    seconds = iter(range(60))

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, zone=None):
            return cls(2026, 1, 2, 3, 4, next(seconds), tzinfo=zone)

    monkeypatch.setattr(runs.datetime, "datetime", Clock)


def test_a_run_that_did_not_end_goes_on_under_its_id(tmp_path, clock):
    first = begin(tmp_path, run_identity(ASKED))
    assert first.id == "2026-01-02T03:04:00+00:00"
    assert begin(tmp_path, run_identity(ASKED)) == first
    assert begin(tmp_path, run_identity(ASKED)) == first


def test_who_goes_on_is_told_and_how_to_begin_anew(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(runs.log, "info", said.append)
    first = begin(tmp_path, run_identity(ASKED))
    assert said == []
    begin(tmp_path, run_identity(ASKED))
    assert said == [f"Going on with the run of {first.id}, which did not end (anew: delete {tmp_path / UNFINISHED})"]


def test_another_run_in_between_takes_nothing_away(tmp_path, clock):
    first = begin(tmp_path, run_identity(ASKED))
    end(tmp_path, begin(tmp_path, run_identity({**ASKED, "range_spec": None})))
    assert begin(tmp_path, run_identity(ASKED)) == first


def test_a_run_that_has_ended_leaves_no_file_and_is_not_gone_on_with(tmp_path, clock):
    first = begin(tmp_path, run_identity(ASKED))
    assert [path.name for path in tmp_path.iterdir()] == [UNFINISHED]
    end(tmp_path, first)
    assert list(tmp_path.iterdir()) == []
    assert begin(tmp_path, run_identity(ASKED)).id != first.id


@pytest.mark.parametrize(
    "other", [{"range_spec": "NEW"}, {"bench": ["wait"]}, {"quick": True}, {"attribute": {"rounds": "3"}}]
)
def test_another_request_starts_anew(tmp_path, clock, other):
    first = begin(tmp_path, run_identity(ASKED))
    second = begin(tmp_path, run_identity({**ASKED, **other}))
    assert second.id != first.id
    assert begin(tmp_path, run_identity({**ASKED, **other})) == second


@pytest.mark.parametrize(
    "variable",
    ["FEEDERS_PROFILE", "FEEDERS_MODEL", "KERAS_BACKEND", "TF_USE_LEGACY_KERAS", "FEEDERS_TF_DATA_SERVICE"],
)
def test_another_setting_starts_anew(tmp_path, clock, monkeypatch, variable):
    first = begin(tmp_path, run_identity(ASKED))
    monkeypatch.setenv(variable, "another")
    assert begin(tmp_path, run_identity(ASKED)).id != first.id


def test_another_version_of_the_series_starts_anew(tmp_path, clock, monkeypatch):
    first = begin(tmp_path, run_identity(ASKED))
    monkeypatch.setattr(runs, "SERIES_VERSION", metrics.SERIES_VERSION + "b")
    assert begin(tmp_path, run_identity(ASKED)).id != first.id


def test_what_says_nothing_is_the_same_as_nothing(monkeypatch):
    """asv gives some arguments as None, as False or not at all, by how it was called."""
    monkeypatch.setenv("FEEDERS_PROFILE", "")
    assert run_identity({}) == run_identity({"bench": [], "quick": False, "attribute": None, "show_stderr": True})


@pytest.mark.parametrize("text", ["", "{", "[]", "[1]", "null", '"ALL"', '{"asked": 1}'])
def test_a_damaged_file_starts_anew(tmp_path, text):
    (tmp_path / UNFINISHED).write_text(text)
    run = begin(tmp_path, run_identity(ASKED))
    assert json.loads((tmp_path / UNFINISHED).read_text()) == [{"id": run.id, "asked": run_identity(ASKED)}]


@pytest.mark.parametrize(
    ("spec", "several"),
    [
        (None, False),
        ("HEAD", False),
        ("2.16.2", False),
        ("2.16.2^!", False),
        (["2.16.2"], False),
        (["2.16.2", "k3.6.0"], True),
        ("ALL", True),
        ("NEW", True),
        ("EXISTING", True),
        ("2.16.2..", True),
        ("2.15.1..2.16.2", True),
        ("HASHFILE:releases.txt", True),
    ],
)
def test_a_range_may_name_several_releases(spec, several):
    assert may_name_several(spec) == several


def test_rounds_of_several_releases_are_interleaved_and_all_made():
    arguments = {"attribute": {"warmup": "1"}, "quick": False, "range_spec": "ALL"}
    settle_rounds(arguments)
    assert arguments == {"attribute": {"warmup": "1"}, "quick": False, "range_spec": "ALL", "interleave_rounds": True}


@pytest.mark.parametrize("spec", ["ALL", None])
@pytest.mark.parametrize("attribute", [None, {"rounds": "7"}, {"warmup": "1"}])
def test_a_quick_run_makes_one_round(attribute, spec):
    arguments = {"attribute": attribute, "quick": True, "range_spec": spec}
    settle_rounds(arguments)
    assert arguments["attribute"] == {**(attribute or {}), "rounds": 1}


@pytest.mark.parametrize("name", runs.SKIPS)
def test_what_may_skip_releases(name):
    assert may_skip({name: True})
    assert not may_skip({name: False, "quick": True})


def test_rounds_are_those_asked_for_else_the_most_of_any_series():
    benchmarks = {"one": {"rounds": 2}, "two": {"rounds": 5}, "three": {}}
    assert rounds(benchmarks, None) == rounds(benchmarks, {}) == 5
    assert rounds(benchmarks, {"rounds": "3"}) == 3


def test_rounds_are_counted_from_0():
    """asv goes through the numbers of interleaved rounds downwards."""
    env, seen = SimpleNamespace(round=0, takes_folder=None), []
    layer = asv_plugin._run_benchmarks(lambda benchmarks, env, **_: seen.append(env.round), TakesLog(log))
    for number in (3, 2, 1):
        layer({"one": {"rounds": 3}}, env, run_rounds=[number])
    layer({"one": {"rounds": 5}}, env, run_rounds=[1], extra_params={"rounds": "1"})
    assert seen == [0, 1, 2, 0]


class Lab:
    """asv's `Run.run` in a folder of results: notes what it was called with, and ends as it is told."""

    def __init__(self, folder):
        self.conf = SimpleNamespace(results_dir=str(folder / "results"))
        self.unfinished = folder / "results" / "lab" / UNFINISHED
        self.ends, self.calls = None, []

    def run(self, **kwargs):
        return asv_plugin._run(self._original, TakesLog(log))(None, self.conf, **kwargs)

    def _original(self, cls, conf, **kwargs):
        self.calls.append({**kwargs, "run_id": getattr(conf, "run_id", ""), "there": self.unfinished.exists()})
        if self.ends:
            raise self.ends
        return 0


@pytest.mark.parametrize("spec", [None, "HEAD"])
def test_what_is_installed_cant_be_measured_where_nothing_is(lab, monkeypatch, spec):
    def nothing():
        raise FeedersError("nothing is installed")

    monkeypatch.setattr(asv_plugin, "require_installed", nothing)
    with pytest.raises(FeedersError):
        lab.run(range_spec=spec)
    assert lab.calls == []
    assert not lab.unfinished.exists()
    assert lab.run(range_spec="2.16.2") == 0


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.setattr(asv_plugin, "require_installed", lambda: None)
    monkeypatch.setattr(asv_plugin.machine, "describe", lambda name, results: {"machine": "lab"})
    return Lab(tmp_path)


def test_an_interrupted_run_is_gone_on_with_until_it_ends(lab, clock):
    lab.ends = UserError("Interrupted.")
    with pytest.raises(UserError):
        lab.run(range_spec="ALL")
    assert lab.unfinished.exists()
    lab.ends = None
    assert lab.run(range_spec="ALL") == 0
    assert not lab.unfinished.exists()
    lab.run(range_spec="ALL")
    first, second, third = (call["run_id"] for call in lab.calls)
    assert first == second != third
    assert all(call["there"] for call in lab.calls)


def test_only_a_range_that_may_name_several_is_interleaved(lab):
    lab.run(range_spec="2.16.2", quick=True)
    lab.run(range_spec=None)
    lab.run(range_spec="ALL", quick=True)
    lab.run(range_spec="2.16.2..", quick=False)
    assert [call.get("interleave_rounds", False) for call in lab.calls] == [False, False, True, True]
    assert [call.get("attribute") for call in lab.calls] == [{"rounds": 1}, None, {"rounds": 1}, None]
    assert all(call["record_samples"] for call in lab.calls)


@pytest.mark.parametrize("dry_run", [False, True])
def test_releases_get_their_turns_in_this_process(lab, dry_run):
    """With -j asv gives them in processes of a pool, and would measure one release under the names of all."""
    lab.run(range_spec="ALL", parallel=4, dry_run=dry_run)
    assert [call["parallel"] for call in lab.calls] == [1]


def test_a_dry_run_writes_nothing(lab, tmp_path):
    lab.run(range_spec="ALL", dry_run=True)
    assert list(tmp_path.iterdir()) == []


def test_where_results_cant_be_kept_nothing_is_measured(lab, tmp_path):
    (tmp_path / "results").touch()
    with pytest.raises(FeedersError, match=r"results/lab: results can't be kept there \(Not a directory\)"):
        lab.run(range_spec="2.16.2")
    assert lab.calls == []
