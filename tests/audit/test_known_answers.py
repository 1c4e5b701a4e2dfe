"""The audit, end to end, on loaders whose answer is known; `soak.py` runs each of them many times over."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import psutil
import pytest

from feeders import cli
from feeders.audit import probes
from tests.audit.known_answers import FEW_SPAWNED, LOADERS, ROWS

# What each gets here; the verdict must be right with a short look too.
SECONDS = "4"

# `soak.py` has all of them. Here spawned workers would take minutes, since each imports TensorFlow, and these are taken
# the same way through the audit as another one.
LEFT_TO_THE_SOAK = {
    "bridged",
    "counted",
    "endless-steps",
    "factory",
    "file-spawned",
    "global-cursor",
    "hdf5-forked",
    "lambda-spawned",
    "memmap",
    "named-arrays",
    "over-locked",
    "own-random-forked",
    "pread",
    "ragged-arrays",
    "shuffled-once",
    "shuffled-slowly-at-begin",
    "shuffled-slowly-at-end",
    "striped-locks",
    "swapped-descriptors",
    "tfdata-generator",
    "tfdata-shuffled",
    "two-handles",
    "zip-threads",
}
# One of each kind of answer, so that a broken finder shows at once; the others are in the slow tier.
# Another race and its repair are in test_feeders.py.
FAST = {
    "bare-locked-iterator",
    "frame-and-series",
    "raises",
    "reused-buffer",
    "shared-cursor",
    "shared-handle",
    "stands-in",
    "too-long-raises",
}
QUICK = [row for row in ROWS if row.options != FEW_SPAWNED and row.name not in LEFT_TO_THE_SOAK]

# They sleep for most of a minute and compute for seconds: their audits run at once, beside no other.
WAITING = {
    "blocks-at-once",
    "bridged-slowly",
    "hangs-at-the-last",
    "pool-before-fork",
    "slow-batches",
    "slowly-made",
}

# What a loader that eats memory is given: half of what is free would take a minute to fill, and fill the host.
EATEN_BYTES = 3 << 30


# A race has to be seen in none of these, so that two of them are audited at a time.
SAFE = [row for row in QUICK if row.safe and row.name not in WAITING | FAST]
ALONE = [row for row in QUICK if row not in SAFE and row.name not in WAITING]


@pytest.fixture(autouse=True)
def _untouched(loaded):
    """Audits are forked from this process."""


def arguments(row):
    file, name = row.loader.split(":")
    return [f"{LOADERS / file}:{name}", *row.options, "--seconds", SECONDS]


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=row.name, marks=() if row.name in FAST else pytest.mark.slow) for row in ALONE]
)
def test_the_known_answer_is_given(row, tmp_path, capsys, monkeypatch):
    if "memory-limit" in row.causes:
        share = EATEN_BYTES / psutil.virtual_memory().available
        monkeypatch.setattr(probes, "MEMORY_SHARE", min(share, probes.MEMORY_SHARE))
    answer = tmp_path / "answer.json"
    status = cli.main(["audit", *arguments(row), "--json", os.fspath(answer)])
    check(row, status, capsys.readouterr().out, json.loads(answer.read_text()))


@pytest.fixture(scope="module")
def of_the_safe(audited_at_once):
    return audited_at_once({row.name: arguments(row) for row in SAFE})


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("row", SAFE, ids=lambda row: row.name)
def test_what_is_safe_is_called_so(row, of_the_safe):
    check(row, *of_the_safe[row.name])


@pytest.fixture(scope="module")
def waited_for(tmp_path_factory):
    """The status of those that wait, what they printed, and the file of what was found, by name."""
    folder = tmp_path_factory.mktemp("waiting")
    started = {
        row.name: subprocess.Popen(
            [sys.executable, "-m", "feeders", "audit", *arguments(row), "--json", str(folder / row.name)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for row in QUICK
        if row.name in WAITING
    }
    printed = {name: process.communicate()[0] for name, process in started.items()}
    return {name: (process.returncode, printed[name], folder / name) for name, process in started.items()}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in QUICK if row.name in WAITING])
def test_the_known_answer_is_waited_for(row, waited_for):
    status, printed, answer = waited_for[row.name]
    assert answer.exists(), printed
    check(row, status, printed, json.loads(answer.read_text()))


def check(row, status, printed, found):
    assert {fault["cause"] for fault in found["faults"]} == set(row.causes), printed
    assert found["verdict"] in row.verdicts, printed
    assert found["content"] in row.contents, printed
    assert (found["safe"], status) == (row.safe, 0 if row.safe else 1), printed


def test_there_are_enough_of_both_kinds():
    assert len(ROWS) >= 25
    assert len(ROWS) / 3 < sum(row.safe for row in ROWS) < 2 * len(ROWS) / 3
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert {row.name for row in ROWS} >= LEFT_TO_THE_SOAK
    assert {name for row in QUICK for name in row.causes} == {name for row in ROWS for name in row.causes}
