"""What a call of `compare` asks for, and what is said where it makes no sense."""

from __future__ import annotations

import pytest

from feeders.compare import request as asking
from feeders.compare.request import choose, name_of, parse_request
from feeders.errors import FeedersError
from feeders.measure import Cell, profile
from feeders.releases import interpreters
from feeders.releases.catalogue import Release
from feeders.releases.installed import NONE_INSTALLED
from feeders.releases.stacks import stacks

HERE = Release("n261120", "2026-11-20", "nightly builds")

HISTORY = [name_of(cell) for cell in profile("history").cells]


@pytest.fixture
def here(monkeypatch):
    """Say which release is installed; a nightly build, unless another one is named."""

    def here(release):
        for module in (asking, interpreters):
            monkeypatch.setattr(module, "installed", lambda: release)

    here(HERE)
    return here


@pytest.fixture(autouse=True)
def _installed(here):
    """What the interpreter of the tests holds plays no part."""


def ask(a, b, cells=(), workloads=(), release=None):
    return parse_request(a, b, cells, workloads, release)


def names(asked):
    return [question.name for question in asked.cell_pairs]


def test_two_releases_are_compared_on_the_cells_that_tell_releases_apart():
    asked = ask("2.15.1", "2.16.2")
    assert (asked.a, asked.b, asked.release_a, asked.release_b) == ("2.15.1", "2.16.2", "2.15.1", "2.16.2")
    assert names(asked) == HISTORY
    assert all(question.a == question.b and name_of(question.a) == question.name for question in asked.cell_pairs)


def test_the_installed_release_needs_no_stack():
    """A nightly build that nobody has resolved is a side like any other."""
    assert HERE.id not in stacks()
    assert ask("2.16.2", HERE.id, ["sequence/text/1"]).release_b == HERE.id


def test_a_release_against_itself_is_a_question_too():
    """It shows what the machine makes of nothing."""
    assert names(ask("2.16.2", "2.16.2", ["sequence/text/1"])) == ["sequence/text/1"]


def test_two_feeders_are_compared_on_workloads_of_the_installed_release():
    asked = ask("sequence", "tfdata-map:8", workloads=["text", "remote"])
    assert (asked.a, asked.b, asked.release_a, asked.release_b) == ("sequence", "tfdata-map:8", HERE.id, HERE.id)
    assert names(asked) == ["text", "remote"]
    assert [(question.a, question.b) for question in asked.cell_pairs] == [
        (Cell("sequence", load, 1), Cell("tfdata-map", load, 8)) for load in ("text", "remote")
    ]


def test_two_numbers_of_workers_of_one_feeder_are_two_sides():
    (question,) = ask("sequence:1", "sequence:4").cell_pairs
    assert (question.a.workers, question.b.workers) == (1, 4)


def test_feeders_are_compared_on_photographs_by_default():
    assert names(ask("sequence", "arrays")) == ["jpeg"]


def test_a_workload_named_twice_is_one_question():
    """Two equal questions would count twice in the family and be answered once."""
    assert names(ask("sequence", "arrays", workloads=["text", "remote", "text"])) == ["text", "remote"]


def test_a_release_can_be_chosen_for_feeders(here):
    here(None)
    asked = ask("sequence", "arrays", release="2.16.2")
    assert (asked.release_a, asked.release_b) == ("2.16.2", "2.16.2")


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ([], HISTORY),
        (["sequence/text/4"], ["sequence/text/4"]),
        (["sequence/*/4"], ["sequence/text/4", "sequence/remote/4"]),
        (["tfdata-*/remote/*"], ["tfdata-map/remote/4", "tfdata-interleave/remote/4"]),
        (["sequence/remote/4", "sequence/*/4"], ["sequence/remote/4", "sequence/text/4"]),
        (["tfdata-map/jpeg/8"], ["tfdata-map/jpeg/8"]),
    ],
    ids=["none", "a name", "a pattern", "two signs", "once each", "not in the profile"],
)
def test_cells_are_chosen_by_name_or_pattern(patterns, expected):
    """Patterns stand for cells that tell releases apart; a whole name may be any cell."""
    assert [name_of(cell) for cell in choose(patterns)] == expected


