"""The bridge's own logic: batches that Keras reads to learn shapes are handed out again, and nothing else is kept."""

from __future__ import annotations

import itertools
import threading

import pytest

from feeders.errors import Unsupported
from feeders.strategies import bridge as bridges
from feeders.strategies.bridge import Bridge
from feeders.strategies.locked import LockedIterator

STEPS = 5


@pytest.fixture
def bridge():
    """A bridge whose batches are numbers, in the order in which they were pulled."""
    return Bridge(itertools.count(), STEPS)


def in_thread(function):
    got = []
    thread = threading.Thread(target=lambda: got.append(function()))
    thread.start()
    thread.join()
    return got[0]


def epoch(bridge):
    return [bridge[index] for index in range(len(bridge))]


@pytest.mark.parametrize("probes", [0, 1, 2])
@pytest.mark.parametrize("trainer", ["another thread", "the owning thread"])
def test_two_epochs_after_probing_get_every_batch_once_and_in_order(bridge, probes, trainer):
    """None, one (Keras 2) or two (Keras 3) probing reads cost no batch, whichever thread trains."""
    assert [bridge[index] for index in range(probes)] == list(range(probes))
    run = in_thread if trainer == "another thread" else (lambda function: function())
    assert [run(lambda: epoch(bridge)) for _ in range(2)] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_a_second_fit_probes_again(bridge):
    """What the second fit() reads to learn shapes is trained on by the second fit()."""
    for first in (0, 5):
        assert [bridge[0], bridge[1]] == [first, first + 1]
        assert in_thread(lambda: epoch(bridge)) == list(range(first, first + 5))


def test_workers_in_any_order_use_up_exactly_an_epoch(bridge):
    """Whoever asks for whatever index: an epoch is as many batches as it has steps, the probed ones among them."""
    assert [bridge[0], bridge[1]] == [0, 1]
    got = in_thread(lambda: [bridge[index] for index in (3, 1, 4, 0, 2)])
    assert sorted(got) == [0, 1, 2, 3, 4]
    assert in_thread(lambda: bridge[0]) == 5


def test_reads_of_another_thread_are_not_kept(bridge):
    """A worker's batch is trained on: handed out again it would be a duplicate."""
    assert in_thread(lambda: [bridge[0], bridge[0]]) == [0, 1]


def test_a_fault_is_told_to_every_worker():
    """Keras hands on the error of whichever worker is first in line: it must be the one that the person can act on."""

    def batches():
        yield 0
        raise LookupError("planted")

    bridge = Bridge(LockedIterator(batches()), STEPS)
    assert in_thread(lambda: bridge[0]) == 0
    for _ in range(2):
        with pytest.raises(LookupError, match="planted"):
            bridge[2]


@pytest.mark.parametrize("steps", [1, 2])
def test_an_epoch_that_looks_like_probing_is_unsupported(monkeypatch, steps):
    """On JAX and torch one worker is the thread that calls fit(): every second epoch would be the one before."""
    monkeypatch.setattr(bridges, "backend", lambda: "jax")
    with pytest.raises(Unsupported, match=f"^a bridge with one worker on jax: an epoch has {steps} batches; expected"):
        bridges.bridge_feed(itertools.count(), steps, 1)
