"""Where the JPEG files come from: crops of the photographs in this package, or a person's own folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from feeders import variables
from feeders.errors import FeedersError

PHOTOGRAPHS = Path(__file__).parent / "photographs"
VARIABLE = "FEEDERS_IMAGES"
SUFFIXES = (".jpg", ".jpeg")

# Quality people save photographs with; 15-25 kB each at this size.
QUALITY = 90

# A plain name of the module in every Pillow, though its types know it by the enumeration of 9.1.
LANCZOS: Any = Image.LANCZOS  # type: ignore[attr-defined]

# A photograph with a second picture inside calls itself MPO; both decoders take the first.
FORMATS = ("JPEG", "MPO")


def write_crops(folder: Path, count: int, random: np.random.Generator) -> list[tuple[str, int]]:
    """Write `count` JPEG files of about 256 x 256 pixels, each a piece of a photograph.

    Returns:
        For each file its name and which photograph it shows.
    """
    photographs = [Image.open(path).convert("RGB") for path in sorted(PHOTOGRAPHS.glob("*.jpg"))]
    files = []
    for number in range(count):
        label = int(random.integers(len(photographs)))
        name = f"{number:03d}.jpg"
        _piece(photographs[label], random).save(folder / name, quality=QUALITY)
        files.append((name, label))
    return files


def _piece(photograph: Any, random: np.random.Generator) -> Any:
    side = int(random.integers(256, min(photograph.size) + 1))
    left, top = (int(random.integers(size - side + 1)) for size in photograph.size)
    pixels = int(random.integers(240, 273))
    return photograph.resize((pixels, pixels), LANCZOS, box=(left, top, left + side, top + side))


class OwnFolder:
    """The photographs below a person's folder, which is only ever read.

    Args:
        folder: searched with all its subfolders.

    Attributes:
        folder: absolute.
        seen: how many files there are, whatever they are.
        found: path, bytes and time of change of those that are named like a JPEG file, sorted.

    Raises:
        FeedersError: it is no folder.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder).expanduser().absolute()
        if not self.folder.is_dir():
            seen = "a file" if self.folder.exists() else "nothing"
            raise FeedersError(
                f"{variables.IMAGES}={folder}: {seen} at {self.folder}; expected a folder with JPEG photographs. "
                f"Try its full path, or unset {variables.IMAGES} for the built-in photographs."
            )
        self.seen = 0
        self.found: list[tuple[str, int, int]] = []
        for parent, _, names in os.walk(self.folder):
            self.seen += len(names)
            self.found += [_stamp(Path(parent, name)) for name in names if name.lower().endswith(SUFFIXES)]
        self.found.sort()

    def identity(self) -> str:
        """Changes whenever a photograph is added, removed, renamed or rewritten."""
        return hashlib.sha256(json.dumps([str(self.folder), self.found]).encode()).hexdigest()[:12]

    def choose(self, count: int, side: int, random: np.random.Generator) -> tuple[list[tuple[str, int]], str]:
        """Choose up to `count` photographs all over the folder.

        Args:
            count: how many are wanted.
            side: pixels they must have at least both ways.
            random: what draws them.

        Returns:
            For each its path and the number of its subfolder; and a sentence on what was used and skipped.

        Raises:
            FeedersError: none can be used.
        """
        paths: list[str] = []
        skipped: Counter[str] = Counter()
        for number in random.permutation(len(self.found)):
            path = self.found[number][0]
            fault = _fault(path, side)
            skipped.update([fault] if fault else [])
            paths += [] if fault else [path]
            if len(paths) == count:
                break
        if not paths:
            raise FeedersError(self._unusable(skipped, side))
        parents = [str(Path(path).parent) for path in paths]
        labels = sorted(set(parents))
        note = f"{variables.IMAGES}={self.folder}: {len(paths)} of {len(self.found)} photographs used{_list(skipped)}"
        return [(path, labels.index(parent)) for path, parent in zip(paths, parents)], note

    def _unusable(self, skipped: Counter[str], side: int) -> str:
        return (
            f"{variables.IMAGES}={self.folder}: none of its {self.seen} files is usable, {len(self.found)} are named "
            f"*.jpg or *.jpeg{_list(skipped)}; expected at least one RGB or grey JPEG photograph of {side}x{side} "
            f"pixels or more. Try another folder, or unset {variables.IMAGES} for the built-in photographs."
        )


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        status = path.stat()
    except OSError:  # a link to nowhere: found unreadable when it is opened
        return str(path), 0, 0
    return str(path), status.st_size, status.st_mtime_ns


def _fault(path: str, side: int) -> str:
    """Say why a file can't be used, or nothing."""
    try:
        with Image.open(path) as image:
            if image.format not in FORMATS or image.mode not in ("RGB", "L"):
                return "not an RGB or grey JPEG inside"
            if min(image.size) < side:
                return f"smaller than {side}x{side} pixels"
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return "broken or unreadable"
    return ""


def _list(skipped: Counter[str]) -> str:
    """Return "; skipped: 2 broken, 1 smaller", or nothing where nothing was."""
    counts = ", ".join(f"{number} {fault}" for fault, number in sorted(skipped.items()))
    return f"; skipped: {counts}" if counts else ""
