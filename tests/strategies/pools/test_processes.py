"""What the pool of processes promises beside: slots of shared memory, randomness, ways to start, deaths."""

import contextlib
import io
import itertools
import multiprocessing
import multiprocessing.forkserver
import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from pool_loaders import (
    STEPS,
    At,
    Hooked,
    Numbered,
    Random,
    RandomOfTorch,
    Shuffled,
    ShuffledLate,
    ShuffledLateToo,
    Sized,
    Unpicklable,
    Various,
    exit_worker,
    kill_worker,
    raise_odd,
    sleep_long,
)

from feeders.strategies import lookahead_processes
from feeders.strategies.lookahead_processes import LookaheadProcesses

DEADLINE_SECONDS = 60


def take(batches, count):
    return list(itertools.islice(batches, count))


@pytest.fixture
def pool():
    with contextlib.ExitStack() as made:
        yield lambda *args, start="fork", **kwargs: made.enter_context(LookaheadProcesses(*args, start=start, **kwargs))


def leaves(batch):
    if isinstance(batch, dict):
        batch = list(batch.values())
    if isinstance(batch, (list, tuple)):
        return [leaf for part in batch for leaf in leaves(part)]
    return [batch]


def random_states():
    _, key, place, *_ = np.random.get_state()
    return random.getstate(), key.tolist(), place


class Generator(random.Random):
    """What a pool calls of torch's."""

    manual_seed, get_state, set_state = random.Random.seed, random.Random.getstate, random.Random.setstate


