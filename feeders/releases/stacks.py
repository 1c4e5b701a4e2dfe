"""Stacks: one file of full pins per release, resolved as of its day, with the Python it runs on."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from feeders.measure.stack import digest, normalised

FOLDER = Path(__file__).with_name("stacks")

# How a stack's environment names the packages that make the release.
TENSORFLOW_PACKAGE, KERAS_PACKAGE, NIGHTLY_PACKAGE = "tensorflow-cpu", "keras", "keras-nightly"


@dataclass(frozen=True)
class Stack:
    """The software that one release is measured with.

    Attributes:
        release: id of the release.
        python: minor version of the Python it runs on.
        date: its packages are the newest that were published by that day, ISO 8601.
        pins: name and version of every distribution, names normalised.
    """

    release: str
    python: str
    date: str
    pins: tuple[tuple[str, str], ...]

    @property
    def digest(self) -> str:
        """Names these pins: 12 hexadecimal digits."""
        return digest(self.python, self.pins)

    def version(self, package: str) -> str:
        """Return the version of a package; empty if the stack has none."""
        return dict(self.pins).get(package, "")

    @property
    def keras(self) -> str:
        """Version of its Keras, also of a nightly one; empty if TensorFlow brings its own."""
        return self.version(KERAS_PACKAGE) or self.version(NIGHTLY_PACKAGE)

    def requirements(self) -> str:
        """Return the text of its file, which pip and uv read."""
        lines = [f"# Python {self.python}, packages as of {self.date}", *(f"{name}=={is_}" for name, is_ in self.pins)]
        return "\n".join(lines) + "\n"

    @classmethod
    def read(cls, path: Path) -> Stack:
        """Read what `requirements` wrote."""
        head, *lines = path.read_text(encoding="utf-8").splitlines()
        parts = re.fullmatch(r"# Python (\S+), packages as of (\S+)", head)
        assert parts, f"{path}: {head!r}"
        return cls(path.stem, parts[1], parts[2], tuple(parse(lines)))


def parse(lines: list[str]) -> list[tuple[str, str]]:
    """Return name and version of each line ``name==version``."""
    return [(normalised(name), version) for name, version in (line.split("==") for line in lines)]


@functools.lru_cache(maxsize=1)
def stacks() -> dict[str, Stack]:
    """Return all stacks by the id of their release."""
    return {path.stem: Stack.read(path) for path in sorted(FOLDER.glob("*.txt"))}


def difference(before: Stack, after: Stack) -> list[tuple[str, str, str]]:
    """Return name, version before and version after of what differs, Python first; empty where there is none."""
    old, new = ({"python": stack.python, **dict(stack.pins)} for stack in (before, after))
    names = dict.fromkeys([*old, *new])
    return [(name, old.get(name, ""), new.get(name, "")) for name in names if old.get(name) != new.get(name)]
