"""What a person sees: tables that are not cut, progress on a terminal alone, and no chatter of libraries."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from feeders import terminal
from feeders.terminal import LOG_LEVEL, Progress, interrupted_by, table, without_chatter, write_atomically


class Screen(io.StringIO):
    """Stands for a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still at `now`."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(terminal, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def screen(monkeypatch):
    """A terminal of 100 columns behind both streams."""
    screen = Screen()
    monkeypatch.setattr(terminal, "sys", SimpleNamespace(stderr=screen, stdout=screen))
    for name, value in (("TERM", "xterm"), ("COLUMNS", "100"), ("LINES", "30")):
        monkeypatch.setenv(name, value)
    return screen


@pytest.mark.parametrize(
    ("seconds", "share", "line"),
    [
        (30, 0.0, "  30 s  pair 1"),
        (30, 0.5, "  30 s  pair 1; needs 30 s more at least"),
        (30, 0.25, "  30 s  pair 1; needs 2 min more at least"),
        (3000, 0.25, "3000 s  pair 1; needs 150 min more at least"),
        (30, 1.0, "  30 s  pair 1; needs 0 s more at least"),
    ],
)
def test_the_time_that_is_needed_yet_follows_from_the_share(clock, screen, seconds, share, line):
    with Progress() as progress:
        clock.now += seconds
        progress.update("pair 1", share)
        assert line in screen.getvalue()


def test_what_stays_is_printed_whole_and_the_line_of_progress_is_gone_in_the_end(clock, screen):
    stays = f"pair [1]: {'long ' * 40}"
    with Progress() as progress:
        progress.update("pair 1")
        progress.print(stays)
    text = screen.getvalue()
    assert f"{stays}\n" in text
    assert text.endswith("\x1b[2K")


def test_in_a_log_only_what_stays_is_printed(capsys):
    with Progress() as progress:
        progress.update("pair 1", 0.5)
        progress.print("pair 1: done")
    assert capsys.readouterr() == ("", "pair 1: done\n")


ROWS = [("a", "[0.98, 1.02]", "x" * 200), ("longer", "b", "")]


def test_where_nobody_looks_columns_are_as_wide_as_they_have_to_be(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert table(ROWS) == [f"a       [0.98, 1.02]  {'x' * 200}", "longer  b"]
    assert table([("1", "2")], ("one", "two"), indent=2) == ["  one  two", "  1    2"]


def test_on_a_terminal_a_table_keeps_to_its_width_and_loses_nothing(screen, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    lines = table(ROWS)
    assert max(map(len, lines)) <= 40
    assert "".join(lines).count("x") == 200
    assert table([("1",)], ("head",))[0].startswith("\x1b[1m")


LIBRARY = b"""\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795721166.143907   27658 port.cc:153] oneDNN custom operations are on.
E0000 00:00:1795721166.143907   27658 cuda_dnn.cc:8310] Unable to register cuDNN factory: it is there
2024-01-01 10:00:00.123456: I tensorflow/core/platform/cpu_feature_guard.cc:182] This binary is optimized
To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow with the compiler flags.
"""
TOLD = b"E0000 00:00:1795721166.143907   27658 cuda.cc:1] no kernel image\nmine\n"


@pytest.mark.parametrize(("level", "seen"), [(None, TOLD), ("2", TOLD), ("0", LIBRARY + TOLD), ("1", LIBRARY + TOLD)])
def test_libraries_are_not_heard_unless_who_calls_wants_them(capfdbinary, monkeypatch, level, seen):
    """They write to the descriptor; what is no chatter of theirs passes, in its order."""
    monkeypatch.delenv(LOG_LEVEL, raising=False)
    if level:
        monkeypatch.setenv(LOG_LEVEL, level)
    with without_chatter():
        os.write(2, LIBRARY + TOLD)
    os.write(2, b"after\n")
    assert capfdbinary.readouterr() == (b"", seen + b"after\n")


def test_what_is_said_last_before_a_process_dies_is_heard():
    """As where a CPU has not the instructions that TensorFlow was built for."""
    program = (
        "import os\nfrom feeders.terminal import without_chatter\n"
        "with without_chatter():\n    os.write(2, b'no AVX here\\n')\n    os.abort()\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != LOG_LEVEL}
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment)
    assert (ended.returncode, ended.stderr) == (-6, b"no AVX here\n")


def test_a_process_that_stays_holds_nobody_up(capfd, monkeypatch):
    monkeypatch.delenv(LOG_LEVEL, raising=False)
    monkeypatch.setattr(terminal, "SIEVE_SECONDS", 0.1)
    with without_chatter():
        stays = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    stays.communicate(b"\n")
    assert stays.returncode == 0
    terminal._working.pop().wait()


def test_a_signal_that_is_ignored_stays_so():
    """As under nohup, which lets a command go on when its terminal is closed."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupted_by(signal.SIGHUP):
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_ctrl_c_that_hits_an_import_stays_one():
    """Extension modules of TensorFlow answer it with ImportError: initialization failed."""

    def imported(interrupted):
        try:
            if interrupted:
                signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None
        raise ImportError("initialization failed")

    with pytest.raises(KeyboardInterrupt), terminal.interruptible_import():
        imported(interrupted=True)
    with pytest.raises(ImportError, match="initialization failed"), terminal.interruptible_import():
        imported(interrupted=False)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_no_file_gets_the_text_and_stays_what_it_is(tmp_path):
    """As /dev/stdout and /dev/null, in whose place root could put a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(pipe, "text")
    assert os.read(reader, 100) == b"text"
    os.close(reader)
    assert pipe.is_fifo()


def test_a_link_stays_one_and_its_file_is_written(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "file")
    for text in ("one", "two"):
        write_atomically(link, text)
        assert (tmp_path / "file").read_text() == text
    assert link.is_symlink()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "link"]
