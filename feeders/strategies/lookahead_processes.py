"""A pool of processes prepares the next batches of an indexable loader, in order, and hands them over in shared memory.

The file stands alone: to use it elsewhere, copy it and leave out what follows "In this project".

How a batch travels. A worker reads a task of 20 bytes from a pipe that all of them share, prepares the batch, copies
its arrays into a slot of a memory file, and writes a record of 24 bytes to a second pipe. The arrays that training gets
lie in the slot. The pipes need no lock, since the kernel keeps so short a record in one piece; so a worker that is
killed leaves none locked.
"""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
import mmap
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.spawn
import os
import pickle
import random
import resource
import select
import signal
import struct
import sys
import tempfile
import threading
import time
import traceback
import warnings
import weakref
from collections import deque
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Iterator

import numpy as np

# Keras defines the hooks too. In these classes they do nothing; its iterators of images shuffle in them.
KERAS = ("keras", "keras_preprocessing", "tf_keras", "tensorflow")
BASES = ("Sequence", "PyDataset")
HOOKS = ("on_epoch_end", "on_epoch_begin")  # in the order in which they are called between two epochs

# Slots beside those for batches ahead: for batches that training still holds. TensorFlow held 11 in trials, as its
# prefetch buffer grows. With more, batches are copied out.
SPARE_SLOTS = 16
# A slot that did not come back while so many batches were handed out is not waited for: there is one more for it, up to
# so many, and up to half of the descriptors that a process may have: `mmap` keeps one for each slot. Each `fit()` of
# Keras 3.15 on TensorFlow keeps for good the two batches that it looks at first.
KEPT_BATCHES = 256
MOST_SLOTS = 1024
# Slots lie so far apart in the memory file that a batch fits. It is sparse: it takes the memory that was written to.
STRIDE = 1 << 34
# TensorFlow and JAX take an array that starts at a multiple of 64 bytes without copying it.
ALIGN = 64
ARRAYS = (np.ndarray, np.memmap)

TASK = struct.Struct("=qiii")  # number, epoch, index, slot
DONE = struct.Struct("=qiIQ")  # number, slot, size of the pickle, where it begins
HOOK, LEAVE = -1, -2  # in place of a number
CONTROL_BYTES = 1 << 16  # for 4,000 workers
NOTHING = np.iinfo(np.int64).max  # no number is as high: nothing is wanted any more

# They take seconds and hundreds of MB to import, and start nothing by it: a fork server does it once for all workers.
HEAVY = ("tensorflow", "keras", "tf_keras", "jax", "torch")
# A worker ends with it if its import of the script comes to a pool. Neither Python nor a shell uses it.
UNGUARDED = 86
PROCESS_NAME = "LookaheadProcesses"

# How long close() waits for workers in the middle of a batch before it kills them.
LEAVE_SECONDS = 5.0


