"""Confirmed changes under results/ as a table: in order, with what else changed in the stack."""

from __future__ import annotations

import pytest

from feeders.errors import FeedersError
from feeders.report.changes import summarise_changes
from feeders.results.changes import changes_file, write_changes
from tests.results.made import a_finding


def written(results, *findings):
    (results / "lab").mkdir(exist_ok=True)
    write_changes(changes_file(results / "lab", "stack"), findings)


def test_confirmed_changes_stand_in_the_order_of_releases_with_their_numbers(tmp_path):
    late, early = a_finding("2.16.2", "2.17.1", quantity="inside epochs"), a_finding("2.14.1", "2.15.1", ratio=19.423)
    written(tmp_path, late, early, a_finding("2.8.4", "2.9.3", confirmed=False))
    (text,) = summarise_changes(tmp_path, ["lab"])
    assert "`lab`, environment `stack`: lockstep pairs confirm 2 of 3 suspects that were compared" in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows == [
        "| `2.15.1` | `2.14.1` | `sequence/text/1` | whole epochs | × 19.4 | [19.373, 19.473] | 10 |",
        "| `2.17.1` | `2.16.2` | `sequence/text/1` | inside epochs | × 1.25 | [1.200, 1.300] | 10 |",
    ]


def test_what_is_begun_is_not_counted_as_compared(tmp_path):
    written(tmp_path, a_finding("2.14.1", "2.15.1"), a_finding("2.8.4", "2.9.3", confirmed=None))
    (text,) = summarise_changes(tmp_path, ["lab"])
    assert "confirm 1 of 1 suspects that were compared; 1 more are begun\n" in text


def test_what_changed_in_the_pins_is_told_once_for_all_cells(tmp_path):
    cells = [a_finding("2.16.2", "2.17.1", cell) for cell in ("sequence/text/4", "sequence/text/1")]
    written(tmp_path, *cells)
    (text,) = summarise_changes(tmp_path, ["lab"])
    (line,) = [line for line in text.splitlines() if line.startswith("- ")]
    assert line.startswith("- `2.17.1` after `2.16.2`: tensorflow-cpu 2.16.2 -> 2.17.1, keras 3.4.1 -> 3.6.0")


def test_one_release_is_shown_alone(tmp_path):
    written(tmp_path, a_finding("2.16.2", "2.17.1"), a_finding("2.14.1", "2.15.1"))
    (text,) = summarise_changes(tmp_path, ["lab"], "2.17.1")
    assert "confirm 1 of 1 suspects" in text
    assert "2.15.1" not in text
    assert summarise_changes(tmp_path, ["lab"], "2.18.1") == []


def test_where_nothing_was_judged_there_is_no_section(tmp_path):
    assert summarise_changes(tmp_path, ["lab"]) == []


def test_a_damaged_file_is_named(tmp_path):
    written(tmp_path)
    (tmp_path / "lab" / "stack-changes.jsonl").write_text("{")
    with pytest.raises(FeedersError, match=r"stack-changes\.jsonl, line 1: damaged"):
        summarise_changes(tmp_path, ["lab"])
