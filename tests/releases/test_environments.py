"""Environments are made once, are there whole or not at all, and go when they are asked to."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from feeders.errors import FeedersError
from feeders.releases import environments
from feeders.releases.environments import COMPLETE, build_environment, is_built, path_of, python_of, remove

# A process that builds a stack, notes that it is about to wait for the lock, and prints what it says of building.
BUILD = """
import fcntl, os, sys, uv
from pathlib import Path
from feeders.releases import environments
from feeders.releases.stacks import Stack

lock = fcntl.flock

def flock(*arguments):
    Path(sys.argv[3], f"waiting-{os.getpid()}").touch()
    lock(*arguments)

fcntl.flock = flock
uv.find_uv_bin = lambda: sys.argv[1]
print(environments.build_environment(Stack.read(Path(sys.argv[2])), print))
"""


def quiet(text):
    pass


def left(cache):
    """What is in the folder of environments but locks, which are never removed: a process may wait at one."""
    return sorted(path.name for path in cache.glob("*") if not path.name.endswith(".lock"))


def test_an_environment_is_made_from_the_pins_alone_and_once(cache, planted_uv, stack):
    said = []
    python = build_environment(stack, said.append)
    assert python == python_of(stack) == cache / f"2.16.2-{stack.digest}" / "bin" / "python"
    assert python.exists()
    assert (path_of(stack) / "installed").read_text() == stack.requirements()
    assert said == ["building the environment of 2.16.2 (Python 3.11, 3 packages)"]
    assert build_environment(stack, said.append) == python
    assert len(said) == 1
    venv, install = planted_uv.calls()
    assert venv == f"venv --no-project --no-config --python 3.11 {path_of(stack)} --quiet"
    assert install.startswith(f"pip install --python {python} --no-deps ")


def test_the_mark_is_written_last(cache, planted_uv, stack):
    build_environment(stack, quiet)
    assert is_built(stack)
    assert "marked too early" not in planted_uv.calls()


def test_other_pins_have_another_place(cache, planted_uv, stack):
    build_environment(stack, quiet)
    assert not is_built(replace(stack, python="3.12"))
    assert not is_built(replace(stack, pins=stack.pins[1:]))
    assert is_built(replace(stack, date="2030-01-01"))


def test_what_a_kill_left_half_made_is_made_anew(cache, planted_uv, stack):
    path_of(stack).mkdir(parents=True)
    (path_of(stack) / "half").touch()
    assert not is_built(stack)
    build_environment(stack, quiet)
    assert is_built(stack)
    assert not (path_of(stack) / "half").exists()


def test_one_whose_python_has_gone_is_made_anew(cache, planted_uv, stack):
    """Its interpreter is a link to one that uv keeps, and that a person may remove."""
    build_environment(stack, quiet)
    python_of(stack).unlink()
    python_of(stack).symlink_to(cache / "gone")
    assert not is_built(stack)
    build_environment(stack, quiet)
    assert is_built(stack)


@pytest.mark.parametrize("step", ["venv", "pip"])
def test_a_failure_leaves_nothing_and_tells_what_uv_said(cache, planted_uv, stack, step):
    planted_uv.ends_with(f"test $1 != {step} || {{ printf 'no such\\n  wheel\\n' >&2; exit 2; }}")
    with pytest.raises(FeedersError) as error:
        build_environment(stack, quiet)
    assert str(error.value).startswith(f"2.16.2: its environment can't be made. uv {step} says: no such wheel It needs")
    assert "Python 3.11" in str(error.value)
    assert left(cache) == []


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_ctrl_c_leaves_nothing(cache, planted_uv, stack):
    """A terminal interrupts uv as well; `subprocess` gives it a quarter of a second to go by itself."""
    planted_uv.ends_with("test $1 != pip || { kill -INT $PPID; exit 130; }")
    with pytest.raises(KeyboardInterrupt):
        build_environment(stack, quiet)
    assert len(planted_uv.calls()) == 2
    assert left(cache) == []


def test_without_uv_nothing_is_left(cache, stack, monkeypatch):
    monkeypatch.setitem(sys.modules, "uv", None)
    with pytest.raises(FeedersError, match="pip install uv"):
        build_environment(stack, quiet)
    assert left(cache) == []


def test_two_processes_that_ask_at_once_build_once(cache, planted_uv, stack, tmp_path):
    file = tmp_path / "2.16.2.txt"
    file.write_text(stack.requirements())
    # uv goes on when the other process is at the lock as well.
    planted_uv.ends_with(f"while test $(ls '{tmp_path}' | grep -c '^waiting-') -lt 2; do sleep 0.02; done")
    command = [sys.executable, "-c", BUILD, str(planted_uv.path), str(file), str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(map(len, said)) == [1, 2]  # one of them says that it builds
    assert {lines[-1] for lines in said} == {str(python_of(stack))}
    assert len(planted_uv.calls()) == 2


def test_too_little_disk_is_said_before_anything_is_made(cache, planted_uv, stack, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1 << 30))
    with pytest.raises(
        FeedersError, match=r"1\.0 GB are free, an environment needs 2\. Try: .* clean, or FEEDERS_CACHE"
    ):
        build_environment(stack, quiet)
    assert planted_uv.calls() == left(cache) == []


def test_a_cache_that_cant_be_written_is_told(cache, planted_uv, stack):
    cache.parent.touch()
    with pytest.raises(FeedersError, match=r"stacks: environments of releases can't be kept there .+ FEEDERS_CACHE="):
        build_environment(stack, quiet)
    assert planted_uv.calls() == []


def test_a_removed_environment_is_not_there_and_is_made_again(cache, planted_uv, stack):
    build_environment(stack, quiet)
    other = replace(stack, release="k3.4.1")
    build_environment(other, quiet)
    assert environments.environments() == [path_of(stack), path_of(other)]
    remove(path_of(stack))
    assert environments.environments() == [path_of(other)]
    assert not is_built(stack)
    build_environment(stack, quiet)
    assert is_built(stack)


def test_what_is_half_made_is_listed_too(cache, stack):
    """So that `clean` removes it."""
    path_of(stack).mkdir(parents=True)
    assert not (path_of(stack) / COMPLETE).exists()
    assert environments.environments() == [path_of(stack)]


def test_no_folder_no_environments(cache):
    assert environments.environments() == []
    assert not cache.exists()
