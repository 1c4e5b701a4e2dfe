"""Training on every backend that is installed: once per epoch, with exceptions, and no slot written under a tensor."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
BACKENDS = ("tensorflow", "jax", "torch")
POOLS = ("lookahead-threads", "lookahead-processes", "prefetch-thread", "queue-threads")
ONCE = [1] * 7

# Every pool trains six times, on a busy machine.
RUN_SECONDS = 280


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """`fits.py` on every backend that is installed, at once: how long it takes is not looked at."""
    folder, running = tmp_path_factory.mktemp("fits"), {}
    for backend in filter(importlib.util.find_spec, BACKENDS):
        path = os.pathsep.join([str(HERE.parents[2]), str(HERE)])
        environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": path}
        with open(folder / backend, "w") as printed, open(folder / f"{backend}-errors", "w") as errors:
            program = [sys.executable, str(HERE / "fits.py")]
            running[backend] = subprocess.Popen(program, env=environment, stdout=printed, stderr=errors)
    yield folder, running
    for process in running.values():
        process.kill()
        process.wait()


@pytest.fixture(scope="module", params=BACKENDS)
def seen(request, started):
    """What `fits.py` printed."""
    folder, running = started
    if request.param not in running:
        pytest.skip(f"{request.param} is not installed")
    assert running[request.param].wait(RUN_SECONDS) == 0, (folder / f"{request.param}-errors").read_text()
    return {**json.loads((folder / request.param).read_text()), "backend": request.param}


@pytest.mark.parametrize("pool", POOLS)
def test_every_batch_is_trained_on_once_per_epoch(seen, pool):
    assert seen["pools"][pool]["whole"] == [[ONCE] * 3, ""]


@pytest.mark.parametrize("pool", POOLS)
def test_training_that_was_stopped_begins_anew(seen, pool):
    assert len(seen["pools"][pool]["stopped"][0]) == 1
    assert seen["pools"][pool]["again"] == [[ONCE] * 3, ""]


@pytest.mark.parametrize("pool", POOLS)
def test_what_a_worker_raises_reaches_fit(seen, pool):
    epochs, text = seen["pools"][pool]["worker raises"]
    assert epochs == [ONCE]
    assert "KeyError: 'planted'" in text
    assert seen["backend"] != "tensorflow" or "in raise_in_worker" in text, "TensorFlow keeps the traceback's text only"


def test_a_worker_that_is_killed_ends_training(seen):
    epochs, text = seen["pools"]["lookahead-processes"]["worker dies"]
    assert epochs == [ONCE]
    assert "of 3 was killed by SIGKILL (out of memory?), at or after batch 3 of epoch 1" in text


@pytest.mark.parametrize("pool", POOLS)
def test_nothing_is_left_after_exceptions(seen, pool):
    assert seen["pools"][pool]["training raises"] == [[], "OSError: planted in training"]
    assert seen["pools"][pool]["left"] == 0


def test_a_dataset_of_a_pool_begins_each_epoch_whole(seen):
    """Whatever ended the last training; nothing is left."""
    if seen["backend"] != "tensorflow":
        pytest.skip("a dataset is TensorFlow's")
    of = seen["dataset"]
    assert [of[run] for run in ("whole", "again", "once more")] == 3 * [[[ONCE] * 3, ""]]
    assert of["stopped"] == [[[1, 1, 1, 0, 0, 0, 0]], ""]
    assert of["training raises"] == [[], "OSError: planted in training"]
    assert of["worker raises"][0] == [ONCE] and "KeyError: 'planted'" in of["worker raises"][1]
    assert of["left"] == 0


def test_no_slot_is_written_while_a_tensor_lies_over_it(seen):
    assert seen["without copy"], "else this test shows nothing: the backend copies"
    assert seen["changed"] == []


def test_it_forks_before_the_backend_has_started_only(seen):
    assert seen["start before"] == "fork"
    assert seen["start after"] == ("fork" if seen["backend"] == "torch" else "forkserver")
