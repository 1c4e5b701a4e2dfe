"""Virtual environments made from stacks by uv: outside the repository, each there whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import subprocess
from pathlib import Path
from typing import Callable, Iterator

from feeders import variables
from feeders.errors import FeedersError
from feeders.loaders.cache import root

from .resolve import uv
from .stacks import Stack

# Written last: an environment without it was interrupted while it was made, and is made anew.
COMPLETE = "whole"

# TensorFlow with all it needs, unpacked: 0.7 to 1.7 GB.
NEEDED_BYTES = 2 << 30


def environments_folder() -> Path:
    """Return where environments are kept: in the cache folder. It need not exist."""
    return root() / "stacks"


def path_of(stack: Stack) -> Path:
    """Return where the environment of a stack is or would be; other pins, another place."""
    return environments_folder() / f"{stack.release}-{stack.digest}"


def python_of(stack: Stack) -> Path:
    """Return the interpreter of a stack's environment."""
    return path_of(stack) / "bin" / "python"


def is_built(stack: Stack) -> bool:
    """Whether the environment is there, whole, and so is the Python that it links to, which uv keeps elsewhere."""
    return (path_of(stack) / COMPLETE).exists() and python_of(stack).exists()


def build_environment(stack: Stack, log: Callable[[str], None]) -> Path:
    """Return the interpreter of a stack's environment, which is made if it is not there.

    Processes that ask at once wait for the one that makes it.

    Args:
        stack: what goes in.
        log: takes a line about what goes on.

    Raises:
        FeedersError: it can't be made; the text says why, and nothing is left of it.
    """
    path = path_of(stack)
    if is_built(stack):
        return python_of(stack)
    with _alone(path):
        if not is_built(stack):
            log(f"building the environment of {stack.release} (Python {stack.python}, {len(stack.pins)} packages)")
            _make(stack, path)
    return python_of(stack)


def environments() -> list[Path]:
    """Return the environments there are, half-made ones too."""
    return [path for path in sorted(environments_folder().glob("*")) if path.is_dir()]


def remove(path: Path) -> None:
    """Remove an environment, its mark first."""
    with _alone(path):
        (path / COMPLETE).unlink(missing_ok=True)
        shutil.rmtree(path)


def _make(stack: Stack, path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    free = shutil.disk_usage(path.parent).free
    if free < NEEDED_BYTES:
        raise FeedersError(
            f"{path}: {free / 2**30:.1f} GB are free, an environment needs {NEEDED_BYTES / 2**30:.0f}. "
            "Try: feeders releases clean, or FEEDERS_CACHE on another disk"
        )
    try:
        _uv(stack, "venv", "--no-project", "--no-config", "--python", stack.python, str(path))
        options = ("--no-deps", "--compile-bytecode", "--requirements", "-")
        _uv(stack, "pip", "install", "--python", str(python_of(stack)), *options, given=stack.requirements())
        (path / COMPLETE).touch()
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def _uv(stack: Stack, *arguments: str, given: str = "") -> None:
    done = subprocess.run([*uv(), *arguments, "--quiet"], input=given, capture_output=True, text=True)
    if done.returncode:
        # uv writes its causes on lines of their own.
        output = " ".join(done.stderr.split())[-1500:]
        raise FeedersError(
            f"{stack.release}: its environment can't be made. uv {arguments[0]} says: {output} "
            f"It needs Python {stack.python} (found by uv, or downloaded by it) and the package index."
        )


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
    except OSError as error:
        raise FeedersError(
            f"{path.parent}: environments of releases can't be kept there ({error.strerror}). "
            f"Try: {variables.CACHE}=another folder"
        ) from None
    with open(lock, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
