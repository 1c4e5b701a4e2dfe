"""Records as lines of JSON, and the catalogue of metrics that they are keyed by."""

from __future__ import annotations

import json
import math

import pytest

from feeders.errors import FeedersError
from feeders.measure import BROKEN, MEASURED, METRICS, OUTCOMES, Record

RECORD = Record(
    feeder="sequence",
    workload="text",
    workers=4,
    outcome=MEASURED,
    metrics={"epoch": 0.25, "missing": 0},
    guarantee="exactly-once",
    delivered=3082,
    epochs=(0.5, 0.25),
    waits=(0.0, 0.125),
    overhead=1.5,
    started="2026-01-02T03:04:05+00:00",
    stack={"tensorflow": "2.21.0"},
    host={"cores": 2, "load": 0.5},
    settings={"steady_seconds": 1.0, "taps": True},
    run="2026-01-02T03:04:00+00:00",
    round=2,
)


def test_a_record_survives_its_line():
    """What is stored is what was measured, tuples included."""
    line = RECORD.to_json()
    assert "\n" not in line
    assert Record.from_json(line) == RECORD


def test_a_record_of_what_broke_survives_its_line():
    """Unknown is empty, never 0."""
    record = Record("generator", "text", 4, "failed", message='line one\n"line two" \N{SNOWMAN}')
    assert Record.from_json(record.to_json()) == record
    assert record.delivered is record.overhead is record.round is None


def test_a_line_written_before_takes_had_runs_is_read():
    """Results stay: such a take was made for no run that could be gone on with."""
    values = json.loads(RECORD.to_json())
    del values["run"], values["round"]
    record = Record.from_json(json.dumps(values))
    assert (record.run, record.round) == ("", None)
    assert record.metrics == RECORD.metrics


def test_numbers_are_rounded_to_six_digits():
    """Files stay small; the seventh digit of a time is noise."""
    record = Record("a", "b", 1, MEASURED, metrics={"epoch": 0.123456789, "memory": 123456789.0}, epochs=(1 / 3,))
    back = Record.from_json(record.to_json())
    assert back.metrics == {"epoch": 0.123457, "memory": 123457000.0}
    assert back.epochs == (0.333333,)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_written_as_null(value):
    """NaN is no JSON: other readers choke on it."""
    line = Record("a", "b", 1, MEASURED, metrics={"epoch": value}, waits=(value,), host={"load": value}).to_json()
    values = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} was written"))
    assert values["metrics"] == {"epoch": None}
    assert values["waits"] == [None]
    assert values["host"] == {"load": None}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("", id="empty"),
        pytest.param(RECORD.to_json()[:-20], id="cut-off"),
        pytest.param("[1, 2]", id="a-list"),
        pytest.param('{"feeder": "sequence"}', id="no-schema"),
        pytest.param(RECORD.to_json().replace('"feeder"', '"eater"'), id="another-field"),
        pytest.param(RECORD.to_json().replace("[0.5,0.25]", "3"), id="another-type"),
    ],
)
def test_a_damaged_line_is_named_with_what_to_do(line):
    """A kill during a write costs one line and one message, never a traceback."""
    with pytest.raises(FeedersError, match=r"^take record: damaged line \(.+Try: delete that line$") as error:
        Record.from_json(line)
    assert repr(line[:80]) in str(error.value)


def test_a_line_of_another_schema_is_not_misread():
    """A layout of another version is not guessed at."""
    line = RECORD.to_json().replace('"schema":1', '"schema":99')
    with pytest.raises(FeedersError, match=r"schema 99, expected 1: written by another version .*Try: "):
        Record.from_json(line)


def test_outcomes_are_words_and_three_of_them_say_that_something_broke():
    """Tables print them, asv counts the broken ones."""
    assert OUTCOMES == ("measured", "unsupported", "refused", "failed", "hung", "crashed")
    assert BROKEN == ("failed", "hung", "crashed")


def test_metrics_are_named_once_and_explained():
    """A name is a key of `Record.metrics`; unit and meaning are what tables and tooltips show."""
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.name.isidentifier()
        assert metric.unit.strip()
        assert metric.meaning.strip()


def test_what_is_better_when_higher_is_no_series():
    """asv takes every tracked number for lower-is-better: these are no series."""
    higher = [metric.name for metric in METRICS if not metric.lower_is_better]
    expected = ["throughput", "effective_throughput", "limit", "share_of_limit", "gil_share", "gpu_busy"]
    assert higher == expected
