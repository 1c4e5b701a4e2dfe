"""asv's log to the code that runs benchmarks: it counts takes, where asv counts series.

All takes of a round are made during the first series, and the others only read them: asv's own percent stands still
for minutes, then runs.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
import time
from collections import Counter
from typing import Any, Callable, Iterator, Mapping, Sequence

from asv import util

from feeders.terminal import rounded_seconds

# In a log, where lines stay, one is enough for so long.
LOG_SECONDS = 30.0

# A launch that ends sooner has found its take in an interrupted run: it tells nothing of the pace.
SHORTEST_TAKE_SECONDS = 0.5

# Clears the line that the cursor is in, and goes up by one: asv begins what it logs with a new line.
CLEAR_LINE = "\r\x1b[K\x1b[A"

# asv's percent, its dots and a space stand in front of a text.
MARGIN = 15


class TakesLog:
    """Stands in for asv's log in `asv.runner` and `asv.commands.run`.

    It does not see which releases asv skips: a run that may skip some is told neither a percent nor the time left.

    Args:
        log: asv's; gets everything but the steps.
        clock: seconds.

    Attributes:
        skips_releases: whether the run may skip some.
    """

    def __init__(self, log: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._clock = log, clock
        self._last: tuple[Any, Any] = (("",), {})
        self.skips_releases = False
        self.expect({}, {})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def expect(self, benchmarks: Mapping[str, Any], selection: Mapping[str, Sequence[int]]) -> None:
        """Begin to count, before asv says how often each series is measured.

        Args:
            benchmarks: asv's, by name.
            selection: indices of the cells of each that are launched.
        """
        self._cells = {name: list(itertools.product(*each["params"])) for name, each in benchmarks.items()}
        self._selection = {name: list(selection[name]) for name in benchmarks}
        self._takes = self._launches = self._takes_made = self._launched = 0
        self._take_seconds: list[float] = []
        self._read_seconds: list[float] = []
        self.begin()

    def begin(self) -> None:
        """Begin a release, or a round of it: it shares no take with the one before."""
        self._made: Counter[int] = Counter()
        self._turns: Counter[str] = Counter()
        self._said: float | None = None

    def set_nitems(self, number: int) -> None:
        """Make asv's percent one of takes.

        Args:
            number: of series, times rounds, times releases.
        """
        if self.skips_releases:
            return
        times = number // len(self._selection)
        self._takes = times * len(set().union(*self._selection.values()))
        self._launches = times * sum(map(len, self._selection.values()))
        self._log.set_nitems(self._takes)

    def step(self) -> None:
        """Do nothing: the end of a series is no step."""

    def info(self, *args: Any, **kwargs: Any) -> None:
        """Log, and keep what was logged for after the takes."""
        self._last = (args, kwargs)
        self._log.info(*args, **kwargs)

    @contextlib.contextmanager
    def series(self) -> Iterator[None]:
        """While takes are made, show where they are; then asv's line again, in which it goes on to write."""
        self._said = None
        yield
        if self._said is not None:
            self._show(*self._last[0], **self._last[1])

    @contextlib.contextmanager
    def launch(self, name: str) -> Iterator[None]:
        """Tell which take is made, if one is, and count it.

        Args:
            name: asv's, of a series and a cell: "epoch.Fit.track_steady-31".
        """
        series, _, index = name.rpartition("-")
        is_take = self._turns[name] >= self._made[int(index)]
        self._turns[name] += 1
        start = self._clock()
        if is_take:
            self._made[int(index)] += 1
            self._say(self._cells[series][int(index)], start)
        yield
        seconds = self._clock() - start
        self._launched += 1
        if not is_take:
            self._read_seconds.append(seconds)
            return
        self._takes_made += 1
        if seconds >= SHORTEST_TAKE_SECONDS:
            self._take_seconds.append(seconds)
        if self._takes:
            self._log.step()

    def _say(self, cell: tuple[str, ...], now: float) -> None:
        if not sys.stdout.isatty() and self._said is not None and now < self._said + LOG_SECONDS:
            return
        self._said = now
        feeder, workload, workers = (value.strip("'") for value in cell)
        of = f" of {self._takes:,}" if self._takes else ""
        text = f"take {self._takes_made + 1:,}{of}{self._left()}: {feeder} on {workload}, workers {workers}"
        self._show(text[: util.terminal_width - MARGIN] if sys.stdout.isatty() else text)

    def _left(self) -> str:
        """The time that is needed yet, by the pace so far."""
        if not self._takes or not self._take_seconds:
            return ""
        takes = self._takes - self._takes_made
        seconds = takes * _mean(self._take_seconds)
        if self._read_seconds:
            seconds += (self._launches - self._launched - takes) * _mean(self._read_seconds)
        return f", needs {rounded_seconds(seconds)} more"

    def _show(self, *args: Any, **kwargs: Any) -> None:
        """Log in place of the line before on a terminal, below it in a log."""
        if sys.stdout.isatty():
            sys.stdout.write(CLEAR_LINE)
        self._log.info(*args, **kwargs)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
