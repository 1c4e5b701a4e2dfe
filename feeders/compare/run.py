"""Comparisons from the request to its pairs: interpreters are started, and each comparison gets a pair in turn."""

from __future__ import annotations

import contextlib
import itertools
import random
import time
from typing import Callable, Generator, Iterator, Mapping, Sequence

from feeders import variables
from feeders.errors import FeedersError
from feeders.measure import MEASURED, Settings, device
from feeders.releases.interpreters import interpreter
from feeders.results.changes import BrokenPair

from .lockstep import Side
from .lockstep_client import LockstepProcess
from .request import CellPair, ComparisonRequest
from .sampling import Comparison, Sampling

# Takes a text, and the share of what has to be measured at least that is measured.
OnProgress = Callable[[str, float], None]


@contextlib.contextmanager
def lockstep_processes(
    release_a: str, release_b: str, log: Callable[[str], None], packages: tuple[str, ...] = ()
) -> Iterator[tuple[LockstepProcess, LockstepProcess]]:
    """Start an interpreter of each release; both end with the context.

    Two releases are compared as their stacks pin them: what is installed here may have another Python, or other
    packages than those of the release's day, and would be compared with them.

    Args:
        release_a: of the first.
        release_b: of the second.
        log: takes a line about what goes on.
        packages: beside the pins of both.

    Raises:
        FeedersError: a release can't be measured here.
    """
    first, second = (
        interpreter(release, log, pinned=release_a != release_b, packages=packages)
        for release in (release_a, release_b)
    )
    log(f"importing TensorFlow: {release_a}, {release_b}")
    with LockstepProcess(first.python, first.variables) as a, LockstepProcess(second.python, second.variables) as b:
        one, other = (process.stack.get("device") for process in (a, b))
        if one != other:
            raise FeedersError(
                f"{release_a} trains on {one}, {release_b} on {other}; expected one device. "
                f"Try: {variables.DEVICE}={device.CPU} with the same command"
            )
        yield a, b


def compare(
    request: ComparisonRequest,
    on_progress: OnProgress,
    *,
    maximum: int = 30,
    family: int | None = None,
    end: float | None = None,
    begun: Mapping[CellPair, Sequence[float]] | None = None,
) -> Generator[tuple[CellPair, Comparison], None, None]:
    """Compare the cells of a request, a pair of each in turn, and yield after each pair what is known of its cells.

    Takes that are forked from one process share its layout in memory and its hash seed, and are no independent samples
    of either. So the interpreters are started anew for every pair of a comparison.

    Args:
        request: what to compare.
        on_progress: called with what goes on, and the share that is done of what has to be.
        maximum: pairs of a comparison.
        family: comparisons that hold together; by default those that are asked for.
        end: no pair begins after it, by ``time.monotonic()``.
        begun: log-ratios that are there already.

    Yields:
        Two cells, and their pairs so far; the last one of them tells all. Where the time ends, also those that have
        none.

    Raises:
        FeedersError: a release can't be measured here, or its interpreter dies.
    """
    broken = tuple(
        BrokenPair(side, take.outcome, take.message)
        for side, take in zip("ab", request.takes)
        if take.outcome != MEASURED
    )
    if broken:
        yield request.cell_pairs[0], Comparison((), broken, None, True)
        return
    settings, rng = request.settings or Settings.from_environment(), random.Random()
    family = family or len(request.cell_pairs)
    open_ = {
        cells: Sampling(rng, maximum=maximum, family=family, begun=(begun or {}).get(cells, ()))
        for cells in request.cell_pairs
    }
    measured = 0

    def log(text: str) -> None:
        left = sum(sampling.left for sampling in open_.values())
        on_progress(text, measured / max(1, measured + left))

    for number in itertools.count(1):
        with lockstep_processes(request.release_a, request.release_b, log, request.packages) as (a, b):
            for place, (cells, sampling) in enumerate(open_.items(), 1):
                if end and time.monotonic() > end:
                    yield from ((cells, each.comparison()) for cells, each in open_.items() if not each.ended)
                    return
                log(f"round {number}, {place} of {len(open_)}: {cells.name}, {sampling.progress}")
                sampling.measure(Side(a, cells.a, settings), Side(b, cells.b, settings))
                measured += 1
                yield cells, sampling.comparison()
        open_ = {cells: sampling for cells, sampling in open_.items() if not sampling.ended}
        if not open_:
            return
