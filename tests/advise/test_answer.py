"""The answer: what kind it is, what its sentence says, and that what is unsafe is never advised."""

from __future__ import annotations

import dataclasses

import pytest

from feeders.advise.advice import Advice
from feeders.advise.answer import answer
from feeders.advise.candidates import NO_TIME, ONE, PROCESSES, THREADS, Dropped
from feeders.advise.evidence import gist
from feeders.advise.lines import Lines
from tests.advise.made import INDEXED, SAFE, Bench, audit, cell, evidence, limit, record, search

SEQUENCE, THREADS_4, PROCESSES_2 = cell("sequence"), cell("lookahead-threads", 4), cell("lookahead-processes", 2)


def seen(speeds, *, compare=True, known=None, audits=None, records=None, today=None, **others):
    """What is known once these ways were tried."""
    audits = SAFE if audits is None else audits
    found = search(Bench(speeds, records=records or {}), today=today, audits=audits, known=known)
    found.begin()
    found.screen(list(speeds), 0.65)
    if compare:
        found.compare(0.97)
    return evidence(found, audits, **others)


def test_a_change_is_said_in_one_sentence_with_its_interval_and_its_share():
    given = answer(seen({SEQUENCE: 10_000, PROCESSES_2: 18_000}, known=limit(gil=1.0)))
    assert given.kind == "change"
    assert (given.feeder, given.workers) == ("lookahead-processes", 2)
    assert given.ratio == pytest.approx(1.8, rel=0.02)
    assert given.ratio_interval[0] < 1.8 < given.ratio_interval[1]
    assert given.share_of_limit == pytest.approx(100 * 18_000 * (1e-4 + 1e-6) / 2)
    assert given.sentence.startswith("Carry it by `lookahead-processes` with 2 workers: 1.8")
    assert "today's samples/s, 91 % of what this host can do, exactly once" in given.sentence
    assert "LookaheadProcesses(Train(), workers=2)" in given.code.replace(INDEXED.expression, "Train()")
    assert given.file.endswith("strategies/lookahead_processes.py")
    assert given.costs == {"CPU": "500 ms per 1,000 samples", "memory": "1 GB", "first batch": "100 ms"}


def test_an_order_that_keras_drew_is_not_lost_without_a_word():
    """By default ``fit()`` shuffles the batches of a sequence; of a generator it can't."""
    moved = answer(seen({SEQUENCE: 10_000, PROCESSES_2: 18_000}))
    assert any("`shuffle=False`" in note and "keep the order of the index" in note for note in moved.notes)
    unordered = answer(seen({SEQUENCE: 10_000, cell("queue-threads", 4): 18_000}))
    assert any("give the batch that is ready first" in note for note in unordered.notes)
    same = answer(seen({SEQUENCE: 10_000, cell("sequence", 4): 18_000}))
    assert same.kind == "change"
    assert not any("shuffle" in note for note in same.notes)


def test_an_epoch_that_nobody_tells_is_asked_for():
    """The lines hold a number that is none of the person's."""
    look = dataclasses.replace(INDEXED, kind="generator", offers=("iterator",), sized=False, open_end=True, steps=1234)
    speeds = {cell("generator"): 10_000, cell("prefetch-thread"): 18_000}
    given = answer(seen(speeds, look=look, today=cell("generator")))
    assert "steps_per_epoch=1234" in given.code
    assert any("1,234 stand for them in the lines" in note and "--steps N" in note for note in given.notes)


def test_without_pairs_the_ratio_has_no_interval_and_says_so():
    given = answer(seen({SEQUENCE: 10_000, PROCESSES_2: 18_000}, compare=False))
    assert given.ratio == pytest.approx(1.8)
    assert given.ratio_interval is None
    assert any("single takes" in note for note in given.notes)
    found = seen({SEQUENCE: 10_000, PROCESSES_2: 18_000})
    given = answer(dataclasses.replace(found, duels=(dataclasses.replace(found.duels[0], log_ratios=(-0.5,)),)))
    assert given.ratio_interval is None
    assert any("a single pair in lockstep" in note for note in given.notes)


@pytest.mark.parametrize(
    ("speed", "log_ratios", "kind"),
    [
        (11_500, (), "leave"),
        (13_000, (), "change"),
        (18_000, (-0.08,), "leave"),
        (18_000, (-0.15,), "change"),
        (18_000, (-0.15, 0.02), "leave"),
        (18_000, (-0.70, -0.83), "change"),
    ],
)
def test_a_change_needs_more_than_chance_where_it_has_no_interval(speed, log_ratios, kind):
    """Takes of one way differ by some per cent, on a busy host by more; a pair by less."""
    found = seen({SEQUENCE: 10_000, PROCESSES_2: speed}, known=limit(cpu=1e-6))
    given = answer(dataclasses.replace(found, duels=(dataclasses.replace(found.duels[0], log_ratios=log_ratios),)))
    assert given.kind == kind
    if kind == "leave":
        assert given.sentence.endswith(
            ("in single takes", "in a single pair", "in 2 pairs")[len(log_ratios)] + ", which may be chance."
        )
        assert any("--seconds" in note for note in given.notes)


