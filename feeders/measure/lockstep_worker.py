"""A process that forks takes which train only when they are told to, a turn at a time.

It has two descriptors, for commands and for answers, and talks in lines of JSON:

===========================================  ==========================================================================
in                                           out
===========================================  ==========================================================================
                                             ``{"ready": versions}``, or ``{"error": text}`` and the end
``{"cell": {...}, "settings": {...}}``       ``{"group", "steps", "inside", "gap", "cores": that it asks for}``, warm
``{"go": steps, "uncounted": before them}``  ``{"inside": seconds, "gap": seconds, "gaps": epochs that ended in it}``
``{"end": true}``                            ``{"outcome": "measured", "message": ""}``
===========================================  ==========================================================================

A take that breaks answers with its outcome, at any time. Takes and the process that forks them share both descriptors:
only one of them talks at a time. The end of the commands ends everything.
"""

from __future__ import annotations

import os
from typing import Any, Callable

from feeders.errors import FeedersError, Unsupported
from feeders.messages import message_of
from feeders.results.record import FAILED, REFUSED, UNSUPPORTED

from .channel import Channel, TurnHeartbeat
from .session import is_refusal
from .supervise import Finish, Watch, die_with_parent
from .turns import Turns
from .watched import Watched

# A take that waits for its turn is alive; how often that is noted, as a part of the deadline.
BEATS = 10

# command, turns -> None; runs a fit that calls `Turns.step_ended` and `Turns.epoch_ended`.
Work = Callable[[Any, Turns], None]


def serve_takes(channel: Channel, work: Work) -> None:
    """Fork a take for each command, until there are no more; whatever breaks in one becomes its outcome.

    Args:
        channel: commands and answers.
        work: what a take does with a command; called in the process that was forked for it.
    """
    while True:
        command = channel.receive()
        if command is None:
            return
        # A command to a take that has ended meanwhile is nobody's.
        if "cell" not in command:
            continue
        outcome = _take(channel, work, command)
        if outcome is None:
            return
        channel.send({name: outcome[name] for name in ("outcome", "message")})


def _take(channel: Channel, work: Work, command: Any) -> dict[str, Any] | None:
    """Return how the take ended, None if there are no more commands."""
    deadline = command["settings"]["deadline_seconds"]
    heartbeat = TurnHeartbeat()
    alive, hold = os.pipe()
    try:
        watch = Watch(deadline, memory=False, heartbeat=heartbeat.descriptor)
        with Watched(lambda answer: _work(work, command, Turns(channel, heartbeat, answer), answer), watch) as running:
            os.close(hold)
            left = ended = False
            while not (left or ended):
                left, ended = channel.closes(alive, deadline / BEATS)
                heartbeat.beat_if_alive(channel.has_command())
            if left:
                return None
            end = running.wait()
            return end.answer or {"outcome": end.outcome, "message": end.message}
    finally:
        os.close(alive)
        heartbeat.close()


def _work(work: Work, command: Any, turns: Turns, answer: Finish) -> None:
    try:
        work(command, turns)
        message = "fit() returned before its last turn: the feed ran out of data"
        outcome = FAILED
    except Unsupported as error:
        outcome, message = UNSUPPORTED, str(error)
    except Exception as error:
        refused = not turns.started and is_refusal(error)
        outcome, message = REFUSED if refused else FAILED, message_of(error)
    answer({"outcome": outcome, "message": message})


def run_worker(work: Work, stack: Callable[[], Any], commands: int, answers: int) -> int:
    """Serve takes on two descriptors; return the exit status.

    Args:
        work: what a take does with a command.
        stack: imports what takes need, and describes it.
        commands: descriptor to read from.
        answers: descriptor to write to.
    """
    die_with_parent()
    channel = Channel(commands, answers)
    try:
        channel.send({"ready": stack()})
    except FeedersError as error:
        channel.send({"error": str(error)})
        return 2
    serve_takes(channel, work)
    return 0
