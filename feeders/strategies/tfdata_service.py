"""tf.data service on this host: a dispatcher and workers in processes of their own, or a cluster's address.

The file stands alone: to use it elsewhere, copy it and leave out what follows "In this project".
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
import weakref
from typing import Any, Iterator

# How often a server looks whether the process that started it is still there, and a worker tells that it is alive.
WATCH_SECONDS = 0.2

# The string is known to all releases: TensorFlow 2.4 and 2.5 have no ShardingPolicy. It is ShardingPolicy.DYNAMIC.
DYNAMIC = "distributed_epoch"
# What gives another result where each worker runs it on a part, and how it is called.
OF_A_SHARE = {"TakeDataset": "take", "SkipDataset": "skip", "ShardDataset": "shard"}


class DataService:
    """A dispatcher and workers of tf.data service in processes of this host, which end with this object.

    Use it where preparation is written in TensorFlow ops and the training process shall be spared. It takes neither
    ``from_generator`` nor ``numpy_function``: their Python stays in the process that made the dataset. Use
    `LookaheadProcesses` for Python. One process imports TensorFlow, which takes seconds, and forks the others.

        with DataService(workers=4) as service:
            model.fit(service.distribute(dataset))

    Sharding is dynamic: the workers ask for the elements of the dataset's source, one after the other, so every element
    is prepared once, in no order. Without sharding each worker would deliver the whole dataset. What a worker that dies
    has in work is lost: at most once. It is started again at the same address, since whoever reads would wait for it
    for an hour. `distribute` says how many batches an epoch has, so that a loss ends training with an error. Nothing
    tells a loss of a dataset that does not know its length, as after ``filter``.

    Each worker runs ``batch`` on its own share: with several workers an epoch may have more short batches, and its
    length is not known. Call it on what `distribute` returns where that matters.

    Args:
        workers: processes that prepare.
    """

    def __init__(self, workers: int = 2) -> None:
        if workers < 1:
            raise ValueError(f"DataService: workers={workers}; expected 1 or more")
        self._servers = _Servers(workers)
        self._finalizer = weakref.finalize(self, self._servers.leave)
        try:
            self.target = self._servers.target()
        except BaseException:  # Ctrl-C too, which they don't get
            self.close()
            raise

    def __enter__(self) -> DataService:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes."""
        self._finalizer()

    def distribute(self, dataset: Any) -> Any:
        """Return the dataset, prepared by the workers; the processes live as long as it does, or this object.

        Raises:
            RuntimeError: they have ended. A dataset would wait for them for an hour.
        """
        if not self._finalizer.alive:
            raise RuntimeError("DataService: it is closed; make a new one to train again")
        served = distributed(dataset, self.target)
        served._service = self  # keeps it alive: a dataset that ended it would end it under the next one
        return served


def distributed(dataset: Any, target: str) -> Any:
    """Return a dataset, prepared by the service at an address.

    Its length is known if each element of its source gives one.

    Raises:
        ValueError: dynamic sharding would lose or mix up its samples, and nothing would tell.
    """
    import tensorflow as tf

    fault = _fault(dataset)
    if fault:
        raise ValueError(fault)
    served = dataset.apply(tf.data.experimental.service.distribute(DYNAMIC, target))
    if not _is_counted(dataset):
        return served
    return served.apply(tf.data.experimental.assert_cardinality(dataset.cardinality()))


def _is_counted(dataset: Any) -> bool:
    """Whether it has a length with workers too: of batches there may be more, and Keras would leave those out."""
    (source,) = _sources(dataset)
    return 0 <= int(dataset.cardinality()) == int(source.cardinality())  # below 0 it is unknown, or has no end


def _fault(dataset: Any) -> str:
    """Say why workers that share out the elements of its source would spoil a dataset; empty if they would not."""
    count = len(_sources(dataset))
    if count > 1:  # as made by `zip`
        return f"dynamic sharding takes a dataset of one source; this one has {count}, which it would mix up"
    calls = (OF_A_SHARE.get(type(stage).__name__.lstrip("_")) or _dropping(stage) for stage in _stages(dataset))
    call = next(filter(None, calls), None)
    # It goes by the order of the elements, which is lost on the way.
    repair = "Shard what its source is made of" if call == "shard" else "Call it on what distribute() returns"
    return f"each worker would run {call} on its own share. {repair}" if call else ""


def _dropping(stage: Any) -> str:
    import tensorflow as tf

    drops = getattr(stage, "_drop_remainder", None)
    return "batch(drop_remainder=True)" if drops is not None and tf.get_static_value(drops) else ""