def test_pairs_that_decide_nothing_are_no_proof_that_nothing_helps():
    found = seen({SEQUENCE: 10_000, PROCESSES_2: 18_000}, known=limit(gil=1.0))
    wide = dataclasses.replace(found.duels[0], log_ratios=(-1.5, 0.2, 0.9))
    given = answer(dataclasses.replace(found, duels=(wide,)))
    assert (given.kind, given.feeder, given.code) == ("leave", "sequence", "")
    assert given.sentence.startswith("Leave it for now: `lookahead-processes` with 2 workers gives 0.")
    assert given.sentence.endswith("x today's samples/s. This host was too busy to tell.")
    assert any("again when this host is idle" in note for note in given.notes)


@pytest.mark.parametrize("log_ratios", [(-0.6, 0.1, -0.1), (-0.4,)])
def test_pairs_that_decide_nothing_do_so_too_where_takes_call_today_as_fast(log_ratios):
    """Neither that nothing helps nor that nothing is better follows from pairs that allow for much more."""
    found = seen({SEQUENCE: 10_000, PROCESSES_2: 10_100}, known=limit(gil=1.0))
    assert answer(found).kind == "preparation"
    given = answer(dataclasses.replace(found, duels=(dataclasses.replace(found.duels[0], log_ratios=log_ratios),)))
    assert (given.kind, given.feeder, given.code) == ("leave", "sequence", "")
    assert given.sentence.startswith("Leave it for now: `lookahead-processes` with 2 workers g")
    assert "x today's samples/s" in given.sentence
    assert any("again when this host is idle" in note for note in given.notes)


def test_on_a_busy_host_nothing_is_said_to_help_no_more():
    """Two processes on a host that gives one core are as fast as one thread."""
    idle = seen({SEQUENCE: 10_000, PROCESSES_2: 10_100}, known=limit(gil=1.0), cores=2, given_cores=1.98)
    assert answer(idle).kind == "preparation"
    given = answer(dataclasses.replace(idle, given_cores=1.3))
    assert given.kind == "leave"
    assert given.sentence == (
        "Leave it for now: nothing that was tried in the time is better by more than 3 %, and this host gave 1.3 of "
        "its 2 cores."
    )
    assert [note for note in given.notes if "idle" in note] == [
        "Meanwhile this host gave 1.3 of its 2 cores: other programs took the rest. Ways with several "
        "workers look slower than they are. Try: again when this host is idle."
    ]


def test_ways_that_were_found_unsafe_on_a_busy_host_are_not_said_to_be_untried():
    wrong = {THREADS_4: record(THREADS_4, 9_000, corrupt=2.0)}
    found = seen({SEQUENCE: 10_000, THREADS_4: 9_000}, records=wrong, known=limit(), cores=2, given_cores=1.3)
    assert answer(found).sentence == (
        "Leave it for now: nothing that was tried in the time is better by more than 3 %, and this host gave 1.3 of "
        "its 2 cores."
    )


def test_a_change_is_advised_on_a_busy_host_too_which_is_told():
    found = seen({SEQUENCE: 10_000, PROCESSES_2: 18_000}, known=limit(gil=1.0), cores=2, given_cores=1.3)
    given = answer(found)
    assert given.kind == "change"
    assert any("gave 1.3 of its 2 cores" in note for note in given.notes)
    without = dataclasses.replace(found, audits={}, used=None)
    assert Advice(without, given).to_json()["host"]["given_cores"] == 1.3


def test_pairs_with_todays_way_count_where_a_simpler_one_is_as_fast():
    """Four workers of today are as fast as one; pairs say that processes are faster than both."""
    four = cell("sequence", 4)
    found = seen({four: 10_000, SEQUENCE: 10_000, PROCESSES_2: 10_100}, today=four)
    assert [(duel.a, duel.b) for duel in found.duels] == [(four, PROCESSES_2)]
    faster = dataclasses.replace(found.duels[0], log_ratios=(-0.50, -0.51, -0.52))
    given = answer(dataclasses.replace(found, duels=(faster,)))
    assert (given.kind, given.feeder) == ("change", "lookahead-processes")


def test_a_pair_that_broke_is_no_want_of_time():
    found = seen({SEQUENCE: 10_000, PROCESSES_2: 18_000})
    broken = dataclasses.replace(found.duels[0], log_ratios=(), broken="crashed: ended by SIGKILL")
    given = answer(dataclasses.replace(found, duels=(broken,)))
    assert any(
        "single takes" in note and note.endswith("a pair broke: crashed: ended by SIGKILL") for note in given.notes
    )


