"""Stacks: full pins of the releases that are measured, which make the release that their file is named after."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from feeders.releases.catalogue import RELEASES, identify
from feeders.releases.resolve import PYTHONS
from feeders.releases.stacks import FOLDER, KERAS_PACKAGE, TENSORFLOW_PACKAGE, Stack, difference, parse, stacks

ROOT = Path(__file__).resolve().parents[2]

# One more may come; none may go, since asv's series run through them.
THERE = (
    *("2.4.4", "2.6.5", "2.8.4", "2.9.3", "2.10.1", "2.11.1", "2.12.1", "2.13.1", "2.14.1", "2.15.1", "2.16.1"),
    *("2.16.2", "2.17.1", "2.18.1", "2.19.1", "2.20.0", "2.21.0", "k3.3.3", "k3.5.0", "k3.6.0", "k3.7.0", "k3.9.2"),
    *("k3.11.3", "k3.13.2", "k3.15.1"),
)

each_stack = pytest.mark.parametrize("name", sorted(stacks()))


def test_the_releases_of_the_history_are_there():
    assert set(THERE) <= set(stacks())
    assert len(THERE) == 25


@each_stack
def test_the_pins_make_the_release_on_its_day(name):
    stack = stacks()[name]
    assert stack.release == name
    assert identify(stack.version(TENSORFLOW_PACKAGE), stack.version(KERAS_PACKAGE)).id == name
    assert stack.date == RELEASES[name].date
    assert stack.python in PYTHONS


@each_stack
def test_every_pin_is_one_version_and_the_file_is_what_is_written_of_it(name):
    stack = stacks()[name]
    assert all(re.fullmatch(r"[a-z0-9-]+", package) for package, _ in stack.pins)
    assert all(re.fullmatch(r"[0-9][0-9a-z.+!]*", version) for _, version in stack.pins)
    assert len(dict(stack.pins)) == len(stack.pins)
    assert (FOLDER / f"{name}.txt").read_text() == stack.requirements()


@each_stack
def test_what_measures_is_that_of_the_host_and_what_is_measured_brings_all_it_needs(name):
    (pinned,) = re.findall(r'"asv_runner==(.+)"', (ROOT / "pyproject.toml").read_text())
    stack = stacks()[name]
    assert stack.version("asv-runner") == pinned
    assert all(
        stack.version(package) for package in ("numpy", "pillow", "psutil", "more-itertools", TENSORFLOW_PACKAGE)
    )


def test_a_stack_survives_its_file(tmp_path, stack):
    path = tmp_path / "2.16.2.txt"
    path.write_text(stack.requirements())
    assert Stack.read(path) == stack


def test_a_file_without_its_head_is_named(tmp_path):
    path = tmp_path / "2.16.2.txt"
    path.write_text("keras==3.4.1\n")
    with pytest.raises(AssertionError, match=re.escape(f"{path}: 'keras==3.4.1'")):
        Stack.read(path)


def test_names_are_spelled_one_way():
    assert parse(["Asv_Runner==0.3.2", "opt.einsum==1"]) == [("asv-runner", "0.3.2"), ("opt-einsum", "1")]


def test_the_digest_is_that_of_python_and_pins_only(stack):
    """It names the environment: another day or order of the same packages is no reason to make a new one."""
    same = replace(stack, release="k3.4.1", date="2030-01-01", pins=stack.pins[::-1])
    assert re.fullmatch("[0-9a-f]{12}", stack.digest)
    assert same.digest == stack.digest
    assert replace(stack, python="3.12").digest != stack.digest
    assert replace(stack, pins=stack.pins[1:]).digest != stack.digest
    assert replace(stack, pins=(*stack.pins[:-1], ("tensorflow-cpu", "2.16.1"))).digest != stack.digest


def test_the_difference_of_two_stacks_is_what_changed_with_the_release(stack):
    pins = (("keras", "3.5.0"), ("numpy", "1.26.4"), ("rich", "13.0"))
    assert difference(stack, replace(stack, python="3.12", pins=pins)) == [
        ("python", "3.11", "3.12"),
        ("keras", "3.4.1", "3.5.0"),
        ("tensorflow-cpu", "2.16.2", ""),
        ("rich", "", "13.0"),
    ]
    assert difference(stack, replace(stack, date="2030-01-01")) == []


def test_a_package_that_is_not_there_has_no_version(stack):
    assert (stack.version("keras"), stack.version("torch")) == ("3.4.1", "")
