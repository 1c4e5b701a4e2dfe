"""The course of advice: what is read, audited, measured and compared when, and what it has found so far."""

from __future__ import annotations

import dataclasses
import statistics
from typing import Callable

from feeders.errors import FeedersError
from feeders.loaders import INDEX
from feeders.loaders.opening import DATASET
from feeders.measure import Settings, asked
from feeders.measure.alone import measure_limit
from feeders.measure.host import granted_cores, usable_cores
from feeders.measure.stack import describe_host, describe_stack
from feeders.measure.survey import Survey, survey

from .audits import Audits
from .bench import HostBench
from .budget import Budget
from .candidates import candidates, gain, today, use_of
from .costs import Costs
from .evidence import Evidence, is_fed, is_safe
from .look import Look
from .request import AdviseRequest
from .search import LEAST_DEADLINE, SPARE, Search

# Of the budget: the ends of what is audited before anything is taken, of the limit, and of the pairs. Ending takes the
# rest.
EARLY_SHARE, LIMIT_SHARE, PAIRS_SHARE = 0.35, 0.6, 0.97

# What takes less is not why a budget is too short.
WORTH_SAYING = 0.05

# Of the budget: what may be used where a part takes longer than was foreseen; and what a fit has that may have hung.
OVER, DEADLINE_SHARE = 1.2, 0.25


