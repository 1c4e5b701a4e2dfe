"""A person's loader and model: what is found by a look, what is delivered, and what is refused in one line."""

from __future__ import annotations

import dataclasses
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from feeders.errors import FeedersError
from feeders.keras_api import generation
from feeders.loaders.opening import Source
from feeders.loaders.own import Own
from feeders.measure import Cell, Settings, current_profile, take
from feeders.measure.alone import measure_limit
from feeders.measure.asked import as_used, look
from feeders.measure.recording import idle_model
from feeders.measure.supervise import Seen
from feeders.measure.survey import no_answer, survey
from feeders.measure.trains import step_by_step
from feeders.measure.watched import Ended
from feeders.results.series import environment_name

OWN = Path(__file__).with_name("own_loaders.py")

SHORT = Settings(steady_seconds=0.1, deadline_seconds=100)


def address(name):
    return f"{OWN}:{name}"


def taken(feeder, name, workers=1, **settings):
    return take(Cell(feeder, address(name), workers), dataclasses.replace(SHORT, **settings))


def test_a_cell_may_hold_an_address():
    """What stands in the place of a workload opens the loader."""
    cell = Cell("sequence", "package.module:Train", 4)
    row, load = cell.rows()
    assert (row.name, load, cell.is_own) == ("sequence", Own("package.module:Train"), True)
    assert cell.load("Train(2)", 7, batch=64) == Own("package.module:Train", "Train(2)", 7)


def test_asvs_series_have_the_loader_that_a_variable_names(monkeypatch):
    """It is the workload `own` there; what the run measures is that loader, and its name is part of the series'."""
    monkeypatch.setenv("FEEDERS_LOADER", "my.py:Train")
    assert Cell("sequence", "own", 4).rows()[1] == Own("my.py:Train")
    assert {cell.workload for cell in current_profile().cells} == {"own"}
    assert "FEEDERS_LOADERmy.py_Train" in environment_name()
    monkeypatch.delenv("FEEDERS_LOADER")
    assert {cell.workload for cell in current_profile().cells} & {"own"} == set()
    with pytest.raises(FeedersError, match=r"^own: the loader that FEEDERS_LOADER names, which is not set\. Try: "):
        Cell("sequence", "own", 4).rows()


def test_the_series_own_is_taken(loaded, monkeypatch):
    monkeypatch.setenv("FEEDERS_LOADER", address("Plain"))
    record = take(Cell("sequence", "own", 2), SHORT)
    assert (record.workload, record.guarantee) == ("own", "exactly-once"), record.message


@pytest.mark.parametrize(
    ("name", "kind", "length", "batch"),
    [
        ("Named", "sequence", 12, "({a: float32 (8, 6), b: float32 (8, 2)}, float32 (8,), float32 (8,))"),
        ("endless", "generator", 12, "(float32 (8, 6), float32 (8,))"),
        ("ended", "generator", 12, "(float32 (8, 6), float32 (8,))"),
        ("dataset", "dataset", 12, "(float32 (8, 6), float32 (8,))"),
        ("arrays", "arrays", 3, "(float32 (32, 6), float32 (32,))"),
    ],
)
def test_a_look_finds_the_epoch(loaded, name, kind, length, batch):
    """Also of a generator, which does not tell: by its end, or where it begins again. Arrays are cut as by `fit()`."""
    found = survey(address(name), SHORT)
    assert (found.kind, found.length, found.steps, found.samples, found.batch) == (kind, length, length, 95, batch)
    assert found.tells


@pytest.mark.parametrize("name", ["drawn", "drawn_in_python"])
def test_what_calls_at_once_draw_is_not_counted(loaded, name):
    """One thread draws the same in both passes, since the file seeds."""
    found = survey(address(name), SHORT)
    assert (found.steps, found.samples, found.tells) == (12, 95, False)


def test_of_a_long_epoch_the_first_batches_are_measured(loaded, monkeypatch):
    monkeypatch.setattr("feeders.measure.survey.LONGEST_SECONDS", 0.3)
    found = survey(address("Long"), SHORT)
    assert found.length == 3000
    assert found.steps == 8
    assert found.settled(SHORT).steps == 8


def test_a_generator_whose_first_batches_are_alike_has_no_epoch_of_one(loaded):
    """Two alike are no period yet."""
    found = survey(address("first_twice"), SHORT)
    assert (found.length, found.steps, found.samples) == (13, 13, 95 + 8)


def test_later_epochs_of_a_look_have_as_many_batches_as_the_first(loaded, monkeypatch):
    """Where time would cut each elsewhere, no two passes would agree."""
    monkeypatch.setattr("feeders.measure.survey.LONGEST_SECONDS", 0.15)
    found = survey(address("Slowing"), SHORT)
    assert {len(state) for state in found.reference.states} == {found.steps}
    assert found.tells


