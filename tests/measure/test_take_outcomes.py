"""Takes that can't be measured: each ends with its word, its message, and nothing left behind."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
import time

import pytest

from feeders.errors import FeedersError, Unsupported
from feeders.measure import Settings, cells, takes
from feeders.measure.stack import is_untouched
from feeders.measure.supervise import Watch
from feeders.measure.watched import watched
from feeders.strategies import Feeder, feeder

# The one that ends hangs in these tests.
DEADLINE_SECONDS = 3

# Forking, importing nothing, killing and waiting, on a machine that does other things beside.
SLACK_SECONDS = 10


def never_returns():
    threading.Event().wait()


def at_batch_3(function):
    return lambda index, epoch: function() if index == 3 else None


@pytest.mark.parametrize("name", ["generator", "sequence-lock", "tfdata-map"])
def test_a_hang_ends_at_the_deadline_with_the_stack_and_leaves_no_process(take, plant, tiny, nothing_left, name):
    """The message says where it hung; whoever measures a hundred cells waits for none of them."""
    plant(tiny(at_batch_3(never_returns)))
    start = time.monotonic()
    record = take(name, deadline_seconds=DEADLINE_SECONDS)
    seconds = time.monotonic() - start
    assert record.outcome == "hung"
    assert record.message.startswith("no end after 3 s. ")
    assert "never_returns" in record.message
    assert DEADLINE_SECONDS <= seconds < DEADLINE_SECONDS + SLACK_SECONDS
    assert nothing_left()


def waits_in_a_worker(number):
    never_returns()


def hangs_below(finish):
    """Wait for a forked process, which never returns; another one is started anew, and has no handler."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        pool.map(waits_in_a_worker, [1])


def test_a_hang_shows_the_stacks_of_forked_processes_too(nothing_left):
    """A worker process that waits is what hangs; its parent only waits for it."""
    ended = watched(hangs_below, Watch(deadline_seconds=1.5, memory=False))
    assert ended.outcome == "hung"
    assert "in hangs_below" in ended.printed
    assert "in waits_in_a_worker" in ended.printed
    assert nothing_left()


def test_a_crash_is_named_by_its_signal(take, plant, tiny, nothing_left):
    """A segmentation fault of a decoder is a result, with the stack that led to it."""

    def segfaults():
        os.kill(os.getpid(), signal.SIGSEGV)

    plant(tiny(at_batch_3(segfaults)))
    record = take("generator")
    assert record.outcome == "crashed"
    assert record.message.startswith("ended by SIGSEGV. ")
    assert nothing_left()


def test_a_kill_is_named_by_its_signal(take, plant, tiny, nothing_left):
    """Out of memory looks like this."""
    plant(tiny(at_batch_3(lambda: os.kill(os.getpid(), signal.SIGKILL))))
    record = take("generator")
    assert record.outcome == "crashed"
    assert record.message.startswith("ended by SIGKILL.")
    assert nothing_left()


def test_a_process_that_ends_itself_is_named_by_its_status(take, plant, tiny, nothing_left):
    """No answer is not an answer."""
    plant(tiny(at_batch_3(lambda: os._exit(3))))
    record = take("generator")
    assert record.outcome == "crashed"
    assert record.message.startswith("ended with exit status 3 and no result.")
    assert nothing_left()


def test_a_process_that_ends_itself_as_if_all_were_well_has_crashed(take, plant, tiny):
    """Status 0 without an answer is not an answer either, and must not abort a run."""
    plant(tiny(at_batch_3(lambda: os._exit(0))))
    record = take("generator")
    assert record.outcome == "crashed"
    assert record.message.startswith("ended with exit status 0 and no result.")


def test_a_caller_that_has_faulthandlers_timer_running_can_take(loaded, plant, tiny):
    """Test runners set it: a take made by a person's own test must not hang for that."""
    from feeders.measure import Cell, take

    plant(tiny())
    faulthandler.dump_traceback_later(1000, file=sys.__stderr__)
    try:
        record = take(Cell("arrays", "window", 1), Settings(steady_seconds=0.1, deadline_seconds=5))
    finally:
        faulthandler.cancel_dump_traceback_later()
    assert record.outcome == "measured"


def test_a_failure_of_the_timed_fit_keeps_the_delivery(take, plant, tiny, events):
    """What was verified stays known when the second process breaks."""

    def breaks_later(index, epoch):
        events.add(os.getpid())
        if epoch == 3:
            raise LookupError("planted in epoch 3")

    plant(tiny(breaks_later))
    record = take("generator", steady_seconds=60)
    assert record.outcome == "failed"
    assert "planted in epoch 3" in record.message
    assert record.guarantee == "exactly-once"
    assert record.metrics["missing"] == 0
    assert "epoch" not in record.metrics


def test_a_worker_process_that_a_feeder_leaves_running_is_gone_after_the_take(take, plant, tiny, nothing_left, events):
    """Also one that has left its process group and lost its parent."""

    def build(material, workers):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                events.add("runs")
                never_returns()
            os._exit(0)
        return feeder("generator").build(material, workers)

    plant(tiny(), Feeder("planted", build, "planted", "planted"))
    record = take()
    assert record.outcome == "measured", record.message
    # One of the verifying process, two of the timed one: it builds a long epoch as well.
    assert events.read() == [["runs"]] * 3
    assert nothing_left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_nothing_is_left_when_the_caller_is_ended(loaded, plant, tiny, nothing_left, number):
    """Ctrl-C, or a kill that nobody can catch, of the process that called `take`: the take goes with it."""
    from feeders.measure import Cell, take

    entered, tell = os.pipe()
    plant(tiny(at_batch_3(lambda: (os.write(tell, b"!"), never_returns()))))
    caller = os.fork()
    if caller == 0:
        try:
            take(Cell("generator", "window", 1), Settings(deadline_seconds=300))
        except KeyboardInterrupt:
            os._exit(130)
        finally:
            os._exit(1)
    os.close(tell)
    assert select.select([entered], [], [], 60)[0], "the take never began"
    os.close(entered)
    os.kill(caller, number)
    _, status = os.waitpid(caller, 0)
    if number == signal.SIGINT:
        assert os.WEXITSTATUS(status) == 130
    else:
        assert os.WTERMSIG(status) == number
    assert nothing_left()


