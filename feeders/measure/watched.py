"""Work in a process of its own, watched from another: what breaks in it becomes an outcome."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Callable

import psutil

from feeders.messages import shorten
from feeders.results.record import CRASHED, HUNG

from .supervise import Finish, Seen, Watch, supervise

# Writing ends of the lifelines held here. A process forked later must not hold them too: it would keep them open.
_held: set[int] = set()


@dataclass(frozen=True)
class Ended:
    """How watched work has ended.

    Attributes:
        outcome: `HUNG` or `CRASHED` if it gave no answer, else empty.
        message: what is known of that.
        printed: what it wrote to standard output and error.
        seen: what the process that watched it saw.
    """

    outcome: str
    message: str
    printed: str
    seen: Seen

    @property
    def answer(self) -> Any:
        """What the work answered; None if it gave no answer."""
        return self.seen.answer


class Watched:
    """Work that has started in a forked, watched process; as a context it ends there at the latest.

    Args:
        work: calls its argument with its answer; the process ends there.
        watch: deadline and limits.
    """

    def __init__(self, work: Callable[[Finish], None], watch: Watch) -> None:
        self._watch = watch
        self._result, self._log = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115  (see __exit__)
        lifeline, self._hold = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        # Ctrl-C that comes while Python's own hooks of a fork run is lost there.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        self._pid = os.fork()
        if self._pid == 0:
            try:
                signal.signal(signal.SIGINT, signal.SIG_DFL)  # what has come to this process ends it
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                for descriptor in (*_held, self._hold):
                    os.close(descriptor)
                supervise(work, watch, lifeline, self._result.fileno(), self._log.fileno())
                os._exit(0)
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(70)
        _held.add(self._hold)
        os.close(lifeline)
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        except BaseException:  # Ctrl-C has come meanwhile
            self._close()
            raise

    def __enter__(self) -> Watched:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
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

    def has_ended(self) -> bool:
        """Whether `wait` returns at once."""
        return bool(psutil.Process(self._pid).status() == psutil.STATUS_ZOMBIE)

    def wait(self) -> Ended:
        """Wait for the end of the work."""
        try:
            _, status = os.waitpid(self._pid, 0)
        finally:
            self._end()
        with self._result as result, self._log as log:
            result.seek(0)
            log.seek(0)
            text, printed = result.read().decode(), log.read().decode(errors="replace")
        known = bool(text) and status == 0  # of a full disk it may be cut
        seen = Seen(**json.loads(text)) if known else Seen()
        outcome, message = ("", "") if seen.answer is not None else self._fault(seen if known else None)
        return Ended(outcome, shorten(f"{message}. {printed}") if message else "", printed, seen)

    def _fault(self, seen: Seen | None) -> tuple[str, str]:
        """Return outcome and message of work that gave no answer."""
        if seen is None:
            return CRASHED, "the process that watched the take has ended"
        if seen.over_limit:
            return CRASHED, f"over its limit of {(self._watch.memory_limit or 0) / 2**30:.1f} GiB of memory"
        if seen.status is None:
            return HUNG, f"no end after {self._watch.deadline_seconds:g} s"
        return CRASHED, _ending(seen.status)


def watched(work: Callable[[Finish], None], watch: Watch) -> Ended:
    """Do the work in a watched process and return what `Watched.wait` does."""
    with Watched(work, watch) as running:
        return running.wait()


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"ended with exit status {os.WEXITSTATUS(status)} and no result"
