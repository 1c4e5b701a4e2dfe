"""The turns of a take: it trains for so many steps, says how long that took, and waits until it may go on."""

from __future__ import annotations

import gc
import os
import time
from typing import Any

from feeders.errors import Unsupported
from feeders.results.record import MEASURED

from .channel import Channel, TurnHeartbeat
from .processes import asked_seconds, tree
from .supervise import Finish


class Turns:
    """The turns of one take, from within its ``fit()``.

    Two epochs and the first step of the third are warm-up, and the second one is timed: turns begin and end after the
    first step of an epoch, or further in it. A gap is from the end of an epoch's last step to that of the next first.
    A turn may begin with steps that do not count.

    Args:
        channel: commands and answers.
        heartbeat: tells the watching process about them.
        answer: ends the take.
    """

    def __init__(self, channel: Channel, heartbeat: TurnHeartbeat, answer: Finish) -> None:
        self._channel, self._heartbeat, self._answer = channel, heartbeat, answer
        self._steps = self._done = self._from = self._until = self._epochs = 0
        self._warm = False
        # Seconds that it had asked for a core when the warm epoch began.
        self._asked = 0.0
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
        self._steps, self._from, self._until = steps, steps + 1, 2 * steps + 1

    @property
    def started(self) -> bool:
        """Whether a step has been made."""
        return self._done > 0

    def times_this_step(self) -> bool:
        """Whether the end of the step that is being made is a time that counts."""
        done = self._done + 1
        return done % self._steps in (0, 1) or done == self._from or done >= self._until

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
            return
        if not self._warm:
            self._heartbeat.progressed()
        if self._done == self._from:
            if not self._warm:
                processes = tree(os.getpid())
                self._asked = asked_seconds(time.process_time(), processes)
                now = time.perf_counter()
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
        seconds: Any = {"inside": now - self._start - self._gap, "gap": self._gap, "gaps": self._gaps}
        if not self._warm:
            asked = asked_seconds(time.process_time(), tree(os.getpid())) - self._asked
            cores = asked / (now - self._start)
            seconds = {**seconds, "steps": self._steps, "group": os.getpgrp(), "cores": cores}
            self._warm = True
            gc.collect()
            gc.freeze()
            gc.disable()
        self._heartbeat.turn_changed()
        self._channel.send(seconds)
        self._wait()

    def _wait(self) -> None:
        command = self._channel.receive()
        if command is None:
            os._exit(0)
        if "end" in command:
            # From within fit(): how long Keras takes to close is not our matter.
            self._answer({"outcome": MEASURED, "message": ""})
        self._from = self._done + command["uncounted"]
        self._until = self._from + command["go"]
        self._heartbeat.turn_changed()
        self._begin_turn(time.perf_counter())

    def _begin_turn(self, now: float) -> None:
        self._start, self._gap, self._gaps = now, 0.0, 0
