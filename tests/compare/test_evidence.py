"""All that comparisons have shown: verdicts that hold together, and JSON that anyone can read."""

from __future__ import annotations

import json

import pytest

from feeders.compare.evidence import SCHEMA, evidence
from feeders.compare.run import compare
from feeders.compare.sampling import Comparison
from feeders.compare.verdict import LEVEL, judge_within_family
from tests.compare.made import HUNG, NAMES, Bench, asked, made, silent


@pytest.fixture
def bench(monkeypatch):
    return Bench(monkeypatch)


def evident(names, **answers):
    """Evidence of cells a, b, ..., those that are given compared with these log-ratios."""
    request = asked(*(f"{name}/text/1" for name in names))
    given = {f"{name}/text/1": value for name, value in answers.items()}
    seen = {}
    for cells in request.cell_pairs:
        if cells.name in given:
            pairs = tuple(made(value) for value in given[cells.name])
            seen[cells] = Comparison(pairs, (), judge_within_family(given[cells.name], len(names)), ended=True)
    return evidence(request, seen)


def words(shown):
    return [each.verdict.word for each in shown.comparisons.values()]


# Alone slower, but not among two: t is 3.5.
JUST = [0.06 + about for about in 5 * [0.0514, -0.0514]]


def test_verdicts_hold_for_the_family_of_all_cells_also_of_those_not_compared():
    """What was asked is the family; leaving one out must not make another one's alarm easier."""
    assert judge_within_family(JUST, 1).p == pytest.approx(0.0067, abs=2e-4)
    assert judge_within_family(JUST, 1).p < LEVEL
    assert words(evident("a", a=JUST)) == ["slower"]
    assert words(evident("ab", a=JUST)) == ["undecided"]
    clear = [0.3 + about for about in 5 * [0.01, -0.01]]
    assert words(evident("ab", a=JUST, b=clear)) == ["slower", "slower"]
    assert words(evident("abc", a=JUST, b=clear)) == ["undecided", "slower"]


def test_fewer_than_ten_pairs_are_never_called():
    clear = [0.3, 0.31] * 5
    assert [words(evident("a", a=clear[:count])) for count in (0, 1, 2, 9, 10)] == [
        *(4 * [["undecided"]]),
        ["slower"],
    ]


def test_evidence_is_json_that_anyone_can_read(bench):
    bench.answers = lambda a, b, name, number: HUNG if name == NAMES[0] else 0.3
    request = asked(*NAMES)
    answers = dict(compare(request, silent))
    del answers[request.cell_pairs[2]]
    found = json.loads(json.dumps(evidence(request, answers).to_json(), allow_nan=False))
    assert found["schema"] == SCHEMA
    assert (found["a"], found["release_a"], found["b"], found["release_b"]) == (2 * ("2.15.1",) + 2 * ("2.16.2",))
    assert found["unanswered"] == [NAMES[2]]
    first, second = found["comparisons"]
    assert (first["name"], first["verdict"], first["pairs"]) == (NAMES[0], None, [])
    assert first["broken"] == 2 * [{"side": "b", "outcome": "hung", "message": "no end after 60 s."}]
    assert second["a"] == {"feeder": "sequence", "workload": "remote", "workers": 1}
    assert (second["verdict"]["word"], second["verdict"]["pairs"], len(second["pairs"])) == ("slower", 10, 10)
    assert len(second["pairs"][0]["a"]["feeds"]) == 30
    assert found["settings"]["model"] == "light"
    assert found["host"]["cores"]
