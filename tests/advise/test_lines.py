"""The sampled pass: the right line has the time, a library counts for who called it, waiting is told from computing."""

from __future__ import annotations

import dataclasses
import time

import pytest

from feeders.advise.lines import sampled_pass
from feeders.loaders.opening import GENERATOR, SEQUENCE, Opened

LOADER = """
import json
import time


class Loader:
    def __init__(self, kind):
        self.prepare = {"computes": self.computes, "waits": self.waits, "library": self.library}[kind]

    def __len__(self):
        return 1000

    def __getitem__(self, index):
        return self.prepare()

    def computes(self):
        return sum(k * k for k in range(20_000))

    def waits(self):
        time.sleep(0.005)

    def library(self):
        return json.loads(TEXT)


TEXT = json.dumps(list(range(20_000)))


def generator():
    while True:
        yield Loader("computes").computes()
"""


@pytest.fixture
def sampled(tmp_path, in_child):
    """Sample a pass over the loader of a kind; return the line with most of the time, and all of them."""
    path = tmp_path / "loader.py"
    path.write_text(LOADER)

    def sampled(kind, without=()):
        def in_this_child():
            for name in without:
                delattr(time, name)
            spec = {"__name__": "loader"}
            exec(compile(LOADER, str(path), "exec"), spec)
            made = spec["generator"]() if kind == "generator" else spec["Loader"](kind)
            opened = Opened(made, None, GENERATOR if kind == "generator" else SEQUENCE, 1, False)
            return dataclasses.asdict(sampled_pass(opened, lambda file: file == str(path), 1.0))

        return in_child(in_this_child)

    return sampled


def text_of(line):
    return LOADER.splitlines()[line["line"] - 1].strip()


def test_a_line_that_computes_is_named(sampled):
    found = sampled("computes")
    line = found["lines"][0]
    assert "sum(" in text_of(line)
    assert line["share"] > 0.5
    assert line["cpu_share"] > 0.5
    assert sum(each["share"] for each in found["lines"]) <= 1.001
    assert found["batches"] > 1


def test_a_line_that_waits_is_told_from_one_that_computes(sampled):
    line = sampled("waits")["lines"][0]
    assert text_of(line) == "time.sleep(0.005)"
    assert line["cpu_share"] < 0.5


def test_waiting_is_told_also_where_no_thread_has_a_clock(sampled):
    """As on macOS."""
    computing, waiting = (sampled(kind, ["pthread_getcpuclockid"])["lines"][0] for kind in ("computes", "waits"))
    assert computing["cpu_share"] > 0.5 > waiting["cpu_share"]


def test_what_a_library_does_counts_for_the_line_that_called_it(sampled):
    line = sampled("library")["lines"][0]
    assert text_of(line) == "return json.loads(TEXT)"
    assert line["share"] > 0.5


def test_a_generator_is_sampled_too(sampled):
    assert "sum(" in text_of(sampled("generator")["lines"][0])
