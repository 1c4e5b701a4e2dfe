"""A process that forks takes which train only when they are told to, a turn at a time.

It has two descriptors, for commands and for answers, and talks in lines of JSON:

===========================================  ==========================================================================
in                                           out
===========================================  ==========================================================================
                                             ``{"ready": versions}``, or ``{"error": text}`` and the end
``{"cell": {...}, "settings": {...}}``       ``{"group": ..., "steps": ..., "inside": ..., "gap": ...}``, warm
``{"go": steps}``                            ``{"inside": seconds, "gap": seconds, "gaps": epochs that ended in it}``
``{"end": true}``                            ``{"outcome": "measured", "message": ""}``
===========================================  ==========================================================================

A take that breaks answers with its outcome, at any time. Takes and the process that forks them share both descriptors:
only one of them talks at a time. The end of the commands ends everything.
"""

from __future__ import annotations

import gc
import json
import os
import select
import struct
import tempfile
import time
from typing import Any, Callable

from feeders.errors import FeedersError, Unsupported
from feeders.messages import message_of
from feeders.results.record import FAILED, MEASURED, REFUSED, UNSUPPORTED

from .session import is_refusal
from .supervise import Finish, Watch, die_with_parent
from .watched import Watched

# A take that waits for its turn is alive; how often that is noted, as a part of the deadline.
BEATS = 10

# request, turns -> None; runs a fit that calls `Turns.step_ended` and `Turns.epoch_ended`.
Work = Callable[[Any, "Turns"], None]


class Wire:
    """The two descriptors of a process that forks takes.

    Args:
        commands: lines are read from it.
        answers: lines are written to it.
    """

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers

    def hear(self) -> Any:
        """Return the next command, None at the end of them; it reads no further, for the next line may be another's."""
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(self._commands, 1)
            if not byte:
                return None
            line += byte
        return json.loads(line)

    def tell(self, value: Any) -> None:
        """Answer, in one piece."""
        os.write(self._answers, json.dumps(value).encode() + b"\n")

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


class Pulse:
    """A count of the begun and ended turns of a take, odd while it has its turn, for the process that watches it."""

    def __init__(self) -> None:
        self._count, self._seen = 1, 0
        self._file, self._heart = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115  (see close)
        self.heartbeat = self._heart.fileno()

    def close(self) -> None:
        """Close its files."""
        self._file.close()
        self._heart.close()

    def change(self) -> None:
        """Note that a turn has begun or ended."""
        self.step(1)

    def step(self, by: int = 2) -> None:
        """Note progress."""
        self._count += by
        os.pwrite(self._file.fileno(), struct.pack("<Q", self._count), 0)

    def pass_on(self, commanded: bool) -> None:
        """Let the heart beat for a take that has moved, or waits for its turn with no command unread."""
        seen = os.pread(self._file.fileno(), 8, 0)
        count = struct.unpack("<Q", seen)[0] if seen else 1
        if count != self._seen or (count % 2 == 0 and not commanded):
            os.write(self.heartbeat, b".")
        self._seen = count


