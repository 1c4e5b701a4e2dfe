"""The command line: exit status, interrupts, and an output that nobody reads to its end.

What the commands print is in tests/commands.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from feeders import cli
from feeders.commands import listing
from tests.docs.prose import faults


@pytest.mark.parametrize(
    "call", [["measure", "sequence", "--workers", "0"], ["overhead", "--pairs", "x"], ["report", "--changes"], []]
)
def test_a_bad_option_is_status_2(capsys, call):
    with pytest.raises(SystemExit) as ended:
        cli.main(call)
    assert ended.value.code == 2
    assert "usage: feeders" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["feeders"], [sys.executable, "-m", "feeders"]])
def test_the_console_script_and_the_module_are_the_same(command):
    """The script is installed beside the interpreter that runs the tests."""
    folder = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    answer = subprocess.run([*command, "--version"], capture_output=True, text=True, env=environment)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith("keras-feeders ")


@pytest.mark.slow
def test_measuring_on_a_gpu_that_is_not_there_is_one_message_and_status_2(monkeypatch):
    """In a process of its own, as TensorFlow reads its variables once."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    answer = subprocess.run(
        [sys.executable, "-m", "feeders", "measure", "sequence", "--device", "gpu"], capture_output=True, text=True
    )
    assert answer.returncode == 2
    assert "FEEDERS_DEVICE=gpu: tensorflow sees no GPU, expected 1 or more; NVIDIA's driver tells of " in answer.stderr
    assert "Traceback" not in answer.stderr


def test_interrupt_is_said_in_one_line(capsys, monkeypatch):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(listing, "_list", interrupted)
    assert cli.main(["list"]) == 130
    assert capsys.readouterr().err == "feeders: interrupted; nothing is left running\n"


def test_output_that_nobody_reads_to_its_end_is_no_error():
    """As ``feeders list | head``: silent, and with the status that a shell knows."""
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

    monkeypatch.setattr(listing, "_list", broken)
    with pytest.raises(BrokenPipeError, match="to a process that has died"):
        cli.main(["list"])


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_shell_completes_commands_options_and_files(shell, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--print-completion", shell])
    assert ended.value.code == 0
    script = capsys.readouterr().out
    assert all(word in script for word in ("audit", "compare", "start-method"))


def test_bash_takes_the_script():
    script = subprocess.run(
        [sys.executable, "-m", "feeders", "--print-completion", "bash"], capture_output=True, text=True, check=True
    ).stdout
    # Completed as bash would, for `feeders aud`.
    asked = 'COMP_WORDS=(feeders aud); COMP_CWORD=1; _shtab_feeders; echo "${COMPREPLY[@]}"'
    answer = subprocess.run(["bash"], input=f"{script}\n{asked}\n", capture_output=True, text=True)
    assert (answer.stdout.strip(), answer.stderr) == ("audit", "")


def parsers(parser):
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from parsers(each)


@pytest.mark.parametrize("parser", list(parsers(cli.command_line())), ids=lambda parser: parser.prog)
def test_the_help_tells_what_everything_is(parser):
    """In sentences of the length that pages have: a command before its options, and every option."""
    silent = [action.dest for action in parser._actions if not action.help and action.nargs != argparse.PARSER]
    assert silent == []
    if parser.prog.count(" ") == 1:
        assert parser.description
    assert not list(faults("\n\n".join(filter(None, (parser.description, parser.epilog)))))
