"""What `asv run` ends with: the answer, what was unsafe, the next commands."""

from __future__ import annotations

import pytest

from feeders.report.cells import cells_table
from feeders.report.closing import closing_lines
from feeders.report.recommendation import costs, recommendations
from feeders.results.takes import read_takes
from tests.report.conftest import broken, made_up, write_takes

RUN = "2026-01-01T00:00:00+00:00"


def of_run(*cells, run=RUN):
    """Takes of a run, each given as feeder, workload, workers, speed and metrics."""
    return [
        made_up(feeder, load, workers, speed, metrics=metrics, run=run, round=0)
        for feeder, load, workers, speed, metrics in cells
    ]


@pytest.fixture
def results(tmp_path):
    takes = of_run(
        ("resident", "text", 1, 2000.0, {}),
        ("sequence", "text", 1, 1000.0, {}),
        ("sequence-call-lock", "text", 4, 5000.0, {"corrupt": 7}),
        ("sequence-call-lock", "remote", 4, 5000.0, {"missing": 3}),
    )
    write_takes(tmp_path, takes)
    return tmp_path


def test_it_names_the_feeder_per_workload_then_what_was_unsafe_then_two_commands(results):
    lines = [line.split() for line in closing_lines(results, "lab", RUN)]
    head, text, remote, unsafe, wrong, after, *commands = (" ".join(words) for words in lines)
    assert head == "How to feed fit() here (TensorFlow 2.16.2, Keras 3.4.1, Python 3.11.7, CPU):"
    assert text == "text sequence ×1 1,000 samples/s 50 % of the ceiling: starved 1 take"
    assert remote == "remote nothing measured is safe"
    assert unsafe == "Unsafe, however fast:"
    assert wrong == "sequence-call-lock ×4 text, remote 7 of 3,000 samples corrupt in an epoch"
    assert after == "Next:"
    assert [command.split()[1] for command in commands] == ["report", "advise"]


def test_it_says_how_near_a_feeder_comes_to_the_limit_of_the_host(tmp_path):
    takes = of_run(("resident", "text", 1, 2000.0, {}), ("sequence", "text", 1, 1000.0, {"share_of_limit": 71.6}))
    write_takes(tmp_path, takes)
    text = next(line for line in closing_lines(tmp_path, "lab", RUN) if "sequence" in line)
    assert "72 % of this host's limit  50 % of the ceiling: starved" in text
    (answer,) = recommendations(cells_table(tmp_path, read_takes(tmp_path)))
    assert costs(answer.best)[:2] == [("of this host's limit", "72 %"), ("of the ceiling", "50 % (starved)")]


def test_only_workloads_and_releases_of_the_run_are_told_with_all_their_takes(results):
    older = of_run(("sequence", "text", 1, 1000.0, {}), ("sequence", "jpeg", 1, 100.0, {}), run="another")
    newer = of_run(("sequence", "text", 1, 1100.0, {}))
    write_takes(results, [*older, *newer], release="2.17.1")
    write_takes(results, older, release="2.18.1")
    lines = closing_lines(results, "lab", RUN)
    assert [line.split()[0] for line in lines[:3]] == ["How", "text", "Every"]
    assert " ".join(lines[1].split()) == "text sequence ×1 1,050 [1,000, 1,100] samples/s 2 takes"


def test_a_run_that_made_no_take_ends_without_a_word(results):
    assert closing_lines(results, "lab", "another") == []
    assert closing_lines(results, "elsewhere", RUN) == []
    assert read_takes(results)


def test_what_was_not_counted_is_not_said_to_have_arrived(tmp_path):
    """As of a loader whose content is random; it is fed all the same."""
    message = "not counted: its content differs from pass to pass"
    write_takes(tmp_path, [made_up("sequence", "own", 4, run=RUN, round=0, guarantee="", message=message)])
    lines = closing_lines(tmp_path, "lab", RUN)
    assert lines[2] == f"own: delivery {message}. Try: `feeders audit LOADER --key EXPRESSION`"
    assert lines[3] == "Next:"


def test_where_every_take_broke_nothing_is_said_to_have_arrived(tmp_path):
    write_takes(tmp_path, [broken("crashed", "signal 11", run=RUN, round=0)])
    lines = closing_lines(tmp_path, "lab", RUN)
    assert " ".join(lines[1].split()) == "text nothing measured is safe"
    assert lines[2] == "Next:"
