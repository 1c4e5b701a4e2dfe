"""The order in which cells are compared, and what is left of them when something ends it early."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import pytest

from feeders.compare import run
from feeders.compare.request import CellPair, ComparisonRequest
from feeders.compare.run import compare, lockstep_processes
from feeders.compare.verdict import judge_within_family
from feeders.errors import FeedersError
from feeders.measure import Cell
from feeders.results.changes import BrokenPair
from tests.compare.made import HUNG, NAMES, WILD, Bench, asked, silent


@pytest.fixture
def bench(monkeypatch):
    return Bench(monkeypatch)


def wild(a, b, name, number):
    return WILD if number % 2 else -WILD


def answered(names, **settings):
    return {cells.name: seen for cells, seen in compare(asked(*names), silent, **settings)}


def test_interpreters_are_started_anew_for_every_pair_of_a_comparison(bench):
    """Takes that are forked from one process share what makes it faster or slower than its like."""
    seen = answered(NAMES)
    one_round = [("start", "2.15.1", "2.16.2"), *(("pair", name) for name in NAMES), ("end",)]
    assert bench.events == 10 * one_round
    assert [a.process.round for a, _ in bench.sides] == [number for number in range(1, 11) for _ in NAMES]
    assert {name: (each.verdict.word, len(each.pairs)) for name, each in seen.items()} == dict.fromkeys(
        NAMES, ("same", 10)
    )


def test_each_side_runs_its_own_cell_on_its_own_release(bench):
    cells = CellPair("text", Cell("arrays", "text", 1), Cell("sequence", "text", 4))
    next(compare(ComparisonRequest("arrays", "sequence:4", "2.15.1", "2.16.2", (cells,)), silent))
    a, b = bench.sides[0]
    assert (a.process.release, a.cell) == ("2.15.1", cells.a)
    assert (b.process.release, b.cell) == ("2.16.2", cells.b)


def test_cells_that_are_decided_is_left_out_of_later_rounds(bench):
    bench.answers = lambda *key: wild(*key) if key[2] == NAMES[1] else 0.3
    assert answered(NAMES)[NAMES[1]].verdict.word == "undecided"
    assert bench.events[50:] == 20 * [("start", "2.15.1", "2.16.2"), ("pair", NAMES[1]), ("end",)]


def test_each_pair_is_yielded_before_the_next_one_begins(bench):
    """Whatever ends it, a crash too, the pairs of an hour are with the caller."""
    for number, (cells, seen) in enumerate(compare(asked(*NAMES[:2]), silent)):
        assert len(bench.sides) == number + 1
        assert (cells.name, len(seen.pairs)) == (NAMES[number % 2], number // 2 + 1)
        assert seen.ended is (len(seen.pairs) == 10)
    assert number == 19


def test_the_maximum_of_pairs_is_kept(bench):
    bench.answers = wild
    assert {name: len(seen.pairs) for name, seen in answered(NAMES, maximum=12).items()} == dict.fromkeys(NAMES, 12)


@pytest.mark.parametrize(("family", "pairs"), [(None, 10), (40, 15)])
def test_a_verdict_ends_a_comparison_where_it_holds_in_the_family(bench, family, pairs):
    """The family is by default as large as what is asked; `regressions` names a larger one."""
    steps = [0.023, 0.063]  # of one comparison ten such pairs are enough, of forty they are not

    def just(a, b, name, number):
        return steps[number // 2 % 2]

    bench.answers = just
    (seen,) = answered(NAMES[:1], family=family).values()
    assert (seen.verdict.word, len(seen.pairs)) == ("slower", pairs)
    ten = [pair.log_ratio for pair in seen.pairs[:10]]
    assert [judge_within_family(ten, size).word for size in (1, 40)] == ["slower", "undecided"]


def test_a_family_is_as_large_as_what_is_asked(bench, monkeypatch):
    sizes = []
    monkeypatch.setattr(run, "Sampling", lambda rng, *, maximum, family, begun: sizes.append(family) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        answered(NAMES)
    assert sizes == [len(NAMES)]


@pytest.mark.parametrize(
    ("broken", "pairs"),
    [(HUNG, 2), (BrokenPair("a", "unsupported", "it can't"), 1)],
    ids=["tried once more", "an answer"],
)
def test_a_side_that_breaks_ends_its_own_comparison_alone(bench, broken, pairs):
    bench.answers = lambda a, b, name, number: broken if name == NAMES[0] else 0.3
    seen = answered(NAMES)
    assert list(seen) == list(NAMES)
    assert (seen[NAMES[0]].broken, seen[NAMES[0]].verdict) == (pairs * (broken,), None)
    assert [bench.pairs_of(name) for name in NAMES] == [pairs, 10, 10]
    assert [seen[name].verdict.word for name in NAMES[1:]] == ["slower", "slower"]


def test_no_pair_begins_after_the_budget(bench, monkeypatch):
    """A pair takes a second here, and the fifth ends the budget: the second round is not whole."""
    monkeypatch.setattr(run, "time", SimpleNamespace(monotonic=lambda: float(len(bench.sides))))
    bench.answers = lambda a, b, name, number: HUNG if name == NAMES[2] else 0.3
    seen = answered(NAMES, end=4.5)
    assert {name: (len(each.pairs), each.broken) for name, each in seen.items()} == {
        NAMES[0]: (2, ()),
        NAMES[1]: (2, ()),
        NAMES[2]: (0, (HUNG,)),
    }
    assert {(each.verdict.word, each.ended) for each in seen.values()} == {("undecided", False)}
    assert bench.events[-1] == ("end",)


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), FeedersError("python: ended with status -9")])
def test_what_ends_it_ends_the_interpreters(bench, stop):
    bench.answers = lambda a, b, name, number: stop if (name, number) == (NAMES[1], 1) else 0.3
    with pytest.raises(type(stop)) as ended:
        answered(NAMES)
    assert ended.value is stop
    assert bench.events[-1] == ("end",)


def test_progress_names_round_place_and_cell(bench):
    said = []
    bench.answers = lambda a, b, name, number: HUNG if name == NAMES[0] else 0.3
    for _ in compare(asked(*NAMES[:2]), lambda text, share: said.append(text)):
        pass
    assert said[:3] == [
        "round 1, 1 of 2: sequence/text/1, pair 1 of 10 to 30",
        "round 1, 2 of 2: sequence/remote/1, pair 1 of 10 to 30",
        "round 2, 1 of 2: sequence/text/1, pair 1 of 10 to 30",
    ]
    assert said[-1] == "round 10, 1 of 1: sequence/remote/1, pair 10 of 10 to 30"


def test_progress_tells_the_share_of_the_pairs_that_it_takes_at_least(bench):
    """Ten of each comparison; five more, at each look, of the one that stays undecided."""
    shares = []
    bench.answers = lambda *key: wild(*key) if key[2] == NAMES[1] else 0.3
    for _ in compare(asked(*NAMES[:2]), lambda text, share: shares.append(share), maximum=17):
        pass
    assert shares == pytest.approx([*(k / 20 for k in range(20)), *(k / 25 for k in range(20, 25)), 25 / 27, 26 / 27])


def test_a_model_that_is_unknown_is_said_before_anything_starts(bench, monkeypatch):
    monkeypatch.setenv("FEEDERS_MODEL", "huge")
    with pytest.raises(FeedersError, match=r"^huge: not a value of FEEDERS_MODEL\. Known: light, real, "):
        answered(NAMES)
    assert not bench.events


def test_a_release_that_can_not_be_measured_starts_no_interpreter(monkeypatch):
    monkeypatch.setattr(run, "LockstepProcess", lambda *_: pytest.fail("it was started"))
    with pytest.raises(FeedersError, match=r"^0\.1: a release that can't be measured here; "), lockstep_processes(
        "0.1", "0.1", silent
    ):
        pass


@pytest.fixture
def held(monkeypatch):
    """Interpreters that start nothing, each on the device that is given for its release; return what was started."""
    started = []

    class Held:
        def __init__(self, python, variables):
            self.given, self.stack = (python, variables), {"device": variables["X"]}

        def __enter__(self):
            started.append(self.given)
            return self

        def __exit__(self, *_):
            started.append("end")

    def held(**devices):
        monkeypatch.setattr(run, "LockstepProcess", Held)
        chosen = {release.replace("r", "").replace("_", "."): device for release, device in devices.items()}

        def interpreter(release, say, pinned, packages):
            return SimpleNamespace(python=f"{release}{', pinned' * pinned}", variables={"X": chosen[release]})

        monkeypatch.setattr(run, "interpreter", interpreter)
        return started

    return held


def test_processes_of_a_stack_get_its_interpreter_and_variables(held):
    """What is set for the running interpreter, or installed in it, is not meant for that of another release."""
    started = held(r2_15_1="cpu", r2_16_2="cpu")
    said = []
    with lockstep_processes("2.15.1", "2.16.2", said.append):
        assert started == [("2.15.1, pinned", {"X": "cpu"}), ("2.16.2, pinned", {"X": "cpu"})]
    assert started[2:] == ["end", "end"]
    assert said == ["importing TensorFlow: 2.15.1, 2.16.2"]


def test_the_sides_of_one_release_are_compared_as_it_is_installed(held):
    started = held(r2_15_1="cpu")
    with lockstep_processes("2.15.1", "2.15.1", silent):
        assert started == 2 * [("2.15.1", {"X": "cpu"})]


def test_a_gpu_is_not_compared_with_a_cpu(held):
    started = held(r2_15_1="cpu", r2_16_2="gpu")
    with pytest.raises(FeedersError) as error, lockstep_processes("2.15.1", "2.16.2", print):
        pass
    assert str(error.value) == (
        "2.15.1 trains on cpu, 2.16.2 on gpu; expected one device. Try: FEEDERS_DEVICE=cpu with the same command"
    )
    assert started[2:] == ["end", "end"]


def test_what_the_study_of_a_history_puts_in_the_place_of_interpreters_takes_what_they_are_given():
    """It makes takes for hours before it compares."""
    pytest.importorskip("asv")
    from studies import calibrate_history

    given = inspect.signature(lockstep_processes).parameters
    inspect.signature(calibrate_history.lockstep_processes).bind("stack", *given)
