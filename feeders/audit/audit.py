"""An audit: a loader is fed through ``fit()``, provoked, and judged."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Callable

from feeders.errors import FeedersError
from feeders.loaders import workload
from feeders.measure.stack import describe_host, describe_stack, is_untouched, preload

from .budget import Budget
from .course import Course
from .judge import judge
from .request import AuditRequest
from .result import Audit

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .request import AuditOptions


def audit(
    loader: str | AuditRequest,
    *,
    progress: Callable[[str], None] = lambda text: None,
    announce: Callable[[str], None] | None = None,
    **options: Unpack[AuditOptions],
) -> Audit:
    """Audit a loader: does every sample arrive once, whole, in its epoch?

    What the loader does runs in child processes, under a deadline; nothing of it is imported here. For example
    ``audit("my_data.py:Train", workers=4, seconds=10)``.

    Args:
        loader: FILE.py:NAME, package.module:NAME or the name of a feeder of the catalogue; or a whole request.
        progress: told what is going on.
        announce: told what will take longer than the budget, before it does; None tells `progress`.
        options: further fields of the `AuditRequest`, or other ones than it has.

    Raises:
        FeedersError: the call is wrong, the backend of Keras is missing or has computed here already, or the loader
            can't be opened.
        Unsupported: the feeder can't feed the workload.
    """
    start = time.perf_counter()
    asked = loader if isinstance(loader, AuditRequest) else AuditRequest(loader)
    request = dataclasses.replace(asked, **options).checked()
    preload()
    if not is_untouched():
        raise FeedersError(
            "audit: this process has trained or computed already, and what is forked from it would hang; expected one "
            "that has only imported Keras. Try: feeders audit in a terminal, or feeders.testing.assert_safe"
        )
    if request.is_feeder:
        workload(request.workload).material()
    budget = Budget(request.seconds, announce or progress)
    course = Course(request, budget, progress)
    course.run()
    return Audit(
        request=course.request,
        verdict=judge(course.request, course.evidence),
        evidence=course.evidence,
        stack=describe_stack(),
        host=describe_host(),
        seconds=time.perf_counter() - start,
        announced=budget.announced,
    )