def test_what_feeds_the_device_is_left():
    given = answer(seen({SEQUENCE: 97_000, THREADS_4: 98_000}, known=limit(prepare=1e-5, cpu=1e-6)))
    assert (given.kind, given.sentence) == ("leave", "Leave it: the device is fed.")
    assert given.code == ""


def test_the_lines_of_the_preparation_are_named_where_nothing_helps():
    given = answer(seen({SEQUENCE: 19_000, PROCESSES_2: 19_100}, known=limit(gil=1.0, cpu=1e-4)))
    assert given.kind == "preparation"
    assert given.sentence == (
        "No way of feeding helps, the preparation is the limit: these 2 lines are 90 % of it "
        "(mine.py:10 in __getitem__, mine.py:11 in f)."
    )
    assert given.ratio == 1.0


def test_without_lines_the_sentence_names_none():
    look = dataclasses.replace(INDEXED, lines=Lines())
    given = answer(seen({SEQUENCE: 19_000, PROCESSES_2: 19_000}, known=limit(gil=1.0), look=look))
    assert given.sentence == "No way of feeding helps, the preparation is the limit."


def test_what_could_not_be_tried_is_not_called_no_better():
    found = seen({SEQUENCE: 10_000}, known=limit(gil=1.0))
    given = answer(dataclasses.replace(found, dropped=(Dropped("lookahead-processes", NO_TIME, 2),)))
    assert given.kind == "leave"
    assert "no other way of feeding could be tried" in given.sentence
    assert any("--seconds 360" in note for note in given.notes)


def test_the_preparation_is_no_limit_while_ways_that_may_be_faster_were_not_tried():
    found = seen({SEQUENCE: 19_000, THREADS_4: 19_100}, known=limit(gil=0.2, cpu=1e-6))
    assert answer(found).kind == "preparation"
    untried = (*found.dropped, *(Dropped("lookahead-processes", NO_TIME, count) for count in (2, 4)))
    given = answer(dataclasses.replace(found, dropped=untried))
    assert given.kind == "leave"
    assert (
        given.sentence == "Leave it for now: `lookahead-processes` may be faster, and could not be tried in the time."
    )
    assert any("--seconds 360" in note for note in given.notes)


def test_a_faster_way_that_could_not_be_audited_is_not_passed_over():
    speeds, audits = {SEQUENCE: 10_000, THREADS_4: 10_100, PROCESSES_2: 18_000}, {ONE: audit(), THREADS: audit()}
    given = answer(seen(speeds, audits=audits, known=limit(cpu=1e-6)))
    assert given.kind == "leave"
    assert given.sentence == (
        "Leave it for now: `lookahead-processes` with 2 workers gave 1.80 x today's samples/s, and could not be "
        "audited in the time."
    )
    changed = answer(seen({**speeds, THREADS_4: 15_000}, audits=audits))
    assert (changed.kind, changed.feeder) == ("change", "lookahead-threads")
    assert changed.ratio_interval, "pairs are for what is advised"
    assert any("could not be audited in the time. Try: --seconds" in note for note in changed.notes)


def test_a_loader_that_is_slowly_made_is_said_to_need_the_time_whatever_the_host_does():
    found = seen({SEQUENCE: 10_000}, look=dataclasses.replace(INDEXED, seconds=10.0))
    given = answer(dataclasses.replace(found, dropped=(Dropped("lookahead-processes", NO_TIME, 2),)))
    assert given.notes[-1] == "It takes 10 s to make the loader, in each process that reads it. Try: --seconds 360"


def test_todays_way_that_could_not_be_audited_is_not_said_to_be_faster_than_itself():
    found = dataclasses.replace(seen({SEQUENCE: 10_000}, known=limit(cpu=1e-6)), used=None, audits={})
    assert "no other way of feeding could be tried and proven in the time" in answer(found).sentence
    assert any(note.startswith("It was not audited") for note in answer(found).notes)


def test_pairs_correct_what_takes_called_the_best():
    """By takes threads are faster, by pairs processes: those are advised, by pairs with today's way."""
    records = {PROCESSES_2: record(PROCESSES_2, 15_000)}
    given = answer(seen({SEQUENCE: 10_000, THREADS_4: 20_000, PROCESSES_2: 25_000}, records=records))
    assert given.feeder == "lookahead-processes"
    assert given.ratio == pytest.approx(2.5, rel=0.02)
    assert given.ratio_interval[0] < 2.5 < given.ratio_interval[1]
    todays = {PROCESSES_2: record(PROCESSES_2, 10_100)}
    given = answer(seen({SEQUENCE: 10_000, PROCESSES_2: 15_000}, records=todays))
    assert (given.kind, given.feeder) == ("change", "lookahead-processes")