@pytest.mark.parametrize(
    ("feeder", "name", "workers"),
    [
        ("sequence", "Named", 2),
        ("lookahead-threads", "Named", 2),
        ("tfdata-map", "Named", 2),
        ("generator", "endless", 1),
        ("prefetch-thread", "ended", 1),
        ("tfdata-native", "dataset", 1),
    ],
)
def test_what_arrives_is_verified_by_content_and_timed(loaded, feeder, name, workers):
    record = taken(feeder, name, workers)
    assert (record.outcome, record.guarantee, record.delivered) == ("measured", "exactly-once", 95), record.message
    assert (record.batches, record.metrics["corrupt"], record.metrics["missing"]) == (12, 0, 0)
    assert {"seconds_per_batch", "gap", "first_batch", "wait_p99", "cpu", "memory"} <= set(record.metrics)
    assert record.settings["steps"] == 12


def test_arrays_are_verified_in_batches_as_fit_cuts_them(loaded):
    record = taken("arrays", "arrays")
    assert (record.outcome, record.guarantee, record.delivered) == ("measured", "exactly-once", 95), record.message
    assert record.batches == 3


def test_what_two_threads_mix_up_is_never_exactly_once(loaded):
    """A sample of other content is none of those that are due."""
    record = taken("lookahead-threads", "Meeting", 2)
    assert record.guarantee in ("at-most-once", "none")
    assert record.metrics["missing"] + record.metrics["corrupt"] > 0


def test_random_content_is_not_counted(loaded):
    record = taken("sequence", "Random", 2)
    assert (record.outcome, record.guarantee, record.delivered) == ("measured", "", None)
    assert record.message.startswith("not counted: its content differs from pass to pass")


def test_a_feeder_that_needs_an_index_is_unsupported_on_a_generator(loaded):
    record = taken("sequence", "endless")
    assert record.outcome == "unsupported"
    assert "its batches have no index" in record.message


def test_an_endless_pipeline_goes_on_between_epochs_as_in_fit(loaded):
    """Each epoch that began it anew would wait for a second."""
    record = taken("tfdata-native", "begins_slowly")
    assert (record.guarantee, record.batches) == ("exactly-once", 12), record.message
    assert record.metrics["gap"] < 0.5


def test_a_call_makes_it(loaded):
    record = taken("generator", "made", call="made(1)")
    assert record.guarantee == "exactly-once", record.message


def test_a_persons_model_trains(loaded):
    record = taken("sequence", "Plain", model=address("model"))
    assert record.outcome == "measured", record.message
    assert record.settings["model"] == address("model")


def test_a_step_takes_what_it_is_told_to(loaded):
    """It stands in for an accelerator: the loop is blocked, and no core is used."""
    record = taken("sequence", "Plain", step_ms=20)
    assert record.metrics["step_p50"] >= 0.02
    assert record.metrics["seconds_per_batch"] >= 0.02


def test_a_limit_has_the_persons_loader_and_model(loaded):
    limit = measure_limit(address("Plain"), dataclasses.replace(SHORT, step_ms=20))
    assert 0 < limit.ceiling <= 8 / 0.02
    assert measure_limit(address("endless"), SHORT).prepare_seconds > 0


def test_as_fit_is_given_it(loaded):
    """A sequence has its own workers, since Keras 3."""
    found = survey(address("Named"), SHORT)
    assert as_used("a.py:Named", found) == Cell("sequence", "a.py:Named", 1 if generation() == 2 else 2)


@pytest.mark.skipif(generation() == 2, reason="Keras 2 has it in fit()")
def test_workers_that_are_processes_are_no_threads(loaded):
    assert as_used("a.py:P", survey(address("Processes"), SHORT)) == Cell("sequence-processes", "a.py:P", 2)


@pytest.mark.parametrize(
    ("name", "settings", "text"),
    [
        ("Nmaed", {}, "has no 'Nmaed'. Nearest: Named"),
        ("Raising", {}, "failed while it was read by one thread: ValueError: no row 0"),
        ("Empty", {}, "own_loaders.py:Empty: its epoch has no batch; expected one or more"),
        ("Empty", {"steps": 5}, "own_loaders.py:Empty: its epoch has no batch; expected one or more"),
        ("made", {}, "needs number; it is called without arguments. Try: --call 'made(number=...)'"),
        ("Plain", {"model": address("nothing")}, "has no 'nothing'."),
        ("Plain", {"model": "no.py:model"}, "no.py: no such file"),
        ("Plain", {"model": "model"}, "--model model: expected FILE.py:NAME or package.module:NAME"),
        ("Plain", {"model": address("made")}, "made needs number; it is called without arguments. Try: a function"),
        ("Plain", {"model": address("number")}, "number: gives an int; expected a compiled keras.Model, or a function"),
        ("Plain", {"model": address("uncompiled")}, "uncompiled: it is not compiled. Try: call model.compile(...)"),
        ("Plain", {"model": address("other_shape")}, "other_shape: it does not fit the batches of"),
        ("Plain", {"model": address("model"), "step_ms": 2.0}, "a step that stands in for a model has none"),
    ],
)
def test_what_is_not_as_it_has_to_be_is_told(loaded, name, settings, text):
    with pytest.raises(FeedersError) as error:
        look(address(name), [], dataclasses.replace(SHORT, **settings))
    assert text in str(error.value)
    assert "\n" not in str(error.value)


