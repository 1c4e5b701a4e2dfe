"""`assert_safe` in a person's own pytest: their loader, their TensorFlow, which may have trained already."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from feeders import testing
from feeders.errors import FeedersError
from feeders.testing import assert_safe, name_of

HANDLES = Path(__file__).parent / "audit" / "loaders" / "handles.py"

LOADERS = """\
import numpy as np
import keras


class Safe(keras.utils.PyDataset):
    def __len__(self):
        return 12

    def __getitem__(self, index):
        return np.full((2, 3), index, "float32"), np.full(2, index, "int32")


class Needs(Safe):
    def __init__(self, path):
        super().__init__()
"""

TESTS = """\
import keras
import numpy as np
import pytest
import loaders
from feeders.errors import FeedersError
from feeders.testing import assert_safe


@pytest.fixture(scope="session", autouse=True)
def trained():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(loss="mse")
    model.fit(np.zeros((4, 3)), np.zeros((4, 1)), verbose=0)


def test_safe():
    assert_safe(loaders.Safe, seconds=2)


def test_unsafe():
    assert_safe("handles.py:SharedHandle", seconds=6)


def test_needs():
    with pytest.raises(FeedersError, match="^loaders:Needs needs path; it is called without arguments"):
        assert_safe(loaders.Needs, seconds=2)
"""


# It waits for three audits, and for as many imports of TensorFlow.
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_in_a_project_of_its_own_the_safe_loader_passes_and_the_other_fails_with_cause_and_line(tmp_path):
    pytest.importorskip("keras", minversion="3")
    (tmp_path / "loaders.py").write_text(LOADERS)
    shutil.copy(HANDLES, tmp_path)
    (tmp_path / "test_mine.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "1 failed, 2 passed" in ended.stdout, ended.stdout + ended.stderr
    told = "\n".join(line[2:].strip() for line in ended.stdout.splitlines() if line.startswith("E "))
    assert told.startswith("AssertionError: handles.py:SharedHandle: "), ended.stdout
    assert "NOT SAFE with 4 threads" in told
    assert "shared-handle" in told
    assert re.search(r"handles\.py:\d+", told)


def made():
    return None


class Holder:
    class Inner:
        pass


def test_a_class_or_a_function_is_named_by_its_module():
    assert name_of("mine.py:Mine") == "mine.py:Mine"
    assert name_of(FeedersError) == "feeders.errors:FeedersError"
    assert name_of(assert_safe) == "feeders.testing:assert_safe"
    assert name_of(Holder.Inner).endswith("test_testing:Holder.Inner")


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        (lambda: None, r"is a lambda; expected a class or function of a module, .*define it at the level"),
        (type("Made", (), {"__qualname__": "test.<locals>.Made"}), "is made inside a function; expected a class or "),
        (
            type("Main", (), {"__module__": "__main__"}),
            "Main is of the module '__main__', .*Try: 'FILE.py:Main', with ",
        ),
        (type("Gone", (), {"__module__": "gone"}), "Gone is of the module 'gone', which can't be imported by that "),
        (Holder(), "an object of Holder can't be made anew by another interpreter; .*Try: the class itself"),
    ],
)
def test_what_another_interpreter_can_not_find_is_refused(monkeypatch, thing, text):
    monkeypatch.setattr(testing.subprocess, "run", lambda *_, **__: pytest.fail("it was started"))
    with pytest.raises(FeedersError, match=f"^assert_safe: .*{text}"):
        assert_safe(thing)


def test_what_python_itself_skips_among_its_places_is_left_away(monkeypatch):
    """A path that is no text, as of pathlib, is none to Python either."""
    seen = {}

    def run(command, **options):
        seen.update(options)
        return subprocess.CompletedProcess(command, 0, "", "")

    with monkeypatch.context() as patch:
        patch.setattr(testing.subprocess, "run", run)
        patch.setattr(sys, "path", ["/a", Path("/b"), ""])
        assert_safe("mine.py:Mine")
    assert seen["env"]["PYTHONPATH"].split(":") == ["/a", str(Path.cwd())]
