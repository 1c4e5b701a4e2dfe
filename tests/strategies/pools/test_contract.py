"""What every pool of an indexable loader promises."""

import gc
import itertools
import json
import threading
import time
import traceback
import weakref
from functools import partial

import numpy as np
import pytest
from pool_loaders import STEPS, At, Hooked, Indexed, Numbered, raise_in_worker

DEADLINE_SECONDS = 20


def take(batches, count):
    return [int(x[0]) for x, _ in itertools.islice(batches, count)]


def by_epoch(numbers):
    return [sorted(numbers[start : start + STEPS]) for start in range(0, len(numbers), STEPS)]


def epochs(*numbers):
    return [[100 * epoch + index for index in range(STEPS)] for epoch in numbers]


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("ahead", [3, 40])
def test_every_batch_comes_once_per_epoch(pool, workers, ahead):
    batches = pool(Numbered(), workers, ahead).batches()
    assert by_epoch(take(batches, 6 * STEPS)) == epochs(*range(6))


def test_the_order_is_kept(pool, name):
    if name == "queue-threads":
        pytest.skip("it gives the order up")
    loader = Numbered(before=lambda _, index: time.sleep(0.004 * (STEPS - index)))
    assert take(pool(loader, 4).batches(), 2 * STEPS) == [*epochs(0)[0], *epochs(1)[0]]


def test_a_slow_batch_holds_up_nobody_in_a_queue(pool, name):
    if name != "queue-threads":
        pytest.skip("it keeps the order")
    free = threading.Event()
    batches = pool(Numbered(before=At(free.wait, index=1)), 2, 6).batches()
    early = take(batches, STEPS - 1)
    free.set()
    assert sorted(early) == [0, 2, 3, 4, 5, 6]
    assert take(batches, 1) == [1], "the next epoch's batches wait for their turn"
    assert by_epoch(take(batches, STEPS)) == epochs(1)


def test_an_error_of_the_next_epoch_ends_no_epoch_before_it(pool, name):
    """It may never come to that epoch: training reads ahead at the end of the last one too."""
    if name != "queue-threads":
        pytest.skip("its errors come in the order of the batches")
    free = threading.Event()

    def before(epoch, index):
        At(free.wait, index=6)(epoch, index)
        At(raise_in_worker, index=0, epoch=1)(epoch, index)

    made = pool(Numbered(before=before), 2, 6)
    batches = made.batches()
    assert sorted(take(batches, STEPS - 1)) == [0, 1, 2, 3, 4, 5]
    wait_for(lambda: made._done.qsize() or made._ready[1])
    free.set()
    assert take(batches, 1) == [6]
    with pytest.raises(KeyError, match="planted"):
        next(batches)


class MadeAtFirst(Numbered):
    """It makes at its first call what all threads share then, as many loaders do."""

    made, together = None, False

    def batch(self, index, epoch):
        first = self.made is None
        self.made = self.made or threading.Event()
        if first:
            self.together = self.made.wait(0.2)
        self.made.set()
        return super().batch(index, epoch)


def test_the_first_call_of_a_loader_is_made_alone(pool, name):
    if name == "lookahead-processes":
        pytest.skip("each process has a loader of its own")
    loader = MadeAtFirst()
    take(pool(loader, 4).batches(), STEPS)
    assert not loader.together


def test_a_loader_without_epochs_is_indexed(pool):
    batches = pool(Indexed(), 2).batches()
    assert sorted(int(next(batches)[0]) for _ in range(STEPS)) == list(range(STEPS))


def test_a_loader_may_call_the_size_of_its_batches_batch(pool):
    loader = Indexed()
    loader.batch = 32
    batches = pool(loader, 2).batches()
    assert sorted(int(next(batches)[0]) for _ in range(STEPS)) == list(range(STEPS))


def test_the_first_epoch_may_have_any_number(pool):
    assert by_epoch(take(pool(Numbered(), 2).batches(epoch=4), 2 * STEPS)) == epochs(4, 5)


def test_its_length_is_the_loaders(pool):
    assert len(pool(Numbered(steps=11))) == 11


def events_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for(condition):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


class Telling(Hooked):
    """Without hooks of its own; what Keras' base classes have are none."""

    def on_epoch_begin(self):
        raise AssertionError

    on_epoch_end = on_epoch_begin
    on_epoch_begin.__module__ = "keras.src.trainers.data_adapters.py_dataset_adapter"
    on_epoch_begin.__qualname__ = "PyDataset.on_epoch_begin"


def test_without_hooks_it_reads_ahead_across_the_end_of_an_epoch(pool, tmp_path):
    batches = pool(Telling(tmp_path / "events"), 2, 4).batches()
    for _ in range(STEPS):
        next(batches)
    wait_for(lambda: any(event[1:3] == ["read", 1] for event in events_of(tmp_path / "events")))


def test_with_hooks_it_never_does(pool, name, tmp_path):
    batches = pool(Hooked(tmp_path / "events"), 3).batches()
    seen = [next(batches) for _ in range(STEPS)]
    early = events_of(tmp_path / "events")
    assert not [event for event in early if event[1] == "end" or event[1:3] == ["read", 1]]
    seen += [next(batches) for _ in range(2 * STEPS)]
    assert seen == [(epoch + 1, epoch) for epoch in range(3) for _ in range(STEPS)], "every worker has called them"


