"""A stack as asv's `Environment`: for now the interpreter that runs asv, with the release it holds."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Iterable

from asv import util
from asv.environment import Environment
from asv.results import get_filename

from .installed import installed, require_installed, stop
from .repository import elsewhere

# asv makes a graph of its own for each value of `python`. A series runs through releases that need different Pythons,
# so all stacks give this one; the Python that a take ran on is in its record.
PYTHON = "per-release"

# Variables that change what is measured, with the value that means nothing was changed. Another value is part of the
# environment's name, so it has series of its own.
SERIES_VARIABLES = (("FEEDERS_MODEL", "light"), ("FEEDERS_IMAGES", ""), ("KERAS_BACKEND", "tensorflow"))

# asv reads every *.json in a machine's folder as results.
TAKES_SUFFIX = "-takes.jsonl"


class StackEnvironment(Environment):  # type: ignore[misc]
    """The interpreter that runs asv, when it holds the release that is asked for.

    Not an `ExistingEnvironment`: asv saves none of that one's results and can't interleave its rounds.
    """

    tool_name = "stack"

    def __init__(self, conf: Any, python: str, requirements: dict[str, str], tagged_env_vars: dict[Any, str]) -> None:
        running = "{}.{}".format(*sys.version_info)
        if python != running:
            stop(f"feeders: Python {python} was asked for; a stack has one Python, here {running}. Try: no --python")
        self._release = installed()
        self.takes_folder: Path | None = getattr(conf, "takes_folder", None)
        self._requirements = requirements  # asv asks for the name before it sets this
        super().__init__(conf, PYTHON, requirements, {**tagged_env_vars, **_series_variables()})

    @property
    def name(self) -> str:
        """Return the name, the same on every machine and for every release."""
        variables = [f"{key}{value}" for key, value in sorted(self.env_vars.items())]
        return str(util.sanitize_filename("-".join([self.tool_name, *variables])))

    @property
    def installed_commit_hash(self) -> str | None:
        """Return the id of the release that is installed."""
        return self._release.id if self._release else None

    def require(self, commits: Iterable[str]) -> None:
        """End the command with a message unless every one of these releases is the installed one."""
        here = require_installed()
        others = [commit for commit in commits if commit != here.id]
        if others:
            stop(elsewhere(others, here))

    def check_presence(self) -> bool:
        """The interpreter is there: it runs this."""
        return True

    def create(self) -> None:
        """There is nothing to create."""

    def install_project(self, conf: Any, repo: Any, commit_hash: str) -> None:
        """There is nothing to install: either the release is there or the command ends."""
        self.require([commit_hash])

    def run(self, args: list[str], **kwargs: Any) -> Any:
        """Run Python with these arguments; its takes are appended to a file beside asv's results."""
        variables = dict(kwargs.pop("env", None) or os.environ)
        if self.takes_folder and self._release:
            variables["FEEDERS_TAKES"] = str(takes_file(self.takes_folder, self._release.id, self.name))
        return util.check_output([sys.executable, *args], env=variables, **kwargs)


def takes_file(folder: Path, release: str, environment: str) -> Path:
    """Return where the takes of a release are appended.

    Args:
        folder: the machine's folder under asv's results directory.
        release: id of the release.
        environment: asv's name of the environment.
    """
    result = Path(get_filename(folder.name, release, environment))
    return (folder / (result.stem + TAKES_SUFFIX)).absolute()


def _series_variables() -> dict[tuple[str, str], str]:
    values = {name: os.environ.get(name) or default for name, default in SERIES_VARIABLES}
    return {("nobuild", name): values[name] for name, default in SERIES_VARIABLES if values[name] != default}
