"""What other engines do around the same loader: tf.data service, and the loaders of other projects."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import sys
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from feeders import variables
from feeders.errors import Unsupported
from feeders.keras_api import generation
from feeders.loaders import STATIC_EPOCH, Leaf, Loader, workload
from feeders.measure.recording import recording_model
from feeders.strategies import feeder, tfdata_service
from feeders.strategies.tfdata_service import DataService, distributed

OTHERS = ("torch-dataloader", "grain", "spdl")


def two_epochs(name, loader, workers):
    """Ids and stamps of each of two epochs."""
    ids, stamps = [], []

    def take_down(batch):
        ids.append(batch[1][:, 1].tolist())
        stamps.append(batch[1][:, 2].tolist())

    feed = feeder(name).build(loader, workers)
    recording_model(take_down).fit(feed.x, epochs=2, shuffle=False, verbose=0, **feed.fit)
    middle = len(ids) // 2
    return [
        [list(itertools.chain(*part[cut])) for part in (ids, stamps)] for cut in (slice(middle), slice(middle, None))
    ]


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_installed_says_what_to_install(monkeypatch, tiny, name):
    """One line in every table, and no cell in the core profile."""
    row = feeder(name)
    monkeypatch.setattr("importlib.util.find_spec", lambda library: None)
    assert not row.is_installed
    with pytest.raises(Unsupported) as error:
        row.build(tiny(), 2)
    assert str(error.value) == f"{name}: {row.library} is not installed. Try: pip install '.[{row.library}]'"


class Hooked(Loader):
    name, signature, hooks = "hooked", (Leaf((None, 1), "float32"),), True

    def __len__(self):
        return 3

    def batch(self, index, epoch):
        return (np.zeros((2, 1), np.float32),)


@pytest.mark.parametrize("name", OTHERS)
def test_hooks_that_would_not_reach_the_workers_are_unsupported(name):
    """Else a loader that shuffles would feed every epoch in one order, and nobody would know."""
    row = feeder(name)
    if not row.is_installed:
        pytest.skip(f"{row.library} is not installed")
    with pytest.raises(Unsupported, match=f"^{name} on hooked: its on_epoch_begin or on_epoch_end would not be called"):
        row.build(Hooked(), 2)


class Bare(Loader):
    """Batches that are a dict, or one array: x alone, as a model with a loss of its own takes them."""

    def __init__(self, kind):
        self.name = f"bare {kind}"
        self.kind = kind
        leaf = Leaf((None, 2), "float32")
        self.signature = {"a": leaf, "b": leaf} if kind == "dict" else leaf

    def __len__(self):
        return 3

    def batch(self, index, epoch):
        rows = np.full((4, 2), index, np.float32)
        return {"a": rows, "b": rows} if self.kind == "dict" else rows


def first_batch(name, loader):
    """Structure of the first batch that arrives: names or a count of its parts, and the shape of the first."""
    seen = []
    feed = feeder(name).build(loader, 2)
    recording_model(seen.append).fit(feed.x, epochs=1, verbose=0, **feed.fit)
    batch = seen[0]
    parts = [*batch.values()] if isinstance(batch, dict) else [*batch] if isinstance(batch, tuple) else [batch]
    return [type(batch).__name__, len(parts), [list(np.shape(part)) for part in parts]]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["dict", "array"])
def test_keras_spoils_batches_of_torch_that_are_no_tuple(in_child, kind):
    """keras 3.15.1, torch_data_loader_adapter.py, on TensorFlow and JAX: ``tuple(...)`` around whatever a batch is.

    A dict becomes its names, one array the tuple of its rows. The row does not hide it: nothing like it happens to the
    same loader in `tfdata-map`.
    """
    if not feeder("torch-dataloader").is_installed or generation() == 2:
        pytest.skip("torch is not installed, or Keras 2, which takes no DataLoader")
    right = [[4, 2]] * (2 if kind == "dict" else 1)
    assert in_child(lambda: first_batch("tfdata-map", Bare(kind)))[2] == right
    try:
        seen = in_child(lambda: first_batch("torch-dataloader", Bare(kind)))
    except AssertionError as error:
        seen = str(error)
    print(f"{kind}: {seen}")
    assert not (isinstance(seen, list) and seen[2] == right), "Keras is repaired: tell it in METHODOLOGY.md"


# tf.data service


def served(loader, workers=2):
    feed = feeder("tfdata-service").build(loader, workers)
    return [[y[:, 1].tolist() for _, y in feed.x.as_numpy_iterator()] for _ in range(2)]


@pytest.mark.slow
def test_the_service_delivers_every_sample_once_and_ends_with_its_feed(in_child, nothing_left, tiny):
    """Two worker processes and a dispatcher on this host; two epochs through ``fit()``."""
    for ids, stamps in in_child(lambda: two_epochs("tfdata-service", tiny(), 2)):
        assert sorted(ids) == list(range(23))
        assert set(stamps) == {STATIC_EPOCH}
    assert nothing_left()


def killed_once(tiny):
    """Kill a worker in the middle of an epoch; return what the epoch ended with, what came, and an epoch after it."""
    import tensorflow as tf

    dataset = tf.data.Dataset.range(60).map(
        lambda i: i + tf.cast(tf.reduce_sum(tf.random.normal((700, 700))) > 1e30, tf.int64)
    )
    with DataService(2) as service:
        epoch, came, said = service.distribute(dataset), [], ""
        try:
            for index in epoch.as_numpy_iterator():
                came.append(int(index))
                if len(came) == 20:
                    servers = psutil.Process(service._servers.process.pid).children()
                    sorted(servers, key=psutil.Process.create_time)[1].kill()  # the first is the dispatcher
        except tf.errors.FailedPreconditionError as error:
            said = str(error)
        return [said, came, sorted(map(int, epoch.as_numpy_iterator()))]


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_what_it_had_and_the_loss_is_told(in_child, nothing_left, tiny):
    """At most once: nothing twice, no hang, an error with the count, and the next epoch is whole again."""
    said, came, after = in_child(lambda: killed_once(tiny))
    assert len(came) == len(set(came))
    if len(came) < 60:
        assert f"expected to contain 60 elements but contained only {len(came)}" in said
    assert after == list(range(60))
    assert nothing_left()


@pytest.mark.slow
def test_without_sharding_each_worker_delivers_everything(in_child):
    """ShardingPolicy.OFF, by design: why the row shares elements out."""

    def work():
        import tensorflow as tf

        with DataService(2) as service:
            distribute = tf.data.experimental.service.distribute("parallel_epochs", service.target)
            return sorted(map(int, tf.data.Dataset.range(10).apply(distribute).as_numpy_iterator()))

    assert in_child(work) == sorted([*range(10)] * 2)


def test_a_dataset_of_several_sources_is_refused(in_child):
    """Dynamic sharding would split each on its own: of `text`, a fifth of the samples held another's content."""

    def work():
        import tensorflow as tf

        with pytest.raises(ValueError) as error:
            distributed(tf.data.Dataset.zip((tf.data.Dataset.range(4), tf.data.Dataset.range(4))), "grpc://nowhere:1")
        told = []
        for name in ("records", "jpeg"):
            with pytest.raises(Unsupported) as refused:
                feeder("tfdata-service").build(workload(name).open(), 2)
            told.append(str(refused.value))
        return [str(error.value), *told]

    said, told, batches = in_child(work)
    assert batches.startswith("tfdata-service on jpeg: each worker would make batches of its own share, so an epoch")
    assert said == "dynamic sharding takes a dataset of one source; this one has 2, which it would mix up"
    assert told == f"tfdata-service on records: {said}. Try: tfdata-native"


