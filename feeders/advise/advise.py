"""Advice: a loader is looked at, audited, carried by every safe feeder, and compared with how it is fed now."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Callable, Sequence

from feeders.audit import Audit, audit
from feeders.errors import FeedersError
from feeders.loaders import INDEX
from feeders.measure import Cell, Settings, asked, preload
from feeders.measure.alone import measure_limit
from feeders.measure.cells import usable_cores
from feeders.measure.stack import describe_host, describe_stack, is_untouched
from feeders.measure.survey import Survey, survey

from .advice import Advice
from .answer import answer, is_fed
from .bench import HostBench
from .candidates import ONE, PROCESSES, THREADS, candidates, today, use_of
from .evidence import Evidence, Tried, is_safe, unsafe_by_audit
from .look import Look, look_at
from .request import AdviseRequest
from .search import Budget, Search

# Of the budget: a sampled pass, and the ends of what is audited before anything is taken, of the takes, and of the
# pairs. Ending takes the rest.
PASS_SHARE, EARLY_SHARE, TAKES_SHARE, PAIRS_SHARE = 0.02, 0.35, 0.6, 0.97

# The same of an audit. With one reader there is no race to wait for.
AUDIT_SHARES = {ONE: 0.05, THREADS: 0.1, PROCESSES: 0.1}

# Workers that an audit provokes races with, where the loader asks for none itself.
AUDIT_WORKERS = 4

# Processes of an audit that make the loader before it counts its budget, and of a limit.
MADE_BY_AUDIT, MADE_BY_LIMIT = 6, 3


def advise(loader: str | AdviseRequest, progress: Callable[[str, float], None] = lambda text, share: None) -> Advice:
    """Say how a loader is best carried on this host: safe, near its limit, with the lines to copy.

    All code of the loader and of the model runs in watched child processes.

    Args:
        loader: FILE.py:NAME or package.module:NAME; or a whole request.
        progress: told what goes on, and the share of the budget that is used.

    Raises:
        FeedersError: the call is wrong, the backend of Keras is missing or has computed here already, or the loader
            can't be opened.
    """
    request = (loader if isinstance(loader, AdviseRequest) else AdviseRequest(loader)).checked()
    budget = Budget(request.seconds)
    preload()
    if not is_untouched():
        raise FeedersError(
            "advise: this process has trained or computed already, and what is forked from it would hang; expected one "
            "that has only imported Keras. Try: feeders advise in a terminal"
        )
    progress("looking at the loader", budget.share)
    look = look_at(request, max(0.5, PASS_SHARE * request.seconds))
    budget.begin()
    course = _Course(request, budget, look, progress)
    with contextlib.suppress(KeyboardInterrupt):
        course.run()
    evidence = course.evidence()
    return Advice(evidence, answer(evidence))


class _Course:
    """One course of advice; what it has found so far is there at any time."""

    def __init__(
        self, request: AdviseRequest, budget: Budget, look: Look, progress: Callable[[str, float], None]
    ) -> None:
        self._request, self._budget, self._look, self._progress = request, budget, look, progress
        self._cells, self._left_out = candidates(request, look, usable_cores())
        self._today = today(request, look)
        self._used: Audit | None = None
        self._audits: dict[str, Audit] = {}
        self._longest_audit = 0.0
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
            stack=describe_stack(),
            host=describe_host(),
        )

    def run(self) -> None:
        """Audit, measure and compare, until it is decided or the budget is used.

        Raises:
            FeedersError: the model does not take the batches; or the loader breaks, and the audit did not say so.
        """
        settings = self._settings()
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
        self._look = dataclasses.replace(
            self._look, steps=found.length or found.steps, repeats=found.reference.reproducible
        )
        return found

    def _measure(self, settings: Settings, found: Survey) -> None:
        self._progress("measuring the limit", self._budget.share)
        limit = None
        if self._budget.fits(MADE_BY_LIMIT * self._look.seconds, TAKES_SHARE):
            limit = measure_limit(self._request.loader, found.settled(settings))
        # Of a long epoch the first batches are measured, and the answer is for the whole of it.
        whole = found.length if found.steps != found.length else None
        epoch = self._request.epoch or whole
        with HostBench(settings, found, epoch) as bench:
            search = Search(
                bench, self._budget, self._today, epoch, limit, self._progress, self._unsafe, self._look.seconds
            )
            self._search = search
            search.begin()
            if self._unsafe(search.tried[self._today]):
                search.take_alone()
            if self._is_worth_it() and not is_fed(search.tried[self._today], limit):
                search.screen(self._cells, TAKES_SHARE)
                while self._audit_best(search):
                    continue
                search.compare(PAIRS_SHARE)

    def _settings(self) -> Settings:
        request = self._request
        base = Settings.from_environment()
        return dataclasses.replace(
            base,
            model=request.model or base.model,
            step_ms=request.step_ms,
            call=request.call,
            steps=self._request.steps,
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
        if THREADS not in self._audits and INDEX in self._look.offers and self._is_worth_it():
            self._audit(THREADS, AUDIT_WORKERS, EARLY_SHARE)

    def _is_worth_it(self) -> bool:
        """Whether one reader is safe: what goes wrong with one goes wrong with several."""
        one = self._audits.get(ONE)
        return one is None or is_safe(one, ONE)

    def _audit(self, use: str, workers: int, until: float) -> Audit | None:
        """Audit a way of reading, if it ends before a share of the budget; one that is slowly made takes it longer."""
        seconds = max(5.0, self._budget.of(AUDIT_SHARES[use]))
        needed = max(seconds + MADE_BY_AUDIT * self._look.seconds, self._longest_audit)
        if not self._budget.fits(needed, until):
            return None
        before = self._budget.used
        self._progress(f"auditing it with {_readers(use, workers)}", self._budget.share)
        found = audit(
            self._request.loader,
            workers=workers if self._look.kind == "sequence" else None,
            processes=use == PROCESSES and self._look.kind == "sequence",
            call=self._request.call,
            steps=self._request.steps,
            key=self._request.key,
            seconds=seconds,
        )
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
