"""The two parts of a take cross the boundary between processes as JSON, and come back as they were."""

from __future__ import annotations

import json

import pytest

from feeders.measure.delivery import Delivery
from feeders.measure.timed import Timed
from feeders.measure.verify import Verified

DELIVERY = Delivery(delivered=5, missing=2, duplicated=1, disordered=0, corrupt=1, stale=None, whole=3)


@pytest.mark.parametrize(
    "part",
    [
        Verified(DELIVERY, reads=1.25, left=2, seconds=0.5, samples=4),
        Verified(None, reads=None, left=0, seconds=0.5, samples=4),
        Timed({"epoch": 0.25}, epochs=(0.5, 0.25), waits=(0.0, 0.125), span=(10.0, 10.5), seconds=0.75, batches=4),
        Timed({}, epochs=(0.5,), waits=(), span=(10.0, 10.5), seconds=0.75, batches=4),
    ],
)
def test_a_part_survives_json(part):
    assert type(part).from_json(json.loads(json.dumps(part.to_json()))) == part


def test_what_is_not_known_of_a_delivery_is_no_metric():
    """A feeder that can't stamp has no stale samples to count, and none that never were."""
    assert Verified(DELIVERY, reads=None, left=2, seconds=0.5, samples=4).metrics() == {
        **{"missing": 2, "duplicated": 1, "disordered": 0, "corrupt": 1},
        "left": 2,
    }


def test_a_repeated_batch_has_no_delivery_to_judge():
    assert Verified(None, reads=None, left=1, seconds=0.5, samples=4).metrics() == {"left": 1}


def test_whole_is_a_share_of_what_should_have_arrived():
    """Six ids: four arrived, one of them twice; three of them whole."""
    assert DELIVERY.whole_share == 0.5
