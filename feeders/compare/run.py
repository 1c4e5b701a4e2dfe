"""Comparisons from the question to the evidence."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import random
import time
from typing import Any, Callable, Generator, Iterator, Mapping, Sequence

from feeders import variables
from feeders.errors import FeedersError
from feeders.measure import Settings, device
from feeders.measure.stack import describe_host
from feeders.releases.interpreters import interpreter

from .lanes import Lane
from .lockstep import Comparison, Sampling, Side
from .request import Question, Request
from .verdict import holm

# Of the layout of `evidence`.
SCHEMA = 1

# A text, and the share of what has to be measured at least that is measured.
Say = Callable[[str, float], None]


@contextlib.contextmanager
def lanes(release_a: str, release_b: str, say: Callable[[str], None]) -> Iterator[tuple[Lane, Lane]]:
    """Start an interpreter of each release; both end with the context.

    Two releases are compared as their stacks pin them: what is installed here may have another Python, or other
    packages than those of the release's day, and would be compared with them.

    Raises:
        FeedersError: a release can't be measured here.
    """
    first, second = (interpreter(release, say, pinned=release_a != release_b) for release in (release_a, release_b))
    say(f"importing TensorFlow: {release_a}, {release_b}")
    with Lane(first.python, first.variables) as a, Lane(second.python, second.variables) as b:
        one, other = (lane.stack.get("device") for lane in (a, b))
        if one != other:
            raise FeedersError(
                f"{release_a} trains on {one}, {release_b} on {other}; expected one device. "
                f"Try: {variables.DEVICE}={device.CPU} with the same command"
            )
        yield a, b


def compare(
    asked: Request,
    say: Say,
    *,
    maximum: int = 30,
    family: int | None = None,
    end: float | None = None,
    begun: Mapping[Question, Sequence[float]] | None = None,
) -> Generator[tuple[Question, Comparison], None, None]:
    """Answer the questions, a pair of each in turn, and yield after each pair what is known of its question.

    Takes that are forked from one process share its layout in memory and its hash seed, and are no independent samples
    of either. So the interpreters are started anew for every pair of a comparison.

    Args:
        asked: what to compare.
        say: is told what goes on, and the share that is done of what has to be.
        maximum: pairs of a comparison.
        family: comparisons that hold together; by default those that are asked for.
        end: no pair begins after it, by ``time.monotonic()``.
        begun: log-ratios that are there already.

    Yields:
        A question, and its pairs so far; the last one of a question tells all. Where the time ends, also those that
        have none.

    Raises:
        FeedersError: a release can't be measured here, or its interpreter dies.
    """
    settings, rng = Settings.from_environment(), random.Random()
    family = family or len(asked.questions)
    open_ = {
        question: Sampling(rng, maximum=maximum, family=family, begun=(begun or {}).get(question, ()))
        for question in asked.questions
    }
    measured = 0

    def tell(text: str) -> None:
        left = sum(sampling.left for sampling in open_.values())
        say(text, measured / max(1, measured + left))

    for number in itertools.count(1):
        with lanes(asked.release_a, asked.release_b, tell) as (a, b):
            for place, (question, sampling) in enumerate(open_.items(), 1):
                if end and time.monotonic() > end:
                    yield from ((question, sampling.comparison()) for question, sampling in open_.items())
                    return
                tell(f"round {number}, {place} of {len(open_)}: {question.name}, {sampling.progress}")
                sampling.measure(Side(a, question.a, settings), Side(b, question.b, settings))
                measured += 1
                yield question, sampling.comparison()
        open_ = {question: sampling for question, sampling in open_.items() if not sampling.ended}
        if not open_:
            return


def evidence(asked: Request, answers: dict[Question, Comparison]) -> dict[str, Any]:
    """Return all that was seen, as JSON keeps it; verdicts hold for the family of all questions.

    Args:
        asked: what was to be compared.
        answers: of the questions that were answered.
    """
    pairs = {question: [pair.log_ratio for pair in answers[question].pairs] for question in answers}
    unanswered = [question for question in asked.questions if question not in answers]
    verdicts = holm({**pairs, **{question: [] for question in unanswered}})
    return {
        "schema": SCHEMA,
        **{name: getattr(asked, name) for name in ("a", "b", "release_a", "release_b")},
        "settings": dataclasses.asdict(Settings.from_environment()),
        "host": describe_host(),
        "unanswered": [question.name for question in unanswered],
        "comparisons": [
            {
                "name": question.name,
                "a": dataclasses.asdict(question.a),
                "b": dataclasses.asdict(question.b),
                "verdict": dataclasses.asdict(verdicts[question]) if answer.verdict else None,
                "broken": [dataclasses.asdict(broken) for broken in answer.broken],
                "pairs": [dataclasses.asdict(pair) for pair in answer.pairs],
            }
            for question, answer in answers.items()
        ],
    }
