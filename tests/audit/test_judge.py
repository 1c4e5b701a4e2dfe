"""From made-up evidence to a verdict: what is a fault, what it is called, and how much is unknown."""

from __future__ import annotations

import functools
import json
import sysconfig
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

import feeders.audit
from feeders.audit.causes import CAUSES, FAMILIES, Case
from feeders.audit.events import BatchRead, BatchTrained, EpochEnded, HookEnded, Logged
from feeders.audit.evidence import (
    ENDED,
    Bounds,
    Draws,
    Evidence,
    FitAnswer,
    FitRun,
    Growth,
    Held,
    Left,
    StressAnswer,
    StressRun,
)
from feeders.audit.exceptions import Frame, RaisedException
from feeders.audit.findings import ChangedBatch, Finding, RaisedCall, WrongBatch
from feeders.audit.inspection import DtypeChange, Handle
from feeders.audit.judge import judge
from feeders.audit.readings import Agreement, BrokenReading, Description, FailedRead, Reading, Remainder, ReusedBuffer
from feeders.audit.request import AuditRequest
from feeders.audit.sayings import SAYINGS, meaning_of
from feeders.audit.switches import Place
from feeders.loaders.pickling import PicklingFault
from feeders.measure.counts import Epoch, Reference
from feeders.measure.identity import Columns

AUDIT = Path(feeders.audit.__file__).parent

REQUEST = AuditRequest("mine.py:Mine")

# A generator that ends is enough for one epoch.
ONCE = AuditRequest("mine.py:mine", epochs=1)

EPOCH = (Columns((1, 2), (1, 2)), Columns((3, 4), (3, 4)), Columns((5,), (5,)))

SEQUENCE = Description("sequence", "a mine.Mine", workers=4, processes=False, length=3, generation=3)

GENERATOR = replace(SEQUENCE, kind="generator", workers=1)

BATCH = BatchTrained((1,))


def epoch(missing=0, duplicated=0, corrupt=0, delivered=5, **values):
    return Epoch(delivered, missing, duplicated, 0, corrupt, None, 3, **values)


def fit(*epochs, outcome=ENDED, message="", events=None, exception=None, batches=3):
    answer = FitAnswer(exception, Left(0, 0))
    events = events if events is not None else [BATCH] * batches * max(1, len(epochs))
    return FitRun(False, outcome, message, answer, tuple(events), printed=message, epochs=epochs)


def pull(*findings, calls=30, lines=()):
    return StressRun(ENDED, "", StressAnswer(calls, 10, 5), findings, tuple(lines))


def found(seen, trial=1, place=None, beside=()):
    place = place and Place(place[0], "f", place[1])
    return Finding(trial, seen, place, tuple(Place(file, "f", line) for file, line in beside))


def wrong(trial=1, place=None, beside=(), index=1):
    return found(WrongBatch(index, (1, 2), 2, (0,), 0), trial, place, beside)


def raised(error, trial=1, frames=(), place=None, beside=(), index=1):
    exception = RaisedException(error, tuple(Frame(*frame) for frame in frames))
    return found(RaisedCall(index, exception), trial, place, beside)


def failed(error, index=1):
    return FailedRead(index, 0, index, RaisedException(error))


OF_A_PASS = (
    *("wrapped", "repeats", "empty", "overlap", "reused", "failed", "reselected", "remainder", "unordered", "drawn"),
    "changed_dtype",
)


def evidence(known=SEQUENCE, reference=None, backward=None, stress=(), **values):
    """Two serial passes, two clean fits, and what is given of the rest."""
    passes = {name: values.pop(name) for name in OF_A_PASS if name in values}
    forward = Reading(known, values.pop("epochs", (EPOCH,)), mean=0.01, **passes)
    agreed = {"keyed": True, "reproducible": True, "ordered": True, "addressed": True, "named": False}
    values.setdefault("fits", [fit(epoch()), fit(epoch())])
    return Evidence(
        forward=forward,
        backward=replace(forward, **(backward or {})),
        reference=Reference(forward.epochs, **{**agreed, **(reference or {})}),
        stress=tuple(stress),
        **{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()},
    )


def judged(request=REQUEST, **values):
    return judge(request, evidence(**values))


def names(verdict):
    return [fault.cause.name for fault in verdict.faults]


def test_clean_evidence_is_exactly_once_whole_and_safe():
    verdict = judged(stress=[pull()])
    assert (verdict.word, verdict.content, verdict.safe, verdict.faults) == ("exactly-once", "whole", True, ())
    assert not verdict.pending
    assert verdict.notes == ()


def test_workers_of_ours_that_wait_for_each_other_hang_once_they_did_so_twice():
    stuck = StressRun("hung", "no end after 8 s. ", StressAnswer(trials=1))
    once, twice = judged(stress=[stuck, pull()]), judged(stress=[stuck, stuck])
    assert (once.word, once.safe, once.pending) == ("exactly-once", True, True)
    assert once.notes == ("pulled by workers of our own it hung, once and never again: not judged. no end after 8 s. ",)
    assert (twice.word, names(twice)) == ("hung", ["hangs"])


def test_a_number_of_workers_without_a_meaning_is_told():
    asked = replace(ONCE, workers=4)
    generator = judged(asked, known=GENERATOR)
    assert generator.safe
    assert "--workers 4 has no meaning here: this Keras reads it from one thread" in generator.notes
    pipeline = judged(asked, known=replace(GENERATOR, kind="dataset"))
    assert any(note.startswith("--workers 4 has no meaning here: TensorFlow's own threads") for note in pipeline.notes)
    assert judged(replace(REQUEST, workers=4)).notes == ()


def test_every_cause_has_a_meaning_and_an_advice():
    assert len({row.name for row in CAUSES}) == len(CAUSES)
    for row in CAUSES:
        assert row.meaning.endswith("."), row.name
        assert row.advice.endswith("."), row.name


