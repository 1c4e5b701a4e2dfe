"""The summary shows what the takes hold, and says what is wrong with them."""

from __future__ import annotations

import dataclasses
import statistics

import pytest

from feeders.errors import FeedersError
from feeders.measure import Record
from feeders.report import read_takes, summarise

STACK = {"tensorflow": "2.21.0", "keras": "3.15.1", "python": "3.11.7"}
NAME = "2.16.2-stack-takes.jsonl"


def record(feeder="sequence", workers=1, speed=100.0, **values):
    metrics = {"throughput": speed, "effective_throughput": speed, "corrupt": 0}
    base = Record(
        feeder,
        "remote",
        workers,
        "measured",
        metrics={**metrics, **values.pop("metrics", {})},
        guarantee="exactly-once",
        started="2026-01-01",
        stack=STACK,
        host={"cores": 2},
    )
    return dataclasses.replace(base, **values)


def write(folder, records, name=NAME, machine="lab"):
    path = folder / machine / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{take.to_json()}\n" for take in records))
    return path


def rows(text):
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_median_of_takes_is_shown_by_feeder_and_column(tmp_path):
    speeds = [2000.0, 1000.0, 4000.0]
    write(tmp_path, [*(record(speed=speed) for speed in speeds), record("tfdata-map", workers=4, speed=1.0)])
    table = rows(summarise(read_takes(tmp_path)))
    assert table["feeder"] == ["remote ×1", "remote ×4"]
    assert table["sequence"] == [f"{statistics.median(speeds):,.0f}", ""]
    assert table["tfdata-map"] == ["", "1"]


def test_rows_keep_the_order_of_the_catalogue(tmp_path):
    write(tmp_path, [record("tfdata-map"), record("resident"), record("sequence")])
    assert list(rows(summarise(read_takes(tmp_path)))) == ["feeder", "resident", "sequence", "tfdata-map"]


@pytest.mark.parametrize("unsafe", [{"guarantee": "at-least-once"}, {"guarantee": "none"}, {"metrics": {"corrupt": 3}}])
def test_a_fast_but_wrong_feeder_is_marked(tmp_path, unsafe):
    write(tmp_path, [record(), record(**unsafe)])
    assert rows(summarise(read_takes(tmp_path)))["sequence"] == ["100 ✗"]


def test_a_cell_that_mostly_broke_shows_its_word(tmp_path):
    hung = record(outcome="hung", metrics={}, guarantee="", message="no end")
    write(tmp_path, [hung, hung, record(), record("resident")])
    assert rows(summarise(read_takes(tmp_path)))["sequence"] == ["hung"]


def test_releases_come_in_order_of_their_dates(tmp_path):
    """2.8.4, 2.9.3 and 2.10.1 were published on one day."""
    order = ["2.8.4", "2.9.3", "2.10.1", "2.15.1", "2.16.2", "k3.15.1"]
    for release in sorted(order):
        write(tmp_path, [record()], name=f"{release}-stack-takes.jsonl")
    assert [part.release for part in read_takes(tmp_path)] == order


def test_nothing_measured_yet_says_what_to_run(tmp_path):
    with pytest.raises(FeedersError, match=r"holds no takes.*Try: asv run"):
        read_takes(tmp_path)


def test_a_damaged_line_is_named(tmp_path):
    path = write(tmp_path, [record(), record()])
    path.write_text(path.read_text()[:-20])
    with pytest.raises(FeedersError, match=r"2.16.2-stack-takes.jsonl, line 2: take record: damaged line"):
        read_takes(tmp_path)


def test_an_empty_file_is_named(tmp_path):
    write(tmp_path, [])
    with pytest.raises(FeedersError, match=r"2.16.2-stack-takes.jsonl: holds no takes. Try: delete it"):
        read_takes(tmp_path)
