"""Advice as text: the sentence first, then the lines to copy, and then what they follow from."""

from __future__ import annotations

import textwrap
from typing import Iterator, Sequence

from feeders.measure import METRICS
from feeders.terminal import table

from .answer import Answer
from .choice import CHANGE, UNSAFE
from .evidence import Evidence, Tried, percent
from .lines import Lines
from .search import name_of

# Lines that are longer are hard to read, whatever a terminal has.
WIDTH = 110

# Ways that are shown; --json has them all.
MOST_ROWS = 12

# Of what is said of a delivery in the table.
MOST_LETTERS = 50


def to_text(evidence: Evidence, answer: Answer, width: int = WIDTH) -> str:
    """Return what is printed.

    Args:
        evidence: all that was seen.
        answer: what follows from it.
        width: columns of the terminal.
    """
    return "\n".join(_lines(evidence, answer, min(width, WIDTH)))


def headline(evidence: Evidence, answer: Answer) -> str:
    """Return the answer in one line, with what trains."""
    request = evidence.request
    return f"{request.loader}, where {request.trains()}: {answer.sentence}"


def _lines(evidence: Evidence, answer: Answer, width: int) -> Iterator[str]:
    yield from _wrapped(headline(evidence, answer), "", width)
    for text in answer.repair:
        yield from _wrapped(text, "  ", width)
    if answer.code:
        yield from ("", "the code")
        yield from textwrap.indent(answer.code, "    ").splitlines()
        if answer.file:
            yield from _wrapped(f"without this package: copy {answer.file}, as far as `# In this project`", "  ", width)
    yield from _costs(evidence, answer)
    yield from _time(evidence, width)
    if answer.runner_up:
        yield ""
        yield from _wrapped(f"next best: {answer.runner_up}", "", width)
    if answer.unsafe:
        yield from ("", "not to be used")
        for reason in answer.unsafe:
            yield from _wrapped(f"{reason.what}: {reason.why}", "  ", width)
    yield from _tried(evidence)
    for note in answer.notes:
        yield ""
        yield from _wrapped(note, "", width)
    yield ""
    yield from _wrapped(_proof(evidence), "", width)


def _costs(evidence: Evidence, answer: Answer) -> Iterator[str]:
    titles = [*answer.costs, *(title for title in answer.costs_today if title not in answer.costs)]
    if not titles:
        return
    rows = [[title, answer.costs_today.get(title, "")] for title in titles]
    heads = ["it costs", "today"]
    if answer.kind in (CHANGE, UNSAFE) and answer.feeder:
        rows = [[*row, answer.costs.get(row[0], "")] for row in rows]
        heads.append(f"{answer.feeder} ×{answer.workers}")
    yield ""
    yield from table(rows, heads)


def _time(evidence: Evidence, width: int) -> Iterator[str]:
    """Where the time goes."""
    texts = list(time_texts(evidence))
    lines = list(line_table(evidence.look.lines))
    if texts or lines:
        yield from ("", "where the time goes")
    for text in texts:
        yield from _wrapped(text, "  ", width)
    yield from lines


def line_table(lines: Lines) -> Iterator[str]:
    """Yield a row for each line of the person's code that takes time; none where no pass could be sampled."""
    kinds = {True: "waits", False: "computes"}
    rows = [[f"{percent(line.share)}", kinds[line.waits], str(line), line.text] for line in lines.lines]
    if rows:
        yield from table(rows, indent=2)


def time_texts(evidence: Evidence) -> Iterator[str]:
    """Yield sentences on the ceiling, the limit and the preparation."""
    limit, speed = evidence.limit, METRICS.named("effective_throughput").format
    now = evidence.tried_of(evidence.today)
    if limit:
        yield f"ceiling: {speed(limit.ceiling)}, if batches cost nothing"
        share = f"; today is {percent(min(1.0, now.speed / limit.samples))} of it" if now and now.speed else ""
        yield f"limit: {speed(limit.samples)}, what no feeder can beat on {limit.cores:g} cores{share}"
        waits = max(0.0, 1 - limit.prepare_cpu / limit.prepare_seconds) if limit.prepare_seconds else 0.0
        alone = speed(1 / limit.prepare_seconds) if limit.prepare_seconds else ""
        yield (
            f"preparation: {alone} by one thread; it waits {percent(waits)} of the time and computes the rest, and it "
            f"holds the GIL {percent(limit.gil_share)} of the time"
        )
    copy = now.metric("copy") if now else None
    if copy is not None:
        yield f"copy to the device: {METRICS.named('copy').format(copy)} for a batch"


def _tried(evidence: Evidence) -> Iterator[str]:
    tried = sorted(evidence.tried, key=lambda each: -(each.speed or 0.0))
    if not tried:
        return
    yield ""
    yield from table(
        [_row(each, evidence) for each in tried[:MOST_ROWS]], ["tried", "workers", "samples/s", "delivery"]
    )
    if len(tried) > MOST_ROWS:
        yield f"  ... and {len(tried) - MOST_ROWS} others; --json has them all"
    for duel in evidence.duels:
        if duel.ratio and duel.interval:
            low, high = duel.interval
            yield (
                f"in lockstep, {len(duel.log_ratios)} pairs: {name_of(duel.b)} gives {duel.ratio:.2f} x "
                f"[{low:.2f}, {high:.2f}] the samples/s of {name_of(duel.a)}"
            )


def _row(each: Tried, evidence: Evidence) -> Sequence[str]:
    today = " (today)" if each.cell == evidence.today else ""
    speed = f"{each.speed:,.0f}" if each.speed else ""
    # Takes can't count content that is random.
    counted = "exactly once" if each.takes[-1].guarantee else "exactly once, by the audit"
    delivery = evidence.unsafe(each) or counted
    return [f"{each.cell.feeder}{today}", str(each.cell.workers), speed, delivery[:MOST_LETTERS]]


def _proof(evidence: Evidence) -> str:
    """How much was proven, and what it took."""
    deliveries = sum(audit.verdict.deliveries for audit in evidence.audits.values())
    uses = ", ".join(evidence.audits)
    audited = f"Audited with {uses}: {deliveries:,} batches. " if uses else "Not audited. "
    dropped = f"Left out: {len(evidence.dropped)}; --json says why. " if evidence.dropped else ""
    return f"{audited}{dropped}Took {evidence.seconds:.0f} s of {evidence.request.seconds:.0f}."


def _wrapped(text: str, indent: str, width: int) -> Iterator[str]:
    wrapper = textwrap.TextWrapper(
        width, initial_indent=indent, subsequent_indent=indent + "  ", break_long_words=False, break_on_hyphens=False
    )
    for line in text.splitlines():
        yield from wrapper.wrap(line) or [""]
