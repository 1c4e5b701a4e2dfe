"""Unfinished runs: kept beside the takes until they end."""

from __future__ import annotations

import pytest

from feeders.results.unfinished import MOST, UnfinishedRun, read_unfinished, unfinished_file, write_unfinished


def runs(count):
    return [UnfinishedRun(f"2026-01-02T03:04:{number:02}+00:00", {"range_spec": number}) for number in range(count)]


def test_runs_are_read_as_they_were_written_and_the_oldest_are_forgotten(tmp_path):
    assert read_unfinished(tmp_path) == []
    write_unfinished(tmp_path, runs(MOST + 2))
    assert read_unfinished(tmp_path) == runs(MOST + 2)[2:]


def test_without_runs_there_is_no_file(tmp_path):
    write_unfinished(tmp_path, runs(1))
    write_unfinished(tmp_path, [])
    write_unfinished(tmp_path, [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '"ALL"', '{"asked": 1}', '[{"id": "1"}]'])
def test_a_damaged_file_holds_none(tmp_path, text):
    unfinished_file(tmp_path).write_text(text)
    assert read_unfinished(tmp_path) == []
