"""A ``fit()`` that does not come to its end: exceptions, hangs, crashes."""

from __future__ import annotations

from typing import Iterator

from feeders.audit.exceptions import first_line
from feeders.results.record import CRASHED, FAILED, HUNG

from ._case import Case, Ending
from ._cause import OBSERVATIONS, Cause, Family, Fault

RAISES = Cause("raises", "It raises an exception.", "See the line, below.")
EXITS = Cause("exits", "It ends the process it runs in.", "Raise an exception instead of calling os._exit or sys.exit.")
KILLED = Cause("killed", "The process it runs in was ended by a signal.", "See the last line of its code, below.")
MEMORY_LIMIT = Cause(
    "memory-limit",
    "It holds more memory than half of what was free when the audit began.",
    "Do not keep what was read; bound what is kept.",
)
HANGS_AT_EPOCH_END = Cause(
    "hangs-at-epoch-end",
    "All batches of the epoch were delivered, or all but the last, and then nothing went on.",
    "See where its threads wait, below.",
)
HANGS = Cause("hangs", "No batch came any more.", "See where its threads wait, below.")


def find(case: Case) -> Iterator[Fault]:
    """Name how it ended; other causes may explain it."""
    ending = case.ending
    if ending and ending.outcome == FAILED:
        yield Fault(RAISES, first_line(ending.message), case.raised_lines(ending), ending.observations)
    elif ending and ending.outcome == HUNG:
        yield _hang(case, ending)
    elif ending and ending.outcome == CRASHED:
        yield Fault(_crash(ending), first_line(ending.message), case.stack_lines(ending), ending.observations)
    elif ending is None and case.evidence.reference is None:
        yield _raised_alone(case)


def _hang(case: Case, ending: Ending) -> Fault:
    batches = case.batches or case.description.length or 0
    run, where = ending.run, case.stack_lines(ending)
    if run is None:
        return Fault(HANGS, "no batches delivered, then nothing", where, ending.observations)
    delivered = run.batches > 0 and batches > 0 and run.batches % batches in (0, batches - 1)
    if delivered or 0 < batches <= run.read_of_last_epoch:
        seen = f"{run.batches} batches delivered, {batches} to the epoch, then nothing"
        return Fault(HANGS_AT_EPOCH_END, seen, where, ending.observations)
    return Fault(HANGS, f"{run.batches} batches delivered, then nothing", where, ending.observations)


def _crash(ending: Ending) -> Cause:
    if "GiB of memory" in ending.message[:80]:
        return MEMORY_LIMIT
    return KILLED if ending.message.startswith("ended by") else EXITS


def _raised_alone(case: Case) -> Fault:
    """It broke when one thread read it, and not when it was trained on."""
    failed, broken = (case.evidence.forward.failed if case.evidence.forward else None), case.evidence.broken
    if failed:
        how, where = f"raised {first_line(failed.exception.error)}", case.own_frames(failed.exception.frames)
    else:
        how, where = f"{broken.outcome}: {first_line(broken.message)}" if broken else "gave nothing", ()
    return Fault(RAISES, f"read by one thread it {how}; fit() came to its end", where, 1, fallback=True)


def notes(case: Case) -> Iterator[str]:
    """Say that it ended badly once."""
    if case.bad_fits and case.bad_endings < OBSERVATIONS:
        run = case.bad_fits[0]
        yield f"one fit() {run.outcome} and no other one did: not judged. {first_line(run.message)}"


FAMILY = Family((RAISES, EXITS, KILLED, MEMORY_LIMIT, HANGS_AT_EPOCH_END, HANGS), find, notes)
