"""The command line: what it prints, and the exit status of bad calls."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from feeders import cli
from feeders.loaders import WORKLOADS
from feeders.measure import METRICS
from feeders.strategies import FEEDERS


def test_list_names_every_row_of_the_catalogues(capsys):
    assert cli.main(["list"]) == 0
    printed = capsys.readouterr().out.split()
    assert {row.name for rows in (FEEDERS, WORKLOADS, METRICS) for row in rows} <= set(printed)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (["measure", "seqence"], "seqence: not a feeder. Nearest: sequence"),
        (["measure", "sequence", "--workload", "jepg"], "jepg: not a workload. Nearest: jpeg."),
        (["report", "--device", "CPU"], "report: --device belongs to --summary; the page holds all"),
    ],
)
def test_an_unknown_name_is_one_message_and_status_2(capsys, call, text):
    assert cli.main(call) == 2
    error = capsys.readouterr().err
    assert text in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "call", [["measure", "sequence", "--workers", "0"], ["overhead", "--pairs", "x"], ["report", "--changes"], []]
)
def test_a_bad_option_is_status_2(capsys, call):
    with pytest.raises(SystemExit) as ended:
        cli.main(call)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_measuring_on_a_gpu_that_is_not_there_is_one_message_and_status_2(monkeypatch):
    """In a process of its own, as TensorFlow reads its variables once."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    answer = subprocess.run(
        [sys.executable, "-m", "feeders", "measure", "sequence", "--device", "gpu"], capture_output=True, text=True
    )
    assert answer.returncode == 2
    assert "FEEDERS_DEVICE=gpu: tensorflow sees no GPU, expected 1 or more; NVIDIA's driver tells of " in answer.stderr
    assert "Traceback" not in answer.stderr


def test_report_names_the_releases_there_are(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["report", "--summary"]) == 2
    assert "holds no takes" in capsys.readouterr().err


def test_interrupt_is_said_in_one_line(capsys, monkeypatch):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_list", interrupted)
    assert cli.main(["list"]) == 130
    assert capsys.readouterr().err == "feeders: interrupted; nothing is left running\n"


def test_output_that_nobody_reads_to_its_end_is_no_error():
    """As ``python -m feeders list | head``: silent, and with the status that a shell knows."""
    read, write = os.pipe()
    os.close(read)
    try:
        answer = subprocess.run([sys.executable, "-m", "feeders", "list"], stdout=write, stderr=subprocess.PIPE)
    finally:
        os.close(write)
    assert (answer.returncode, answer.stderr) == (128 + signal.SIGPIPE, b"")


def test_another_pipe_that_breaks_is_not_taken_for_the_output(monkeypatch):
    def broken(options):
        raise BrokenPipeError("to a process that has died")

    monkeypatch.setattr(cli, "_list", broken)
    with pytest.raises(BrokenPipeError, match="to a process that has died"):
        cli.main(["list"])