class LookaheadProcesses:
    """Prepare batches in processes, ahead of training and in order, for any ``fit()`` of Keras 2 and 3.

    Use it where preparing a batch is Python code that computes, or batches are large and the training process shall be
    spared. Use `LookaheadThreads` where it only waits: threads start at once and share the loader's memory. It needs
    Linux or macOS.

        with LookaheadProcesses(loader, workers=4) as pool:
            model.fit(pool.batches(), steps_per_epoch=len(pool), epochs=10)

    Make it before the model: workers are forked where that is safe, that is, before TensorFlow, JAX or CUDA has started
    and before other threads run. Later a fork server starts them, and on macOS they are new interpreters. Both take
    seconds: the script and what it imports are imported again, by the server once for all workers. Then the loader is
    pickled, and a script needs ``if __name__ == "__main__":``. Python ends the server with the program.

    Every batch comes exactly once per epoch. Each worker has its own copy of the loader. A loader without hooks is read
    ahead across the end of an epoch. One with hooks is not: ``on_epoch_end`` and ``on_epoch_begin`` are called when the
    next epoch's first batch is asked for and no worker reads, in this process and then in every worker. So the end of
    the last epoch calls none. In hooks all copies draw the same random numbers, so they shuffle alike. An order must be
    drawn there, or when the loader is made: each worker would draw another one with its first batch. Keras' iterators
    of images do that; their ``on_epoch_end`` is called before the first epoch too, which draws it. An exception of
    the loader is raised where its batch was due, with the worker's traceback. A worker that is killed ends training
    with an error.

    A batch is written once, into a slot of shared memory, and what you get are arrays over that slot, which you may
    change. The slot is used again when the last of them, and of what was made of them without a copy, is gone. Whoever
    keeps many batches gets copies. A slot has the size of the largest batch that it held.

    Args:
        loader: has ``__len__`` and ``__getitem__``, like a ``Sequence`` or ``PyDataset``, and may have ``on_epoch_end``
            and ``on_epoch_begin``. If it has ``batch(index, epoch)``, that is called instead of ``__getitem__``. A
            batch is anything that pickles; arrays in it, but those of Python objects, are not pickled.
        workers: processes.
        ahead: batches that are in work or wait for training, at most; twice the workers by default.
        seed: of ``random``, ``np.random`` and torch's CPU generator, which are seeded anew for every batch from this,
            the epoch and the index, and for the hooks from this and the epoch that begins: no two batches draw the same
            numbers, whichever workers prepare them. By default ``random`` gives one. A generator that the loader keeps
            is not seeded: every worker has a copy of it. One that hooks draw an order from must serve nothing else.
            A hook that makes one must give it a seed.
        start: "fork", "forkserver" or "spawn", if you know better.
    """

    def __init__(
        self,
        loader: Any,
        workers: int = 2,
        ahead: int | None = None,
        seed: int | None = None,
        start: str | None = None,
    ) -> None:
        if workers < 1 or (ahead is not None and ahead < workers):
            raise ValueError(
                f"LookaheadProcesses: workers={workers}, ahead={ahead}; expected a worker or more, and a batch for each"
            )
        self._loader = loader
        self._ahead = ahead or 2 * workers
        self._run = self._sent = 0
        self._busy = 0  # slots of batches that are in work or ready
        self._ready: dict[int, tuple[int, int, int]] = {}
        self._slots = self._ahead + SPARE_SLOTS
        self._most_slots = _most_slots()
        # The slot that came back last is used first: its memory is warm, and as few as possible are ever touched.
        self._free = deque(range(self._slots))
        self._held: dict[int, int] = {}  # slots that training holds, and which batch since then
        self._opened = 0
        self._memory = _Memory(_memory_file((max(self._slots, MOST_SLOTS) + 1) * STRIDE))
        self._seed = random.getrandbits(64) if seed is None else int(seed)  # a number of NumPy's is too short
        self._crew = _Crew(loader, workers, self._seed, start, self._memory)
        self._lock = self._crew.lock  # held in a step of a generator
        self._finalizer = weakref.finalize(self, self._crew.leave)

    def __len__(self) -> int:
        return len(self._loader)

    def __enter__(self) -> LookaheadProcesses:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, each after the batch that it has in work; arrays that you hold stay as they are."""
        self._finalizer()

    def batches(self, epoch: int = 0) -> Iterator[Any]:
        """Return a generator of batches, epoch after epoch, without end; it begins with batch 0.

        Only the newest generator yields: one that was left earlier ends.

        Args:
            epoch: number of the first epoch, which ``batch(index, epoch)`` gets. Random numbers depend on it: two
                generators that begin with the same epoch draw the same ones.
        """
        with self._lock:
            self._check(self._run)
            self._run += 1
            self._memory.control[0] = self._sent  # what was sent for earlier is not wanted any more
            for slot, _, _ in self._ready.values():
                self._give_back(slot)
            self._ready.clear()
            return self._batches(self._run, int(epoch))

    def _batches(self, run: int, epoch: int) -> Iterator[Any]:
        try:
            yield from self._steps(run, epoch)
        except GeneratorExit:
            raise
        except BaseException:  # Ctrl-C may have come between two lines: what is left of the pool can't be relied on
            if run == self._run:
                self.close()
            raise

    def _steps(self, run: int, epoch: int) -> Iterator[Any]:
        waiting: deque[int] = deque()  # numbers of the batches that were sent for, in order
        for item in _plan(self._loader, epoch):
            if isinstance(item, list):
                while waiting:
                    yield self._receive(run, waiting.popleft())
                self._call(run, *item)
            elif len(waiting) < self._ahead:
                waiting.append(self._send(run, *item))
            else:
                yield self._exchange(run, waiting, item)

    def _exchange(self, run: int, waiting: deque[int], item: tuple[int, int]) -> Any:
        batch = self._receive(run, waiting.popleft())
        waiting.append(self._send(run, *item))
        return batch

    def _send(self, run: int, epoch: int, index: int) -> int:
        with self._lock:
            self._check(run)
            while not self._free:  # slots of an earlier generator's batches are still in work
                self._take()
            self._send_task(self._sent, epoch, index)
            self._sent += 1
            return self._sent - 1

    def _send_task(self, number: int, epoch: int, index: int) -> None:
        task = TASK.pack(number, epoch, index, self._free.pop())
        self._busy += 1
        while not self._crew.send(task):
            self._take()

    def _receive(self, run: int, number: int) -> Any:
        with self._lock:
            self._check(run)
            while number not in self._ready:
                self._take()
            return self._open(*self._ready.pop(number))

    def _take(self) -> None:
        for number, slot, size, start in DONE.iter_unpack(self._crew.receive()):
            if number >= self._memory.control[0] or number == HOOK:
                self._ready[number if number >= 0 else -1 - slot] = slot, size, start
            else:
                self._give_back(slot)

    def _give_back(self, slot: int) -> None:
        self._busy -= 1
        self._free.append(slot)

    def _open(self, slot: int, size: int, start: int) -> Any:
        """Return the batch in a slot: over the slot's memory, or copied where too few slots would be left."""
        self._busy -= 1
        self._held[slot] = self._opened = self._opened + 1
        over = np.asarray(_Lease(self._memory.mapped(slot, start + size), start + size, slot, self._held, self._free))
        if len(self._free) + self._busy < self._ahead:
            self._replace_kept()
            over = _aligned_copy(over)
        pickled = io.BytesIO(over[start:].tobytes())
        batch = _Reader(pickled, pickle.load(pickled), over).load()
        if isinstance(batch, _Failure):
            raise batch.error from _WorkerTraceback(batch.text)
        return batch

    def _replace_kept(self) -> None:
        """Add a slot for each that is not going to come back."""
        # A copy is one step. A list of the items is not: before Python 3.12 their tuples may start a collection of
        # garbage, which ends leases in the midst of it.
        for slot, since in self._held.copy().items():
            if self._opened - since > KEPT_BATCHES and self._slots < self._most_slots:
                self._held.pop(slot, None)  # it may come back at any moment, and is one more then
                self._free.append(self._slots)
                self._slots += 1

    def _call(self, run: int, epoch: int, *hooks: str) -> None:
        """Call the hooks here, then in every worker; nobody reads before all have returned."""
        bits = sum(1 << HOOKS.index(hook) for hook in hooks)
        with self._lock:
            self._check(run)
            while self._busy:  # left by an earlier generator
                self._take()
            with _restored_randomness():  # training draws too, and is not to feel it
                _call_hooks(self._loader, self._seed, epoch, bits)
            for _ in self._crew.processes:
                self._send_task(HOOK, epoch, bits)
            while len(self._ready) < len(self._crew.processes):
                self._take()
            self._crew.open_gates()
            while self._ready:
                self._open(*self._ready.popitem()[1])

    def _check(self, run: int) -> None:
        if run != self._run:
            raise RuntimeError("LookaheadProcesses: batches() was called again, which ended this generator")
        if not self._finalizer.alive:
            raise RuntimeError("LookaheadProcesses: the pool is closed; make a new one to train again")