def test_hooks_are_called_while_nobody_reads(pool, name, tmp_path):
    batches = pool(Hooked(tmp_path / "events"), 3).batches()
    for _ in range(6 * STEPS):
        next(batches)
    reading = 0
    calls = []
    for process, what, *_ in events_of(tmp_path / "events"):
        reading += {"read": 1, "done": -1}.get(what, 0)
        if what in ("begin", "end"):
            assert reading == 0
            calls.append((process, what))
    processes = {process for process, _ in calls}
    assert len(processes) == (4 if name == "lookahead-processes" else 1)
    for process in processes:
        assert [what for one, what in calls if one == process] == ["begin"] + 5 * ["end", "begin"]


class ShuffledByKeras(Numbered):
    """As an iterator of images: a class of Keras, whose hook draws a new order."""

    ended = 0

    def batch(self, index, epoch):
        return self.ended

    def on_epoch_end(self):
        self.ended += 1

    on_epoch_end.__module__ = "keras.src.legacy.preprocessing.image"
    on_epoch_end.__qualname__ = "Iterator.on_epoch_end"


def test_a_hook_of_keras_that_does_something_is_called(pool):
    """Else photographs would come in one order in every epoch."""
    orders = list(itertools.islice(pool(ShuffledByKeras(), 2).batches(), 2 * STEPS))
    assert orders == STEPS * [orders[0]] + STEPS * [orders[0] + 1]


def test_a_hook_that_raises_ends_training(pool, tmp_path):
    loader = Hooked(tmp_path / "events")
    loader.on_epoch_end = raise_in_worker
    batches = pool(loader, 2).batches()
    for _ in range(STEPS):
        next(batches)
    with pytest.raises(KeyError, match="planted"):
        next(batches)


def test_the_batches_ahead_are_bounded(pool, tmp_path):
    batches = pool(Telling(tmp_path / "events"), 2, 3).batches()
    reads = lambda: sum(event[1] == "read" for event in events_of(tmp_path / "events"))  # noqa: E731
    for taken in range(1, 20):
        next(batches)
        wait_for(lambda taken=taken: reads() == taken + 3)


def test_a_new_generator_begins_anew_and_ends_the_old(pool):
    made = pool(Numbered(), 2, 6)
    old = made.batches()
    take(old, STEPS + 2)
    new = made.batches(epoch=7)
    assert by_epoch(take(new, 2 * STEPS)) == epochs(7, 8)
    with pytest.raises(RuntimeError, match=r"batches\(\) was called again, which ended this generator"):
        next(old)
    assert by_epoch(take(new, STEPS)) == epochs(9), "the old one's end harms nobody"


def test_what_a_worker_raises_comes_in_its_turn_with_its_traceback(pool, name):
    batches = pool(Numbered(before=At(raise_in_worker, index=5)), 3).batches()
    if name != "queue-threads":
        assert take(batches, 5) == [0, 1, 2, 3, 4]
    with pytest.raises(KeyError, match="planted") as caught:
        take(batches, STEPS)
    text = "".join(traceback.format_exception(caught.type, caught.value, caught.value.__traceback__))
    assert "in raise_in_worker" in text


def test_after_an_error_the_pool_is_closed(pool, nothing_left_here):
    made = pool(Numbered(before=At(raise_in_worker)), 2)
    with pytest.raises(KeyError):
        take(made.batches(), STEPS)
    nothing_left_here()
    with pytest.raises(RuntimeError, match="the pool is closed; make a new one"):
        made.batches()


def test_an_empty_epoch_is_an_error_not_a_hang(pool):
    with pytest.raises(ValueError, match="epoch 0 has 0 batches; expected 1 or more"):
        next(pool(Numbered(steps=0), 1).batches())


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"workers": 2, "ahead": 0}])
def test_wrong_arguments_are_named(pool, wrong):
    with pytest.raises(ValueError, match=f"workers={wrong['workers']}, ahead={wrong.get('ahead')}; expected"):
        pool(Numbered(), **wrong)


def test_a_pool_that_nobody_holds_is_closed(make, nothing_left_here):
    made = make(Numbered(), 2)
    batches = made.batches()
    take(batches, 2)
    gone = weakref.ref(made)
    del made
    assert gone() is not None, "its generator holds it"
    del batches
    gc.collect()
    assert gone() is None
    nothing_left_here()


def test_a_batch_that_is_waited_for_ends_with_the_pool(pool, nothing_left_here):
    """As Keras on TensorFlow waits, in another thread, while training ends with an exception."""
    made = pool(Numbered(before=At(partial(time.sleep, 1), index=0)), 1)
    batches, caught = made.batches(), []

    def wait():
        try:
            next(batches)
        except RuntimeError as error:
            caught.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    wait_for(lambda: batches.gi_running)
    made.close()
    thread.join(DEADLINE_SECONDS)
    assert "closed" in caught[0]
    nothing_left_here()


def test_arrays_outlive_the_pool(pool):
    made = pool(Numbered(), 2)
    kept = list(itertools.islice(made.batches(), STEPS))
    made.close()
    assert sorted(int(x.sum() // x.size) for x, _ in kept) == list(range(STEPS))
    assert all(np.all(x == x[0]) for x, _ in kept)
