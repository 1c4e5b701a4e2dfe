"""Advice: a loader is looked at, audited, carried by every safe feeder, and compared with how it is fed now."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Callable, Sequence

from feeders.audit import Audit, audit
from feeders.audit.request import AuditRequest
from feeders.errors import FeedersError
from feeders.loaders import INDEX
from feeders.loaders.opening import DATASET, SEQUENCE
from feeders.measure import METRICS, Cell, Settings, asked, preload
from feeders.measure.alone import measure_limit
from feeders.measure.cells import usable_cores
from feeders.measure.stack import describe_host, describe_stack, is_untouched
from feeders.measure.survey import Survey, survey

from .advice import Advice
from .answer import answer
from .bench import HostBench
from .budget import Budget
from .candidates import ONE, PROCESSES, THREADS, candidates, today, use_of
from .choice import is_fed
from .costs import Costs
from .evidence import Evidence, Tried, is_safe, unsafe_by_audit
from .look import DEADLINE_SECONDS, Look, look_at
from .request import AdviseRequest
from .search import LEAST_DEADLINE, SPARE, Search

# Of the budget: a sampled pass, and the ends of what is audited before anything is taken, of the takes, and of the
# pairs. Ending takes the rest.
PASS_SHARE, EARLY_SHARE, TAKES_SHARE, PAIRS_SHARE = 0.02, 0.35, 0.6, 0.97

# The same of an audit. With one reader there is no race to wait for.
AUDIT_SHARES = {ONE: 0.05, THREADS: 0.1, PROCESSES: 0.1}

# Seconds without which a loader is not looked at.
LEAST_LOOK = 1.0

# What takes less is not why a budget is too short.
WORTH_SAYING = 0.05

# Workers that an audit provokes races with, where the loader asks for none itself.
AUDIT_WORKERS = 4

# Of the budget: what may be used where a part takes longer than was foreseen; and what a fit has that may have hung.
OVER, DEADLINE_SHARE = 1.2, 0.25


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
        raise _too_few(request, [_of_import(imported)], imported + request.seconds)
    progress("looking at the loader", budget.share)
    look = look_at(request, max(0.5, PASS_SHARE * request.seconds), min(DEADLINE_SECONDS, round(budget.left)))
    budget.begin()
    course = _Course(request, budget, look, imported, progress)
    with contextlib.suppress(KeyboardInterrupt):
        course.run()
    evidence = course.evidence()
    if evidence.interrupted and not (evidence.used or evidence.tried):
        raise KeyboardInterrupt
    return Advice(evidence, answer(evidence))


def _too_few(request: AdviseRequest, reasons: Sequence[str], enough: float) -> FeedersError:
    """Return the error of a budget that no answer fits in."""
    return FeedersError(
        f"advise {request.loader}: {request.seconds:g} s are too few for it; {', and '.join(reasons)}. "
        f"Try: --seconds {round(enough, -2) + 100:.0f}"
    )


def _of_import(seconds: float) -> str:
    return f"the import of Keras took {METRICS.named('epoch').format(seconds)}"


class _Course:
    """One course of advice; what it has found so far is there at any time."""

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
        self._used: Audit | None = None
        self._audits: dict[str, Audit] = {}
        self._longest_audit = self._lacking = 0.0
        self._search: Search | None = None
        self._ended = False

    def evidence(self) -> Evidence:
        """Return what has been seen so far."""
        search = self._search
        return Evidence(
            request=self._request,
            look=self._look,
            today=self._today,
            used=self._used,
            audits=dict(self._audits),
            limit=search.limit if search else None,
            tried=tuple(search.tried.values()) if search else (),
            dropped=(*self._left_out, *(search.dropped if search else ())),
            duels=tuple(search.duels.values()) if search else (),
            interrupted=not self._ended,
            seconds=self._budget.used,
            lacking=self._lacking,
            stack=describe_stack(),
            host=describe_host(),
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
        self._audit_today()
        if isinstance(found, Survey):
            self._measure(settings, found)
        elif self._used is None or is_safe(self._used, use_of(self._today)):
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
        self._look = dataclasses.replace(self._look, steps=steps, repeats=found.reference.reproducible)
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
        speak = METRICS.named("epoch").format
        slow = ", ".join(f"{speak(value)} to {what}" for what, value in takes if value >= WORTH_SAYING)
        reasons = [*([f"it takes {slow}"] if slow else []), _of_import(costs.imported)]
        raise _too_few(self._request, reasons, self._budget.used + costs.survey + 4 * costs.take)

    def _measure(self, settings: Settings, found: Survey) -> None:
        self._progress("measuring the limit", self._budget.share)
        limit = None
        if self._budget.fits(self._costs.limit + self._costs.take, TAKES_SHARE):
            limit = measure_limit(self._request.loader, found.settled(settings))
        # Of a long epoch the first batches are measured, and the answer is for the whole of it.
        whole = found.length if found.steps != found.length and not self._request.steps else None
        epoch = self._request.epoch or whole
        with HostBench(settings, found, epoch) as bench:
            search = Search(
                bench,
                self._budget,
                self._today,
                epoch,
                limit,
                self._progress,
                self._unsafe,
                self._costs.made,
                self._costs.starts,
                self._costs.take,
            )
            self._search = search
            search.begin()
            now = search.tried[self._today]
            if self._unsafe(now):
                search.take_alone()
            if self._is_worth_it() and not (is_fed(now, limit) and now in search.safe()):
                # Where audits took long, half of what is left is for takes.
                search.screen(self._cells, max(TAKES_SHARE, self._budget.halfway(PAIRS_SHARE)))
                while self._audit_best(search):
                    continue
                search.compare(PAIRS_SHARE)

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

    def _unsafe(self, tried: Tried) -> str:
        return tried.fault or unsafe_by_audit(tried.cell, self._audits)

    # Audits.

    def _audit_today(self) -> None:
        """Audit how it is used now, and how else it could be used where there is time; the best are audited later."""
        use = use_of(self._today)
        self._used = self._audit(use, self._today.workers, PAIRS_SHARE)
        if use != ONE and self._used and not is_safe(self._used, use):
            self._audit(ONE, 1, PAIRS_SHARE)
        if THREADS not in self._audits and self._look.kind == SEQUENCE and self._is_worth_it():
            self._audit(THREADS, AUDIT_WORKERS, EARLY_SHARE)

    def _is_worth_it(self) -> bool:
        """Whether one reader is safe: what goes wrong with one goes wrong with several."""
        one = self._audits.get(ONE)
        return one is None or is_safe(one, ONE)

    def _audit(self, use: str, workers: int, until: float) -> Audit | None:
        """Audit a way of reading, if it ends before a share of the budget; one that is slowly made takes it longer."""
        seconds = max(5.0, self._budget.of(AUDIT_SHARES[use]))
        request = AuditRequest(
            self._request.loader,
            workers=workers,  # Keras 2 would pull a generator by several threads, which is not asked here
            processes=use == PROCESSES and self._look.kind == SEQUENCE,
            call=self._request.call,
            steps=self._request.steps,
            key=self._request.key,
            seconds=seconds,
        )
        request = self._costs.shortened(request)
        needed = max(self._costs.audit(request), self._longest_audit)
        reserved = 0.0 if self._search else self._costs.take  # without today's speed there is no answer
        if not self._budget.fits(needed + reserved, until):
            self._lacking = max(self._lacking, needed)
            return None
        before = self._budget.used
        self._progress(f"auditing it with {_readers(use, workers)}", self._budget.share)
        found = audit(request)
        self._longest_audit = max(self._longest_audit, self._budget.used - before)
        self._audits[use] = found
        return found

    def _audit_best(self, search: Search) -> bool:
        """Audit how the best two read the loader, if that has not been done; whether one was."""
        best = search.best()
        rivals: Sequence[Cell | None] = (best, search.second(best) if best else None)
        for cell in rivals:
            if cell and use_of(cell) not in self._audits:
                return self._audit(use_of(cell), max(AUDIT_WORKERS, cell.workers), PAIRS_SHARE) is not None
        return False


def _readers(use: str, workers: int) -> str:
    return use if use == ONE else f"{workers} {use}"
