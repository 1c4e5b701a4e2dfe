"""How a take in turns talks: commands and answers in lines of JSON, and a heartbeat for the process that watches it."""

from __future__ import annotations

import json
import os
import select
import struct
import tempfile
from typing import Any


class Channel:
    """The two descriptors of a process that forks takes.

    Args:
        commands: lines are read from it.
        answers: lines are written to it.
    """

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers

    def receive(self) -> Any:
        """Return the next command, None at the end of them; it reads no further, for the next line may be another's."""
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(self._commands, 1)
            if not byte:
                return None
            line += byte
        return json.loads(line)

    def send(self, answer: Any) -> None:
        """Answer, in one piece."""
        os.write(self._answers, json.dumps(answer).encode() + b"\n")

    def has_command(self) -> bool:
        """Whether a command, or the end of them, is there and unread."""
        return bool(select.select([self._commands], [], [], 0)[0])

    def closes(self, other: int, seconds: float) -> tuple[bool, bool]:
        """Wait, reading nothing, until the commands or another pipe have no writer, and tell which of them."""
        poll = select.poll()
        poll.register(self._commands, 0)
        poll.register(other, 0)
        closed = [descriptor for descriptor, event in poll.poll(1000 * seconds) if event & select.POLLHUP]
        return self._commands in closed, other in closed


class TurnHeartbeat:
    """Tells the process that watches a take whether it is alive, by a file that grows.

    The take counts the begun and ended turns and its steps; the count is odd while it has its turn.

    Attributes:
        descriptor: of the file that grows.
    """

    def __init__(self) -> None:
        self._count, self._last_seen = 1, 0
        self._counter, self._beats = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115  (see close)
        self.descriptor = self._beats.fileno()

    def close(self) -> None:
        """Close its files."""
        self._counter.close()
        self._beats.close()

    def turn_changed(self) -> None:
        """Note that a turn has begun or ended."""
        self._add(1)

    def progressed(self) -> None:
        """Note a step within a turn."""
        self._add(2)

    def _add(self, by: int) -> None:
        self._count += by
        os.pwrite(self._counter.fileno(), struct.pack("<Q", self._count), 0)

    def beat_if_alive(self, commanded: bool) -> None:
        """Let it beat for a take that has moved, or waits for its turn with no command unread."""
        written = os.pread(self._counter.fileno(), 8, 0)
        count = struct.unpack("<Q", written)[0] if written else 1
        if count != self._last_seen or (count % 2 == 0 and not commanded):
            os.write(self.descriptor, b".")
        self._last_seen = count