def test_a_fault_explains_causes_that_there_are():
    """They are named, since a cause is explained by others in both directions of imports."""
    spawned = replace(SEQUENCE, processes=True, pickles=True, started="suspended", unpicklable=LOCK)
    several = [
        evidence(spawned, empty=(2,), fits=ended("failed", "TypeError: cannot pickle")),
        evidence(reused=ReusedBuffer(0, 1, None)),
        evidence(stress=[pull(*(raised("ValueError: generator already executing", trial) for trial in (1, 2)))]),
        evidence(fits=[fit(epoch(missing=1))] * 2, control=fit(epoch(missing=2))),
        evidence(growth=grown(threads=1, processes=1)),
    ]
    cases = [Case(REQUEST, one) for one in several]
    faults = [fault for case in cases for family in FAMILIES for fault in family.find(case)]
    explained = {name for fault in faults for name in fault.explains}
    assert len(explained) > 10
    assert explained <= {row.name for row in CAUSES}


def test_what_keras_says_is_explained_by_a_part_of_it():
    for part, meaning in SAYINGS:
        assert meaning_of(f"WARNING: {part} (id 7)") == meaning
    assert meaning_of("Epoch 1/2") == ""


# How often it has to be seen.


def test_what_was_seen_once_is_a_note_and_no_fault():
    verdict = judged(stress=[pull(wrong())])
    assert verdict.safe
    assert (verdict.word, verdict.content, verdict.pending) == ("exactly-once", "whole", True)
    text = "seen once and never again, so not judged: batch 1 held what belongs to batch 0 (2 samples)"
    assert verdict.notes == (text,)


def test_that_nobody_could_pull_it_is_a_note():
    failed_once = StressRun("failed", "AttributeError: no order")
    verdict = judged(stress=[failed_once])
    text = "workers of our own could not pull it, so races were looked for in fit() alone: AttributeError: no order"
    assert (verdict.safe, verdict.notes) == (True, (text,))
    assert judged(stress=[failed_once, pull()]).notes == ()
    assert judged(known=replace(SEQUENCE, workers=1), stress=[failed_once]).notes == ()


def test_lines_that_ran_for_one_thread_alone_are_a_note():
    kept = StressRun(ENDED, "", StressAnswer(30, 10, 5, (("mine.py", 7), ("mine.py", 8))))
    other = StressRun(ENDED, "", StressAnswer(30, 10, 5, (("mine.py", 8),)))
    text = "mine.py:8 ran when one thread read it, and no more when workers of our own pulled it"
    (note,) = judged(stress=[kept, other]).notes
    assert note.startswith(text)
    assert judged(stress=[kept, pull()]).notes == ()
    assert judged(known=replace(SEQUENCE, workers=1), stress=[kept]).notes == ()


def test_that_no_switch_is_forced_in_processes_that_start_anew_is_a_note():
    forked = replace(SEQUENCE, processes=True)
    assert judged(known=forked).notes == ()
    (note,) = judged(known=replace(forked, pickles=True)).notes
    assert note.startswith("worker processes that start anew (spawn, forkserver) have no forced switches")
    assert judged(known=replace(forked, pickles=True, workers=1)).notes == ()


def test_two_findings_of_one_trial_are_one_observation():
    verdict = judged(stress=[pull(wrong(trial=4), wrong(trial=4, index=2))])
    assert verdict.safe
    assert verdict.pending


@pytest.mark.parametrize(
    "stress", [[pull(wrong(trial=1), wrong(trial=2))], [pull(wrong(trial=1)), pull(wrong(trial=1))]], ids=["one", "two"]
)
def test_what_was_seen_in_two_trials_of_any_process_is_a_fault(stress):
    verdict = judged(stress=stress)
    assert names(verdict) == ["shared-state"]
    assert verdict.faults[0].observations == 2
    assert (verdict.word, verdict.content, verdict.safe, verdict.pending) == ("exactly-once", "corrupt", False, False)


def test_a_fit_that_counts_wrong_once_is_looked_for_again():
    verdict = judged(fits=[fit(epoch(missing=1)), fit(epoch())])
    assert verdict.word == "exactly-once"
    assert verdict.safe
    assert verdict.pending
    text = "counted in one fit() and in no other one, so not judged: of 5 samples in an epoch: 1 missing"
    assert verdict.notes == (text,)


def test_fits_that_each_count_something_else_wrong_are_two_observations():
    verdict = judged(fits=[fit(epoch(missing=1)), fit(epoch(duplicated=2)), fit(epoch())])
    assert (verdict.word, verdict.content, names(verdict)) == ("none", "whole", ["unexplained"])
    assert verdict.notes == ()


# Words.


@pytest.mark.parametrize(
    ("counts", "word"),
    [
        ({}, "exactly-once"),
        ({"missing": 2}, "at-most-once"),
        ({"duplicated": 2}, "at-least-once"),
        ({"missing": 2, "duplicated": 1}, "none"),
    ],
)
def test_the_guarantee_is_what_every_fit_kept(counts, word):
    verdict = judged(fits=[fit(epoch(**counts)), fit(epoch(**counts))])
    assert (verdict.word, verdict.content) == (word, "whole")
    assert names(verdict) == (["unexplained"] if counts else [])


def test_a_fault_without_a_name_tells_its_worst_epoch():
    verdict = judged(fits=[fit(epoch(missing=1)), fit(epoch(missing=3, duplicated=1))])
    assert verdict.faults[0].seen == "of 5 samples in an epoch: 3 missing, 1 duplicated"


def test_corrupt_in_two_fits_is_corrupt():
    verdict = judged(fits=[fit(epoch(corrupt=1)), fit(epoch(corrupt=1))])
    assert (verdict.word, verdict.content, names(verdict)) == ("exactly-once", "corrupt", ["unexplained"])


def test_where_each_index_arrived_once_what_is_wrong_is_what_it_holds():
    spoilt = epoch(missing=2, duplicated=2, corrupt=2)
    assert judged(fits=[fit(spoilt), fit(spoilt)]).word == "exactly-once"
    assert judged(fits=[fit(spoilt, batches=2), fit(spoilt, batches=2)]).word == "none"


def test_content_that_is_new_each_time_is_not_compared():
    verdict = judged(reference={"reproducible": False}, fits=[fit(epoch(corrupt=None)), fit(epoch(corrupt=None))])
    assert (verdict.word, verdict.content, verdict.safe) == ("exactly-once", "not compared", True)


@pytest.mark.parametrize("fits", [[fit(), fit()], [fit(outcome="failed", message="OSError: now and then"), fit()]])
def test_a_loader_that_breaks_now_and_then_has_a_verdict_without_a_reference(fits):
    """It raised when it was read alone, and not each time that it was trained on."""
    forward = Reading(SEQUENCE, failed=failed("OSError: now and then"))
    verdict = judge(REQUEST, Evidence(forward=forward, fits=tuple(fits)))
    assert (verdict.word, verdict.content, verdict.safe) == ("failed", "not compared", False)
    assert "OSError: now and then" in verdict.message + "".join(fault.seen for fault in verdict.faults)