def test_what_can_not_be_pickled_reaches_no_process_that_is_started_anew(loaded):
    with pytest.raises(FeedersError) as error:
        look(address("Locked"), ["sequence", "lookahead-processes"], SHORT)
    assert "it can't be pickled, and lookahead-processes starts its workers as new interpreters" in str(error.value)
    assert "self.lock (lock)" in str(error.value)
    assert look(address("Locked"), ["sequence"], SHORT).steps == 12


def test_a_loader_that_hangs_is_told_its_line():
    """In one line: the stacks of all threads say nothing more."""
    stacks = f"""Thread 0x7f (most recent call first):
  File "{threading.__file__}", line 1010 in run
Current thread 0x8f (most recent call first):
  File "/home/me/my_data.py", line 36 in __getitem__
  File "/home/me/my_data.py", line 20 in read"""
    ended = Ended("hung", f"no end after 40 s. {stacks}", "", Seen())
    assert str(no_answer(Source("/home/me/my_data.py:Train"), ended)) == (
        "/home/me/my_data.py:Train: hung while it was read by one thread: no end after 40 s, "
        "at /home/me/my_data.py:36 in __getitem__. Try: see what it waits for there"
    )
    ended = Ended("crashed", "over its limit of 7.5 GiB of memory. ", "", Seen())
    assert str(no_answer(Source("my.py:Train"), ended)).endswith("by one thread: over its limit of 7.5 GiB of memory")
    ended = Ended("hung", "no end after 20 s.", "", Seen())
    assert str(no_answer(Source("my.py:Train"), ended)).endswith("by one thread: no end after 20 s")


def test_a_model_whose_steps_take_long_trains_on_fewer_batches_of_an_epoch(loaded):
    """An epoch of a minute, several times in each take, would be taken for one that hangs."""
    slow = look(address("Plain"), [], dataclasses.replace(SHORT, step_ms=600.0))
    assert (slow.steps, slow.length, slow.step) == (8, 12, 0.6)
    assert look(address("Plain"), [], dataclasses.replace(SHORT, step_ms=600.0, steps=11)).steps == 11
    assert look(address("Plain"), [], dataclasses.replace(SHORT, step_ms=20.0)).steps == 12


def test_a_persons_model_trains_step_by_step_on_every_keras():
    """Else a call would be taken for a step, and most batches be missed. Up to 2.12 Keras has a variable alone."""
    told = []
    old = SimpleNamespace(_steps_per_execution=SimpleNamespace(assign=told.append))
    new, plain = SimpleNamespace(steps_per_execution=10), SimpleNamespace()
    for model in (old, new, plain):
        step_by_step(model)
    assert (told, new.steps_per_execution, vars(plain)) == ([1], 1, {})


def test_the_step_of_a_persons_model_is_timed(loaded):
    assert 0 < look(address("Plain"), [], dataclasses.replace(SHORT, model=address("model"))).step < 60


def test_a_file_that_trains_while_it_is_imported_is_refused(loaded, tmp_path):
    """For hours, if nobody stopped it."""
    file = tmp_path / "script.py"
    file.write_text(
        "import keras, numpy\nmodel = keras.Sequential([keras.layers.Dense(1)])\nmodel.compile('sgd', 'mse')\n"
        "model.fit(numpy.zeros((8, 6)), numpy.zeros(8), epochs=10**9)\n"
    )
    with pytest.raises(FeedersError) as error:
        look(address("Plain"), [], dataclasses.replace(SHORT, model=f"{file}:model"))
    assert f"{file}: it calls fit() while it is imported, at {file}:4. Try: put what trains below" in str(error.value)


def test_nothing_of_the_persons_runs_in_this_process(loaded, tmp_path):
    file = tmp_path / "loud.py"
    file.write_text("import os\nopen(os.path.dirname(__file__) + f'/{os.getpid()}', 'w').close()\n" + OWN.read_text())
    settings = dataclasses.replace(SHORT, model=f"{file}:model")
    found = look(f"{file}:Plain", ["sequence"], settings)
    take(Cell("sequence", f"{file}:Plain", 1), found.settled(settings), found)

    seen = {path.name for path in tmp_path.iterdir() if path.name.isdecimal()}
    assert len(seen) >= 5
    assert str(os.getpid()) not in seen


def test_the_stand_in_sleeps_in_the_step(in_child):
    """Also where a step is computed eagerly."""

    def work():
        import time

        import numpy as np

        model = idle_model(0.05)
        start = time.perf_counter()
        model.fit(np.zeros((4, 2)), np.zeros(4), batch_size=1, verbose=0)
        return time.perf_counter() - start

    assert in_child(work) >= 0.2
