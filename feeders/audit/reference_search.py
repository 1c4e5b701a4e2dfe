"""The part of an audit that reads the loader in one thread, until it is known what an epoch should deliver."""

from __future__ import annotations

from dataclasses import replace

from feeders.errors import FeedersError
from feeders.loaders.opening import ARRAYS, DATASET, SEQUENCE
from feeders.measure.identity import LABELS

from .epochs import is_part_of_a_pass, reference_of
from .forecast import START_SECONDS, Forecast
from .inquiry import Inquiry
from .readings import BrokenReading, Reading
from .reference import FEWEST_PARTS
from .request import BACKWARD, FORWARD


def search_reference(inquiry: Inquiry) -> None:
    """Read it twice, and again with what makes it comparable; without a reference it can't be counted."""
    inquiry.progress("reading it in one thread")
    start = inquiry.budget.passed()
    forward = inquiry.probes.read(
        FORWARD,
        backward=False,
        foresee=lambda seen: _announce(inquiry, Forecast.of_batches(inquiry.request, seen, _since(inquiry, start))),
    )
    _refuse_arrays(inquiry, forward)
    if isinstance(forward, BrokenReading):
        inquiry.evidence = replace(inquiry.evidence, broken=forward)
        return
    _settle_epochs(inquiry, forward)
    inquiry.evidence = replace(inquiry.evidence, forward=forward)
    _allow_for(inquiry, forward)
    if forward.failed or not forward.epochs:
        return
    backward = _read(inquiry, BACKWARD, backward=True)
    if isinstance(backward, BrokenReading):
        inquiry.evidence = replace(inquiry.evidence, broken=backward)
        return
    reference = reference_of(inquiry.request, forward, backward)
    inquiry.evidence = replace(inquiry.evidence, backward=backward, reference=reference)
    if backward.failed:
        return
    _read_with_fixed_numbers(inquiry)
    _read_with_one_seed(inquiry, forward)
    _read_by_label(inquiry, forward)
    _look_for_a_key(inquiry)


def _since(inquiry: Inquiry, start: float) -> float:
    return inquiry.budget.passed() - start


def _announce(inquiry: Inquiry, forecast: Forecast) -> None:
    """Say what will take long before it does."""
    inquiry.forecast = forecast
    rest = forecast.read - forecast.making - forecast.first - forecast.batch - forecast.start
    inquiry.budget.lengthen(forecast.uncounted, max(0.0, rest) + forecast.after_reading, forecast.text())


def _allow_for(inquiry: Inquiry, forward: Reading) -> None:
    """Count the budget from its first batch: each process makes the loader anew and waits for it.

    An epoch that is longer than its part of the budget, and can't be cut short, is read several times beyond it.
    """
    inquiry.probes.slowest_batch(forward.slowest, max(forward.first, forward.hook))
    start = inquiry.forecast.start if inquiry.forecast else START_SECONDS
    forecast = inquiry.forecast = Forecast.of_reading(inquiry.request, forward, start)
    inquiry.budget.lengthen(forecast.uncounted, forecast.after_reading, forecast.text())


def _read(inquiry: Inquiry, seed: int, backward: bool) -> Reading | BrokenReading:
    expected = inquiry.expected("read")
    inquiry.budget.allow(expected, f"reading it in one thread takes {expected:.0f} s")
    result: Reading | BrokenReading = inquiry.timed("read", lambda: inquiry.probes.read(seed, backward))
    return result


def _refuse_arrays(inquiry: Inquiry, forward: Reading | BrokenReading) -> None:
    request = inquiry.request
    options = {"--also": ",".join(request.also), "--steps": request.steps}
    given = next((option for option, value in options.items() if value), None)
    if given and forward.description.kind == ARRAYS:
        raise FeedersError(
            f"{given} {options[given]}: {request.loader} is {forward.description.title}, which Keras cuts into batches "
            f"by itself, in order, in one thread; expected a loader. Try: leave {given} away"
        )


