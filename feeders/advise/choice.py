"""Which way of feeding is best, and what kind of answer that makes; nothing is put into words here."""

from __future__ import annotations

from feeders.audit.judge import NOT_COUNTED
from feeders.compare.verdict import MARGIN
from feeders.results.record import HUNG, MEASURED

from .candidates import NO_TIME, gain
from .evidence import UNAUDITED, UNCOUNTED, Evidence, Tried, is_fed, simplest, why_uncounted
from .search import NEAR

CHANGE, LEAVE, UNSAFE, PREPARATION = "change", "leave", "unsafe", "preparation"

# Of the ceiling: a limit below this is that of the preparation.
BELOW_CEILING = 0.8

# Of all that a way could prepare: one that gives less spends its time elsewhere. Where training takes half of the
# cores, half is what it can give.
LEAST_PREPARING = 1 / 3

# Times today's samples/s: pairs that hold both 1 and this have decided nothing.
MAY_BE = 1.2

# Times today's samples/s: less is within what one or two pairs, and what single takes, of the same way spread by.
OF_A_PAIR, OF_TAKES = 1.1, 1.2


class Choice:
    """What follows from evidence.

    Attributes:
        evidence: all that was seen.
        safe: the ways of feeding that are proven, the fastest first.
        today: what was seen of how the loader is fed now; None if nothing was.
        here: the same, if it is safe.
        fastest: the simplest of the fastest safe ways; None if none is safe.
        best: that one; today's where pairs or takes call it as fast.
        kind: of the answer.
        changes: whether another way of feeding is to be used.
        advised: the way that the answer names; None if it names none.
    """

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.safe = evidence.safe()
        self.today = evidence.tried_of(evidence.today)
        self.here = self.today if self.today in self.safe else None
        self.fastest = self._fastest()
        self.best = self.here if self._is_as_fast() else self.fastest
        self.kind = self._kind()
        self.changes = self.best is not None and self.kind in (CHANGE, UNSAFE)
        self.advised = self.best if self.changes else self.here

    # Who is best.

    def _fastest(self) -> Tried | None:
        """By takes; by pairs where some say that another one is faster."""
        chosen = simplest(self.safe, NEAR)
        if self.here and (self.here.speed or 0.0) >= NEAR * (self.safe[0].speed or 0.0):
            chosen = self.here  # pairs are held against it
        duels = {each.cell: self.evidence.duel(chosen.cell, each.cell) for each in self.safe if chosen}
        return next((each for each in self.safe if (duel := duels[each.cell]) and duel.is_faster), chosen)

    def _is_as_fast(self) -> bool:
        """Whether pairs or takes call today's way as fast as the fastest; one that is not proven may be that too."""
        now = self.here or (self.today if self._is_open() else None)
        if now is None or now is self.fastest:
            return now is not None
        ratio, interval = self.ratios(self.fastest)
        if interval:
            return (ratio or 0.0) <= 1 + MARGIN or interval[0] <= 1
        return (ratio or 0.0) <= (OF_A_PAIR if self.has_a_pair(self.fastest) else OF_TAKES)

    def _is_open(self) -> bool:
        """Whether today's way is not proven, and nothing is known against it."""
        return bool(self.today and self.evidence.unsafe(self.today).startswith((UNAUDITED, UNCOUNTED)))

    def has_a_pair(self, best: Tried | None) -> bool:
        """Whether a way was compared with today's in lockstep."""
        duel = self.evidence.duel(self.evidence.today, best.cell) if best else None
        return bool(duel and duel.log_ratios)

    def ratios(self, best: Tried | None) -> tuple[float | None, tuple[float, float] | None]:
        """Return samples per second over today's, by pairs where there are some, else by takes; and the interval."""
        if best is None:
            return None, None
        if best is self.today:
            return 1.0, None
        duel = self.evidence.duel(self.evidence.today, best.cell)
        if duel and duel.log_ratios:
            return duel.ratio, duel.interval
        now = self.today.speed if self.today else None
        return (best.speed or 0.0) / now if now else None, None

    def share(self, best: Tried | None) -> float | None:
        """Return the percent that a way gives of what this host can do at all; None if that is not known."""
        limit = self.evidence.limit
        # What bounds it is measured in parts, each alone: a way may be seen to give some per cent more.
        return min(100.0, 100 * best.speed / limit.samples) if best and best.speed and limit else None

    # What kind of answer it is.

    def _kind(self) -> str:
        if self._is_unsafe():
            return UNSAFE
        if self.best is not None and self.best is not self.today:
            return CHANGE
        if self.is_unproven() or self.is_fed() or self.is_undecided():
            return LEAVE
        return PREPARATION if self._is_bound_by_preparation() and self.is_searched() else LEAVE

    def _is_unsafe(self) -> bool:
        if self.is_only_slow():
            return False
        if self.is_unproven():  # a fit that broke is seen all the same
            return bool(self.today and self.today.takes[-1].outcome != MEASURED)
        return bool(self.evidence.used_faults() or (self.today and self.today.fault))

    def is_only_slow(self) -> bool:
        """Whether today's fit had no end in its time, of a loader that an audit has seen end well as it is used."""
        if self.evidence.used is None or self.today is None:
            return False
        return not self.evidence.used_faults() and self.today.takes[-1].outcome == HUNG

    def is_unproven(self) -> bool:
        """Whether its samples could not be counted, so that nothing can be said of its delivery."""
        used = self.evidence.used
        return used is not None and used.verdict.word == NOT_COUNTED and not self.evidence.used_faults()

    def why_uncounted(self) -> str:
        """Return why nothing could be counted, and what to try, where no key would help; else empty."""
        return why_uncounted(self.evidence.used) if self.evidence.used and self.is_unproven() else ""

    def is_fed(self) -> bool:
        """Whether today's way gives nearly all that training can take."""
        return bool(self.today and is_fed(self.today, self.evidence.limit))

    def is_undecided(self) -> bool:
        """Whether what was measured of another way and of today's leaves open which is faster, by far."""
        return self.open_rival() is not None

    def open_rival(self) -> Tried | None:
        """Return the way that may be faster than today's by far: the fastest, or one that pairs have not decided."""
        others: list[Tried | None] = [self.fastest]
        if self.fastest is self.here:
            others = [each for each in self.safe if self.has_a_pair(each)]
        return next((each for each in others if self._is_open_against(each)), None)

    def _is_open_against(self, other: Tried | None) -> bool:
        ratio, interval = self.ratios(other)
        if interval:
            return interval[0] <= 1 and interval[1] >= MAY_BE
        return (ratio or 0.0) > 1 + MARGIN

    def _is_bound_by_preparation(self) -> bool:
        """Whether the fastest way stays below the ceiling, since it prepares batches."""
        limit, fastest = self.evidence.limit, self.safe[0] if self.safe else None
        if limit is None or fastest is None:
            return False
        return (fastest.speed or 0.0) < BELOW_CEILING * limit.ceiling and self.is_preparing(fastest)

    def is_preparing(self, tried: Tried) -> bool:
        """Whether a way spends its time in preparing batches, and not elsewhere, as far as the limit tells."""
        limit = self.evidence.limit
        if limit is None:
            return False
        times = gain(tried.cell, limit.preparation(), limit.cores)
        return (tried.speed or 0.0) >= LEAST_PREPARING * times / max(limit.prepare_seconds, 1e-9)

    def is_searched(self) -> bool:
        """Whether something is proven, and no way that may be faster was left out, unproven or held back by others."""
        seen = self.evidence
        missed = seen.interrupted or self.untried() or seen.unproven() or seen.is_busy
        return self.today is not None and bool(self.safe) and not missed

    def untried(self) -> list[str]:
        """Return the feeders that may be faster, and that there was no time to try."""
        return list(dict.fromkeys(each.feeder for each in self.evidence.dropped if each.reason == NO_TIME))
