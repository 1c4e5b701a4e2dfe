"""What releases changed: only what fresh pairs confirm, kept, and told so that a person can act on it."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import re
from types import SimpleNamespace

import pytest

from feeders.compare import confirm as confirm_module
from feeders.compare.confirm import INSIDE_EPOCHS, MAXIMUM, WHOLE_EPOCHS, confirm
from feeders.compare.history import Suspected, Turned, by_cell, screen
from feeders.compare.regressions import findings_text, has_regression, unmeasured
from feeders.compare.request import name_of
from feeders.compare.screen import Suspect
from feeders.compare.show import what_changed
from feeders.errors import FeedersError
from feeders.measure import Cell, Record
from feeders.releases.catalogue import age
from feeders.releases.stacks import stacks
from feeders.results.changes import BrokenPair, PairNumbers, ReleaseFinding, merged
from tests.compare.made import ABOUT as ABOUT_PAIR
from tests.compare.made import HUNG, WILD, Bench, made
from tests.results.made import a_finding

# The sixteen newest releases with a stack, in the order of their dates.
RELEASES = sorted(stacks(), key=age)[-16:]
OLD, OLDER, BEFORE, NEWEST = RELEASES[4], RELEASES[5], RELEASES[-2], RELEASES[-1]

TEXT, REMOTE = Cell("sequence", "text", 1), Cell("sequence", "remote", 1)

STEP = math.log(1.15)

# The takes of a release about its level, in logs.
ABOUT = (-0.04, -0.02, 0.0, 0.02, 0.04)


def recorded(cell, levels):
    """Five takes of each release about its level, in five rounds that all releases are in."""
    return {
        release: [
            Record(
                cell.feeder,
                cell.workload,
                cell.workers,
                "measured",
                epochs=(9.0, *3 * (math.exp(level + ABOUT[(index + number) % len(ABOUT)]),)),
                run="r",
                round=number,
            )
            for number in range(len(ABOUT))
        ]
        for index, (release, level) in enumerate(zip(RELEASES, levels))
    }


def uneven():
    """Levels that go up and down by one per cent."""
    return [0.01 if index % 2 else -0.01 for index in range(16)]


def suspected(cell=TEXT, before=BEFORE, after=NEWEST, step=STEP, by="newest"):
    return Suspected(cell, Suspect(before, after, step, by))


@pytest.fixture
def bench(monkeypatch):
    return Bench(monkeypatch)


def silent(*said):
    pass


def confirmed(*suspects, known=(), tell=silent, budget=None):
    """What is known of each suspect in the end."""
    return merged([], list(confirm(suspects, known, silent, tell, budget)))


def interrupted(*suspects):
    """What is known of each suspect when Ctrl-C ends it."""
    found = []
    with pytest.raises(KeyboardInterrupt):
        for each in confirm(suspects, [], silent, silent):
            found = merged(found, [each])
    return found


def test_a_step_in_the_newest_release_is_confirmed_and_nothing_else_is(bench):
    """From takes to the table: sixteen releases, the newest 15 % slower in one cell of two, as its pairs say."""
    stepped = uneven()
    stepped[-1] += STEP
    takes = {release: [] for release in RELEASES}
    for cell, levels in ((TEXT, stepped), (REMOTE, uneven())):
        for release, records in recorded(cell, levels).items():
            takes[release] += records
    suspects = screen(by_cell(takes))
    bench.answers = lambda a, b, name, number: STEP if b == NEWEST else 0.0
    (found,) = confirmed(*suspects)
    assert (found.cell, found.before, found.after) == ("sequence/text/1", BEFORE, NEWEST)
    assert (found.confirmed, found.verdict.word, found.verdict.pairs) == (True, "slower", 10)
    assert found.verdict.ratio == pytest.approx(1.15)
    assert bench.compared == {(BEFORE, NEWEST)}
    assert has_regression([found], [])
    assert findings_text([found], [], []).splitlines()[0] == f"{NEWEST} (after {BEFORE}): slower in 1 cell"


def test_what_pairs_do_not_confirm_is_told_and_is_no_alarm(bench):
    """Two sessions on a machine that changed in between look like a step; the pairs say that it is none."""
    (found,) = confirmed(suspected())
    assert (found.confirmed, found.verdict.word) == (False, "same")
    assert not has_regression([found], [])
    assert findings_text([found], [], []) == (
        "No change was confirmed.\n\n"
        "Suspects, not confirmed (no alarm):\n"
        f"  {BEFORE} -> {NEWEST}  sequence/text/1  +15 % in the history  pairs: same within 1.1 %, 1.000 [0.989, 1.011]"
    )


@pytest.mark.parametrize(
    ("step", "pairs", "confirms", "bad"),
    [(STEP, 0.1, True, True), (STEP, -0.1, False, False), (-STEP, -0.1, True, False), (-STEP, 0.1, False, False)],
)
def test_pairs_have_to_point_where_the_history_points(bench, step, pairs, confirms, bad):
    """Faster is confirmed as slower is, and is no alarm."""
    bench.answers = lambda a, b, name, number: pairs
    (found,) = confirmed(suspected(step=step))
    assert found.confirmed is confirms
    assert has_regression([found], []) is bad


def test_a_side_that_breaks_is_a_finding_without_a_verdict(bench):
    bench.answers = lambda a, b, name, number: HUNG
    (found,) = confirmed(suspected())
    assert (found.confirmed, found.verdict) == (False, None)
    assert found.broken == 2 * (HUNG,)
    assert findings_text([found], [], []).endswith("+15 % in the history  B hung")


def test_suspects_of_the_same_releases_are_compared_in_the_same_rounds(bench):
    """Interpreters are dear: they are started once a round for all cells of a transition."""
    suspects = [suspected(), suspected(TEXT, OLD, OLDER), suspected(REMOTE)]
    found = confirmed(*suspects)
    assert {(each.cell, each.after) for each in found} == {
        ("sequence/text/1", NEWEST),
        ("sequence/remote/1", NEWEST),
        ("sequence/text/1", OLDER),
    }
    together = [("start", BEFORE, NEWEST), ("pair", "sequence/text/1"), ("pair", "sequence/remote/1"), ("end",)]
    alone = [("start", OLD, OLDER), ("pair", "sequence/text/1"), ("end",)]
    assert bench.events in (10 * together + 10 * alone, 10 * alone + 10 * together)


def test_the_family_is_all_suspects_known_ones_too(monkeypatch):
    asked = []
    monkeypatch.setattr(confirm_module, "compare", lambda *_, **settings: asked.append(settings) or iter(()))
    known = dataclasses.replace(a_finding(), before=BEFORE, after=NEWEST)
    confirmed(suspected(), suspected(REMOTE), suspected(TEXT, OLD, OLDER), known=[known])
    assert [(each["family"], each["maximum"]) for each in asked] == 2 * [(6, MAXIMUM)]


def test_what_is_known_is_not_measured_again(bench):
    """A finding is dear; one of other releases, or of another cell, is another one."""
    bench.answers = lambda a, b, name, number: STEP
    known = confirmed(suspected())
    bench.events.clear()
    found = confirmed(suspected(REMOTE), suspected(), suspected(TEXT, OLD, NEWEST), known=known)
    assert found[0] == known[0]
    assert len(found) == 3
    assert bench.compared == {(BEFORE, NEWEST), (OLD, NEWEST)}
    assert bench.pairs_of("sequence/text/1") == bench.pairs_of("sequence/remote/1") == 10


def test_twenty_pairs_that_leave_it_open_are_a_finding_too(bench):
    bench.answers = lambda a, b, name, number: WILD if number % 2 else -WILD
    (found,) = confirmed(suspected())
    assert (found.confirmed, found.verdict.word) == (False, "undecided")
    assert len(found.pairs) == MAXIMUM
    assert re.search(
        r"pairs: undecided \(.*; inside epochs 1\.\d{3} \[.*\]; 20 % of the time", findings_text([found], [], [])
    )


@pytest.mark.parametrize(
    ("step", "inside", "confirms"), [(STEP, STEP, True), (-STEP, -STEP, True), (STEP, -STEP, False), (STEP, 0.0, False)]
)
def test_a_change_inside_epochs_counts_where_gaps_leave_whole_epochs_open(bench, step, inside, confirms):
    """Of epochs longer than these, gaps are a smaller part."""

    def pair(a, b, name, number):
        sign = 1 if number % 2 else -1
        return dataclasses.replace(made(inside + sign * ABOUT_PAIR), log_ratio=sign * WILD)

    bench.answers = pair
    (found,) = confirmed(suspected(step=step))
    assert (found.confirmed, len(found.pairs)) == (confirms, MAXIMUM)
    assert found.quantity == (INSIDE_EPOCHS if confirms else WHOLE_EPOCHS)
    text = findings_text([found], [], [])
    if confirms:
        word = "slower" if step > 0 else "faster"
        assert re.search(rf"  {word} inside epochs  {math.exp(step):.3f}  \[", text)
        assert has_regression([found], []) is (step > 0)
    else:
        assert "No change was confirmed." in text


def recorded_parts(cell, feeds, gaps):
    """As `recorded`: epochs of which a fifth is the gap to the next one, with levels of each part."""
    rounds = len(ABOUT)
    return {
        release: [
            Record(
                cell.feeder,
                cell.workload,
                cell.workers,
                "measured",
                metrics={"epoch": 0.8 * math.exp(inside) + 0.2 * math.exp(between), "gap": 0.2 * math.exp(between)},
                epochs=(9.0, *3 * (0.8 * math.exp(inside) + 0.2 * math.exp(between),)),
                run="r",
                round=number,
            )
            for number in range(rounds)
            for inside, between in [(feed + ABOUT[(index + number) % rounds], gap + ABOUT[(index + number) % rounds])]
        ]
        for index, (release, feed, gap) in enumerate(zip(RELEASES, feeds, gaps))
    }


@pytest.mark.parametrize(
    ("inside", "between", "words"),
    [
        (math.log(1.2), 0.0, "slower inside epochs alone"),
        (0.0, math.log(2.0), "slower between epochs alone"),
        (math.log(1.2), math.log(2.0), "slower"),
    ],
)
def test_slower_within_epochs_and_slower_between_them_are_found_and_told_apart(bench, inside, between, words):
    """From takes to the table: the newest of sixteen releases is slower in one part of an epoch."""
    feeds, gaps = uneven(), uneven()
    feeds[-1] += inside
    gaps[-1] += between
    suspects = screen(by_cell(recorded_parts(TEXT, feeds, gaps)))

    def pair(a, b, name, number):
        noise = ABOUT_PAIR if number % 2 else -ABOUT_PAIR
        whole = math.log(0.8 * math.exp(inside) + 0.2 * math.exp(between))
        return made(whole + noise, inside + noise, between + noise)

    bench.answers = lambda a, b, name, number: pair(a, b, name, number) if b == NEWEST else 0.0
    found = [each for each in confirmed(*suspects) if each.confirmed]
    assert [each.key for each in found] == [("sequence/text/1", BEFORE, NEWEST)]
    assert re.search(rf"^  sequence/text/1  {words}  1\.", findings_text(found, [], []), re.MULTILINE)
    assert has_regression(found, [])


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), FeedersError("python: ended with status -9")])
@pytest.mark.parametrize("last", [HUNG, 0.0], ids=["broken", "a pair"])
def test_what_was_interrupted_is_no_finding_and_is_measured_again(bench, stop, last):
    """Kept, an undecided finding of one pair would answer its suspect for ever."""
    bench.answers = lambda a, b, name, number: stop if (b, number) == (NEWEST, 1) else last if b == NEWEST else STEP
    found = []
    suspects = [suspected(), suspected(TEXT, OLD, OLDER)]
    with contextlib.suppress(KeyboardInterrupt):
        for each in confirm(suspects, [], silent, silent):
            found.append(each)
    bench.answers = lambda a, b, name, number: STEP
    again = confirmed(*suspects, known=found)
    assert {each.after: each.verdict.pairs for each in again} == {NEWEST: 10, OLDER: 10}


def test_ctrl_c_leaves_what_was_decided_and_what_was_begun(bench):
    """The newest transition is confirmed, the one after it is in the middle of its pairs."""
    second = (OLD, OLDER)
    bench.answers = lambda a, b, name, number: KeyboardInterrupt() if (a, b, number) == (*second, 3) else STEP
    first, open_ = interrupted(*(suspected(TEXT, *names) for names in (second, (BEFORE, NEWEST))))
    assert first.confirmed
    assert (open_.confirmed, len(open_.pairs), open_.verdict.word) == (None, 3, "undecided")


def test_pairs_that_were_cut_off_are_gone_on_with(bench):
    bench.answers = lambda a, b, name, number: KeyboardInterrupt() if number == 3 else STEP
    begun = interrupted(suspected())
    bench.answers = lambda a, b, name, number: STEP
    bench.sides.clear()
    (found,) = confirmed(suspected(), known=begun)
    assert (found.confirmed, found.verdict.pairs, len(found.pairs)) == (True, 10, 10)
    assert found.pairs[:3] == begun[0].pairs
    assert len(bench.sides) == 7
    assert confirmed(suspected(), known=[found]) == [found]
    assert len(bench.sides) == 7


def test_a_suspect_is_judged_after_ten_pairs_and_after_each_five_more(bench):
    """Who looks after each one finds something sooner or later."""
    steps = [*5 * [0.0, 0.1], *4 * [0.1], KeyboardInterrupt()]
    bench.answers = lambda a, b, name, number: steps[number]
    (open_,) = interrupted(suspected())
    assert (open_.confirmed, open_.verdict.word, open_.verdict.pairs) == (None, "slower", 14)


def test_what_was_begun_is_told_where_nothing_is_added_to_it(bench):
    bench.answers = lambda a, b, name, number: KeyboardInterrupt() if number == 3 else STEP
    begun = interrupted(suspected())
    bench.answers = lambda *_: FeedersError("its environment can't be made")
    assert confirmed(suspected(), known=begun) == begun


def test_what_is_open_yet_is_told_and_is_no_alarm(bench):
    bench.answers = lambda a, b, name, number: KeyboardInterrupt() if number == 3 else STEP
    text = findings_text(interrupted(suspected()), [], [])
    assert "not confirmed (no alarm)" in text
    assert text.endswith(", to be gone on with")


def test_no_comparison_begins_after_the_budget_and_what_it_cuts_off_has_no_answer_yet(bench, monkeypatch):
    """A pair takes a minute here: of twenty the tenth decides the first, and the second is cut off."""
    clock = SimpleNamespace(monotonic=lambda: 60.0 * len(bench.sides))
    monkeypatch.setattr(confirm_module, "time", clock)
    monkeypatch.setattr("feeders.compare.run.time", clock)
    bench.answers = lambda a, b, name, number: STEP
    suspects = [suspected(TEXT, *names) for names in sorted([(OLD, OLDER), (BEFORE, NEWEST), (OLDER, NEWEST)])]
    found, open_ = confirmed(*suspects, budget=14.5 * 60)
    assert (found.after, open_.after, found.verdict.pairs) == (NEWEST, NEWEST, 10)
    assert (open_.confirmed, len(open_.pairs)) == (None, 5)
    assert len(bench.sides) == 15
    assert [each.suspect.after for each in unmeasured(suspects, [found, open_])] == [OLDER]


def test_what_was_decided_before_the_budget_ended_is_told_once(bench, monkeypatch):
    """A pair takes a minute here. The budget ends between the tenth pairs of two suspects."""
    clock = SimpleNamespace(monotonic=lambda: 60.0 * len(bench.sides))
    monkeypatch.setattr(confirm_module, "time", clock)
    monkeypatch.setattr("feeders.compare.run.time", clock)
    bench.answers = lambda a, b, name, number: STEP
    said = []
    found, open_ = confirmed(suspected(), suspected(REMOTE), tell=said.append, budget=18.5 * 60)
    assert (found.confirmed, open_.confirmed) == (True, None)
    assert [line.split(":")[0] for line in said] == ["1 of 2"]


def test_releases_that_can_not_be_compared_are_told_and_the_others_are_compared(bench):
    """What became of an hour is a line, terminal or not."""
    error = FeedersError("its environment can't be made")
    bench.answers = lambda a, b, name, number: error if b == OLDER else STEP
    told = []
    (found,) = confirmed(suspected(TEXT, OLD, OLDER), suspected(), tell=told.append)
    assert found.after == NEWEST
    assert told == [
        f"1 of 2: {BEFORE} -> {NEWEST}, sequence/text/1, pairs: slower, 1.150 [1.138, 1.163]",
        f"{OLD} -> {OLDER}: its environment can't be made",
    ]


def test_progress_names_the_releases(bench):
    said = []
    list(confirm([suspected(), suspected(TEXT, OLD, OLDER)], [], lambda text, share: said.append(text), silent))
    assert {text.split(":")[0] for text in said} == {f"{BEFORE} -> {NEWEST}", f"{OLD} -> {OLDER}"}
    assert f"{OLD} -> {OLDER}: round 1, 1 of 1: sequence/text/1, pair 1 of 10 to {MAXIMUM}" in said


def test_progress_tells_the_share_of_all_suspects(bench):
    """Those of two transitions weigh alike, also where the first can't be compared."""
    shares = []
    bench.answers = lambda a, b, name, number: FeedersError("no such Python") if b == NEWEST else STEP
    list(confirm([suspected(), suspected(TEXT, OLD, OLDER)], [], lambda text, share: shares.append(share), silent))
    assert shares == pytest.approx([0, *(0.5 + k / 20 for k in range(10))])


