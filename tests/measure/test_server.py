"""The server that forks takes for small processes: it answers, it says what is wrong, and it ends with its parent."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from feeders.errors import FeedersError
from feeders.measure import Cell, server

ROOT = Path(__file__).resolve().parents[2]

ASK = """
import os, socket, sys
from pathlib import Path
from feeders.errors import FeedersError
from feeders.measure import Cell
from feeders.measure.server import ADDRESS_VARIABLE, start, take_by_server
start(Path(sys.argv[1]))
assert "tensorflow" not in sys.modules, "the caller has to stay small"
with socket.socket(socket.AF_UNIX) as ended:
    ended.connect(os.environ[ADDRESS_VARIABLE])  # and asks nothing
record = take_by_server(Cell("arrays", "remote", 1))
print(record.outcome, record.guarantee)
try:
    take_by_server(Cell("arays", "remote", 1))
except FeedersError as error:
    print(error)
"""

BROKEN = """
import sys
from pathlib import Path
from feeders.errors import FeedersError
from feeders.measure import server
def preload():
    raise FeedersError("TensorFlow can't be imported (no such thing)")
server.preload = preload
try:
    server.start(Path(sys.argv[1]))
except FeedersError as error:
    print("said:", error)
"""


def run(script, folder):
    pytest.importorskip("tensorflow")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    return subprocess.run(
        [sys.executable, "-c", script, str(folder)], env=environment, capture_output=True, text=True, timeout=200
    )


def using(folder):
    return [process for process in psutil.process_iter(["cmdline"]) if str(folder) in (process.info["cmdline"] or [])]


def test_it_measures_for_a_process_without_tensorflow_and_ends_with_it(tmp_path):
    answer = run(ASK, tmp_path)
    assert answer.returncode == 0, answer.stderr
    measured, unknown = answer.stdout.splitlines()
    assert measured == "measured exactly-once"
    assert unknown.startswith("arays: not a feeder. Nearest: arrays")
    psutil.wait_procs(using(tmp_path), timeout=20)
    assert not using(tmp_path)


def test_a_tensorflow_that_does_not_import_is_said_at_once(tmp_path):
    assert run(BROKEN, tmp_path).stdout == "said: TensorFlow can't be imported (no such thing)\n"


@pytest.mark.parametrize("was_there", [True, False])
def test_a_server_that_has_died_before_is_told(tmp_path, monkeypatch, was_there):
    """Each later take of the run is told the same as the one that it died in."""
    address = str(tmp_path / "takes")
    if was_there:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(address)
    monkeypatch.setenv(server.ADDRESS_VARIABLE, address)
    with pytest.raises(FeedersError, match=r"^arrays on remote, workers 1: the process that forks takes has died\."):
        server.take_by_server(Cell("arrays", "remote", 1))
