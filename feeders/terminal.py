"""What command lines share: a line of progress, columns, and files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Sequence


class Progress:
    """A line on a terminal that says what is going on, and is gone afterwards; elsewhere nothing."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._shows = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def _clear(self) -> None:
        if self._shows:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def print(self, text: str) -> None:
        """Print a line to stay, terminal or not."""
        self._clear()
        print(text, file=sys.stderr, flush=True)

    def say(self, text: str, share: float = 0.0) -> None:
        """Show a text in place of the one before, and the time that is needed yet where that can be told.

        Args:
            text: what is going on.
            share: of all that has to be done at least, what is done; 0 is unknown.
        """
        if self._shows:
            seconds = time.monotonic() - self._start
            left = f"; needs {_rounded(seconds / share - seconds)} more at least" if share else ""
            print(f"\r\033[K{seconds:4.0f} s  {text}{left}", end="", file=sys.stderr, flush=True)


def _rounded(seconds: float) -> str:
    """A time that is known roughly."""
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with the columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows]


def write_atomically(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
