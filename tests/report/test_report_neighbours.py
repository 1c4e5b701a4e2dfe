"""The noisy neighbour: how much longer a step takes beside a feeder, in a column and in a sentence of the answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feeders.report.answers import answers_table
from feeders.report.neighbours import sentence, with_neighbours
from feeders.report.recommendation import recommendations
from feeders.report.summary import summarise

from .conftest import made_up, write_takes
from .test_report_recommendation import cell

CELLS = (
    cell("resident", step_work=0.002, gpu_busy=80.0, epoch=0.1, speed=900),
    cell("sequence", 4, speed=100, step_work=0.003, gpu_busy=50.0, epoch=0.2),
    cell("lookahead-threads", 4, speed=100, step_work=0.0032, gpu_busy=40.0, epoch=0.2),
    cell("sequence-processes", 4, speed=90, step_work=0.0021),
    cell("generator", 1, speed=50, step_work=0.004),
    cell("sequence-call-lock", 4, speed=200, state="unsafe", why="none", step_work=0.009),
)


def test_a_step_beside_a_feeder_is_told_in_times_of_one_beside_the_ceiling():
    told = with_neighbours(pd.DataFrame(CELLS)).set_index("feeder")
    assert told["step_times"].round(3).to_dict() == {
        "resident": 1.0,
        "sequence": 1.5,
        "lookahead-threads": 1.6,
        "sequence-processes": 1.05,
        "generator": 2.0,
        "sequence-call-lock": 4.5,
    }
    assert told["kernel_times"]["sequence"] == pytest.approx(50 * 0.2 / (80 * 0.1))
    assert np.isnan(told["kernel_times"]["generator"])


def test_each_device_is_held_against_its_own_ceiling():
    slow = [cell("resident", step_work=0.02, device="GPU"), cell("sequence", step_work=0.03, device="GPU")]
    told = with_neighbours(pd.DataFrame([*slow, *CELLS]))
    assert told["step_times"][:2].tolist() == [1.0, 1.5]
    assert list(told.index) == list(range(8))


def test_without_a_ceiling_nothing_is_told():
    told = with_neighbours(pd.DataFrame(CELLS[1:]))
    assert told["step_times"].isna().all()
    assert sentence(CELLS[1], CELLS[1:]) == ""


def test_the_answer_says_it_and_compares_threads_with_processes():
    """What is wrong is fast for another reason; one worker is no crowd."""
    (found,) = recommendations(pd.DataFrame(CELLS))
    assert found.neighbour == (
        "without its wait a step takes 1.50 times as long beside `sequence` as beside `resident`; "
        "threads inside the trainer: 1.50 to 1.60 times; processes outside: 1.05 times"
    )
    (html,) = answers_table(pd.DataFrame(CELLS))["html"]
    assert "<li>without its wait a step takes 1.50 times as long beside <code>sequence</code>" in html


def test_results_of_before_it_was_measured_say_nothing():
    (found,) = recommendations(pd.DataFrame([cell("resident"), cell("sequence")]))
    assert found.neighbour == ""


def test_the_summary_says_it_too(tmp_path):
    takes = [made_up("resident", speed=900.0, metrics={"step_work": 0.001}), made_up(metrics={"step_work": 0.0012})]
    write_takes(tmp_path, takes)
    assert "- `text`: without its wait a step takes 1.20 times as long beside `sequence` as beside `resident`" in (
        summarise(tmp_path)
    )