def _stages(dataset: Any) -> Iterator[Any]:
    """Yield a dataset and all that it is made of."""
    yield dataset
    for each in dataset._inputs():
        yield from _stages(each)


def _sources(dataset: Any) -> list[Any]:
    return [stage for stage in _stages(dataset) if not stage._inputs()]


class _Servers:
    """The dispatcher and the workers, in processes that one other has forked; it knows nothing of the service object.

    That one imports TensorFlow, once for all of them, and runs none of it.
    """

    def __init__(self, workers: int) -> None:
        code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve({workers})"
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def target(self) -> str:
        """Wait until all serve; return the dispatcher's address.

        Raises:
            RuntimeError: they ended before.
        """
        line = self.process.stdout.readline().strip() if self.process.stdout else ""
        if not line:
            raise RuntimeError(f"DataService: its processes ended with status {self.process.wait()} before they served")
        return line

    def leave(self) -> None:
        self.process.terminate()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def serve(workers: int) -> None:
    """Fork a dispatcher and workers, and start again a worker that dies, until the process that started this is gone.

    Once all serve, it prints the address of the dispatcher.
    """
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever trains
    import tensorflow  # noqa: F401  imported once: the servers are forked

    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    servers: dict[int, tuple[str, ...]] = {}
    try:
        target = _said(_start(servers, "dispatcher", "0"))
        ports = _free_ports(workers)
        for reading in [_start(servers, "worker", port, target.partition("://")[2]) for port in ports]:
            _said(reading)
        print(target, flush=True)
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
            ended = os.waitpid(-1, os.WNOHANG)[0]
            arguments = servers.pop(ended, ("",))
            if arguments[0] == "worker":
                _said(_start(servers, *arguments))
    finally:
        for pid in servers:
            os.kill(pid, signal.SIGKILL)


def _start(servers: dict[int, tuple[str, ...]], *arguments: str) -> int:
    """Fork a server; return where it writes a line when it serves."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _serve(writing, *arguments)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(1)
    os.close(writing)
    servers[pid] = arguments
    return reading


def _said(reading: int) -> str:
    with open(reading) as pipe:
        line = pipe.readline().strip()
    return line or sys.exit(1)


def _serve(writing: int, kind: str, port: str, dispatcher: str = "") -> None:
    """Serve until the process that forked this one is gone."""
    parent = os.getppid()
    import tensorflow as tf

    service = tf.data.experimental.service
    if kind == "dispatcher":
        server = service.DispatchServer(service.DispatcherConfig(port=int(port)))
    else:
        server = service.WorkerServer(
            service.WorkerConfig(dispatcher, port=int(port), heartbeat_interval_ms=int(1000 * WATCH_SECONDS))
        )
    os.write(writing, f"{getattr(server, 'target', 'serves')}\n".encode())
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)


def _free_ports(count: int) -> list[str]:
    with contextlib.ExitStack() as probes:  # open until all are found, so that none is found twice
        found = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in found:
            probe.bind(("localhost", 0))
        return [str(probe.getsockname()[1]) for probe in found]


# In this project

from feeders import variables  # noqa: E402
from feeders.errors import Unsupported  # noqa: E402
from feeders.keras_api import no_autograph  # noqa: E402
from feeders.loaders import OPS, STATIC_EPOCH, Loader  # noqa: E402
from feeders.loaders.pipelines import is_endless  # noqa: E402

from ._feeder import Feed, Feeder  # noqa: E402


def _build(loader: Loader, workers: int) -> Feed:
    import tensorflow as tf

    # The workers are the parallel part: each prepares one batch at a time.
    dataset = no_autograph(loader.native)(1, tf.constant(STATIC_EPOCH, tf.int64))
    if is_endless(dataset):
        dataset = dataset.take(len(loader))
    fault = _fault(dataset)
    if fault:
        raise Unsupported(f"tfdata-service on {loader.name}: {fault}. Try: tfdata-native")
    if workers > 1 and not _is_counted(dataset):
        raise Unsupported(
            f"tfdata-service on {loader.name}: each worker would make batches of its own share, so an epoch has no "
            "fixed number of them. Try: 1 worker, or tfdata-native"
        )
    cluster = os.environ.get(variables.SERVICE)
    served = distributed(dataset, cluster) if cluster else DataService(workers).distribute(dataset)
    return Feed(served.prefetch(tf.data.experimental.AUTOTUNE))


ROWS = (
    Feeder(
        "tfdata-service",
        _build,
        "TensorFlow ops in worker processes of tf.data service, elements shared out one by one",
        "scales to other machines; a worker that dies loses what it has in work",
        shared_by="processes",
        needs="the preparation written in TensorFlow ops, from one source",
        pulls=OPS,
        tensorflow=True,
    ),
)
