"""What is seen of a loader without running it."""

from __future__ import annotations

import itertools
import sqlite3
import threading
import zipfile
from types import SimpleNamespace as Thing

import numpy as np
import pytest

from feeders.audit.hooks import overrides
from feeders.audit.inspection import handles, memory_owner, reachable
from feeders.loaders.pickling import pickling_fault


@pytest.mark.parametrize(
    ("thing", "attribute"),
    [
        (lambda lock: Thing(rows=[1], lock=lock), "self.lock"),
        (lambda lock: Thing(reader=Thing(inner=Thing(lock=lock))), "self.reader.inner.lock"),
        (lambda lock: Thing(parts={"a": 1, "b": [0, lock]}), "self.parts['b'][1]"),
        (lambda lock: lock, "self"),
    ],
    ids=["attribute", "deep", "entry", "itself"],
)
def test_what_can_not_be_sent_to_a_spawned_worker_is_named_by_its_attribute(thing, attribute):
    fault = pickling_fault(thing(threading.Lock()))
    assert fault.attribute == attribute
    assert fault.type == "lock"
    assert fault.error.startswith("TypeError: cannot pickle '_thread.lock' object")


def test_what_can_be_sent_has_no_fault():
    assert pickling_fault(Thing(rows=np.zeros(4), name="a")) is None


class Careless:
    """Takes its lock from itself, and not from a copy of its state."""

    def __init__(self):
        self.lock, self.rows = threading.Lock(), [1]

    def __getstate__(self):
        state = self.__dict__
        del state["lock"]
        return state


def test_to_look_whether_a_loader_can_be_sent_leaves_it_as_it_is():
    mine = Careless()
    assert pickling_fault(mine) is None
    assert list(vars(mine)) == ["rows", "lock"]


def test_a_lambda_can_not_be_sent():
    assert pickling_fault(Thing(scale=lambda x: x)).attribute == "self.scale"


def test_a_batch_in_the_memory_of_the_loader_is_found(loaded):
    buffer = np.zeros((8, 2))
    loader = Thing(rows=np.ones((8, 2)), inner=Thing(buffer=buffer))
    assert memory_owner(loader, (buffer[:4], np.zeros(4))) == "self.inner.buffer"
    assert memory_owner(loader, {"a": loader.rows[2:]}) == "self.rows"
    assert memory_owner(loader, (buffer[:4].copy(), np.zeros(4))) is None


def test_handles_are_found_and_whether_a_library_stands_before_them(tmp_path):
    with open(tmp_path / "rows.bin", "w+b") as file, zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        base = sqlite3.connect(":memory:")
        found = handles(Thing(rows=np.zeros(4), inner=[file], archive=archive, base=base, path=tmp_path))
        base.close()
    assert [(one.path, one.library) for one in found if one.path.count(".") == 1] == [
        ("self.archive", True),
        ("self.base", True),
        ("self.inner[0]", False),
    ]


class Keyed(dict):
    """As people write it: an attribute for each key, and a KeyError for what is none."""

    __getattr__ = dict.__getitem__


class Anything:
    def __getattr__(self, name):
        return {}


@pytest.mark.parametrize("held", [Keyed(size=4), Anything()], ids=["raises", "has any"])
def test_what_makes_attributes_of_its_keys_is_no_handle(held):
    assert handles(Thing(settings=held)) == ()


def test_a_memory_map_is_no_handle(tmp_path):
    (tmp_path / "rows.bin").write_bytes(bytes(64))
    assert handles(Thing(rows=np.memmap(tmp_path / "rows.bin"))) == ()


def test_a_walk_ends_where_things_hold_each_other_or_much():
    loader = Thing(name="a")
    loader.self = loader
    loader.parts = {"again": loader, "many": list(range(1000, 2000))}
    nested = Thing()
    loader.deep = nested
    for _ in range(20):
        nested.inner = Thing()
        nested = nested.inner
    paths = [path for path, _ in itertools.islice(reachable(loader), 1000)]
    assert len(paths) == len(set(paths)) < 100
    assert {"self", "self.name", "self.parts['many'][49]", "self.deep.inner.inner.inner"} <= set(paths)


@pytest.mark.parametrize(
    ("module", "own"), [("keras_data", True), ("tensorflow_rows", True), ("keras.src.utils", False)]
)
def test_a_hook_is_the_loaders_own_whatever_its_file_is_called(module, own):
    def on_epoch_end(self):
        """Draw an order."""

    on_epoch_end.__module__ = module
    mine = type("Mine", (), {"on_epoch_end": on_epoch_end})()
    assert overrides(mine, "on_epoch_end") is own
    assert not overrides(mine, "on_epoch_begin")