def test_no_way_gives_more_than_all_that_the_host_can_do():
    """The parts of the limit are measured alone, and roughly."""
    found = seen({SEQUENCE: 25_000}, known=limit())
    assert answer(found).share_of_limit == 100
    assert "today is 100 % of it" in Advice(found, answer(found)).to_text()


def notes_on_a_pipeline(gil, **told):
    """TensorFlow reads it itself: there is no other way of feeding to try."""
    look = dataclasses.replace(INDEXED, kind="dataset", offers=("iterator", "ops"), **told)
    native = cell("tfdata-native")
    take = record(native, 19_000, gap=0.3, epoch=1.0)
    given = answer(seen({native: 19_000}, known=limit(gil=gil), look=look, today=native, records={native: take}))
    assert given.kind == "preparation"
    assert given.sentence.startswith("TensorFlow feeds a tf.data pipeline itself, and its preparation is the limit")
    assert "Between two epochs 300 ms of 1 s pass" in given.repair[0]
    assert "Train().repeat().prefetch(tf.data.AUTOTUNE), steps_per_epoch=60)`" in given.repair[0]
    return " ".join(given.repair)


def test_a_pipeline_is_told_what_holds_this_one_back():
    notes = notes_on_a_pipeline(gil=1.0, serial_map=True)
    assert "num_parallel_calls=tf.data.AUTOTUNE" in notes
    assert "write it in TensorFlow ops" in notes
    assert "cache" not in notes, "it may be random, or grow from epoch to epoch"


def test_a_pipeline_that_has_all_that_already_is_not_told_so():
    """As Keras' own from folders of images."""
    notes = notes_on_a_pipeline(gil=0.0, repeats=True)
    assert "num_parallel_calls" not in notes
    assert "TensorFlow ops" not in notes
    assert "If one fits into memory, `.cache()` keeps it" in notes


def test_an_endless_pipeline_is_to_be_cached_before_it_repeats():
    """Behind that a cache would grow from epoch to epoch."""
    told = {"kind": "dataset", "offers": ("iterator", "ops"), "sized": False, "endless": True, "repeats": True}
    native, look = cell("tfdata-native"), dataclasses.replace(INDEXED, **told)
    given = answer(seen({native: 19_000}, known=limit(), look=look, today=native))
    assert given.kind == "preparation"
    assert any("`.cache()` before its `repeat()` keeps it" in text for text in given.repair)


def test_what_keeps_a_loader_from_processes_is_said_where_they_would_help():
    look = dataclasses.replace(INDEXED, unpicklable="lock is a lock")
    slow, fast = {SEQUENCE: 10_000}, {SEQUENCE: 19_000}
    notes = " ".join(answer(seen(slow, known=limit(gil=1.0), look=look)).repair)
    assert "`lookahead-processes` could not be tried, and may give up to 19,8" in notes
    assert answer(seen(slow, known=limit(gil=1.0), look=look)).sentence.startswith(
        "No way of feeding that can carry it"
    )
    assert "lock is a lock, which can't be sent to a process that starts anew. Try: leave that out in" in notes
    assert "__getstate__" not in " ".join(answer(seen(fast, known=limit(gil=1.0), look=look)).notes)


def test_unsafe_as_used_comes_first_with_the_repair_and_what_is_safe_all_the_same():
    today = cell("sequence", 4)
    audits = {THREADS: audit("shared-state"), ONE: audit(), PROCESSES: audit()}
    given = answer(
        seen({today: 30_000, SEQUENCE: 10_000, PROCESSES_2: 18_000}, audits=audits, today=today, used=audits[THREADS])
    )
    assert given.kind == "unsafe"
    assert (given.feeder, given.workers) == ("lookahead-processes", 2)
    assert given.sentence.startswith("It is unsafe as it is used, by sequence with 4 workers: shared-state.")
    assert "exactly once all the same" in given.sentence
    assert "Repair shared-state." in given.repair
    assert any("mine.py:12" in text for text in given.repair)
    assert "LookaheadProcesses" in given.code


def test_unsafe_with_one_reader_has_no_way_out():
    given = answer(seen({SEQUENCE: 10_000, PROCESSES_2: 18_000}, audits={ONE: audit("last-batch-lost")}))
    assert (given.kind, given.feeder, given.code) == ("unsafe", None, "")
    assert "repair it first" in given.sentence


