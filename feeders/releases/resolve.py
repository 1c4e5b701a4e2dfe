"""From the name of a release to its stack: uv resolves the pins as of the release's day."""

from __future__ import annotations

import csv
import datetime
import functools
import re
import subprocess
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Sequence

from feeders.errors import FeedersError

from . import dates
from .catalogue import FIRST_WITH_KERAS_3, Release, identify, keras_of, release_key
from .stacks import KERAS_PACKAGE, NIGHTLY_PACKAGE, TENSORFLOW_PACKAGE, Stack, parse

# Tried in this order. Most releases run on the first, so that few steps in a history are steps of Python; what a
# release's TensorFlow has no wheel for does not resolve.
PYTHONS = ("3.11", "3.10", "3.8", "3.12", "3.13", "3.14")

# What measures is no part of what is measured: as new as on this host, whatever the release's day.
INSTRUMENTS = ("asv-runner", "more-itertools", "psutil")

# What a person calls the newest build of Keras, and what lets uv take what is no release.
NIGHTLY, CANDIDATES = "nightly", "--prerelease=allow"

LINUX_ONLY = "stacks are made of tensorflow-cpu, which has wheels for Linux on x86-64"

# What uv says where it does not reach the index: then another Python is no better.
UNREACHED = "Failed to fetch"


@dataclass(frozen=True)
class Wanted:
    """The pair of versions that a release is.

    Attributes:
        tensorflow, keras: their versions; `keras` is empty where TensorFlow requires its own.
        date: when the younger of the two was published.
        keras_package: that Keras is installed from.
    """

    tensorflow: str
    keras: str
    date: str
    keras_package: str = KERAS_PACKAGE

    @property
    def release(self) -> Release:
        """The release these are."""
        return identify(self.tensorflow, self.keras)


def wanted(name: str) -> Wanted:
    """Find the pair that a name stands for, asking the package index for a version that is not listed yet.

    Args:
        name: ``2.16.2``, ``k3.6.0`` for a Keras; ``2.22.0rc0``, with the newest Keras; or ``nightly``, the newest build
            of Keras with the newest TensorFlow, be it a candidate.

    Raises:
        FeedersError: it is no such name, or the index has no such version.
    """
    today = datetime.date.today().isoformat()
    if name == NIGHTLY:
        pair = _newest(TENSORFLOW_PACKAGE, today, CANDIDATES), _newest(NIGHTLY_PACKAGE, today, CANDIDATES)
        return _dated(Wanted(*pair, today, NIGHTLY_PACKAGE))
    if re.fullmatch(r"2\.\d+\.0rc\d", name):
        return _dated(Wanted(name, _newest(KERAS_PACKAGE, today), today))
    parts = re.fullmatch(r"(k?)(\d+\.\d+\.\d+)", name)
    if not parts or (parts[1] == "k") != parts[2].startswith("3."):
        raise FeedersError(
            f"releases add {name}: expected a TensorFlow like 2.16.2 or 2.22.0rc0, a Keras like k3.6.0, or nightly"
        )
    if parts[1]:
        published = _published(KERAS_PACKAGE, parts[2])
        tensorflow = max(_newest(TENSORFLOW_PACKAGE, published), FIRST_WITH_KERAS_3, key=release_key)
        return Wanted(tensorflow, parts[2], max(published, _published(TENSORFLOW_PACKAGE, tensorflow)))
    listed = parts[2] in dates.TENSORFLOW_DATES
    published = _published(TENSORFLOW_PACKAGE, parts[2])
    if release_key(parts[2]) < release_key(FIRST_WITH_KERAS_3):
        return Wanted(parts[2], "", published)
    if not listed:  # then the Keras of its day may not be either
        _published(KERAS_PACKAGE, _newest(KERAS_PACKAGE, published))
    return Wanted(parts[2], keras_of(parts[2]), published)


def _dated(pair: Wanted) -> Wanted:
    """Give it the day of the younger one; no list keeps what is no release, since ids depend on the lists."""
    days = _asked(TENSORFLOW_PACKAGE, pair.tensorflow), _asked(pair.keras_package, pair.keras)
    return replace(pair, date=max(days))


