"""What a fault says beside its name: the person's line, and what to write there."""

from __future__ import annotations

import pytest

from feeders.audit import AuditRequest
from feeders.audit.evidence import ENDED, Evidence, FitAnswer, FitRun, Left
from feeders.audit.judge import judge
from feeders.audit.readings import Description, Reading
from feeders.measure.counts import Epoch, Reference

LOADER = """\
import threading
from concurrent.futures import ThreadPoolExecutor


class Mine:
    def __init__(self):
        self.pool = ThreadPoolExecutor(3)

    def __len__(self):
        return len(self.x) / 8

    def __getitem__(self, index):
        self.start = 8 * index
        rows = list(self.pool.map(self.one, range(8)))
        return [self.x[self.start], rows]

    def num_batches(self):
        return 8
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(LOADER)
    return str(path)


def fault(mine, outcome, message="", printed="", processes=False):
    """The first fault of a loader whose `fit()` ended like that, twice."""
    known = Description("sequence", "a mine.Mine", workers=4, processes=processes, length=8)
    run = FitRun(False, outcome, message, FitAnswer(None, Left(0, 0)), printed=printed)
    return judge(AuditRequest(f"{mine}:Mine"), Evidence(forward=Reading(known), fits=(run, run))).faults[0]


@pytest.mark.parametrize(
    ("message", "meaning", "advice", "line"),
    [
        ("TypeError: 'float' object cannot be interpreted as an integer", "a float", "int(np.ceil(", 10),
        ("TypeError: 'numpy.float64' object cannot be interpreted as an integer", "a float", "int(np.ceil(", 10),
        ("ValueError: The PyDataset has length 0", "no batch", "math.ceil", 10),
        ("ValueError: the generator must yield at least one batch.", "no batch", "a path that matches", None),
        ("TypeError: '<' not supported between instances of 'method' and 'int'", "a method", "@property", 18),
        ("ValueError: the generator must return a tuple, either (input,) or", "a list", "return x, y", 15),
        ("TypeError: fit() got an unexpected keyword argument 'workers'", "Since Keras 3", "super().__init__", None),
    ],
)
def test_what_keras_refuses_is_explained_with_the_line_and_what_to_write(mine, message, meaning, advice, line):
    found = fault(mine, "refused", message)
    assert found.cause.name == "refused-by-keras"
    assert meaning in found.cause.meaning
    assert advice in found.cause.advice
    assert "Wrap it" not in found.cause.advice
    assert found.where == ((f"{mine}:{line}: given here",) if line else ())


def test_another_kind_of_object_is_to_be_wrapped(mine):
    assert fault(mine, "refused", "ValueError: Unrecognized data type: x=<object>").cause.advice.startswith("Wrap it")


def test_a_pool_of_threads_that_a_fork_has_left_behind_is_named_with_both_lines(mine):
    stacks = f'Thread 0x1 (most recent call first):\n  File "{mine}", line 14 in __getitem__\n'
    found = fault(mine, "hung", "no end after 8 s", stacks, processes=True)
    assert found.cause.name == "threads-forked"
    assert [(mark.line, mark.says) for mark in found.marks] == [
        (7, "the threads are started for one process, here"),
        (14, "a worker process waits here, in __getitem__"),
    ]
    assert "self.pool" in found.summary


def test_a_hang_of_threads_names_the_line_and_what_to_write_there(mine):
    stacks = f'Thread 0x1 (most recent call first):\n  File "{mine}", line 14 in __getitem__\n'
    found = fault(mine, "hung", "no end after 8 s", stacks)
    assert (found.cause.name, found.where) == ("hangs", (f"{mine}:14: in __getitem__",))
    assert found.advice.startswith("The pool behind this line")
    assert found.marks[0].says == "a thread waits here, in __getitem__"


def test_a_hang_outside_of_the_persons_code_says_so(mine):
    assert fault(mine, "hung", "no end after 8 s").advice.startswith("No line of your code was in a stack")


def test_a_position_in_the_instance_is_named_from_the_source_where_no_race_was_caught(mine):
    """Samples were lost twice, and a loader known to be safe lost none: the name that calls share is the cause."""
    known = Description("sequence", "a mine.Mine", workers=4, processes=False, length=8)
    counts = {"delivered": 64, "missing": 8, "duplicated": 8, "disordered": 0, "corrupt": 0, "stale": None}
    run = FitRun(True, ENDED, answer=FitAnswer(None, Left(0, 0)), epochs=(Epoch(**counts),))
    clean = FitRun(False, ENDED, epochs=(Epoch(**{**counts, "missing": 0, "duplicated": 0}),))
    reference = Reference((), keyed=True, reproducible=True, ordered=True, addressed=True, named=False)
    evidence = Evidence(forward=Reading(known), reference=reference, fits=(run, run))
    request = AuditRequest(f"{mine}:Mine")
    assert [one.cause.name for one in judge(request, evidence).faults] == ["unexplained"]
    evidence = Evidence(forward=Reading(known), reference=reference, fits=(run, run), control=clean)
    (found,) = judge(request, evidence).faults
    assert found.cause.name == "shared-state"
    assert [(mark.line, mark.name) for mark in found.marks] == [(13, "self.start"), (15, "self.start")]
