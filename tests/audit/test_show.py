"""An audit as JSON and as text: what is printed is what is written."""

from __future__ import annotations

import dataclasses
import json
from importlib import import_module
from pathlib import Path

import pytest

from feeders.audit.audit import Audit
from feeders.audit.counts import Epoch
from feeders.audit.evidence import ENDED, Evidence, FitRun, PullRun
from feeders.audit.judge import Fault, Verdict
from feeders.audit.request import Request
from feeders.audit.show import SCHEMA, headline, to_json, to_text

STACK = {"keras": "3.15.1", "backend": "tensorflow", "tensorflow": "2.21.0", "python": "3.12.1"}

FIRST = {"title": "a mine.Mine", "kind": "sequence", "workers": 4, "processes": False}

SAID = "Your dataset should call `super().__init__(**kwargs)` in its constructor"

HANDLE = Fault(
    "shared-handle",
    "batch 7 held content of no sample (3 samples)",
    (f"{Path.cwd()}/mine.py:12: while one thread stood here: 5 wrong",),
    5,
    f"Hold one lock over lines 12 to 14 of {Path.cwd()}/mine.py; self.file is what is shared.",
)


def epoch(**counts):
    known = {"delivered": 1003, "missing": 0, "duplicated": 0, "disordered": 0, "corrupt": 0, "stale": None}
    return Epoch(**{**known, **counts})


def fit(*epochs, provoked=False, outcome=ENDED, message="", said=()):
    events = [{"event": "batch"}] * 3 + [{"event": "said", "text": text} for text in said]
    return FitRun(provoked, outcome, message, {"left": {"threads": 0, "processes": 0}}, events, epochs=list(epochs))


def audit(*faults, word="exactly-once", content="whole", request=None, first=None, fits=(), seconds=61.0, **values):
    return Audit(
        request=request or Request("mine.py:Mine"),
        verdict=Verdict(word, content, tuple(faults), **{"deliveries": 3000, **values}),
        evidence=Evidence(
            first={**FIRST, **(first or {})},
            fits=list(fits),
            pulls=[PullRun(ENDED, "", 2900, 90, 31, [], [("mine.py", 12)])],
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
            fit(epoch(corrupt=3, samples={"corrupt": [123456789]}), provoked=True, said=[SAID]),
        ],
        notes=("pulled by several threads, which this use does not do",),
    )


@pytest.fixture
def clean():
    return audit(fits=[fit(epoch())])


def test_the_verdict_comes_first_and_says_how_it_was_used(corrupt, clean):
    assert to_text(to_json(clean)).splitlines()[0] == "mine.py:Mine: exactly-once, content whole; safe with 4 threads"
    assert to_text(to_json(corrupt)).splitlines()[0] == (
        "mine.py:Mine: exactly-once, content corrupt; NOT SAFE with 4 threads: shared-handle"
    )


@pytest.mark.parametrize(
    ("first", "changes", "use"),
    [
        ({"workers": 1}, {}, "1 thread"),
        ({"workers": 4, "processes": True}, {}, "4 processes"),
        ({"workers": 1, "processes": True}, {"processes": True, "start_method": "spawn"}, "1 process (spawn)"),
        ({"kind": "dataset", "workers": 1}, {}, "TensorFlow's threads"),
        ({"workers": None}, {}, "fit()"),
    ],
)
def test_the_headline_names_who_feeds_it(first, changes, use):
    found = to_json(audit(first=first, request=Request("mine.py:Mine", **changes)))
    assert headline(found) == f"mine.py:Mine: exactly-once, content whole; safe with {use}"


@pytest.mark.parametrize(
    ("word", "content", "text"),
    [
        ("at-most-once", "not compared", "mine.py:Mine: at-most-once, content not compared; safe with 4 threads"),
        ("hung", "not compared", "mine.py:Mine: hung; safe with 4 threads"),
    ],
)
def test_an_outcome_has_no_content_to_speak_of(word, content, text):
    assert headline(to_json(audit(word=word, content=content))) == text


def test_what_is_printed_is_in_the_json_alone(corrupt, monkeypatch):
    """The page that a report makes of the file years later says what the terminal said."""
    written = json.dumps(to_json(corrupt))
    printed = to_text(to_json(corrupt))
    show = import_module("feeders.audit.show")
    monkeypatch.setattr(show, "cause", None)
    monkeypatch.setattr(show, "meaning_of", None)
    assert to_text(json.loads(written)) == printed