def test_a_finding_is_one_line_that_tells_all_but_its_turns(bench):
    bench.answers = lambda a, b, name, number: HUNG if number == 0 else STEP
    (found,) = confirmed(suspected())
    assert ReleaseFinding.from_json(found.to_json()) == found
    assert (found.step, found.by) == (STEP, "newest")
    assert found.broken == (HUNG,)
    assert found.changed == what_changed(BEFORE, NEWEST, most=100)
    assert len(found.pairs) == 10
    assert {type(pair) for pair in found.pairs} == {PairNumbers}
    assert found.measured.startswith("20")


def found_at(bench, cell, before, after, mean, step=None):
    bench.answers = lambda *_: mean
    (found,) = confirmed(suspected(cell, before, after, step if step is not None else math.copysign(0.1, mean)))
    return found


def test_changes_are_grouped_by_release_in_the_order_of_dates(bench):
    """The id k3.9.2 sorts behind k3.13.2, and is older."""
    findings = [
        found_at(bench, REMOTE, BEFORE, NEWEST, -0.1),
        found_at(bench, TEXT, "k3.11.3", "k3.13.2", 0.1),
        found_at(bench, TEXT, BEFORE, NEWEST, 0.1),
        found_at(bench, TEXT, "k3.7.0", "k3.9.2", 0.1),
        found_at(bench, Cell("arrays", "text", 1), BEFORE, NEWEST, 0.1),
    ]
    parts = findings_text(findings, [], []).split("\n\n")
    assert [part.splitlines()[0] for part in parts] == [
        "k3.9.2 (after k3.7.0): slower in 1 cell",
        "k3.13.2 (after k3.11.3): slower in 1 cell",
        f"{NEWEST} (after {BEFORE}): slower in 2 cells, faster in 1 cell",
    ]
    assert [part.splitlines()[1] for part in parts] == [
        f"  {what_changed(*names)}" for names in (("k3.7.0", "k3.9.2"), ("k3.11.3", "k3.13.2"), (BEFORE, NEWEST))
    ]
    assert "keras" in parts[0].splitlines()[1]
    assert parts[0].splitlines()[2:] == ["  sequence/text/1  slower  1.105  [1.093, 1.117]  10 pairs"]
    assert parts[2].splitlines()[2:] == [
        "  sequence/remote/1  faster  0.905  [0.895, 0.915]  10 pairs",
        "  sequence/text/1    slower  1.105  [1.093, 1.117]  10 pairs",
        "  arrays/text/1      slower  1.105  [1.093, 1.117]  10 pairs",
    ]


