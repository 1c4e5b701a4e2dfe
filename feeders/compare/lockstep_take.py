"""Takes that train in turns and stand still in between, with all their processes."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Mapping

from feeders.measure import Settings

from .lockstep_client import BrokenTake, LockstepProcess

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# A stop signal takes some 20 us to arrive everywhere.
POLL_SECONDS = 5e-5


@dataclass(frozen=True)
class Turn:
    """One turn of a take.

    Attributes:
        inside: seconds inside epochs, from the beginning of the steps that count to the end of the last one.
        gap: seconds from the end of an epoch's last step to the end of the next one's first, in sum.
        gaps: epochs that ended in it.
    """

    inside: float
    gap: float
    gaps: int


class LockstepTake:
    """A take in the middle of its ``fit()``: stopped, with all the processes it has, except during `turn`.

    Args:
        process: where it runs; it holds no other take meanwhile.
        warm: its answer when it was warm.

    Attributes:
        group: its process group.
        steps: of an epoch.
        inside_seconds: of a warm epoch, without the gap.
        gap_seconds: of the gap after it.
        cores: that it asked for meanwhile, with all its processes, whether or not it got them.
    """

    def __init__(self, process: LockstepProcess, warm: Mapping[str, Any]) -> None:
        self._process = process
        self.group: int = warm["group"]
        self.steps: int = warm["steps"]
        self.inside_seconds: float = warm["inside"]
        self.gap_seconds: float = warm["gap"]
        self.cores: float = warm["cores"]
        self._ended = False
        self.pause()

    def turn(self, steps: int, uncounted: int = 0) -> Turn:
        """Let it make so many steps.

        Args:
            steps: that count.
            uncounted: before them.

        Raises:
            BrokenTake: it has broken.
            FeedersError: the process has died.
        """
        # The command is there when it wakes up, so that its workers get no head start.
        self._process.send({"go": steps, "uncounted": uncounted})
        self.resume()
        try:
            answer = self._process.receive_of_take()
        except BrokenTake:
            self._ended = True
            raise
        self.pause()
        return Turn(answer["inside"], answer["gap"], answer["gaps"])

    def pause(self) -> None:
        """Stop all its processes and return when they stand still."""
        self._signal(signal.SIGSTOP)
        while _is_running(self.group):
            time.sleep(POLL_SECONDS)

    def resume(self) -> None:
        """Let all its processes go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has just died: the next answer says how
            os.killpg(self.group, number)

    def end(self) -> None:
        """End it, however far it is; its process is free then."""
        if self._ended:
            return
        self._ended = True
        self._process.send({"end": True})
        self.resume()
        while "outcome" not in self._process.receive():
            continue


def start_take(process: LockstepProcess, cell: DataclassInstance, settings: Settings) -> LockstepTake:
    """Start a take and return it when it is warm, and stopped.

    Args:
        process: where it runs; it holds no other take.
        cell: what to measure, a `feeders.measure.Cell`.
        settings: how.

    Raises:
        BrokenTake: it has broken.
        FeedersError: the process has died.
    """
    process.send({"cell": dataclasses.asdict(cell), "settings": dataclasses.asdict(settings)})
    return LockstepTake(process, process.receive_of_take())


def _is_running(pid: int) -> bool:
    """Whether the process is neither stopped nor gone; no on systems that don't tell."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] not in b"TtZX"
    except OSError:
        return False
