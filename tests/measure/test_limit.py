"""The limit of a host and a loader: of known costs it is known, and a take is held against the right one."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from feeders.loaders.own import Own, OwnLoader
from feeders.measure import Record, Settings, alone
from feeders.measure.alone import cache_bytes, limit_of, prepare_cpu
from feeders.measure.gil import Preparation
from feeders.measure.host import usable_cores
from feeders.measure.limit import Limit, with_limit
from feeders.measure.within import Pace
from feeders.strategies import feeder
from tests.conftest import TinyRow

LIMIT = Limit(ceiling=10_000.0, train_cpu=1e-4, prepare_cpu=9e-4, prepare_seconds=9e-4, gil_share=0.25, cores=2)


def burn(index, epoch):
    """1 ms of CPU for each of the four samples of a batch."""
    end = time.thread_time() + 0.004
    while time.thread_time() < end:
        pass


@pytest.fixture(scope="module")
def burning(loaded, tiny):
    return limit_of(TinyRow(tiny(burn, samples=24)), Settings(steady_seconds=0.2, deadline_seconds=100))


def test_a_loader_that_burns_1_ms_a_sample_is_bound_by_the_cores(burning):
    """CPU time, which a busy machine does not stretch far."""
    assert 0.001 <= burning.prepare_cpu < 0.0015
    assert burning.samples == min(burning.ceiling, burning.cores / (burning.prepare_cpu + burning.train_cpu))
    assert burning.samples < burning.cores / 0.001
    assert burning.train_cpu > 0


def test_a_loader_that_waits_has_the_ceiling_for_a_limit(loaded, tiny, monkeypatch):
    monkeypatch.setattr(alone, "granted_cores", lambda: 1.5)  # by the quota of a container
    limit = limit_of(TinyRow(tiny(lambda index, epoch: time.sleep(0.005), samples=24)), Settings(steady_seconds=0.2))
    assert limit.prepare_cpu < 0.2 * limit.prepare_seconds
    assert limit.prepare_seconds >= 0.005 / 4
    assert limit.cores == 1.5


def test_a_loader_that_breaks_has_no_limit(loaded, tiny):
    def breaks(index, epoch):
        raise OSError("gone")

    assert limit_of(TinyRow(tiny(breaks)), Settings()) is None


def test_a_persons_loader_that_still_computes_is_given_longer(monkeypatch, tiny):
    """As in its takes; to train with a slow model would take too long."""
    watches, answers = [], iter([{}, None, None])
    monkeypatch.setattr(
        alone, "watched", lambda part, watch: watches.append(watch) or SimpleNamespace(answer=next(answers))
    )
    own = Own(f"{Path(__file__).with_name('own_loaders.py')}:Plain")
    assert [limit_of(load, Settings()) for load in (own, TinyRow(tiny()))] == [None, None]
    assert [watch.patient for watch in watches] == [True, False, False]  # its loader, its model; a workload


def test_passes_that_another_program_disturbed_do_not_count():
    pace = Pace([(1.0, 0.5), (1.0, 0.5), (1.0, 0.5), (9.0, 4.0)], span=(0.0, 12.0))
    assert pace.undisturbed() == (1.0, 0.5)
    assert pace.seconds == 3.0


@pytest.mark.parametrize("cpu", [(0.01, 0.03), (0.03, 0.01)])
def test_training_costs_the_lesser_of_what_it_takes_alone_and_beside_others(in_child, tiny, monkeypatch, cpu):
    """Threads that wait busily for one another take more beside others: a limit by that would be one to beat."""
    paces = [Pace([(seconds, each)], span=(0.0, 1.0)) for seconds, each in zip((0.02, 0.05), cpu)]

    def run(self, feed, enough):
        for pace in paces:
            enough(pace)

    monkeypatch.setattr(alone.LongEpoch, "run", run)
    monkeypatch.setattr(alone, "_others_preparing", lambda load: contextlib.nullcontext(lambda: None))

    def trained():
        answers = []
        alone._train(TinyRow(tiny(samples=24)), Settings(), answers.append)
        return answers

    assert in_child(trained) == [{"ceiling": pytest.approx(4 / 0.02), "train_cpu": pytest.approx(0.01 / 4)}]


def test_of_each_batch_its_least_disturbed_preparation_counts(monkeypatch, tiny):
    """By a virtual clock: batches of 1, 2, 3 ... ms, and each second pass takes five times as long."""
    taken = [0.0]
    monkeypatch.setattr(alone, "time", SimpleNamespace(perf_counter=lambda: 0.0, thread_time=lambda: taken[0]))
    monkeypatch.setattr(alone, "PREPARE_SECONDS", 0.0)
    monkeypatch.setattr(alone, "FEWEST_PASSES", 8)
    calls = itertools.count()

    def prepare(index, epoch):
        slow = next(calls) // 5 % 2  # five whole batches a pass
        taken[0] += 0.001 * (index + 1) * (5 if slow else 1)

    loader = TinyRow(tiny(prepare, samples=24)).open()
    assert prepare_cpu(loader) == pytest.approx(0.001 * (1 + 2 + 3 + 4 + 5) / 5 / loader.batch_size)


def test_what_fills_a_buffer_first_is_no_batchs_preparation(monkeypatch):
    """By a virtual clock: the first batch of a pipeline takes 101 s of CPU, each other one 1 s."""
    used = [0.0]

    class Shuffled(OwnLoader):
        def batches(self, epoch):
            used[0] += 100.0
            while True:
                used[0] += 1.0
                yield None

    def preparation(prepare):
        prepare(0)
        prepare(1)
        return Preparation(seconds=2.0, cpu_seconds=9.0, gil_share=0.5)

    monkeypatch.setattr(alone, "time", SimpleNamespace(process_time=lambda: used[0]))
    monkeypatch.setattr(alone, "is_dataset", lambda x: True)
    monkeypatch.setattr(alone, "preparation", preparation)
    assert alone._prepare_in_order(Shuffled(None, "mine", 4)) == Preparation(2.0, 1.0, 0.5)


def test_an_epoch_has_begun_where_batches_are_made_for_a_limit(loaded, tiny, monkeypatch):
    """A loader may draw its order there, and have none before."""
    begun = []

    def before(index, epoch):
        assert begun

    loader = tiny(before)
    loader.on_epoch_begin = lambda: begun.append(True)
    monkeypatch.setattr(alone, "preparation", lambda prepare: prepare(0) and Preparation(1.0, 1.0, 0.5))
    assert alone._alone(loader)["gil_share"] == 0.5
    begun.clear()
    assert alone._written_elsewhere(loader)


def test_what_keeps_the_other_cores_busy_ends_with_the_measurement(in_child, tiny):
    def children():
        return len(psutil.Process().children())

    def measured():
        with alone._others_preparing(TinyRow(tiny(burn, samples=24))) as begin:
            begin()
            during = children()
        return during, children()

    assert in_child(measured) == [usable_cores() - 1, 0]


def test_the_lesser_of_both_bounds_is_the_limit():
    assert LIMIT.samples == pytest.approx(2000)
    assert dataclasses.replace(LIMIT, cores=1.5).samples == pytest.approx(1500)
    assert dataclasses.replace(LIMIT, cores=64).samples == 10_000


def record(name):
    metrics = {"epoch": 2.0, "gap": 0.0, "throughput": 1541.0, "effective_throughput": 1541.0}
    return Record(name, "remote", 4, "measured", metrics=metrics)


def test_a_take_is_held_against_the_limit():
    metrics = with_limit(record("sequence"), feeder("sequence"), LIMIT).metrics
    assert metrics["limit"] == pytest.approx(2000)
    assert metrics["share_of_limit"] == pytest.approx(77.05)
    assert metrics["beyond_limit"] == pytest.approx(1000 / 1541 - 0.5)
    assert metrics["gil_share"] == 0.25


def test_what_prepares_nothing_in_python_has_the_ceiling():
    for name in ("arrays", "tfdata-native"):
        metrics = with_limit(record(name), feeder(name), LIMIT).metrics
        assert metrics["limit"] == 10_000
        assert metrics["share_of_limit"] == pytest.approx(15.41)
        assert "gil_share" not in metrics


def test_the_ceiling_has_no_share_of_itself():
    metrics = with_limit(record("resident"), feeder("resident"), LIMIT).metrics
    assert metrics["limit"] == 10_000
    assert not {"share_of_limit", "beyond_limit"} & set(metrics)


def test_without_a_limit_or_numbers_a_take_stays_as_it_is():
    take, hung = record("sequence"), Record("sequence", "remote", 4, "hung")
    assert with_limit(take, feeder("sequence"), None) is take
    assert with_limit(hung, feeder("sequence"), LIMIT) is hung


def test_the_cache_has_a_size():
    assert cache_bytes() >= 1 << 18