class Course:
    """One course of advice; what it has found so far is there at any time.

    Args:
        request: what is asked for.
        budget: of time.
        look: at the loader.
        imported: seconds that the import of Keras took.
        progress: told what goes on, and the share of the budget that is used.
    """

    def __init__(
        self,
        request: AdviseRequest,
        budget: Budget,
        look: Look,
        imported: float,
        progress: Callable[[str, float], None],
    ) -> None:
        self._request, self._budget, self._look, self._progress = request, budget, look, progress
        step = (request.step_ms or 0.0) / 1000
        self._costs = Costs(
            made=look.seconds,
            batch=look.batch_seconds,
            step=step,
            steps=look.steps or 1,
            length=look.steps,
            hooks=bool(look.hooks),
            indexed=INDEX in look.offers,
            imported=imported,
            cores=usable_cores(),
        )
        self._cells, self._left_out = candidates(request, look, usable_cores())
        self._today = today(request, look)
        self._audits = Audits(request, look, budget, self._costs, progress)
        self._search: Search | None = None
        self._ended = False

    def evidence(self) -> Evidence:
        """Return what has been seen so far."""
        search = self._search
        return Evidence(
            request=self._request,
            look=self._look,
            today=self._today,
            used=self._audits.used,
            audits=dict(self._audits.by_use),
            limit=search.limit if search else None,
            tried=tuple(search.tried.values()) if search else (),
            dropped=(*self._left_out, *(search.dropped if search else ())),
            duels=tuple(search.duels.values()) if search else (),
            interrupted=not self._ended,
            seconds=self._budget.used,
            lacking=self._audits.lacking,
            stack=describe_stack(),
            host=describe_host(),
            cores=granted_cores(),
            given_cores=statistics.median(search.given) if search and search.given else None,
        )

    def run(self) -> None:
        """Audit, measure and compare, until it is decided or the budget is used.

        Raises:
            FeedersError: the model does not take the batches; the loader breaks, and the audit did not say so; or there
                is no time to read it and train on it once.
        """
        settings = self._settings()
        self._see_whether_it_fits(self._costs.least)
        self._progress("reading it for what it should deliver", self._budget.share)
        found = self._surveyed(settings)
        self._audits.costs = self._costs
        self._audits.of_today(self._today, EARLY_SHARE, PAIRS_SHARE)
        if isinstance(found, Survey):
            self._measure(settings, found)
        elif self._audits.used is None or is_safe(self._audits.used, use_of(self._today)):
            raise found
        self._ended = True

    def _surveyed(self, settings: Settings) -> Survey | FeedersError:
        """Learn what the loader should deliver, or what keeps it from being read.

        Raises:
            FeedersError: the model does not take its batches.
        """
        try:
            found = asked.look(self._request.loader, (), settings)
        except FeedersError as error:
            if not self._request.model:
                return error
            survey(self._request.loader, settings)  # if that breaks, it is not the model's fault
            raise
        steps = found.steps if self._request.steps else found.length or found.steps
        open_end = found.length is None and not self._request.steps
        self._look = dataclasses.replace(
            self._look, steps=steps, open_end=open_end, repeats=found.reference.reproducible
        )
        # A survey cuts a long epoch by the time of its batches, so that it is known whether this is one.
        self._costs = dataclasses.replace(
            self._costs,
            batch=found.seconds,
            step=found.step,
            steps=found.steps,
            length=found.length,
            # An audit holds each part of a pipeline's pass against its first one.
            ordered=found.reference.ordered and found.kind != DATASET,
        )
        self._see_whether_it_fits(self._costs.take)
        return found

    def _see_whether_it_fits(self, seconds: float) -> None:
        """See to it that there is time for what any answer needs.

        Raises:
            FeedersError: there is not.
        """
        if self._budget.used + seconds <= OVER * self._request.seconds:
            return
        costs = self._costs
        takes = [("be made", costs.made), ("give a batch", costs.batch), ("train a step", costs.step)]
        slow = {what: value for what, value in takes if value >= WORTH_SAYING}
        raise self._request.too_few(costs.imported, slow, self._budget.used + costs.survey + 4 * costs.take)

    def _measure(self, settings: Settings, found: Survey) -> None:
        self._progress("measuring the limit", self._budget.share)
        limit = None
        if self._budget.fits(self._costs.limit + self._costs.take, LIMIT_SHARE):
            limit = measure_limit(self._request.loader, found.settled(settings))
        # Of a long epoch the first batches are measured, and the answer is for the whole of it.
        whole = found.length if found.steps != found.length and not self._request.steps else None
        epoch = self._request.epoch or whole
        with HostBench(settings, found, epoch) as bench:
            self._search = Search(
                bench,
                self._budget,
                self._today,
                epoch,
                limit,
                self._progress,
                self._audits.unsafe,
                lambda cell: gain(cell, self._look.preparation(), self._costs.cores),
                self._costs.made,
                self._costs.starts,
                self._costs.take,
            )
            self._find(self._search)

    def _find(self, search: Search) -> None:
        """Search the best way, unless today's feeds the device safely."""
        search.begin()
        now = search.tried[self._today]
        if self._audits.unsafe(now):
            search.take_alone()
        if not self._audits.is_worth_it() or (is_fed(now, search.limit) and now in search.safe()):
            return
        search.screen(self._cells, self._takes_end())
        while self._audits.of_ways(search.best_two(), PAIRS_SHARE):
            continue
        search.compare(PAIRS_SHARE)

    def _takes_end(self) -> float:
        """Return the share of the budget at which takes end.

        They get half of what an audit leaves that the best of them may need; pairs get the rest. Where that audit has
        no time in any case, takes get all: they tell at least which way is worth more time.
        """
        audit = self._audits.expected(self._cells)
        fits = self._budget.fits(self._budget.of(audit) + self._costs.take, PAIRS_SHARE)
        return self._budget.halfway(PAIRS_SHARE - audit) if fits else PAIRS_SHARE

    def _settings(self) -> Settings:
        request = self._request
        base = Settings.from_environment()
        deadline = min(base.deadline_seconds, max(LEAST_DEADLINE, self._budget.of(DEADLINE_SHARE)))
        return dataclasses.replace(
            base,
            model=request.model or base.model,
            step_ms=request.step_ms,
            call=request.call,
            steps=self._request.steps,
            deadline_seconds=round(max(deadline, SPARE * self._costs.survey)),
        )
