"""Which interpreter holds a release: the running one, or one made from the release's pins."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import Callable, Mapping

from feeders import variables
from feeders.errors import FeedersError
from feeders.keras_api import BACKEND_VARIABLE, TENSORFLOW
from feeders.measure import device
from feeders.measure.stack import PINS_VARIABLE

from .environments import build_environment
from .installed import installed
from .resolve import with_packages
from .stacks import stacks

# What was set for the running interpreter is not meant for that of another release.
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "TF_USE_LEGACY_KERAS")


@dataclass(frozen=True)
class Interpreter:
    """A Python that can measure a release.

    Attributes:
        python: its path.
        variables: to set for it, on top of the environment.
    """

    python: str
    variables: Mapping[str, str] = field(default_factory=dict)


def interpreter(
    release: str, log: Callable[[str], None], *, pinned: bool = False, packages: tuple[str, ...] = ()
) -> Interpreter:
    """Return the interpreter of a release; its environment is made if it is not there.

    Args:
        release: its id.
        log: takes a line about what goes on.
        pinned: where the release has a stack, the environment of its pins, also if it is installed.
        packages: as pip takes them, that go beside the pins.

    Raises:
        FeedersError: the release is neither installed nor has it a stack, or its environment can't be made.
    """
    here, stack = installed(), stacks().get(release)
    if here and here.id == release and not (pinned and stack):
        return Interpreter(sys.executable)
    if not stack:
        holds = f"installed is {here.id}" if here else "none is installed"
        raise FeedersError(
            f"{release}: a release that can't be measured here; {holds}, stacks: {', '.join(stacks())}. "
            f"Try: feeders releases add {release}"
        )
    _check_request(release)
    if packages:
        log(f"resolving {', '.join(packages)} beside the pins of {release}")
        stack = with_packages(stack, packages)
    settings = {**dict.fromkeys(FOREIGN, ""), PINS_VARIABLE: stack.digest, variables.DEVICE: device.CPU}
    return Interpreter(str(build_environment(stack, log)), settings)


def _check_request(release: str) -> None:
    """Refuse what an environment made from pins can't do: it holds TensorFlow for the CPU, and no other backend."""
    needed = {BACKEND_VARIABLE: TENSORFLOW, variables.DEVICE: device.CPU}
    for name, value in needed.items():
        if (os.environ.get(name) or value) != value:
            raise FeedersError(
                f"{release}: the environment that is made for it has TensorFlow for the CPU alone; "
                f"expected {name}={value}, seen {name}={os.environ[name]}. Try: {name}={value} with the "
                "same command"
            )


def is_release(name: str) -> bool:
    """Whether a name is that of a release which can be measured here."""
    here = installed()
    return name in stacks() or (here is not None and here.id == name)