def _settle_epochs(inquiry: Inquiry, forward: Reading) -> None:
    """Keep what the first pass has found out about steps and epochs."""
    request = inquiry.request
    if forward.cut or (forward.steps and forward.steps != request.steps and not forward.endless):
        inquiry.restart(replace(request, steps=forward.steps, cut=forward.cut))
    length, steps = forward.description.length, inquiry.request.steps
    if is_part_of_a_pass(inquiry.request, forward.description) and length and steps:
        # What Keras does between epochs shows once those that its workers had read ahead are used up.
        epochs = max(inquiry.request.epochs, min(FEWEST_PARTS, -(-length // steps)))
        if forward.description.kind == DATASET:  # the last part of its pass would be a short epoch
            epochs = min(inquiry.request.epochs, length // steps)
        inquiry.restart(replace(inquiry.request, epochs=epochs))


def _read_with_fixed_numbers(inquiry: Inquiry) -> None:
    """Where content is random, see whether it is the same once global random numbers are."""
    reference, known = inquiry.evidence.reference, inquiry.evidence.description
    asked = inquiry.request.is_feeder or inquiry.request.key is not None
    if asked or known.kind != SEQUENCE or known.pickles or reference is None or reference.reproducible:
        return
    inquiry.progress("reading it with the same random numbers for each index")
    random = inquiry.request
    inquiry.restart(replace(random, fixed_random=True))
    first, second = _read(inquiry, FORWARD, backward=False), _read(inquiry, BACKWARD, backward=True)
    if isinstance(first, Reading) and isinstance(second, Reading) and second.reread.contents:
        fixed = reference_of(inquiry.request, first, second)
        if fixed.reproducible:
            inquiry.evidence = replace(inquiry.evidence, forward=first, backward=second, reference=fixed, random=True)
            return
    inquiry.restart(random)


def _read_with_one_seed(inquiry: Inquiry, forward: Reading) -> None:
    """Where a pipeline draws when it is made and never again, let each process draw the same."""
    reference, passes = inquiry.evidence.reference, forward.epochs[:2]
    asked = inquiry.request.is_feeder or inquiry.request.key is not None
    if asked or forward.drawn or forward.description.kind != DATASET or reference is None or reference.reproducible:
        return
    if len({tuple(batch.contents for batch in one) for one in passes}) > 1:
        return
    random = inquiry.request
    inquiry.restart(replace(random, one_seed=True))
    again = _read(inquiry, BACKWARD, backward=True)
    if isinstance(again, Reading):
        seeded = reference_of(inquiry.request, forward, again)
        if seeded.reproducible:
            inquiry.evidence = replace(inquiry.evidence, backward=again, reference=seeded)
            return
    inquiry.restart(random)


def _read_by_label(inquiry: Inquiry, forward: Reading) -> None:
    """Where content is new in each pass, count labels instead, if it has them."""
    reference = inquiry.evidence.reference
    labelled = any(batch.keys for batch in forward.epochs[0]) and inquiry.request.key is None
    if not labelled or inquiry.request.is_feeder or reference is None or reference.reproducible:
        return
    inquiry.restart(replace(inquiry.request, key=LABELS))
    try:
        first, second = _read(inquiry, FORWARD, backward=False), _read(inquiry, BACKWARD, backward=True)
    except FeedersError:  # it has none
        inquiry.restart(replace(inquiry.request, key=None))
        return
    if isinstance(first, Reading) and isinstance(second, Reading):
        by_label = reference_of(inquiry.request, first, second)
        inquiry.evidence = replace(inquiry.evidence, forward=first, backward=second, reference=by_label)
    else:  # it broke this time: what is known stands
        inquiry.restart(replace(inquiry.request, key=None))


def _look_for_a_key(inquiry: Inquiry) -> None:
    """Offer what would count, where nothing tells samples apart."""
    reference, forward, backward = inquiry.evidence.reference, inquiry.evidence.forward, inquiry.evidence.backward
    if not reference or reference.tells or not forward or not backward:
        return
    if forward.drawn and forward.contents() == backward.contents():
        return  # what is drawn would be taken for a key: in one thread it is the same each time
    inquiry.progress("looking for a key that tells its samples apart")
    expected = 2 * inquiry.expected("read")
    inquiry.budget.allow(expected, f"looking for a key takes {expected:.0f} s")
    key = inquiry.probes.find_key(inquiry.evidence.indices).expression
    inquiry.evidence = replace(inquiry.evidence, key=key)
