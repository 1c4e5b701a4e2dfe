"""The one reader of the takes under results/."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from feeders.errors import FeedersError
from feeders.json_lines import read_lines
from feeders.measure.record import Record
from feeders.measure.stack import BACKENDS
from feeders.releases.catalogue import RELEASES, age
from feeders.releases.environment import TAKES_SUFFIX
from feeders.releases.machine import name_of_host

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
        return self.records[-1].stack.get("backend", BACKENDS[0])

    @property
    def stack(self) -> str:
        """What it was measured with, in words."""
        stack = self.records[-1].stack
        parts = [f"TensorFlow {stack['tensorflow']}", f"Keras {stack['keras']}"]
        if self.backend != BACKENDS[0]:
            parts[-1] += f" on {self.backend} {stack.get(self.backend, '')}".rstrip()
        parts.append(f"Python {stack['python']}")
        parts += [f"{title} {stack[key]}".strip() for key, title in GPU_KEYS if key in stack]
        return ", ".join(parts)


def read_takes(results: Path) -> tuple[Takes, ...]:
    """Read all takes under a results folder: this host's first, of each machine the releases in order of their dates.

    Raises:
        FeedersError: nothing has been measured yet, or a line is damaged; the text names the file and the line.
    """
    paths = sorted(results.glob(f"*/*{TAKES_SUFFIX}"))
    if not paths:
        raise FeedersError(f"{results}: holds no takes (*/*{TAKES_SUFFIX}). Try: asv run")
    takes, here = (_read(path) for path in paths), name_of_host()
    return tuple(sorted(takes, key=lambda part: (part.machine != here, part.machine, _age(part), part.environment)))


def _age(part: Takes) -> tuple[str, int]:
    return age(part.release) if part.release in RELEASES else (part.records[0].started, 0)


def _read(path: Path) -> Takes:
    release, _, environment = path.name[: -len(TAKES_SUFFIX)].partition("-")
    records = read_lines(path, Record.from_json)
    if not records:
        raise FeedersError(f"{path}: holds no takes. Try: delete it")
    return Takes(path.parent.name, release, environment, tuple(records))