def test_what_breaks_is_said_to_break_with_what_was_raised():
    broken = audit("raises", word="failed", message="ValueError: row 3 is broken <- Graph execution error")
    found = evidence(search(Bench({})), {ONE: broken})
    given = answer(found)
    assert (given.kind, Advice(found, given).safe) == ("unsafe", False)
    assert given.sentence.startswith("It breaks as it is used, by sequence with 1 worker: raises. Repair it first")
    assert given.repair[0].startswith("ValueError: row 3 is broken")
    assert [reason.what for reason in given.unsafe] == ["any feeder"]


def test_what_keras_does_not_take_is_not_said_to_be_wrong_for_every_feeder():
    """Such as a class with a length and an index that is no PyDataset."""
    found = evidence(search(Bench({})), {ONE: audit("refused-by-keras", word="refused", message="ValueError: x=...")})
    sentence = answer(found).sentence
    assert sentence.endswith("refused-by-keras. Repair it first.")


def test_a_take_that_broke_is_said_to_break():
    """The audit trains a model of its own; the person's may fail on the last batch."""
    failed = {SEQUENCE: record(SEQUENCE, 0, outcome="failed")}
    given = answer(seen({SEQUENCE: 10_000}, records=failed))
    assert given.sentence.startswith("It breaks as it is used, by sequence with 1 worker: failed: failed, as planted.")


def test_what_was_not_audited_is_told():
    found = dataclasses.replace(seen({SEQUENCE: 99_000}, known=limit()), used=None, audits={})
    assert any(note.startswith("It was not audited") for note in answer(found).notes)
    assert not any("not audited" in note for note in answer(seen({SEQUENCE: 99_000}, known=limit())).notes)


def test_a_loader_without_workers_is_no_false_alarm_where_one_reader_is_used():
    audits = {ONE: audit("super-not-called"), THREADS: audit("super-not-called"), PROCESSES: audit()}
    given = answer(seen({SEQUENCE: 10_000, THREADS_4: 30_000, cell("sequence", 4): 31_000}, audits=audits))
    assert (given.kind, given.feeder) == ("change", "lookahead-threads")


def test_a_wrong_delivery_of_today_is_unsafe_also_where_the_audit_saw_nothing():
    given = answer(seen({SEQUENCE: 10_000}, records={SEQUENCE: record(SEQUENCE, 9_000, corrupt=2.0)}))
    assert given.kind == "unsafe"
    assert "2 samples corrupt" in given.sentence


def test_what_hung_is_told_without_the_stacks_of_its_threads():
    assert gist("no end after 60 s. Thread 0x7f40 (most recent call first):\n  File ...") == "no end after 60 s"
    assert gist("ended by SIGKILL. Current thread 0x7f40 (most ...") == "ended by SIGKILL"


def test_a_busy_host_on_which_todays_fit_had_no_end_in_time_is_no_false_alarm():
    """The audit has seen it end."""
    late = {SEQUENCE: record(SEQUENCE, 0, outcome="hung")}
    found = seen({SEQUENCE: 10_000}, records=late)
    assert answer(found).kind == "leave"
    assert answer(found).sentence.startswith("Leave it for now: a fit() as it is used had no end in its time.")
    assert answer(found).unsafe == (), "what is left is not forbidden below"
    assert Advice(found, answer(found)).safe
    assert answer(seen({SEQUENCE: 10_000}, records=late, audits={ONE: audit("raises", word="hung")})).kind == "unsafe"


def test_fast_only_because_it_is_wrong_is_not_advised():
    wrong = record(THREADS_4, 40_000, duplicated=5.0, guarantee="at-least-once")
    given = answer(seen({SEQUENCE: 10_000, THREADS_4: 40_000, PROCESSES_2: 15_000}, records={THREADS_4: wrong}))
    assert given.feeder == "lookahead-processes"
    assert any(reason.what == "lookahead-threads ×4" for reason in given.unsafe)


def test_what_was_not_audited_is_not_advised():
    given = answer(seen({SEQUENCE: 10_000, PROCESSES_2: 18_000}, audits={ONE: audit(), THREADS: audit()}))
    assert given.feeder != "lookahead-processes"


def test_a_fault_of_keras_own_workers_does_not_touch_those_that_bring_their_own():
    audits = {**SAFE, THREADS: audit("hook-reorders")}
    given = answer(seen({SEQUENCE: 10_000, THREADS_4: 30_000, cell("sequence", 4): 31_000}, audits=audits))
    assert given.feeder == "lookahead-threads"


def test_a_fault_of_keras_own_workers_is_not_said_of_every_feeder():
    """Its feeders were not even tried: what stands below must not forbid what is advised."""
    given = answer(seen({SEQUENCE: 10_000, THREADS_4: 30_000}, audits={**SAFE, THREADS: audit("keras-misdelivers")}))
    assert given.feeder == "lookahead-threads"
    assert [(each.what, each.why) for each in given.unsafe] == [
        ("what Keras reads itself with several threads", "keras-misdelivers")
    ]


