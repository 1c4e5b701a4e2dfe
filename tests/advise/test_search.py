"""The search: it finds the fastest safe way, stays within its budget, and leaves out what can't win."""

from __future__ import annotations

import pytest

from feeders.advise.candidates import ONE, PROCESSES, THREADS, candidates
from feeders.strategies import FEEDERS
from tests.advise.made import INDEXED, REQUEST, SAFE, Bench, audit, cell, limit, record, search

CELLS, LEFT_OUT = candidates(REQUEST, INDEXED, cores=2)

SEQUENCE, THREADS_4, PROCESSES_2 = cell("sequence"), cell("lookahead-threads", 4), cell("lookahead-processes", 2)


def searched(bench, **options):
    found = search(bench, **options)
    found.begin()
    found.screen(CELLS, 0.65)
    found.compare(0.97)
    return found


def test_the_fastest_is_found_and_compared_with_today():
    found = searched(Bench({SEQUENCE: 1_000, PROCESSES_2: 1_900, cell("queue-threads", 2): 1_500}))
    assert found.best() == PROCESSES_2
    assert found.second(PROCESSES_2) == cell("queue-threads", 2)
    duel = found.duels[SEQUENCE, PROCESSES_2]
    assert duel.ratio == pytest.approx(1.9, rel=0.02)
    low, high = duel.interval
    assert low < 1.9 < high
    assert len(duel.log_ratios) >= 3


def test_mistakes_are_never_candidates():
    mistakes = {row.name for row in FEEDERS if row.mistake or row.ceiling}
    assert mistakes.isdisjoint({each.feeder for each in CELLS})
    assert {each.feeder for each in LEFT_OUT} >= {"sequence-call-lock", "generator-processes"}


def test_one_that_delivers_wrongly_does_not_win_however_fast():
    wrong = record(THREADS_4, 9_000, missing=3.0)
    found = searched(Bench({SEQUENCE: 1_000, PROCESSES_2: 1_500}, records={THREADS_4: wrong}))
    assert found.best() == PROCESSES_2
    assert found.tried[THREADS_4].fault == "3 samples missing in an epoch"


@pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once", "none"])
def test_only_exactly_once_wins(guarantee):
    found = searched(Bench({SEQUENCE: 1_000}, records={THREADS_4: record(THREADS_4, 9_000, guarantee=guarantee)}))
    assert found.best() != THREADS_4


def test_what_an_audit_calls_unsafe_is_not_even_taken():
    bench = Bench({SEQUENCE: 1_000, THREADS_4: 9_000, PROCESSES_2: 1_500})
    found = searched(bench, audits={**SAFE, THREADS: audit("shared-state")})
    assert THREADS_4 not in bench.taken
    assert found.best() == PROCESSES_2
    assert any(each.feeder == "lookahead-threads" and "shared-state" in each.reason for each in found.dropped)


def test_what_no_audit_has_covered_yet_is_taken():
    bench = Bench({SEQUENCE: 1_000, PROCESSES_2: 1_500})
    assert searched(bench, audits={ONE: audit(), THREADS: audit()}).best() == PROCESSES_2


def test_hopeless_ways_are_left_out_with_the_reason():
    """A loader that holds the GIL gains nothing from threads: with the limit known they cost no take."""
    bench = Bench({SEQUENCE: 10_000, PROCESSES_2: 19_000}, other=10_000)
    searched_with = searched(bench, known=limit(gil=1.0))
    assert searched_with.best() == PROCESSES_2
    assert THREADS_4 not in bench.taken
    reasons = {each.feeder: each.reason for each in searched_with.dropped}
    assert "at best" in reasons["lookahead-threads"]


def test_more_workers_of_today_are_tried_where_a_loader_waits():
    bench = Bench({SEQUENCE: 10_000, cell("sequence", 4): 38_000, THREADS_4: 39_000}, other=10_000)
    found = searched(bench, known=limit(cpu=1e-6))
    assert cell("sequence", 4) in bench.taken
    assert found.best() == cell("sequence", 4), "within three per cent the simpler one is as good"


@pytest.mark.parametrize("seconds", [20.0, 60.0, 180.0])
@pytest.mark.parametrize("take_seconds", [0.5, 4.0, 20.0])
def test_the_budget_is_kept_but_for_what_has_begun(seconds, take_seconds):
    bench = Bench(dict.fromkeys(CELLS, 1000), take_seconds=take_seconds, pair_seconds=take_seconds)
    searched(bench, seconds=seconds)
    assert bench.now <= seconds + take_seconds
    assert bench.taken[0] == SEQUENCE


def test_only_the_first_pair_waits_for_interpreters(monkeypatch):
    """What is left for pairs is told by the others."""
    monkeypatch.setattr("feeders.advise.search.SHARP", 0.0)
    bench = Bench({SEQUENCE: 1_000, PROCESSES_2: 1_900}, other=500, starting=20.0)
    found = search(bench, seconds=60.0)
    found.begin()
    found.screen([PROCESSES_2], 0.5)
    found.compare()
    assert 60 - bench.pair_seconds < bench.now <= 60
    assert len(bench.paired) == (60 - 20 - len(bench.taken) * bench.take_seconds) // bench.pair_seconds


def test_what_there_was_no_time_for_is_told():
    found = searched(Bench({}, take_seconds=20.0), seconds=60.0)
    assert any(each.reason == "no time was left to try it" for each in found.dropped)