NO_CELL = (
    "--cells {}: stands for no cell; expected names like resident/text/1, or a pattern of those that tell releases "
    f"apart: {', '.join(HISTORY)}"
)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            {"b": "2.16.2", "a": "sequence"},
            "compare sequence 2.16.2: 2.16.2 is a release, sequence is none that can be measured here. "
            "Try: two of feeders releases, or two feeders",
        ),
        (
            {"a": "2.15.1", "b": "sequence"},
            "compare 2.15.1 sequence: 2.15.1 is a release, sequence is none that can be measured here. "
            "Try: two of feeders releases, or two feeders",
        ),
        (
            {"a": "2.15.1", "b": "2.16.2", "workloads": ["text"]},
            "compare 2.15.1 2.16.2: two releases are compared on cells. Try: --cells 'sequence/*/4'",
        ),
        (
            {"a": "2.15.1", "b": "2.16.2", "release": "2.16.2"},
            "compare 2.15.1 2.16.2: two releases are compared on cells. Try: --cells 'sequence/*/4'",
        ),
        (
            {"a": "sequence", "b": "arrays", "cells": ["sequence/text/1"]},
            "compare sequence arrays: two feeders are compared on workloads. Try: --workload text,remote",
        ),
        (
            {"a": "sequence", "b": "seqence"},
            "seqence: not a feeder. Nearest: sequence, sequence-lock, sequence-processes. Try: feeders list",
        ),
        (
            {"a": "sequence", "b": "arrays", "workloads": ["jepg"]},
            "jepg: not a workload. Nearest: jpeg. Try: feeders list",
        ),
        (
            {"a": "sequence:four", "b": "arrays"},
            "compare sequence:four: 'four' workers; expected FEEDER or FEEDER:WORKERS, like sequence:4",
        ),
        (
            {"a": "sequence:²", "b": "arrays"},
            "compare sequence:²: '²' workers; expected FEEDER or FEEDER:WORKERS, like sequence:4",
        ),
        (
            {"a": "sequence:0", "b": "arrays"},
            "compare sequence:0: '0' workers; expected FEEDER or FEEDER:WORKERS, like sequence:4",
        ),
        ({"a": "2.15.1", "b": "2.16.2", "cells": ["sequence/jpeg"]}, NO_CELL.format("sequence/jpeg")),
        ({"a": "2.15.1", "b": "2.16.2", "cells": ["nothing-*/*/4"]}, NO_CELL.format("nothing-*/*/4")),
        ({"a": "2.15.1", "b": "2.16.2", "cells": ["seq*/jpeg/8"]}, NO_CELL.format("seq*/jpeg/8")),
        ({"a": "2.15.1", "b": "2.16.2", "cells": ["sequence/jpeg/²"]}, NO_CELL.format("sequence/jpeg/²")),
        (
            {"a": "2.15.1", "b": "2.16.2", "cells": ["seqence/text/1"]},
            "seqence: not a feeder. Nearest: sequence, sequence-lock, sequence-processes. Try: feeders list",
        ),
        (
            {"a": "2.15.1", "b": "2.16.2", "cells": ["sequence/text/0"]},
            "sequence on text, workers 0: 0 workers; expected 1 or more. Try: 1, 2, 4 or 8",
        ),
    ],
)
def test_what_makes_no_sense_is_said(call, text):
    with pytest.raises(FeedersError) as error:
        ask(**call)
    assert str(error.value) == text


@pytest.mark.parametrize("call", [("2.15.0", "2.16.2"), ("2.16.2", "2.15.0"), ("2.15.0", "sequence")])
def test_a_release_without_a_stack_is_not_taken_for_a_feeder(call):
    """It is one of the catalogue's, so it can be added."""
    assert "2.15.0" not in stacks()
    with pytest.raises(FeedersError) as error:
        ask(*call)
    said = "2.15.0 is a release without a stack. Try: feeders releases add 2.15.0"
    assert str(error.value) == f"compare {' '.join(call)}: {said}"


def test_feeders_without_a_release_need_tensorflow(here):
    here(None)
    with pytest.raises(FeedersError) as error:
        ask("sequence", "arrays")
    assert str(error.value) == f"compare sequence arrays: {NONE_INSTALLED}. Try: --release 2.21.0"
