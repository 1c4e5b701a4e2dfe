"""The cache folder: material is made once, appears whole or not at all, and is checked before use.

Damaged material is reported, never silently made again: other processes may be reading it, it may come out different
(another Pillow writes other JPEG bytes), and a disk or a tool that alters files is something a person should hear of.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator

from feeders import variables
from feeders.errors import FeedersError

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Recipe:
    """How a folder of the cache is made.

    Attributes:
        name: of the folder; whatever decides the content is part of it.
        write: writes the files into an empty folder.
        needed: bytes they take at most.
    """

    name: str
    write: Callable[[Path], None]
    needed: int


def root() -> Path:
    """Return the cache folder: ``FEEDERS_CACHE``, else one in the user's cache folder. It need not exist."""
    chosen = os.environ.get(variables.CACHE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "keras-feeders"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keras-feeders"


def folder(recipe: Recipe) -> Path:
    """Return the recipe's folder, made if absent, with the sizes of its files checked.

    Processes that ask at once wait for the one that makes it. A folder left half made by a kill is never taken for a
    whole one, and goes when something is made next.

    Raises:
        FeedersError: it can't be written, or what is there is damaged.
    """
    made = root() / recipe.name
    try:
        if not made.exists():
            with _lock():
                if not made.exists():
                    _make(recipe, made)
    except OSError as error:
        raise FeedersError(_unwritable(recipe, error)) from error
    _checked_files(made)
    return made


@functools.lru_cache(maxsize=None)
def verify(made: Path) -> None:
    """Read every file of a folder of the cache and compare it with the manifest; once per process if all is well.

    Raises:
        FeedersError: a file is gone, truncated or altered.
    """
    for name, entry in _checked_files(made).items():
        seen = _sha256(made / name)
        if seen != entry["sha256"]:
            raise FeedersError(_damaged(made, name, f"has sha256 {seen}", f"sha256 {entry['sha256']}"))


def fingerprint(made: Path) -> str:
    """Return what tells the content of two folders of the cache apart."""
    return _digest(_files(made))


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    root().mkdir(parents=True, exist_ok=True)
    with open(root() / ".lock", "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # goes with its process, so a kill leaves nothing to clear up
        yield


def _make(recipe: Recipe, made: Path) -> None:
    for debris in made.parent.glob(".*.part"):  # its maker was killed, or the lock would not be ours
        shutil.rmtree(debris, ignore_errors=True)
    part = made.with_name(f".{recipe.name}.part")
    part.mkdir()
    try:
        recipe.write(part)
        files = {path.name: {"size": path.stat().st_size, "sha256": _sha256(path)} for path in sorted(part.iterdir())}
        manifest = {"recipe": recipe.name, "files": files, "digest": _digest(files)}
        (part / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        for path in (*part.iterdir(), part):
            _sync(path)
        part.rename(made)
        _sync(made.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _checked_files(made: Path) -> dict[str, Any]:
    files = _files(made)
    for name, entry in files.items():
        path = made / name
        seen = path.stat().st_size if path.is_file() else None
        if seen != entry["size"]:
            fault = "is missing" if seen is None else f"has {seen} bytes"
            raise FeedersError(_damaged(made, name, fault, f"{entry['size']} bytes"))
    return files


def _files(made: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((made / MANIFEST).read_text(encoding="utf-8"))
        files: dict[str, Any] = manifest["files"]
        sound = manifest["digest"] == _digest(files)
    except (OSError, ValueError, LookupError, TypeError) as error:
        fault = f"can't be read ({type(error).__name__}: {error})"
        raise FeedersError(_damaged(made, MANIFEST, fault, "the list of the folder's files")) from error
    if not sound:
        raise FeedersError(_damaged(made, MANIFEST, "does not match its own digest", "what was written with it"))
    return files


def _damaged(made: Path, name: str, seen: str, expected: str) -> str:
    return (
        f"{made.name}: {name} {seen}; expected {expected}. It was truncated or altered after it was made. "
        f"Delete the folder {made} and run this again: it will be made anew."
    )


def _unwritable(recipe: Recipe, error: OSError) -> str:
    try:
        free = f"{shutil.disk_usage(_existing(root())).free:,} bytes free"
    except OSError:
        free = "free space unknown"
    return (
        f"{recipe.name}: can't be made in {root()} ({error}; {free}); expected a folder that can be written, with "
        f"{recipe.needed:,} bytes free. Try FEEDERS_CACHE=DIR with another folder."
    )


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(files: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
