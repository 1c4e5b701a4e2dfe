"""Forced thread switches at lines and between operations of chosen code.

A thread is held at a place while others go on, so that a race which needs a switch just there needs no luck. From
Python 3.12 ``sys.monitoring`` tells of every thread, before that ``threading.settrace`` of those that Python started.
"""

from __future__ import annotations

import contextlib
import dis
import os
import random
import sys
import threading
import time
from dataclasses import dataclass
from types import CodeType, FrameType, TracebackType
from typing import Any, Callable

# Threads are held so many times for one choice of a place: a line of a loop is reached again and again.
MOST_HOLDS = 4

# A line of a long loop is reached hundreds of thousands of times: after so many it is left alone until the next choice.
# Being watched would else slow the code under audit a hundredfold.
MOST_ARRIVALS = 500

# How often a held thread looks whether others have gone on.
LOOK_SECONDS = 0.0002

# A tenth of CPython's: switches come between operations too where no place is forced.
SWITCH_INTERVAL_SECONDS = 5e-6

# Numbers of their own: the code under audit may draw from `random`, and would get others wherever a switch was drawn.
# A forked process goes on with other ones, as it does with those of `random`.
_chance = random.Random()
os.register_at_fork(after_in_child=_chance.seed)


@dataclass(frozen=True)
class Place:
    """A place in code: a line, or one operation in it.

    Attributes:
        file: path of the source.
        function: its qualified name where Python tells it.
        line: number of the line, from 1.
        offset: of the operation in the function's byte code; None for the line as a whole.
    """

    file: str
    function: str
    line: int
    offset: int | None = None


