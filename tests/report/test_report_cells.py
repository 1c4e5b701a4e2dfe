"""A cell's row says what its takes say: the middle and how sure, the word, and whether all of it arrived."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from feeders.measure import Record
from feeders.report.cells import cells_table, median_interval, of_other_length
from feeders.report.deliveries import deliveries_table
from feeders.report.recommendation import recommendations
from feeders.results.audits import AUDITS_SUFFIX
from feeders.results.takes import read_takes

STACK = {"tensorflow": "2.21.0", "keras": "3.15.1", "python": "3.11.7"}
RELEASE = "2.16.2"


def record(feeder="sequence", workers=4, speed=100.0, **values):
    metrics = {"effective_throughput": speed, "epoch": 100 / speed, **values.pop("metrics", {})}
    base = Record(
        feeder,
        "records",
        workers,
        "measured",
        metrics=metrics,
        guarantee="exactly-once",
        started="2026-01-01",
        stack=STACK,
        host={"cores": 2},
        delivered=3082,
    )
    return dataclasses.replace(base, **values)


def told(folder, records, environment="stack", audits=()):
    machine = folder / "lab"
    machine.mkdir()
    (machine / f"{RELEASE}-{environment}-takes.jsonl").write_text("".join(f"{take.to_json()}\n" for take in records))
    lines = [json.dumps({"schema": 1, "workload": "records", "content": "whole", **audit}) + "\n" for audit in audits]
    (machine / f"{RELEASE}{AUDITS_SUFFIX}").write_text("".join(lines))
    parts = read_takes(folder)
    return cells_table(folder, parts), parts


@pytest.mark.parametrize("count", [2, 3, 5, 6, 9, 12, 20])
def test_the_interval_holds_the_median_as_often_as_it_says(count):
    """Drawn from a skewed distribution: nothing is assumed of it. Below six takes it is the range of all."""
    draws = np.random.Generator(np.random.PCG64(5)).lognormal(size=(4000, count))
    found = np.array([median_interval(list(draw)) for draw in draws])
    covered = np.mean((found[:, 0] <= 1) & (found[:, 1] >= 1))
    expected = 0.95 if count >= 6 else 1 - 2 * 0.5**count
    assert covered >= expected - 0.02
    if count < 6:
        assert covered <= expected + 0.02
        assert (found[:, 0] == draws.min(axis=1)).all()
    else:
        assert (found[:, 1] - found[:, 0]).mean() <= (draws.max(axis=1) - draws.min(axis=1)).mean()


def test_one_take_has_no_interval():
    assert np.isnan(median_interval([3.0])).all()


def test_the_median_of_takes_and_its_interval(tmp_path):
    frame, _ = told(tmp_path, [record(speed=speed) for speed in (3.0, 1.0, 20.0)])
    (row,) = frame.to_dict("records")
    assert [row[f"effective_throughput{end}"] for end in ("", "_low", "_high")] == [3.0, 1.0, 20.0]
    assert (row["takes"], row["measured"], row["state"]) == (3, 3, "safe")
    assert np.isnan(row["memory"])


def test_the_ceiling_is_that_of_the_take_s_own_round(tmp_path):
    rounds = [(0, 200.0, 100.0), (1, 50.0, 40.0)]
    takes = [
        record(feeder, 1, speed, run="a", round=number)
        for number, *speeds in rounds
        for feeder, speed in zip(("resident", "sequence"), speeds)
    ]
    frame, _ = told(tmp_path, takes)
    stalls = frame.set_index("feeder")["stall"]
    assert stalls["sequence"] == pytest.approx((50 + 20) / 2)
    assert np.isnan(stalls["resident"])


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"guarantee": "at-least-once"}, "at-least-once"),
        ({"metrics": {"corrupt": 3}}, "0 to 3 of 3,082 samples corrupt in an epoch"),
        ({"metrics": {"stale": 1}}, "0 to 1 of 3,082 samples stale in an epoch"),
    ],
)
def test_one_wrong_take_makes_a_cell_unsafe_and_says_why(tmp_path, values, why):
    frame, _ = told(tmp_path, [record(), record(), record(**values)])
    assert frame[["state", "why"]].to_numpy().tolist() == [["unsafe", why]]


@pytest.mark.parametrize(("workers", "state"), [(4, "unsafe"), (1, "safe")])
def test_an_audit_that_found_a_race_counts_for_several_workers(tmp_path, workers, state):
    audit = {"loader": "sequence", "verdict": "exactly-once", "content": "corrupt", "safe": False}
    frame, _ = told(tmp_path, [record(workers=workers)], audits=[audit])
    assert frame["state"].tolist() == [state]


def test_a_cell_that_mostly_broke_has_its_word_and_message_and_no_number(tmp_path):
    hung = record(outcome="hung", metrics={}, message="no end")
    hung = dataclasses.replace(hung, metrics={})
    frame, _ = told(tmp_path, [hung, record()])
    (row,) = frame.to_dict("records")
    assert (row["state"], row["word"], row["message"]) == ("no-number", "hung", "no end")
    assert np.isnan(row["effective_throughput"])


@pytest.mark.parametrize(
    ("environment", "stack", "words"),
    [
        ("stack", {}, "CPU"),
        ("stack", {"device": "GPU"}, "GPU"),
        ("stack-FEEDERS_MODELreal-KERAS_BACKENDjax", {}, "CPU, FEEDERS_MODEL=real, KERAS_BACKEND=jax"),
        ("stack-FEEDERS_IMAGES_data_my-photos", {}, "CPU, FEEDERS_IMAGES=_data_my-photos"),
    ],
)
def test_what_sets_series_apart_is_in_the_device(tmp_path, environment, stack, words):
    _, (part,) = told(tmp_path, [record(stack={**STACK, **stack})], environment)
    assert part.device == words


def test_rows_keep_the_order_of_the_catalogues(tmp_path):
    takes = [record("tfdata-map"), record("resident"), record("sequence", 8), record("sequence", 2)]
    frame, _ = told(tmp_path, [dataclasses.replace(takes[0], workload="text"), *takes])
    assert list(zip(frame["workload"], frame["feeder"], frame["workers"])) == [
        ("text", "tfdata-map", 4),
        ("records", "resident", 4),
        ("records", "sequence", 2),
        ("records", "sequence", 8),
        ("records", "tfdata-map", 4),
    ]


def test_another_length_of_an_epoch_is_told_as_takes_tell_it(tmp_path):
    """From the medians of one take it is exact: a long gap weighs more in short epochs."""
    batch = {"seconds_per_batch": 0.004, "gap": 0.4, "throughput": 100.0}
    takes = [record(metrics=batch), record("resident", 1, metrics={**batch, "gap": 0.0})]
    cells, parts = told(tmp_path, takes)
    for length in (10, 100, 1000, 100_000):
        known, derived = cells_table(tmp_path, parts, length), of_other_length(cells, length)
        for name in ("effective_throughput", "stall"):
            np.testing.assert_allclose(known[name].to_numpy(float), derived[name].to_numpy(float))


def test_a_feeder_with_a_long_gap_falls_behind_in_short_epochs(tmp_path):
    takes = [
        record("sequence", metrics={"seconds_per_batch": 0.001, "gap": 0.5, "throughput": 100.0}),
        record("generator", 1, metrics={"seconds_per_batch": 0.002, "gap": 0.0, "throughput": 100.0}),
    ]
    cells, _ = told(tmp_path, takes)
    fastest = [
        max(zip(frame["effective_throughput"], frame["feeder"]))[1]
        for frame in (of_other_length(cells, 100), of_other_length(cells, 1000))
    ]
    assert fastest == ["generator", "sequence"]


def test_takes_that_timed_a_batch_within_long_epochs_give_the_numbers_and_all_judge_the_delivery(tmp_path):
    """What takes of before tell of a batch comes from short epochs, and is slower."""
    before = [record(metrics={"corrupt": 1, "throughput": 100.0}) for _ in range(3)]
    since = [record(metrics={"seconds_per_batch": 0.001, "throughput": 100.0}) for _ in range(2)]
    table, _ = told(tmp_path, [*before, *since])
    (cell,) = table.to_dict("records")
    assert (cell["takes"], cell["measured"], cell["state"]) == (5, 2, "unsafe")
    assert cell["seconds_per_batch"] == cell["seconds_per_batch_high"] == 0.001
    assert (cell["corrupt_high"], "corrupt" in cell["why"]) == (1, True)


def test_a_delivery_that_could_not_be_counted_is_not_called_exactly_once(tmp_path):
    """Of a person's loader whose samples nothing tells apart; the ceiling is not judged at all."""
    why = "not counted: its content differs from pass to pass"
    takes = [record(guarantee="", delivered=None, message=why), record("resident", 1, guarantee="", delivered=None)]
    frame, _ = told(tmp_path, takes)
    (row,) = deliveries_table(frame).to_dict("records")
    assert (row["verdict"], row["tone"]) == ("not counted ×4", "none")
    assert row["evidence"].endswith(why)
    (found,) = recommendations(frame)
    assert found.uncounted.startswith(f"delivery {why}. Try: ")


