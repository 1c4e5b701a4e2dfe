"""The search: one take of each promising way of feeding, more of the better ones, and lockstep pairs of the best."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Callable, Protocol, Sequence

from feeders.compare.verdict import MARGIN
from feeders.measure import Cell, Record
from feeders.measure.limit import Limit
from feeders.strategies import FEEDERS

from .budget import Budget
from .candidates import NO_TIME, ONE, PROCESSES, Dropped, use_of
from .duel import Duel
from .evidence import UNAUDITED, UNCOUNTED, Tried, simplest
from .prospects import Prospects

# Of the fastest so far: what is slower than this in one take goes no further. Takes spread by some per cent.
PROMISING = (0.7, 0.85)

# Ways that go on into the second round, and into the third.
SURVIVORS = (4, 2)

# Steady seconds of a take in each round.
STEADY_SECONDS = (0.25, 0.5, 0.5)

# A fit that has not ended by then has hung, in seconds and as a share of what is left. A take has two of them, and
# whoever computes at its deadline is given four times as long.
LEAST_DEADLINE, LONGEST_DEADLINE, DEADLINE_SHARE = 20.0, 60.0, 0.1

# What is slow is not taken for hung before so many times what was foreseen.
SPARE = 1.5

# One is verified, one is timed, and one is long: each starts its workers.
FITS_OF_A_TAKE = 3

# Ways that are nearer to the fastest than this are as good, and the simplest is taken.
NEAR = 1 - MARGIN

# Pairs of a comparison: more only sharpen its interval.
MOST_PAIRS = 12

# A comparison is sharp enough once its interval is no wider than this, as a share of the ratio to either side.
SHARP = 0.08


class Bench(Protocol):
    """What measures; it knows the settings."""

    def take(self, cell: Cell, steady_seconds: float, deadline_seconds: float) -> Record:
        """Verify a way of feeding, then time it."""

    def pair(self, a: Cell, b: Cell) -> float | str:
        """Return the log of B's time over A's in a lockstep pair, or what was seen where a side broke."""

    def given_cores(self) -> float:
        """Return how many cores the host gives now."""


@dataclass
class Search:
    """The search, as far as it has come.

    Attributes:
        bench: measures.
        budget: of time.
        today: how the loader is fed now.
        epoch: batches of an epoch that speeds are of; None is the loader's own.
        limit: of the loader, which tells what is hopeless; None if not known.
        progress: told what goes on, and the share that is done.
        made: seconds that the loader takes to be made, in every process.
        starts: seconds until so many processes have started anew.
        foreseen: seconds of a take of the simplest way.
        unsafe: tells why a way must not be used; empty if nothing is known against it.
        guess: how many times as fast as one thread a way can be; that counts where no limit is known.
        tried: by way, in the order of trial.
        dropped: ways that were not tried.
        duels: by their two sides.
        given: cores that the host gave, before each take and each pair.
    """

    bench: Bench
    budget: Budget
    today: Cell
    epoch: int | None
    limit: Limit | None
    progress: Callable[[str, float], None]
    unsafe: Callable[[Tried], str]
    guess: Callable[[Cell], float] = lambda cell: 0.0
    made: float = 0.0
    starts: Callable[[int], float] = lambda workers: 0.0
    foreseen: float = 0.0
    tried: dict[Cell, Tried] = dataclasses.field(default_factory=dict)
    dropped: list[Dropped] = dataclasses.field(default_factory=list)
    duels: dict[tuple[Cell, Cell], Duel] = dataclasses.field(default_factory=dict)
    given: list[float] = dataclasses.field(default_factory=list)
    # By how the loader is read: processes that start anew take ten times as long.
    _longest_take: dict[str, float] = dataclasses.field(default_factory=dict)
    # Of each pair since both interpreters were started, which the first one waits for.
    _pair_times: list[float] = dataclasses.field(default_factory=list)

    # Takes.

    def begin(self) -> None:
        """Take today's way, which all others are held against."""
        self._take(self.today, 0)

    def take_alone(self) -> None:
        """Take it with one worker: where several are unsafe, that is the least that may be safe."""
        if use_of(self.today) != ONE:
            self._take(dataclasses.replace(self.today, feeder="sequence", workers=1), 0)

    def screen(self, cells: Sequence[Cell], until: float) -> None:
        """Take each other way once, the promising ones first, then the better ones again.

        Args:
            cells: to try.
            until: share of the budget at which it ends.
        """
        waiting = sorted((cell for cell in cells if cell not in self.tried), key=self._prospects.promise)
        for cell in waiting:
            reason = self._hopeless(cell) or ("" if self._fits(cell, until) else NO_TIME)
            if reason:
                self.dropped.append(Dropped(cell.feeder, reason, cell.workers))
            else:
                self._take(cell, 0)
        for level, most in enumerate(SURVIVORS, 1):
            survivors = self._survivors(PROMISING[level - 1], most)
            if level > 1 and len(survivors) == 1:
                break  # nothing is near it, and pairs tell more than a third take
            for each in survivors:
                if self._fits(each.cell, until):
                    self._take(each.cell, level)

    def _fits(self, cell: Cell, until: float) -> bool:
        """Whether a take ends before a share of the budget, as far as those before it tell."""
        known = self._longest_take.get(use_of(cell), 0.0)
        return self.budget.fits(max(known, self._shortest_take() + FITS_OF_A_TAKE * self._started(cell)), until)

    def _started(self, cell: Cell) -> float:
        """Seconds until the processes of a fit have started, which Keras forks and others start anew."""
        own = use_of(cell) == PROCESSES and FEEDERS.named(cell.feeder).own_workers
        return self.starts(cell.workers) if own else 0.0

    def _shortest_take(self) -> float:
        return min(self._longest_take.values(), default=0.0)

    def _take(self, cell: Cell, level: int) -> None:
        self.progress(f"measuring {name_of(cell)}", self.budget.share)
        before = self.budget.used
        self.given.append(self.bench.given_cores())
        deadline = min(LONGEST_DEADLINE, max(LEAST_DEADLINE + 2 * self.made, self.budget.left * DEADLINE_SHARE))
        record = self.bench.take(cell, STEADY_SECONDS[level], round(max(deadline, SPARE * self.foreseen)))
        use = use_of(cell)
        self._longest_take[use] = max(self._longest_take.get(use, 0.0), self.budget.used - before)
        known = self.tried.get(cell, Tried(cell, (), self.epoch))
        self.tried[cell] = dataclasses.replace(known, takes=(*known.takes, record))

    @property
    def _prospects(self) -> Prospects:
        return Prospects(self.limit, self.guess)

    def _hopeless(self, cell: Cell) -> str:
        """Why a way is not worth a take; empty if it is."""
        reason = self.unsafe(Tried(cell, ()))
        if reason and not reason.startswith(UNAUDITED):
            return reason if reason.startswith(UNCOUNTED) else f"unsafe: {reason}"
        return self._prospects.hopeless(cell, list(self.tried.values()), self.safe())

    def _survivors(self, share: float, most: int) -> list[Tried]:
        fine = sorted(self.safe(), key=lambda each: -(each.speed or 0.0))
        bar = share * (fine[0].speed or 0.0) if fine else 0.0
        return [each for each in fine if (each.speed or 0.0) >= bar][:most]

    # Who is best.

    def safe(self, proven: bool = False) -> list[Tried]:
        """The ways that are measured, and that nothing is known against.

        Args:
            proven: leave out those that no audit has covered yet.
        """

        def fine(each: Tried) -> bool:
            reason = each.fault or self.unsafe(each)
            return bool(each.speed) and (not reason or (reason.startswith(UNAUDITED) and not proven))

        return [each for each in self.tried.values() if fine(each)]

    def best(self, proven: bool = False) -> Cell | None:
        """The simplest of the fastest; today's where it is among them."""
        fine = self.safe(proven)
        chosen = simplest(fine, NEAR)
        here = next((each for each in fine if each.cell == self.today), None)
        if chosen and here and (here.speed or 0.0) >= NEAR * max(each.speed or 0.0 for each in fine):
            return here.cell
        return chosen.cell if chosen else None

    def second(self, best: Cell, proven: bool = False) -> Cell | None:
        """The best of the other feeders: the fastest one where today's is best, which only a faster one replaces."""
        others = [each for each in self.safe(proven) if each.cell.feeder != best.feeder]
        chosen = simplest(others, 1.0 if best == self.today else NEAR)
        return chosen.cell if chosen else None

    def best_two(self, proven: bool = False) -> list[Cell]:
        """The best, and the best of the other feeders; fewer where there are fewer."""
        best = self.best(proven)
        second = self.second(best, proven) if best else None
        return [cell for cell in (best, second) if cell]

    # Pairs.

    def compare(self, until: float = 1.0) -> None:
        """Compare today's way, the best and the second in lockstep pairs, until decided or the budget is used.

        What no audit has covered is not advised, and gets none.
        """
        best, second = (*self.best_two(proven=True), None, None)[:2]
        # How much a change would bring counts more than which of two changes.
        if best and best != self.today:
            self._decide((self.today, best), until)
        if best and second:
            self._decide((best, second), until)
            duel = self.duels.get((best, second))
            if duel and duel.is_faster and self.today not in (best, second):
                self._decide((self.today, second), until)

    def _decide(self, sides: tuple[Cell, Cell], until: float) -> None:
        while not self._decided(sides) and self.budget.fits(self._pair_seconds(sides), until):
            self._pair(sides)

    def _pair_seconds(self, sides: tuple[Cell, Cell]) -> float:
        """What a pair takes: the first one starts two interpreters, and trains on both sides."""
        if not self._pair_times:
            return self.starts(len(sides)) + sum(map(self._started, sides)) + self._shortest_take()
        return max(self._pair_times[1:] or self._pair_times)

    def _pair(self, sides: tuple[Cell, Cell]) -> None:
        known = self.duels.get(sides, Duel(*sides))
        self.progress(
            f"{name_of(sides[1])} against {name_of(sides[0])}, pair {len(known.log_ratios) + 1}", self.budget.share
        )
        before = self.budget.used
        self.given.append(self.bench.given_cores())
        answer = self.bench.pair(*sides)
        self._pair_times.append(self.budget.used - before)
        if isinstance(answer, str):
            self._pair_times.clear()  # the next one starts them anew
            self.duels[sides] = dataclasses.replace(known, broken=answer)
        else:
            self.duels[sides] = dataclasses.replace(known, log_ratios=(*known.log_ratios, answer))

    def _decided(self, sides: tuple[Cell, Cell]) -> bool:
        duel = self.duels.get(sides)
        if duel is None:
            return False
        if duel.broken or len(duel.log_ratios) >= MOST_PAIRS:
            return True
        if duel.interval is None or duel.ratio is None:
            return False
        low, high = duel.interval
        apart = low > 1 or high < 1
        return (apart and high / duel.ratio - 1 <= SHARP) or (low >= 1 - MARGIN and high <= 1 + MARGIN)


def name_of(cell: Cell) -> str:
    """Return a way of feeding in words."""
    return f"{cell.feeder} with {cell.workers} worker{'' if cell.workers == 1 else 's'}"
