"""The file of events that outlives whoever wrote it."""

from __future__ import annotations

import os
import threading

import pytest

from feeders.audit.events import BatchRead, BatchTrained, Logged
from feeders.audit.journal import Journal


@pytest.fixture
def journal():
    journal = Journal()
    yield journal
    journal.close()


def test_events_come_back_in_the_order_in_which_they_were_written(journal):
    written = (BatchRead(1), BatchTrained((1, 2)), Logged("two\nlines"))
    for event in written:
        journal.write(event)
    assert journal.events() == written


def test_a_line_that_a_dying_process_left_unfinished_is_no_event(journal):
    journal.write(BatchRead(1))
    os.write(journal.descriptor, b'{"class":"Batch')
    assert journal.events() == (BatchRead(1),)


def test_events_of_many_threads_are_each_in_one_piece(journal):
    together = threading.Barrier(4)

    def write(number):
        together.wait()
        for index in range(100):
            journal.write(BatchTrained((number,), (index,)))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = journal.events()
    assert len(events) == 400
    for number in range(4):
        assert [event.contents for event in events if event.keys == (number,)] == [(index,) for index in range(100)]


def test_events_of_a_process_that_was_forked_are_seen_also_when_it_dies(journal, in_child):
    def work():
        journal.write(BatchRead(1))
        if os.fork() == 0:
            journal.write(BatchRead(2))
            os._exit(9)
        os.wait()
        journal.write(BatchRead(3))

    in_child(work)
    assert [event.index for event in journal.events()] == [1, 2, 3]


def test_it_grows_with_each_event(journal):
    """Its size is the heartbeat of the process that writes it."""
    sizes = []
    for _ in range(3):
        sizes.append(os.fstat(journal.descriptor).st_size)
        journal.write(BatchRead(1))
    assert sizes[0] == 0 < sizes[1] < sizes[2]
