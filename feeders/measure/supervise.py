"""The process between a take and whoever asked for it: watches the deadline, samples memory, leaves nothing behind.

It is forked before the take and outlives it. It holds the reading end of a pipe whose writing end only the asking
process has: when that one dies, however it dies, the pipe closes and the take is ended with all its descendants.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import json
import os
import select
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Callable, Mapping, NoReturn

import psutil

from .nvml import GpuWatch, nvml
from .processes import GONE, cpu_seconds, pss_bytes, tree, unshared_bytes

# Reading the set size of a TensorFlow process takes the kernel 9 ms, for each process of the tree.
MEMORY_EVERY_SECONDS = 0.1

# Asks a hung process for the stacks of its threads. A timer of faulthandler would deadlock in a process forked from one
# that has such a timer running, as test runners have.
STACKS_SIGNAL = signal.SIGUSR1
STACKS_SECONDS = 0.5

# Processes below a hung one that are asked as well: workers of a pool stand alike.
MOST_STACKS = 4

PR_SET_PDEATHSIG, PR_SET_TIMERSLACK, PR_SET_CHILD_SUBREAPER = 1, 29, 36

# Hands over an answer, anything that JSON can hold, and ends the process.
Finish = Callable[[Any], NoReturn]


@dataclass(frozen=True)
class Watch:
    """How a child is watched.

    Attributes:
        deadline_seconds: after that it has hung.
        memory: whether to sample the memory of its process tree; it costs, so not while something is timed.
        heartbeat: descriptor of a file; if given, the deadline counts from when it last grew.
        patient: whether whoever computes at the deadline is given longer: a person's code may be slow.
        memory_limit: bytes that its process tree may hold, without pages of files; it is ended beyond that.
        gpu_span: if given, the GPU that it uses is watched, which costs it nothing; called with its answer it returns
            the span of time to tell of, in seconds of ``time.time()``, or None.
    """

    deadline_seconds: float
    memory: bool
    heartbeat: int | None = None
    patient: bool = False
    memory_limit: int | None = None
    gpu_span: Callable[[Any], tuple[float, float] | None] | None = None


@dataclass(frozen=True)
class Seen:
    """What the watching process saw.

    Attributes:
        answer: of the work; None if it gave none.
        status: wait status of its process; None if it had to be ended.
        over_limit: whether for its memory.
        memory: peak proportional set size in bytes; 0 where that was not sampled.
        ended: when it was over, in seconds of ``time.perf_counter()``.
        gpu: as `GpuWatch.told` gives it of the span, where the GPU was watched; else empty.
    """

    answer: Any = None
    status: int | None = None
    over_limit: bool = False
    memory: int = 0
    ended: float = 0.0
    gpu: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def supervise(work: Callable[[Finish], None], watch: Watch, lifeline: int, result: int, log: int) -> None:
    """Run ``work`` in a forked child and write what was `Seen` of it; call it in a forked process of its own.

    Args:
        work: calls its argument with its answer; the child ends there.
        watch: deadline, and what is sampled.
        lifeline: descriptor that closes when nobody wants the result any more.
        result: descriptor to write to, the fields of a `Seen` as JSON.
        log: descriptor that becomes standard output and error of the child.
    """
    os.setsid()
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    # The child ends without cleaning up: its temporary files, such as those of AutoGraph, go with the folder.
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryDirectory() as scratch:
        child = os.fork()
        if child == 0:
            signal.set_wakeup_fd(-1)
            tempfile.tempdir = os.environ["TMPDIR"] = scratch
            _child(work, watch, answer, log)
        # Opened after the fork: the child must not hold the driver's files of another.
        with nvml() if watch.gpu_span else contextlib.nullcontext() as library:
            gpu = GpuWatch(library)
            try:
                status, memory, over_limit = _wait(child, watch, lifeline, wake_read, gpu)
            finally:
                _end_descendants()
            answer.seek(0)
            text = answer.read()
            value = json.loads(text) if text and status == 0 else None
            ended = time.perf_counter()
            span = watch.gpu_span(value) if watch.gpu_span and value is not None else None
            seen = Seen(value, status, over_limit, memory, ended, gpu.told(*span) if span else {})
    with open(result, "wb", closefd=False) as file:  # all of it, or an error
        file.write(json.dumps(asdict(seen)).encode())


def _child(work: Callable[[Finish], None], watch: Watch, answer: IO[bytes], log: int) -> None:
    """Do the work and end the process; never returns."""

    def finish(value: Any) -> NoReturn:
        answer.write(json.dumps(value).encode())
        answer.flush()
        os._exit(0)

    try:
        os.setsid()
        die_with_parent()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(log, 1)
        os.dup2(log, 2)
        # Whoever asked may have put something else in their place, which would keep in memory what is printed here.
        sys.stdout, sys.stderr = (open(descriptor, "w", buffering=1, closefd=False) for descriptor in (1, 2))  # noqa: SIM115
        faulthandler.enable(file=2)
        faulthandler.register(STACKS_SIGNAL, file=2)
        work(finish)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(70)


def _wait(child: int, watch: Watch, lifeline: int, wake: int, gpu: GpuWatch) -> tuple[int | None, int, bool]:
    """Return the child's wait status, None if it has to be ended, its peak memory, and whether that is why."""
    patience = _Patience(child, watch)
    memory = 0
    while True:
        pause = patience.left()
        if pause <= 0:
            _ask_for_stacks(child)
            return None, memory, False
        if watch.memory:
            memory = max(memory, pss_bytes(tree(child)) or 0)
        if watch.memory_limit and _over(watch.memory_limit, child):
            return None, memory, True
        gpu.look()
        if watch.memory or watch.memory_limit or watch.gpu_span or watch.heartbeat is not None:
            pause = min(pause, MEMORY_EVERY_SECONDS)
        ready, _, _ = select.select([lifeline, wake], [], [], pause)
        if lifeline in ready:
            return None, memory, False
        if wake in ready:
            os.read(wake, 1 << 10)
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status, memory, False


