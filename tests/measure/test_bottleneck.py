"""Who waits for whom: what the device takes, what the feeder delivers, and where the time goes."""

from __future__ import annotations

import dataclasses

import pytest

from feeders.loaders import workload
from feeders.measure import Cell, Record, Settings
from feeders.measure.bottleneck import bottleneck, split
from feeders.measure.settings import NO_MODEL

STACK = {"device": "gpu", "gpu": "NVIDIA Stand-In"}


def record(feeder="sequence", workers=1, milliseconds=1.0, gap=0.0, outcome="measured", stack=STACK, **metrics):
    epoch = milliseconds / 1e3 * len(workload("remote").open()) + gap
    settings = {"steady_seconds": 2.0, "deadline_seconds": 60.0, "model": "resnet", "taps": True}
    known = {"epoch": epoch, "gap": gap, **metrics} if outcome == "measured" else {}
    return Record(feeder, "remote", workers, outcome, "said", metrics=known, stack=stack, settings=settings)


class Takes:
    """Stands for `take`: how long a batch of each feeder, workers and model takes, in milliseconds."""

    def __init__(self, ceiling, **bare):
        self._milliseconds = {("resident", 1, "resnet"): ceiling}
        self._milliseconds.update({("sequence", int(key[1:]), NO_MODEL): value for key, value in bare.items()})
        self.settings = []

    def __call__(self, cell, settings):
        self.settings.append(settings)
        found = self._milliseconds[cell.feeder, cell.workers, settings.model]
        if found is None:
            return record(cell.feeder, cell.workers, outcome="hung")
        return record(cell.feeder, cell.workers, found)


def test_the_sentence_that_people_ask_for():
    lines = list(
        bottleneck(
            [record(workers=1, milliseconds=6.9), record(workers=4, milliseconds=4.2)], Takes(4.1, w1=6.8, w4=3.9)
        )
    )
    assert lines[0] == (
        "this NVIDIA Stand-In with the model resnet takes a batch of remote every 4.1 ms; "
        "sequence delivers one every 6.8 ms with 1 worker, 3.9 ms with 4 workers"
    )
    assert "together, with 1 worker, a batch every 6.9 ms: starved, 41 % of the time lost" in lines
    assert "together, with 4 workers, a batch every 4.2 ms: fed" in lines


def test_the_size_of_a_batch_is_told_where_it_is_not_the_workloads_own():
    take = record()
    take = dataclasses.replace(take, settings={**take.settings, "batch": 64})
    (line, *_) = bottleneck([take], Takes(1.0, w1=1.0))
    assert "takes a batch of 64 of remote every 1 ms" in line


def test_a_feeder_that_is_fast_enough_alone_and_slow_beside_training_says_so():
    lines = list(bottleneck([record(milliseconds=8.0)], Takes(4.0, w1=3.9)))
    assert lines[1] == (
        "together, with 1 worker, a batch every 8 ms: starved, 50 % of the time lost; the feeder is fast enough alone: "
        "it shares this host with training, or they take turns"
    )


def test_what_passes_between_epochs_is_not_a_batch():
    lines = list(bottleneck([record(milliseconds=4.0, gap=5.0)], Takes(4.0, w1=2.0)))
    assert lines[1].endswith("a batch every 4 ms: fed")


def test_on_a_cpu_nothing_is_said_of_a_gpu():
    lines = list(bottleneck([record(stack={"device": "cpu"})], Takes(1.0, w1=0.5)))
    assert lines[0].startswith("this CPU with")
    assert len(lines) == 2


def test_the_other_takes_have_the_settings_of_the_first():
    takes = Takes(4.0, w1=2.0)
    list(bottleneck([record()], takes))
    assert [settings.model for settings in takes.settings] == ["resnet", NO_MODEL]
    assert {settings.steady_seconds for settings in takes.settings} == {2.0}


def test_nothing_is_said_where_nothing_was_measured():
    assert list(bottleneck([record(outcome="refused")], Takes(4.0))) == []


def test_the_ceiling_is_not_held_against_itself():
    assert list(bottleneck([record("resident")], Takes(4.0))) == []


def test_a_feeder_whose_delivery_is_not_known_is_judged_all_the_same():
    lines = list(bottleneck([record(milliseconds=4.0)], Takes(4.0, w1=None)))
    assert lines[0].endswith("sequence delivers one every (not known)")
    assert lines[1].endswith("fed")


def test_without_a_ceiling_the_reason_is_said():
    assert list(bottleneck([record()], Takes(None))) == ["resident: hung said"]


@pytest.mark.parametrize(
    ("metrics", "lines"),
    [
        ({"wait_mean": 0.003, "copy": 0.001, "gpu_busy": 25.0}, ["30 %", "10 %", "25 %", "35 %"]),
        # They overlap: nothing is left to be unknown.
        ({"wait_mean": 0.006, "copy": 0.001, "gpu_busy": 80.0}, ["60 %", "10 %", "80 %", "0 %"]),
        ({"wait_mean": 0.003}, ["30 %", "? %", "? %", "70 %"]),
        ({}, ["? %", "? %", "? %", "100 %"]),
    ],
)
def test_the_time_of_a_batch_is_split_as_far_as_it_is_known(metrics, lines):
    """What is not known is a question mark, and in what is none of these."""
    head, *said = split({"epoch": 1.0, "gap": 0.1, **metrics}, 100)
    assert head.strip() == "of its time, that between two epochs included:"
    assert [" ".join(line.split()[:2]) for line in said] == lines
    assert "or more is none of these" in said[-1]


def test_a_feeder_is_drained_by_a_step_that_trains_nothing(take, plant, tiny):
    """It fetches every batch, and its time is the feeder's."""
    plant(tiny())
    record = take("sequence", model=NO_MODEL)
    assert record.outcome == "measured", record.message
    assert record.metrics["step_p50"] >= record.metrics["wait_p50"] > 0
    assert Settings(**record.settings).model == NO_MODEL
    assert Cell(record.feeder, record.workload, record.workers) == Cell("sequence", "window", 1)