UNKNOWN = {"keyed": False, "reproducible": False}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"reference": UNKNOWN, "backward": {"failed": failed("AttributeError: no rows", index=2)}},
            "read from its last batch to its first it raised AttributeError: no rows. Try: let each index give",
        ),
        (
            {"reference": {"keyed": False, "through": True}},
            "its order is new in the middle of a pass, so what is due is not known. Try: leave --steps away",
        ),
        (
            {"reference": {"keyed": False, "through": True}, "unordered": True},
            "it gives what is ready first, so what a part of a pass holds is not known. Try: deterministic=True",
        ),
        ({"reference": UNKNOWN, "drawn": True}, "it draws random numbers, others in each run. Try: --key EXPRESSION"),
        ({"epochs": ((Columns((7,) * 30, (7,) * 30),),)}, "fewer than 5% of its samples differ. Try: --key EXPRESSION"),
        ({"reference": UNKNOWN, "key": "x[:, 0]"}, 'no two passes gave the same samples. Try: --key "x[:, 0]"'),
    ],
    ids=["no other order", "parts in a new order", "parts in no order", "drawn at once", "alike", "new each time"],
)
def test_why_nothing_was_counted_is_said_with_what_would_count(values, said):
    verdict = judged(**values)
    assert (verdict.word, verdict.safe) == ("not-counted", False)
    assert verdict.message.startswith(said)


# Power.


@pytest.mark.parametrize(("calls", "deliveries"), [(0, 6), (94, 100), (2994, 3000)])
def test_a_fault_of_the_unseen_rate_would_have_been_seen_with_95_percent(calls, deliveries):
    verdict = judged(stress=[pull(calls=calls)])
    assert verdict.deliveries == deliveries
    assert verdict.unseen_rate == pytest.approx(1 - 0.05 ** (1 / deliveries), rel=1e-12)
    assert (1 - verdict.unseen_rate) ** deliveries == pytest.approx(0.05)


def test_what_one_thread_reads_and_threads_of_our_own_add_is_no_delivery_beside_others():
    assert judged(known=replace(SEQUENCE, workers=1), stress=[pull(calls=100)]).deliveries == 6
    assert judged(ONCE, known=GENERATOR, stress=[pull(calls=100)]).deliveries == 6
    pipeline = {"known": replace(SEQUENCE, kind="dataset", workers=1), "epochs": (EPOCH, EPOCH)}
    assert judged(**pipeline, stress=[pull(calls=100)]).deliveries == 106
    assert judged(**{**pipeline, "epochs": SHUFFLED}, stress=[pull(calls=100)]).deliveries == 6
    other_each_time = {"reread": Agreement(False, False)}
    assert judged(backward=other_each_time, stress=[pull(calls=100)]).deliveries == 6


def test_nothing_delivered_is_no_rate():
    verdict = judged(fits=[fit(events=[]), fit(events=[])])
    assert (verdict.deliveries, verdict.unseen_rate) == (0, None)


# What is shared.


@pytest.fixture
def source(tmp_path):
    """Write a person's file; return a function that gives (file, line) of a part of its text."""

    def source(text):
        path = tmp_path / "mine.py"
        path.write_text(textwrap.dedent(text))
        lines = path.read_text().splitlines()
        return lambda part: (str(path), next(number for number, line in enumerate(lines, 1) if part in line))

    return source


def race(at, *others, findings=wrong, known=SEQUENCE):
    """Two trials in which a thread was held there while others ran elsewhere."""
    seen = [findings(trial=trial, place=at, beside=others) for trial in (1, 2)]
    return judge(AuditRequest(f"{at[0]}:Mine"), evidence(known, stress=[pull(*seen)]))


def test_a_shared_file_is_named_with_the_lines_to_lock(source):
    line = source("""\
        def get(self, index):
            self.file.seek(index)
            number = 8
            return self.file.read(number)
    """)
    verdict = race(line("number = 8"), line("file.seek"))
    assert names(verdict) == ["shared-handle"]
    (fault,) = verdict.faults
    file = line("")[0]
    assert fault.where == (f"{file}:3: while one thread stood here, others ran line 2: 2 wrong",)
    assert fault.advice == f"Hold one lock over lines 2 to 4 of {file}; self.file is what is shared."
    assert fault.seen == "batch 1 held what belongs to batch 0 (2 samples)"


def test_a_lock_of_the_call_is_named_with_what_it_does_not_protect(source):
    line = source("""\
        def get(self, index):
            lock = threading.Lock()
            with lock:
                self.file.seek(index)
                return self.file.read(8)
    """)
    verdict = race(line("file.read"))
    assert names(verdict) == ["call-lock", "shared-handle"]
    assert verdict.faults[0].where == (f"{line('')[0]}:2: a new lock in each call",)


def test_between_processes_no_lock_of_threads_is_advised_and_a_file_is_opened_for_each(source):
    line = source("""\
        def get(self, index):
            with threading.Lock():
                self.file.seek(index)
                return self.file.read(8)
    """)
    lock, handle = race(line("file.read"), known=replace(SEQUENCE, processes=True)).faults
    assert (lock.cause.name, handle.cause.name) == ("call-lock", "shared-handle")
    assert lock.advice.startswith("Between processes it has to be a multiprocessing.Lock()")
    assert "os.getpid()" in handle.advice


def test_changed_attributes_are_named_where_no_file_is_read(source):
    line = source("""\
        def get(self, index):
            self.start = index
            return self.rows[self.start]
    """)
    verdict = race(line("return"), line("self.start ="))
    assert names(verdict) == ["shared-state"]
    assert verdict.faults[0].advice == (
        "Write `start = ...` instead of `self.start = ...`, and give start to whoever reads it. "
        "Changed by several at once: self.start (line 2)."
    )


