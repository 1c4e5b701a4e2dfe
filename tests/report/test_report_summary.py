"""The summary shows what the takes hold, and says what is wrong with them."""

from __future__ import annotations

import dataclasses
import statistics

import pytest

from feeders.errors import FeedersError
from feeders.measure import Record
from feeders.releases.catalogue import oldest_first
from feeders.report import summarise
from feeders.results.changes import write_changes
from feeders.results.takes import read_takes
from tests.results.made import a_finding

STACK = {"tensorflow": "2.21.0", "keras": "3.15.1", "python": "3.11.7"}
NAME = "2.16.2-stack-takes.jsonl"


def record(feeder="sequence", workers=1, speed=100.0, **values):
    costs = {"epoch": 97 * 32 / speed, "wait_p99": 0.004, "cpu": 0.2, "memory": 2e8, "first_batch": 0.3}
    metrics = {"throughput": speed, "effective_throughput": speed, "corrupt": 0, **costs}
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
    """The table of all speeds: cells of a row by feeder."""
    _, _, table = text.partition("Effective samples/s")
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_median_of_takes_is_shown_by_feeder_and_column(tmp_path):
    speeds = [2000.0, 1000.0, 4000.0]
    write(tmp_path, [*(record(speed=speed) for speed in speeds), record("tfdata-map", workers=4, speed=1.0)])
    table = rows(summarise(tmp_path))
    assert table["feeder"] == ["remote ×1", "remote ×4"]
    assert table["sequence"] == [f"{statistics.median(speeds):,.0f}", ""]
    assert table["tfdata-map"] == ["", "1"]


def test_rows_keep_the_order_of_the_catalogue(tmp_path):
    write(tmp_path, [record("tfdata-map"), record("resident"), record("sequence")])
    assert list(rows(summarise(tmp_path))) == ["feeder", "resident", "sequence", "tfdata-map"]


@pytest.mark.parametrize("unsafe", [{"guarantee": "at-least-once"}, {"guarantee": "none"}, {"metrics": {"corrupt": 3}}])
def test_a_fast_but_wrong_feeder_is_marked(tmp_path, unsafe):
    write(tmp_path, [record(), record(**unsafe)])
    assert rows(summarise(tmp_path))["sequence"] == ["100 ✗"]


def test_a_cell_that_mostly_broke_shows_its_word(tmp_path):
    hung = record(outcome="hung", metrics={}, guarantee="", message="no end")
    write(tmp_path, [hung, hung, record(), record("resident")])
    assert rows(summarise(tmp_path))["sequence"] == ["hung"]


def test_releases_come_in_order_of_their_dates(tmp_path):
    """2.8.4, 2.9.3 and 2.10.1 were published on one day."""
    order = ["2.8.4", "2.9.3", "2.10.1", "2.15.1", "2.16.2", "k3.15.1"]
    for release in sorted(order):
        write(tmp_path, [record()], name=f"{release}-stack-takes.jsonl")
    assert [part.release for part in oldest_first(read_takes(tmp_path))] == order


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


def test_by_default_the_newest_release_of_each_machine_is_told(tmp_path):
    for machine, release in (("lab", "2.15.1"), ("lab", "2.16.2"), ("box", "2.15.1")):
        stack = {**STACK, "tensorflow": release}
        write(tmp_path, [record(stack=stack)], name=f"{release}-stack-takes.jsonl", machine=machine)
    heads = [line for line in summarise(tmp_path).splitlines() if line.startswith("**TensorFlow")]
    assert [(line.split(",")[0], "`lab`" in line) for line in heads] == [
        ("**TensorFlow 2.15.1", False),
        ("**TensorFlow 2.16.2", True),
    ]
    assert "TensorFlow 2.15.1" in summarise(tmp_path, "2.15.1")


@pytest.fixture
def two_machines(tmp_path, monkeypatch):
    """This host is `zoo`, which has measured 2.16.2 alone; `lab` comes before it in every order of names and ages."""
    monkeypatch.setenv("FEEDERS_MACHINE", "zoo")
    for machine, release in (("lab", "2.15.1"), ("lab", "2.17.1"), ("zoo", "2.16.2")):
        write(tmp_path, [record()], name=f"{release}-stack-takes.jsonl", machine=machine)
    write_changes(tmp_path / "lab" / "stack-changes.jsonl", [a_finding("2.15.1", "2.17.1", "sequence/remote/1")])
    return tmp_path