def test_nor_does_it_say_anything_where_the_loader_itself_was_never_pulled():
    """Keras hung before the audit came to pull it from several threads: its own safety is not known."""
    audits = {**SAFE, THREADS: audit("keras-hangs", calls=0)}
    given = answer(seen({SEQUENCE: 10_000, THREADS_4: 30_000}, audits=audits))
    assert given.feeder != "lookahead-threads"


def test_what_nothing_tells_apart_is_left_and_no_false_alarm():
    uncounted = audit(word="not-counted")
    found = seen({SEQUENCE: 10_000, THREADS_4: 30_000}, audits={ONE: uncounted, THREADS: uncounted})
    given = answer(found)
    assert given.kind == "leave"
    assert "nothing tells its samples apart" in given.sentence
    assert any("--key" in note for note in given.notes)
    assert given.unsafe == (), "it is not proven, and nothing is known against it"
    assert "not counted: nothing tells its samples apart" in Advice(found, given).to_text()
    assert Advice(found, given).safe


def test_a_change_that_pairs_do_not_confirm_is_none():
    found = seen({SEQUENCE: 10_000, PROCESSES_2: 18_000}, compare=False)
    duel = dataclasses.replace(seen({SEQUENCE: 10_000, PROCESSES_2: 18_000}).duels[0], log_ratios=(0.3, -0.3, 0.1))
    assert answer(dataclasses.replace(found, duels=(duel,))).kind == "leave"


def test_a_runner_up_says_when_it_is_better():
    lean = record(THREADS_4, 17_000, memory=1e8)
    given = answer(seen({SEQUENCE: 10_000, PROCESSES_2: 19_000, THREADS_4: 17_000}, records={THREADS_4: lean}))
    assert "`lookahead-threads` with 4 workers" in given.runner_up
    assert "memory (100 MB against 1 GB)" in given.runner_up


def test_a_runner_up_that_only_takes_call_faster_is_said_to_be_so():
    found = seen({SEQUENCE: 10_000, PROCESSES_2: 18_000})
    wide = dataclasses.replace(found.duels[0], log_ratios=(-1.5, 0.2, 0.9))
    given = answer(dataclasses.replace(found, duels=(wide,)))
    assert (given.kind, given.feeder) == ("leave", "sequence")
    assert "better at samples/s in single takes" in given.runner_up


def test_a_runner_up_is_simpler_where_plain_keras_does_it_and_a_pool_is_best():
    speeds = {SEQUENCE: 10_000, THREADS_4: 20_000, cell("tfdata-map", 4): 18_000}
    assert answer(seen(speeds)).runner_up.endswith("simplicity, as plain Keras does it")
    assert "simplicity" not in answer(seen({SEQUENCE: 10_000, cell("generator"): 9_900})).runner_up


def test_a_runner_up_that_keeps_the_order_says_so():
    queue = cell("queue-threads", 4)
    speeds = {SEQUENCE: 10_000, queue: 19_000, THREADS_4: 17_000}
    records = {queue: record(queue, 19_000, disordered=64.0), THREADS_4: record(THREADS_4, 17_000, disordered=0.0)}
    for counted in (records, None):  # where content is random, nobody counts what is out of order
        given = answer(seen(speeds, records=counted))
        assert given.feeder == "queue-threads"
        assert given.runner_up.endswith("better at order, which it keeps")


def test_what_takes_could_not_count_is_said_to_be_proven_by_the_audit():
    found = seen({SEQUENCE: 10_000, THREADS_4: 30_000}, records={THREADS_4: record(THREADS_4, 30_000, guarantee="")})
    assert "30,000     exactly once, by the audit" in Advice(found, answer(found)).to_text()


def test_an_interrupted_search_says_what_is_known_so_far():
    given = answer(seen({SEQUENCE: 10_000, PROCESSES_2: 18_000}, compare=False, interrupted=True))
    assert given.kind == "change"
    assert given.notes[-1] == "Interrupted: this is what is known so far."
    assert not any("no time" in note for note in given.notes), "an interruption is no want of it"


def test_an_interruption_is_no_want_of_time():
    given = answer(seen({SEQUENCE: 10_000}, known=limit(gil=1.0), interrupted=True))
    assert given.sentence.endswith("could be tried and proven before the interruption.")
    assert not any("--seconds" in note for note in given.notes)


def test_nothing_is_known_yet():
    given = answer(evidence(search(Bench({})), {}, interrupted=True))
    assert (given.kind, given.feeder, given.ratio) == ("leave", None, None)


