"""Ctrl-C: whoever has seen enough of an audit gets the prompt back, and nothing runs on."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parent

BLOCKS = f"{HERE}/loaders/endings.py:BlocksAtOnce"

# It waits for nothing; a busy machine takes its time to kill and to wait.
SOON_SECONDS = 20


def probing(pid):
    """Whether the loader is at work: it has a session of its own, below that of the process that watches it."""
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        below = psutil.Process(pid).children(recursive=True)
        return sum(os.getsid(process.pid) == process.pid for process in below) >= 2
    return False


def test_ctrl_c_ends_an_audit_within_seconds_and_leaves_no_process(nothing_left, tmp_path):
    with open(tmp_path / "printed", "w+") as printed:
        # Descriptors stay open: every process that it starts holds the pipe of `nothing_left`.
        process = subprocess.Popen(
            [sys.executable, "-m", "feeders", "audit", BLOCKS, "--seconds", "30"],
            cwd=HERE.parent.parent,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
            close_fds=False,
        )
        deadline = time.monotonic() + 100
        while not probing(process.pid):
            assert process.poll() is None, (tmp_path / "printed").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(SOON_SECONDS) == 130
    text = (tmp_path / "printed").read_text()
    assert "feeders: interrupted; nothing is left running\n" in text
    assert "Traceback" not in text
    assert nothing_left()