class Switches:
    """Holds threads at places of the code that `theirs` accepts, while it is entered as a context.

    Args:
        theirs: tells by the path of a source file whether its code is under audit.

    Attributes:
        places: lines that ran meanwhile, in the order of their first run.
        ran: those that ran since it was emptied.
        beside: places where other threads stood or went on while one was held.
    """

    def __init__(self, theirs: Callable[[str], bool]) -> None:
        self._theirs = theirs
        self.places: dict[tuple[CodeType, int], Place] = {}
        self.ran: set[Place] = set()
        self.beside: set[Place] = set()
        self._lock = threading.Lock()
        self._passed = 0
        self._arrivals: dict[tuple[CodeType, int], int] = {}
        self._tired = False
        self.calm()

    def calm(self) -> None:
        """Force no switches."""
        self._arrivals.clear()
        if self._tired:
            self._tired = False
            self._wake()
        self._share, self._longest = 0.0, 0.0
        self._target: tuple[CodeType, int, int | None] | None = None
        self._holder: int | None = None

    def noise(self, share: float, longest: float) -> None:
        """Stop a ``share`` of all lines for up to ``longest`` seconds each."""
        self.calm()
        self._share, self._longest = share, longest

    def hold(self, code: CodeType, place: Place, share: float, seconds: float, lines: int) -> None:
        """Hold one thread at a time at a place until others ran a number of lines, or for some time.

        Args:
            code: the function that the place is in.
            place: where.
            share: of arrivals that are held.
            seconds: at most; others may wait for a lock that the held thread has.
            lines: of other threads after which it goes on.
        """
        self.calm()
        self.beside = set()
        self._share, self._longest, self._lines, self._holds = share, seconds, lines, MOST_HOLDS
        self._target = (code, place.line, place.offset)
        self._watch_operations(code if place.offset is not None else None)

    def operations(self) -> list[tuple[CodeType, Place]]:
        """All operations of the functions whose lines ran, as places to hold at."""
        found = []
        for code in dict.fromkeys(code for code, _ in self.places):
            line = code.co_firstlineno
            for operation in dis.get_instructions(code):
                starts = operation.starts_line
                if starts is not None and starts is not False:
                    line = getattr(operation, "line_number", None) or int(starts)
                found.append((code, Place(code.co_filename, _name(code), line, operation.offset)))
        return found

    def _is_tired(self, code: CodeType, line: int) -> bool:
        """Count an arrival, and tell whether there were enough."""
        arrivals = self._arrivals[code, line] = self._arrivals.get((code, line), 0) + 1
        self._tired = self._tired or arrivals > MOST_ARRIVALS
        return arrivals > MOST_ARRIVALS

    def _arrive(self, code: CodeType, line: int, offset: int | None) -> None:
        if offset is None:
            place = self.places.get((code, line))
            if place is None:
                place = self.places[code, line] = Place(code.co_filename, _name(code), line)
            self.ran.add(place)
            self._passed += 1
            # By the lock: a thread that has it may not have said yet that it is the holder.
            if self._lock.locked() and self._holder != threading.get_ident():
                self.beside.add(place)
        if not self._share or _chance.random() >= self._share:
            return
        if self._target is None:
            time.sleep(_chance.uniform(0, self._longest))
        elif self._target == (code, line if offset is None else self._target[1], offset):
            self._stay()

    def _stay(self) -> None:
        # Counted from here: others may pass while this thread waits to be told that it is the one.
        enough = self._passed + self._lines
        if not self._holds or not self._lock.acquire(blocking=False):
            return
        try:
            self._holds -= 1
            self._holder = threading.get_ident()
            end = time.perf_counter() + self._longest
            while self._passed < enough and time.perf_counter() < end:
                time.sleep(LOOK_SECONDS)
        finally:
            self._holder = None
            self._lock.release()

    def __enter__(self) -> Switches:
        self._interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
        self._start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.calm()
        self._stop()
        sys.setswitchinterval(self._interval)

    if sys.version_info >= (3, 12):

        def _start(self) -> None:
            monitoring = sys.monitoring
            self._tool = next(number for number in (4, 3, 5, 2) if monitoring.get_tool(number) is None)
            monitoring.use_tool_id(self._tool, "feeders audit")
            monitoring.register_callback(self._tool, monitoring.events.LINE, self._line)
            monitoring.register_callback(self._tool, monitoring.events.INSTRUCTION, self._operation)
            monitoring.set_events(self._tool, monitoring.events.LINE)
            monitoring.restart_events()
            self._watched: CodeType | None = None

        def _stop(self) -> None:
            monitoring = sys.monitoring
            self._watch_operations(None)
            monitoring.set_events(self._tool, 0)
            monitoring.free_tool_id(self._tool)

        def _watch_operations(self, code: CodeType | None) -> None:
            for old, events in ((self._watched, 0), (code, sys.monitoring.events.INSTRUCTION)):
                if old is not None:
                    sys.monitoring.set_local_events(self._tool, old, events)
            self._watched = code

        def _line(self, code: CodeType, line: int) -> Any:
            if not self._theirs(code.co_filename):
                return sys.monitoring.DISABLE
            self._arrive(code, line, None)
            return sys.monitoring.DISABLE if self._is_tired(code, line) else None

        def _wake(self) -> None:
            sys.monitoring.restart_events()

        def _operation(self, code: CodeType, offset: int) -> Any:
            return self._arrive(code, 0, offset)

    else:

        def _start(self) -> None:
            self._watched: CodeType | None = None
            threading.settrace(self._trace)
            sys.settrace(self._trace)

        def _stop(self) -> None:
            sys.settrace(None)
            with contextlib.suppress(AttributeError):  # threads that still run keep asking: they find nothing to do
                threading.settrace(None)

        def _watch_operations(self, code: CodeType | None) -> None:
            self._watched = code

        def _wake(self) -> None:
            """Frames that are entered from now on are watched again."""

        def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
            if not self._theirs(frame.f_code.co_filename):
                return None
            if event == "call" and self._is_tired(frame.f_code, 0):  # a function that a loop calls
                return None
            if event == "line":
                self._arrive(frame.f_code, frame.f_lineno, None)
                frame.f_trace_lines = not self._is_tired(frame.f_code, frame.f_lineno)
            elif event == "opcode":
                self._arrive(frame.f_code, frame.f_lineno, frame.f_lasti)
            frame.f_trace_opcodes = frame.f_code is self._watched
            return self._trace


def _name(code: CodeType) -> str:
    return getattr(code, "co_qualname", code.co_name)