def test_what_can_not_win_does_not_want_for_time():
    """Where time is over, those are told that may be faster."""
    found = searched(Bench({SEQUENCE: 10_000}, other=10_000, take_seconds=40.0), seconds=60.0, known=limit(gil=1.0))
    reasons = {(each.feeder, each.workers): each.reason for each in found.dropped}
    assert reasons["lookahead-processes", 2] == "no time was left to try it"
    assert "at best" in reasons["lookahead-processes", 1]


def test_what_no_audit_has_covered_gets_no_pairs():
    """It is not advised, and they take long."""
    bench = Bench({SEQUENCE: 1_000, PROCESSES_2: 1_900, THREADS_4: 1_500})
    found = searched(bench, audits={ONE: audit(), THREADS: audit()})
    assert (SEQUENCE, THREADS_4) in found.duels
    assert PROCESSES_2 not in {side for sides in found.duels for side in sides}


def test_nothing_is_compared_where_today_breaks_and_nothing_else_works():
    failed = {each: record(each, 0, outcome="failed") for each in CELLS}
    found = searched(Bench({}, records=failed))
    assert found.best() is None
    assert found.duels == {}


def test_today_is_kept_where_nothing_is_better_by_more_than_the_margin():
    found = searched(Bench({SEQUENCE: 1_000, THREADS_4: 1_020}, other=500))
    assert found.best() == SEQUENCE


def test_todays_way_is_compared_with_the_fastest_other_one_not_with_the_simplest():
    """What is as simple and as fast as today's would never be advised; what may be faster is."""
    bench = Bench({SEQUENCE: 1_000, PROCESSES_2: 1_020, cell("generator"): 1_010}, other=500.0)
    assert list(searched(bench).duels) == [(SEQUENCE, PROCESSES_2)]


@pytest.mark.parametrize(("speed", "takes"), [(500, 2), (1_850, 3)])
def test_a_way_that_is_far_ahead_leaves_its_third_take_to_pairs(speed, takes):
    bench = Bench({SEQUENCE: 1_000, PROCESSES_2: 1_900, THREADS_4: speed})
    found = search(bench)
    found.begin()
    found.screen([PROCESSES_2, THREADS_4], 0.65)
    assert bench.taken.count(PROCESSES_2) == takes


def test_the_cores_that_the_host_gives_are_looked_at_before_each_take_and_pair():
    bench = Bench({SEQUENCE: 1_000, PROCESSES_2: 1_900}, given=1.5)
    found = searched(bench)
    assert found.given == [1.5] * (len(bench.taken) + len(bench.paired))


def test_processes_are_told_from_threads_and_from_one_reader():
    from feeders.advise.candidates import use_of

    assert use_of(cell("sequence")) == ONE
    assert use_of(cell("prefetch-thread")) == ONE
    assert use_of(cell("sequence", 4)) == use_of(cell("tfdata-map", 2)) == THREADS
    assert use_of(cell("sequence-processes")) == use_of(PROCESSES_2) == PROCESSES


def test_workers_beyond_what_the_cores_allow_are_not_tried():
    """Processes are dear to start: of a loader that computes on two cores, two of them are all that can help."""
    bench = Bench({SEQUENCE: 10_000, PROCESSES_2: 19_000}, other=10_000)
    found = searched(bench, known=limit(gil=1.0))
    assert cell("lookahead-processes", 4) not in bench.taken
    reasons = {(each.feeder, each.workers): each.reason for each in found.dropped}
    assert "all that the cores or the GIL allow" in reasons["lookahead-processes", 4]


def test_more_workers_are_tried_where_fewer_fall_short_of_what_they_could_give():
    """Two of a loader that waits could feed the device; where they do not, as each batch costs more, four may."""
    speeds = {SEQUENCE: 10_000, cell("sequence", 2): 13_000, cell("sequence", 4): 18_000}
    bench = Bench(speeds, other=9_000)
    found = searched(bench, known=limit(ceiling=20_000, cpu=1e-6))
    assert found.best() == cell("sequence", 4)
    fed = Bench({SEQUENCE: 10_000, cell("sequence", 2): 19_500}, other=9_000)
    reasons = {
        (each.feeder, each.workers): each.reason for each in searched(fed, known=limit(20_000, cpu=1e-6)).dropped
    }
    assert cell("sequence", 4) not in fed.taken
    assert reasons["sequence", 4] == "2 workers feed the device"


def test_a_way_that_is_slow_to_start_keeps_no_other_from_being_tried():
    """Processes that start anew take ten times as long as threads; what they take says nothing of threads."""

    class SlowProcesses(Bench):
        def take(self, of, *seconds):
            if FEEDERS.named(of.feeder).shared_by == "processes":
                self.now += 40
            return super().take(of, *seconds)

    bench = SlowProcesses({SEQUENCE: 10_000, cell("lookahead-threads", 4): 38_000}, other=11_000)
    found = searched(bench, known=limit(cpu=1e-6))
    assert found.best() == cell("lookahead-threads", 4)


def test_processes_are_not_started_where_threads_give_all_that_there_is():
    bench = Bench({SEQUENCE: 10_000, cell("lookahead-threads", 4): 38_000}, other=11_000)
    found = searched(bench, known=limit(cpu=1e-6))
    assert not [each for each in bench.taken if FEEDERS.named(each.feeder).shared_by == "processes"]
    assert any("without processes" in each.reason for each in found.dropped)
