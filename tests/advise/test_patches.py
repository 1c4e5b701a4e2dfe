"""The lines to copy: they run as printed, and deliver every sample once, for each feeder that can be advised."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from feeders.advise.candidates import PASSED_OVER, candidates
from feeders.advise.look import look_at
from feeders.advise.patches import is_patched, lifted_file, patch
from feeders.advise.request import AdviseRequest
from feeders.keras_api import generation
from feeders.measure import Cell
from feeders.strategies import FEEDERS
from tests.advise.made import INDEXED, REQUEST

FILE = Path(__file__).parent / "loaders" / "small.py"

SEQUENCE = dataclasses.replace(INDEXED, steps=10)
GENERATOR = dataclasses.replace(
    INDEXED, kind="generator", offers=("iterator",), expression="batches()", sized=False, steps=10
)
DATASET = dataclasses.replace(INDEXED, kind="dataset", offers=("iterator", "ops"), expression="pipeline()", steps=10)
ARRAYS = dataclasses.replace(INDEXED, kind="arrays", expression="arrays()", steps=2)
KINDS = {
    "Train": SEQUENCE,
    "Hooked": dataclasses.replace(SEQUENCE, expression="Hooked()", hooks=("on_epoch_end",)),
    "Begun": dataclasses.replace(SEQUENCE, expression="Begun()", hooks=("on_epoch_begin",)),
    "Several": dataclasses.replace(SEQUENCE, expression="Several()", tuples=False, plain=False),
    "Named": dataclasses.replace(SEQUENCE, expression="Named()", tuples=False),
    "batches": GENERATOR,
    "batches_of": dataclasses.replace(GENERATOR, expression="batches_of(rows=4)"),
    "Stream": dataclasses.replace(GENERATOR, kind="iterator", expression="Stream()"),
    "made": dataclasses.replace(GENERATOR, expression="made"),
    "once": dataclasses.replace(GENERATOR, expression="once()"),
    "pipeline": DATASET,
    "arrays": ARRAYS,
}

ALL = list(range(40))


def cells(name):
    """Every way of feeding that could be advised for a loader, with one worker and with two."""
    look = KINDS[name]
    found, _ = candidates(dataclasses.replace(REQUEST, workers=2), look, cores=2)
    # Plain Keras reads once what ends, takes no iterator of another kind, and begins an epoch after its workers.
    plain = {"once()": "generator", "Stream()": "generator", "Begun()": "sequence"}.get(look.expression)
    return [cell for cell in found if cell.feeder != plain]


def is_of_processes(cell):
    return FEEDERS.named(cell.feeder).shared_by == "processes"


def run(code, look, delivered):
    """Run lines as if they stood in a script, whose model writes down what it gets."""
    from feeders.measure.recording import recording_model

    spec = importlib.util.spec_from_file_location("small", FILE)
    small = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(small)
    model = recording_model(lambda batch: delivered.extend(map(int, batch[1].tolist())))
    fit = model.fit
    model.fit = lambda *args, **options: fit(*args, verbose=0, **options)
    exec(compile(code, "script.py", "exec"), {**vars(small), "model": model, "__name__": "__main__"})


def delivered_by(code, look):
    """What one epoch delivers, and what two do."""
    once, twice = [], []
    run(code, look, once)
    run(code.replace("model.fit(", "model.fit(epochs=2, x=", 1), look, twice)
    return sorted(once), sorted(twice)


def delivered_by_threads(name, in_child):
    """By way of feeding, and what it should be."""
    codes = {str(cell): patch(cell, KINDS[name]) for cell in cells(name) if not is_of_processes(cell)}
    found = in_child(lambda: {key: delivered_by(code, KINDS[name]) for key, code in codes.items()})
    return found, {key: [ALL, sorted(ALL * 2)] for key in codes}


@pytest.mark.parametrize("name", ["Train", "Named", "batches_of", "pipeline"])
def test_the_lines_of_threads_run_as_printed_and_deliver_every_sample_once(in_child, name):
    found, expected = delivered_by_threads(name, in_child)
    assert found == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Hooked", "Begun", "batches", "Stream", "made", "once"])
def test_those_of_loaders_of_other_kinds_do_too(in_child, name):
    found, expected = delivered_by_threads(name, in_child)
    assert found == expected


def test_those_of_arrays_do_too(in_child):
    delivered = []

    def trained():
        run(patch(Cell("arrays", "mine.py:arrays", 1), ARRAYS), ARRAYS, delivered)
        return sorted(delivered)

    assert in_child(trained) == ALL


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Train", SEQUENCE),
        ("Hooked", KINDS["Hooked"]),
        ("Begun", KINDS["Begun"]),
        ("Several", KINDS["Several"]),
        ("Named", KINDS["Named"]),
        ("Widening", dataclasses.replace(SEQUENCE, expression="Widening()", alike=False)),
        pytest.param(
            "Untold",
            dataclasses.replace(SEQUENCE, expression="Untold()", sized=False),
            marks=pytest.mark.skipif(generation() == 2, reason="there a Sequence has a length"),
        ),
        ("Stream", KINDS["Stream"]),
        ("made", KINDS["made"]),
    ],
)
def test_a_look_tells_what_the_lines_depend_on(name, told):
    found = look_at(AdviseRequest(f"{FILE}:{name}", steps=None if told.kind == "sequence" else 10), 0.01)
    for field in ("kind", "hooks", "tuples", "plain", "alike", "sized", "steps", "expression"):
        expected = f"{name}()" if field == "expression" and told is SEQUENCE else getattr(told, field)
        assert getattr(found, field) == expected, field


def test_a_generator_is_left_out_where_several_gpus_train():
    found, _ = candidates(REQUEST, dataclasses.replace(SEQUENCE, distributed=True), cores=2)
    assert "prefetch-thread" not in {cell.feeder for cell in found}


def test_pools_are_left_out_where_they_would_call_a_method_of_the_loader_that_means_something_else():
    """Takes of them read by index, whatever methods the loader has: the lines would deliver something else."""
    look = look_at(AdviseRequest(f"{FILE}:Helped"), 0.01)
    assert look.batch_method
    found, _ = candidates(REQUEST, look, cores=2)
    assert {"sequence", "prefetch-thread"} <= {cell.feeder for cell in found}
    assert not {"lookahead-threads", "lookahead-processes", "queue-threads"} & {cell.feeder for cell in found}


def test_pipelines_are_left_out_where_tensorflow_is_not_there(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found, dropped = candidates(REQUEST, SEQUENCE, cores=2)
    assert not [cell for cell in found if cell.feeder.startswith("tfdata")]
    assert {each.feeder for each in dropped if each.reason == "TensorFlow is not installed"} >= {"tfdata-map"}


def test_what_a_pipeline_can_not_carry_is_left_out():
    several, made = ({cell.feeder for cell in cells(name)} for name in ("Several", "made"))
    assert not {"tfdata-map", "tfdata-generator"} & several
    assert "tfdata-generator" not in made, "the batch that tells its shapes would not be trained on"
    _, dropped = candidates(REQUEST, dataclasses.replace(SEQUENCE, alike=False), cores=2)
    assert {each.feeder for each in dropped if "differs" in each.reason} == {"tfdata-map", "tfdata-generator"}
    untold, _ = candidates(REQUEST, dataclasses.replace(SEQUENCE, sized=False), cores=2)
    assert {each.feeder for each in untold} == {"sequence", "sequence-processes"}, "all else asks for len()"


SCRIPT = """
import sys
sys.path[:0] = [{root!r}, {folder!r}]
from small import *
from feeders.measure.recording import recording_model

