"""Generators and iterators: shared, copied, pulled before, at their end too early."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator

from feeders.audit.evidence import ENDED
from feeders.audit.exceptions import first_line, says_busy_generator
from feeders.audit.findings import RaisedCall, WrongSet
from feeders.audit.readings import EXHAUSTED
from feeders.loaders.opening import DATASET
from feeders.results.record import FAILED

from ._case import Case
from ._cause import MISSING, OBSERVATIONS, Cause, Family, Fault

GENERATOR_SHARED = Cause(
    "generator-shared",
    "A generator can be in one thread at a time; a second one that asks gets ValueError.",
    "Put a lock around next(): threading.serialize_iterator (Python 3.15), more_itertools.serialize; or make it a "
    "Sequence/PyDataset, whose batches are independent.",
    race=True,
)
COPIED_GENERATOR = Cause(
    "copied-generator",
    "Each worker process has its own copy of the iterator and starts from the same place.",
    "Make it a Sequence/PyDataset, whose workers are told which batch to make.",
    race=True,
)
CONSUMED = Cause(
    "consumed",
    "It was pulled from before it was handed to fit(): what came first is lost.",
    "Hand over a function that makes a new one.",
)
ENDS_EARLY = Cause(
    "ends-early",
    "It ends before the epochs asked for have their batches.",
    "Put its body into `while True:` and pass steps_per_epoch; or train for one epoch on it (--epochs 1).",
)
# The same of what has a length.
STEPS_BEYOND = replace(
    ENDS_EARLY,
    advice="Leave steps_per_epoch out: an epoch is then all of it. Or let it have more batches; a pipeline may end in "
    ".repeat().",
)
# The same of a pipeline over a generator or iterator that its first pass has read to the end.
USED_UP = replace(
    ENDS_EARLY,
    advice="Let each pass begin a new one: give Dataset.from_generator a function that makes it, not one made before.",
)


def find(case: Case) -> Iterator[Fault]:
    """Find each of them."""
    yield from _shared(case)
    yield from _copied(case)
    if case.description.started:
        exhausted = case.description.started == EXHAUSTED
        seen = f"handed over, {'it is exhausted' if exhausted else 'it is in the middle of its run'}"
        yield Fault(CONSUMED, seen, delivery=(MISSING,), explains=("refused-by-keras",))
    yield from _ends_early(case)


def _shared(case: Case) -> Iterator[Fault]:
    race, ending = case.race, case.ending
    if race and race.in_generator:
        explains = ("call-lock", "shared-handle", "shared-state", "raises")
        where = race.where or race.frames
        yield Fault(GENERATOR_SHARED, race.seen, where, race.observations, delivery=race.delivery, explains=explains)
    if ending and ending.outcome == FAILED and _says_shared(ending.message):
        where, seen = case.raised_lines(ending), first_line(ending.message)
        yield Fault(GENERATOR_SHARED, seen, where, ending.observations, explains=("raises",))


def _says_shared(message: str) -> bool:
    """Whether Python or Keras says that two threads were in one generator."""
    return says_busy_generator(message) or "NOT thread-safe" in message


def _copied(case: Case) -> Iterator[Fault]:
    """Processes that give what one thread has read, or samples that come once from each of them."""
    equal = [draws for draws in case.evidence.draws if draws.are_equal]
    forward = case.evidence.forward
    if len(equal) >= OBSERVATIONS and forward and is_known(equal[0].processes[0], forward.contents()):
        yield Fault(COPIED_GENERATOR, equal_content(equal[0].processes), observations=len(equal))
    known = case.description
    iterates = known.iterates and known.has_several_workers and known.processes
    if case.miscounted and iterates and known.generation == 2:
        yield Fault(COPIED_GENERATOR, case.worst_epoch(), explains=("unexplained",), fallback=True)


def is_known(batches: tuple[tuple[int, ...], ...], contents: set[int]) -> bool:
    """Whether one thread has read all of that too."""
    return all(value in contents for batch in batches for value in batch)


def equal_content(processes: tuple[object, ...]) -> str:
    """Say that processes gave the same."""
    return f"{len(processes)} worker processes gave equal content for the same call, which gives new content each time"


def _ends_early(case: Case) -> Iterator[Fault]:
    """It ended by itself, in the serial pass too, and fit() got less than its epochs need."""
    reference, forward, epochs = case.evidence.reference, case.evidence.forward, case.request.epochs
    if not case.can_be_counted or reference is None or forward is None:
        return
    # What is not there is a pass without a batch.
    used_up = case.description.kind == DATASET and len(forward.epochs) == 1 and MISSING in case.miscounted
    wanted = (case.request.steps or reference.batches) * epochs
    if case.description.iterates:
        ended = sum(map(len, forward.epochs)) < wanted
    else:
        ended = used_up or case.evidence.indices < (case.request.steps or 0)
    short = [run for run in case.evidence.fits if run.outcome == ENDED and run.batches < wanted]
    if ended and short:
        said = [text for run in short for text in run.logged if "ran out of data" in text]
        count = f"{epochs} epoch{'s' if epochs > 1 else ''}"
        seen = f"{short[0].batches} batches came for {count}; {wanted} were wanted"
        cause = ENDS_EARLY if case.description.iterates else USED_UP if used_up else STEPS_BEYOND
        yield Fault(cause, seen, tuple(said[:1]), 1 + len(short), delivery=(MISSING,))


def notes(case: Case) -> Iterator[str]:
    """Say what threads of one's own would do to an iterator that this Keras pulls from one thread."""
    if case.is_pulled_as_by_keras:
        return
    seen = [finding.seen for _, finding in case.findings]
    raised = [one for one in seen if isinstance(one, RaisedCall)]
    wrong = [one for one in seen if isinstance(one, WrongSet)]
    if raised:
        text = first_line(raised[0].exception.error)
        yield f"pulled by several threads, which this Keras does not do: {text}"
    elif wrong:
        yield f"pulled by several threads, which this use does not do: {wrong[0].text()}"


FAMILY = Family((GENERATOR_SHARED, COPIED_GENERATOR, CONSUMED, ENDS_EARLY), find, notes)
