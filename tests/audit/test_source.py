"""What the source around a race tells."""

from __future__ import annotations

import textwrap

import pytest

from feeders.audit.source import (
    Reader,
    call_lock,
    changed_in_place,
    changed_names,
    function_at,
    guarded_lines,
    name_reads,
    seeded_generator,
    shared_reader,
)
from feeders.audit.waits import thread_makers, waits_for


@pytest.fixture
def function(tmp_path):
    """Write the lines of a function from line 2 on, below its ``def``, and read it back."""

    def function(body, arguments="self, index"):
        path = tmp_path / "mine.py"
        path.write_text(f"def work({arguments}):\n" + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ") + "\n")
        found = function_at(str(path), 2)
        assert found is not None
        return found

    return function


# function_at


def test_a_line_belongs_to_the_innermost_function_around_it(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import os\n\n\nclass A:\n    def outer(self):\n        def inner():\n            pass\n        return inner\n"
    )
    assert function_at(str(path), 1) is None
    assert [function_at(str(path), line).name for line in (5, 6, 7, 8)] == ["outer", "inner", "inner", "outer"]


def test_source_that_is_not_there_or_is_no_python_tells_nothing(tmp_path):
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "binary.py").write_bytes(b"\xff\0")
    for name in ("absent.py", "broken.py", "binary.py", "<string>"):
        assert function_at(str(tmp_path / name), 1) is None


# call_lock


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("lock = threading.Lock()\nwith lock:\n    self.n += 1", 2),
        ("with threading.RLock():\n    self.n += 1", 2),
        ("n = 1\nlock = Lock()\nlock.acquire()", 3),
        ("with self.other, threading.Semaphore():\n    pass", 2),
    ],
    ids=["named", "at once", "acquired", "the second of two"],
)
def test_a_lock_that_is_new_in_each_call_is_found_where_it_is_made(function, body, line):
    assert call_lock(function(body)) == line


@pytest.mark.parametrize(
    "body",
    [
        "with self.lock:\n    self.n += 1",
        "lock = self.lock\nwith lock:\n    self.n += 1",
        "lock = self.locks[index]\nlock.acquire()",
        "lock = threading.Lock()\nself.locks.append(lock)",
        "with open(self.path) as file:\n    file.read()",
    ],
    ids=["of the instance", "by another name", "one of several", "not taken", "no lock"],
)
def test_a_lock_that_others_can_wait_for_is_not_accused(function, body):
    assert call_lock(function(body)) is None


# shared_reader


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("self.file.seek(index)\nnumber = 1\nreturn self.file.read(8)", Reader("self.file", 2, 4, asks=False)),
        ("file = self.file\nfile.seek(index)\nreturn file.read(8)", Reader("file", 3, 4, asks=False)),
        ("return self.files[index % 2].read(8)", Reader("self.files[...]", 2, 2, asks=False)),
        ("return self.archive.extractfile('a').read()", Reader("self.archive", 2, 2, asks=False)),
        ("self.base.execute('select')\nreturn self.base.fetchone()", Reader("self.base", 2, 3, asks=True)),
        ("self.cursor.execute('select')\nreturn self.cursor.fetchall()", Reader("self.cursor", 2, 3, asks=True)),
        ("return self.base.execute('select').fetchall()", Reader("self.base", 2, 2, asks=True)),
        ("self.link.sendall(b'7')\nreturn self.link.recv(8)", Reader("self.link", 2, 3, asks=True)),
        ("HANDLE.seek(0)\nwith open('b') as own:\n    own.read()", Reader("HANDLE", 2, 2, asks=False)),
    ],
    ids=[
        "attribute",
        "by another name",
        "one of several",
        "archive",
        "database",
        "cursor",
        "connection",
        "socket",
        "global",
    ],
)
def test_what_is_read_by_a_position_that_others_share_is_named_with_its_lines(function, body, found):
    assert shared_reader(function(body)) == found


def test_a_handle_that_a_helper_is_given_may_be_shared(function):
    assert shared_reader(function("file.seek(8)\nreturn file.read(8)", arguments="file")) == Reader(
        "file", 2, 3, asks=False
    )