delivered = []
if __name__ == "__main__":
    model = recording_model(lambda batch: delivered.extend(map(int, batch[1].tolist())))
{code}
if __name__ == "__main__":
    print(sorted(delivered) == list(range(40)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Train", "Hooked"])
def test_the_lines_of_processes_run_as_a_script(tmp_path, name):
    for cell in (each for each in cells(name) if is_of_processes(each) and each.workers == 2):
        script = tmp_path / "script.py"
        root = str(FILE.parents[3])
        script.write_text(SCRIPT.format(root=root, folder=str(FILE.parent), code=patch(cell, KINDS[name])))
        ended = subprocess.run(
            [sys.executable, str(script)], capture_output=True, text=True, timeout=200, env={**os.environ}
        )
        assert ended.stdout.splitlines()[-1:] == ["True"], f"{cell}: {ended.stderr[-2000:]}"


def test_every_feeder_has_lines_or_a_reason_why_not():
    rows = [row for row in FEEDERS if not row.mistake and not row.ceiling]
    missing = [row.name for row in rows if not is_patched(row.name) and row.name not in PASSED_OVER]
    assert missing == [], "Try: add its lines to feeders/advise/patches.py, or the reason to PASSED_OVER"


def test_every_feeder_with_a_file_to_lift_out_has_it():
    own = [row for row in FEEDERS if row.own_workers and row.name not in PASSED_OVER]
    assert all(lifted_file(Cell(row.name, "mine.py:Train", 1)).is_file() for row in own)
    assert lifted_file(Cell("sequence", "mine.py:Train", 1)) is None


@pytest.mark.parametrize(
    ("feeder", "workers", "look", "code"),
    [
        ("sequence", 1, SEQUENCE, f"model.fit({SEQUENCE.expression})"),
        (
            "sequence",
            4,
            dataclasses.replace(SEQUENCE, generation=2, expression="Train()"),
            "model.fit(Train(), workers=4, use_multiprocessing=False, max_queue_size=10)",
        ),
        (
            "sequence",
            1,
            dataclasses.replace(SEQUENCE, workers=4, expression="Train()"),
            "loader = Train()\nloader.workers, loader.use_multiprocessing = 1, False\nmodel.fit(loader)",
        ),
        (
            "sequence",
            4,
            dataclasses.replace(SEQUENCE, ignores_workers=True, expression="Train(5)"),
            "loader = Train(5)\nloader.workers, loader.use_multiprocessing = 4, False\nloader.max_queue_size = 10\n"
            "model.fit(loader)",
        ),
        (
            "lookahead-threads",
            4,
            dataclasses.replace(SEQUENCE, distributed=True, expression="Train()"),
            "from feeders import LookaheadThreads, pool_dataset\n\nwith LookaheadThreads(Train(), workers=4) as pool:\n"
            "    model.fit(pool_dataset(pool))",
        ),
        (
            "prefetch-thread",
            1,
            GENERATOR,
            "from feeders import PrefetchThread\n\nwith PrefetchThread(batches) as prefetch:\n"
            "    model.fit(prefetch.batches(), steps_per_epoch=10)",
        ),
        (
            "prefetch-thread",
            1,
            dataclasses.replace(GENERATOR, expression="batches(3)"),
            "from feeders import PrefetchThread\n\nwith PrefetchThread(lambda: batches(3)) as prefetch:\n"
            "    model.fit(prefetch.batches(), steps_per_epoch=10)",
        ),
    ],
)
def test_the_lines_fit_how_the_loader_is_made_and_used(feeder, workers, look, code):
    assert patch(Cell(feeder, "mine.py:Train", workers), look) == code


@pytest.mark.parametrize(
    ("feeder", "workers", "told", "end"),
    [
        ("sequence", 1, {}, "model.fit(Train(), steps_per_epoch=4)"),
        ("sequence", 2, {}, "model.fit(loader, steps_per_epoch=4)"),
        (
            "sequence",
            2,
            {"generation": 2},
            "model.fit(Train(), steps_per_epoch=4, workers=2, use_multiprocessing=False, max_queue_size=10)",
        ),
        ("lookahead-threads", 2, {}, "model.fit(pool.batches(), steps_per_epoch=4)"),
        ("lookahead-threads", 2, {"distributed": True}, "model.fit(pool_dataset(pool, steps=4))"),
        ("prefetch-thread", 1, {}, "model.fit(prefetch.batches(), steps_per_epoch=4)"),
        ("tfdata-generator", 1, {}, "model.fit(dataset.prefetch(tf.data.AUTOTUNE), steps_per_epoch=4)"),
        ("tfdata-map", 2, {}, "model.fit(dataset, steps_per_epoch=4)"),
    ],
)
def test_the_lines_keep_the_steps_of_the_persons_own_call(feeder, workers, told, end):
    """`--steps 4` of a loader that has ten batches: an epoch of all ten is not what was asked for."""
    look = dataclasses.replace(SEQUENCE, cut=True, steps=4, expression="Train()", **told)
    code = patch(Cell(feeder, "mine.py:Train", workers), look)
    assert code.endswith(end)
    assert (".repeat()" in code) == feeder.startswith("tfdata"), "it begins anew where its batches end in an epoch"


@pytest.mark.parametrize(("steps", "cut"), [(4, True), (10, False), (None, False)])
def test_a_look_tells_whether_fewer_steps_are_asked_for_than_there_are(steps, cut):
    assert look_at(AdviseRequest(f"{FILE}:Train", steps=steps), 0.01).cut == cut
