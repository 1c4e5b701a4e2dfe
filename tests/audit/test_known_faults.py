"""The known faults of Keras: what is still there, fixed or new, and the exit status that follows."""

from __future__ import annotations

from importlib import import_module

import pytest

from feeders import cli
from feeders.audit import known_faults
from feeders.audit.evidence import ENDED, FitRun
from feeders.audit.known_faults import FIXED, KNOWN_FAULTS, NEW, NOT_TRIED, RIGHT, STILL_THERE, KnownFault, try_known
from feeders.audit.loader import open_loader
from feeders.audit.readings import Description, Reading
from feeders.audit.uses import EVALUATE, PREDICT
from feeders.errors import FeedersError
from feeders.measure.counts import Epoch

CLEAN, LOST = Epoch(8, 0, 0, 0, 0, None), Epoch(8, 2, 2, 0, 0, None)


@pytest.fixture
def tried(monkeypatch):
    """Try one fault; its runs find the epochs that are given, one after the other."""

    def tried(fault, *epochs, outcome=ENDED):
        runs = iter(epochs)

        class Probes:
            def __init__(self, request):
                """It starts nothing."""

            def read(self, seed, backward):
                return Reading(Description("sequence", length=2), ((),))

            def fit(self, steps, seed, provoked, use):
                return FitRun(False, outcome, "no end after 8 s", epochs=(next(runs),))

        monkeypatch.setattr(known_faults, "KNOWN_FAULTS", (fault,))
        monkeypatch.setattr(known_faults, "Probes", Probes)
        monkeypatch.setattr(known_faults, "count_epochs", lambda run, due: run.epochs)
        for name, value in (("preload", None), ("generation", 3), ("backend", "jax")):
            monkeypatch.setattr(known_faults, name, lambda value=value: value)
        (one,) = try_known(lambda text, share: None)
        return one.word, one.seen

    return tried


def test_a_fault_is_there_once_two_runs_show_it(tried):
    known, unknown = KnownFault("fit()", "Numbered", ("jax",)), KnownFault("fit()", "Numbered", ("torch",))
    seen = "of 8 samples 2 missing, 2 twice"
    assert tried(known, LOST, LOST) == (STILL_THERE, seen)
    assert tried(unknown, LOST, LOST) == (NEW, seen)
    assert tried(known, CLEAN, CLEAN) == (FIXED, "")
    assert tried(unknown, CLEAN, CLEAN) == (RIGHT, "")


def test_where_two_runs_differ_a_third_one_decides(tried):
    known = KnownFault("fit()", "Numbered", ("jax",))
    assert tried(known, CLEAN, LOST, LOST)[0] == STILL_THERE
    assert tried(known, CLEAN, LOST, CLEAN)[0] == FIXED


def test_order_counts_where_it_predicts_and_an_end_that_is_none_counts_everywhere(tried):
    late = Epoch(8, 0, 0, 3, 0, None)
    assert tried(KnownFault("predict()", "Numbered", use=PREDICT), late, late) == (NEW, "of 8 samples 3 out of order")
    assert tried(KnownFault("evaluate()", "Numbered", use=EVALUATE), late, late)[0] == RIGHT
    hung = tried(KnownFault("fit()", "Numbered"), CLEAN, CLEAN, outcome="hung")
    assert hung == (NEW, "hung: no end after 8 s")


def test_without_tensorflow_its_pipelines_are_not_tried(tried, monkeypatch):
    monkeypatch.setattr(known_faults.importlib.util, "find_spec", lambda name: None)
    fault = KnownFault("fit(), tf.data", known_faults.PIPELINE)
    assert tried(fault) == (NOT_TRIED, "TensorFlow is not installed")


def test_the_catalogue_is_of_keras_3(monkeypatch):
    monkeypatch.setattr(known_faults, "preload", lambda: None)
    monkeypatch.setattr(known_faults, "generation", lambda: 2)
    with pytest.raises(FeedersError, match=r"^audit --known: the catalogue is of Keras 3, as of 3\.15\.1; installed"):
        next(try_known(lambda text, share: None))


def test_its_loaders_can_be_opened_by_name(in_children):
    assert len({fault.name for fault in KNOWN_FAULTS}) == len(KNOWN_FAULTS)
    rows = {fault.loader: fault for fault in KNOWN_FAULTS}
    kinds = in_children({name: lambda fault=fault: open_loader(fault.request()).kind for name, fault in rows.items()})
    assert set(kinds.values()) == {"sequence", "generator", "dataset"}


@pytest.mark.parametrize(("word", "status"), [(STILL_THERE, 0), (FIXED, 0), (NEW, 1)])
def test_the_command_prints_a_table_and_fails_where_something_is_new(monkeypatch, capsys, word, status):
    row = known_faults.Tried(KNOWN_FAULTS[0], word, "of 8 samples 2 missing")
    monkeypatch.setattr(known_faults, "try_known", lambda progress: iter([row]))
    stack = {"keras": "3.15.1", "backend": "jax", "jax": "0.12.0", "python": "3.12.1"}
    monkeypatch.setattr(import_module("feeders.measure.stack"), "describe_stack", lambda: stack)
    assert cli.main(["audit", "--known"]) == status
    first, _, heads, line = capsys.readouterr().out.splitlines()
    assert first == "Keras 3.15.1 on jax 0.12.0, Python 3.12.1; known as of Keras 3.15.1"
    assert heads.split() == ["loaders", "that", "are", "right", "here", "seen"]
    assert line.split("  ")[0] == "fit(), one thread"
    assert word in line


def test_the_command_takes_nothing_else(capsys):
    assert cli.main(["audit", "--known", "sequence"]) == 2
    assert "audit --known: takes no loader and no option" in capsys.readouterr().err


def test_a_run_without_an_epoch_is_a_fault():
    assert known_faults._wrong(KNOWN_FAULTS[0], FitRun(False, ENDED)) == "nothing arrived"