class TestSlots:
    def test_who_keeps_every_batch_finds_each_whole_and_starves_nobody(self, pool):
        made = pool(Numbered(steps=50, size=10_000), 2)
        kept = take(made.batches(), 200)
        for number, (x, _) in enumerate(kept):
            assert np.all(x == 100 * (number // 50) + number % 50)
        assert len(made._free) + made._busy == made._ahead, "as many slots as are ahead were kept back"

    def test_what_is_kept_for_good_costs_nobody_a_copy(self, pool):
        """Each ``fit()`` of Keras keeps two batches: after some, every batch was copied."""
        made = pool(Numbered(steps=50), 2)
        batches = made.batches()
        kept = [take(batches, 1 + 300)[0] for _ in range(made._slots + 10)]
        assert isinstance(next(batches)[0].base.base, lookahead_processes._Lease)
        assert [int(x[0]) for x, _ in kept] == [100 * (n // 50) + n % 50 for n in range(0, 301 * len(kept), 301)]

    def test_slots_leave_descriptors_to_others(self, pool, monkeypatch):
        """Each takes one: whoever kept many batches, or called ``fit()`` hundreds of times, could open no file."""
        monkeypatch.setattr(lookahead_processes, "KEPT_BATCHES", 1)
        monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
        made = pool(Numbered(steps=50), 2)
        kept = take(made.batches(), 100)
        assert made._slots == 32
        assert [int(x[0]) for x, _ in kept] == [*range(50), *range(100, 150)]

    def test_a_batch_that_outlives_the_pool_keeps_its_own_memory_alone(self, pool):
        """Keras keeps two of each ``fit()`` for good: they would keep the memory of all slots of a pool of its own."""
        made = pool(Numbered(steps=50, size=400_000), 2)
        kept, _ = take(made.batches(), 5)[-1]
        file = os.dup(made._memory.file.fileno())
        try:
            before = os.fstat(file).st_blocks
            made.close()
            assert 0 < 3 * os.fstat(file).st_blocks < before
        finally:
            os.close(file)
        assert np.all(kept == 4)

    def test_who_keeps_none_uses_few_slots(self, pool):
        made = pool(Numbered(steps=50), 2)
        for batch in itertools.islice(made.batches(), 300):
            del batch
        assert len(made._memory._maps) <= made._ahead + 3

    @pytest.mark.parametrize(
        "view",
        [
            lambda x: x[10:20],
            lambda x: x[10:20].reshape(2, 5).T,
            lambda x: x.view(np.int32)[20:40],
            lambda x: memoryview(x)[10:20],
            lambda x: x[10:20][::-1][::-1],
            lambda x: np.asarray(memoryview(x[10:20])),
            lambda x: np.lib.stride_tricks.sliding_window_view(x, 5),
        ],
    )
    def test_a_part_of_a_batch_keeps_its_slot(self, pool, view):
        batches = pool(Numbered(steps=50), 1, 1).batches()
        kept = view(next(batches)[0])
        before = bytes(kept)
        for batch in itertools.islice(batches, 60):
            del batch
        assert bytes(kept) == before

    def test_one_array_of_a_batch_keeps_the_slot_for_itself_and_gives_it_back(self, pool):
        made = pool(Numbered(steps=50), 1, 1)
        batches = made.batches()
        kept = next(batches)[1]
        free = len(made._free)
        del kept
        assert len(made._free) == free + 1

    @pytest.mark.parametrize("keep", [0, 100])
    def test_arrays_start_at_multiples_of_64_bytes(self, pool, keep):
        batches = pool(Various(), 1).batches()
        _kept = take(batches, keep)
        for array in leaves(next(batches)):
            if isinstance(array, np.ndarray) and array.size and not array.dtype.hasobject:
                assert array.ctypes.data % 64 == 0

    def test_a_batch_may_be_changed(self, pool):
        x, _ = next(pool(Numbered(), 1).batches())
        x += 1
        assert np.all(x == 1)

    def test_a_batch_may_be_anything(self, pool):
        for index, batch in enumerate(take(pool(Various(), 2).batches(), 3)):
            right = Various()[index]
            assert batch.keys() == right.keys()
            for one, other in zip(leaves(batch), leaves(right)):
                np.testing.assert_array_equal(one, other)
                assert getattr(one, "dtype", type(one)) == getattr(other, "dtype", type(other))

    def test_batches_may_be_of_any_size(self, pool):
        batches = pool(Sized(), 3).batches()
        for _ in range(10):
            for index, size in enumerate(Sized.sizes):
                batch = next(batches)
                assert batch.size == size and np.all(batch == index)

    def test_a_batch_larger_than_a_slot_is_an_error_and_not_written_over_the_next(self, pool, monkeypatch):
        monkeypatch.setattr(lookahead_processes, "STRIDE", 1 << 20)
        with pytest.raises(ValueError, match=r"a batch of 1,\d{3},\d{3} bytes; expected up to 1,048,576"):
            next(pool(Numbered(size=150_000), 1).batches())

    def test_where_the_system_has_no_memory_files_a_file_without_a_name_serves(self, pool, monkeypatch):
        monkeypatch.delattr(os, "memfd_create")
        made = pool(Numbered(size=100_000), 2)
        assert [int(x[-1]) for x, _ in take(made.batches(), 3)] == [0, 1, 2]
        with open("/proc/self/maps") as maps:
            assert all(line.endswith("(deleted)\n") for line in maps if "/dev/shm" in line)

    def test_full_memory_is_an_error_not_a_crash(self, pool, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "posix_fallocate", full)
        with pytest.raises(RuntimeError, match="ended with exit status 1"):
            next(pool(Numbered(), 1).batches())

    def test_more_batches_ahead_than_pipes_hold(self, pool, monkeypatch):
        import fcntl

        made = pool(Numbered(steps=1000, size=1), 2, 1000)
        for end in (made._crew._tasks, made._crew._done):
            fcntl.fcntl(end.fileno(), 1031, 4096)  # F_SETPIPE_SZ, which Python knows from 3.10
        assert [int(y[1]) for _, y in take(made.batches(), 2000)] == 2 * list(range(1000))


class TestRandomness:
    def test_no_two_batches_draw_the_same_numbers_whoever_prepares_them(self, pool):
        alone, three = (take(pool(Random(), workers, seed=5).batches(), 120) for workers in (1, 3))
        assert alone == three
        assert len({x for pair in alone for x in pair}) == 240

    def test_another_seed_draws_others(self, pool):
        one, two = (take(pool(Random(), 1, seed=seed).batches(), 1) for seed in (1, 2))
        assert one != two

    def test_numbers_of_numpy_are_numbers(self, pool):
        def drawn(kind):
            loader = Shuffled(int)
            loader.on_epoch_begin = loader.on_epoch_end
            return take(pool(loader, 1, seed=kind(5)).batches(kind(1)), 16)

        assert drawn(np.int64) == drawn(int)

    def test_without_a_seed_the_programs_own_decides(self, pool):
        drawn = []
        for _ in range(2):
            random.seed(8)
            drawn.append(take(pool(Random(), 1).batches(), 1))
        assert drawn[0] == drawn[1]

    def test_torchs_generator_is_seeded_too(self, pool, monkeypatch):
        """A worker is forked with a copy of it: all would draw the same numbers."""
        torch = SimpleNamespace(default_generator=Generator(1), set_num_threads=int)
        monkeypatch.setitem(sys.modules, "torch", torch)
        made = pool(RandomOfTorch(), 3, seed=5)
        before = torch.default_generator.get_state()
        drawn = [take(made.batches(), 80) for _ in range(2)]
        assert drawn[0] == drawn[1]
        assert len(set(drawn[0])) == 80
        assert torch.default_generator.get_state() == before

    @pytest.mark.parametrize("kind", [Shuffled, ShuffledLate, ShuffledLateToo])
    def test_hooks_draw_one_order_for_all_workers(self, pool, kind):
        """Else each would shuffle for itself: some batches would come twice, and others never."""
        loader = kind(partial(multiprocessing.get_context("fork").Barrier(2).wait, DEADLINE_SECONDS))
        batches = pool(loader, 2, seed=5).batches()
        orders = [take(batches, 8)]
        for _ in range(3):
            orders.append(take(batches, 8))
            assert orders[-1] == loader.order
        assert all(sorted(order) == list(range(8)) for order in orders)
        assert len(set(map(tuple, orders))) == 4

    def test_hooks_take_no_random_numbers_from_training(self, pool):
        batches = pool(Shuffled(int), 1, seed=5).batches()
        take(batches, 8)
        before = random_states()
        take(batches, 2 * 8)
        assert random_states() == before


class TestDeath:
    @pytest.mark.parametrize(
        ("act", "how"),
        [(kill_worker, r"was killed by SIGKILL \(out of memory\?\)"), (exit_worker, "ended with exit status 3")],
    )
    def test_a_worker_that_dies_ends_training_with_one_error(self, pool, act, how, nothing_left_here):
        made = pool(Numbered(before=At(act)), 3)
        with pytest.raises(RuntimeError, match=f"worker [123] of 3 {how}, at or after batch 3 of epoch 0"):
            take(made.batches(), 100)
        del made
        nothing_left_here()

    def test_one_that_dies_in_a_hook_says_so(self, pool, tmp_path):
        loader, here = Hooked(tmp_path / "events"), os.getpid()
        loader.on_epoch_end = lambda: os.getpid() == here or kill_worker()
        batches = pool(loader, 1).batches()
        take(batches, STEPS)
        with pytest.raises(RuntimeError, match=r"was killed by SIGKILL .*, at or after the hooks before epoch 1"):
            next(batches)

    def test_an_idle_one_too(self, pool):
        made = pool(Numbered(), 2)
        batches = made.batches()
        next(batches)
        for process in made._crew.processes:
            os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(RuntimeError, match="was killed by SIGKILL"):
            take(batches, 100)

    def test_the_only_one_too(self, pool):
        """Nobody is there then to read the next task; its batches are, which are ready."""
        made = pool(Numbered(), 1)
        batches = made.batches()
        next(batches)
        while made._memory.control[2] < 3:  # batch 1 is ready as soon as batch 2 is in work
            time.sleep(0.001)
        made._crew.processes[0].kill()
        made._crew.processes[0].join()
        with pytest.raises(RuntimeError, match=r"worker 1 of 1 was killed by SIGKILL .*, at or after batch 2 of epoch"):
            take(batches, 100)

    def test_the_others_are_told_to_leave_after_one_has_died(self, pool, monkeypatch):
        """A new interpreter has its own gate alone, so that nobody can read there once it is gone."""
        made = pool(Numbered(), 2)
        nobody, made._crew._gates[0] = multiprocessing.Pipe(duplex=False)
        nobody.close()
        told, send = [], made._crew.send
        monkeypatch.setattr(made._crew, "send", lambda task: told.append(task) or send(task))
        made.close()
        assert len(told) == 2

    def test_an_exception_that_does_not_pickle_is_told_by_its_name(self, pool):
        with pytest.raises(RuntimeError, match="OddError: 1 and 2"):
            take(pool(Numbered(before=At(raise_odd)), 1).batches(), STEPS)

    def test_a_batch_that_does_not_pickle_is_an_error(self, pool):
        class Lambdas(Numbered):
            def batch(self, index, epoch):
                return lambda: None

        with pytest.raises(Exception, match=r"(?i)pickle"):
            next(pool(Lambdas(), 1).batches())

    def test_a_worker_that_does_not_come_back_is_killed(self, pool, monkeypatch, nothing_left_here):
        monkeypatch.setattr(lookahead_processes, "LEAVE_SECONDS", 0.2)
        made = pool(Numbered(before=At(sleep_long)), 2)
        take(made.batches(), 2)
        made.close()
        del made
        nothing_left_here()

    @pytest.mark.parametrize("start", ["fork", "forkserver"])
    def test_workers_end_with_whoever_trains(self, tmp_path, start):
        script = tmp_path / "script.py"
        script.write_text(
            textwrap.dedent(f"""
            import os, sys, time
            sys.path.insert(0, {str(Path(__file__).parent)!r})
            from pool_loaders import At, Numbered, sleep_long
            from feeders.strategies.lookahead_processes import LookaheadProcesses
            if __name__ == "__main__":
                pool = LookaheadProcesses(Numbered(before=At(sleep_long)), 2, start={start!r})
                batches = pool.batches()
                next(batches)
                print(*(process.pid for process in pool._crew.processes), flush=True)
                time.sleep(60)
            """)
        )
        with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as parent:
            workers = list(map(int, parent.stdout.readline().split()))
            parent.kill()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while any(map(alive, workers)):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().split()[2] != "Z"
    except OSError:
        return False


class TestStart:
    @pytest.mark.parametrize("start", ["fork", "forkserver", "spawn"])
    def test_every_way_to_start_delivers_the_same(self, pool, start, tmp_path):
        batches = pool(Hooked(tmp_path / "events"), 3, start=start).batches()
        assert take(batches, 3 * STEPS) == [(epoch + 1, epoch) for epoch in range(3) for _ in range(STEPS)]

    def test_a_loader_that_does_not_pickle_is_refused_with_what_to_do(self, pool, nothing_left_here):
        with pytest.raises(TypeError, match=r"can't be pickled: .*lock.*Make the pool before the model"):
            pool(Unpicklable(), 2, start="spawn")
        nothing_left_here()
        assert [int(x[0]) for x, _ in take(pool(Unpicklable(), 1).batches(), 2)] == [0, 1]

    def test_it_forks_where_nothing_forbids_it(self, monkeypatch):
        if threading.active_count() > 1:
            pytest.skip("other threads run here")
        for name in ("tensorflow.python.eager.context", "jax._src.xla_bridge"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        assert lookahead_processes._safest_start() == "fork"

    @pytest.mark.parametrize(
        ("name", "module"),
        [
            ("tensorflow.python.eager.context", SimpleNamespace(_context=SimpleNamespace(_initialized=True))),
            ("jax._src.xla_bridge", SimpleNamespace(_backends={"cpu": object()})),
        ],
    )
    def test_it_never_forks_once_tensorflow_or_jax_has_started(self, monkeypatch, name, module):
        monkeypatch.setitem(sys.modules, name, module)
        assert lookahead_processes._safest_start() == "forkserver"

    def test_nor_while_a_gpu_is_held(self, monkeypatch):
        monkeypatch.setattr(os, "readlink", lambda _: "/dev/nvidia0")
        assert lookahead_processes._safest_start() == "forkserver"

    def test_nor_beside_other_threads(self):
        free = threading.Event()
        thread = threading.Thread(target=free.wait)
        thread.start()
        try:
            assert lookahead_processes._safest_start() == "forkserver"
        finally:
            free.set()
            thread.join()

    @pytest.mark.parametrize("start", ["spawn", "forkserver"])
    @pytest.mark.parametrize(
        ("condition", "where"),
        [("with contextlib.nullcontext():", "script.py, line 7, has no guard"), ("if sys.argv:", "your script has no")],
        ids=["seen before a worker starts", "found by a worker"],
    )
    def test_a_script_without_a_guard_ends_with_one_error(self, tmp_path, start, condition, where):
        """Its loader is larger than a pipe holds: whoever sends it to a worker that has ended would wait for ever."""
        script = tmp_path / "script.py"
        script.write_text(
            textwrap.dedent(f"""
            import contextlib, sys
            sys.path.insert(0, {str(Path(__file__).parent)!r})
            from pool_loaders import Large
            from feeders.strategies.lookahead_processes import LookaheadProcesses
            {condition}
                with LookaheadProcesses(Large(), 2, start={start!r}) as pool:
                    next(pool.batches())
            """)
        )
        told = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=DEADLINE_SECONDS)
        assert f"RuntimeError: LookaheadProcesses: {where}" in told.stderr
        assert '\n    if __name__ == "__main__":\n' in told.stderr
        assert told.stderr.count("Traceback") == 1

    def test_a_script_with_a_guard_trains(self, tmp_path):
        script = tmp_path / "script.py"
        script.write_text(
            textwrap.dedent(f"""
            import sys
            sys.path.insert(0, {str(Path(__file__).parent)!r})
            from pool_loaders import Large
            from feeders.strategies.lookahead_processes import LookaheadProcesses
            def train():
                with LookaheadProcesses(Large(), 2, start="spawn") as pool:
                    print(next(pool.batches()))
            if __name__ == "__main__":
                train()
            """)
        )
        assert subprocess.check_output([sys.executable, str(script)], text=True, timeout=DEADLINE_SECONDS) == "300000\n"

    def test_another_pool_of_processes_is_not_ended_silently_by_a_script_without_a_guard(self, monkeypatch):
        monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
        with pytest.raises(RuntimeError, match="your script has no guard"):
            LookaheadProcesses(Numbered())

    def test_a_fork_server_imports_what_is_heavy_and_not_the_script(self, monkeypatch):
        script, module = ModuleType("__main__"), ModuleType("my_data")
        script.tf, module.Model = ModuleType("tensorflow"), type("Model", (), {"__module__": "keras.src.models"})
        own = type("Own", (), {"__module__": "my_data"})()
        preloaded = []
        monkeypatch.setitem(sys.modules, "__main__", script)
        monkeypatch.setitem(sys.modules, "my_data", module)
        monkeypatch.setattr(multiprocessing.forkserver, "set_forkserver_preload", preloaded.extend)
        packer = lookahead_processes._Packer(io.BytesIO())
        monkeypatch.setattr(module, "Own", type(own), raising=False)
        packer.dump([own])
        lookahead_processes._preload(packer.modules)
        assert preloaded == ["tensorflow", "keras"]


def test_importing_it_imports_no_backend():
    """A worker that is a new interpreter imports this file: what it imports, each worker waits for and keeps."""
    backends = "{'tensorflow', 'keras', 'jax', 'torch'}"
    code = f"import feeders, sys; feeders.LookaheadProcesses; print([*{backends} & {{*sys.modules}}])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
