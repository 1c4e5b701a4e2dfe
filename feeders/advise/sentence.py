"""The answer in one sentence: what to do, how much it brings, and what is not known."""

from __future__ import annotations

from feeders.audit.course import OUTCOMES
from feeders.compare.verdict import MARGIN
from feeders.loaders.opening import DATASET
from feeders.results.record import MEASURED, REFUSED

from .candidates import ONE, use_of
from .choice import CHANGE, PREPARATION, UNSAFE, Choice
from .evidence import Evidence, Tried, percent
from .notes import of_processes
from .others import workers_of
from .search import name_of

# Lines, and feeders, that a sentence names.
NAMED_LINES = NAMED_FEEDERS = 3


def sentence(choice: Choice) -> str:
    """Return the sentence that says what to do."""
    if choice.kind == UNSAFE:
        return _unsafe(choice)
    if choice.kind == CHANGE and choice.best:
        share = choice.share(choice.best)
        limit = f", {share:.0f} % of what this host can do" if share else ""
        return f"Carry it by {_way(choice.best)}: {_times(choice)}{limit}, exactly once."
    if choice.kind == PREPARATION:
        return f"{_no_help(choice.evidence)} preparation is the limit{named_lines(choice.evidence)}."
    return _leave(choice)


def _no_help(evidence: Evidence) -> str:
    if evidence.look.kind == DATASET:
        return "TensorFlow feeds a tf.data pipeline itself, and its"
    that = " that can carry it" if evidence.look.batch_method or of_processes(evidence) else ""
    return f"No way of feeding{that} helps, the"


def _leave(choice: Choice) -> str:
    if choice.is_only_slow():
        return "Leave it for now: a fit() as it is used had no end in its time. This host may be too busy to tell."
    if choice.is_unproven():
        why = "its samples could not be counted" if choice.why_uncounted() else "nothing tells its samples apart"
        return f"Leave it: {why}, so that no way of feeding can be proven safe."
    if choice.is_fed():
        return "Leave it: the device is fed."
    if choice.is_undecided():
        return f"Leave it for now: {_open_question(choice)}."
    if not choice.is_searched():
        return f"Leave it for now: {_not_searched(choice)}."
    return f"Leave it: nothing that was tried is better by more than {percent(MARGIN)}."


def _unsafe(choice: Choice) -> str:
    evidence, today, best = choice.evidence, choice.today, choice.best
    names = dict.fromkeys(fault.cause.name for fault in evidence.used_faults())
    seen = ", ".join(names) or (today.fault if today else "")
    used = evidence.used
    ending = used.verdict.word if used and used.verdict.word in OUTCOMES else ""
    breaks = ending or (not names and today and today.takes[-1].outcome != MEASURED)
    word = "It breaks as it is used" if breaks else "It is unsafe as it is used"
    first = f"{word}, by {name_of(evidence.today)}: {seen}."
    if ending and use_of(evidence.today) == ONE:
        # Keras looks at what kind of thing it is; others do not.
        return f"{first} Repair it first{'' if ending == REFUSED else ': every feeder reads it so'}."
    if best is None:
        return f"{first} No way of feeding was proven safe: repair it first."
    speed = f", {_times(choice)}" if choice.ratios(best)[0] else ""
    return f"{first} Repair it, or carry it by {_way(best)}: exactly once all the same{speed}."


def _not_searched(choice: Choice) -> str:
    """Say what was not found out, and why."""
    until = "before the interruption" if choice.evidence.interrupted else "in the time"
    gave = f", and {gave_cores(choice.evidence)}" if choice.evidence.is_busy else ""
    # Others may have been tried to the end, and found unsafe: what holds the answer back then is the host alone.
    cut_short = choice.evidence.interrupted or choice.untried() or not choice.safe
    if not choice.evidence.unproven():
        if cut_short and all(each is choice.today for each in choice.safe):
            return f"no other way of feeding could be tried and proven {until}{gave}"
        if not choice.untried():
            return f"nothing that was tried {until} is better by more than {percent(MARGIN)}{gave}"
    return f"{missed(choice, until)}{gave}"


def gave_cores(evidence: Evidence) -> str:
    """Return how many of its cores a busy host gave."""
    return f"this host gave {evidence.given_cores:.1f} of its {evidence.cores:g} cores"


def missed(choice: Choice, until: str) -> str:
    """Return what may be faster than all that is proven; empty if nothing may be.

    Args:
        choice: what follows from the evidence.
        until: when that could have been found out.
    """
    unproven, untried = choice.evidence.unproven(), choice.untried()
    if unproven:
        fastest = max(unproven, key=lambda each: each.speed or 0.0)
        times = choice.ratios(fastest)[0]
        gave = f"gave {_number(times)} x today's samples/s" if times else "may be faster"
        return f"{_way(fastest)} {gave}, and could not be audited {until}"
    tried = {each.cell.feeder for each in choice.evidence.tried}
    others = " (another number of workers)"
    names = ", ".join(f"`{name}`{others if name in tried else ''}" for name in untried[:NAMED_FEEDERS])
    more = f" and {len(untried) - NAMED_FEEDERS} more" if len(untried) > NAMED_FEEDERS else ""
    return f"{names}{more} may be faster, and could not be tried {until}" if names else ""


def _open_question(choice: Choice) -> str:
    """Say what the ratio of the way that may be faster may be, and why that is not known better."""
    rival = choice.open_rival()
    ratio, interval = choice.ratios(rival)
    if rival is None or ratio is None:
        return ""
    if interval is None:
        duel = choice.evidence.duel(choice.evidence.today, rival.cell)
        of = few_pairs(len(duel.log_ratios)) if duel and duel.log_ratios else "single takes"
        return f"{_way(rival)} gave {_number(ratio)} x today's samples/s in {of}, which may be chance"
    ends = f"{_number(interval[0])} to {_number(interval[1])}"
    return f"{_way(rival)} gives {ends} x today's samples/s. This host was too busy to tell"


def few_pairs(count: int) -> str:
    """Return how many pairs in lockstep there were, fewer than an interval needs."""
    return "a single pair" if count == 1 else f"{count} pairs"


def _way(tried: Tried) -> str:
    return f"`{tried.cell.feeder}` with {workers_of(tried.cell)}"


def _times(choice: Choice) -> str:
    ratio, interval = choice.ratios(choice.best)
    if ratio is None:
        return "today's samples/s are not known"
    ends = f" [{_number(interval[0])}, {_number(interval[1])}]" if interval else ""
    return f"{_number(ratio)} x{ends} today's samples/s"


def named_lines(evidence: Evidence) -> str:
    """Return the lines that take most of the preparation, as the end of a sentence; empty if none is known."""
    lines = evidence.look.lines.lines[:NAMED_LINES]
    if not lines:
        return ""
    share = sum(line.share for line in lines)
    these = "this line is" if len(lines) == 1 else f"these {len(lines)} lines are"
    return f": {these} {percent(share)} of it ({', '.join(str(line) for line in lines)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 10 else f"{value:.2f}"
