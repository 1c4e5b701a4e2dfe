"""Work in a process of its own, watched from another: what breaks in it becomes an outcome."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
from types import TracebackType
from typing import Any, Callable

from feeders.results.record import CRASHED, HUNG

from .session import shorten
from .supervise import Answer, Watch, supervise

# Writing ends of the lifelines held here. A process forked later must not hold them too: it would keep them open.
_held: set[int] = set()


class Watched:
    """Work that has started in a forked, watched process; as a context it ends there at the latest.

    Args:
        work: calls its argument with its answer, a JSON object; the process ends there.
        watch: deadline and limits.
    """

    def __init__(self, work: Callable[[Answer], None], watch: Watch) -> None:
        self._watch = watch
        self._result, self._log = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115  (see __exit__)
        lifeline, self._hold = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                for descriptor in (*_held, self._hold):
                    os.close(descriptor)
                supervise(work, watch, lifeline, self._result.fileno(), self._log.fileno())
                os._exit(0)
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(70)
        os.close(lifeline)
        _held.add(self._hold)

    def __enter__(self) -> Watched:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self._result.close()
        self._log.close()

    def _end(self) -> None:
        """Close the lifeline, which ends what still runs, and wait for the process that watched it."""
        if self._hold in _held:
            _held.discard(self._hold)
            os.close(self._hold)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def wait(self) -> dict[str, Any]:
        """Wait for the answer.

        Returns:
            What the work answered, with "memory" and "ended" of `supervise`; or "outcome" hung or crashed and its
            "message". Always with "printed": what it wrote to standard output and error.
        """
        try:
            os.waitpid(self._pid, 0)
        finally:
            self._end()
        with self._result as result, self._log as log:
            result.seek(0)
            log.seek(0)
            text, printed = result.read(), log.read().decode(errors="replace")
        return {**self._outcome(text.decode(), printed), "printed": printed}

    def _outcome(self, text: str, printed: str) -> dict[str, Any]:
        if not text:
            return {"outcome": CRASHED, "message": shorten(f"the process that watched the take has ended. {printed}")}
        seen = json.loads(text)
        if seen["over_limit"]:
            limit = f"over its limit of {(self._watch.memory_limit or 0) / 2**30:.1f} GiB of memory"
            return {"outcome": CRASHED, "message": shorten(f"{limit}. {printed}"), "over_limit": True}
        if seen["status"] is None:
            message = shorten(f"no end after {self._watch.deadline_seconds:g} s. {printed}")
            return {"outcome": HUNG, "message": message}
        if seen["answer"] is None:
            return {
                "outcome": CRASHED,
                "message": shorten(f"{_ending(seen['status'])}. {printed}"),
                "status": seen["status"],
            }
        return {**seen, **seen["answer"]}


def watched(work: Callable[[Answer], None], watch: Watch) -> dict[str, Any]:
    """Do the work in a watched process and return what `Watched.wait` does."""
    with Watched(work, watch) as running:
        return running.wait()


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"ended with exit status {os.WEXITSTATUS(status)} and no result"
