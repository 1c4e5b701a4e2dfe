"""What tests of several folders share: TensorFlow imported once, forked children, and a loader of six small batches.

No TensorFlow operation may run in the pytest process: what needs one runs in a child, or is marked `forked`.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import itertools
import json
import os
import select
import shutil
import signal
import tempfile
import threading
import warnings
import zlib

import numpy as np
import pytest

from feeders.loaders import Stamped
from feeders.measure import preload
from feeders.measure.stack import is_untouched
from feeders.measure.supervise import Watch, die_with_parent
from feeders.measure.watched import watched

# Far above what any child needs on a busy machine.
CHILD_SECONDS = 100

# Keras 2 sits idle for 5 s after each epoch of a Sequence with workers (queue.get(timeout=5) in OrderedEnqueuer.get),
# so more children than cores may be at work.
CHILDREN_AT_ONCE = 6

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Chromium's own requests for updates and the like would be mistaken for the page's.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# How long a process that was killed may take to disappear.
GONE_SECONDS = 20


def pytest_configure():
    """Take Ctrl-C again where whoever started the tests ignores it, as shells do for what runs in their background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Run a test that is marked so in a forked process, whatever it wakes up there."""
    if not pyfuncitem.get_closest_marker("forked"):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    _in_child(lambda: pyfuncitem.obj(**arguments))
    return True


class Tiny(Stamped):
    """Six batches, the last one short, made in memory; it needs no cache folder.

    Args:
        before: called with index and epoch at each `batch`, to plant what a test needs.
        batches: in an epoch.
        samples: in an epoch, if it is not to end in a short batch.
    """

    name = "tiny"
    batch_size = 4
    x_shape = (16,)
    classes = 2

    def __init__(self, before=None, batches=6, samples=None):
        self._arguments = (before, batches, samples)
        self.before = before
        self.samples = samples or batches * self.batch_size - 1
        self.rows = np.random.Generator(np.random.PCG64(7)).random((self.samples, *self.x_shape), np.float32)
        self.checksums = np.array([zlib.crc32(row.tobytes()) for row in self.rows], np.int64)

    def __reduce__(self):
        return Tiny, self._arguments

    def batch(self, index, epoch):
        ids = self.ids(index)
        if self.before:
            self.before(int(index), int(epoch))
        x = self.rows[ids.start : ids.stop].copy()
        return x, self._y(ids, x[:, 0] > 0.5, epoch)

    def native(self, workers, epoch):
        import tensorflow as tf

        from feeders.loaders._native import native_ids, native_y

        def prepare(index):
            ids = native_ids(self, index)
            x = tf.gather(self.rows, ids)
            return x, native_y(self, ids, x[:, 0] > 0.5, epoch)

        return tf.data.Dataset.range(len(self)).map(prepare, num_parallel_calls=workers)


class TinyRow:
    """Stands for a `Workload`: opens the material it is given."""

    name = "tiny"

    def __init__(self, material):
        self._material = material

    def material(self):
        """Nothing to make."""

    def of_batch(self, size):
        return self

    def open(self):
        return self._material


@pytest.fixture(scope="session")
def tiny():
    """The class of the small material."""
    return Tiny


@pytest.fixture(scope="session")
def loaded():
    """TensorFlow is imported and has run nothing, so that takes are forked."""
    pytest.importorskip("tensorflow")
    preload()
    assert is_untouched(), "a test before this one has run a TensorFlow operation in the pytest process"


def _plant(patch, material=None, row=None):
    from feeders.measure import cells

    if material is not None:
        patch.setattr(cells, "workload", lambda name: TinyRow(material))
    if row is not None:
        patch.setattr(cells, "feeder", lambda name: row)


@pytest.fixture
def plant(loaded, monkeypatch):
    """Put a material in the place of every workload, and a feeder's row in that of every feeder, also in children."""
    return functools.partial(_plant, monkeypatch)


@pytest.fixture(scope="session")
def planted(loaded):
    """The same for the length of a ``with``, for fixtures that serve several tests."""

    @contextlib.contextmanager
    def planted(material=None, row=None):
        with pytest.MonkeyPatch.context() as patch:
            _plant(patch, material, row)
            yield

    return planted


@contextlib.contextmanager
def _keras_may_warn():
    """Forked processes inherit the filters of this one, where every warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="session")
def verify(loaded):
    """Return a function that answers what the verifying process of a take does, for a feeder's name and a loader."""

    def verify(name, loader, workers):
        from feeders.measure.session import verify_cell
        from feeders.measure.verify import Verified
        from feeders.strategies import feeder

        answers = []
        verify_cell(feeder(name), TinyRow(loader), workers, answers.append)
        seen = {"outcome": answers[0].outcome, "message": answers[0].message}
        if answers[0].value:
            verified = Verified.from_json(answers[0].value)
            seen.update(metrics=verified.metrics(), guarantee=verified.delivery.guarantee)
        return seen

    return verify


@pytest.fixture(scope="session")
def take(loaded):
    """`feeders.measure.take`, by default with a short steady part."""
    from feeders import measure

    def take(feeder="sequence", workload="window", workers=1, **settings):
        settings = measure.Settings(**{"steady_seconds": 0.1, "deadline_seconds": CHILD_SECONDS, **settings})
        with _keras_may_warn():
            return measure.take(measure.Cell(feeder, workload, workers), settings)

    return take