def test_the_text_begins_with_what_trains_and_the_sentence():
    found = seen({SEQUENCE: 10_000, PROCESSES_2: 18_000}, known=limit(gil=1.0))
    text = Advice(found, answer(found)).to_text()
    assert text.startswith("mine.py:Train, where the model takes any batch and does next to nothing: Carry it by")
    for part in ("the code", "it costs", "where the time goes", "tried", "in lockstep", "exactly once"):
        assert part in text


def test_the_json_has_the_keys_of_the_answer():
    found = seen({SEQUENCE: 10_000, PROCESSES_2: 18_000}, audits={})
    found = dataclasses.replace(found, audits={}, used=None)
    given = Advice(found, answer(found)).to_json()
    assert given["schema"] == 1
    keys = {"kind", "feeder", "workers", "ratio", "ratio_interval", "share_of_limit", "code"}
    assert keys <= set(given["answer"])


def test_the_preparation_is_no_limit_where_it_takes_next_to_no_time():
    """Batches that are ready in memory: what is slow is to carry them, and no line of the loader is to blame."""
    known = limit(prepare=1e-6, cpu=1e-6)
    given = answer(seen({SEQUENCE: 19_000, PROCESSES_2: 19_100}, known=known))
    assert given.kind == "leave"
    assert given.sentence == "Leave it: nothing that was tried is better by more than 3 %."


def test_what_a_key_does_not_help_to_count_is_said_as_the_audit_says_it():
    message = "its order is new in the middle of a pass, so what is due is not known. Try: leave --steps away"
    uncounted = audit(word="not-counted", message=message)
    found = seen({SEQUENCE: 10_000, THREADS_4: 30_000}, audits={ONE: uncounted, THREADS: uncounted})
    given = answer(found)
    assert given.sentence == "Leave it: its samples could not be counted, so that no way of feeding can be proven safe."
    assert given.notes == (f"Not counted: {message}",)
    assert "not counted: its order is new" in Advice(found, given).to_text()
    assert given.unsafe == ()


@pytest.mark.parametrize(("outcome", "kind"), [("failed", "unsafe"), ("crashed", "unsafe"), ("hung", "leave")])
def test_a_fit_that_broke_is_told_also_where_nothing_can_be_counted(outcome, kind):
    """The person's model may break where that of the audit did not; on a busy host it may be late."""
    records = {SEQUENCE: record(SEQUENCE, 0, outcome=outcome)}
    message = "no two passes gave the same samples. Try: --key EXPRESSION, which names a sample"
    uncounted = audit(word="not-counted", message=message)
    given = answer(seen({SEQUENCE: 10_000}, audits={ONE: uncounted}, records=records))
    assert given.kind == kind
    said = {
        "unsafe": f"It breaks as it is used, by sequence with 1 worker: {outcome}: ",
        "leave": "Leave it for now: a fit()",
    }
    assert given.sentence.startswith(said[kind])
    assert given.repair == ()


def test_a_way_that_is_proven_and_no_faster_does_not_replace_one_that_there_was_no_time_to_audit():
    today, thread = cell("sequence", 4), cell("prefetch-thread")
    found = seen({today: 10_000, thread: 10_100}, audits={ONE: audit()}, today=today)
    assert answer(dataclasses.replace(found, used=None)).kind == "leave"
    faster = seen({today: 10_000, thread: 15_000}, audits={ONE: audit()}, today=today)
    assert answer(dataclasses.replace(faster, used=None)).feeder == "prefetch-thread"


def test_a_command_to_try_makes_the_loader_as_it_was_made():
    found = seen({SEQUENCE: 10_000}, known=limit(cpu=1e-6))
    request = dataclasses.replace(found.request, call='Train("a b")', steps=7, key="x[:, 0]")
    found = dataclasses.replace(found, used=None, audits={}, request=request)
    made = "mine.py:Train --call 'Train(\"a b\")' --steps 7"
    assert answer(found).notes[-1].endswith(f"Try: feeders audit {made} --key 'x[:, 0]'")
    uncounted = audit(word="not-counted")
    notes = answer(dataclasses.replace(found, used=uncounted, audits={ONE: uncounted})).notes
    assert any(note.startswith(f"Try: feeders advise {made} --key EXPRESSION.") for note in notes)


@pytest.mark.parametrize(("generation", "name"), [(2, "Sequence"), (3, "PyDataset")])
def test_a_generator_is_told_of_a_class_that_this_keras_has(generation, name):
    told = {"kind": "generator", "offers": ("iterator",), "sized": False, "generation": generation}
    today = cell("generator")
    given = answer(seen({today: 9_000}, known=limit(gil=1.0), look=dataclasses.replace(INDEXED, **told), today=today))
    assert given.kind == "preparation"
    assert f"Try: a {name} with __getitem__" in given.repair[0]


