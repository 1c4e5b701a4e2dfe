"""Interpreters that fork takes and hold one at a time; the other end is `feeders.measure.lockstep_worker`."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Mapping, Sequence

from feeders.errors import FeedersError

IMPORT_PATH = Path(__file__).resolve().parents[2]

TAKES_OF_CELLS = ("-m", "feeders.measure.fit_in_turns")

# A process that is told to end kills what it holds and waits for nothing else.
END_SECONDS = 20

# The end of what a process has printed says why it died.
TAIL_BYTES = 1500


class BrokenTake(Exception):  # noqa: N818  (an outcome, in the word that tables show)
    """A take has ended before it was told to.

    Attributes:
        outcome: one of `feeders.measure.OUTCOMES`, not "measured".
        message: what was seen.
    """

    def __init__(self, outcome: str, message: str) -> None:
        super().__init__(f"{outcome}: {message}")
        self.outcome, self.message = outcome, message


class LockstepProcess:
    """An interpreter that forks takes, one at a time; as a context it is started and ended with all it holds.

    Start it in a thread that lives as long: Linux ends the process when the thread that started it ends.

    Args:
        python: path of the interpreter.
        environment: variables on top of those of this process.
        arguments: what the interpreter runs, by default takes of cells; the two descriptors follow.
    """

    def __init__(
        self,
        python: str | Path,
        environment: Mapping[str, str] | None = None,
        arguments: Sequence[str] = TAKES_OF_CELLS,
    ) -> None:
        self._command = [str(python), *arguments]
        self._environment = dict(environment or {})
        self.stack: Mapping[str, str] = {}

    def is_like(self, other: LockstepProcess) -> bool:
        """Whether the two differ in nothing, so that either may hold either side of a comparison."""
        return (self._command, self._environment) == (other._command, other._environment)

    def __enter__(self) -> LockstepProcess:
        self._output = tempfile.TemporaryFile()
        commands, self._commands = os.pipe()
        read_answers, answers = os.pipe()
        self._answers: IO[bytes] = open(read_answers, "rb")
        try:
            self._process = self._start(commands, answers)
        except OSError as error:
            self._close()
            self._output.close()
            raise FeedersError(
                f"{self._command[0]}: can't be started ({error}); expected a Python interpreter"
            ) from None
        finally:
            os.close(commands)
            os.close(answers)
        try:
            first = self.receive()
            if "error" in first:
                raise FeedersError(f"{self._command[0]}: {first['error']}")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.stack = first["ready"]
        return self

    def _start(self, commands: int, answers: int) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **self._environment}
        path = os.pathsep.join(filter(None, (str(IMPORT_PATH), environment.get("PYTHONPATH"))))
        # A session of its own: Ctrl-C is for this process alone, which ends that one.
        return subprocess.Popen(
            [*self._command, str(commands), str(answers)],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            pass_fds=(commands, answers),
            start_new_session=True,
            env={**environment, "PYTHONPATH": path},
        )

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
            self._output.close()

    def _close(self) -> None:
        os.close(self._commands)
        self._answers.close()

    def send(self, command: Mapping[str, Any]) -> None:
        """Send a command."""
        with contextlib.suppress(BrokenPipeError):  # `receive` tells what has happened
            os.write(self._commands, json.dumps(command).encode() + b"\n")

    def receive(self) -> dict[str, Any]:
        """Wait for the next answer.

        Raises:
            FeedersError: the process has died.
        """
        line = self._answers.readline()
        if not line.endswith(b"\n"):
            raise FeedersError(self._how_it_died())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def receive_of_take(self) -> dict[str, Any]:
        """Wait for the next answer of a take that is to go on.

        Raises:
            BrokenTake: it has broken.
            FeedersError: the process has died.
        """
        answer = self.receive()
        if "outcome" in answer:
            raise BrokenTake(answer["outcome"], answer["message"])
        return answer

    def _how_it_died(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        self._output.seek(max(0, self._output.seek(0, os.SEEK_END) - TAIL_BYTES))
        output = self._output.read().decode(errors="replace").strip()
        return (
            f"{' '.join(self._command)}: ended with status {self._process.returncode}, expected it to stay. "
            f"It printed: {output or 'nothing'}"
        )
