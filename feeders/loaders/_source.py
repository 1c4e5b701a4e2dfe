"""Where a person's loader comes from, and whose code that is."""

from __future__ import annotations

import importlib.util
import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from feeders.errors import FeedersError

from ._making import INSTALLED, PACKAGE


@dataclass(frozen=True)
class Source:
    """Where a person's loader comes from, and how it is to be used.

    Attributes:
        loader: FILE.py:NAME or package.module:NAME.
        call: Python that makes the loader, evaluated in its module; None calls it without arguments.
        workers: None takes what the loader sets itself, or `WORKERS`.
        processes: whether workers are processes; None is what the loader sets itself, or threads.
    """

    loader: str
    call: str | None = None
    workers: int | None = None
    processes: bool | None = None

    @property
    def place(self) -> str:
        """The file or module."""
        return self.loader.rpartition(":")[0]

    @property
    def name(self) -> str:
        """The name in it."""
        return self.loader.rpartition(":")[2]

    def checked(self) -> Source:
        """Return the source.

        Raises:
            FeedersError: it can't be opened, whatever the loader does: no place, no name, no such file.
        """
        if not (self.place and self.name):
            raise FeedersError(f"{self.loader}: expected FILE.py:NAME or package.module:NAME")
        if self.place.endswith(".ipynb"):
            raise FeedersError(
                f"{self.place}: a notebook can't be imported; expected FILE.py:NAME. "
                f"Try: jupyter nbconvert --to script {self.place}, then {self.place[:-6]}.py:{self.name}"
            )
        if self.place.endswith(".py") and not Path(self.place).is_file():
            raise FeedersError(f"{self.place}: no such file, seen from {Path.cwd()}. Try: its path from here")
        return self


def whole_address(address: str) -> str:
    """Return the address of a loader as it is understood from any folder."""
    place, _, name = address.rpartition(":")
    return f"{Path(place).resolve()}:{name}" if place.endswith(".py") else address


def own_files(source: Source) -> Callable[[str], bool]:
    """Return whether a source file is the person's own code, not Python's and not that of an installed package."""
    paths = sysconfig.get_paths()
    foreign = tuple({paths[name] + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")})
    foreign += (str(PACKAGE) + os.sep,)
    own = _home(source.place)

    def theirs(file: str) -> bool:
        if file.startswith("<") or Path(file).name.startswith("__autograph_generated_file"):
            return False
        # An environment may lie in the person's folder, and the person's package in an environment.
        ends = [len(folder) for folder in foreign if file.startswith(folder)]
        ends += [file.rfind(folder) + len(folder) for folder in INSTALLED if folder in file]
        inner = max(ends, default=0)
        return not inner or (file.startswith(own) and len(own) >= inner)

    return theirs


def _home(place: str) -> str:
    """Where the person's code begins: a folder, or the one file of a module that is no package."""
    if place.endswith(".py"):
        return str(Path(place).resolve().parent) + os.sep
    sys.path.insert(0, str(Path.cwd()))
    spec = importlib.util.find_spec(place.split(".")[0])
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return folders[0] + os.sep if folders else (spec and spec.origin) or os.devnull
