"""An exception of a loader, described so that it outlives the process in which it was raised."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from feeders.messages import message_of

# TensorFlow puts tracebacks of Python functions into the text of its errors.
LONGEST_TEXT = 20_000

LONGEST_HEAD = 200


@dataclass(frozen=True)
class Frame:
    """A line of a traceback, or the first line of a function.

    Attributes:
        file: path of the source.
        line: its number, from 1.
        name: of the function.
    """

    file: str
    line: int
    name: str


@dataclass(frozen=True)
class RaisedException:
    """What was raised.

    Attributes:
        error: type and text, shortened.
        frames: the innermost last.
        text: what the exception says, which may hold a traceback of its own.
    """

    error: str
    frames: tuple[Frame, ...] = ()
    text: str = ""

    @property
    def is_busy_generator(self) -> bool:
        """Whether a second thread asked a generator that was at work."""
        return says_busy_generator(self.error)


def describe_exception(error: Exception) -> RaisedException:
    """Return an exception with its frames and text."""
    frames = tuple(
        Frame(frame.filename, frame.lineno or 0, frame.name) for frame in traceback.extract_tb(error.__traceback__)
    )
    return RaisedException(message_of(error), frames, str(error)[:LONGEST_TEXT])


def says_busy_generator(text: str) -> bool:
    """Whether a message is the one of a generator that was at work when a second thread asked."""
    return "generator already executing" in text


def first_line(text: str) -> str:
    """Return the first line that says something, cut where it is long."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= LONGEST_HEAD else f"{line[:LONGEST_HEAD]}..."