@pytest.mark.parametrize(
    "body",
    [
        "with open(self.path, 'rb') as file:\n    file.seek(index)\n    return file.read(8)",
        "file = open(self.path)\nreturn file.read()",
        "link, _ = server.accept()\nreturn link.recv(4)",
        "return os.pread(self.descriptor, 8, index)",
        "return self.rows[index]",
    ],
    ids=["in a with", "opened here", "accepted here", "without a position", "no file"],
)
def test_what_the_call_opened_itself_is_not_shared(function, body):
    assert shared_reader(function(body)) is None


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("x = self.x[index]\nx /= 255\nreturn x", [("x", 3)]),
        ("self.x[index] -= self.mean\nself.calls += 1", [("self.x[...]", 2)]),
        ("return self.x[index] / 255", []),
    ],
)
def test_what_is_changed_in_place_is_named_and_counters_are_not(function, body, found):
    assert changed_in_place(function(body)) == found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("np.random.seed(index)\nreturn np.random.normal()", ("np.random", 2)),
        ("x = 1\nrandom.seed(index)", ("random", 3)),
        ("self.rng.seed(index)", None),
        ("rng = np.random.default_rng(index)", None),
    ],
)
def test_the_generator_of_all_threads_is_told_from_others(function, body, found):
    assert seeded_generator(function(body)) == found


# changed_names


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("self.n = index\nself.n += 1", {"self.n": [2, 3]}),
        ("self.a, self.b = self.b, self.a", {"self.a": [2], "self.b": [2]}),
        ("self.cache[index] = 1", {"self.cache": [2]}),
        ("self.buffer[:4] = index", {"self.buffer": [2]}),
        ("self.state.step: int = 1", {"self.state.step": [2]}),
        ("self.seen.append(index)\nself.seen.pop()", {"self.seen": [2, 3]}),
        ("global current\ncurrent = index", {"current": [3]}),
        ("SEEN.add(index)\nTABLE[index] = 1", {"SEEN": [2], "TABLE": [3]}),
    ],
    ids=["attribute", "swap", "entry", "slice", "annotated", "list", "global", "entries of globals"],
)
def test_what_outlives_the_call_is_named_with_the_lines_that_change_it(function, body, found):
    assert changed_names(function(body)) == found


@pytest.mark.parametrize(
    "body",
    [
        "n = self.n\nn += 1",
        "rows = []\nrows.append(index)\nrows[0] = 1",
        "thing = Thing()\nthing.n = 1\nthing.rows.append(2)",
        "return self.rows[index]",
    ],
    ids=["a number", "a list", "an object", "nothing"],
)
def test_what_ends_with_the_call_is_not_accused(function, body):
    assert changed_names(function(body)) == {}


def test_entries_of_an_argument_are_the_callers(function):
    assert changed_names(function("rows[0] = 1\nrows.append(2)", arguments="rows")) == {}


# name_reads, guarded_lines


def test_reads_of_a_name_are_told_from_writes_and_from_longer_names(function):
    body = "self.rows = index\nself.rows.sort()\nreturn self.rows_of[self.rows[0]]"
    assert name_reads(function(body), "self.rows") == [3, 4]


def test_lines_below_a_lock_are_guarded(function):
    body = "with self.lock:\n    self.n = 1\n    self.m = 2\nwith open('a') as file:\n    self.o = 3"
    assert guarded_lines(function(body)) == {2, 3, 4}


# waits


def test_threads_that_outlive_a_call_are_found_with_their_name(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "POOL = ThreadPool(2)\n\n\nclass Mine:\n    def __init__(self):\n        super().__init__()\n"
        "        self.pool = futures.ThreadPoolExecutor(3)\n        threading.Thread(target=print).start()\n\n"
        "    def get(self):\n        with ThreadPool(3) as pool:\n            return pool.map(abs, [1])\n"
    )
    assert thread_makers(str(path)) == [(1, "POOL"), (7, "self.pool"), (8, "Thread()")]
    assert thread_makers(str(tmp_path / "absent.py")) == []


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("self.lock.acquire()", "Whoever holds this lock"),
        ("with self.read_lock:", "Whoever holds this lock"),
        ("item = self.queue.get()", "Nobody puts into this queue"),
        ("return list(self.pool.map(f, rows))", "The pool behind this line"),
        ("thread.join()", "Nothing ends this wait"),
        ("body = urlopen(url).read()", "The other side does not answer"),
        ("x = rows[0]", ""),
    ],
)
def test_a_line_that_waits_tells_what_to_write_there(tmp_path, line, advice):
    path = tmp_path / "mine.py"
    path.write_text(f"{line}\n")
    assert waits_for(str(path), 1).startswith(advice)
    assert bool(waits_for(str(path), 1)) is bool(advice)
