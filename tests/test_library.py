"""The commands as functions: `from feeders import audit, measure, compare`."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import metadata

import pytest

import feeders
from feeders import library
from feeders.audit import AuditRequest
from feeders.compare import show
from feeders.errors import FeedersError
from feeders.measure import Cell, Record
from tests.compare.made import HUNG, Bench


def in_new_interpreter(program):
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.split()


def test_importing_the_package_imports_nothing_heavy():
    program = "import feeders, sys; print(*(name for name in ('numpy', 'keras', 'tensorflow') if name in sys.modules))"
    assert in_new_interpreter(program) == []


@pytest.mark.parametrize(
    "first",
    [
        "from feeders import advise, audit, compare, measure",
        "import feeders; advise, audit, compare, measure = "
        "feeders.advise, feeders.audit, feeders.compare, feeders.measure",
        "from feeders.audit import AuditRequest; import feeders.measure\n"
        "from feeders import advise, audit, compare, measure",
    ],
)
def test_each_is_a_function_whatever_was_imported_before(first):
    """Folders of these names hold what the functions are made of; `feeders.audit.AuditRequest` is there as well."""
    shown = "print(*map(callable, (advise, audit, compare, measure)), feeders.audit.AuditRequest)"
    program = f"{first}\nimport feeders.audit\n{shown}"
    assert in_new_interpreter(program) == ["True"] * 4 + ["<class", "'feeders.audit.request.AuditRequest'>"]


def test_what_runs_inside_a_stack_needs_no_library_that_draws():
    program = (
        "import sys; sys.modules['rich'] = None\n"
        "import feeders.audit, feeders.loaders, feeders.measure, feeders.strategies, feeders.measure.turns"
    )
    assert in_new_interpreter(program) == []


def test_they_say_what_they_take():
    for name in ("advise", "audit", "compare", "measure"):
        assert inspect.signature(getattr(feeders, name)) == inspect.signature(getattr(library, name))


def test_the_pools_are_at_the_top_and_carry_a_loader():
    """Any object with a length and an index will do; no Keras is needed to look at what comes."""
    with feeders.LookaheadThreads([1, 2, 3], workers=2) as pool:
        assert [next(pool.batches()) for _ in range(1)] == [1]
    assert {feeders.LookaheadProcesses, feeders.PrefetchThread, feeders.QueueThreads}


def test_the_version_is_that_of_the_distribution():
    assert feeders.__version__ == metadata.version("keras-feeders")
    with pytest.raises(AttributeError, match="module 'feeders' has no attribute 'forecast'"):
        feeders.forecast  # noqa: B018


def test_measure_takes_the_cell_once(monkeypatch):
    done = []
    monkeypatch.setattr(library, "preload", lambda: done.append("preload"))
    monkeypatch.setattr(
        library, "take", lambda cell, settings: done.append((cell, settings)) or Record("a", "b", 1, "x")
    )
    assert feeders.measure("sequence", workers=4).outcome == "x"
    assert done == ["preload", (Cell("sequence", "jpeg", 4), None)]
    with pytest.raises(FeedersError, match=r"^seqence: not a feeder\."):
        feeders.measure("seqence")


def test_audit_takes_what_a_request_has(monkeypatch):
    monkeypatch.setattr(library, "_audit", lambda request: request)
    assert feeders.audit("mine.py:Mine", workers=2, seconds=5.0) == AuditRequest("mine.py:Mine", workers=2, seconds=5.0)


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setattr(show, "installed", lambda: None)
    return Bench(monkeypatch)


def test_compare_gives_a_verdict_for_each_name_and_its_text(bench):
    bench.answers = lambda a, b, name, number: 0.3 if "text" in name else 0.0
    found = feeders.compare("2.15.1", "2.16.2", cells=["sequence/text/1", "sequence/remote/1"])
    words = {name: comparison.verdict.word for name, comparison in found.by_name.items()}
    assert words == {"sequence/text/1": "slower", "sequence/remote/1": "same"}
    assert len(found.by_name["sequence/text/1"].pairs) == 10
    assert found.is_bad
    assert str(found).startswith("A: 2.15.1 (")
    assert found.to_json()["comparisons"][0]["verdict"]["word"] == "slower"


def test_a_side_that_breaks_has_no_verdict(bench):
    bench.answers = lambda *_: HUNG
    found = feeders.compare("sequence", "arrays", workloads=["text"], release="2.16.2")
    assert found.by_name["text"].verdict is None
    assert found.by_name["text"].broken[-1].outcome == "hung"
    assert found.is_bad
