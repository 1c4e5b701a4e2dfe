"""Confirmed changes under results/ as a table: in order, with what else changed in the stack."""

from __future__ import annotations

import json

import pytest

from feeders.errors import FeedersError
from feeders.report.changes import summarise_changes


def finding(before, after, cell="sequence/text/4", confirmed=True, ratio=1.25, quantity="whole epochs"):
    verdict = {"word": "slower", "ratio": ratio, "low": ratio - 0.05, "high": ratio + 0.05, "pairs": 10}
    told = {"cell": cell, "before": before, "after": after, "confirmed": confirmed, "verdict": verdict}
    return {"schema": 3, "quantity": quantity, **told}


def written(folder, *findings):
    machine = folder / "lab"
    machine.mkdir(exist_ok=True)
    (machine / "stack-changes.jsonl").write_text("".join(json.dumps(each) + "\n" for each in findings))
    return [machine]


def test_confirmed_changes_stand_in_the_order_of_releases_with_their_numbers(tmp_path):
    late, early = finding("2.16.2", "2.17.1", quantity="inside epochs"), finding("2.14.1", "2.15.1", ratio=19.423)
    (text,) = summarise_changes(written(tmp_path, late, early, finding("2.8.4", "2.9.3", confirmed=False)))
    assert "`lab`, environment `stack`: confirmed by lockstep pairs are 2 of 3 suspects that were compared" in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows == [
        "| `2.15.1` | `2.14.1` | `sequence/text/4` | whole epochs | × 19.4 | [19.373, 19.473] | 10 |",
        "| `2.17.1` | `2.16.2` | `sequence/text/4` | inside epochs | × 1.25 | [1.200, 1.300] | 10 |",
    ]


def test_what_is_begun_is_not_counted_as_compared(tmp_path):
    (text,) = summarise_changes(
        written(tmp_path, finding("2.14.1", "2.15.1"), finding("2.8.4", "2.9.3", confirmed=None))
    )
    assert "are 1 of 1 suspects that were compared; 1 more are begun\n" in text


def test_what_changed_in_the_pins_is_told_once_for_all_cells(tmp_path):
    cells = [finding("2.16.2", "2.17.1", cell) for cell in ("sequence/text/4", "sequence/text/1")]
    (text,) = summarise_changes(written(tmp_path, *cells))
    (line,) = [line for line in text.splitlines() if line.startswith("- ")]
    assert line.startswith("- `2.17.1` after `2.16.2`: tensorflow-cpu 2.16.2 -> 2.17.1, keras 3.4.1 -> 3.6.0")


def test_one_release_is_shown_alone(tmp_path):
    machines = written(tmp_path, finding("2.16.2", "2.17.1"), finding("2.14.1", "2.15.1"))
    (text,) = summarise_changes(machines, "2.17.1")
    assert "are 1 of 1 suspects" in text
    assert "2.15.1" not in text
    assert summarise_changes(machines, "2.18.1") == []


def test_where_nothing_was_judged_there_is_no_section(tmp_path):
    assert summarise_changes([tmp_path]) == []


def test_a_damaged_file_is_named(tmp_path):
    (machine,) = written(tmp_path)
    (machine / "stack-changes.jsonl").write_text("{")
    with pytest.raises(FeedersError, match=r"stack-changes\.jsonl, line 1: damaged"):
        summarise_changes([machine])