def _plan(loader: Any, epoch: int) -> Iterator[Any]:
    """Yield (epoch, index) of every batch without end, and a list wherever hooks are to be called.

    The list begins with the epoch that begins there.
    """
    hooks = [name for name in HOOKS if _has_hook(loader, name)]
    # Keras' iterators of images would draw their first order in their first call, each copy another one.
    first = [name for name in hooks if name == "on_epoch_begin" or _origin(getattr(loader, name))[0] in KERAS]
    if first:
        yield [epoch, *first]
    for number in itertools.count(epoch):
        if len(loader) < 1:
            raise ValueError(f"LookaheadProcesses: epoch {number} has {len(loader)} batches; expected 1 or more")
        yield from ((number, index) for index in range(len(loader)))
        if hooks:
            yield [number + 1, *hooks]


def _has_hook(loader: Any, name: str) -> bool:
    hook = getattr(loader, name, None)
    package, kind = _origin(hook)
    return callable(hook) and not (package in KERAS and kind in BASES)


def _origin(hook: Any) -> list[str]:
    """Return the package and the class that a method comes from, as far as it has them."""
    return [str(getattr(hook, key, "")).split(".")[0] for key in ("__module__", "__qualname__")]


class _Lease:
    """Owner of a slot's memory: every array over it keeps it alive, and its end gives the slot back."""

    def __init__(
        self, memory: tuple[mmap.mmap, int], size: int, slot: int, held: dict[int, int], free: deque[int]
    ) -> None:
        self._memory, address = memory
        self.__array_interface__ = {"data": (address, False), "shape": (size,), "typestr": "|u1", "version": 3}
        self._slot, self._held, self._free = slot, held, free

    def __del__(self) -> None:
        # Atomic steps: this may run in any thread, in the middle of anything.
        self._held.pop(self._slot, None)
        self._free.append(self._slot)