def test_releases_of_unknown_date_are_last_and_each_is_told_once(bench):
    """Nothing orders a vendor's builds; without stacks nothing is known of their packages."""
    names = ("x1a2b3c4", "xffffff0")
    findings = [found_at(bench, cell, BEFORE, name, 0.1) for cell in (TEXT, REMOTE) for name in names]
    findings.append(found_at(bench, TEXT, BEFORE, NEWEST, 0.1))
    text = findings_text(findings, [], [])
    assert [part.splitlines()[0] for part in text.split("\n\n")] == [
        f"{NEWEST} (after {BEFORE}): slower in 1 cell",
        f"x1a2b3c4 (after {BEFORE}): slower in 2 cells",
        f"xffffff0 (after {BEFORE}): slower in 2 cells",
    ]
    assert all(line.strip() for part in text.split("\n\n") for line in part.splitlines())


def test_suspects_that_were_not_compared_are_told_as_such():
    lines = findings_text([], [suspected(), suspected(REMOTE, OLD, OLDER, -0.1)], []).splitlines()
    assert lines[:3] == ["No change was confirmed.", "", "Suspects, not confirmed (no alarm):"]
    assert [re.split("  +", line.strip()) for line in lines[3:]] == [
        [f"{BEFORE} -> {NEWEST}", "sequence/text/1", "+15 % in the history", "not compared"],
        [f"{OLD} -> {OLDER}", "sequence/remote/1", "-10 % in the history", "not compared"],
    ]


@pytest.mark.parametrize("worse", [True, False])
def test_a_cell_that_ends_otherwise_is_told_and_is_bad_where_it_is_worse(worse):
    """Nothing has to be measured again for it: the takes say so."""
    turns = [Turned(TEXT, BEFORE, NEWEST, "exactly-once", "hung", worse)]
    assert findings_text([], [], turns) == (
        "No change was confirmed.\n\n"
        "Another outcome, or another guarantee:\n"
        f"  {NEWEST}  {name_of(TEXT)}  exactly-once -> hung"
    )
    assert has_regression([], turns) is worse


def test_an_answer_that_is_unsupported_is_a_finding_at_once(bench):
    bench.answers = lambda *_: BrokenPair("a", "unsupported", "it can't")
    (found,) = confirmed(suspected())
    assert len(bench.sides) == 1
    assert findings_text([found], [], []).endswith("A unsupported")
