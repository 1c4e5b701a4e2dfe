"""Any record is read back as it was written, to six digits; a damaged line is refused and never misread."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeders.errors import FeedersError
from feeders.results.record import OUTCOMES, Record

NUMBER = st.floats(allow_nan=False, allow_infinity=False, width=32)
RECORD = st.builds(
    Record,
    feeder=st.text(),
    workload=st.text(),
    workers=st.integers(1, 64),
    outcome=st.sampled_from(OUTCOMES),
    message=st.text(),
    metrics=st.dictionaries(st.text(min_size=1), NUMBER, max_size=4),
    guarantee=st.sampled_from(("", "exactly-once", "none")),
    delivered=st.none() | st.integers(0, 10_000),
    epochs=st.lists(NUMBER, max_size=4).map(tuple),
    waits=st.lists(NUMBER, max_size=4).map(tuple),
    overhead=st.none() | NUMBER,
    started=st.text(),
    stack=st.dictionaries(st.text(), st.text(), max_size=3),
    run=st.text(),
    round=st.none() | st.integers(0, 100),
)


def same(a, b):
    return a == b or math.isclose(a, b, rel_tol=1e-5)


@given(RECORD)
def test_a_record_survives_its_line(record):
    line = record.to_json()
    assert "\n" not in line
    back = Record.from_json(line)
    for field in dataclasses.fields(Record):
        before, after = getattr(record, field.name), getattr(back, field.name)
        if field.name in ("epochs", "waits"):
            assert len(before) == len(after)
            assert all(map(same, before, after))
        elif field.name == "metrics":
            assert before.keys() == after.keys()
            assert all(same(before[name], after[name]) for name in before)
        elif field.name == "overhead" and before is not None:
            assert same(before, after)
        else:
            assert before == after
    assert Record.from_json(back.to_json()) == back, "rounding twice changes nothing"


@given(RECORD, st.data())
def test_a_line_that_was_cut_off_is_refused(record, data):
    """A full disk, a power cut: half a take must not become a take."""
    line = record.to_json()
    cut = data.draw(st.integers(0, len(line) - 1))
    with pytest.raises(FeedersError, match="take record: damaged line"):
        Record.from_json(line[:cut])
