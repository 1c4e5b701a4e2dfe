"""The course of advice: what is audited when, what ends it early, and what Ctrl-C leaves."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
from types import SimpleNamespace

import pytest

from feeders.advise.budget import Budget
from feeders.advise.costs import Costs
from feeders.advise.lines import Line, Lines
from feeders.advise.request import AdviseRequest
from feeders.audit.request import AuditRequest
from feeders.errors import FeedersError
from feeders.measure.survey import Survey
from feeders.strategies import FEEDERS
from tests.advise.made import INDEXED, Bench, audit, cell, limit

MODULE, COURSE, AUDITS = (importlib.import_module(f"feeders.advise.{name}") for name in ("advise", "course", "audits"))

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
    SimpleNamespace(reproducible=True, ordered=True),
)


@pytest.fixture
def advised(monkeypatch, tmp_path):
    """Advise on a machine that is made up; `audits` says what is found with so many workers and processes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("")

    def advised(bench, audits=lambda use: audit(), known=None, look=INDEXED, survey=SURVEY, seconds=180.0, **options):
        asked, keys = [], set()

        def audited(request):
            use = "processes" if request.processes else "threads" if (request.workers or 1) > 1 else "one reader"
            bench.pay("audit", request)
            asked.append((use, request.workers))
            keys.add(request.key)
            made = audits(use)
            made.request = request
            return made

        def surveyed(*_):
            bench.pay("survey")
            if isinstance(survey, FeedersError):
                raise survey
            return survey

        monkeypatch.setattr(MODULE, "preload", lambda: bench.pay("import"))
        monkeypatch.setattr(MODULE, "is_untouched", lambda: True)
        monkeypatch.setattr(COURSE, "describe_stack", dict)
        monkeypatch.setattr(MODULE, "look_at", lambda *_: bench.pay("look") or look)
        monkeypatch.setattr(MODULE, "Budget", lambda seconds: Budget(seconds, bench.clock))
        monkeypatch.setattr(AUDITS, "audit", audited)
        monkeypatch.setattr(COURSE, "asked", SimpleNamespace(look=surveyed))
        monkeypatch.setattr(COURSE, "measure_limit", lambda *_: bench.pay("limit") or known)
        monkeypatch.setattr(COURSE, "usable_cores", lambda: 2)
        monkeypatch.setattr(COURSE, "HostBench", lambda *_: contextlib.nullcontext(bench))
        found = MODULE.advise(AdviseRequest("mine.py:Train", seconds=seconds, key="labels", **options))
        assert keys <= {"labels"}
        return found, asked

    return advised


def test_how_it_is_used_is_audited_first_and_processes_only_where_they_may_win(advised):
    found, asked = advised(Bench({SEQUENCE: 1_000, PROCESSES_2: 1_900}))
    assert asked == [("one reader", 1), ("threads", 4), ("processes", 4)]
    assert (found.answer.kind, found.answer.feeder) == ("change", "lookahead-processes")
    _, asked = advised(Bench({SEQUENCE: 1_000, cell("sequence", 4): 3_000, cell("queue-threads", 4): 2_900}))
    assert ("processes", 4) not in asked


def test_processes_that_are_as_fast_as_today_on_a_busy_host_are_audited_and_compared(advised):
    bench = Bench({SEQUENCE: 1_000, PROCESSES_2: 1_005, cell("generator"): 1_004}, other=500, given=1.2)
    found, asked = advised(bench, known=limit(prepare=1e-3, cpu=1e-3, gil=1.0))
    assert ("processes", 4) in asked
    assert (SEQUENCE, PROCESSES_2) in bench.paired
    assert (found.answer.kind, found.evidence.given_cores) == ("leave", 1.2)
    assert "1.2 of its 2 cores" in found.answer.sentence


@pytest.mark.parametrize(
    ("kind", "offers"), [("generator", ("iterator",)), ("iterator", ("iterator",)), ("arrays", ("index", "iterator"))]
)
def test_what_no_workers_share_is_audited_with_one_reader(advised, kind, offers):
    """Keras 2 pulls a generator by four threads where nobody says how many, and any breaks then."""
    look = dataclasses.replace(INDEXED, kind=kind, offers=offers)
    _, asked = advised(Bench({}), look=look, survey=dataclasses.replace(SURVEY, kind=kind))
    assert asked == [("one reader", 1)]


