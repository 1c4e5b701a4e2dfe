"""Lanes: one interpreter each, which forks takes that train in turns and stand still in between."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Mapping, Sequence

from feeders.errors import FeedersError
from feeders.measure import Settings

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ROOT = Path(__file__).resolve().parents[2]

TAKES = ("-m", "feeders.measure.turns")

# A lane that is told to end kills what it holds and waits for nothing else.
END_SECONDS = 20

# The end of what a lane has printed says why it died.
TAIL_BYTES = 1500

# A stop signal takes some 20 us to arrive everywhere.
LOOK_SECONDS = 5e-5


class BrokenTake(Exception):  # noqa: N818  (an outcome, in the word that tables show)
    """A take has ended before it was told to.

    Attributes:
        outcome: one of `feeders.measure.OUTCOMES`, not "measured".
        message: what was seen.
    """

    def __init__(self, outcome: str, message: str) -> None:
        super().__init__(f"{outcome}: {message}")
        self.outcome, self.message = outcome, message


class Lane:
    """An interpreter that forks takes, one at a time; as a context it is started and ended with all it holds.

    Start it in a thread that lives as long: Linux ends the lane when the thread that started it ends.

    Args:
        python: path of the interpreter.
        environment: variables on top of those of this process.
        arguments: what the interpreter runs, by default takes of cells; the two descriptors follow.
    """

    def __init__(
        self, python: str | Path, environment: Mapping[str, str] | None = None, arguments: Sequence[str] = TAKES
    ) -> None:
        self._command = [str(python), *arguments]
        self._environment = dict(environment or {})
        self.stack: Mapping[str, str] = {}

    def is_like(self, other: Lane) -> bool:
        """Whether the two differ in nothing, so that either may hold either side of a comparison."""
        return (self._command, self._environment) == (other._command, other._environment)

    def __enter__(self) -> Lane:
        self._printed = tempfile.TemporaryFile()
        commands, self._commands = os.pipe()
        answers, tell = os.pipe()
        self._answers: IO[bytes] = open(answers, "rb")
        environment = {**os.environ, **self._environment}
        path = os.pathsep.join(filter(None, (str(ROOT), environment.get("PYTHONPATH"))))
        try:
            # A session of its own: Ctrl-C is for this process alone, which ends the lane.
            self._process = subprocess.Popen(
                [*self._command, str(commands), str(tell)],
                stdin=subprocess.DEVNULL,
                stdout=self._printed,
                stderr=self._printed,
                pass_fds=(commands, tell),
                start_new_session=True,
                env={**environment, "PYTHONPATH": path},
            )
        except OSError as error:
            self._close()
            self._printed.close()
            raise FeedersError(
                f"{self._command[0]}: can't be started ({error}); expected a Python interpreter"
            ) from None
        finally:
            os.close(commands)
            os.close(tell)
        try:
            said = self.hear()
            if "error" in said:
                raise FeedersError(f"{self._command[0]}: {said['error']}")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.stack = said["ready"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
            self._printed.close()

    def _close(self) -> None:
        os.close(self._commands)
        self._answers.close()

    def say(self, command: Mapping[str, Any]) -> None:
        """Send a command."""
        with contextlib.suppress(BrokenPipeError):  # `hear` says what there is to say
            os.write(self._commands, json.dumps(command).encode() + b"\n")

    def hear(self) -> dict[str, Any]:
        """Wait for the next answer.

        Raises:
            FeedersError: the lane has died.
        """
        line = self._answers.readline()
        if not line.endswith(b"\n"):
            raise FeedersError(self._obituary())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _obituary(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        self._printed.seek(max(0, self._printed.seek(0, os.SEEK_END) - TAIL_BYTES))
        printed = self._printed.read().decode(errors="replace").strip()
        return (
            f"{' '.join(self._command)}: ended with status {self._process.returncode}, expected it to stay. "
            f"It printed: {printed or 'nothing'}"
        )

    def begin(self, cell: DataclassInstance, settings: Settings) -> Running:
        """Start a take and return it when it is warm, and stopped.

        Args:
            cell: what to measure, a `feeders.measure.Cell`.
            settings: how.

        Raises:
            BrokenTake: it has broken.
            FeedersError: the lane has died.
        """
        self.say({"cell": dataclasses.asdict(cell), "settings": dataclasses.asdict(settings)})
        return Running(self, _answer(self))


@dataclass(frozen=True)
class Turn:
    """One turn of a take.

    Attributes:
        inside: seconds inside epochs, from when it was told to go on to the end of its last step.
        gap: seconds from the end of an epoch's last step to the end of the next one's first, in sum.
        gaps: epochs that ended in it.
    """

    inside: float
    gap: float
    gaps: int


class Running:
    """A take in the middle of its ``fit()``: stopped, with all its processes, except during `turn`.

    Args:
        lane: where it runs; it holds no other take meanwhile.
        warm: what it said when it was warm.

    Attributes:
        group: its process group.
        steps: of an epoch.
        inside_seconds: of a warm epoch, without the gap.
        gap_seconds: of the gap after it.
    """

    def __init__(self, lane: Lane, warm: Mapping[str, Any]) -> None:
        self._lane = lane
        self.group: int = warm["group"]
        self.steps: int = warm["steps"]
        self.inside_seconds: float = warm["inside"]
        self.gap_seconds: float = warm["gap"]
        self._ended = False
        self.pause()

    def turn(self, steps: int) -> Turn:
        """Let it make so many steps.

        Raises:
            BrokenTake: it has broken.
            FeedersError: the lane has died.
        """
        # The command is there when it wakes up, so that its workers get no head start.
        self._lane.say({"go": steps})
        self.resume()
        try:
            told = _answer(self._lane)
        except BrokenTake:
            self._ended = True
            raise
        self.pause()
        return Turn(told["inside"], told["gap"], told["gaps"])

    def pause(self) -> None:
        """Stop all its processes and return when they stand still."""
        self._signal(signal.SIGSTOP)
        while _runs(self.group):
            time.sleep(LOOK_SECONDS)

    def resume(self) -> None:
        """Let all its processes go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has just died, and its lane will say how
            os.killpg(self.group, number)

    def end(self) -> None:
        """End it, however far it is; the lane is free then."""
        if self._ended:
            return
        self._ended = True
        self._lane.say({"end": True})
        self.resume()
        while "outcome" not in self._lane.hear():
            continue


def _answer(lane: Lane) -> dict[str, Any]:
    answer = lane.hear()
    if "outcome" in answer:
        raise BrokenTake(answer["outcome"], answer["message"])
    return answer


def _runs(pid: int) -> bool:
    """Whether the process is neither stopped nor gone; no on systems that don't tell."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] not in b"TtZX"
    except OSError:
        return False