def _ask_for_stacks(child: int) -> None:
    """Have the child print the stacks of its threads, then the processes below it that were forked from it.

    One after the other: what two print at once is mixed. A process that was started anew has no handler, and the signal
    would end it.
    """
    os.kill(child, STACKS_SIGNAL)
    time.sleep(STACKS_SECONDS)
    for process in tree(child)[1 : 1 + MOST_STACKS]:
        if _handles(process.pid, STACKS_SIGNAL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, STACKS_SIGNAL)
                time.sleep(STACKS_SECONDS / 2)


def _handles(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal; no where the system does not tell."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            caught = next(int(line.split()[1], 16) for line in status if line.startswith("SigCgt:"))
    except (OSError, StopIteration):
        return False
    return bool(caught >> (number - 1) & 1)


class _Patience:
    """How long to wait yet: to the deadline, or, with a heartbeat, that long after its last growth.

    Whoever computes is slow, not hung, and is given `BUSY` times as long. On a loaded host a process gets far less than
    a core; one that only waits uses next to nothing. Whoever takes more and more memory is on its way to its limit.
    """

    BUSY, BUSY_SHARE, GROWTH_SHARE = 4, 0.05, 0.02

    def __init__(self, child: int, watch: Watch) -> None:
        self._child, self._watch = child, watch
        self._beat()
        self._size = self._heartbeat_size()

    def _beat(self) -> None:
        processes = tree(self._child)
        self._since, self._cpu = time.perf_counter(), cpu_seconds(processes)
        self._resident = _resident_bytes(processes) if self._watch.memory_limit else 0

    def _heartbeat_size(self) -> int:
        return -1 if self._watch.heartbeat is None else os.fstat(self._watch.heartbeat).st_size

    def left(self) -> float:
        """Seconds to wait yet; not above 0 if it has hung."""
        size = self._heartbeat_size()
        if size != self._size:
            self._size = size
            self._beat()
        passed = time.perf_counter() - self._since
        left = self._watch.deadline_seconds - passed
        limit = self._watch.memory_limit
        if left <= 0 and limit and _resident_bytes(tree(self._child)) - self._resident > limit * self.GROWTH_SHARE:
            self._beat()
            return self._watch.deadline_seconds
        if left <= 0 and (size >= 0 or self._watch.patient) and passed < self.BUSY * self._watch.deadline_seconds:
            computing = cpu_seconds(tree(self._child)) - self._cpu > passed * self.BUSY_SHARE
            return 1.0 if computing else left
        return left


def _over(limit: int, child: int) -> bool:
    processes = tree(child)
    return unshared_bytes(processes) > limit and (pss_bytes(processes, files=False) or 0) > limit


def _resident_bytes(processes: list[psutil.Process]) -> int:
    """What the processes hold together, pages of files among it: whoever reads those is at work too."""
    resident = 0
    for process in processes:
        with contextlib.suppress(*GONE):
            resident += process.memory_info().rss
    return resident


def _end_descendants() -> None:
    """Kill what the take left; as a subreaper we are the parent of its orphans."""
    for _ in range(100):  # a process that forks while it is killed shows up in the next round
        left = psutil.Process().children(recursive=True)
        if not left:
            return
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(left, timeout=0.2)


def die_with_parent() -> None:
    """Ask the system to kill this process when its parent dies; only Linux can."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def exact_sleeps() -> None:
    """Ask the system to wake this thread on time, rather than up to 50 us later; only Linux can."""
    _prctl(PR_SET_TIMERSLACK, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
