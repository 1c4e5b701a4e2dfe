"""For a person's own tests: ``assert_safe(MyLoader)``."""

from __future__ import annotations

import importlib.util
import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from feeders.errors import FeedersError

EXPECTED = "expected a class or function of a module, or FILE.py:NAME, or package.module:NAME"


def assert_safe(
    loader: str | Any,
    workers: int = 4,
    seconds: float = 10.0,
    *,
    processes: bool = False,
    call: str | None = None,
    steps: int | None = None,
    key: str | None = None,
) -> None:
    """Audit a loader, and fail with the verdict where it is not safe as it is used.

    The audit runs in a new interpreter, since this one may have trained already and can't be forked any more: it costs
    the import of Keras on top of ``seconds``. The interpreter finds modules where this one does, and reads the
    variables of this one's environment. It does not see what a test has patched.

    Args:
        loader: FILE.py:NAME or package.module:NAME; or the class or function itself, if it can be imported by its name.
        workers: threads, or processes, that prepare batches.
        seconds: budget; more shows rarer faults.
        processes: workers are processes, not threads.
        call: Python that makes the loader, evaluated in its module; by default it is called without arguments.
        steps: ``steps_per_epoch``; by default an epoch is as long as the loader says.
        key: expression that names a sample, by x, y and w, or "labels"; by default its content does.

    Raises:
        AssertionError: the loader is not safe; the text is the verdict, with causes and lines.
        FeedersError: the loader can't be found, opened or fed.
    """
    options = {"--workers": workers, "--seconds": seconds, "--call": call, "--steps": steps, "--key": key}
    given = [f"{name}={value}" for name, value in options.items() if value is not None]
    answer = subprocess.run(
        [sys.executable, "-m", "feeders", "audit", name_of(loader), *given, *(["--processes"] if processes else [])],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path if isinstance(path, str)),
        },
    )
    if answer.returncode == 1 and answer.stdout:
        raise AssertionError(answer.stdout.strip())
    if answer.returncode:
        raise FeedersError(answer.stderr.strip().rpartition("feeders: ")[2] or f"audit: ended by {answer.returncode}")


def name_of(loader: str | Any) -> str:
    """Return by which name another interpreter finds a loader.

    Raises:
        FeedersError: it can't be found by any.
    """
    if isinstance(loader, str):
        return loader
    if not (inspect.isclass(loader) or inspect.isfunction(loader)):
        raise FeedersError(
            f"assert_safe: an object of {type(loader).__qualname__} can't be made anew by another interpreter; "
            f"{EXPECTED}. Try: the class itself, or a function that returns the object"
        )
    module, name = loader.__module__, loader.__qualname__
    if "<" in name:
        where = "a lambda" if name.endswith("<lambda>") else "made inside a function"
        raise FeedersError(f"assert_safe: {name} is {where}; {EXPECTED}. Try: define it at the level of its module")
    if not _is_found(module):
        raise FeedersError(
            f"assert_safe: {name} is of the module {module!r}, which can't be imported by that name; {EXPECTED}. "
            f"Try: 'FILE.py:{name}', with the file that it is in"
        )
    return f"{module}:{name}"


def _is_found(module: str) -> bool:
    try:
        return module != "__main__" and importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # the package above it is not there, or it was made by hand
        return False
