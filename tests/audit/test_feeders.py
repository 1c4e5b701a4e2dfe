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


# A race, its repair, and a refusal. The others are in the slow tier, which is run with Keras 3 alone.
# So those of Keras 2 are in the fast one.
FAST = (("sequence", "records"), ("sequence-lock", "records"), ("generator-locked", "window"))

ROWS = [(keras, *row) for keras, rows in ((None, BOTH), (2, KERAS_2), (3, KERAS_3)) for row in rows]
HERE = [row for row in ROWS if row[0] == 2 or row[1:3] in FAST]
# No race has to be seen in these, so that two of them are audited at a time.
SAFE = [row for row in ROWS if row not in HERE and not row[-1]]
ALONE = [row for row in ROWS if row not in SAFE]


def parameters(rows):
    return pytest.mark.parametrize(
        ("keras", "feeder", "workload", "word", "content", "causes"),
        [
            pytest.param(
                *row,
                id=f"{row[1]} on {row[2]}, Keras {row[0] or 'of either generation'}",
                marks=() if row in HERE else pytest.mark.slow,
            )
            for row in rows
        ],
    )


def arguments(feeder, workload):
    return [feeder, "--workload", workload, "--seconds", SECONDS]


@parameters(ALONE)
def test_a_feeder_gets_its_known_verdict(loaded, tmp_path, capsys, keras, feeder, workload, word, content, causes):
    if keras not in (None, generation()):
        pytest.skip(f"an answer of Keras {keras}")
    answer = tmp_path / "answer.json"
    status = cli.main(["audit", *arguments(feeder, workload), "--json", os.fspath(answer)])
    printed = capsys.readouterr().out
    found = json.loads(answer.read_text())
    assert (found["verdict"], found["content"]) == (word, content), printed
    assert {fault["cause"] for fault in found["faults"]} == causes, printed
    assert status == bool(causes)


@pytest.fixture(scope="module")
def of_the_safe(audited_at_once):
    known = [(feeder, workload) for keras, feeder, workload, *_ in SAFE if keras in (None, generation())]
    return audited_at_once({cell: arguments(*cell) for cell in known})


@parameters(SAFE)
@pytest.mark.timeout(900)
def test_a_safe_feeder_is_called_so(of_the_safe, keras, feeder, workload, word, content, causes):
    if keras not in (None, generation()):
        pytest.skip(f"an answer of Keras {keras}")
    status, printed, found = of_the_safe[feeder, workload]
    assert (found["verdict"], found["content"], found["faults"]) == (word, content, []), printed
    assert status == 0


def on_jax(folder, *arguments):
    """Audit in an interpreter whose Keras computes with JAX."""
    path = folder / "found.json"
    done = subprocess.run(
        [sys.executable, "-m", "feeders", "audit", *arguments, "--seconds", SECONDS, "--json", str(path)],
        env={**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(path.read_text())
    assert found["stack"]["backend"] == "jax"
    return found


@pytest.mark.slow
def test_what_keras_loses_on_another_backend_is_not_blamed_on_the_feeder(tmp_path):
    """Keras 3.7.0 and 3.15.1 lose and repeat batches of any sequence with several workers on JAX."""
    if generation() == 2 or not find_spec("jax"):
        pytest.skip("JAX is not installed, or this Keras knows no other backend")
    found = on_jax(tmp_path, "sequence-lock", "--workload", "window", "--workers", "4")
    causes = {fault["cause"] for fault in found["faults"]}
    assert causes == (set() if found["verdict"] == "exactly-once" else {"keras-misdelivers"})


@pytest.mark.slow
def test_a_narrow_lock_is_of_no_use_to_forked_workers(loaded, tmp_path):
    """A worker has a copy of the lock and no copy of the position; which of the two is blamed is not asked here."""
    if sys.version_info >= (3, 14):
        pytest.skip("workers are not forked by default")
    answer = tmp_path / "answer.json"
    cli.main(
        ["audit", "sequence-processes", "--workload", "records-narrow", "--seconds", SECONDS, "--json", str(answer)]
    )
    found = json.loads(answer.read_text())
    assert (found["verdict"], found["content"]) == ("exactly-once", "corrupt")
    assert found["faults"]


@pytest.mark.slow
@pytest.mark.parametrize("feeder", ["lookahead-threads", "lookahead-processes", "prefetch-thread", "queue-threads"])
def test_rows_with_workers_of_their_own_deliver_once_on_jax(tmp_path, feeder):
    """Where Keras' own workers deliver wrongly; races provoked. `studies/exactly_once.py` makes the table of all."""
    if generation() == 2 or not find_spec("jax"):
        pytest.skip("JAX is not installed, or this Keras knows no other backend")
    found = on_jax(tmp_path, feeder, "--workload", "window", "--workers", "1" if feeder == "prefetch-thread" else "4")
    assert (found["verdict"], found["content"], found["faults"]) == ("exactly-once", "whole", [])
