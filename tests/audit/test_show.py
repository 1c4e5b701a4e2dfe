"""An audit as JSON and as text: what is printed is what is written."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from feeders.audit import Audit, AuditRequest
from feeders.audit.causes import Fault
from feeders.audit.causes.handles import SHARED_HANDLE
from feeders.audit.events import BatchTrained, Logged
from feeders.audit.evidence import ENDED, Evidence, FitAnswer, FitRun, Left, StressAnswer, StressRun
from feeders.audit.exceptions import Frame, RaisedException
from feeders.audit.findings import ChangedBatch, Finding, RaisedCall, WrongBatch, WrongSet
from feeders.audit.judge import AuditVerdict
from feeders.audit.readings import Description, Reading
from feeders.audit.show import headline, to_text
from feeders.audit.source import Mark
from feeders.audit.switches import Place
from feeders.measure.counts import Epoch
from feeders.results.audits import SCHEMA

STACK = {"keras": "3.15.1", "backend": "tensorflow", "tensorflow": "2.21.0", "python": "3.12.1"}

KNOWN = Description("sequence", "a mine.Mine", workers=4, processes=False)

SAID = "Your dataset should call `super().__init__(**kwargs)` in its constructor"

HANDLE = Fault(
    SHARED_HANDLE,
    "batch 7 held content of no sample (3 samples)",
    (f"{Path.cwd()}/mine.py:12: while one thread stood here: 5 wrong",),
    5,
    f"Hold one lock over lines 12 to 14 of {Path.cwd()}/mine.py; self.file is what is shared.",
)


ERROR = RaisedException("OSError: disk", (Frame("mine.py", 12, "load"),), "disk")

FINDINGS = (
    Finding(1, WrongBatch(7, (1, 2), 2, (3,), 0), Place("mine.py", "f", 12), (Place("mine.py", "f", 13, 4),)),
    Finding(2, RaisedCall(8, ERROR)),
    Finding(3, ChangedBatch(9)),
    Finding(4, WrongSet((5,), 1, 2, 3)),
)


def epoch(**counts):
    known = {"delivered": 1003, "missing": 0, "duplicated": 0, "disordered": 0, "corrupt": 0, "stale": None}
    return Epoch(**{**known, **counts})


def fit(*epochs, provoked=False, outcome=ENDED, message="", said=()):
    events = (*[BatchTrained((1,))] * 3, *map(Logged, said))
    return FitRun(provoked, outcome, message, FitAnswer(None, Left(0, 0)), events, epochs=epochs)


def audit(*faults, word="exactly-once", content="whole", request=None, known=KNOWN, fits=(), seconds=61.0, **values):
    return Audit(
        request=request or AuditRequest("mine.py:Mine"),
        verdict=AuditVerdict(word, content, faults, **{"deliveries": 3000, **values}),
        evidence=Evidence(
            forward=Reading(known),
            fits=tuple(fits),
            stress=(StressRun(ENDED, "", StressAnswer(2900, 90, 31), FINDINGS, (("mine.py", 12),)),),
            memory_limit=1 << 30,
        ),
        stack=STACK,
        host={"cores": 2},
        seconds=seconds,
    )


@pytest.fixture
def corrupt():
    """An audit with something of everything."""
    return audit(
        HANDLE,
        content="corrupt",
        fits=[
            fit(epoch(), epoch(reads=63)),
            fit(epoch(corrupt=3, samples={"corrupt": (123456789,)}), provoked=True, said=[SAID]),
        ],
        notes=("pulled by several threads, which this use does not do",),
    )


@pytest.fixture
def clean():
    return audit(fits=[fit(epoch())])


def test_the_verdict_comes_first_and_says_how_it_was_used(corrupt, clean):
    assert clean.to_text().splitlines()[0] == "mine.py:Mine: exactly-once, content whole; safe with 4 threads"
    assert corrupt.to_text().splitlines()[0] == (
        "mine.py:Mine: exactly-once, content corrupt; NOT SAFE with 4 threads: shared-handle"
    )


@pytest.mark.parametrize(
    ("known", "changes", "use"),
    [
        ({"workers": 1}, {}, "1 thread"),
        ({"workers": 4, "processes": True}, {}, "4 processes"),
        ({"workers": 1, "processes": True}, {"processes": True, "start_method": "spawn"}, "1 process (spawn)"),
        ({"kind": "dataset", "workers": 1}, {}, "TensorFlow's threads"),
        ({"workers": None}, {}, "fit()"),
    ],
)
def test_the_headline_names_who_feeds_it(known, changes, use):
    request = AuditRequest("mine.py:Mine", **changes)
    found = audit(known=dataclasses.replace(KNOWN, **known), request=request).to_json()
    assert headline(found) == f"mine.py:Mine: exactly-once, content whole; safe with {use}"


@pytest.mark.parametrize(
    ("word", "content", "text"),
    [
        ("at-most-once", "not compared", "mine.py:Mine: at-most-once, content not compared; safe with 4 threads"),
        ("hung", "not compared", "mine.py:Mine: hung; safe with 4 threads"),
    ],
)
def test_an_outcome_has_no_content_to_speak_of(word, content, text):
    assert headline(audit(word=word, content=content).to_json()) == text


def test_what_is_printed_is_in_the_json_alone(corrupt, monkeypatch):
    """The page that a report makes of the file years later says what the terminal said."""
    written = json.dumps(corrupt.to_json())
    printed = corrupt.to_text()
    monkeypatch.setattr("feeders.audit.causes.CAUSES", ())
    assert to_text(json.loads(written)) == printed


def test_each_fact_that_is_printed_is_in_the_json(corrupt):
    written = " ".join(_texts(corrupt.to_json())).split()
    facts = [
        line.split(": ", 1)[1]
        for line in corrupt.to_text().splitlines()
        if line.startswith(("  seen 5 times: ", "  help: ", "  note: ", "  said: ", "  that is: "))
    ]
    assert len(facts) == 6
    for fact in facts:
        assert all(word in written or f"{Path.cwd()}/{word}" in written for word in fact.split()), fact


def _texts(value):
    if isinstance(value, dict):
        return [text for part in value.values() for text in _texts(part)]
    if isinstance(value, (list, tuple)):
        return [text for part in value for text in _texts(part)]
    return [value] if isinstance(value, str) else []


def test_the_json_comes_back_as_it_went(corrupt, clean):
    for one in (corrupt, clean):
        written = json.dumps(one.to_json(), allow_nan=False)
        assert json.dumps(json.loads(written)) == written


def test_the_json_holds_the_evidence(corrupt):
    found = json.loads(json.dumps(corrupt.to_json()))
    assert found["schema"] == SCHEMA
    assert found["use"] == {
        "workers": 4,
        "processes": False,
        "start_method": None,
        "epochs": 2,
        "steps": None,
        "key": None,
        "also": [],
        "call": None,
        "workload": None,
    }
    assert (found["safe"], [fault["cause"] for fault in found["faults"]]) == (False, ["shared-handle"])
    assert found["fits"][1]["epochs"][0] == {
        "delivered": 1003,
        "missing": 0,
        "duplicated": 0,
        "disordered": 0,
        "corrupt": 3,
        "stale": None,
        "reads": None,
        "samples": {"corrupt": [123456789]},
    }
    assert found["pulls"][0]["calls"] == 2900
    assert found["power"] == {
        "deliveries": 3000,
        "confidence": 0.95,
        "unseen_rate": 1 - 0.05 ** (1 / 3000),
        "places": 31,
        "compared": True,
    }


def test_the_json_holds_the_findings_of_each_kind(corrupt):
    place = {"file": "mine.py", "function": "f", "line": 12, "offset": None}
    beside = {"file": "mine.py", "function": "f", "line": 13, "offset": 4}
    alone = {"event": "found", "place": None, "beside": []}
    wrong = {"kind": "wrong", "index": 7, "samples": [1, 2], "wrong": 2, "of": [3], "torn": 0}
    raised = {"kind": "raised", "index": 8, "error": "OSError: disk", "frames": [["mine.py", 12, "load"]]}
    pulled = {"kind": "pulled", "index": None, "samples": [5], "duplicated": 1, "torn": 2, "missing": 3}
    (process,) = json.loads(json.dumps(corrupt.to_json()))["pulls"]
    assert process["findings"] == [
        {"event": "found", "trial": 1, "place": place, "beside": [beside], **wrong},
        {**alone, "trial": 2, **raised, "text": "disk"},
        {**alone, "trial": 3, "kind": "changed", "index": 9},
        {**alone, "trial": 4, **pulled},
    ]
    assert {**process, "findings": None} == {
        **{"outcome": "ended", "message": "", "calls": 2900, "trials": 90, "places": 31, "alone": []},
        **{"findings": None, "found": 4},
    }


def test_the_json_names_each_fault_with_what_to_do(corrupt):
    (fault,) = corrupt.to_json()["faults"]
    assert list(fault) == ["cause", "seen", "where", "observations", "advice", "meaning", "summary", "source"]
    assert (fault["cause"], fault["meaning"]) == ("shared-handle", SHARED_HANDLE.meaning)


def test_a_feeder_of_the_catalogue_tells_its_workload():
    assert audit(request=AuditRequest("sequence", workload="jpeg")).to_json()["use"]["workload"] == "jpeg"


@pytest.mark.parametrize(
    ("stack", "text"),
    [
        (STACK, "Keras 3.15.1, TensorFlow 2.21.0, Python 3.12.1"),
        ({**STACK, "backend": "jax", "jax": "0.10.2"}, "Keras 3.15.1 on jax 0.10.2, TensorFlow 2.21.0, Python 3.12.1"),
        ({"keras": "3.15.1", "backend": "torch", "python": "3.12.1"}, "Keras 3.15.1 on torch, Python 3.12.1"),
    ],
)
def test_versions_are_printed_of_what_there_is(clean, stack, text):
    lines = dataclasses.replace(clean, stack=stack).to_text().splitlines()
    assert lines[1] == f"  a mine.Mine; {text}"


def test_a_fault_prints_meaning_place_and_advice_the_particular_first(corrupt):
    lines = corrupt.to_text().splitlines()
    start = lines.index(f"shared-handle: {SHARED_HANDLE.meaning}")
    part = lines[start : lines.index("", start)]
    assert "  where: mine.py:12: while one thread stood here: 5 wrong" in part
    assert "  seen 5 times: batch 7 held content of no sample (3 samples)" in part
    advice = [line for line in part if line.startswith("  help: ")]
    assert len(advice) == 2
    assert advice[0].startswith("  help: Hold one lock over lines 12 to 14 of mine.py;")


def test_what_keras_said_is_printed_with_its_meaning(corrupt):
    text = corrupt.to_text()
    assert f"  said: {SAID}" in text
    assert "  that is: the loader's own number of workers is not known; it is fed by one thread" in text


def test_epochs_that_count_alike_are_one_line_and_unknown_is_no_number():
    lines = audit(fits=[fit(epoch(), epoch()), fit(epoch(missing=None), provoked=True)]).to_text().splitlines()
    (head,) = [line for line in lines if "delivered" in line]
    assert "stale" not in head
    (row,) = [line for line in lines if line.startswith("  as it is, 2 epochs")]
    assert row.split()[-5:] == ["1,003", "0", "0", "0", "0"]
    (row,) = [line for line in lines if line.startswith("  switches forced, 1 epoch ")]
    assert row.split()[-5:] == ["1,003", "-", "0", "0", "0"]


def test_a_table_that_would_fill_the_screen_is_cut():
    lines = audit(fits=[fit(*(epoch(missing=n) for n in range(20)))]).to_text().splitlines()
    assert "  ... and 8 others; --json has them all" in lines


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, "hash of their content"),
        ({"request": AuditRequest("mine.py:Mine", key="labels")}, "key"),
        ({"request": AuditRequest("sequence")}, "id"),
    ],
)
def test_samples_are_named_by_what_they_are_known_by(changes, named):
    found = audit(fits=[fit(epoch(missing=1, samples={"missing": (17,)}))], **changes)
    assert f"  missing, by {named}: 17, ..." in found.to_text().splitlines()


def test_a_long_message_is_cut_in_the_middle_and_whole_in_the_json():
    message = "\n".join(f"line {number}" for number in range(40))
    found = audit(word="failed", message=message)
    assert found.to_json()["message"] == message
    text = found.to_text()
    assert "  line 5\n  ...\n  line 35\n" in text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {},
            "No fault in 3,000 batches made while others were, a thread held at 31 places in turn: one that hits 1 in",
        ),
        ({"faults": [HANDLE]}, "No other fault in 3,000 batches"),
        (
            {"content": "not compared"},
            "seen with 95% probability. What they held was not compared. Took 61 s.",
        ),
        ({"deliveries": 0}, "Nothing was delivered beside others, so nothing is known of races. Took 61 s."),
        (
            {"known": dataclasses.replace(KNOWN, workers=1)},
            "One thread feeds it: no workers can race in this use. 3,000 batches in 61 s.",
        ),
        ({"known": dataclasses.replace(KNOWN, workers=None)}, "One thread feeds it: no workers can race in this use."),
        ({"request": AuditRequest("mine.py:Mine", seconds=5)}, "More time shows rarer ones: --seconds 60."),
    ],
    ids=["clean", "faulty", "by label alone", "nothing", "one thread", "unknown", "short"],
)
def test_the_last_words_are_what_could_have_been_missed(changes, text):
    printed = audit(*changes.pop("faults", ()), **changes).to_text()
    assert text in " ".join(printed.split("\n\n")[-1].split())


def test_what_could_have_been_missed_is_a_rate_that_holds():
    """1 in 1,002 batches: one in that many or more often would have been seen, with 95 % probability."""
    printed = audit().to_text()
    assert "hits 1 in 1,001 batches" in " ".join(printed.split())
    assert 1 - (1 - 1 / 1001) ** 3000 >= 0.95


@pytest.mark.parametrize("width", [80, 110])
def test_no_line_but_the_verdict_is_wider_than_a_terminal(corrupt, tmp_path, width):
    path = tmp_path / "mine.py"
    path.write_text("def get(self, index):\n    self.start = index  # " + "and " * 40 + "\n    return self.start\n")
    mark = Mark(str(path), 2, "written here, " + "by several threads " * 4, "self.start")
    verdict = dataclasses.replace(
        corrupt.verdict, notes=("word " * 100,), faults=(dataclasses.replace(HANDLE, marks=(mark,)),)
    )
    lines = dataclasses.replace(corrupt, verdict=verdict).to_text(width).splitlines()
    assert max(len(line) for line in lines[1:] if str(tmp_path) not in line) <= width


def test_a_narrow_table_leaves_out_what_counts_nothing(corrupt):
    (head,) = [line for line in corrupt.to_text(80).splitlines() if "delivered" in line]
    assert head.split() == ["fit()", "delivered", "missing", "duplicated", "corrupt"]


def test_source_is_shown_with_numbers_markers_and_what_each_line_does(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "class Mine:\n    def pick(self, index):\n        self.rows = index\n\n    def get(self, index):\n"
        "        self.pick(index)\n        number = 1\n        return self.rows_of + self.rows\n"
    )
    marks = (Mark(str(path), 3, "written here", "self.rows"), Mark(str(path), 8, "read here", "self.rows"))
    found = audit(dataclasses.replace(HANDLE, marks=marks, summary="self.rows is shared.")).to_text()
    assert (
        f"""\
shared-handle: self.rows is shared.
  --> {path}:3
  2 | def pick(self, index):
  3 |     self.rows = index
    |     ^^^^^^^^^ written here
  ...
  5 | def get(self, index):
  ...
  7 |     number = 1
  8 |     return self.rows_of + self.rows
    |                           ^^^^^^^^^ read here
  seen 5 times"""
        in found
    )


def test_places_are_shown_with_their_source_where_nothing_else_is_marked(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def wait(lock):\n    lock.acquire()  # for ever\n")
    places = (f"{path}:2: in wait", "my dataset ran out of data")
    found = audit(dataclasses.replace(HANDLE, where=places)).to_text()
    assert "  2 |     lock.acquire()  # for ever\n    |     ^^^^^^^^^^^^^^ in wait\n" in found


def test_an_audit_of_before_has_no_source_and_is_printed(corrupt):
    found = corrupt.to_json()
    for fault in found["faults"]:
        del fault["source"], fault["summary"]
    assert "  where: mine.py:12: while one thread stood here: 5 wrong" in to_text(found)