@pytest.mark.parametrize(
    ("spoil", "call"),
    [
        (lambda dataset: dataset.take(3), "take"),
        (lambda dataset: dataset.skip(3), "skip"),
        (lambda dataset: dataset.batch(4, drop_remainder=True), "batch(drop_remainder=True)"),
    ],
)
def test_what_each_worker_would_do_to_its_own_share_is_refused(in_child, spoil, call):
    """Two workers that take three elements each give six; two that drop their last batch lose two."""

    def work():
        import tensorflow as tf

        with pytest.raises(ValueError) as error:
            distributed(spoil(tf.data.Dataset.range(10)).map(lambda element: element), "grpc://nowhere:1")
        return str(error.value)

    assert in_child(work) == f"each worker would run {call} on its own share. Call it on what distribute() returns"


def test_a_shard_of_each_share_is_refused_too(in_child):
    """It would hold other elements than those that are asked for; after the workers nobody knows which is which."""

    def work():
        import tensorflow as tf

        with pytest.raises(ValueError) as error:
            distributed(tf.data.Dataset.range(10).shard(2, 0), "grpc://nowhere:1")
        return str(error.value)

    assert in_child(work) == "each worker would run shard on its own share. Shard what its source is made of"


def test_batches_of_shares_are_not_counted_beforehand(in_child):
    """One element and ten make five batches of three, where eleven make four: Keras would never ask for the fifth."""

    def work():
        import tensorflow as tf

        tf.data.experimental.service.distribute = lambda mode, target: lambda dataset: dataset.filter(lambda _: True)
        numbers = tf.data.Dataset.range(11)
        return [int(distributed(dataset, "grpc://nowhere:1").cardinality()) for dataset in (numbers, numbers.batch(3))]

    assert in_child(work) == [11, -2]


