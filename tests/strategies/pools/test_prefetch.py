"""What the thread in front of an iterator promises."""

import itertools
import threading
import time
import traceback
from functools import partial

import pytest
from pool_loaders import raise_in_worker

from feeders.strategies.prefetch_thread import PrefetchThread

DEADLINE_SECONDS = 20


def numbers(count=5, closed=None):
    try:
        yield from range(count)
    finally:
        if closed is not None:
            closed.append(threading.current_thread())


def take(batches, count):
    return list(itertools.islice(batches, count))


def wait_for(condition):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.parametrize("source", [numbers, partial(numbers, 5), range(5)], ids=["function", "partial", "iterable"])
def test_what_can_be_read_again_is_without_end(source):
    with PrefetchThread(source) as prefetch:
        assert take(prefetch.batches(), 12) == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
        assert take(prefetch.batches(), 6) == [0, 1, 2, 3, 4, 0], "a new generator begins anew"


class Counted:
    """Counts its passes, as an iterable that draws an order for each, or starts workers."""

    begun = 0

    def __iter__(self):
        self.begun += 1
        return iter([self.begun] * 3)


def test_no_pass_over_an_iterable_is_begun_but_to_read_it():
    source = Counted()
    with PrefetchThread(source) as prefetch:
        assert take(prefetch.batches(), 6) == [1, 1, 1, 2, 2, 2]


def test_an_iterator_is_read_once_and_nothing_of_it_is_lost():
    with PrefetchThread(iter(range(10)), ahead=4) as prefetch:
        assert take(prefetch.batches(), 3) == [0, 1, 2]
        assert list(prefetch.batches()) == [3, 4, 5, 6, 7, 8, 9]
        assert list(prefetch.batches()) == []


def test_what_a_left_generator_waits_for_comes_next():
    """As TensorFlow waits, in another thread, when training has been stopped."""
    free, caught = threading.Event(), []

    def source():
        yield 0
        free.wait(DEADLINE_SECONDS)
        yield from (1, 2)

    def wait():
        try:
            next(old)
        except RuntimeError as error:
            caught.append(str(error))

    with PrefetchThread(source()) as prefetch:
        old = prefetch.batches()
        assert next(old) == 0
        thread = threading.Thread(target=wait)
        thread.start()
        wait_for(lambda: old.gi_running)
        new = prefetch.batches()
        free.set()
        assert list(new) == [1, 2]
        thread.join(DEADLINE_SECONDS)
    assert "batches() was called again" in caught[0]


def test_only_the_newest_generator_yields():
    with PrefetchThread(numbers) as prefetch:
        old = prefetch.batches()
        take(old, 2)
        new = prefetch.batches()
        with pytest.raises(RuntimeError, match=r"batches\(\) was called again"):
            next(old)
        assert take(new, 2) == [0, 1]


@pytest.mark.parametrize("ahead", [1, 3])
def test_the_batches_ahead_are_bounded(ahead):
    read = []
    with PrefetchThread(map(read.append, itertools.count()), ahead) as prefetch:
        batches = prefetch.batches()
        for taken in range(1, 20):
            next(batches)
            wait_for(lambda taken=taken: len(read) == taken + ahead)


def test_what_the_source_raises_comes_in_its_turn_with_its_traceback():
    def source():
        yield 0
        yield 1
        raise_in_worker()

    with PrefetchThread(source()) as prefetch:
        batches = prefetch.batches()
        assert take(batches, 2) == [0, 1]
        with pytest.raises(KeyError, match="planted") as caught:
            next(batches)
    text = "".join(traceback.format_exception(caught.type, caught.value, caught.value.__traceback__))
    assert "in raise_in_worker" in text


def test_a_source_without_batches_is_an_error_not_a_hang():
    with PrefetchThread(list) as prefetch, pytest.raises(ValueError, match="pass 0 over the source gave no batch"):
        next(prefetch.batches())


def test_a_generator_is_closed_in_the_thread_that_read_it(nothing_left_here):
    closed = []
    prefetch = PrefetchThread(numbers(100, closed))
    take(prefetch.batches(), 3)
    prefetch.close()
    assert closed and closed[0] is not threading.current_thread()
    nothing_left_here()
    with pytest.raises(RuntimeError, match="it is closed; make a new one"):
        prefetch.batches()


def test_a_thread_that_nobody_holds_ends(nothing_left_here):
    batches = PrefetchThread(numbers).batches()
    take(batches, 2)
    del batches
    nothing_left_here()


def test_a_batch_that_is_waited_for_ends_with_the_thread(nothing_left_here):
    free, caught = threading.Event(), []
    prefetch = PrefetchThread(free.wait(DEADLINE_SECONDS) for _ in itertools.count())
    batches = prefetch.batches()

    def wait():
        try:
            next(batches)
        except RuntimeError as error:
            caught.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    wait_for(lambda: batches.gi_running)
    closing = threading.Thread(target=prefetch.close)
    closing.start()
    thread.join(DEADLINE_SECONDS)
    free.set()
    closing.join(DEADLINE_SECONDS)
    assert "a batch was due, and it is closed" in caught[0]
    nothing_left_here()


@pytest.mark.parametrize(("wrong", "text"), [((5,), "the source is int; expected"), (([], 0), "ahead=0; expected 1")])
def test_wrong_arguments_are_named(wrong, text):
    with pytest.raises((TypeError, ValueError), match=text):
        PrefetchThread(*wrong)


class TestChaos:
    def test_leave_after_one_batch(self, rounds, nothing_left_here):
        for _ in rounds:
            batches = PrefetchThread(numbers).batches()
            assert next(batches) == 0
            del batches
        nothing_left_here()

    def test_raise_in_the_source(self, rounds, nothing_left_here):
        for _ in rounds:
            with PrefetchThread(1 // (3 - number) for number in itertools.count()) as prefetch:
                batches = prefetch.batches()
                with pytest.raises(ZeroDivisionError):
                    take(batches, 10)
        nothing_left_here()

    def test_raise_in_training(self, rounds, nothing_left_here):
        for _ in rounds:
            with pytest.raises(OSError, match="planted"), PrefetchThread(numbers) as prefetch:
                for _batch in prefetch.batches():
                    raise OSError("planted")
        nothing_left_here()

    def test_a_slow_consumer(self, rounds):
        for _ in rounds:
            with PrefetchThread(numbers) as prefetch:
                for number, batch in enumerate(itertools.islice(prefetch.batches(), 15)):
                    time.sleep(0.001)
                    assert batch == number % 5
