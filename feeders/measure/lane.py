"""A process that forks takes which train only when they are told to, a turn at a time.

It has two descriptors, for commands and for answers, and talks in lines of JSON:

===========================================  ==========================================================================
in                                           out
===========================================  ==========================================================================
                                             ``{"ready": versions}``, or ``{"error": text}`` and the end
``{"cell": {...}, "settings": {...}}``       ``{"group": ..., "steps": ..., "tail": ..., "step_seconds": ...}``, warm
``{"go": steps}``                            ``{"turn": seconds, "steps": ..., "gap": whether an epoch ended in it}``
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

from .record import FAILED, MEASURED, REFUSED, UNSUPPORTED
from .session import is_refusal, message_of
from .supervise import Answer, Watch, die_with_parent
from .watched import Watched

# A gap turn starts that many steps before the end of an epoch. Clocks run on while a take is stopped: what a feeder
# does once it has read its last batch (Keras 2 waits there for 5 s) has to start and end in the same turn. Keras
# reads ahead 10 batches and one for each worker.
TAIL = 16

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

    The first epoch and the next one up to its tail are warm-up: nothing is waited for.

    Args:
        wire: commands and answers.
        pulse: tells the watching process about them.
        answer: ends the take.
    """

    def __init__(self, wire: Wire, pulse: Pulse, answer: Answer) -> None:
        self._wire, self._pulse, self._answer = wire, pulse, answer
        self._steps = self._done = self._until = self._epochs = 0
        self._warm = False
        self._start = 0.0
        # Steps done and epochs ended when the turn began.
        self._from = (0, 0)

    def begin(self, steps: int) -> None:
        """Say how many steps an epoch has, before the first one.

        Raises:
            Unsupported: too few.
        """
        if steps < 2:
            raise Unsupported(f"an epoch of {steps} batch(es); turns within an epoch need 2 or more")
        self._steps, self._tail = steps, min(TAIL, (steps - 1) // 2)
        self._until = 2 * steps - self._tail

    @property
    def started(self) -> bool:
        """Whether a step has been made."""
        return self._done > 0

    def ends_with_this_step(self) -> bool:
        """Whether the turn ends with the step that is being made."""
        return self._done + 1 >= self._until

    def step_ended(self) -> None:
        """Note that a step has just ended; return when the next one may begin."""
        self._done += 1
        if self._done >= self._until:
            self._turn_ended(time.perf_counter())
        elif not self._warm:
            self._pulse.step()
            if self._done == self._steps + 1:
                self._start = time.perf_counter()

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
        steps, epochs = self._done - self._from[0], self._epochs - self._from[1]
        if self._warm:
            told: Any = {"turn": now - self._start, "steps": steps, "gap": epochs > 0}
        else:
            timed = max(1, self._done - self._steps - 1)
            told = {"steps": self._steps, "tail": self._tail, "step_seconds": (now - self._start) / timed}
            told["group"] = os.getpgrp()
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
        self._from = self._done, self._epochs
        self._until = self._done + command["go"]
        self._pulse.change()
        self._start = time.perf_counter()


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
            return None if left else running.wait()
    finally:
        os.close(alive)
        pulse.close()


def _work(work: Work, request: Any, turns: Turns, answer: Answer) -> None:
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
