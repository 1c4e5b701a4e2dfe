"""Where preparing batches spends its time: lines of the person's code, sampled in a serial pass."""

from __future__ import annotations

import contextlib
import dataclasses
import linecache
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Callable, Iterator

from feeders.loaders.opening import ARRAYS, DATASET, SEQUENCE, Opened
from feeders.loaders.own import one_at_a_time

# Between two looks. A line of 1 % is seen ten times in a pass of 2 s.
EVERY_SECONDS = 0.002

# Python lets another thread in that soon, so that a look comes when it is due. Its own default is 5 ms.
SWITCH_SECONDS = 0.0005

# Lines that are kept; what takes less than this share of the time says nothing.
MOST_LINES, LEAST_SHARE = 8, 0.02


@dataclass(frozen=True)
class Line:
    """A line of the person's code.

    Attributes:
        file: its path.
        line: its number.
        function: that it is in.
        text: of it.
        share: of the time of the pass, from 0 to 1; what a library does counts for the line that called it.
        cpu_share: share of that time in which a core was used; the rest is waiting.
    """

    file: str
    line: int
    function: str
    text: str
    share: float
    cpu_share: float

    @property
    def waits(self) -> bool:
        """Whether it waits for most of its time."""
        return self.cpu_share < 0.5

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


@dataclass(frozen=True)
class Lines:
    """A sampled pass.

    Attributes:
        lines: that take most of the time, the first most.
        seconds: of the pass.
        batches: that were prepared.
        looks: samples that were taken.
    """

    lines: tuple[Line, ...] = ()
    seconds: float = 0.0
    batches: int = 0
    looks: int = 0

    @property
    def share(self) -> float:
        """Share of the time that the lines take together."""
        return sum(line.share for line in self.lines)

    @property
    def cpu_share(self) -> float:
        """Share of the time in which a core was used; where no line is known, that is taken for computing."""
        return 1 - sum(line.share * (1 - line.cpu_share) for line in self.lines)

    @classmethod
    def from_json(cls, values: Any) -> Lines:
        """Return what ``dataclasses.asdict`` made JSON of."""
        return cls(**{**values, "lines": tuple(Line(**line) for line in values["lines"])})


def sampled_pass(opened: Opened, is_own: Callable[[str], bool], seconds: float) -> Lines:
    """Prepare batches one after the other, and look every 2 ms which line of the person's is at work.

    It does not see what the loader's own processes do. Of what TensorFlow's threads run it sees the Python alone.

    Args:
        opened: the loader.
        is_own: whether a source file is the person's.
        seconds: how long it lasts; one epoch at most.
    """
    if opened.kind == ARRAYS:
        return Lines()
    batches, pulled = pulls(opened), 0
    next(batches, None)  # what is made once only
    sys.setswitchinterval(SWITCH_SECONDS)
    with _Sampler(is_own) as sampler:
        start = time.perf_counter()
        while time.perf_counter() < start + seconds and next(batches, batches) is not batches:
            pulled += 1
    return dataclasses.replace(sampler.lines(), batches=pulled)


def pulls(opened: Opened) -> Iterator[Any]:
    """Yield batches of one epoch at most, as one thread reads them."""
    if opened.kind == SEQUENCE:
        length = opened.length()
        return (opened.x[index] for index in range(sys.maxsize if length is None else length))
    if opened.kind == DATASET:
        return iter(one_at_a_time(opened.x))
    return iter(opened.x)


class _Sampler:
    """A thread that looks at the others; ends with the context."""

    def __init__(self, is_own: Callable[[str], bool]) -> None:
        self._is_own = is_own
        self._main = threading.get_ident()
        clock_of = getattr(time, "pthread_getcpuclockid", None)  # macOS has none: there it is taken for all threads
        self._clock = clock_of(self._main) if clock_of else None
        self._seconds: dict[tuple[str, int, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._total, self._looks, self._ended = 0.0, 0, False
        self._delay = 0.0
        self._thread = threading.Thread(target=self._look_often, daemon=True)

    def __enter__(self) -> _Sampler:
        self._delay = -_core_delay()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._thread.join()
        self._delay += _core_delay()

    def lines(self) -> Lines:
        """Return what was seen."""
        if not self._total:
            return Lines()
        # A thread that waits for a core is about to compute, not waiting.
        ran = max(0.1, 1 - self._delay / self._total)
        ordered = sorted(self._seconds.items(), key=lambda item: -item[1][0])
        lines = tuple(
            self._line(file, line, function, seconds, cpu / seconds / ran)
            for (file, line, function), (seconds, cpu) in ordered[:MOST_LINES]
            if seconds >= LEAST_SHARE * self._total
        )
        return Lines(lines, self._total, looks=self._looks)

    def _line(self, file: str, line: int, function: str, seconds: float, cpu_share: float) -> Line:
        text = linecache.getline(file, line).strip()
        return Line(file, line, function, text, seconds / self._total, min(1.0, cpu_share))

    def _look_often(self) -> None:
        # The time since the last look is that of the line which is seen now: a look that comes late, since C code held
        # the GIL, counts for the line that called it.
        last = time.perf_counter(), *self._cpu()
        while not self._ended:
            time.sleep(EVERY_SECONDS)
            now = time.perf_counter(), *self._cpu()
            self._look(*(b - a for a, b in zip(last, now)))
            last = now

    def _cpu(self) -> tuple[float, float]:
        """Seconds of CPU of the thread that pulls, and of all threads but this one."""
        others = time.process_time() - time.thread_time()
        return others if self._clock is None else time.clock_gettime(self._clock), others

    def _look(self, seconds: float, of_main: float, of_all: float) -> None:
        self._total += seconds
        self._looks += 1
        seen = {}
        for thread, frame in sys._current_frames().items():
            place = self._place(frame) if thread != self._thread.ident else None
            if place:
                seen[thread] = place
        for thread, place in seen.items():  # of several at once each has its part, so that shares add up
            time_of = self._seconds[place]
            time_of[0] += seconds / len(seen)
            time_of[1] += (of_main if thread == self._main else of_all) / len(seen)

    def _place(self, frame: FrameType | None) -> tuple[str, int, str] | None:
        """File, line and function of the innermost frame of the person's code."""
        while frame is not None and frame.f_code is not sampled_pass.__code__:
            file = frame.f_code.co_filename
            if self._is_own(file):
                return file, frame.f_lineno, frame.f_code.co_name
            frame = frame.f_back
        return None


def _core_delay() -> float:
    """Seconds that the threads of this process have waited for a core; 0 where that is not told."""
    total = 0
    for path in Path("/proc/self/task").glob("*/schedstat"):
        with contextlib.suppress(OSError, IndexError):  # a thread has just ended
            total += int(path.read_text(encoding="ascii").split()[1])
    return total / 1e9
