"""`LockedIterator` and ``@locked`` among plain threads, beside what happens without them."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

from feeders.strategies.locked import LockedIterator, _serialize, locked

ITEMS = 400
THREADS = 8


class Racy:
    """Counts up; between reading and writing its number it calls `switch`."""

    def __init__(self, switch):
        self._next = 0
        self._switch = switch

    def __iter__(self):
        return self

    def __next__(self):
        number = self._next
        if number >= ITEMS:
            raise StopIteration
        self._switch()
        self._next = number + 1
        return number


def drain(iterator, threads, each=None):
    """Let threads take from one iterator until it ends, or `each` items; return what they got."""
    got = [[] for _ in range(threads)]
    start = threading.Barrier(threads)

    def take(mine):
        start.wait()
        mine.extend(itertools.islice(iterator, each))

    workers = [threading.Thread(target=take, args=(mine,)) for mine in got]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sorted(itertools.chain.from_iterable(got))


def let_go():
    time.sleep(1e-5)  # any sleep lets go of the GIL


def count_up():
    for number in range(ITEMS):
        let_go()
        yield number


def test_without_a_lock_items_come_twice():
    """The control: the iterator that the next tests protect is broken when two threads share it."""
    meet = threading.Barrier(2)
    assert drain(Racy(meet.wait), threads=2, each=1) == [0, 0]


@pytest.mark.parametrize(
    "protected",
    [
        pytest.param(lambda: LockedIterator(Racy(let_go)), id="class"),
        pytest.param(lambda: LockedIterator(count_up()), id="class-generator"),
        pytest.param(lambda: locked(count_up)(), id="decorator"),
        pytest.param(lambda: _serialize()(count_up()), id="library"),
        pytest.param(lambda: _serialize()(Racy(let_go)), id="library-iterator"),
    ],
)
def test_behind_a_lock_every_item_comes_once(protected):
    """Threads take turns: nothing is lost, nothing comes twice, and all of them see the end."""
    assert drain(protected(), THREADS) == list(range(ITEMS))


def test_an_exception_passes_and_lets_go_of_the_lock():
    """A fault in the person's generator is not a deadlock for the other workers."""

    @locked
    def breaks():
        yield 1
        raise LookupError("planted")

    iterator = breaks()
    assert next(iterator) == 1
    for _ in range(2):  # whoever comes next is told the same
        with pytest.raises(LookupError, match="planted"):
            next(iterator)


def test_the_decorator_keeps_name_text_and_arguments():
    """The decorated function stands where the generator function stood."""

    @locked
    def numbers(first, *, count):
        """Some numbers."""
        yield from range(first, first + count)

    assert (numbers.__name__, numbers.__doc__) == ("numbers", "Some numbers.")
    assert list(numbers(3, count=2)) == [3, 4]
    assert isinstance(numbers(3, count=2), LockedIterator)