def test_takes_leave_time_for_the_audit_of_the_best_way_and_for_its_pairs(advised):
    bench = Bench({SEQUENCE: 1_000, PROCESSES_2: 1_300}, other=950, take_seconds=6.0, pair_seconds=20.0)
    found, asked = advised(bench, known=limit(prepare=1e-3, cpu=1e-3, gil=0.6))
    assert asked[-1] == ("processes", 4)
    assert len(bench.paired) >= 3
    assert found.answer.ratio_interval


@pytest.mark.parametrize(("kind", "steps"), [("arrays", None), ("sequence", 5)])
def test_of_arrays_all_are_audited_whatever_steps_are_asked_for(advised, kind, steps):
    """An audit refuses --steps with arrays, which Keras cuts by itself."""
    look = dataclasses.replace(INDEXED, kind=kind)
    found, _ = advised(Bench({}), look=look, survey=dataclasses.replace(SURVEY, kind=kind), steps=5)
    assert found.evidence.used.request.steps == steps


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


def test_threads_are_proven_by_threads_where_a_loader_asks_for_processes(advised):
    look = dataclasses.replace(INDEXED, workers=2, processes=True)
    found, _ = advised(Bench({cell("sequence-processes", 2): 1_000, cell("lookahead-threads", 4): 3_000}), look=look)
    read = {use: made.request.processes for use, made in found.evidence.audits.items()}
    assert (read["processes"], read["threads"]) == (True, False)


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


def test_a_device_that_is_fed_unsafely_does_not(advised):
    """One worker may starve it: the ways that feed it safely have to be found."""
    look = dataclasses.replace(INDEXED, workers=4)
    bench = Bench({cell("sequence", 4): 99_000, SEQUENCE: 10_000, PROCESSES_2: 19_000})
    found, _ = advised(bench, lambda use: audit(*["shared-state"] * (use == "threads")), known=limit(), look=look)
    assert (found.answer.kind, found.answer.feeder) == ("unsafe", "lookahead-processes")


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


def test_ctrl_c_before_anything_is_known_gives_no_answer(advised):
    """An answer, with exit status 0, would say that the loader is safe."""

    class Interrupted(Bench):
        def pay(self, part, request=None):
            if part == "survey":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        advised(Interrupted({}))


def test_a_loader_that_breaks_and_whose_audit_says_so_is_unsafe(advised):
    found, _ = advised(Bench({}), lambda use: audit("raises"), survey=FeedersError("it broke"))
    assert found.answer.kind == "unsafe"


def test_one_that_can_not_be_read_is_an_error_where_the_audit_saw_nothing(advised):
    with pytest.raises(FeedersError, match="it broke"):
        advised(Bench({}), survey=FeedersError("it broke"))


@pytest.mark.parametrize(("made", "seconds"), [(0.0, 30.0), (0.0, 60.0), (0.0, 180.0), (10.0, 60.0), (10.0, 180.0)])
def test_the_budget_is_kept_with_a_fifth_on_top(advised, seconds, made):
    """Also of a loader that needs ten seconds to be made, which every take pays for twice."""
    bench = Bench({SEQUENCE: 1_000, PROCESSES_2: 1_900}, take_seconds=2 + 2 * made, pair_seconds=4 + 2 * made)
    advised(bench, look=dataclasses.replace(INDEXED, seconds=made), seconds=seconds)
    assert bench.now <= max(1.2 * seconds, seconds + bench.pair_seconds)


class SlowBench(Bench):
    """A machine on which each part takes what a slow loader and a slow model make of it.

    Args:
        made, batch, step: seconds to make the loader, of a batch and of a step.
        batches: of an epoch, as it is measured.
        length: of the loader's own epoch.
        imported: seconds until an interpreter has imported Keras.
    """

    def __init__(self, made, batch, step, batches, length, imported):
        super().__init__({SEQUENCE: 1_000, PROCESSES_2: 1_900})
        self.made, self.batch, self.step, self.batches = made, batch, step, batches
        self.length, self.imported, self.alive = length, imported, False

    def pay(self, part, request=None):
        parts = {
            "import": self.imported,
            "look": self.made + 4 * self.batch,
            "survey": 2 * (self.made + min(self.length * self.batch, max(8 * self.batch, 5))) + 2 * self.step,
            "limit": 2 * self.made + 15 * self.batch + 180 * self.step,
        }
        self.now += self._audited(request) if request else parts[part]

    def _audited(self, request):
        """Two who read, two of ``fit()`` of two epochs, one that grows and one that pulls."""
        whole = 3 * request.steps if request.steps else self.length
        batches = whole if self.length > 1_000 else min(whole, max(24, 0.12 * request.seconds / self.batch))
        return max(request.seconds, 9 * batches * self.batch) + 6 * self.made

    def _started(self, of):
        """Of each fit: the workers share two cores."""
        own = FEEDERS.named(of.feeder).shared_by == "processes" and FEEDERS.named(of.feeder).own_workers
        return self.imported * max(1, of.workers / 2) + self.made if own else 0.0

    def take(self, of, steady_seconds, deadline_seconds):
        trained = (4 * self.batches + 25) * max(self.batch / of.workers, self.step)
        verified = self.batches * self.batch / of.workers
        fits = (verified, trained + self._started(of))
        self.now += sum(min(fit + self.made + self._started(of) + 1, 4 * deadline_seconds) for fit in fits)
        return super().take(of, steady_seconds, deadline_seconds)

    def pair(self, a, b):
        self.now += 2 * (self.batches * max(self.batch, self.step) + 1)
        self.now += 0 if self.alive else 2 * (self.imported + self.made) + self._started(b)
        self.alive = True
        return super().pair(a, b)