def test_a_feeder_that_broke_in_some_takes_is_not_recommended_and_says_so(tmp_path):
    """A take that broke before its feeder was asked, as on a full disk, says nothing of it."""
    hung = dataclasses.replace(record(), outcome="hung", metrics={}, message="no end")
    unmade = dataclasses.replace(hung, outcome="failed", stack={})
    frame, _ = told(tmp_path, [*(record() for _ in range(4)), hung, unmade, record("generator", 1, 50.0)])
    (found,) = recommendations(frame)
    assert found.best["feeder"] == "generator"
    assert found.avoid == (("sequence ×4", "broke in some takes: hung in 1 of 6"),)
    (_, row) = deliveries_table(frame).to_dict("records")
    assert (row["verdict"], row["tone"]) == ("exactly-once ×4", "warn")
    assert row["evidence"].endswith("each take verified; broke in some takes: hung in 1 of 6")


def test_what_an_audit_provokes_is_not_called_wrong_in_the_takes(tmp_path):
    audit = {"loader": "sequence", "verdict": "exactly-once", "content": "corrupt", "safe": False}
    frame, _ = told(tmp_path, [record()], audits=[audit])
    (row,) = deliveries_table(frame).to_dict("records")
    assert (row["verdict"], row["tone"]) == ("exactly-once ×4", "warn")
    assert row["evidence"].endswith("verified; exactly-once, content corrupt where an audit provokes races")


def test_the_evidence_tells_how_many_takes_give_the_numbers(tmp_path):
    """All of them were measured and verified; those that timed long epochs give the numbers."""
    takes = [record(metrics={"throughput": 100.0}), record(metrics={"throughput": 100.0, "seconds_per_batch": 0.001})]
    frame, _ = told(tmp_path, takes)
    (row,) = deliveries_table(frame).to_dict("records")
    assert "workers 4: numbers of 1 of 2 takes\n" in row["evidence"]
