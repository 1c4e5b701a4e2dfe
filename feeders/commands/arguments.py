"""What command lines take: numbers, names and files, refused in one line where they can't be right."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from feeders.errors import FeedersError

# What the help says of options that several commands have.
LOADER = "your loader, FILE.py:NAME or package.module:NAME"
CALL = "Python that makes your loader, as 'Train(\"train\")'; default: NAME is called without arguments"
STEPS = "batches in an epoch, as steps_per_epoch of fit(); default: all that the loader has"
KEY = "what tells samples apart: labels, or Python of x, y and w, as 'x[:, 0]'; default: the whole content"
JSON = "write the whole evidence to FILE, as JSON"
BUDGET = "start no new pair after so many minutes; default: no limit"


def count(text: str) -> int:
    """Read a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1")
    return int(text)


def counts(text: str) -> list[int]:
    """Read whole numbers from 1, separated by commas."""
    return [count(part) for part in text.split(",")]


def names(text: str) -> list[str]:
    """Read names, separated by commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def seconds(text: str) -> float:
    """Read a number of seconds above 0."""
    return _above_0(text, "seconds")


def milliseconds(text: str) -> float:
    """Read a number of milliseconds above 0."""
    return _above_0(text, "milliseconds")


def _above_0(text: str, unit: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of {unit} above 0")
    return value


def add_own(parser: argparse.ArgumentParser) -> None:
    """Add what a loader and a model of a person's own take."""
    own = parser.add_argument_group("your own loader and model")
    own.add_argument("--call", metavar="'NAME(args)'", help=CALL)
    own.add_argument("--steps", type=count, metavar="N", help=STEPS)
    own.add_argument(
        "--model",
        metavar="FILE.py:NAME",
        help="your compiled model, or a function that returns it; default: a model that does next to nothing",
    )
    own.add_argument(
        "--step-ms",
        type=milliseconds,
        metavar="T",
        help="in place of a model: each step takes T milliseconds and uses no core, as on a GPU",
    )


# Of `add_own`, as they are called in a line and in `Settings`.
OWN_OPTIONS = {"--call": "call", "--steps": "steps", "--model": "model", "--step-ms": "step_ms"}


def given_of_own(options: argparse.Namespace) -> dict[str, Any]:
    """Return what was given of `OWN_OPTIONS`, as `Settings` has it.

    Raises:
        FeedersError: the model is one of this suite, which trains on nobody else's batches.
    """
    if options.model is not None and ":" not in options.model:
        raise FeedersError(
            f"--model {options.model}: expected a model of your own, FILE.py:NAME or package.module:NAME"
        )
    return {name: value for name in OWN_OPTIONS.values() if (value := getattr(options, name)) is not None}


def writable(path: Path, option: str = "--json", example: str = "evidence.json") -> None:
    """See to it before anything runs that a file can be written there.

    Args:
        path: of the file.
        option: that gave it.
        example: name of a file that it could be.

    Raises:
        FeedersError: its folder is missing or can't be written in, or it is a folder itself.
    """
    if path.is_dir():
        raise FeedersError(f"{option} {path}: a folder; expected the path of a file. Try: {path}/{example}")
    if path.exists() and not path.is_file():  # such as /dev/stdout: the text goes there
        return
    folder = path.resolve().parent
    if not folder.is_dir():
        raise FeedersError(f"{option} {path}: no such folder. Try: one that is there")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FeedersError(f"{option} {path}: nothing can be written in its folder. Try: another one")
