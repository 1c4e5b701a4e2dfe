"""Uses beside fit(): what Keras is called with, what a pass should deliver, and what is a fault there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from feeders.audit.epochs import is_order_redrawn, reference_of_a_pass
from feeders.audit.evidence import ENDED
from feeders.audit.judge import judge
from feeders.audit.readings import Description, Reading
from feeders.audit.request import AuditRequest
from feeders.audit.uses import EVALUATE, FIT, OTHER_USES, PREDICT, VALIDATION, Passes, Using
from feeders.measure.counts import Epoch
from feeders.measure.identity import Columns
from tests.audit.test_judge import GENERATOR, REQUEST, SEQUENCE, epoch, evidence, fit, names

ALSO = replace(REQUEST, also=OTHER_USES)

LOST = epoch(missing=2, duplicated=2)
LATE = Epoch(5, 0, 0, 4, 0, None)
UNKNOWN = Epoch(5, 0, 0, None, 0, None)


def used(use, *epochs, **values):
    return replace(fit(*epochs, **values), use=use)


def judged(known=SEQUENCE, **values):
    return judge(ALSO, evidence(known, **values))


def batches(*parts):
    return tuple(Columns(part, part) for part in parts)


def reading(kind, *epochs):
    return Reading(Description(kind, length=len(epochs[0])), tuple(batches(*one) for one in epochs))


# What Keras is called with.


class Model:
    """Notes which method is called with what."""

    def __getattr__(self, name):
        return lambda *arguments, **options: setattr(self, "called", (name, arguments, options))


class Loaded:
    x, y, fit = "x", None, {"workers": 4, "steps_per_epoch": 7}


@pytest.mark.parametrize(
    ("use", "called", "expected"),
    [
        (FIT, "fit", {"steps_per_epoch": 7, "epochs": 2, "workers": 4}),
        (EVALUATE, "evaluate", {"steps": 7, "workers": 4}),
        (PREDICT, "predict", {"steps": 7, "workers": 4}),
        (VALIDATION, "fit", {"validation_data": "x", "validation_steps": 7, "epochs": 2, "workers": 4}),
    ],
)
def test_each_use_is_a_call_of_keras_with_the_steps_and_workers_of_the_loader(use, called, expected):
    model = Model()
    Using(use, Loaded, 2, None).run(model, None)
    name, _, options = model.called
    assert name == called
    assert {key: options[key] for key in expected} == expected


def test_what_is_trained_on_before_a_validation_is_not_the_loaders(in_child):
    def opened():
        class Journal:
            def write(self, event):
                """Nobody reads it."""

        passes = {use: Passes(use, Journal()) for use in (FIT, VALIDATION)}
        before = [one.open for one in passes.values()]
        passes[VALIDATION].callback.on_test_begin(None)
        return [*before, passes[VALIDATION].open]

    assert in_child(opened) == [True, False, True]


# What a pass should deliver.


def test_a_pass_is_the_first_epoch_in_its_order_whatever_later_epochs_are():
    forward = reading("sequence", [(1, 2), (3, 4)], [(3, 4), (1, 2)])
    reference = reference_of_a_pass(ALSO, forward, forward)
    assert reference.ordered
    assert reference.states[0] == forward.epochs[0]


def test_with_steps_a_pass_is_the_first_batches():
    forward = reading("sequence", [(1,), (2,), (3,)])
    reference = reference_of_a_pass(replace(ALSO, steps=2, epochs=3), forward, forward)
    assert reference.states == (batches((1,), (2,)),)
    assert not reference.through


def test_an_order_is_redrawn_where_no_index_tells_it():
    one, other = [(1, 2), (3, 4)], [(3, 2), (1, 4)]
    shuffled, kept = reading("dataset", one, other), reading("dataset", one, one)
    assert is_order_redrawn(shuffled, kept)
    assert not is_order_redrawn(kept, kept)
    assert is_order_redrawn(reading("generator", one), reading("generator", other))
    assert not is_order_redrawn(reading("sequence", one), reading("sequence", other))
    assert not is_order_redrawn(reading("generator", one), reading("generator", [(5, 6)]))


# What is a fault.


def test_clean_uses_are_safe_and_count_as_deliveries():
    alone, more = judged(), judged(others=[used(use, epoch()) for use in OTHER_USES])
    assert more.safe
    assert more.deliveries == alone.deliveries + 9


def test_what_one_run_shows_is_no_fault():
    verdict = judged(others=[used(EVALUATE, LOST), used(EVALUATE, epoch())])
    assert verdict.safe
    text = "of 5 samples in a pass 2 missing, 2 duplicated"
    assert verdict.notes == (f"counted in one evaluate() and in no other one, so not judged: {text}",)


def test_runs_that_each_count_something_else_wrong_are_a_fault():
    runs = [used(EVALUATE, epoch(missing=2)), used(EVALUATE, epoch(duplicated=1))]
    assert names(judged(others=runs)) == ["use-differs"]


def test_samples_lost_beside_fit_are_a_fault_and_part_of_the_verdict():
    verdict = judged(others=[used(EVALUATE, LOST)] * 2 + [used(PREDICT, LOST)] * 2)
    assert (verdict.word, names(verdict)) == ("none", ["use-differs"])
    seen = "of 5 samples in a pass 2 missing, 2 duplicated"
    assert verdict.faults[0].seen == f"evaluate(): {seen}; predict(): {seen}"


def test_it_is_keras_where_a_safe_loader_loses_samples_too():
    runs = {"others": [used(EVALUATE, LOST)] * 2, "other_controls": [used(EVALUATE, LOST)]}
    assert names(judged(**runs)) == ["keras-misdelivers"]
    runs = {"others": [used(VALIDATION, LOST)] * 2, "other_controls": [used(VALIDATION, LOST)]}
    verdict = judge(replace(ALSO, epochs=1), evidence(GENERATOR, **runs))
    assert names(verdict) == ["peeked-again"]
    assert verdict.faults[0].seen.startswith("fit(validation_data=...): of 5 samples")


def test_a_pipeline_that_gives_up_the_order_is_not_believed_because_a_pass_kept_it():
    assert names(judged(others=[used(PREDICT, UNKNOWN)] * 2, unordered=True)) == ["predict-order"]
    assert judged(others=[used(EVALUATE, UNKNOWN)] * 2, unordered=True).safe


def test_the_order_matters_to_predict_alone():
    assert names(judged(others=[used(PREDICT, LATE)] * 2)) == ["predict-order"]
    assert judged(others=[used(PREDICT, LATE)] * 2).word == "exactly-once"
    assert judged(others=[used(EVALUATE, LATE)] * 2).safe
    lost = replace(LATE, missing=2, duplicated=2)
    assert names(judged(others=[used(PREDICT, lost)] * 2)) == ["use-differs"]


def test_an_order_that_nobody_knows_is_a_note():
    verdict = judged(others=[used(PREDICT, UNKNOWN)] * 2)
    assert verdict.safe
    assert verdict.notes == (
        "predict(): it is made anew with another order, so the order of its results was not compared",
    )


def test_a_use_that_does_not_end_twice_is_a_fault():
    broken = used(PREDICT, outcome="failed", message="ValueError: no")
    verdict = judged(others=[broken, broken])
    assert (names(verdict), verdict.faults[0].seen) == (["use-fails"], "predict(): failed, ValueError: no")
    once = judged(others=[broken, used(PREDICT, epoch())])
    assert once.safe
    assert once.notes[0] == "one predict() failed and no other one did: not judged. ValueError: no"


def test_names_of_uses_are_checked():
    assert AuditRequest("sequence", also=(PREDICT,)).checked().also == (PREDICT,)
    assert used(PREDICT).outcome == ENDED
