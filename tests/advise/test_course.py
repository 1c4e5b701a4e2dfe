"""The course of advice: what is audited when, what ends it early, and what Ctrl-C leaves."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
from types import SimpleNamespace

import pytest

from feeders.advise.request import AdviseRequest
from feeders.advise.search import Budget
from feeders.errors import FeedersError
from feeders.measure.survey import Survey
from tests.advise.made import INDEXED, Bench, audit, cell, limit

MODULE = importlib.import_module("feeders.advise.advise")

SEQUENCE, PROCESSES_2 = cell("sequence"), cell("lookahead-processes", 2)
SURVEY = Survey(
    "sequence",
    "a mine.Train",
    1,
    False,
    "",
    60,
    60,
    1920,
    "(float32 (32, 16))",
    0.001,
    SimpleNamespace(reproducible=True),
)


@pytest.fixture
def advised(monkeypatch, tmp_path):
    """Advise on a machine that is made up; `audits` says what is found with so many workers and processes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("")

    def advised(bench, audits=lambda use: audit(), known=None, look=INDEXED, survey=SURVEY, seconds=180.0):
        asked, keys = [], set()

        def audited(loader, workers, processes, **options):
            use = "processes" if processes else "threads" if workers and workers > 1 else "one reader"
            bench.now += options["seconds"]
            asked.append((use, workers))
            keys.add(options["key"])
            return audits(use)

        def surveyed(*_):
            if isinstance(survey, FeedersError):
                raise survey
            return survey

        monkeypatch.setattr(MODULE, "preload", lambda: None)
        monkeypatch.setattr(MODULE, "is_untouched", lambda: True)
        monkeypatch.setattr(MODULE, "describe_stack", dict)
        monkeypatch.setattr(MODULE, "look_at", lambda *_: look)
        monkeypatch.setattr(MODULE, "Budget", lambda seconds: Budget(seconds, bench.clock))
        monkeypatch.setattr(MODULE, "audit", audited)
        monkeypatch.setattr(MODULE, "asked", SimpleNamespace(look=surveyed))
        monkeypatch.setattr(MODULE, "measure_limit", lambda *_: known)
        monkeypatch.setattr(MODULE, "usable_cores", lambda: 2)
        monkeypatch.setattr(MODULE, "HostBench", lambda *_: contextlib.nullcontext(bench))
        found = MODULE.advise(AdviseRequest("mine.py:Train", seconds=seconds, key="labels"))
        assert keys <= {"labels"}
        return found, asked

    return advised


def test_how_it_is_used_is_audited_first_and_processes_only_where_they_may_win(advised):
    found, asked = advised(Bench({SEQUENCE: 1_000, PROCESSES_2: 1_900}))
    assert asked == [("one reader", 1), ("threads", 4), ("processes", 4)]
    assert (found.answer.kind, found.answer.feeder) == ("change", "lookahead-processes")
    _, asked = advised(Bench({SEQUENCE: 1_000, cell("sequence", 4): 3_000, cell("queue-threads", 4): 2_900}))
    assert ("processes", 4) not in asked


def test_ways_that_their_audit_rules_out_make_room_for_the_next(advised):
    """Processes are the fastest and unsafe; the threads that come next are advised."""
    bench = Bench({SEQUENCE: 10_000, PROCESSES_2: 19_000, cell("lookahead-threads", 4): 15_000}, other=10_000)
    audits = {"processes": audit("same-random-numbers")}
    found, _ = advised(bench, lambda use: audits.get(use, audit()), known=limit(gil=0.5))
    assert found.answer.feeder == "lookahead-threads"
    assert any("same-random-numbers" in reason.why for reason in found.answer.unsafe)


def test_what_one_reader_already_gets_wrong_is_measured_no_further(advised):
    bench = Bench({})
    found, asked = advised(bench, lambda use: audit("last-batch-lost"))
    assert asked == [("one reader", 1)]
    assert bench.taken == [SEQUENCE]
    assert (found.answer.kind, found.safe) == ("unsafe", False)


def test_threads_that_are_unsafe_as_used_are_held_against_one_reader(advised):
    look = dataclasses.replace(INDEXED, workers=4)
    bench = Bench({cell("sequence", 4): 4_000, PROCESSES_2: 1_900, SEQUENCE: 1_000})
    found, asked = advised(bench, lambda use: audit("shared-state") if use == "threads" else audit(), look=look)
    assert asked[:2] == [("threads", 4), ("one reader", 1)]
    assert (found.answer.kind, found.answer.feeder) == ("unsafe", "lookahead-processes")
    assert cell("lookahead-threads", 4) not in bench.taken
    assert bench.taken[1] == SEQUENCE, "one worker is the least that may be safe: it is tried whatever time there is"


def test_a_device_that_is_fed_ends_it(advised):
    bench = Bench({SEQUENCE: 99_000})
    found, _ = advised(bench, known=limit())
    assert bench.taken == [SEQUENCE]
    assert found.answer.sentence == "Leave it: the device is fed."


def test_ctrl_c_keeps_what_was_found(advised):
    class Interrupted(Bench):
        def take(self, of, steady_seconds, deadline_seconds):
            if len(self.taken) == 5:
                raise KeyboardInterrupt
            return super().take(of, steady_seconds, deadline_seconds)

    speeds = {cell(name, 4): 2_000 for name in ("sequence", "lookahead-threads", "queue-threads", "tfdata-map")}
    found, _ = advised(Interrupted(speeds), known=limit(cpu=1e-6))
    assert len(found.evidence.tried) == 5
    assert found.answer.kind == "change"
    assert "Interrupted: this is what is known so far." in found.answer.notes
    assert found.to_json


def test_a_loader_that_breaks_and_whose_audit_says_so_is_unsafe(advised):
    found, _ = advised(Bench({}), lambda use: audit("raises"), survey=FeedersError("it broke"))
    assert found.answer.kind == "unsafe"


def test_one_that_can_not_be_read_is_an_error_where_the_audit_saw_nothing(advised):
    with pytest.raises(FeedersError, match="it broke"):
        advised(Bench({}), survey=FeedersError("it broke"))


@pytest.mark.parametrize("seconds", [30.0, 60.0, 180.0])
@pytest.mark.parametrize("made", [0.0, 10.0])
def test_the_budget_is_kept_with_a_fifth_on_top(advised, seconds, made):
    """Also of a loader that needs ten seconds to be made, which every take pays for twice."""
    bench = Bench({SEQUENCE: 1_000, PROCESSES_2: 1_900}, take_seconds=2 + 2 * made, pair_seconds=4 + 2 * made)
    advised(bench, look=dataclasses.replace(INDEXED, seconds=made), seconds=seconds)
    assert bench.now <= max(1.2 * seconds, seconds + bench.pair_seconds)