def _aligned_copy(array: Any) -> Any:
    room = np.empty(array.size + ALIGN, np.uint8)
    skip = -room.__array_interface__["data"][0] % ALIGN
    copy = room[skip : skip + array.size]
    copy[:] = array
    return copy


class _Memory:
    """A memory file, of which each side maps the slots that it meets, as far as they are used."""

    def __init__(self, file: Connection) -> None:
        self.file = file
        self._maps: dict[int, tuple[mmap.mmap, int]] = {}
        # The first number that is still wanted; then, for each worker, the epoch that it is in, and index + 1.
        self.control = np.frombuffer(mmap.mmap(file.fileno(), CONTROL_BYTES), np.int64)

    def __reduce__(self) -> Any:
        return _Memory, (self.file,)

    def close(self) -> None:
        """Let go of what no array lies over."""
        self.control = self.control.copy()
        maps = {slot: weakref.ref(memory) for slot, (memory, _) in self._maps.items()}
        self._maps.clear()
        leased = {slot for slot, memory in maps.items() if memory() is not None}
        if leased:
            self._release_others(leased)
        self.file.close()

    def _release_others(self, leased: set[int]) -> None:
        """Give back the memory of all other slots: the file would keep it for as long as there is one array."""
        file = self.file.fileno()
        slots = os.fstat(file).st_size // STRIDE - 1
        with contextlib.suppress(AttributeError, OSError):  # only Linux can
            for slot in set(range(slots)) - leased:
                mmap.mmap(file, STRIDE, offset=(slot + 1) * STRIDE).madvise(mmap.MADV_REMOVE)

    def mapped(self, slot: int, size: int, grow: bool = False) -> tuple[mmap.mmap, int]:
        """Return a slot's memory and its address, with room for `size` bytes."""
        known = self._maps.get(slot)
        if known is not None and len(known[0]) >= size:
            return known
        offset = (slot + 1) * STRIDE
        size = -(-(size + size // 8) // mmap.PAGESIZE) * mmap.PAGESIZE  # the next batch may be a little larger
        if grow and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self.file.fileno(), offset, size)  # where memory ends: an error, not a bus error
        held = mmap.mmap(self.file.fileno(), size, offset=offset)
        self._maps[slot] = held, np.frombuffer(held, np.uint8).__array_interface__["data"][0]
        return self._maps[slot]

    def write(self, slot: int, batch: Any) -> tuple[int, int]:
        """Write a batch into a slot; return the size of its pickle and where that begins, behind the arrays."""
        body = io.BytesIO()
        writer = _Writer(body)
        writer.dump(batch)
        pickled = pickle.dumps(writer.places, protocol=pickle.HIGHEST_PROTOCOL) + body.getvalue()
        size = len(pickled)
        if writer.end + size > STRIDE:  # else it would be written over the next slot
            raise ValueError(f"LookaheadProcesses: a batch of {writer.end + size:,} bytes; expected up to {STRIDE:,}")
        held, _ = self.mapped(slot, writer.end + size, grow=True)
        for array, (start, shape, _) in zip(writer.arrays, writer.places):
            np.copyto(np.ndarray(shape, array.dtype, held, start), array)
        held[writer.end : writer.end + size] = pickled
        return size, writer.end


class _Writer(pickle.Pickler):
    """Pickles a batch without its arrays, for which it finds places in the slot; each is pickled as its number."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.arrays: list[Any] = []
        self.places: list[tuple[int, tuple[int, ...], Any]] = []  # where it begins, shape, dtype
        self.end = 0

    def persistent_id(self, thing: Any) -> int | None:
        if type(thing) not in ARRAYS or thing.dtype.hasobject or not thing.size:
            return None
        dtype = thing.dtype
        self.arrays.append(thing)
        self.places.append((self.end, thing.shape, dtype.str if dtype.isbuiltin == 1 else dtype))
        self.end = -(-(self.end + thing.nbytes) // ALIGN) * ALIGN
        return len(self.arrays) - 1


class _Reader(pickle.Unpickler):
    """Reads it again, with arrays over the slot's memory."""

    def __init__(self, file: io.BytesIO, places: list[Any], over: Any) -> None:
        super().__init__(file)
        self._places, self._over = places, over

    def persistent_load(self, number: int) -> Any:
        start, shape, dtype = self._places[number]
        return np.ndarray(shape, dtype, self._over, start)


class _Failure:
    """What a loader raised in a worker, in a form that pickles."""

    def __init__(self, error: BaseException) -> None:
        self.text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        try:
            self.error = pickle.loads(pickle.dumps(error))
        except Exception:
            self.error = RuntimeError(f"{type(error).__name__}: {error}")


class _WorkerTraceback(Exception):  # noqa: N818  no error of its own
    """Shows the traceback of another process above the exception."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


class _Crew:
    """The workers and the pipes to them; it knows nothing of the pool, so that the pool can be collected."""

    def __init__(self, loader: Any, workers: int, seed: int, start: str | None, memory: _Memory) -> None:
        self.lock = threading.RLock()
        self.processes: list[Any] = []
        self._memory, self._owner = memory, os.getpid()
        context: Any = multiprocessing.get_context(start or _safest_start())
        forks = context.get_start_method() == "fork"
        _check_guard(imports=not forks)
        tasks, self._tasks = context.Pipe(duplex=False)
        self._done, done = context.Pipe(duplex=False)
        os.set_blocking(self._tasks.fileno(), False)
        os.set_blocking(self._done.fileno(), False)
        gates = [context.Pipe(duplex=False) for _ in range(workers)]
        self._gates = [gate for _, gate in gates]
        theirs = [tasks, done, *(gate for gate, _ in gates)]
        # A forked worker has all ends, and must close ours; else it would not see that we are gone.
        ours = (self._tasks, self._done, *self._gates) if forks else ()
        sent = loader if forks else _Parcel(loader)
        try:
            for worker in range(workers):
                arguments = (worker, sent, seed, memory, (tasks, done, gates[worker][0]), ours)
                name = f"{PROCESS_NAME}-{worker + 1}"
                process = context.Process(target=_work, args=arguments, name=name, daemon=True)
                with _without_ctrl_c() if forks else contextlib.nullcontext():
                    _start(process)
                self.processes.append(process)
        except BaseException:
            self.leave()
            raise
        finally:
            for end in theirs:
                end.close()
        self._poll = select.poll()
        for source in (self._done.fileno(), *(process.sentinel for process in self.processes)):
            self._poll.register(source, select.POLLIN)

    def send(self, task: bytes) -> bool:
        """Send a task, and tell whether there was room for it in the pipe, and a worker to read it."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            return os.write(self._tasks.fileno(), task) > 0
        return False

    def open_gates(self) -> None:
        for gate in self._gates:
            with contextlib.suppress(BrokenPipeError):  # its worker has ended, and the others wait
                os.write(gate.fileno(), b".")

    def receive(self) -> bytes:
        """Return the records of batches that are done, after a wait if there are none."""
        while True:
            with contextlib.suppress(BlockingIOError):
                records = os.read(self._done.fileno(), 64 * DONE.size)
                if records:
                    return records
            ready = {descriptor for descriptor, _ in self._poll.poll()}
            ended = [process for process in self.processes if process.sentinel in ready]
            if ended:
                self._mourn(ended)

    def _mourn(self, ended: list[Any]) -> None:
        if self._memory.control[0] == NOTHING:
            raise RuntimeError("LookaheadProcesses: a batch was due, and the pool was closed")
        ended[0].join(LEAVE_SECONDS)
        if ended[0].exitcode == UNGUARDED:
            raise RuntimeError(f"LookaheadProcesses: your script has no guard; {WITHOUT_GUARD}")
        worker = self.processes.index(ended[0])
        epoch, batches = map(int, self._memory.control[2 * worker + 1 : 2 * worker + 3])
        at = "the hooks before" if batches == HOOK else f"batch {batches - 1} of"
        raise RuntimeError(
            f"LookaheadProcesses: worker {worker + 1} of {len(self.processes)} {_ending(ended[0].exitcode)}, "
            + (f"at or after {at} epoch {epoch}" if batches else NO_BATCH)
        )

    def leave(self) -> None:
        """End the workers, and close what leads to them."""
        if os.getpid() != self._owner:
            return  # a copy in a forked process: the workers are not its own
        self._memory.control[0] = NOTHING
        self.open_gates()
        for _ in self.processes:
            self.send(TASK.pack(LEAVE, 0, 0, 0))  # if there is no room, all are at work, and will look
        with contextlib.suppress(BlockingIOError):
            while os.read(self._done.fileno(), 1 << 16):  # a worker may wait for room to answer
                pass
        deadline = time.monotonic() + LEAVE_SECONDS
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
        if self.lock.acquire(timeout=LEAVE_SECONDS):  # a generator in another thread sees them end
            for end in (self._tasks, self._done, *self._gates, self._memory, *self.processes):
                end.close()
            self.lock.release()


@contextlib.contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Hold Ctrl-C back, also in what is forked meanwhile: a worker prints a traceback until it knows to ignore it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(process: Any) -> None:
    try:
        with warnings.catch_warnings():
            # Python 3.12 counts NumPy's idle threads too, and warns of every fork.
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            process.start()
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise TypeError(
            f"LookaheadProcesses: its workers start as new interpreters, and the loader can't be pickled: {error}. "
            "Make the pool before the model and other threads, so that workers are forked; or leave out of the pickle "
            "what can't travel (__getstate__)"
        ) from error


WITHOUT_GUARD = """each worker imports the script, and would make a pool itself. Write, around what trains:

    if __name__ == "__main__":
        train()

Or make the pool before the model and other threads: on Linux its workers are forked then, and import nothing."""

NO_BATCH = (
    "before its first batch; its own error is above. A new interpreter imports your script, which must guard what it "
    "does by if __name__ == '__main__':, and your loader, which must be defined in a file"
)


def _check_guard(imports: bool) -> None:
    """See to it that a worker which imports the script does not come to the pool that it is a worker of.

    Raises:
        RuntimeError: nothing keeps it from that.
    """
    process = multiprocessing.current_process()
    if getattr(process, "_inheriting", False):  # the script is imported by a worker, of ours or of someone else
        if process.name.startswith(PROCESS_NAME):
            os._exit(UNGUARDED)  # whoever started it tells why, once for all workers
        raise RuntimeError(f"LookaheadProcesses: your script has no guard; {WITHOUT_GUARD}")
    line = _line_of_script() if imports else None
    if line is not None:
        script = Path(str(sys.modules["__main__"].__file__))
        if not _is_conditional(script, line):
            raise RuntimeError(f"LookaheadProcesses: {script.name}, line {line}, has no guard; {WITHOUT_GUARD}")


def _line_of_script() -> int | None:
    """Return the line of the script that led here; None if it does not, or if no worker imports the script."""
    data = multiprocessing.spawn.get_preparation_data("")
    if "init_main_from_path" not in data and data.get("init_main_from_name", "__main__").endswith("__main__"):
        return None
    frame: Any = sys._getframe()
    while frame and (frame.f_code.co_name != "<module>" or frame.f_globals is not vars(sys.modules["__main__"])):
        frame = frame.f_back
    return frame.f_lineno if frame else None


def _is_conditional(script: Path, line: int) -> bool:
    """Whether a line outside of functions is run under a condition, which may be the guard; True if nobody can tell."""
    try:
        nodes = ast.walk(ast.parse(script.read_bytes()))
    except (OSError, SyntaxError):
        return True
    conditions = (ast.If, ast.IfExp, ast.BoolOp, ast.While, ast.ExceptHandler)
    return any(isinstance(node, conditions) and node.lineno <= line <= (node.end_lineno or 0) for node in nodes)


def _ending(status: int | None) -> str:
    if status is not None and status < 0:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
        return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    return f"ended with exit status {status}"


def _safest_start() -> str:
    """Return "fork" where nothing is known to forbid it; else what begins with a new interpreter.

    Processes of macOS are not to be forked once its libraries are in use, and importing is enough for that.
    """
    if not sys.platform.startswith("linux"):
        return "spawn"
    alone = threading.active_count() == 1
    return "fork" if alone and not (_tensorflow_started() or _jax_started() or _holds_gpu()) else "forkserver"


def _tensorflow_started() -> bool:
    module = sys.modules.get("tensorflow.python.eager.context")
    context = getattr(module, "_context", None)
    return context is not None and bool(getattr(context, "_initialized", True))


def _jax_started() -> bool:
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bridge is not None and bool(getattr(bridge, "_backends", True))


def _holds_gpu() -> bool:
    def target(descriptor: Path) -> str:
        with contextlib.suppress(OSError):  # the one that lists the folder is closed by now
            return os.readlink(descriptor)
        return ""

    return any(target(descriptor).startswith("/dev/nvidia") for descriptor in Path("/proc/self/fd").iterdir())


def _most_slots() -> int:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_SLOTS if limit == resource.RLIM_INFINITY else min(MOST_SLOTS, limit // 2)


def _memory_file(size: int) -> Connection:
    """Return a file in memory that has no name, so that nothing can be left behind, as an object that travels."""
    try:
        descriptor = os.memfd_create("batches")
    except (AttributeError, OSError):  # not Linux, or a Python built for an old one
        with tempfile.TemporaryFile(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as file:
            descriptor = os.dup(file.fileno())
    os.truncate(descriptor, size)
    return Connection(descriptor)


class _Parcel:
    """The loader on its way to another interpreter, in a memory file.

    Python's own way is a pipe. It writes to it without end if a worker has ended before it read the whole loader.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __reduce__(self) -> Any:
        """Pack it; this is called once for each worker, before a fork server is started."""
        self._file = _memory_file(0)  # open until the worker has it
        with open(self._file.fileno(), "wb", closefd=False) as body:
            packer = _Packer(body, pickle.HIGHEST_PROTOCOL)
            packer.dump(self._loader)
        _preload(packer.modules)
        return _unpack, (self._file,)


def _unpack(file: Connection) -> Any:
    with file, open(file.fileno(), "rb", closefd=False) as body:
        body.seek(0)
        return pickle.load(body)


class _Packer(ForkingPickler):
    """Notes the modules that whoever reads the pickle will import."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.modules = {"__main__"}

    def reducer_override(self, thing: Any) -> Any:
        self.modules.add(thing.__module__ if isinstance(thing, (type, FunctionType)) else type(thing).__module__)
        return NotImplemented


def _preload(modules: set[str]) -> None:
    """Have a fork server that is not started yet import what is heavy and named in these modules.

    It does not import the script: that might start TensorFlow, and whoever has started that is not to be forked.
    """
    spaces = [vars(sys.modules[name]) for name in modules if name in sys.modules]
    named = {_package(value) for space in spaces for value in list(space.values())}
    server: Any = multiprocessing.forkserver
    kept = {name: None for name in server._forkserver._preload_modules if name != "__main__"}
    server.set_forkserver_preload([*{**kept, **{name: None for name in HEAVY if name in named}}])


def _package(value: Any) -> str:
    """Return the package of a module, class or function."""
    if isinstance(value, ModuleType):
        return value.__name__.split(".")[0]
    return value.__module__.split(".")[0] if isinstance(value, (type, FunctionType)) and value.__module__ else ""


def _work(worker: int, loader: Any, seed: int, memory: _Memory, theirs: Any, ours: Any) -> None:
    """Prepare what is asked for, until the other side says or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that trains
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for end in ours:
        end.close()
    tasks, done, gate = (end.fileno() for end in theirs)
    threading.Thread(target=_follow_parent, args=(os.getppid(),), daemon=True).start()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)  # its threads did not survive the fork
    with contextlib.suppress(BrokenPipeError):
        while True:
            number, epoch, index, slot = TASK.unpack(os.read(tasks, TASK.size) or TASK.pack(LEAVE, 0, 0, 0))
            if number == LEAVE or memory.control[0] == NOTHING:
                return
            memory.control[2 * worker + 1 : 2 * worker + 3] = epoch, HOOK if number == HOOK else index + 1
            size, start = _answer(loader, seed, memory, number, epoch, index, slot)
            os.write(done, DONE.pack(number, slot, size, start))
            if number == HOOK:
                os.read(gate, 1)  # each has its own: none can take a second hook in another's place


def _answer(loader: Any, seed: int, memory: _Memory, number: int, epoch: int, index: int, slot: int) -> tuple[int, int]:
    try:
        if number == HOOK:
            _call_hooks(loader, seed, epoch, index)
            return memory.write(slot, None)
        if number < memory.control[0]:  # not wanted any more
            return memory.write(slot, None)
        return memory.write(slot, _prepare(loader, seed, epoch, index))
    except BaseException as error:
        return memory.write(slot, _Failure(error))


def _prepare(loader: Any, seed: int, epoch: int, index: int) -> Any:
    _set_seeds(seed, epoch, index)
    batch = getattr(loader, "batch", None)
    return batch(index, epoch) if callable(batch) else loader[index]  # many keep the size of a batch by that name


def _call_hooks(loader: Any, seed: int, epoch: int, bits: int) -> None:
    """Call those of `HOOKS` that the bits say; every copy of the loader draws the same order in them."""
    _set_seeds(seed, epoch, HOOK % (1 << 32))
    for bit, hook in enumerate(HOOKS):
        if bits >> bit & 1:
            getattr(loader, hook)()


def _set_seeds(seed: int, epoch: int, index: int) -> None:
    random.seed(seed << 64 | epoch << 32 | index)
    # NumPy's legacy seed has 32 bits. Steps of the golden ratio keep epochs apart: no two batches share one while
    # epochs times batches stay below 1,900 million.
    short = (seed + epoch * 0x9E3779B1 + index) % (1 << 32)
    np.random.seed(short)
    generator = _torch_generator()
    if generator is not None:
        generator.manual_seed(short)


def _torch_generator() -> Any:
    """Return the generator that torch's functions draw from on a CPU; None if nobody has imported torch."""
    return getattr(sys.modules.get("torch"), "default_generator", None)


@contextlib.contextmanager
def _restored_randomness() -> Iterator[None]:
    """Give the generators back the states that they had."""
    generator = _torch_generator()
    python, numpy, torch = random.getstate(), np.random.get_state(), generator and generator.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        if generator is not None:
            generator.set_state(torch)


def _follow_parent(parent: int) -> None:
    """End with whoever trains also in the middle of a batch, or if another process holds the pipe's other end open."""
    trains: Any = multiprocessing.parent_process()  # a fork server's workers are not its children
    while os.getppid() == parent and not wait([trains.sentinel], timeout=1):
        pass
    os._exit(1)


# In this project

from feeders.loaders import Loader  # noqa: E402

from ._feeder import Feed, Feeder  # noqa: E402
from ._feeds import Numbered, pool_feed  # noqa: E402


def _build(loader: Loader, workers: int) -> Feed:
    if loader.draws_late:  # here, for all copies: each worker would draw another order
        loader.on_epoch_end()
    return pool_feed(LookaheadProcesses(Numbered(loader), workers), loader)


ROWS = (
    Feeder(
        "lookahead-processes",
        _build,
        "a pool of processes writes batches into shared memory, order kept, as a generator",
        "no GIL, no pickling of arrays, workers kept between epochs",
        shared_by="processes",
        own_workers=True,
    ),
)