def _in_child(function):
    with _keras_may_warn():
        ended = watched(lambda finish: finish({"value": function()}), Watch(CHILD_SECONDS, memory=False))
    return _value(ended)


def _value(ended):
    if ended.answer is not None:
        return ended.answer["value"]
    raise AssertionError(f"the child {ended.outcome}: {ended.message}")


@pytest.fixture(scope="session")
def in_child(loaded):
    """Call a function in a forked process and return what it returned, as JSON keeps it."""
    return _in_child


def _fork(function):
    """Start the function in a forked process; return its process id and the file its answer goes to."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  closed by who reads it
    with _keras_may_warn():
        pid = os.fork()
    if pid == 0:
        try:
            die_with_parent()
            file.write(json.dumps({"value": _in_child(function)}).encode())
        except BaseException as error:
            file.write(json.dumps({"error": str(error)}).encode())
        finally:
            file.flush()
            os._exit(0)
    return pid, file


def _checked(answers):
    errors = [f"{key}: {answer['error']}" for key, answer in answers.items() if "error" in answer]
    assert not errors, "\n".join(errors)
    return {key: answer["value"] for key, answer in answers.items()}


@pytest.fixture(scope="session")
def in_children(loaded):
    """Call functions, given by key, in forked processes, some at a time; return their values by key.

    Those for whose keys `process_of` returns the same have one process, and are called one after the other in it.
    """

    def in_children(functions, process_of=lambda key: key, at_once=CHILDREN_AT_ONCE):
        keys = {}
        for key in functions:
            keys.setdefault(process_of(key), []).append(key)
        calls = {each: functools.partial(_all, [functions[key] for key in of]) for each, of in keys.items()}
        found = _forked(calls, at_once)
        return {key: value for each, of in keys.items() for key, value in zip(of, found[each])}

    return in_children


def _all(functions):
    return [function() for function in functions]


def _forked(functions, at_once):
    values, running = {}, {}
    waiting = iter(functions.items())
    while True:
        for key, function in itertools.islice(waiting, at_once - len(running)):
            pid, file = _fork(function)
            running[pid] = key, file
        if not running:
            return _checked(values)
        pid = next(iter(running))  # in order: some wait for nothing, none for ever
        os.waitpid(pid, 0)
        key, file = running.pop(pid)
        with file:
            file.seek(0)
            values[key] = json.loads(file.read())


@pytest.fixture
def nothing_left():
    """Return a function that waits until every process forked since is gone, and tells whether that came true.

    Every process forked from this one holds the writing end of a pipe, also when it has lost its parent: the pipe
    ends with the last of them.
    """
    read, write = os.pipe()
    os.set_inheritable(write, True)
    ends = [write]

    def nothing_left():
        os.close(ends.pop())
        ready, _, _ = select.select([read], [], [], GONE_SECONDS)
        return bool(ready) and os.read(read, 1) == b""

    yield nothing_left
    for descriptor in (read, *ends):
        os.close(descriptor)


@pytest.fixture
def events(tmp_path):
    """A file that any thread and any forked process may write lines to, each in one piece; `read` gives them all."""
    return Events(tmp_path / "events")


class Events:
    def __init__(self, path):
        self._path = path
        self._descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def add(self, *fields):
        os.write(self._descriptor, (json.dumps(fields) + "\n").encode())

    def read(self):
        return [json.loads(line) for line in self._path.read_text().splitlines()]


@pytest.fixture(scope="session")
def browser():
    """Chromium, as Debian and others call it."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        pytest.skip(f"no Chromium on this machine ({', '.join(BROWSERS)})")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield started
        started.close()


class Watched:
    """A page, and what went wrong in it or left it."""

    def __init__(self, context):
        self.problems = []
        self.page = context.new_page()
        self.page.set_default_timeout(30_000)
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("console", lambda said: said.type == "error" and self.problems.append(f"console: {said.text}"))
        self.page.on("request", self._requested)
        self.page.on("response", lambda r: r.status >= 400 and self.problems.append(f"{r.status}: {r.url}"))

    def _requested(self, request):
        if not request.url.startswith(("file:", "data:", "blob:", "http://127.0.0.1:")):
            self.problems.append(f"request: {request.url}")


@contextlib.contextmanager
def _opening(browser):
    contexts, pages = [], []

    def open_page(**options):
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        context.route("**/*", lambda route: route.continue_() if _is_local(route.request.url) else route.abort())
        contexts.append(context)
        pages.append(Watched(context))
        return pages[-1].page

    yield open_page
    for context in contexts:
        context.close()
    assert [problem for page in pages for problem in page.problems] == []


@pytest.fixture
def open_page(browser):
    """Open a page in a context of its own, the network cut off but for this machine; nothing may have gone wrong."""
    with _opening(browser) as open_page:
        yield open_page


@pytest.fixture(scope="module")
def open_shared_page(browser):
    """The same, for tests that only lead a page from place to place: a report is megabytes to load."""
    with _opening(browser) as open_page:
        yield open_page


def _is_local(url):
    return url.startswith(("file:", "data:", "blob:", "http://127.0.0.1:"))


@pytest.fixture(scope="session")
def serve():
    """Serve a folder on this machine, and return the address of its root."""
    with contextlib.ExitStack() as servers:

        def serve(folder):
            handler = functools.partial(_Quiet, directory=str(folder))
            server = servers.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            servers.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}/"

        yield serve


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing of each request."""
