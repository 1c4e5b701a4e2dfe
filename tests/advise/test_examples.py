"""The examples that people try first: they are there in the kinds that their texts say, and are advised safely."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from feeders.advise.look import look_at
from feeders.advise.request import AdviseRequest

EXAMPLES = Path(__file__).parents[2] / "examples"

# A flip leaves the sum of a photograph's pixels as it is.
KEY = 'x.sum((1, 2, 3), "f8").round(2)'


@pytest.mark.parametrize(
    ("name", "kind", "offers", "unpicklable"),
    [
        ("pipeline", "dataset", ("iterator", "ops"), None),
        pytest.param("augmented", "sequence", ("index", "iterator"), "self.lock is a lock", marks=pytest.mark.slow),
    ],
)
def test_keras_own_readers_of_photographs_are_looked_at(name, kind, offers, unpicklable):
    found = look_at(AdviseRequest(f"{EXAMPLES}/my_images.py:{name}"), 0.1)
    assert (found.kind, found.offers, found.steps, found.unpicklable) == (kind, offers, 13, unpicklable)
    assert not found.serial_map, "Keras maps them with parallel calls"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "options"),
    [("pipeline", ()), ("augmented", ("--key", KEY))],
)
def test_they_are_advised_and_never_carried_by_forked_processes(name, options, tmp_path):
    """Forked workers of the augmented ones draw the same random numbers."""
    path = tmp_path / "advice.json"
    command = [sys.executable, "-m", "feeders", "advise", f"{EXAMPLES}/my_images.py:{name}", *options]
    ended = subprocess.run([*command, "--seconds", "90", "--json", str(path)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(path.read_text())
    assert found["answer"]["kind"] in ("change", "leave", "preparation")
    assert found["answer"]["feeder"] != "sequence-processes"
    assert found["tried"][0]["unsafe"] == ""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_can_not_be_counted_is_asked_for_a_key(tmp_path):
    """Photographs that are flipped at random, in an order that is drawn anew."""
    command = [sys.executable, "-m", "feeders", "advise", f"{EXAMPLES}/my_images.py:augmented", "--seconds", "60"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    printed = " ".join(ended.stdout.split())
    assert "Leave it: nothing tells its samples apart" in printed
    assert "--key EXPRESSION" in printed
