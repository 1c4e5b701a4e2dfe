from __future__ import annotations

import os
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

REPAIRS = ("records-handles", "records-pread", "records-narrow")


class Yielding:
    """The shared file, which gives way between seek and read."""

    def __init__(self, file, give_way):
        self._file, self._give_way = file, give_way

    def __getattr__(self, name):
        return getattr(self._file, name)

    def seek(self, position):
        self._file.seek(position)
        self._give_way()


def wrong(batches):
    return sum(zlib.crc32(row.tobytes()) != known for x, y in batches for row, known in zip(x, y[:, 3]))


def test_two_unlocked_threads_get_each_others_records(opened):
    """Both seek, then both read: who reads second, or did not seek last, is wrong: one in two records at least."""
    material = opened("records")
    material.file = Yielding(material.file, threading.Barrier(2, timeout=60).wait)
    with ThreadPoolExecutor(2) as pool:
        batches = list(pool.map(lambda index: material.batch(index, 0), (3, 50)))
    assert 32 <= wrong(batches) <= 64
    for index, (_, y) in zip((3, 50), batches):
        np.testing.assert_array_equal(y[:, 1], np.arange(32) + 32 * index)


def test_a_lock_makes_it_right(opened):
    material = opened("records")
    material.file = Yielding(material.file, lambda: time.sleep(0))
    lock = threading.Lock()

    def prepare(index):
        with lock:
            return material.batch(index, 0)

    with ThreadPoolExecutor(4) as pool:
        assert wrong(pool.map(prepare, range(len(material)))) == 0


def test_reading_past_the_end_delivers_a_wrong_record_not_an_error(opened):
    """The race can leave the position at the end of the file; people's loaders do not look at what `read` returned."""
    material = opened("records")
    last = len(material) - 1
    material.file = Yielding(material.file, lambda: material.file.read(-1))
    x, y = material.batch(last, 0)
    assert wrong([(x, y)]) == len(y)
    assert not x.any()


def open_files(folder):
    """How many files below a folder this process has open."""
    files = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sum(path.startswith(os.fspath(folder)) for path in files)


@pytest.mark.parametrize("name", REPAIRS)
def test_a_repair_is_the_same_file_and_the_same_answer(name, opened):
    """What is compared is how a record is read, and nothing else."""
    repaired, broken = opened(name), opened("records")
    assert repaired.folder == broken.folder
    np.testing.assert_array_equal(repaired.checksums, broken.checksums)
    for index in (0, 7, len(broken) - 1):
        for one, other in zip(repaired.batch(index, 3), broken.batch(index, 3)):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", REPAIRS)
def test_threads_that_read_at_once_get_their_own_records(name, opened):
    """Four threads begin each read together, which shows the fault of `records` in most of its samples."""
    material, start = opened(name), threading.Barrier(4, timeout=60)
    plain = material._read

    def together(position, record):
        start.wait()
        plain(position, record)

    material._read = together
    with ThreadPoolExecutor(4) as pool:
        batches = list(pool.map(lambda index: material.batch(index, 0), range(8)))
    assert wrong(batches) == 0


def test_a_narrow_lock_is_held_from_seek_to_read(opened):
    """A thread that gives way between the two keeps the others out."""
    material = opened("records-narrow")
    material.file = Yielding(material.file, lambda: time.sleep(0))
    with ThreadPoolExecutor(4) as pool:
        assert wrong(pool.map(lambda index: material.batch(index, 0), range(len(material)))) == 0


def test_a_handle_is_closed_when_its_thread_ends(opened):
    """Keras starts new threads in each epoch: handles must not pile up."""
    material = opened("records-handles")
    before = open_files(material.folder)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda index: material.batch(index, 0), range(8)))
        assert before < open_files(material.folder) <= before + 4
    assert open_files(material.folder) == before
    material.batch(0, 0)
    material.close()
    assert open_files(material.folder) == before


# Whether a forked process that reads moves the position of its parent's file.
MOVES = {"records-handles": False, "records-pread": False, "records-narrow": True}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("name", REPAIRS)
def test_what_a_forked_process_shares(name, opened):
    """A handle and a lock of threads: the lock is copied, the position is not."""
    material = opened(name)
    material.batch(0, 0)  # whatever this thread opens is there before the fork
    file = material._file() if name == "records-handles" else material.file
    before, pid = file.tell(), os.fork()
    if pid == 0:
        os._exit(wrong([material.batch(5, 0)]))
    assert os.waitpid(pid, 0)[1] == 0
    assert (file.tell() != before) == MOVES[name]