def test_what_is_changed_below_a_lock_and_read_outside_of_it_is_named(source):
    line = source("""\
        def get(self, index):
            with self.lock:
                self.rows = index
            return self.x[self.rows]
    """)
    (fault,) = race(line("return")).faults
    assert fault.summary == "One thread changes self.rows while another one still needs what it held."
    assert [(mark.line, mark.name) for mark in fault.marks] == [(3, "self.rows"), (4, "self.rows")]
    assert "Changed by several at once: self.rows (line 3)." in fault.advice


def test_what_is_changed_below_a_lock_alone_is_not_blamed(source):
    line = source("""\
        def get(self, index):
            with self.lock:
                self.hits += 1
            np.save(self.scratch, self.x[index])
            return np.load(self.scratch)
    """)
    (fault,) = race(line("return"), line("np.save")).faults
    assert "a file of a fixed name" in fault.advice
    assert fault.marks == ()


def test_a_race_on_what_is_no_variable_points_outside_of_the_program(source):
    line = source("""\
        def get(self, index):
            np.save(self.scratch, self.rows[index])
            return np.load(self.scratch)
    """)
    verdict = race(line("return"), line("np.save"))
    assert names(verdict) == ["shared-state"]
    assert "a file of a fixed name" in verdict.faults[0].advice


def test_a_race_on_what_the_lines_do_not_assign_is_not_said_to_be_outside_of_the_program(source):
    line = source("""\
        def get(self, index, rows=[]):
            rows[:] = self.rows[index]
            return self.whole(rows)
    """)
    advice = race(line("return"), line("rows[:]")).faults[0].advice
    assert "an argument whose default is a list" in advice
    assert "change no variable" not in advice


def test_a_database_cursor_is_called_one_and_the_lock_covers_its_rows(source):
    line = source("""\
        def get(self, index):
            self.cursor.execute("select v from t where i = ?", (index,))
            return self.cursor.fetchall()
    """)
    fault = race(line("return")).faults[0]
    assert fault.cause.name == "shared-handle"
    assert fault.summary == (
        "Several threads use one connection, self.cursor: each takes answers that another asked for."
    )
    assert fault.advice.startswith("Hold one lock over lines 2 to 3 of ")
    assert [mark.says for mark in fault.marks] == [
        "it is asked here",
        "and the answer taken here: another one has asked meanwhile",
    ]


def test_what_another_thread_put_into_a_thread_local_is_no_shared_handle(source):
    line = source("def get(self, index):\n    file = self.local.file\n    file.seek(index)\n    return file.read(8)\n")
    error = "AttributeError: '_thread._local' object has no attribute 'file'"
    pulls = [pull(*[raised(error, trial, place=line("seek")) for trial in (1, 2, 3)])]
    assert names(judged(fits=ended("failed", error), stress=pulls)) == ["thread-local-empty"]


def test_a_generator_of_random_numbers_that_each_call_seeds_is_named(source):
    line = source("""\
        def get(self, index):
            np.random.seed(index)
            return self.rows[index] + np.random.normal()
    """)
    fault = race(line("return")).faults[0]
    assert (fault.cause.name, fault.summary) == (
        "shared-state",
        "Several calls seed np.random and draw from it: it is one for all threads.",
    )
    assert "np.random.default_rng(index)" in fault.advice
    assert [(mark.line, mark.name) for mark in fault.marks] == [(2, "np.random.seed")]


SPOILT = [fit(epoch(corrupt=5)), fit(epoch(corrupt=5))]