def told(text):
    return [
        line.split("`")[1] for line in text.splitlines() if line.startswith(("**TensorFlow", "**Changes by releases"))
    ]


def test_a_host_that_has_measured_is_told_of_itself_alone_and_how_to_see_another(two_machines, monkeypatch):
    """Who clones the repository and measures asks about that host, not about the one whose results came along."""
    text = summarise(two_machines)
    assert told(text) == ["zoo"]
    assert text.endswith("\n\nOf another machine, with `FEEDERS_MACHINE=lab` and the same command.")
    monkeypatch.setenv("FEEDERS_MACHINE", "lab")
    assert told(summarise(two_machines)) == ["lab", "lab"]


def test_what_this_host_has_not_measured_is_told_of_all_that_have(two_machines, monkeypatch):
    text = summarise(two_machines, "2.17.1")
    assert told(text) == ["lab", "lab"]
    assert "another machine" not in text
    monkeypatch.setenv("FEEDERS_MACHINE", "elsewhere")
    assert told(summarise(two_machines)) == ["lab", "zoo", "lab"]


def test_takes_of_this_host_come_first(two_machines):
    assert [(part.machine, part.release) for part in read_takes(two_machines)] == [
        ("zoo", "2.16.2"),
        ("lab", "2.15.1"),
        ("lab", "2.17.1"),
    ]


def test_a_release_that_was_not_measured_is_refused_by_name(tmp_path):
    write(tmp_path, [record()])
    with pytest.raises(FeedersError, match=r"2\.9\.3 has not been measured; results/ holds 2\.16\.2"):
        summarise(tmp_path, "2.9.3")


def test_the_answer_stands_first_with_its_numbers_and_what_is_wrong_elsewhere(tmp_path):
    wrong = record("sequence-call-lock", speed=900.0, metrics={"corrupt": 3}, delivered=3082)
    write(tmp_path, [record("resident", speed=200.0), *(record(speed=speed) for speed in (98.0, 100.0, 104.0)), wrong])
    text = summarise(tmp_path)
    (answer,) = [line for line in text.splitlines() if line.startswith("| remote |")]
    assert (
        answer
        == "| remote | `sequence ×1` | 100 [98, 104] |  | 50 % (starved) | 4 ms | 200 ms per 1,000 samples | 200 MB |"
    )
    assert "- not `sequence-call-lock ×1` on `remote`: wrong delivery: 3 of 3,082 samples corrupt in an epoch" in text


def on(where, backend="tensorflow", **values):
    return record(stack={**STACK, "device": where, "backend": backend}, **values)


@pytest.fixture
def devices(tmp_path):
    """A CPU, a GPU, a GPU with another model, and another backend."""
    name = "2.16.2-stack{}-takes.jsonl".format
    write(tmp_path, [on("cpu", speed=100.0)], name(""))
    write(tmp_path, [on("gpu", speed=2000.0)], name("-FEEDERS_BATCH64-FEEDERS_DEVICEgpu"))
    write(tmp_path, [on("gpu", speed=300.0)], name("-FEEDERS_DEVICEgpu-FEEDERS_MODELresnet"))
    write(tmp_path, [on("cpu", "jax", speed=50.0)], name("-KERAS_BACKENDjax"))
    return tmp_path


def test_the_summary_is_of_the_gpu_and_names_what_else_was_measured(devices):
    text = summarise(devices)
    assert rows(text)["sequence"] == ["2,000"]
    others = ["CPU", "GPU, FEEDERS_MODEL=resnet", "CPU, KERAS_BACKEND=jax"]
    assert f"`report --summary --device '{others[0]}'`: " in text
    assert set(others) == set(text.partition("`: ")[2].partition("\n")[0].split("; "))


@pytest.mark.parametrize(
    ("where", "speed"),
    [
        ("CPU", "100"),
        ("GPU, FEEDERS_BATCH=64", "2,000"),
        ("GPU, FEEDERS_MODEL=resnet", "300"),
        ("CPU, KERAS_BACKEND=jax", "50"),
    ],
)
def test_the_summary_of_one_device(devices, where, speed):
    text = summarise(devices, trained_on=where)
    assert f"machine `lab`, {where}:" in text
    assert rows(text)["sequence"] == [speed]


def test_a_device_may_be_named_as_on_the_page(devices):
    assert summarise(devices, trained_on="GPU, model resnet") == summarise(
        devices, trained_on="GPU, FEEDERS_MODEL=resnet"
    )