def resolve(pair: Wanted) -> Stack:
    """Return the stack of a pair: full pins, and the first of `PYTHONS` that all of it has wheels for.

    Raises:
        FeedersError: none has, or the index can't be reached; the text says what is missing.
    """
    asked = [
        f"{TENSORFLOW_PACKAGE}=={pair.tensorflow}",
        *([f"{pair.keras_package}=={pair.keras}"] if pair.keras else []),
    ]
    asked += ["numpy", "pillow", "more-itertools", "psutil", f"asv_runner=={metadata.version('asv_runner')}"]
    today = datetime.date.today().isoformat()
    newer = [part for name in INSTRUMENTS for part in ("--exclude-newer-package", f"{name}={today}")]
    first_error = ""
    for python in PYTHONS:
        try:
            lines = _compile(asked, "--python-version", python, "--exclude-newer", pair.date, *newer)
            lines = [line for line in lines if not (pair.keras and _is_other_keras(pair, line))]
        except FeedersError as error:
            if UNREACHED in str(error):
                raise FeedersError(f"releases add {pair.release.id}: {error}") from None
            first_error = first_error or str(error)
            continue
        return Stack(pair.release.id, python, pair.date, tuple(parse(lines)))
    raise FeedersError(
        f"releases add {pair.release.id}: no Python of {', '.join(PYTHONS)} has wheels for all of it "
        f"({LINUX_ONLY}). uv says of {PYTHONS[0]}: {first_error}"
    )


def _is_other_keras(pair: Wanted, line: str) -> bool:
    """Whether it pins a second Keras, which lies over the first: a candidate of TensorFlow asks for the nightly one."""
    return line.split("==")[0] in {KERAS_PACKAGE, NIGHTLY_PACKAGE} - {pair.keras_package}


@functools.lru_cache(maxsize=None)
def with_packages(stack: Stack, packages: tuple[str, ...]) -> Stack:
    """Return a stack with further packages beside its pins, the newest that go with them.

    Args:
        stack: its pins stay.
        packages: as pip takes them.

    Raises:
        FeedersError: they don't go with the pins, or are on no index.
    """
    pins = [f"{name}=={version}" for name, version in stack.pins]
    try:
        lines = _compile([*pins, *packages], "--python-version", stack.python)
    except FeedersError as error:
        said = " ".join(str(error).partition(": ")[2].split())[-600:]
        raise FeedersError(
            f"--with {','.join(packages)}: not beside the pins of {stack.release} (Python {stack.python}). "
            f"uv says: {said}"
        ) from None
    elsewhere = [line for line in lines if "==" not in line]
    if elsewhere:
        raise FeedersError(
            f"--with {','.join(packages)}: {elsewhere[0]} is no version on the package index; expected packages of it "
            "by name. Try: your own modules beside the loader's file"
        )
    return replace(stack, pins=tuple(parse(lines)))


def remember(pair: Wanted) -> None:
    """Append the dates of both versions to dates.csv where it has none; what is no release is left out."""
    rows = [("tensorflow", pair.tensorflow, dates.TENSORFLOW_DATES), ("keras", pair.keras, dates.KERAS_DATES)]
    for package, version, listed in rows:
        if version in listed and version not in dates.read_dates(package):
            with dates.FILE.open("a", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerow([package, version, listed[version]])


def newest_version(package: str) -> str:
    """Return the newest release of a package on the index."""
    return _newest(package, datetime.date.today().isoformat())


def _newest(package: str, day: str, *options: str) -> str:
    """The highest version that was published by a day."""
    (line,) = _compile([package], "--no-deps", "--exclude-newer", day, "--python-version", _python_for(day), *options)
    return line.split("==")[1]


def _python_for(day: str) -> str:
    # A Python of its time: a version with no wheel for the Python asked about is passed over.
    return "3.8" if day < "2023" else "3.11"


def _published(package: str, version: str) -> str:
    """The day of a version; what the index tells is listed in this process, since ids depend on it."""
    listed = dates.KERAS_DATES if package == KERAS_PACKAGE else dates.TENSORFLOW_DATES
    if version not in listed:
        listed[version] = _asked(package, version)
    return listed[version]


def _asked(package: str, version: str) -> str:
    text = "\n".join(_compile([f"{package}=={version}"], "--no-deps", "--format", "pylock.toml"))
    days: list[str] = re.findall(r"upload-time = (\d{4}-\d\d-\d\d)", text)
    if not days:
        raise FeedersError(f"{package} {version}: the package index does not tell when it was published")
    return min(days)


def _compile(asked: Sequence[str], *options: str) -> list[str]:
    """Have uv resolve requirements and return the lines it prints."""
    platform = ("--python-platform", "x86_64-manylinux_2_28")
    command = [*uv(), "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate", *platform, *options]
    done = subprocess.run(command, input="\n".join(asked), capture_output=True, text=True)
    if done.returncode:
        raise FeedersError(f"uv can't resolve {', '.join(asked)}: {done.stderr.strip()[:1500]}")
    return done.stdout.splitlines()


def uv() -> list[str]:
    """Return the command line of uv.

    Raises:
        FeedersError: it is not installed.
    """
    try:
        from uv import find_uv_bin
    except ImportError:
        raise FeedersError("uv makes the environments of releases and is not installed. Try: pip install uv") from None
    return [find_uv_bin()]
