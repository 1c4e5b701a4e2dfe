"""Each pool, again and again: no hang, nothing left behind, nothing lost or twice."""

import itertools
import os
import random
import threading
import time

import numpy as np
import pytest
from pool_loaders import STEPS, At, Numbered, Sized, exit_worker, kill_worker, raise_in_worker


def by_epoch(batches, epochs):
    return [sorted(int(y[1]) for _, y in itertools.islice(batches, STEPS)) for _ in range(epochs)]


RIGHT = 3 * [list(range(STEPS))]


def end_thread():
    raise SystemExit


def test_a_worker_dies(make, name, rounds, nothing_left_here):
    acts = [kill_worker, exit_worker] if name == "lookahead-processes" else [end_thread]
    for number in rounds:
        act = acts[number % len(acts)]
        with make(Numbered(before=At(act, index=number % STEPS, epoch=number % 3)), 3) as pool:
            with pytest.raises((RuntimeError, SystemExit)) as caught:
                by_epoch(pool.batches(), 10)
            assert act is end_thread or "was killed by SIGKILL" in str(caught.value) or "status 3" in str(caught.value)
        del pool, caught
    nothing_left_here()


def test_a_worker_is_killed_at_any_time(make, name, rounds, nothing_left_here):
    if name != "lookahead-processes":
        pytest.skip("a thread can't be killed")
    draw = random.Random(1)
    for _ in rounds:
        with make(Numbered(), 3) as pool:
            killer = threading.Timer(draw.random() / 20, pool._crew.processes[draw.randrange(3)].kill)
            killer.start()
            with pytest.raises(RuntimeError, match=r"worker [123] of 3 was killed by SIGKILL"):
                while True:
                    assert by_epoch(pool.batches(), 1) == RIGHT[:1]
            killer.join()
        del pool
    nothing_left_here()


def test_a_worker_raises(make, rounds, nothing_left_here):
    for number in rounds:
        with make(Numbered(before=At(raise_in_worker, index=number % STEPS, epoch=number % 3)), 3) as pool:
            batches = pool.batches()
            with pytest.raises(KeyError, match="planted"):
                by_epoch(batches, 10)
        del pool, batches
    nothing_left_here()


def test_training_raises(make, rounds, nothing_left_here):
    for number in rounds:
        with pytest.raises(OSError, match="planted"), make(Numbered(), 3) as pool:
            for _batch in itertools.islice(pool.batches(), number % 12, None):
                raise OSError("planted")
        del pool, _batch
    nothing_left_here()


def test_training_leaves_after_one_batch_without_a_word(make, rounds, nothing_left_here):
    for _ in rounds:
        next(make(Numbered(size=10_000), 2).batches())
    nothing_left_here()


def test_training_is_left_and_begun_again(make, rounds):
    with make(Numbered(), 3) as pool:
        for number in rounds:
            batches = pool.batches()
            for _batch in itertools.islice(batches, number % 17):
                pass
            assert by_epoch(pool.batches(), 3) == RIGHT


def test_a_slow_consumer(make, rounds):
    for _ in rounds:
        with make(Numbered(), 3) as pool:
            batches = pool.batches()
            slow = (time.sleep(0.002) or batch for batch in batches)
            assert by_epoch(slow, 3) == RIGHT


def test_a_batch_of_another_size(make, name, rounds):
    for number in rounds:
        with make(Sized(), 3, 3 + number % 5) as pool:
            sizes = []
            for batch in itertools.islice(pool.batches(), 3 * len(Sized.sizes)):
                assert np.all(batch == (batch[0] if batch.size else 0))
                sizes.append(batch.size)
            assert sorted(sizes) == sorted(3 * Sized.sizes)


def test_two_pools_at_once(make, rounds, nothing_left_here):
    for _ in rounds:
        with make(Numbered(), 2) as train, make(Numbered(), 2) as validate:
            batches = train.batches()
            for _epoch in range(3):
                assert by_epoch(batches, 1) == RIGHT[:1]
                assert by_epoch(validate.batches(), 1) == RIGHT[:1]
        del train, validate, batches
    nothing_left_here()


def test_a_forked_copy_of_the_pool_harms_nobody(make, rounds):
    """As when Keras or the program forks while the pool lives."""
    with make(Numbered(), 2) as pool:
        batches = pool.batches()
        for _ in rounds:
            assert by_epoch(batches, 1) == RIGHT[:1]
            if os.fork() == 0:
                try:
                    pool.close()
                finally:
                    os._exit(0)
            os.wait()