def test_a_dataset_of_unknown_length_is_served(in_child):
    """A person's may filter: then nobody can say how many elements to expect."""

    def work():
        import tensorflow as tf

        tf.data.experimental.service.distribute = lambda mode, target: lambda dataset: dataset
        late = tf.data.Dataset.range(6).filter(lambda number: number > 2)
        return list(map(int, distributed(late, "grpc://nowhere:1").as_numpy_iterator()))

    assert in_child(work) == [3, 4, 5]


class Served:
    """Stands for a dataset."""


@pytest.fixture
def left(monkeypatch):
    """A `DataService` starts nothing; a list gets longer where it would end its processes."""
    left = []
    servers = SimpleNamespace(target=lambda: "grpc://nowhere:1", leave=lambda: left.append("left"))
    monkeypatch.setattr(tfdata_service, "_Servers", lambda workers: servers)
    monkeypatch.setattr(tfdata_service, "distributed", lambda dataset, target: Served())
    return left


def test_a_service_outlives_a_dataset_of_its_own(left):
    """There may be a second ``fit()``: it would wait for an hour for a service that has ended."""
    with DataService() as service:
        for _ in range(2):
            service.distribute(None)
            gc.collect()
            assert not left
    assert left == ["left"]
    with pytest.raises(RuntimeError, match=r"^DataService: it is closed; make a new one"):
        service.distribute(None)


def test_a_service_that_nobody_holds_ends_with_its_dataset(left):
    served = DataService().distribute(None)
    gc.collect()
    assert not left
    del served
    gc.collect()
    assert left == ["left"]


@pytest.mark.slow
def test_an_address_of_a_cluster_is_used(in_child, monkeypatch, tiny):
    """FEEDERS_TF_DATA_SERVICE: the row starts nothing of its own."""

    def work():
        with DataService(1) as service:
            os.environ[variables.SERVICE] = service.target
            started = []
            real = DataService.__init__
            DataService.__init__ = lambda *arguments: started.append(arguments) or real(*arguments)
            epochs = served(tiny())
            return [len(started), [sorted(itertools.chain(*epoch)) for epoch in epochs]]

    started, epochs = in_child(work)
    assert started == 0
    assert epochs == [list(range(23))] * 2


def test_ctrl_c_is_for_whoever_trains_also_while_tensorflow_is_imported(in_child, monkeypatch):
    """That takes seconds, and its traceback would stand beside the one of the program."""

    def work():
        monkeypatch.setitem(sys.modules, "tensorflow", None)
        with pytest.raises(ImportError):
            tfdata_service.serve(1)
        return signal.getsignal(signal.SIGINT) is signal.SIG_IGN

    assert in_child(work)


def test_a_server_that_does_not_start_is_one_error(monkeypatch):
    """The process ends before it serves: no wait without end."""
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(RuntimeError, match=r"^DataService: its processes ended with status 1 before"):
        DataService(1)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_server_that_fails_tells_why(monkeypatch, capfd):
    def fail(*_):
        raise OSError("planted")

    monkeypatch.setattr(tfdata_service, "_serve", fail)
    servers = {}
    reading = tfdata_service._start(servers, "worker", "0")
    with pytest.raises(SystemExit):
        tfdata_service._said(reading)
    os.waitpid(*servers, 0)
    assert "OSError: planted" in capfd.readouterr().err


class Lowest:
    """A socket that gets the lowest port that is free, as a host with few free ports gives."""

    bound = set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bound.discard(self.port)

    def bind(self, _):
        self.port = next(port for port in itertools.count(5000) if port not in self.bound)
        self.bound.add(self.port)

    def getsockname(self):
        return "localhost", self.port


def test_no_two_workers_of_a_service_get_one_port(monkeypatch):
    """A port that was looked for and let go may come again."""
    monkeypatch.setattr(tfdata_service.socket, "socket", Lowest)
    assert tfdata_service._free_ports(3) == ["5000", "5001", "5002"]
    assert not Lowest.bound