class Turns:
    """The turns of a take: it trains for so many steps, says how long that took, and waits to be told to go on.

    Two epochs and the first step of the third are warm-up, and the second one is timed: turns begin and end after the
    first step of an epoch, or further in it. A gap is from the end of an epoch's last step to that of the next first.

    Args:
        wire: commands and answers.
        pulse: tells the watching process about them.
        answer: ends the take.
    """

    def __init__(self, wire: Wire, pulse: Pulse, answer: Finish) -> None:
        self._wire, self._pulse, self._answer = wire, pulse, answer
        self._steps = self._done = self._until = self._epochs = 0
        self._warm = False
        # When the turn began, when the last epoch ended, and the gaps of the turn.
        self._start = self._last = self._gap = 0.0
        self._gaps = 0

    def begin(self, steps: int) -> None:
        """Say how many steps an epoch has, before the first one.

        Raises:
            Unsupported: too few.
        """
        if steps < 2:
            raise Unsupported(f"an epoch of {steps} batch(es); turns within an epoch need 2 or more")
        self._steps, self._until = steps, 2 * steps + 1

    @property
    def started(self) -> bool:
        """Whether a step has been made."""
        return self._done > 0

    def times_this_step(self) -> bool:
        """Whether the end of the step that is being made is a time that counts."""
        return (self._done + 1) % self._steps in (0, 1) or self._done + 1 >= self._until

    def step_ended(self) -> None:
        """Note that a step has just ended; return when the next one may begin."""
        now = time.perf_counter()
        self._done += 1
        if self._done % self._steps == 0:
            self._last = now
        elif self._done % self._steps == 1 and self._done > 1:
            self._gap += now - max(self._last, self._start)
            self._gaps += 1
        if self._done >= self._until:
            self._turn_ended(now)
        elif not self._warm:
            self._pulse.step()
            if self._done == self._steps + 1:
                self._begin_turn(now)

    def epoch_ended(self) -> None:
        """Note that an epoch has ended.

        Raises:
            RuntimeError: it was not a whole one.
        """
        self._epochs += 1
        expected = self._steps * self._epochs
        if self._done != expected:
            raise RuntimeError(
                f"after epoch {self._epochs} the model had trained on {self._done} batches, "
                f"expected {expected}: the feed ran out of data"
            )

    def _turn_ended(self, now: float) -> None:
        told: Any = {"inside": now - self._start - self._gap, "gap": self._gap, "gaps": self._gaps}
        if not self._warm:
            told = {**told, "steps": self._steps, "group": os.getpgrp()}
            self._warm = True
            gc.collect()
            gc.freeze()
            gc.disable()
        self._pulse.change()
        self._wire.tell(told)
        self._wait()

    def _wait(self) -> None:
        command = self._wire.hear()
        if command is None:
            os._exit(0)
        if "end" in command:
            # From within fit(): how long Keras takes to close is not our matter.
            self._answer({"outcome": MEASURED, "message": ""})
        self._until = self._done + command["go"]
        self._pulse.change()
        self._begin_turn(time.perf_counter())

    def _begin_turn(self, now: float) -> None:
        self._start, self._gap, self._gaps = now, 0.0, 0


def serve(wire: Wire, work: Work) -> None:
    """Fork a take for each request, until there are no more commands; whatever breaks in one becomes its outcome.

    Args:
        wire: commands and answers.
        work: what a take does with a request; called in the process that was forked for it.
    """
    while True:
        request = wire.hear()
        if request is None:
            return
        # A command to a take that has ended meanwhile is nobody's.
        if "cell" not in request:
            continue
        outcome = _take(wire, work, request)
        if outcome is None:
            return
        wire.tell({name: outcome[name] for name in ("outcome", "message")})


def _take(wire: Wire, work: Work, request: Any) -> dict[str, Any] | None:
    """Return how the take ended, None if there are no more commands."""
    deadline = request["settings"]["deadline_seconds"]
    pulse = Pulse()
    alive, hold = os.pipe()
    try:
        watch = Watch(deadline, memory=False, heartbeat=pulse.heartbeat)
        with Watched(lambda answer: _work(work, request, Turns(wire, pulse, answer), answer), watch) as running:
            os.close(hold)
            left = ended = False
            while not (left or ended):
                left, ended = wire.closes(alive, deadline / BEATS)
                pulse.pass_on(wire.has_command())
            if left:
                return None
            end = running.wait()
            return end.answer or {"outcome": end.outcome, "message": end.message}
    finally:
        os.close(alive)
        pulse.close()


def _work(work: Work, request: Any, turns: Turns, answer: Finish) -> None:
    try:
        work(request, turns)
        message = "fit() returned before its last turn: the feed ran out of data"
        outcome = FAILED
    except Unsupported as error:
        outcome, message = UNSUPPORTED, str(error)
    except Exception as error:
        refused = not turns.started and is_refusal(error)
        outcome, message = REFUSED if refused else FAILED, message_of(error)
    answer({"outcome": outcome, "message": message})


def main(work: Work, stack: Callable[[], Any], commands: int, answers: int) -> int:
    """Serve takes on two descriptors; return the exit status.

    Args:
        work: what a take does with a request.
        stack: imports what takes need, and describes it.
        commands: descriptor to read from.
        answers: descriptor to write to.
    """
    die_with_parent()
    wire = Wire(commands, answers)
    try:
        wire.tell({"ready": stack()})
    except FeedersError as error:
        wire.tell({"error": str(error)})
        return 2
    serve(wire, work)
    return 0