def test_a_device_that_was_not_measured_is_refused_with_those_that_were(devices):
    with pytest.raises(FeedersError) as error:
        summarise(devices, trained_on="TPU")
    assert "report: 'TPU' has not been measured; expected 'CPU' or " in str(error.value)


def test_what_a_gpu_takes_says_what_it_ran_on(tmp_path):
    stack = {**STACK, "device": "gpu", "gpu": "NVIDIA Stand-In", "driver": "580.65.06", "cuda": "13.1"}
    write(tmp_path, [record(stack=stack)], "2.16.2-stack-FEEDERS_DEVICEgpu-takes.jsonl")
    head = "**TensorFlow 2.21.0, Keras 3.15.1, Python 3.11.7, NVIDIA Stand-In, driver 580.65.06, CUDA 13.1**, 2 cores"
    assert summarise(tmp_path).startswith(head)


def test_another_backend_is_named_with_its_version(tmp_path):
    write(tmp_path, [on("cpu", "jax")], "2.16.2-stack-KERAS_BACKENDjax-takes.jsonl")
    assert "Keras 3.15.1 on jax, Python" in summarise(tmp_path)
    write(
        tmp_path,
        [record(stack={**STACK, "backend": "jax", "jax": "0.10.2"})],
        "2.16.2-stack-KERAS_BACKENDjax-takes.jsonl",
    )
    assert "Keras 3.15.1 on jax 0.10.2, Python" in summarise(tmp_path)


def test_the_spread_of_takes_is_told_where_there_are_two_of_a_cell(tmp_path):
    """One take has no spread, which is not one of 0 %; two of 90 and 110 have quartiles 5 % to both sides."""
    write(tmp_path, [record(), record("tfdata-map")])
    text = summarise(tmp_path)
    assert "One take of each, in fresh processes: how far takes spread is not known. `asv run` makes several. ✗" in text
    assert "quartiles" not in text
    write(tmp_path, [record(speed=90.0), record(speed=110.0), record("tfdata-map")])
    assert "A number is the median of 1 to 2 takes" in summarise(tmp_path)
    assert "is 5 % of the median in the middle cell, and 5 % in one of ten. ✗: " in summarise(tmp_path)


def test_a_wait_that_is_not_known_is_empty(tmp_path):
    """As with several GPUs."""
    write(tmp_path, [record(metrics={"wait_p99": None})])
    line = next(line for line in summarise(tmp_path).splitlines() if line.startswith("| remote |"))
    assert "nan" not in line
    assert line.split("|")[5].strip() == ""


def test_a_person_s_loader_is_a_column_of_its_own(tmp_path):
    """As `FEEDERS_LOADER=my.py:Train asv run` calls it; it is in no catalogue."""
    takes = [record(workers=workers, workload="own", batches=97) for workers in (1, 4)]
    write(tmp_path, takes, name="2.16.2-stack-FEEDERS_LOADER_home_my.py_Train-takes.jsonl")
    text = summarise(tmp_path)
    assert "| own | `sequence ×1` | 100" in text
    assert rows(text)["feeder"] == ["own ×1", "own ×4"]


def test_takes_that_give_no_number_are_not_counted_beside_it(tmp_path):
    """Where some timed a batch within long epochs, the numbers are of these alone."""
    newer = record(metrics={"seconds_per_batch": 0.32})
    write(tmp_path, [*(record(speed=speed) for speed in (50.0, 60.0, 90.0)), newer, newer])
    assert "A number is the median of 2 takes, each" in summarise(tmp_path)
    assert "is 0 % of the median in the middle cell" in summarise(tmp_path)


def test_what_else_was_measured_on_an_older_release_is_asked_for_with_it(devices):
    write(devices, [on("cpu")], name="2.17.1-stack-takes.jsonl")
    text = summarise(devices, "2.16.2")
    assert "`report --summary --release 2.16.2 --device 'CPU'`: " in text
    assert rows(summarise(devices, "2.16.2", trained_on="CPU, KERAS_BACKEND=jax"))["sequence"] == ["50"]


def test_a_series_whose_long_name_became_a_digest_is_not_what_most_people_have(devices):
    """As with a loader in a deep folder."""
    write(devices, [on("gpu", speed=7.0)], "2.16.2-env-b1946ac92492d2347c6235b4d2611184-takes.jsonl")
    assert rows(summarise(devices))["sequence"] == ["2,000"]
    assert "GPU, env-b1946ac92492d2347c6235b4d2611184" in summarise(devices)
