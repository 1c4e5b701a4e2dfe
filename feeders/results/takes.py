"""The one reader of the takes under results/."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from feeders.errors import FeedersError
from feeders.keras_api import TENSORFLOW

from .json_lines import read_lines
from .machines import name_of_host
from .record import Record

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
        return self.records[-1].stack.get("backend", TENSORFLOW)

    @property
    def stack(self) -> str:
        """What it was measured with, in words."""
        stack = self.records[-1].stack
        parts = [f"TensorFlow {stack['tensorflow']}"] if "tensorflow" in stack else []
        parts.append(f"Keras {stack['keras']}")
        if self.backend != TENSORFLOW:
            parts[-1] += f" on {self.backend} {stack.get(self.backend, '')}".rstrip()
        parts.append(f"Python {stack['python']}")
        parts += [f"{title} {stack[key]}".strip() for key, title in GPU_KEYS if key in stack]
        return ", ".join(parts)


def takes_file(folder: Path, results: str) -> Path:
    """Return where the takes of a release are appended.

    Args:
        folder: of the machine.
        results: name of asv's file of results of that release, without its ending.
    """
    return (folder / f"{results}{TAKES_SUFFIX}").absolute()


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
