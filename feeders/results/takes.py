"""The takes under results/: where they are appended, and how they are read."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator, Mapping

from feeders import variables
from feeders.errors import FeedersError
from feeders.keras_api import TENSORFLOW

from .json_lines import read_lines
from .machines import name_of_host
from .record import Record
from .series import environment_in_file_names, settings_in_name

# Behind the name of asv's file of results; asv reads every *.json in a machine's folder as results.
TAKES_SUFFIX = "-takes.jsonl"

# Of a take's stack, where a GPU trained.
GPU_KEYS = (("gpu", ""), ("driver", "driver"), ("cuda", "CUDA"))


@dataclass(frozen=True)
class Takes:
    """Takes of one release on one machine, as one environment made them.

    Attributes:
        machine: folder of the machine under results/.
        release: id of the release.
        environment: asv's name of the environment; another model or backend is another one.
        records: in the order in which they were made.
    """

    machine: str
    release: str
    environment: str
    records: tuple[Record, ...]

    @property
    def backend(self) -> str:
        """What Keras computed with."""
        return _known_stack(reversed(self.records)).get("backend", TENSORFLOW)

    @property
    def device(self) -> str:
        """What trained, in words, with what sets its series apart: "CPU", "GPU, FEEDERS_MODEL=real".

        Takes of before there was a choice do not say what they ran on; they ran on a host without a GPU.
        """
        where = _known_stack(self.records).get("device", "cpu")
        apart = settings_in_name(self.environment)
        return ", ".join([where.upper(), *(text for text in apart if text != f"{variables.DEVICE}={where}")])

    @property
    def stack(self) -> str:
        """What it was measured with, in words."""
        stack = _known_stack(reversed(self.records))
        if not stack:
            return "no known stack"
        parts = [f"TensorFlow {stack['tensorflow']}"] if "tensorflow" in stack else []
        parts.append(f"Keras {stack['keras']}")
        if self.backend != TENSORFLOW:
            parts[-1] += f" on {self.backend} {stack.get(self.backend, '')}".rstrip()
        parts.append(f"Python {stack['python']}")
        parts += [f"{title} {stack[key]}".strip() for key, title in GPU_KEYS if key in stack]
        return ", ".join(parts)


def takes_file(folder: Path, release: str, environment: str) -> Path:
    """Return where the takes of a release are appended: beside asv's results of it.

    Args:
        folder: of the machine, under results/.
        release: its id.
        environment: asv's name of the environment.
    """
    return (folder / f"{release}-{environment_in_file_names(environment)}{TAKES_SUFFIX}").absolute()


def append_take(path: Path, record: Record) -> None:
    """Append a take to a file of takes; one write, so that lines of several processes never mix.

    A line that was not finished, as on a full disk, stays one of its own: it spoils no take behind it.
    """
    descriptor = os.open(str(path), os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        ended = size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"
        os.write(descriptor, (b"" if ended else b"\n") + f"{record.to_json()}\n".encode())
    finally:
        os.close(descriptor)


def takes_of_round(path: Path, run: str, number: int) -> Iterator[Record]:
    """Yield the takes that a run has made in one of its rounds; none where there is no such file.

    Args:
        path: of a file of takes; other runs' lines in it are not looked into, nor one that was not finished.
        run: its id.
        number: of the round.
    """
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        if f'"run":"{run}","round":{number},' in line and line.endswith("}"):
            yield Record.from_json(line)


def count_takes(results: Path, release: str) -> dict[str, int]:
    """Return how many takes of a release there are, by machine."""
    counts: Counter[str] = Counter()
    for path in sorted(results.glob(f"*/{release}-*{TAKES_SUFFIX}")):
        counts[path.parent.name] += path.read_bytes().count(b"\n")
    return counts


def read_takes(results: Path) -> tuple[Takes, ...]:
    """Read all takes under a results folder, this host's first.

    Raises:
        FeedersError: nothing has been measured yet, or a line is damaged; the text names the file and the line.
    """
    paths = sorted(results.glob(f"*/*{TAKES_SUFFIX}"))
    if not paths:
        raise FeedersError(f"{results}: holds no takes (*/*{TAKES_SUFFIX}). Try: asv run")
    here = name_of_host()
    return tuple(sorted((_read(path) for path in paths), key=lambda part: (part.machine != here, part.machine)))


def _read(path: Path) -> Takes:
    release, _, environment = path.name[: -len(TAKES_SUFFIX)].partition("-")
    records = read_lines(path, Record.from_json)
    if not records:
        raise FeedersError(f"{path}: holds no takes. Try: delete it")
    return Takes(path.parent.name, release, environment, tuple(records))


def _known_stack(records: Iterable[Record]) -> Mapping[str, str]:
    """The first stack that takes tell: one whose material could not be made ended before it looked at any."""
    return next((record.stack for record in records if record.stack), {})
