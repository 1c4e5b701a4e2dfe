"""asv's door to the releases: loaded by ``"plugins": [".feeders.asv_plugin.plugin"]``.

asv finds `ReleaseRepo` by ``"dvcs"``, `StackEnvironment` by ``"environment_type"``, and every publisher. For the rest
it has no hook: `setup` puts layers around its commands and eleven of its functions, and an object in front of its log
(asv 0.6.6; tests/asv_plugin pins what is relied on).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import asv.commands.compare
import asv.commands.run
import asv.results
import asv.runner
from asv.benchmarks import Benchmarks
from asv.commands import Command
from asv.commands.compare import Compare
from asv.commands.run import Run
from asv.commands.show import Show
from asv.console import log
from asv.machine import Machine
from asv.runner import ForkServer
from asv.util import UserError, iter_subclasses

from feeders.errors import FeedersError
from feeders.releases.installed import require_installed
from feeders.report.closing import closing_lines
from feeders.results.machines import RESULTS, description_file, name_of_host, writable_folder

from . import machine, runs, selection, tables
from .edge import ends_with_message
from .environment import StackEnvironment
from .repository import HEAD, ReleaseRepo
from .site import DottedRanges, Offline, Opening, Report
from .takes_log import TakesLog

__all__ = ["DottedRanges", "Offline", "Opening", "ReleaseRepo", "Report", "StackEnvironment", "setup"]


def setup() -> None:
    """Install the layers; asv calls this once, when it loads the plugin, before it runs the command."""
    for command in iter_subclasses(Command):
        command.run_from_conf_args = classmethod(ends_with_message(command.run_from_conf_args.__func__))
    takes_log = TakesLog(log)
    Machine.load = classmethod(_load_machine(Machine.load.__func__))
    Run.run = classmethod(_run(Run.run.__func__, takes_log))
    asv.commands.run.log = asv.runner.log = takes_log
    asv.commands.run.run_benchmarks = _run_benchmarks(asv.commands.run.run_benchmarks, takes_log)
    asv.runner.run_benchmark = _run_series(asv.runner.run_benchmark, takes_log)
    Benchmarks.discover = classmethod(_discover(Benchmarks.discover.__func__, takes_log))
    ForkServer.preimport = _preimport(ForkServer.preimport)
    ForkServer.run = _launch(ForkServer.run, takes_log)
    for command in (Compare, Show):
        command.run = classmethod(_of_this_host(command.run.__func__))
    asv.results._format_benchmark_result = tables.compact(asv.results._format_benchmark_result)
    asv.commands.compare.unroll_result = tables.measured_only(asv.commands.compare.unroll_result)


def _load_machine(original: Callable[..., Any]) -> Callable[..., Any]:
    def load(cls: Any, interactive: bool = False, force_interactive: bool = False, **kwargs: Any) -> Any:
        """Describe the machine without asking; ``asv machine`` still asks."""
        if force_interactive:
            return original(cls, interactive=interactive, force_interactive=True, **kwargs)
        described = cls()
        described.__dict__.update(machine.describe(kwargs.get("machine_name"), RESULTS))
        return described

    return load


def _run(original: Callable[..., Any], takes_log: TakesLog) -> Callable[..., Any]:
    def run(cls: Any, conf: Any, *args: Any, **kwargs: Any) -> Any:
        """Refuse a wrong host before anything is written; go on with what was interrupted; end with the answer."""
        if kwargs.get("range_spec") in HEAD:
            require_installed()
        description = machine.describe(kwargs.get("machine"), Path(conf.results_dir))
        # The report and every comparison need the samples, not only asv's median of them.
        kwargs["record_samples"] = True
        # asv would give each release its turn in a process of a pool, and measure on the one whose turn it is here.
        # Environments are made before that.
        kwargs["parallel"] = 1
        if kwargs.get("dry_run"):
            return original(cls, conf, *args, **kwargs)
        runs.settle_rounds(kwargs)
        takes_log.skips_releases = runs.may_skip(kwargs)
        conf.takes_folder = writable_folder(Path(conf.results_dir), description["machine"])
        begun = runs.begin(conf.takes_folder, runs.run_identity(kwargs))
        conf.run_id = begun.id
        status = original(cls, conf, *args, **kwargs)
        runs.end(conf.takes_folder, begun)
        log.flush()
        for line in closing_lines(Path(conf.results_dir), description["machine"], begun.id):
            print(line)
        return status

    return run


def _of_this_host(original: Callable[..., Any]) -> Callable[..., Any]:
    def run(cls: Any, conf: Any, *args: Any, **kwargs: Any) -> Any:
        """Show what this host has measured, if it has: results of another machine come with the repository."""
        here = name_of_host()
        if not kwargs.get("machine") and description_file(Path(conf.results_dir), here).exists():
            kwargs["machine"] = here
        return original(cls, conf, *args, **kwargs)

    return run


def _run_benchmarks(original: Callable[..., Any], takes_log: TakesLog) -> Callable[..., Any]:
    def run_benchmarks(benchmarks: Any, env: Any, results: Any = None, **kwargs: Any) -> Any:
        """Say which round it is, and save what there is when the run is interrupted; asv saves at its end alone."""
        if kwargs.get("run_rounds"):
            # asv counts down.
            env.round = runs.rounds(benchmarks, kwargs.get("extra_params")) - max(kwargs["run_rounds"])
        takes_log.begin()
        try:
            return original(benchmarks, env, results=results, **kwargs)
        except UserError:
            # A run that adds to samples of before adds all of its own when it goes on: saved now, they would be there
            # twice. Interleaved rounds are added to those of this run.
            adds = kwargs.get("append_samples") and not kwargs.get("run_rounds")
            takes_folder = getattr(env, "takes_folder", None)  # none where asv makes the environment: -E existing
            if takes_folder and not adds:
                results.save(str(takes_folder.parent))
            raise

    return run_benchmarks


def _discover(original: Callable[..., Any], takes_log: TakesLog) -> Callable[..., Any]:
    def discover(cls: Any, conf: Any, repo: Any, environments: Any, commit_hash: Any, **kwargs: Any) -> Any:
        """Make all environments, or say why not, before the first release is measured; then narrow to the profile."""
        for environment in environments:
            if isinstance(environment, StackEnvironment):
                environment.require(commit_hash)
        benchmarks = original(cls, conf, repo, environments, commit_hash, **kwargs)
        selection.narrow(benchmarks)
        takes_log.expect(benchmarks, benchmarks.benchmark_selection)
        return benchmarks

    return discover


def _run_series(original: Callable[..., Any], takes_log: TakesLog) -> Callable[..., Any]:
    def run_benchmark(*args: Any, **kwargs: Any) -> Any:
        """Show which take is made: the first series of a round makes them all, for minutes."""
        with takes_log.series():
            return original(*args, **kwargs)

    return run_benchmark


def _launch(original: Callable[..., Any], takes_log: TakesLog) -> Callable[..., Any]:
    def run(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        with takes_log.launch(name):
            return original(self, name, *args, **kwargs)

    return run


def _preimport(original: Callable[..., Any]) -> Callable[..., Any]:
    def preimport(self: Any) -> Any:
        """Say why the fork server could not import the suite: asv would let every launch fail, and hide the reason."""
        success, output = original(self)
        _, known, reason = str(output).rpartition(f"{FeedersError.__name__}: ")
        if known and self.env.is_running:
            raise FeedersError(reason.strip())
        if known:  # asv marks what it could not launch as failed, and goes on to the next release
            log.error(f"feeders: {reason.strip()}")
        return success, output

    return preimport
