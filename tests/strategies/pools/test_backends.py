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
POOLS = ("lookahead-threads", "lookahead-processes", "prefetch-thread", "queue-threads")
ONCE = [1] * 7

# Every pool trains six times, on a busy machine.
RUN_SECONDS = 280


@pytest.fixture(scope="module", params=["tensorflow", "jax", "torch"])
def seen(request):
    """What `fits.py` printed."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    environment = {
        **os.environ,
        "KERAS_BACKEND": request.param,
        "PYTHONPATH": os.pathsep.join([str(HERE.parents[2]), str(HERE)]),
    }
    program = [sys.executable, str(HERE / "fits.py")]
    ran = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=RUN_SECONDS)
    assert ran.returncode == 0, ran.stderr
    return {**json.loads(ran.stdout), "backend": request.param}


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