@pytest.mark.parametrize("seconds", [60.0, 180.0, 600.0])
@pytest.mark.parametrize("made", [0.0, 10.0, 60.0])
@pytest.mark.parametrize("batch", [0.002, 0.3, 3.0])
@pytest.mark.parametrize("step", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("kind", ["sequence", "dataset"])
def test_what_is_slow_keeps_to_the_budget_or_is_told_that_it_is_too_short(advised, seconds, made, batch, step, kind):
    """A budget and a fifth, by a clock of our own."""
    length = 200 if kind == "sequence" else 10_000
    batches = int(min(length, max(8, 5 / batch), max(8, 5 / step) if step else length))
    bench = SlowBench(made, batch, step, batches, length, imported=5.0)
    offers = ("index", "iterator") if kind == "sequence" else ("iterator", "ops")
    lines = dataclasses.replace(INDEXED.lines, seconds=batch, batches=1)
    look = dataclasses.replace(INDEXED, kind=kind, offers=offers, steps=length, seconds=made, lines=lines)
    survey = dataclasses.replace(SURVEY, kind=kind, length=length, steps=batches, seconds=batch, step=step)
    try:
        advised(bench, known=limit(cpu=1e-6), look=look, survey=survey, seconds=seconds)
    except FeedersError as error:
        assert f"{seconds:g} s are too few for it; it takes " in str(error)
    assert bench.now <= 1.2 * seconds + made + 4 * batch, "no part is foreseen better than by the first look"


@pytest.mark.parametrize(("imported", "reason"), [(30.0, "took 30 s. Try: --seconds 100"), (19.5, "took 19.5 s. Try:")])
def test_an_import_that_takes_the_budget_is_told(advised, imported, reason):
    """On a busy host; nothing is said of a loader that nobody has looked at."""
    bench = SlowBench(0.0, 0.005, 0.0, 60, 60, imported=imported)
    with pytest.raises(FeedersError) as error:
        advised(bench, seconds=20.0)
    assert f"20 s are too few for it; the import of Keras {reason}" in str(error.value)
    assert bench.now == imported


def test_steps_that_are_asked_for_are_the_epoch(advised):
    """Also of a loader that has more: they stand for steps_per_epoch."""
    found, _ = advised(Bench({SEQUENCE: 1_000}), survey=dataclasses.replace(SURVEY, steps=7), steps=7)
    assert (found.evidence.look.steps, found.evidence.tried[0].epoch) == (7, None)
    found, _ = advised(Bench({SEQUENCE: 1_000}), survey=dataclasses.replace(SURVEY, steps=7))
    assert (found.evidence.look.steps, found.evidence.tried[0].epoch) == (60, 60)


def test_an_epoch_without_an_end_is_known_as_that(advised):
    found, _ = advised(Bench({}), survey=dataclasses.replace(SURVEY, length=None))
    assert found.evidence.look.open_end
    found, _ = advised(Bench({}), survey=dataclasses.replace(SURVEY, length=None), steps=60)
    assert not found.evidence.look.open_end


@pytest.mark.parametrize(("ordered", "steps"), [(True, 8), (False, None)])
def test_a_long_generator_is_audited_in_part_where_its_order_stays(ordered, steps):
    """The first part of a pass that is shuffled anew holds other samples each time."""
    costs = Costs(made=0.0, batch=0.3, step=0.0, steps=16, length=10_000, indexed=False, ordered=ordered)
    assert costs.shortened(AuditRequest("mine.py:generator", seconds=18.0)).steps == steps
    short = dataclasses.replace(costs, batch=0.001, length=60)
    assert short.shortened(AuditRequest("mine.py:generator", seconds=18.0)).steps is None


@pytest.mark.parametrize(("cpu_share", "first"), [(0.0, ("lookahead-threads", 4)), (1.0, ("sequence-processes", 2))])
def test_where_making_the_loader_takes_the_time_what_promises_most_is_taken_all_the_same(advised, cpu_share, first):
    """Neither the limit nor another audit fits; a take says whether more time is worth it."""
    waits = (Line("mine.py", 12, "prepare", "wait()", 1.0, cpu_share),)
    look = dataclasses.replace(INDEXED, seconds=10.0, lines=Lines(waits, 0.6, 60))
    bench = SlowBench(10.0, 0.01, 0.0, 60, 60, imported=5.0)
    bench.speeds[cell(*first)] = 3_900
    found, asked = advised(bench, look=look, survey=dataclasses.replace(SURVEY, seconds=0.01))
    assert asked == [("one reader", 1)]
    assert bench.taken[:2] == [SEQUENCE, cell(*first)]
    assert f"`{first[0]}` with {first[1]} workers gave 3.90 x today's samples/s" in found.answer.sentence
    assert bench.now <= 180


def test_another_way_is_taken_also_where_there_was_no_time_for_any_audit(advised):
    waits = (Line("mine.py", 12, "prepare", "wait()", 1.0, 0.0),)
    look = dataclasses.replace(INDEXED, seconds=15.0, lines=Lines(waits, 0.6, 60))
    bench = SlowBench(15.0, 0.001, 0.0, 20, 20, imported=5.0)
    bench.speeds[cell("lookahead-threads", 4)] = 3_900
    found, asked = advised(bench, known=limit(cpu=1e-6), look=look, survey=dataclasses.replace(SURVEY, steps=20))
    assert asked == []
    assert bench.taken[:2] == [SEQUENCE, cell("lookahead-threads", 4)]
    assert "gave 3.90 x today's samples/s, and could not be audited in the time" in found.answer.sentence
    assert bench.now <= 180


def test_a_loader_of_5_ms_batches_is_never_told_so(advised):
    bench = SlowBench(0.0, 0.005, 0.0, 60, 60, imported=5.0)
    lines = dataclasses.replace(INDEXED.lines, seconds=0.5, batches=100)
    look, survey = dataclasses.replace(INDEXED, lines=lines), dataclasses.replace(SURVEY, seconds=0.005)
    found, _ = advised(bench, known=limit(gil=1.0), look=look, survey=survey)
    assert found.answer.kind == "change"
    assert bench.now <= 180


def test_one_reader_is_audited_with_one_reader_also_late(advised):
    """Four threads may break what one reads well."""
    look = dataclasses.replace(INDEXED, workers=2, processes=True)
    bench = Bench({cell("sequence-processes", 2): 1_000, cell("prefetch-thread"): 3_000}, other=500)
    found, asked = advised(bench, lambda use: audit(*["shared-state"] * (use == "threads")), look=look)
    assert asked == [("processes", 2), ("threads", 4), ("one reader", 1)]
    assert (found.answer.kind, found.answer.feeder) == ("change", "prefetch-thread")
    assert [reason.what for reason in found.answer.unsafe] == ["any feeder with several threads"]


def test_how_it_is_used_may_be_audited_after_its_takes(monkeypatch):
    """They were shorter than was foreseen; what the audit finds then is of today's way all the same."""
    found = audit("last-batch-lost")
    monkeypatch.setattr(AUDITS, "audit", lambda request: found)
    costs = Costs(made=0.0, batch=0.001, step=0.0, steps=60, length=60)
    budget = Budget(180.0, lambda: 0.0)
    audits = AUDITS.Audits(AdviseRequest("mine.py:Train"), INDEXED, budget, costs, lambda text, share: None)
    audits.of_today(SEQUENCE, 0.01, 0.01)
    assert audits.used is None
    assert audits.of_ways([SEQUENCE], 1.0)
    assert audits.used is found


def test_a_way_whose_audit_takes_too_long_keeps_no_other_from_being_audited(monkeypatch):
    monkeypatch.setattr(AUDITS, "audit", lambda request: audit())
    now = [0.0]
    budget = Budget(180.0, lambda: now[0])
    costs = SimpleNamespace(audit=lambda request: request.seconds, shortened=lambda request: request)
    audits = AUDITS.Audits(AdviseRequest("mine.py:Train"), INDEXED, budget, costs, lambda text, share: None)
    now[0] = 165.0
    assert audits.of_ways([PROCESSES_2, SEQUENCE], 1.0)
    assert list(audits.by_use) == ["one reader"]
    assert audits.lacking == 18
