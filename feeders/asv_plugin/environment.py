"""Stacks as asv's `Environment`: one for all releases, whose interpreter is that of the release in turn."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Iterable

from asv import util
from asv.console import log
from asv.environment import Environment

from feeders.errors import FeedersError
from feeders.loaders.opening import whole_address
from feeders.measure import device
from feeders.measure.nvml import gpu_names
from feeders.measure.store import ROUND_VARIABLE, RUN_VARIABLE, TAKES_VARIABLE
from feeders.releases.installed import installed
from feeders.releases.interpreters import interpreter
from feeders.results.series import TOOL, changed_variables, environment_name
from feeders.results.takes import takes_file
from feeders.variables import LOADER

# asv makes a graph of its own for each value of `python`. A series runs through releases that need different Pythons,
# so all stacks give this one; the Python that a take ran on is in its record.
PYTHON = "per-release"


class StackEnvironment(Environment):  # type: ignore[misc]
    """The interpreter that runs asv for the release that it holds, and for others one made from their pins.

    Not an `ExistingEnvironment`: asv saves none of that one's results and can't interleave its rounds.
    """

    tool_name = TOOL

    def __init__(self, conf: Any, python: str, requirements: dict[str, str], tagged_env_vars: dict[Any, str]) -> None:
        running = "{}.{}".format(*sys.version_info)
        if python != running:
            raise FeedersError(f"Python {python} was asked for; each stack has its own. Try: no --python")
        self._here = installed()
        self._commit = self._here.id if self._here else None
        self.takes_folder: Path | None = getattr(conf, "takes_folder", None)
        self.run_id: str = getattr(conf, "run_id", "")
        self.round = 0
        self._requirements = requirements  # asv asks for the name before it sets this
        super().__init__(conf, PYTHON, requirements, {**tagged_env_vars, **_series_variables()})

    @property
    def name(self) -> str:
        """Return the name, the same on every machine and for every release."""
        _resolve_device()
        return environment_name()

    @property
    def installed_commit_hash(self) -> str | None:
        """Return the id of the release whose turn it is."""
        return self._commit

    def require(self, commits: Iterable[str]) -> None:
        """See to it that each of these releases can be measured: build what is missing.

        Raises:
            FeedersError: one can't be.
        """
        for commit in commits:
            interpreter(commit, log.info)

    @property
    def is_running(self) -> bool:
        """Whether it is the turn of the interpreter that runs asv."""
        return self._here is not None and self._commit == self._here.id

    def check_presence(self) -> bool:
        """There is nothing to look for: `require` does."""
        return True

    def create(self) -> None:
        """There is nothing to create: `require` does."""

    def install_project(self, conf: Any, repo: Any, commit_hash: str) -> None:
        """Give the turn to a release."""
        self.require([commit_hash])
        self._commit = commit_hash

    def run(self, args: list[str], **kwargs: Any) -> Any:
        """Run the release's Python with these arguments; its takes are appended to a file beside asv's results."""
        variables = dict(kwargs.pop("env", None) or os.environ)
        if self.takes_folder and self._commit:
            variables[TAKES_VARIABLE] = str(takes_file(self.takes_folder, self._commit, self.name))
            variables[RUN_VARIABLE], variables[ROUND_VARIABLE] = self.run_id, str(self.round)
        if variables.get(LOADER):
            variables[LOADER] = whole_address(variables[LOADER])
        python = sys.executable
        if self._commit:
            release = interpreter(self._commit, log.info)
            python = release.python
            variables.update(release.variables)
        return util.check_output([python, *args], env=variables, **kwargs)


def _series_variables() -> dict[tuple[str, str], str]:
    _resolve_device()
    return {("nobuild", name): value for name, value in changed_variables().items()}


def _resolve_device() -> None:
    """Find out what trains where nothing says so: it is part of the environment's name."""
    if not device.asked() and gpu_names():
        log.info("Looking for what the backend can use of this host's GPUs")
    device.prepare()
    device.resolve_device()