def test_each_fact_that_is_printed_is_in_the_json(corrupt):
    written = " ".join(_texts(to_json(corrupt))).split()
    facts = [
        line.split(": ", 1)[1]
        for line in to_text(to_json(corrupt)).splitlines()
        if line.startswith(("  seen: ", "  do: ", "  note: ", "  said: ", "  that is: "))
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
        written = json.dumps(to_json(one), allow_nan=False)
        assert json.dumps(json.loads(written)) == written


def test_the_json_holds_the_evidence(corrupt):
    found = to_json(corrupt)
    assert found["schema"] == SCHEMA
    assert found["use"] == {
        "workers": 4,
        "processes": False,
        "start_method": None,
        "epochs": 2,
        "steps": None,
        "key": None,
        "call": None,
        "workload": None,
    }
    assert (found["safe"], [fault["cause"] for fault in found["faults"]]) == (False, ["shared-handle"])
    assert found["fits"][1]["epochs"][0] == dataclasses.asdict(corrupt.evidence.fits[1].epochs[0])
    assert found["pulls"][0]["calls"] == 2900
    assert found["power"] == {
        "deliveries": 3000,
        "confidence": 0.95,
        "unseen_rate": 1 - 0.05 ** (1 / 3000),
        "places": 31,
    }


def test_a_feeder_of_the_catalogue_tells_its_workload():
    assert to_json(audit(request=Request("sequence", workload="jpeg")))["use"]["workload"] == "jpeg"


def test_a_fault_prints_meaning_place_and_advice_the_particular_first(corrupt):
    lines = to_text(to_json(corrupt)).splitlines()
    start = lines.index("shared-handle (seen 5 times)")
    part = lines[start : lines.index("", start)]
    assert "  where: mine.py:12: while one thread stood here: 5 wrong" in part
    advice = [line for line in part if line.startswith("  do: ")]
    assert len(advice) == 2
    assert advice[0].startswith("  do: Hold one lock over lines 12 to 14 of mine.py;")


def test_what_keras_said_is_printed_with_its_meaning(corrupt):
    text = to_text(to_json(corrupt))
    assert f"  said: {SAID}" in text
    assert "  that is: the loader's own number of workers is not known; it is fed by one thread" in text


def test_epochs_that_count_alike_are_one_line_and_unknown_is_no_number():
    found = to_json(audit(fits=[fit(epoch(), epoch()), fit(epoch(missing=None), provoked=True)]))
    lines = to_text(found).splitlines()
    (head,) = [line for line in lines if "delivered" in line]
    assert "stale" not in head
    (row,) = [line for line in lines if line.startswith("  as it is, 2 epochs")]
    assert row.split()[-5:] == ["1,003", "0", "0", "0", "0"]
    (row,) = [line for line in lines if line.startswith("  switches forced, 1 epoch ")]
    assert row.split()[-5:] == ["1,003", "-", "0", "0", "0"]


def test_a_table_that_would_fill_the_screen_is_cut():
    lines = to_text(to_json(audit(fits=[fit(*(epoch(missing=n) for n in range(20)))]))).splitlines()
    assert "  ... and 8 others; --json has them all" in lines


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, "hash of their content"),
        ({"request": Request("mine.py:Mine", key="labels")}, "key"),
        ({"request": Request("sequence")}, "id"),
    ],
)
def test_samples_are_named_by_what_they_are_known_by(changes, named):
    found = to_json(audit(fits=[fit(epoch(missing=1, samples={"missing": [17]}))], **changes))
    assert f"  missing, by {named}: 17, ..." in to_text(found).splitlines()


def test_a_long_message_is_cut_in_the_middle_and_whole_in_the_json():
    message = "\n".join(f"line {number}" for number in range(40))
    found = to_json(audit(word="failed", message=message))
    assert found["message"] == message
    text = to_text(found)
    assert "  line 5\n  ...\n  line 35\n" in text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {},
            "No fault in 3,000 batches made while others were, a thread held at 31 places in turn: one that hits 1 in",
        ),
        ({"faults": [HANDLE]}, "No other fault in 3,000 batches"),
        ({"deliveries": 0}, "Nothing was delivered beside others, so nothing is known of races. Took 61 s."),
        ({"first": {"workers": 1}}, "One thread feeds it: no race is possible in this use. 3,000 batches in 61 s."),
        ({"first": {"workers": None}}, "One thread feeds it: no race is possible in this use."),
        ({"request": Request("mine.py:Mine", seconds=5)}, "More time shows rarer ones: --seconds 60."),
    ],
    ids=["clean", "faulty", "nothing", "one thread", "unknown", "short"],
)
def test_the_last_words_are_what_could_have_been_missed(changes, text):
    printed = to_text(to_json(audit(*changes.pop("faults", ()), **changes)))
    assert text in " ".join(printed.split("\n\n")[-1].split())


def test_what_could_have_been_missed_is_a_rate_that_holds():
    """1 in 1,002 batches: one in that many or more often would have been seen, with 95 % probability."""
    printed = to_text(to_json(audit()))
    assert "hits 1 in 1,001 batches" in " ".join(printed.split())
    assert 1 - (1 - 1 / 1001) ** 3000 >= 0.95


def test_no_line_is_wider_than_a_terminal(corrupt):
    wide = dataclasses.replace(corrupt.verdict, notes=("word " * 100,))
    lines = to_text(to_json(dataclasses.replace(corrupt, verdict=wide))).splitlines()
    assert max(map(len, lines)) <= 110
