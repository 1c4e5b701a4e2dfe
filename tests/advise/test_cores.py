"""The cores that a host gives: none that it does not have, and fewer where others compute."""

from __future__ import annotations

import hashlib
import os
import threading
from types import SimpleNamespace

import pytest

from feeders.advise.cores import given_cores


def test_one_thread_never_gets_more_than_one_core():
    assert 0.0 < given_cores(1) <= 1.01


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds a thread to a core")
def test_threads_that_share_a_core_get_one_between_them():
    """As with a neighbour on each core, or a quota: cores that are asked for are not given."""
    usable = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(usable)})  # threads inherit it
    try:
        assert 0.0 < given_cores(4) <= 1.01
    finally:
        os.sched_setaffinity(0, usable)


def test_threads_of_many_cores_come_for_the_gil_less_often(monkeypatch):
    """Each takes it after a block: a hundred that hash short ones would wait for it, and an idle host look busy."""
    blocks = set()

    def sha256(block):
        blocks.add(len(block))
        return hashlib.md5(b"")

    monkeypatch.setattr("feeders.advise.cores.hashlib", SimpleNamespace(sha256=sha256))
    given_cores(64, seconds=0.001)
    assert blocks == {4 << 20}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_ends_it_while_its_threads_start_leaves_none_that_waits_for_the_others(monkeypatch, error):
    """Ctrl-C, or a limit on the threads of a container: the thread that has started would wait for good."""
    started, start = [], threading.Thread.start

    def second_fails(thread):
        if started:
            raise error("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", second_fails)
    with pytest.raises(error, match="can't start"):
        given_cores(2)
    assert not started[0].is_alive()
