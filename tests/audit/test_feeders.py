"""The audit of feeders of the catalogue, whose answers are known, on either generation of Keras."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from feeders import cli
from feeders.keras_api import generation

# A short look is enough for what shows in every epoch.
SECONDS = "4"

# The repairs of `records`, and what shares a loader among threads.
REPAIRS = ("records-handles", "records-pread", "records-narrow")
THREADS = ("sequence", "sequence-call-lock", "tfdata-map", "tfdata-interleave", "lookahead-threads", "queue-threads")

BOTH = [
    ("sequence", "records", "exactly-once", "corrupt", {"shared-handle"}),
    ("sequence-call-lock", "records", "exactly-once", "corrupt", {"call-lock", "shared-handle"}),
    ("sequence-lock", "records", "exactly-once", "whole", set()),
    ("sequence-picklable-lock", "records", "exactly-once", "whole", set()),
    ("sequence", "window", "exactly-once", "whole", set()),
    ("sequence-call-lock", "window", "exactly-once", "whole", set()),
    ("tfdata-map", "window", "exactly-once", "whole", set()),
    *((feeder, repair, "exactly-once", "whole", set()) for feeder in THREADS for repair in REPAIRS),
    # A forked worker has a copy of the lock and no copy of the position.
    ("sequence-processes", "records-narrow", "exactly-once", "corrupt", {"shared-handle"}),
    ("sequence-processes", "records-handles", "exactly-once", "whole", set()),
    ("sequence-processes", "records-pread", "exactly-once", "whole", set()),
]

KERAS_2 = [
    ("generator", "window", "failed", "not compared", {"generator-shared"}),
    ("generator-processes", "window", "none", "whole", {"copied-generator"}),
]

KERAS_3 = [
    ("generator", "window", "exactly-once", "whole", set()),
    ("generator-locked", "window", "refused", "not compared", {"refused-by-keras"}),
]


# The others are in the slow tier.
FAST = (("sequence", "records"), ("sequence-lock", "records"), ("generator", "window"), ("generator-locked", "window"))


@pytest.mark.parametrize(
    ("keras", "feeder", "workload", "word", "content", "causes"),
    [
        pytest.param(
            keras,
            *row,
            id=f"{row[0]} on {row[1]}, Keras {keras or 'of either generation'}",
            marks=() if (row[0], row[1]) in FAST else pytest.mark.slow,
        )
        for keras, rows in ((None, BOTH), (2, KERAS_2), (3, KERAS_3))
        for row in rows
    ],
)
def test_a_feeder_gets_its_known_verdict(loaded, tmp_path, capsys, keras, feeder, workload, word, content, causes):
    if keras not in (None, generation()):
        pytest.skip(f"an answer of Keras {keras}")
    answer = tmp_path / "answer.json"
    status = cli.main(["audit", feeder, "--workload", workload, "--seconds", SECONDS, "--json", os.fspath(answer)])
    printed = capsys.readouterr().out
    found = json.loads(answer.read_text())
    assert (found["verdict"], found["content"]) == (word, content), printed
    assert {fault["cause"] for fault in found["faults"]} == causes, printed
    assert status == bool(causes)


@pytest.mark.slow
def test_what_keras_loses_on_another_backend_is_not_blamed_on_the_feeder(tmp_path):
    """Keras 3.7.0 and 3.15.1 lose and repeat batches of any sequence with several workers on JAX."""
    if generation() == 2 or not find_spec("jax"):
        pytest.skip("JAX is not installed, or this Keras knows no other backend")
    path = tmp_path / "found.json"
    command = ["audit", "sequence-lock", "--workload", "window", "--workers", "4", "--seconds", SECONDS, "--json", path]
    done = subprocess.run(
        [sys.executable, "-m", "feeders", *map(str, command)],
        env={**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(path.read_text())
    assert found["stack"]["backend"] == "jax"
    causes = {fault["cause"] for fault in found["faults"]}
    assert causes == (set() if found["verdict"] == "exactly-once" else {"keras-misdelivers"}), done.stdout
