"""The file of audits: written whole, beside the takes, and left as it is where a line of it is damaged."""

from __future__ import annotations

import pytest

from feeders.errors import FeedersError
from feeders.results.audits import add_audits, audits_file, by_feeder_and_workload, read_audits

AUDIT = {"schema": 1, "loader": "sequence", "workload": "text", "verdict": "exactly-once"}


def test_audits_are_added_to_those_that_are_there(tmp_path):
    path = audits_file(tmp_path / "lab", "2.16.2", "tensorflow")
    other = {**AUDIT, "workload": "jpeg"}
    add_audits(path, [other])
    add_audits(path, [{**AUDIT, "verdict": "hung"}])
    add_audits(path, [AUDIT])
    assert read_audits(path) == [AUDIT, other]  # in the order of the catalogues
    assert by_feeder_and_workload(read_audits(path)) == {("sequence", "text"): AUDIT, ("sequence", "jpeg"): other}


def test_a_damaged_file_is_left_as_it_is(tmp_path):
    path = audits_file(tmp_path, "2.16.2", "jax")
    path.write_text("{half\n")
    with pytest.raises(FeedersError, match=r"2\.16\.2-jax-audits\.jsonl, line 1: damaged"):
        add_audits(path, [AUDIT])
    assert path.read_text() == "{half\n"
