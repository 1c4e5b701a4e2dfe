"""The answer: one sentence first, then what it costs, what comes next, what would be unsafe, and the lines to copy."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Mapping

from feeders.audit.judge import NOT_COUNTED
from feeders.loaders.opening import DATASET
from feeders.measure import METRICS

from .choice import BELOW_CEILING, CHANGE, LEAVE, PREPARATION, UNSAFE, Choice
from .evidence import Evidence, gist
from .lines import Line
from .notes import of_a_pipeline, of_dataset, of_epoch, of_gaps, of_index, of_order, of_processes
from .others import Reason, not_to_be_used, runner_up
from .patches import lifted_file, patch
from .sentence import few_pairs, gave_cores, missed, named_lines, sentence

# Of the budget: a loader that takes longer to be made leaves too little of it, also on an idle host.
SLOWLY_MADE = 0.03

# Percent of the limit: from here on the limit itself is what holds a loader back.
NEAR_THE_LIMIT = 90


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
    choice = Choice(evidence)
    best = choice.advised
    cell = best.cell if best else None
    ratio, interval = choice.ratios(best)
    code = patch(cell, evidence.look) if cell and choice.changes else ""
    file = lifted_file(cell) if cell and choice.changes else None
    return Answer(
        kind=choice.kind,
        sentence=sentence(choice),
        feeder=cell.feeder if cell else None,
        workers=cell.workers if cell else None,
        ratio=ratio,
        ratio_interval=interval,
        share_of_limit=choice.share(best),
        code=code,
        file=str(file) if file else None,
        costs=best.costs() if best else {},
        costs_today=choice.today.costs() if choice.today else {},
        repair=tuple(_repair(choice)),
        runner_up=runner_up(evidence, best),
        unsafe=tuple(not_to_be_used(evidence, choice.today if choice.is_only_slow() else None)),
        lines=evidence.look.lines.lines,
        notes=tuple(_notes(choice)),
    )


def _repair(choice: Choice) -> list[str]:
    """What can be changed in the loader itself: where it is unsafe, or where no other way of feeding helps."""
    if choice.kind == UNSAFE:
        return _of_the_audit(choice.evidence)
    if choice.kind != PREPARATION:
        return []
    look = choice.evidence.look
    if look.kind == DATASET:
        return of_a_pipeline(choice.evidence)
    return [*of_processes(choice.evidence), *of_index(look)]


def _of_the_audit(evidence: Evidence) -> list[str]:
    """What the audit of how it is used advises, once for each cause."""
    used, faults = evidence.used, evidence.used_faults()
    texts = [f"{fault.cause.name}: {fault.summary or fault.cause.meaning}" for fault in faults]
    where = [f"where: {place}" for fault in faults for place in fault.where[:2]]
    advice = [part for fault in faults for part in (fault.advice, fault.cause.advice) if part]
    message = [gist(used.verdict.message)] if used and used.verdict.message and used.verdict.word != NOT_COUNTED else []
    return list(dict.fromkeys([*message, *texts, *where, *advice]))


def _notes(choice: Choice) -> list[str]:
    notes = _of_the_change(choice) if choice.changes else []
    evidence = choice.evidence
    if choice.kind == LEAVE and evidence.look.kind == DATASET:
        notes += of_gaps(evidence)
    if choice.kind in (CHANGE, LEAVE):
        notes += of_processes(evidence)
    if choice.is_unproven():
        notes.append(_of_the_count(choice))
    if evidence.is_busy:
        notes.append(
            f"Meanwhile {gave_cores(evidence)}: other programs took the rest. Ways with several workers "
            "look slower than they are. Try: again when this host is idle."
        )
    if evidence.interrupted:
        return [*notes, "Interrupted: this is what is known so far."]
    if choice.kind == LEAVE and _is_open(choice) and not evidence.is_busy:
        notes.append(_more_time(evidence))
    if evidence.used is None:
        key = f" --key {shlex.quote(evidence.request.key)}" if evidence.request.key else ""
        told = f"{evidence.request.in_a_command()}{key}"
        notes.append(f"It was not audited: an audit takes longer than was left. Try: feeders audit {told}")
    return notes


def _of_the_count(choice: Choice) -> str:
    """Why nothing was counted, and what to try."""
    why = choice.why_uncounted()
    if why:
        return f"Not counted: {why}"
    return (
        f"Try: feeders advise {choice.evidence.request.in_a_command()} --key EXPRESSION. It names each sample by x, y "
        "and w of a batch: a number or a path that the batch holds, or a sum that its random changes leave."
    )


def _of_the_change(choice: Choice) -> list[str]:
    """What a person should know who copies the lines."""
    evidence, best, limit = choice.evidence, choice.advised, choice.evidence.limit
    if best is None:
        return []
    look, share = evidence.look, choice.share(best)
    notes = [*of_order(look, best.cell), *of_dataset(look, best.cell), *of_epoch(look)]
    near = share is not None and share >= NEAR_THE_LIMIT and choice.is_preparing(best)
    if choice.kind == CHANGE and near and limit and limit.samples < BELOW_CEILING * limit.ceiling:
        notes.append(f"After that the preparation is the limit{named_lines(evidence)}.")
    ratio, interval = choice.ratios(best)
    if ratio and not interval:
        duel = evidence.duel(evidence.today, best.cell)
        pairs = len(duel.log_ratios) if duel else 0
        of = f"{few_pairs(pairs)} in lockstep" if pairs else "single takes, which spread by some per cent"
        ended = "it was interrupted." if evidence.interrupted else "there was no time for more."
        why = f"a pair broke: {duel.broken}" if duel and duel.broken else ended
        notes.append(f"The ratio is that of {of}; {why}")
    more = missed(choice, "in the time")
    if more and not evidence.interrupted:
        notes.append(f"{more}. {_more_time(evidence)}")
    return notes


def _is_open(choice: Choice) -> bool:
    """Whether more time, or a quiet host, would tell more."""
    if (choice.is_unproven() and not choice.is_only_slow()) or choice.is_fed():
        return False
    return choice.is_only_slow() or choice.is_undecided() or not choice.is_searched()


def _more_time(evidence: Evidence) -> str:
    seconds = -(-2 * max(evidence.request.seconds, evidence.lacking) // 10) * 10
    made = evidence.look.seconds
    if made >= SLOWLY_MADE * evidence.request.seconds:
        each = METRICS.named("epoch").format(made)
        return f"It takes {each} to make the loader, in each process that reads it. Try: --seconds {seconds:.0f}"
    return f"Try: --seconds {seconds:.0f}, or again when this host is idle."
