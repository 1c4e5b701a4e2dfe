"""The edge to asv: what is meant for a person ends the command in one message, whatever command it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from feeders.asv_plugin.edge import ends_with_message
from feeders.errors import FeedersError


def test_an_error_for_a_person_is_asvs_last_message_and_status_2(caplog):
    def command():
        raise FeedersError("no such release. Try: another")

    with pytest.raises(SystemExit) as ended:
        ends_with_message(command)()
    assert ended.value.code == 2
    assert "feeders: no such release. Try: another" in caplog.text


def test_ctrl_c_where_no_benchmark_runs_is_no_traceback(caplog):
    """As while environments are made, for minutes."""

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        ends_with_message(interrupted)()
    assert ended.value.code == 1
    assert "Interrupted." in caplog.text


def test_what_a_command_returns_and_other_errors_pass(caplog):
    assert ends_with_message(lambda first, second: first + second)(1, second=2) == 3
    with pytest.raises(ZeroDivisionError):
        ends_with_message(lambda: 1 / 0)()
    assert caplog.text == ""


@pytest.mark.parametrize("lines", [1, 100_000])
def test_output_that_nobody_reads_to_its_end_is_no_error(lines):
    """As ``asv show | head``: asv flushes once more at its end."""
    code = (
        "import sys; from asv.console import log; from feeders.asv_plugin.edge import ends_with_message\n"
        f"try: ends_with_message(lambda: print({lines} * 'line\\n'))()\n"
        "finally: log.flush()"
    )
    read, write = os.pipe()
    os.close(read)
    try:
        answer = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE)
    finally:
        os.close(write)
    assert (answer.returncode, answer.stderr) == (128 + signal.SIGPIPE, b"")


def test_another_pipe_that_breaks_is_not_taken_for_the_output():
    def broken():
        raise BrokenPipeError("to a process that has died")

    with pytest.raises(BrokenPipeError, match="to a process that has died"):
        ends_with_message(broken)()


def test_every_command_has_the_edge():
    code = (
        "import feeders.asv_plugin.plugin as plugin; plugin.setup(); from asv import commands, util; "
        "print({each.run_from_conf_args.__func__.__module__ for each in util.iter_subclasses(commands.Command)}, "
        "{hasattr(each.run_from_conf_args.__func__, '__wrapped__') for each in util.iter_subclasses(commands.Command)})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith(" {True}")


def test_the_plugin_does_not_import_tensorflow():
    code = "import sys, feeders.asv_plugin.plugin as plugin; plugin.setup(); print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
