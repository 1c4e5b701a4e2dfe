"""The files of takes: appended to line by line, counted, and read with what they belong to."""

from __future__ import annotations

import dataclasses

import pytest

from feeders.errors import FeedersError
from feeders.results.record import Record
from feeders.results.takes import Takes, append_take, count_takes, read_takes, takes_file, takes_of_round

TAKE = Record("sequence", "text", 4, "measured", stack={"keras": "3.4.1", "python": "3.11.7"}, run="r", round=0)


@pytest.fixture
def machine(tmp_path):
    folder = tmp_path / "results" / "lab"
    folder.mkdir(parents=True)
    return folder


def test_a_take_is_one_line_behind_those_that_are_there(machine):
    path = takes_file(machine, "2.16.2", "stack")
    for number in range(3):
        append_take(path, dataclasses.replace(TAKE, round=number))
    assert [take.round for take in read_takes(machine.parent)[0].records] == [0, 1, 2]
    assert path.name == "2.16.2-stack-takes.jsonl"


def test_takes_of_a_round_are_those_of_the_run_alone(machine):
    path = takes_file(machine, "2.16.2", "stack")
    assert list(takes_of_round(path, "r", 1)) == []
    others = [dataclasses.replace(TAKE, run="other", round=1), dataclasses.replace(TAKE, round=10)]
    mine = dataclasses.replace(TAKE, round=1)
    for take in (*others, mine):
        append_take(path, take)
    assert list(takes_of_round(path, "r", 1)) == [mine]


def test_takes_are_counted_by_machine_whatever_environment_made_them(machine):
    for environment, count in (("stack", 3), ("stack-KERAS_BACKENDjax", 2)):
        for _ in range(count):
            append_take(takes_file(machine, "2.16.2", environment), TAKE)
    append_take(takes_file(machine, "2.16.1", "stack"), TAKE)
    assert count_takes(machine.parent, "2.16.2") == {"lab": 5}
    assert count_takes(machine.parent, "2.15.1") == {}


def test_where_nothing_was_measured_the_command_that_measures_is_named(tmp_path):
    with pytest.raises(FeedersError, match=r"holds no takes \(\*/\*-takes\.jsonl\)\. Try: asv run"):
        read_takes(tmp_path)


def test_an_empty_file_and_a_damaged_line_are_named(machine):
    path = takes_file(machine, "2.16.2", "stack")
    path.touch()
    with pytest.raises(FeedersError, match=r"2\.16\.2-stack-takes\.jsonl: holds no takes\. Try: delete it"):
        read_takes(machine.parent)
    append_take(path, TAKE)
    path.write_text(f"{path.read_text()}{{half\n")
    with pytest.raises(FeedersError, match=r"2\.16\.2-stack-takes\.jsonl, line 2: take record: damaged line"):
        read_takes(machine.parent)


@pytest.mark.parametrize(
    ("environment", "stack", "device"),
    [
        ("stack", {}, "CPU"),
        ("stack", {"device": "cpu"}, "CPU"),
        ("stack-FEEDERS_MODELreal", {"device": "gpu"}, "GPU, FEEDERS_MODEL=real"),
        ("stack-FEEDERS_DEVICEgpu-KERAS_BACKENDjax", {"device": "gpu"}, "GPU, KERAS_BACKEND=jax"),
        ("stack-FEEDERS_IMAGES_my-own_photos", {}, "CPU, FEEDERS_IMAGES=_my-own_photos"),
        ("env-b1946ac92492d2347c6235b4d2611184", {}, "CPU, env-b1946ac92492d2347c6235b4d2611184"),
    ],
)
def test_what_trained_is_told_with_what_sets_its_series_apart(environment, stack, device):
    assert Takes("lab", "2.16.2", environment, (dataclasses.replace(TAKE, stack=stack),)).device == device


def test_a_take_that_ended_before_its_stack_was_known_hides_that_of_no_other():
    """As where the cache could not be written, or FEEDERS_IMAGES holds no photograph."""
    unmade = dataclasses.replace(TAKE, outcome="failed", stack={})
    known = dataclasses.replace(TAKE, stack={**TAKE.stack, "backend": "jax", "device": "gpu"})
    takes = Takes("lab", "2.16.2", "stack-FEEDERS_DEVICEgpu-KERAS_BACKENDjax", (unmade, known, unmade))
    assert (takes.stack, takes.backend) == ("Keras 3.4.1 on jax, Python 3.11.7", "jax")
    assert takes.device == "GPU, KERAS_BACKEND=jax"
    assert Takes("lab", "2.16.2", "stack", (unmade,)).stack == "no known stack"


def test_a_line_that_was_not_finished_spoils_no_take_behind_it(machine):
    """As where the disk was full, or the host lost its power: the run goes on, and makes that take again."""
    path = takes_file(machine, "2.16.2", "stack")
    path.write_text(TAKE.to_json()[:-2])
    again = dataclasses.replace(TAKE, workers=2)
    append_take(path, again)
    assert list(takes_of_round(path, "r", 0)) == [again]
    with pytest.raises(FeedersError, match=r"line 1: take record: damaged line .* Try: delete that line"):
        read_takes(machine.parent)
    path.write_text(path.read_text().partition("\n")[2])
    assert read_takes(machine.parent)[0].records == (again,)
