"""What a person sees: tables, progress, and no chatter of libraries; and files that are there whole or not at all.

`rich` draws, and is imported where something is drawn: what runs inside a stack draws nothing and may not have it.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Iterator, Sequence

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

# Wider than any table: where nobody looks at a screen, nothing is cut and no line is broken.
UNBOUNDED = 10_000

# Of TensorFlow's libraries: 0 logs all, 1 no information, 2 no warnings, 3 no errors.
LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
WANTED = ("0", "1")

# What they log before that level is read, or in spite of it: information, warnings, and errors of CUDA's libraries that
# are registered twice, which every import of TensorFlow for GPUs tells. By absl, and, up to 2.17, with a date in front.
CHATTER = (
    r"WARNING: All log messages before absl::InitializeLog"
    r"|[IW]\d{4} [\d:.]+ +\d+ \S+:\d+\] |\d{4}-\d\d-\d\d [\d:.]+: [IW] \S+:\d+\] "
    r"|(E\d{4} [\d:.]+ +\d+|\d{4}-\d\d-\d\d [\d:.]+: E) \S+:\d+\] Unable to register cu"
    r"|To enable the following instructions: .*rebuild TensorFlow"
)

# It is behind by a line at most.
SIEVE_SECONDS = 2.0

# Passes on each line as it comes that is none of it.
SIEVE = """
import re, sys
for line in sys.stdin.buffer:
    if not re.match(sys.argv[1].encode(), line):
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
"""

_working: list[subprocess.Popen[bytes]] = []


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
    """Keep what TensorFlow's libraries log while they are imported off the screen; all else passes.

    They write to the descriptor of standard error, so that is what is sieved, by a process of its own: what they say
    last, before they end this process, passes too. Who sets TF_CPP_MIN_LOG_LEVEL to 0 or 1 sees everything.
    """
    if os.environ.get(LOG_LEVEL) in WANTED:
        yield
        return
    sys.stderr.flush()
    screen = os.dup(2)
    # A session of its own: Ctrl-C is for this process alone.
    command = [sys.executable, "-I", "-S", "-c", SIEVE, CHATTER]
    sieve = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=screen, start_new_session=True)
    assert sieve.stdin is not None
    with sieve.stdin as pipe:
        os.dup2(pipe.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(screen, 2)
        os.close(screen)
        try:
            sieve.wait(SIEVE_SECONDS)
        except subprocess.TimeoutExpired:  # an import has started a process to stay, which holds the pipe
            _working.append(sieve)


def is_output_closed() -> bool:
    """Return whether it is the output that nobody reads any more, and not another pipe that has broken."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # errors are told whatever is asked for
    return bool(poll.poll(0))


def discard_output() -> int:
    """Write nothing from now on, for who reads has seen enough, as `head` has; return the exit status for that."""
    # Python would complain once more when it flushes at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE


@contextlib.contextmanager
def interrupted_by(*signals: signal.Signals) -> Iterator[None]:
    """Take signals for Ctrl-C, so that what was measured is kept; one that is ignored, as under nohup, stays so."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {each: signal.getsignal(each) for each in signals}
    taken = [each for each in signals if before[each] != signal.SIG_IGN]
    for each in taken:
        signal.signal(each, interrupt)
    try:
        yield
    finally:
        for each in taken:
            signal.signal(each, before[each])


@contextlib.contextmanager
def interruptible_import() -> Iterator[None]:
    """Let Ctrl-C be Ctrl-C where an extension module, whose import it hits, makes an ``ImportError`` of it."""
    came: list[int] = []

    def interrupt(number: int, frame: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not ours or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except ImportError:
        if came:
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Progress:
    """A line on a terminal that says what is going on, and is gone afterwards; elsewhere nothing.

    Nothing is drawn but by the calls: a thread that draws would be in the way of processes that are forked meanwhile.
    """

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._bar = _bar() if sys.stderr.isatty() else None

    def __enter__(self) -> Progress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def print(self, text: str) -> None:
        """Print a line to stay, terminal or not."""
        if self._bar:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def update(self, text: str, share: float = 0.0) -> None:
        """Show a text in place of the one before, and the time that is needed yet where that can be told.

        Args:
            text: what is going on.
            share: of all that has to be done at least, what is done; 0 is unknown.
        """
        if self._bar:
            seconds = time.monotonic() - self._start
            left = f"; needs {rounded_seconds(seconds / share - seconds)} more at least" if share else ""
            (task,) = self._bar.task_ids
            line = f"{seconds:4.0f} s  {text}{left}"
            self._bar.update(task, description=line, completed=share, refresh=True)


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar
    from rich.table import Column

    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=1))
    bar = Bar(
        BarColumn(bar_width=12),
        text,
        console=Console(file=sys.stderr),
        expand=True,
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    bar.add_task("", total=1.0)
    return bar


def rounded_seconds(seconds: float) -> str:
    """Return the text of a time that is known roughly."""
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def table(rows: Sequence[Sequence[str]], heads: Sequence[str] = (), indent: int = 0) -> list[str]:
    """Return the lines of a table, for standard output: in its width on a terminal, else as wide as it has to be.

    Args:
        rows: texts of the cells.
        heads: of the columns; none by default.
        indent: spaces in front of each line.
    """
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    seen = sys.stdout.isatty()
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=bool(heads), header_style="bold")
    for head in heads or [""] * max(map(len, rows), default=0):
        made.add_column(Text(head), overflow="fold")
    for row in rows:
        made.add_row(*map(Text, row))
    drawn = io.StringIO()
    Console(file=drawn, force_terminal=seen, width=None if seen else UNBOUNDED).print(Padding(made, (0, 0, 0, indent)))
    return [line.rstrip() for line in drawn.getvalue().splitlines()]


def write_atomically(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all; what is none, as /dev/stdout, gets the text. A link stays one."""
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return
    path = path.resolve()
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
