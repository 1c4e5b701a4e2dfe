"""What is recommended is safe, fast and simple, by the rule as it is written; and what is wrong is named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feeders.measure import METRICS
from feeders.report.answers import answers_table
from feeders.report.cells import SUBJECT
from feeders.report.recommendation import alternatives, recommendations

HERE = dict(zip(SUBJECT, ("lab", "2.16.2", "CPU")))


def cell(feeder, workers=1, speed=100.0, state="safe", **values):
    numbers = {f"{row.name}{end}": np.nan for row in METRICS for end in ("", "_low", "_high")}
    costs = {"wait_p99": 0.004, "first_batch": 0.3, "cpu": 0.2, "memory": 2e8, "stall": 50.0}
    span = {"effective_throughput_low": 0.99 * speed, "effective_throughput_high": 1.01 * speed}
    known = {**numbers, **costs, "effective_throughput": speed, **span}
    told = {"word": "", "message": "", "why": "", "takes": 5, "measured": 5, "state": state}
    return {**HERE, "workload": "text", "feeder": feeder, "workers": workers, **known, **told, **values}


def answer(*cells):
    (found,) = recommendations(pd.DataFrame(cells))
    return found


def best(*cells):
    found = answer(*cells).best
    return (found["feeder"], found["workers"]) if found else None


def test_the_fastest_safe_feeder_is_recommended():
    assert best(cell("generator", speed=90), cell("sequence", 4, speed=100)) == ("sequence", 4)


def test_an_unsafe_feeder_is_not_recommended_however_fast():
    wrong = cell("sequence", 4, speed=900, state="unsafe", why="3 of 100 samples corrupt in an epoch")
    found = answer(cell("generator"), wrong)
    assert found.best["feeder"] == "generator"
    assert found.avoid == (("sequence ×4", "wrong delivery: 3 of 100 samples corrupt in an epoch"),)


def test_of_those_as_fast_the_one_with_fewer_workers_then_the_simpler():
    assert best(cell("sequence", 4, speed=100), cell("sequence", 1, speed=96)) == ("sequence", 1)
    assert best(cell("sequence", 4, speed=100), cell("sequence", 1, speed=94)) == ("sequence", 4)
    assert best(cell("tfdata-map", speed=100), cell("generator", speed=98)) == ("generator", 1)


def test_the_ceiling_and_what_shows_a_mistake_are_not_recommended():
    found = answer(cell("resident", speed=500), cell("sequence-call-lock", speed=400), cell("sequence"))
    assert found.best["feeder"] == "sequence"
    assert [label for label, _ in found.avoid] == ["sequence-call-lock ×1"]
    assert "locks nothing" in found.avoid[0][1]


def test_what_asks_for_more_is_named_apart_and_only_if_it_is_faster():
    found = answer(cell("arrays", speed=300), cell("tfdata-native", speed=101), cell("sequence", speed=100))
    assert found.best["feeder"] == "sequence"
    assert [row["feeder"] for row in found.otherwise] == ["arrays"]
    assert alternatives(found) == ["with all batches prepared once and kept in memory: `arrays ×1`, 300 [297, 303]"]


def test_the_runner_up_is_another_feeder_and_says_what_it_is_better_at():
    found = answer(
        cell("sequence", 4, speed=100), cell("sequence", 2, speed=90), cell("generator", speed=60, memory=1e8)
    )
    assert found.runner_up["feeder"] == "generator"
    assert found.better_at == ("memory 100 MB against 200 MB",)


def test_two_that_takes_can_not_tell_apart_are_left_to_compare():
    close = cell("generator", speed=90, effective_throughput_high=105)
    found = answer(cell("sequence", 4, speed=100), close)
    assert "`feeders compare sequence:4 generator:1 --workload text`" in "".join(alternatives(found))
    assert "compare" not in "".join(alternatives(answer(cell("sequence", 4, speed=100), cell("generator", speed=60))))


def test_the_command_that_compares_measures_on_what_was_measured():
    where = {"device": "GPU, FEEDERS_MODEL=resnet, KERAS_BACKEND=jax"}
    close = cell("generator", speed=90, effective_throughput_high=105, **where)
    text = "".join(alternatives(answer(cell("sequence", 4, speed=100, **where), close)))
    assert "`FEEDERS_MODEL=resnet KERAS_BACKEND=jax feeders compare sequence:4 generator:1 " in text


@pytest.mark.parametrize(
    ("device", "start"),
    [
        ("GPUS, FEEDERS_BATCH=64", "`FEEDERS_DEVICE=gpus FEEDERS_BATCH=64 feeders compare "),
        ("CPU, FEEDERS_IMAGES=_home_me_photos", "`FEEDERS_IMAGES=DIR feeders compare "),
        ("CPU, FEEDERS_LOADER=_home_me_my.py_Train", "`FEEDERS_LOADER=FILE.py:NAME feeders compare "),
    ],
)
def test_the_command_that_compares_can_be_followed(device, start):
    """The name of a series has no path, and on a host with several GPUs one is the default."""
    close = cell("generator", speed=90, effective_throughput_high=105, device=device)
    assert start in "".join(alternatives(answer(cell("sequence", 4, speed=100, device=device), close)))


def test_where_nothing_is_safe_there_is_no_recommendation():
    found = answer(cell("resident"), cell("sequence", state="unsafe", why="none"))
    assert found.best is None
    assert alternatives(found) == []


def test_where_only_what_asks_for_more_is_safe_the_page_says_so_and_names_it():
    cells = [cell("tfdata-native", speed=300), cell("sequence", state="unsafe", why="none")]
    found = answer(*cells)
    assert (found.best, found.none_safe) == (None, "nothing measured is safe that needs only a loader in Python")
    (html,) = answers_table(pd.DataFrame(cells))["html"]
    assert "<li>with the preparation written in TensorFlow ops: <code>tfdata-native ×1</code>" in html


def test_outcomes_and_lost_speed_are_reasons_to_avoid():
    message = "ValueError: already executing\nmore"
    broken = cell("generator", 4, state="no-number", word="failed", message=message, speed=np.nan)
    slower = [cell("sequence-lock", workers, speed=speed) for workers, speed in ((1, 100), (2, 70), (4, 70))]
    unsupported = cell("tfdata-native", state="no-number", word="unsupported", speed=np.nan)
    assert answer(broken, *slower, unsupported).avoid == (
        ("generator ×4", "failed: ValueError: already executing"),
        ("sequence-lock ×2, ×4", "slower with more workers: × 0.70 of one"),
    )


@pytest.mark.parametrize("both", [True, False])
def test_one_take_tells_no_two_feeders_apart(both):
    """As after ``asv run --quick``: how far takes spread is not known, so neither is that one feeder is faster."""
    alone = {"effective_throughput_low": np.nan, "effective_throughput_high": np.nan}
    found = answer(cell("sequence", 4, speed=100, **(alone if both else {})), cell("generator", speed=60, **alone))
    (text,) = [text for text in alternatives(found) if "compare" in text]
    assert text.startswith("too few takes; to decide: `feeders compare sequence:4 ")