def test_data_that_reading_changes_is_named_with_the_lines(tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("class Mine:\n    def __getitem__(self, index):\n        x = self.x[index]\n        x /= 255\n")
    differs = {"reread": Agreement(keys=False, contents=False)}
    verdict = judged(AuditRequest(f"{mine}:Mine"), fits=SPOILT, backward=differs)
    assert names(verdict) == ["reading-changes-data"]
    assert [(mark.line, mark.name) for mark in verdict.faults[0].marks] == [(4, "x")]
    assert names(judged(fits=SPOILT)) == ["unexplained"]
    assert judged(backward=differs).safe


def test_a_library_that_stands_before_the_file_is_named_by_its_attribute(source):
    line = source("def get(self, index):\n    return self.archive[index]\n")
    verdict = race(line("return"), known=replace(SEQUENCE, handles=(Handle("self.archive", "File", True),)))
    assert names(verdict) == ["shared-handle"]
    assert verdict.faults[0].advice == "self.archive (File) is what is shared."


def test_two_threads_in_one_generator_are_named(source):
    line = source("def get(self, index):\n    return next(self.generator)\n")
    error = "ValueError: generator already executing"

    verdict = race(line("return"), findings=functools.partial(raised, error, frames=[[*line("return"), "get"]]))
    assert names(verdict) == ["generator-shared"]


def test_an_exception_that_it_raises_alone_too_is_no_race():
    seen = [raised("ValueError: bad", trial) for trial in (1, 2)]
    assert judged(failed=failed("ValueError: bad"), stress=[pull(*seen)]).safe
    assert not judged(stress=[pull(*seen)]).safe


def test_batches_that_change_after_their_return_are_a_reused_buffer():
    changed = [found(ChangedBatch(1), trial) for trial in (1, 2)]
    verdict = judged(stress=[pull(*changed)])
    assert (names(verdict), verdict.content) == (["reused-buffer"], "corrupt")


def test_a_buffer_seen_reused_in_both_readings_is_named_by_its_attribute():
    reused = ReusedBuffer(0, 1, "self.buffer")
    verdict = judged(reused=reused)
    assert names(verdict) == ["reused-buffer"]
    assert verdict.faults[0].seen == "batch 0 was overwritten when batch 1 was made; it is part of self.buffer"
    assert judged(reused=reused, backward={"reused": None}).safe


def test_races_that_this_use_does_not_have_are_notes():
    seen = [raised("ValueError: generator already executing", trial, index=None) for trial in (1, 2)]
    verdict = judged(ONCE, known=GENERATOR, stress=[pull(*seen)])
    assert verdict.safe
    assert verdict.notes == (
        "pulled by several threads, which this Keras does not do: ValueError: generator already executing",
    )
    assert judged(known=replace(SEQUENCE, workers=1), stress=[pull(wrong(1), wrong(2))]).safe


# Hooks.

READ, HOOK, END = BatchRead(0), HookEnded("on_epoch_begin"), EpochEnded()


@pytest.mark.parametrize(
    ("events", "named"),
    [
        ([READ, READ, HOOK, READ, END], ["hook-reorders"]),
        ([HOOK, READ, READ, READ, END, HOOK, READ, END], ["unexplained"]),
        ([HOOK, READ, READ, READ, END, READ, HOOK, READ, END], ["hook-reorders"]),
        ([HOOK, READ, END, HookEnded("on_epoch_end"), HOOK, READ, END], ["unexplained"]),
    ],
    ids=["first epoch", "never", "second epoch", "the other hook"],
)
def test_a_hook_reorders_only_what_was_read_before_it_had_ended(events, named):
    assert names(judged(fits=[fit(epoch(missing=1, duplicated=1), events=events) for _ in range(2)])) == named


def test_reads_before_the_hook_that_lose_nothing_are_no_fault():
    assert judged(fits=[fit(epoch(), events=[READ, HOOK, READ, END]) for _ in range(2)]).safe


def test_a_hook_tells_how_many_batches_were_early():
    runs = [fit(epoch(missing=1), events=[READ] * early + [HOOK, READ, END]) for early in (1, 4)]
    seen = judged(fits=runs).faults[0].seen
    assert seen == "up to 4 batches of an epoch were read before on_epoch_begin had ended"


# Outcomes.


def ended(outcome, message, **values):
    return [fit(outcome=outcome, message=message, **values) for _ in range(2)]


@pytest.mark.parametrize(
    ("outcome", "message", "named"),
    [
        ("failed", "ValueError: sample 60 has no label", "raises"),
        ("failed", "ValueError: generator already executing", "generator-shared"),
        ("refused", "ValueError: Unrecognized data type: x=<object>", "refused-by-keras"),
        ("crashed", "ended by SIGSEGV. Fatal Python error", "killed"),
        ("crashed", "ended with exit status 3 and no result. ", "exits"),
        ("crashed", "over its limit of 2.0 GiB of memory. ", "memory-limit"),
        ("hung", "no end after 8 s. ", "hangs-at-epoch-end"),
    ],
)
def test_an_outcome_has_a_cause_and_keeps_its_message(outcome, message, named):
    verdict = judged(fits=ended(outcome, message))
    assert (verdict.word, verdict.content, verdict.message) == (outcome, "not compared", message)
    assert names(verdict) == [named]


def test_one_bad_fit_beside_a_good_one_is_a_note():
    verdict = judged(fits=[fit(outcome="failed", message="OSError: once"), fit(epoch())])
    assert (verdict.word, verdict.safe) == ("exactly-once", True)
    assert verdict.notes == ("one fit() failed and no other one did: not judged. OSError: once",)


def test_an_exception_names_the_innermost_line_of_the_persons_code(tmp_path):
    mine = str(tmp_path / "mine.py")
    frames = (Frame(mine, 4, "__getitem__"), Frame(mine, 9, "load"), Frame(json.__file__, 293, "loads"))
    runs = ended("failed", "ValueError: bad", exception=RaisedException("ValueError: bad", frames))
    verdict = judge(AuditRequest(f"{mine}:Mine"), evidence(fits=runs))
    assert verdict.faults[0].where == (f"{mine}:9: in load",)


def test_a_hang_names_the_lines_where_the_persons_threads_wait(tmp_path):
    mine = str(tmp_path / "mine.py")
    stack = f'no end after 8 s. \n  File "{mine}", line 7 in wait\n  File "{json.__file__}", line 1 in x\n'
    verdict = judge(AuditRequest(f"{mine}:Mine"), evidence(fits=ended("hung", stack, batches=1)))
    assert names(verdict) == ["hangs"]
    assert verdict.faults[0].seen == "1 batches delivered, then nothing"
    assert verdict.faults[0].where == (f"{mine}:7: in wait",)


def test_keras_is_blamed_where_a_safe_loader_hangs_too():
    runs = ended("hung", "no end after 8 s. ")
    assert "keras-hangs" in names(judged(fits=runs, control=fit(outcome="hung")))
    assert "keras-hangs" not in names(judged(fits=runs, control=fit(epoch())))


def test_keras_is_blamed_where_it_loses_samples_of_a_safe_loader_too():
    runs = [fit(epoch(missing=1)) for _ in range(2)]
    assert names(judged(fits=runs, control=fit(epoch(missing=2)))) == ["keras-misdelivers"]
    assert names(judged(fits=runs, control=fit(epoch()))) == ["unexplained"]


def test_an_epoch_hangs_at_its_end_also_where_all_of_it_was_made_and_not_all_was_delivered():
    reads = [BatchRead(index) for index in (0, 1, 2)]
    assert names(judged(fits=ended("hung", "", events=[BATCH, *reads]))) == ["hangs-at-epoch-end"]
    assert names(judged(fits=ended("hung", "", events=[BATCH, *reads[:2], reads[0]]))) == ["hangs"]


def test_a_reading_that_breaks_counts_beside_a_fit_that_does():
    broken = Evidence(
        broken=BrokenReading("crashed", "ended by SIGSEGV. ", Description("sequence", length=3)),
        fits=(fit(outcome="crashed"),),
    )
    assert judge(REQUEST, broken).word == "crashed"


@pytest.mark.parametrize(
    ("outcome", "message", "named"),
    [
        ("hung", "no end after 8 s. ", "hangs"),
        ("crashed", "ended by SIGSEGV. ", "killed"),
        ("failed", "ValueError: no", "raises"),
    ],
)
def test_a_second_pass_that_gives_no_answer_is_named_by_how_it_ended(outcome, message, named):
    broken = BrokenReading(outcome, message, SEQUENCE)
    verdict = judge(REQUEST, Evidence(forward=Reading(SEQUENCE, (EPOCH,)), broken=broken, fits=(fit(), fit())))
    assert (names(verdict), verdict.safe) == ([named], False)
    assert verdict.faults[0].seen.startswith(f"read by one thread, from its last batch to its first, it {outcome}: ")


# What needs no race.


def test_a_generator_that_was_pulled_before_is_consumed_and_not_refused():
    verdict = judged(known=replace(GENERATOR, started="exhausted"), fits=ended("refused", "ValueError: empty"))
    assert names(verdict) == ["consumed"]
    verdict = judged(ONCE, known=replace(GENERATOR, started="suspended"))
    assert (names(verdict), verdict.word) == (["consumed"], "at-most-once")


def test_a_forgotten_super_is_a_fault_with_what_keras_said():
    said = Logged("Your dataset should call `super().__init__(**kwargs)`")
    runs = [fit(epoch(), events=[said, *[BATCH] * 3]) for _ in range(2)]
    verdict = judged(known=replace(SEQUENCE, ignores_workers=True), fits=runs)
    assert (names(verdict), verdict.word) == (["super-not-called"], "exactly-once")
    assert verdict.faults[0].where == (said.text,)


LOCK = PicklingFault("self.lock", "lock", "TypeError: cannot pickle '_thread.lock' object")


def test_what_can_not_be_pickled_is_a_fault_only_where_it_is_pickled():
    text = "self.lock (lock): TypeError: cannot pickle '_thread.lock' object"
    held = replace(SEQUENCE, unpicklable=LOCK)
    assert judged(known=held).notes == ()
    verdict = judged(known=replace(held, processes=True))
    assert verdict.safe
    assert verdict.notes == (f"under spawn or forkserver (the default from Python 3.14) it could not start: {text}",)
    spawned = replace(held, processes=True, pickles=True)
    verdict = judged(known=spawned, fits=ended("failed", "TypeError: cannot pickle '_thread.lock' object"))
    assert names(verdict) == ["not-picklable"]
    assert verdict.faults[0].seen == text
    assert names(judged(known=spawned, fits=ended("hung", "no end after 8 s. "))) == ["not-picklable"]
    assert names(judged(known=spawned, fits=ended("failed", "OSError: disk"))) == ["not-picklable", "raises"]


def test_batches_that_come_again_because_more_than_a_pass_was_asked_for_are_no_fault():
    """As with `steps_per_epoch` above the batches of a pass, or `repeat(2)`."""
    for known in (GENERATOR, replace(GENERATOR, kind="dataset"), replace(SEQUENCE, length=None)):
        verdict = judged(ONCE, known=known, wrapped=True, repeats=True)
        assert (names(verdict), verdict.word) == ([], "exactly-once")


def test_a_length_that_counts_too_many_batches_is_named_by_what_is_there():
    assert names(judged(empty=(2,))) == ["length-too-long"]
    assert names(judged(wrapped=True)) == ["length-too-long"]
    (again,) = judged(ONCE, known=replace(GENERATOR, length=None), wrapped=True).faults
    assert (again.cause.name, again.seen) == ("length-too-long", "its last batches are its first ones once more")
    (fault,) = judged(ONCE, known=replace(GENERATOR, length=None), empty=(2,)).faults
    assert (fault.cause.name, fault.seen) == ("length-too-long", "batch 2 is empty")
    assert "range(0, samples, batch_size)" in fault.cause.advice
    assert judged(empty=(1,)).faults[0].seen == "batch 1 is empty"
    assert judged(empty=(2,)).faults[0].seen == "the length is 3, and batch 2 is empty"
    too_long = failed("IndexError: 3", index=3)
    verdict = judged(known=replace(SEQUENCE, length=5), failed=too_long, fits=ended("failed", "IndexError: 3"))
    assert names(verdict) == ["length-too-long"]
    assert verdict.faults[0].seen == "the length is 5, and batch 3 raises IndexError: 3"


@pytest.mark.parametrize(
    ("contents", "named", "word"),
    [
        (((6,),), ["last-batch-lost"], "at-most-once"),
        (((6, 7), (8,)), ["length-too-short"], "at-most-once"),
        (((1, 2),), [], "exactly-once"),
        ((), [], "exactly-once"),
        (None, [], "exactly-once"),
    ],
    ids=["a short one", "more", "only what is known", "nothing", "without end"],
)
def test_samples_beyond_the_length_are_lost_if_nobody_has_seen_them(contents, named, word):
    verdict = judged(bounds=Bounds(contents, (1, 2)))
    assert (names(verdict), verdict.word) == (named, word)


def test_of_a_long_epoch_it_is_said_how_much_was_looked_at():
    verdict = judged(replace(REQUEST, cut=24), known=replace(SEQUENCE, length=5000))
    assert verdict.safe
    assert [note.partition(" were audited")[0] for note in verdict.notes] == [
        "of the 5,000 batches of an epoch the first 24"
    ]


@pytest.mark.parametrize(
    ("reference", "named"),
    [({"reproducible": False, "named": True}, ["last-batch-lost"]), ({"reproducible": False, "keyed": False}, [])],
    ids=["by its keys", "not at all"],
)
def test_samples_of_random_content_beyond_the_length_are_known_by_their_keys(reference, named):
    epochs = (tuple(Columns(batch.keys, tuple(100 + key for key in batch.keys)) for batch in EPOCH),)
    verdict = judged(epochs=epochs, reference=reference, bounds=Bounds(((6,),), (1, 2)))
    assert names(verdict) == named


SHUFFLED = (EPOCH, (Columns((5, 6), (5, 6)), Columns((1, 2), (1, 2)), Columns((3,), (3,))))


@pytest.mark.parametrize(("first", "named"), [((1, 2), ["last-batch-lost"]), ((3, 1), [])], ids=["same", "another"])
def test_what_one_epoch_leaves_out_is_lost_though_the_next_has_it(first, named):
    """In the order that the first epoch had; in another one nobody knows what that epoch left out."""
    verdict = judged(epochs=SHUFFLED, bounds=Bounds(((6,),), first))
    assert names(verdict) == named
    if named:
        assert verdict.faults[0].seen.endswith("1 are left out of the epoch, others of the next")


TWICE = (EPOCH[0], EPOCH[1], EPOCH[1], EPOCH[2])
LATER = (EPOCH[2], EPOCH[0], EPOCH[1], EPOCH[1])


@pytest.mark.parametrize("kind", ["sequence", "generator", "iterator", "dataset"])
def test_a_batch_in_the_place_of_its_neighbour_is_named_in_any_order(kind):
    verdict = judged(ONCE, known=replace(SEQUENCE, kind=kind), epochs=(TWICE,), backward={"epochs": (LATER,)})
    assert (names(verdict), verdict.word) == (["same-batch-twice"], "none")


def test_samples_drawn_several_times_are_no_batch_in_the_place_of_another():
    apart = (EPOCH[0], EPOCH[1], EPOCH[0], EPOCH[2])
    assert names(judged(ONCE, known=GENERATOR, epochs=(apart,), backward={"epochs": (LATER,)})) == []


def test_a_slice_that_is_one_too_long_is_a_note():
    """It may be meant: a loader may hold a sample several times."""
    slices = tuple(Columns(keys, keys) for keys in ((1, 2, 3), (3, 4, 5), (5, 6)))
    verdict = judged(epochs=(slices,))
    assert verdict.safe
    assert [note.partition(",")[0] for note in verdict.notes] == [
        "each batch begins with the last sample of the one before it"
    ]
    apart = (*slices[:2], Columns((6, 7), (6, 7)))
    assert judged(epochs=(apart,)).notes == ()


def test_one_batch_again_and_again_is_a_note():
    """It may be meant, to see whether a model learns it by heart."""
    verdict = judged(epochs=(EPOCH[:1] * 3,))
    assert verdict.safe
    assert verdict.notes == (
        "each batch of an epoch holds the same samples, also where one thread reads it: does it use its index?",
    )


def test_a_part_that_is_selected_anew_is_named_if_another_one_was_seen():
    selected = {"known": replace(GENERATOR, kind="dataset"), "reselected": True}
    verdict = judged(epochs=SHUFFLED, **selected)
    assert (names(verdict), verdict.word) == (["selection-changes"], "at-most-once")
    assert verdict.faults[0].seen == "of 5 samples in the second pass, 1 were not in the first"
    assert names(judged(epochs=(EPOCH, EPOCH), **selected)) == []


def test_a_remainder_is_named_with_its_samples():
    verdict = judged(known=replace(GENERATOR, kind="dataset"), remainder=Remainder(3, 8))
    assert (names(verdict), verdict.word) == (["remainder-dropped"], "at-most-once")
    assert verdict.faults[0].seen == "3 of 8 samples of a pass are left out"


LATER_DECIMALS = DtypeChange(14, "x", "int64", "float64")


@pytest.mark.parametrize(
    ("backend", "reproducible", "corrupt", "named"),
    [
        ("tensorflow", True, 2, ["dtype-changes"]),
        ("tensorflow", False, None, ["dtype-changes"]),
        ("tensorflow", True, 0, []),
        ("jax", True, 0, []),
        ("jax", False, None, []),
    ],
    ids=["spoilt", "not compared", "whole", "taken as it is", "taken as it is, not compared"],
)
def test_another_dtype_is_a_fault_where_keras_may_have_cut_something_off(
    monkeypatch, backend, reproducible, corrupt, named
):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    runs = [fit(epoch(corrupt=corrupt)) for _ in range(2)]
    verdict = judged(changed_dtype=LATER_DECIMALS, reference={"reproducible": reproducible}, fits=runs)
    assert names(verdict) == named
    said = "x is int64 in batch 0 and float64 in batch 14"
    assert [fault.seen for fault in verdict.faults] == ([said] if named else [])
    assert [note.startswith(said) for note in verdict.notes] == ([] if named else [True])


def test_shards_that_overlap_deliver_at_least_once():
    verdict = judged(known=replace(SEQUENCE, kind="dataset"), overlap=3)
    assert (names(verdict), verdict.word) == (["overlapping-shards"], "at-least-once")


NEW, OTHER = ((1,), (2,)), ((3,), (4,))


@pytest.mark.parametrize(("given", "named"), [((8, 9), "same-random-numbers"), ((1, 2), "copied-generator")])
def test_processes_that_draw_alike_are_named_if_it_happens_twice(given, named):
    alike = Draws(((given, given),) * 3, (NEW, OTHER))
    assert names(judged(draws=[alike, alike])) == [named]
    assert judged(draws=[alike]).safe
    assert judged(draws=[alike, Draws((((1,),), ((2,),), ((3,),)), (NEW, OTHER))]).safe


def test_content_that_is_the_same_alone_is_not_drawn():
    fixed = Draws((NEW,) * 3, (NEW, NEW))
    assert judged(draws=[fixed, fixed]).safe


def grown(epochs=7, cut=False, **steps):
    """Seven epochs, of which only the last count."""
    start = {"bytes": 1 << 20, "threads": 1, "processes": 0, "files": 9}
    held = [{name: value + number * steps.get(name, 0) for name, value in start.items()} for number in range(epochs)]
    return Growth(tuple(Held(**one) for one in held), cut=cut)


@pytest.mark.parametrize(
    ("steps", "named", "seen"),
    [
        ({"bytes": 1 << 20}, ["grows-memory"], "1,024 KiB more after each epoch"),
        ({"bytes": 1 << 10}, [], ""),
        ({"threads": 2}, ["grows-threads"], "2 more threads after each epoch"),
        ({"processes": 1}, ["grows-processes"], "1 more processes after each epoch"),
        ({"files": 3}, ["grows-files"], "3 more open files after each epoch"),
        ({"threads": 1, "files": 1}, ["grows-threads"], "1 more threads after each epoch"),
    ],
    ids=["memory", "a log", "threads", "processes", "files", "files of threads"],
)
def test_what_is_more_after_each_epoch_grows(steps, named, seen):
    verdict = judged(growth=grown(**steps))
    assert names(verdict) == named
    assert [fault.seen for fault in verdict.faults] == ([seen] if seen else [])
    assert verdict.word == "exactly-once"


def test_a_cache_that_fills_in_the_first_epochs_does_not_grow():
    growth = grown(bytes=1 << 20)
    assert judged(growth=replace(growth, epochs=(*growth.epochs[:-1], growth.epochs[-2]))).safe
    assert judged(growth=grown(4, bytes=1 << 20)).safe


@pytest.mark.parametrize(("cut", "notes"), [(True, 1), (False, 0)])
def test_growth_that_there_was_no_time_to_judge_is_said(cut, notes):
    """A loader that ends by itself after a few epochs is no reason to look for longer."""
    growth = grown(3, cut, bytes=1 << 20)
    said = [note for note in judged(growth=growth).notes if "grow was not judged: 3 epochs were read" in note]
    assert len(said) == notes


@pytest.mark.parametrize(
    ("message", "read", "named"),
    [
        ("over its limit of 2.0 GiB of memory. ", 3, ["grows-memory"]),
        ("OSError: [Errno 24] Too many open files: 'a.bin'", 3, ["grows-files"]),
        ("over its limit of 2.0 GiB of memory. ", 1, []),
        ("ValueError: no", 3, []),
    ],
    ids=["memory", "files", "no more epochs than fit() had", "another reason"],
)
def test_what_grows_until_nothing_is_left_is_named_and_another_end_is_told(message, read, named):
    """The process that reads epoch after epoch can tell nothing any more."""
    verdict = judged(growth=Growth(broken=BrokenReading("failed", message), read=read))
    assert names(verdict) == named
    told = f"read epoch after epoch by one thread it failed after {read} epochs"
    assert [note.startswith(told) for note in verdict.notes] == ([] if named else [True])
    if named:
        assert verdict.faults[0].seen == f"after 3 epochs in one thread: {message}"


def test_a_generator_that_ends_before_its_epochs_loses_what_was_wanted():
    runs = [fit(epoch(), epoch(missing=5, delivered=0), events=[BATCH] * 3) for _ in range(2)]
    verdict = judged(known=GENERATOR, reference={"addressed": False}, fits=runs)
    assert (names(verdict), verdict.word) == (["ends-early"], "at-most-once")
    assert verdict.faults[0].seen == "3 batches came for 2 epochs; 6 were wanted"


def test_a_pipeline_over_what_its_first_pass_uses_up_ends_early():
    """As `from_generator(lambda: rows)`, where `rows` is one iterator: the second epoch has no batch."""
    runs = [fit(epoch(), epoch(missing=5, delivered=0), events=[BATCH] * 3) for _ in range(2)]
    verdict = judged(known=replace(GENERATOR, kind="dataset"), fits=runs)
    assert (names(verdict), verdict.word, verdict.content) == (["ends-early"], "at-most-once", "whole")
    assert "a function that makes it" in verdict.faults[0].cause.advice
    assert verdict.deliveries == 6


def test_a_sequence_that_is_shorter_than_the_steps_is_told_so_and_how_to_repair_that():
    """Keras begins it anew in each epoch: of 6 batches that are due 4 come."""
    request, two = replace(REQUEST, steps=3), (EPOCH[0], EPOCH[1])
    runs = [fit(epoch(), epoch(missing=4), batches=2) for _ in range(2)]
    known = replace(SEQUENCE, length=2)
    verdict = judged(request, known=known, epochs=(two * 3,), reference={"through": True}, fits=runs)
    assert (names(verdict), verdict.word) == (["ends-early"], "at-most-once")
    assert verdict.faults[0].seen == "4 batches came for 2 epochs; 6 were wanted"
    assert verdict.faults[0].cause.advice.startswith("Leave steps_per_epoch out")


CUDA = "RuntimeError: Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, use 'spawn'"


def test_a_gpu_in_forked_workers_is_named_and_not_called_an_exception():
    """Seen on an H200 with torch, in a loader that returns tensors of the device."""
    forked = replace(SEQUENCE, processes=True)
    assert names(judged(known=forked, fits=ended("failed", CUDA))) == ["cuda-forked"]
    assert names(judged(known=replace(forked, pickles=True), fits=ended("failed", CUDA))) == ["raises"]
    assert names(judged(known=SEQUENCE, fits=ended("failed", CUDA))) == ["raises"]


@pytest.mark.parametrize(
    "message",
    [
        "RuntimeError: Unable to initialize backend 'cuda': CUDA_ERROR_NOT_INITIALIZED: initialization error",
        "RuntimeError: CUDA error: initialization error",
    ],
)
def test_what_drivers_say_of_a_fork_is_named_as_well(message):
    assert names(judged(known=replace(SEQUENCE, processes=True), fits=ended("failed", message))) == ["cuda-forked"]


# What faulthandler printed of a worker that made a batch with JAX, forked by Keras on JAX.
IN_JAX = """
Thread 0x00007fa2767fc6c0 (most recent call first):
  File "{stdlib}/threading.py", line 355 in wait
  File "{stdlib}/multiprocessing/queues.py", line 246 in _feed

Current thread 0x00007fa2757f96c0 (most recent call first):
  File "{purelib}/jax/_src/compiler.py", line 402 in backend_compile
  File "{purelib}/jax/_src/numpy/ufuncs.py", line 77 in sqrt
  File "{file}", line 12 in __getitem__
  File "{purelib}/keras/src/trainers/data_adapters/py_dataset_adapter.py", line 512 in get_index
"""
IN_A_QUEUE = """
Thread 0x00007fa2767fc6c0 (most recent call first):
  File "{stdlib}/threading.py", line 355 in wait
  File "{file}", line 12 in __getitem__

Current thread 0x00007fa2757f96c0 (most recent call first):
  File "{purelib}/jax/_src/api.py", line 402 in apply
"""
IN_THE_TRAINER = """
Current thread 0x00007fa2757f96c0 (most recent call first):
  File "{purelib}/tensorflow/python/eager/execute.py", line 53 in quick_execute
  File "{audit}/fits.py", line 70 in fit
  File "{file}", line 12 in test_mine
"""


def hanging(tmp_path, stacks, **known):
    mine = tmp_path / "mine.py"
    mine.write_text("\n" * 20)
    fits = ended("hung", "no end after 8 s. " + stacks.format(file=mine, audit=AUDIT, **sysconfig.get_paths()))
    return judged(AuditRequest(f"{mine}:Mine"), known=replace(SEQUENCE, **known), fits=fits)


def test_a_backend_that_forked_workers_wait_in_is_named(tmp_path):
    """Seen with JAX on a CPU; on a GPU its threads do not survive a fork either."""
    verdict = hanging(tmp_path, IN_JAX, processes=True)
    assert names(verdict) == ["backend-forked"]
    (fault,) = verdict.faults
    assert fault.summary == "JAX can't be used in a worker process that was forked after it had started."
    assert fault.where == (f"{tmp_path / 'mine.py'}:12: in __getitem__",)
    assert "lookahead-processes" in fault.cause.advice


@pytest.mark.parametrize(
    ("stacks", "known"),
    [
        (IN_A_QUEUE, {"processes": True}),  # the trainer is in JAX, the worker is not
        (IN_THE_TRAINER, {"processes": True}),  # called by a test of the person's own
        (IN_JAX, {"processes": False}),
        (IN_JAX, {"processes": True, "pickles": True}),  # started anew
    ],
)
def test_no_other_hang_is_called_so(tmp_path, stacks, known):
    assert "backend-forked" not in names(hanging(tmp_path, stacks, **known))