def test_ctrl_c_that_comes_while_a_take_is_forked_ends_it(loaded, nothing_left, monkeypatch):
    """It is held back for that moment, and raised before anybody holds the work."""
    caller, masked = os.getpid(), signal.pthread_sigmask

    def restored(how, mask):
        before = masked(how, mask)
        if how == signal.SIG_SETMASK and os.getpid() == caller:
            raise KeyboardInterrupt
        return before

    monkeypatch.setattr(signal, "pthread_sigmask", restored)
    with pytest.raises(KeyboardInterrupt):
        watched(lambda finish: never_returns(), Watch(deadline_seconds=60, memory=False))
    assert nothing_left()


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (FeedersError("the cache is planted full"), "failed"),
        (Unsupported("it is planted not to be had"), "unsupported"),
    ],
)
def test_material_that_cannot_be_had_is_an_outcome_of_its_cells_alone(take, plant, tiny, monkeypatch, error, outcome):
    """One workload's trouble does not abort a run."""

    class Absent:
        def of_batch(self, size):
            return self

        def material(self):
            raise error

    plant(tiny())
    present = cells.workload
    monkeypatch.setattr(cells, "workload", lambda name: Absent() if name == "jpeg" else present(name))
    record = take("arrays", "jpeg")
    assert (record.outcome, record.message) == (outcome, str(error))
    assert take("arrays", "window").outcome == "measured"


def test_a_feed_that_runs_dry_has_failed(take, plant, tiny):
    """Fewer batches than promised is no fast epoch."""

    def build(material, workers):
        feed = feeder("generator").build(material, workers)
        return type(feed)((next(feed.x) for _ in range(9)), fit=feed.fit)

    plant(tiny(), Feeder("planted", build, "planted", "planted"))
    record = take(steady_seconds=1e-6)  # the second epoch, half of it, is the last
    assert record.outcome == "failed"
    assert "the feed ran out of data" in record.message
    assert record.guarantee == "exactly-once"


def test_preload_runs_nothing(loaded):
    """Takes are forked from here: a process that has started TensorFlow's runtime must not be."""
    assert is_untouched()


def test_a_process_that_has_run_an_operation_measures_in_a_new_interpreter(in_child, monkeypatch, own_cache):
    """It is never forked; the take is made all the same."""

    def work():
        import tensorflow as tf

        from feeders.measure import Cell, take

        assert int(tf.constant(1) + 1) == 2
        touched = not is_untouched()
        monkeypatch.setattr(takes, "_forked", None)
        record = take(Cell("arrays", "window", 1), Settings(steady_seconds=0.1))
        return [touched, record.outcome, record.guarantee, record.message]

    assert in_child(work) == [True, "measured", "exactly-once", ""]


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FEEDERS_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("echo 'TensorFlow is planted to be missing'; exit 2", "TensorFlow is planted to be missing"),
        ("kill -9 $$", "arrays on window, workers 1: the measuring process ended with -9"),
    ],
)
def test_a_new_interpreter_that_cannot_measure_says_why(loaded, plant, tiny, monkeypatch, tmp_path, script, text):
    """Its last words, or its end, become the message."""
    from feeders.measure import Cell, take

    interpreter = tmp_path / "python"
    interpreter.write_text(f"#!/bin/sh\n{script}\n")
    interpreter.chmod(0o755)
    plant(tiny())
    monkeypatch.setattr(sys, "executable", str(interpreter))
    monkeypatch.setattr(takes, "is_untouched", lambda: False)
    with pytest.raises(FeedersError, match=f"^{text}$"):
        take(Cell("arrays", "window", 1), Settings())


def test_ctrl_c_ends_a_new_interpreter_in_silence(monkeypatch, capfd):
    """The terminal sends it to both; whoever asked for the take tells of it."""
    from feeders.measure import __main__ as entry

    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(entry, "preload", interrupted)
    monkeypatch.setattr(entry, "die_with_parent", lambda: None)
    assert entry._main('["text", {}]') == 130
    assert capfd.readouterr() == ("", "")


def test_a_watching_process_that_is_killed_is_a_crash(take, plant, tiny, nothing_left):
    """Whoever kills it, out of memory for one: the run goes on, and the take has gone with it."""

    def kills_its_watcher():
        os.kill(os.getppid(), signal.SIGKILL)
        never_returns()

    plant(tiny(at_batch_3(kills_its_watcher)))
    record = take("generator")
    assert record.outcome == "crashed"
    assert record.message.startswith("the process that watched the take has ended.")
    assert nothing_left()


def test_an_answer_that_a_full_disk_cuts_is_a_crash(in_child):
    """What the watching process writes is read whole or not at all."""

    def work():
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
        try:
            ended = watched(lambda finish: finish(1), Watch(deadline_seconds=60, memory=False))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        return [ended.outcome, ended.message]

    outcome, message = in_child(work)
    assert outcome == "crashed"
    assert message.startswith("the process that watched the take has ended.")