def test_a_gap_is_held_against_an_epoch_as_long_as_the_loaders_own():
    """Of a long one the first batches are measured, of which the gap is a large part; of the epoch it is none."""
    native = cell("tfdata-native")
    look = dataclasses.replace(INDEXED, kind="dataset", offers=("iterator", "ops"), steps=6_000)
    take = record(native, 19_000, gap=0.3, epoch=1.0)
    found = seen({native: 19_000}, known=limit(gil=1.0), look=look, today=native, records={native: take})
    long = tuple(dataclasses.replace(each, epoch=6_000) for each in found.tried)
    assert any("Between two epochs" in text for text in answer(found).repair)
    assert long[0].epoch_seconds == pytest.approx(6_000 * 0.7 / 60 + 0.3)
    assert not any("Between two epochs" in text for text in answer(dataclasses.replace(found, tried=long)).repair)


def test_a_pipeline_that_is_left_is_told_of_its_gaps_all_the_same():
    """Its batches cost nothing, and each of its short epochs begins it anew."""
    native, known = cell("tfdata-native"), limit(prepare=1e-6, cpu=1e-6)
    look = dataclasses.replace(INDEXED, kind="dataset", offers=("iterator", "ops"))
    records = {native: record(native, 19_000, gap=0.3, epoch=1.0)}
    given = answer(seen({native: 19_000}, known=known, look=look, today=native, records=records))
    assert given.kind == "leave"
    assert any(note.startswith("Between two epochs 300 ms of 1 s pass") for note in given.notes)


def test_a_line_for_a_pipeline_of_unknown_length_says_where_its_steps_come_from():
    """As from files of records: the first batches of a long epoch were read; their number is none of the person's."""
    native, known = cell("tfdata-native"), limit(prepare=1e-6, cpu=1e-6)
    records = {native: record(native, 19_000, gap=0.3, epoch=1.0)}
    for open_end in (True, False):
        look = dataclasses.replace(INDEXED, kind="dataset", offers=("iterator", "ops"), open_end=open_end)
        given = answer(seen({native: 19_000}, known=known, look=look, today=native, records=records))
        assert "steps_per_epoch=60" in given.notes[0]
        told = [note for note in given.notes if "60 stand for them in the lines" in note and "--steps N" in note]
        assert len(told) == open_end


@pytest.mark.parametrize("told", [{"endless": True, "sized": False}, {"cut": True}, {"sized": False}])
def test_a_fit_that_is_told_its_steps_is_not_said_to_begin_its_pipeline_anew(told):
    """It goes on where the last epoch ended: `repeat()` is there already, or would change nothing."""
    native, known = cell("tfdata-native"), limit(prepare=1e-6, cpu=1e-6)
    look = dataclasses.replace(INDEXED, kind="dataset", offers=("iterator", "ops"), **told)
    records = {native: record(native, 19_000, gap=0.3, epoch=1.0)}
    found = seen({native: 19_000}, known=known, look=look, today=native, records=records)
    given = answer(dataclasses.replace(found, request=dataclasses.replace(found.request, steps=60)))
    assert given.kind == "leave"
    assert not any("begins the pipeline anew" in note for note in given.notes)


def test_a_feeder_that_was_tried_with_other_workers_is_not_said_to_be_untried():
    found = seen({SEQUENCE: 19_000, THREADS_4: 19_100}, known=limit(gil=0.2, cpu=1e-6))
    untried = tuple(Dropped(name, NO_TIME, 2) for name in ("sequence", "lookahead-processes"))
    assert answer(dataclasses.replace(found, dropped=untried)).sentence == (
        "Leave it for now: `sequence` (another number of workers), `lookahead-processes` may be faster, and could not "
        "be tried in the time."
    )


@pytest.mark.parametrize(("prepare", "train", "said"), [(1e-4, 1e-6, True), (1e-7, 5e-5, False)])
def test_the_preparation_is_what_is_left_only_where_it_takes_the_time(prepare, train, said):
    """Training too may take all cores, and more of them than the ceiling tells."""
    known = dataclasses.replace(limit(prepare=prepare, cpu=prepare), train_cpu=train)
    given = answer(seen({SEQUENCE: 9_500, PROCESSES_2: 0.97 * known.samples}, known=known))
    assert given.kind == "change"
    assert given.share_of_limit >= 90
    assert any(note.startswith("After that the preparation is the limit") for note in given.notes) == said


def test_a_dataset_of_a_pool_is_a_second_file_to_lift_out():
    """Under a strategy of ``tf.distribute``; elsewhere the lines need the pool alone."""
    for distributed in (True, False):
        look = dataclasses.replace(INDEXED, distributed=distributed)
        given = answer(seen({SEQUENCE: 10_000, PROCESSES_2: 18_000}, look=look))
        assert ("pool_dataset" in given.code) == distributed
        assert any("strategies/pool_dataset.py too" in note for note in given.notes) == distributed
