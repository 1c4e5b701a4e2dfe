"""The answer: one sentence first, then what it costs, what comes next, what would be unsafe, and the lines to copy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping

from feeders.audit.course import OUTCOMES
from feeders.audit.judge import NOT_COUNTED
from feeders.compare.verdict import MARGIN
from feeders.loaders import INDEX
from feeders.loaders.opening import DATASET, SEQUENCE
from feeders.measure.limit import Limit
from feeders.results.record import HUNG, MEASURED, REFUSED

from .candidates import NO_TIME, ONE, use_of
from .evidence import Evidence, Tried, gist, is_safe, percent, simplest
from .lines import Line
from .notes import NO_INDEX, NO_LENGTH, of_a_pipeline, of_order, of_processes
from .others import Reason, not_to_be_used, runner_up, workers_of
from .patches import lifted_file, patch
from .search import NEAR, name_of

CHANGE, LEAVE, UNSAFE, PREPARATION = "change", "leave", "unsafe", "preparation"

# Of the ceiling: from here on the device is fed.
FED = 0.95

# Of the ceiling: a limit below this is that of the preparation.
BELOW_CEILING = 0.8

# Times today's samples/s: pairs that hold both 1 and this have decided nothing.
MAY_BE = 1.2

# Lines, and feeders, that a sentence names.
NAMED_LINES = NAMED_FEEDERS = 3


@dataclass(frozen=True)
class Answer:
    """What to do.

    Attributes:
        kind: "change", "leave", "unsafe" (as it is used now) or "preparation" (it is the limit).
        sentence: says it.
        feeder: to carry the loader by; None where none is known to be safe.
        workers: of it.
        ratio: its samples per second over today's; None if not known.
        ratio_interval: the 95 % interval of that, from lockstep pairs; None without them.
        share_of_limit: percent of what this host can do at all; None if that is not known.
        code: lines to copy; empty where nothing is to be changed, or nothing is known to be safe.
        file: of the feeder, to be lifted out; None where plain Keras does it.
        costs: of it: CPU, memory and first batch.
        costs_today: the same of how it is fed now.
        repair: of a loader that is unsafe as it is used, or whose preparation is the limit.
        runner_up: the next best, and when it is better.
        unsafe: what must not be used, and why.
        lines: of the person's code that the preparation spends its time in.
        notes: what a person should know beside.
    """

    kind: str
    sentence: str
    feeder: str | None = None
    workers: int | None = None
    ratio: float | None = None
    ratio_interval: tuple[float, float] | None = None
    share_of_limit: float | None = None
    code: str = ""
    file: str | None = None
    costs: Mapping[str, str] = field(default_factory=dict)
    costs_today: Mapping[str, str] = field(default_factory=dict)
    repair: tuple[str, ...] = ()
    runner_up: str = ""
    unsafe: tuple[Reason, ...] = ()
    lines: tuple[Line, ...] = ()
    notes: tuple[str, ...] = ()


def answer(evidence: Evidence) -> Answer:
    """Return what the evidence says, as far as it goes."""
    return _Answering(evidence).answer()


def is_fed(tried: Tried, limit: Limit | None) -> bool:
    """Whether a way of feeding gives nearly all that training can take."""
    return bool(limit and (tried.speed or 0.0) >= FED * limit.ceiling)


class _Answering:
    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._safe = evidence.safe()
        self._today = evidence.tried_of(evidence.today)
        self._best = self._choose()
        self._ratio, self._interval = self._ratios(self._best)

    def answer(self) -> Answer:
        kind = self._kind()
        best = self._best if self._best and (kind in (CHANGE, UNSAFE)) else self._here()
        changes = best is not None and kind in (CHANGE, UNSAFE)
        ratio, interval = self._ratios(best)
        cell = best.cell if best else None
        file = lifted_file(cell) if cell and changes else None
        return Answer(
            kind=kind,
            sentence=self._sentence(kind),
            feeder=cell.feeder if cell else None,
            workers=cell.workers if cell else None,
            ratio=ratio,
            ratio_interval=interval,
            share_of_limit=self._share(best),
            code=patch(cell, self._evidence.look) if cell and changes else "",
            file=str(file) if file else None,
            costs=best.costs() if best else {},
            costs_today=self._today.costs() if self._today else {},
            repair=self._repair() if kind == UNSAFE else self._improvements() if kind == PREPARATION else (),
            runner_up=runner_up(self._evidence, best),
            unsafe=tuple(not_to_be_used(self._evidence)),
            lines=self._evidence.look.lines.lines,
            notes=tuple(self._notes(kind, best)),
        )

    # Who is best.

    def _choose(self) -> Tried | None:
        """The simplest of the fastest safe ways; today's where pairs or takes call it as fast."""
        chosen, here = self._fastest(), self._here()
        if chosen is None or here is None or chosen is here:
            return chosen
        ratio, interval = self._ratios(chosen)
        as_fast = (ratio or 0.0) <= 1 + MARGIN or (interval is not None and interval[0] <= 1)
        return here if as_fast else chosen

    def _fastest(self) -> Tried | None:
        """By takes; by pairs where some say that another one is faster."""
        chosen = simplest(self._safe, NEAR)
        duels = {each.cell: self._evidence.duel(chosen.cell, each.cell) for each in self._safe if chosen}
        return next((each for each in self._safe if (duel := duels[each.cell]) and duel.is_faster), chosen)

    def _here(self) -> Tried | None:
        """Today's way, if it is safe."""
        return self._today if self._today in self._safe else None

    def _ratios(self, best: Tried | None) -> tuple[float | None, tuple[float, float] | None]:
        """Samples per second over today's, by pairs where there are some, else by takes."""
        if best is None:
            return None, None
        if best is self._today:
            return 1.0, None
        duel = self._evidence.duel(self._evidence.today, best.cell)
        if duel and duel.log_ratios:
            return duel.ratio, duel.interval
        now = self._today.speed if self._today else None
        return (best.speed or 0.0) / now if now else None, None

    def _share(self, best: Tried | None) -> float | None:
        limit = self._evidence.limit
        # What bounds it is measured in parts, each alone: a way may be seen to give some per cent more.
        return min(100.0, 100 * best.speed / limit.samples) if best and best.speed and limit else None

    # What kind of answer it is.

    def _kind(self) -> str:
        if self._is_unsafe():
            return UNSAFE
        if self._best is not None and self._best is not self._today:
            return CHANGE
        if self._is_unproven() or self._is_fed() or self._is_undecided():
            return LEAVE
        if not (self._is_bound_by_preparation() and self._is_searched()):
            return LEAVE
        return PREPARATION

    def _is_unsafe(self) -> bool:
        if self._is_unproven():
            return False
        wrong = self._today and self._today.fault and not self._is_only_slow(self._today)
        return bool(self._evidence.used_faults() or wrong)

    def _is_only_slow(self, today: Tried) -> bool:
        """Whether a fit had no end in its time, of a loader that an audit has seen end well as it is used."""
        used = self._evidence.used
        proven = used is not None and is_safe(used, use_of(today.cell))
        return proven and today.takes[-1].outcome == HUNG

    def _is_unproven(self) -> bool:
        """Whether nothing tells its samples apart, so that nothing can be said of its delivery."""
        used = self._evidence.used
        return used is not None and used.verdict.word == NOT_COUNTED and not self._evidence.used_faults()

    def _is_fed(self) -> bool:
        return bool(self._today and is_fed(self._today, self._evidence.limit))

    def _is_undecided(self) -> bool:
        """Whether pairs of the fastest way and today's leave open which is faster, by far."""
        _, interval = self._ratios(self._fastest())
        return interval is not None and interval[0] <= 1 and interval[1] >= MAY_BE

    def _is_bound_by_preparation(self) -> bool:
        limit = self._evidence.limit
        fastest = max((each.speed or 0.0 for each in self._safe), default=0.0)
        return bool(limit and fastest and fastest < BELOW_CEILING * limit.ceiling)

    def _is_searched(self) -> bool:
        """Whether no way that may be faster was left out, or left unproven, for want of time."""
        return self._today is not None and not (
            self._evidence.interrupted or self._untried() or self._evidence.unproven()
        )

    def _untried(self) -> list[str]:
        """The feeders that may be faster, and that there was no time to try."""
        return list(dict.fromkeys(each.feeder for each in self._evidence.dropped if each.reason == NO_TIME))

    # What is said.

    def _sentence(self, kind: str) -> str:
        if kind == UNSAFE:
            return self._unsafe_sentence()
        if kind == CHANGE and self._best:
            return (
                f"Carry it by `{self._best.cell.feeder}` with {workers_of(self._best.cell)}: "
                f"{self._times()}{self._of_the_limit()}, exactly once."
            )
        if kind == PREPARATION and self._evidence.look.kind == DATASET:
            return f"TensorFlow feeds a tf.data pipeline itself, and its preparation is the limit{self._named_lines()}."
        if kind == PREPARATION:
            return f"No way of feeding helps, the preparation is the limit{self._named_lines()}."
        if self._is_unproven():
            return "Leave it: nothing tells its samples apart, so that no way of feeding can be proven safe."
        if self._is_fed():
            return "Leave it: the device is fed."
        if self._is_undecided():
            return f"Leave it for now: {self._open_question()}. This host was too busy to tell."
        if not self._is_searched():
            return f"Leave it for now: {self._not_searched()}."
        return f"Leave it: nothing that was tried is better by more than {percent(MARGIN)}."

    def _not_searched(self) -> str:
        """Say what was not found out, and why."""
        until = "before the interruption" if self._evidence.interrupted else "in the time"
        if not self._evidence.unproven():
            if all(each is self._today for each in self._safe):
                return f"no other way of feeding could be tried and proven {until}"
            if not self._untried():
                return f"nothing that was tried {until} is better by more than {percent(MARGIN)}"
        return self._missed(until)

    def _missed(self, until: str) -> str:
        """Say what may be faster than all that is proven; empty if nothing may be."""
        unproven, untried = self._evidence.unproven(), self._untried()
        if unproven:
            fastest = max(unproven, key=lambda each: each.speed or 0.0)
            way = f"`{fastest.cell.feeder}` with {workers_of(fastest.cell)}"
            return f"{way} may be faster, and could not be audited {until}"
        names = ", ".join(f"`{name}`" for name in untried[:NAMED_FEEDERS])
        more = f" and {len(untried) - NAMED_FEEDERS} more" if len(untried) > NAMED_FEEDERS else ""
        return f"{names}{more} may be faster, and could not be tried {until}" if names else ""

    def _open_question(self) -> str:
        """Say between what the ratio of the fastest way lies."""
        fastest = self._fastest()
        _, interval = self._ratios(fastest)
        if fastest is None or interval is None:
            return ""
        way = f"`{fastest.cell.feeder}` with {workers_of(fastest.cell)}"
        return f"{way} gives {_number(interval[0])} to {_number(interval[1])} x today's samples/s"

    def _unsafe_sentence(self) -> str:
        names = dict.fromkeys(fault.cause.name for fault in self._evidence.used_faults())
        seen = ", ".join(names) or (self._today.fault if self._today else "")
        used = self._evidence.used
        ending = used.verdict.word if used and used.verdict.word in OUTCOMES else ""
        breaks = ending or (not names and self._today and self._today.takes[-1].outcome != MEASURED)
        word = "It breaks as it is used" if breaks else "It is unsafe as it is used"
        first = f"{word}, by {name_of(self._evidence.today)}: {seen}."
        if ending and use_of(self._evidence.today) == ONE:
            # Keras looks at what kind of thing it is; others do not.
            return f"{first} Repair it first{'' if ending == REFUSED else ': every feeder reads it so'}."
        if self._best is None:
            return f"{first} No way of feeding was proven safe: repair it first."
        speed = f", {self._times()}" if self._ratio else ""
        return (
            f"{first} Repair it, or carry it by `{self._best.cell.feeder}` with {workers_of(self._best.cell)}: "
            f"exactly once all the same{speed}."
        )

    def _times(self) -> str:
        if self._ratio is None:
            return "today's samples/s are not known"
        interval = f" [{_number(self._interval[0])}, {_number(self._interval[1])}]" if self._interval else ""
        return f"{_number(self._ratio)} x{interval} today's samples/s"

    def _of_the_limit(self) -> str:
        share = self._share(self._best)
        return f", {share:.0f} % of what this host can do" if share else ""

    def _named_lines(self) -> str:
        lines = self._evidence.look.lines.lines[:NAMED_LINES]
        if not lines:
            return ""
        share = sum(line.share for line in lines)
        these = "this line is" if len(lines) == 1 else f"these {len(lines)} lines are"
        return f": {these} {percent(share)} of it ({', '.join(str(line) for line in lines)})"

    def _repair(self) -> tuple[str, ...]:
        """What the audit advises, once for each cause."""
        used = self._evidence.used
        faults = self._evidence.used_faults()
        texts = [f"{fault.cause.name}: {fault.summary or fault.cause.meaning}" for fault in faults]
        where = [f"where: {place}" for fault in faults for place in fault.where[:2]]
        advice = [part for fault in faults for part in (fault.advice, fault.cause.advice) if part]
        message = [gist(used.verdict.message)] if used and used.verdict.message else []
        return tuple(dict.fromkeys([*message, *texts, *where, *advice]))

    def _improvements(self) -> tuple[str, ...]:
        """What a person can change where no other way of feeding helps."""
        look = self._evidence.look
        if look.kind == DATASET:
            return tuple(of_a_pipeline(self._evidence))
        lacks = NO_INDEX if INDEX not in look.offers else NO_LENGTH if look.kind == SEQUENCE and not look.sized else ""
        return (*of_processes(self._evidence), *([lacks] if lacks else []))

    def _notes(self, kind: str, best: Tried | None) -> list[str]:
        notes = []
        share, limit = self._share(best), self._evidence.limit
        if kind == CHANGE and share and limit and share >= 90 and limit.samples < BELOW_CEILING * limit.ceiling:
            notes.append(f"After that the preparation is the limit{self._named_lines()}.")
        if kind in (CHANGE, UNSAFE) and best:
            notes += of_order(self._evidence.look, best.cell)
        if kind in (CHANGE, LEAVE):
            notes += of_processes(self._evidence)
        if self._is_unproven():
            notes.append(
                f"Try: feeders advise {self._evidence.request.loader} --key EXPRESSION. It names each sample by x, y "
                "and w of a batch: a number or a path that the batch holds, or a sum that its random changes leave."
            )
        if kind in (CHANGE, UNSAFE) and self._ratio and not self._interval:
            duel = self._evidence.duel(self._evidence.today, best.cell) if best else None
            of = "one pair in lockstep" if duel and duel.log_ratios else "single takes, which spread by some per cent"
            why = f"a pair broke: {duel.broken}" if duel and duel.broken else "there was no time for more."
            notes.append(f"The ratio is that of {of}; {why}")
        missed = self._missed("in the time")
        if kind in (CHANGE, UNSAFE) and missed and not self._evidence.interrupted:
            notes.append(f"{missed}. {self._more_time()}")
        settled = self._is_searched() and not self._is_undecided()
        known = self._evidence.interrupted or settled or self._is_unproven() or self._is_fed()
        if kind == LEAVE and not known:
            notes.append(self._more_time())
        if self._evidence.used is None and not self._evidence.interrupted:
            notes.append(
                "It was not audited: an audit takes longer than was left. "
                f"Try: feeders audit {self._evidence.request.loader}"
            )
        if self._evidence.interrupted:
            notes.append("Interrupted: this is what is known so far.")
        return notes

    def _more_time(self) -> str:
        seconds = -(-2 * max(self._evidence.request.seconds, self._evidence.lacking) // 10) * 10
        return f"Try: --seconds {seconds:.0f}, or again when this host is idle."


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 10 else f"{value:.2f}"
