"""Advice: a loader is looked at, audited, carried by every safe feeder, and compared with how it is fed now."""

from __future__ import annotations

import contextlib
from typing import Callable

from feeders.errors import FeedersError
from feeders.measure import preload
from feeders.measure.stack import is_untouched

from .advice import Advice
from .answer import answer
from .budget import Budget
from .course import Course
from .look import DEADLINE_SECONDS, look_at
from .request import AdviseRequest

# Of the budget: a pass in which lines are sampled. Seconds without which a loader is not looked at.
PASS_SHARE, LEAST_LOOK = 0.02, 1.0


def advise(loader: str | AdviseRequest, progress: Callable[[str, float], None] = lambda text, share: None) -> Advice:
    """Say how a loader is best carried on this host: safe, near its limit, with the lines to copy.

    All code of the loader and of the model runs in watched child processes.

    Args:
        loader: FILE.py:NAME or package.module:NAME; or a whole request.
        progress: told what goes on, and the share of the budget that is used.

    Raises:
        FeedersError: the call is wrong, the backend of Keras is missing or has computed here already, or the loader
            can't be opened.
        KeyboardInterrupt: it came before anything was known; later, the advice tells what is known so far.
    """
    request = (loader if isinstance(loader, AdviseRequest) else AdviseRequest(loader)).checked()
    budget = Budget(request.seconds)
    preload()
    imported = budget.used
    if not is_untouched():
        raise FeedersError(
            "advise: this process has trained or computed already, and what is forked from it would hang; expected one "
            "that has only imported Keras. Try: feeders advise in a terminal"
        )
    if budget.left < LEAST_LOOK:
        raise request.too_few(imported, {}, imported + request.seconds)
    progress("looking at the loader", budget.share)
    look = look_at(request, max(0.5, PASS_SHARE * request.seconds), min(DEADLINE_SECONDS, round(budget.left)))
    budget.begin()
    course = Course(request, budget, look, imported, progress)
    with contextlib.suppress(KeyboardInterrupt):
        course.run()
    evidence = course.evidence()
    if evidence.interrupted and not (evidence.used or evidence.tried):
        raise KeyboardInterrupt
    return Advice(evidence, answer(evidence))
