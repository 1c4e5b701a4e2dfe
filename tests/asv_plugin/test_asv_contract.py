"""What is relied on inside asv 0.6.6 and asv_runner 0.3.2: if one of these fails, read asv's change before ours."""

from __future__ import annotations

import inspect
import json
import logging
import math
import re
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
from asv import commands, console, environment, repo, results, runner, util
from asv.benchmarks import Benchmarks
from asv.commands.compare import Compare, unroll_result
from asv.commands.run import Run
from asv.commands.show import Show
from asv.config import Config
from asv.machine import Machine
from asv_runner.console import Log

from feeders.asv_plugin import plugin as asv_plugin
from feeders.asv_plugin import runs
from feeders.asv_plugin.environment import StackEnvironment
from feeders.asv_plugin.repository import ReleaseRepo
from feeders.asv_plugin.takes_log import MARGIN, TakesLog
from feeders.errors import FeedersError
from feeders.results.series import LONGEST
from feeders.results.takes import takes_file


def test_a_command_is_run_by_a_method_of_its_class_once_the_plugins_are_loaded():
    """So one layer around that method sees all that a command raises."""
    source = inspect.getsource(commands.Command.run_from_args)
    assert source.index("plugin_manager.import_plugin(plugin)") < source.index("cls.run_from_conf_args(conf, args)")


def parameters(function):
    return list(inspect.signature(function).parameters)


def test_the_versions_are_those_that_were_read():
    assert (version("asv"), version("asv_runner")) == ("0.6.6", "0.3.2")


def test_the_functions_with_a_layer_take_these_arguments():
    used = {"conf", "machine", "dry_run", "record_samples", "parallel"}
    used |= {"interleave_rounds", "attribute", "quick", "range_spec"}
    assert {*used, *runs.run_identity({})} - {*runs.VARIABLES, "series"} <= set(parameters(Run.run.__func__))
    assert parameters(Benchmarks.discover)[:5] == ["conf", "repo", "environments", "commit_hash", "regex"]
    assert {"interactive", "force_interactive", "machine_name"} <= set(parameters(Machine.load))
    for command in (Compare, Show):
        assert parameters(command.run)[0] == "conf"
        assert "machine=args.machine" in inspect.getsource(command.run_from_conf_args)
    assert parameters(runner.ForkServer.preimport) == ["self"]
    assert parameters(runner.ForkServer.run)[:2] == ["self", "name"]
    assert parameters(runner.run_benchmarks)[:3] == ["benchmarks", "env", "results"]
    assert {"run_rounds", "extra_params"} <= set(parameters(runner.run_benchmarks))
    assert inspect.getmodule(Run).run_benchmarks is runner.run_benchmarks
    assert parameters(results._format_benchmark_result) == ["result", "benchmark", "max_width"]
    assert parameters(unroll_result) == ["benchmark_name", "params", "values"]


def test_both_modules_that_run_benchmarks_have_a_log_that_can_be_replaced():
    """The runner looks up its log and the function of a series at each call; a series is named with its cell."""
    assert runner.log is inspect.getmodule(Run).log is console.log
    for text in ("log.step()", "log.info(name, reserve_space=True)", "res = run_benchmark("):
        assert text in inspect.getsource(runner.run_benchmarks)
    assert "name += f'-{param_idx}'" in inspect.getsource(runner._run_benchmark_single_param)
    assert "name=name," in inspect.getsource(runner._run_benchmark_single_param)
    source = inspect.getsource(Run.run.__func__)
    assert "steps = len(commit_hashes) * benchmark_count * len(environments)" in source
    assert "log.set_nitems(steps * max_rounds)" in source
    assert source.index("Benchmarks.discover(") < source.index("log.set_nitems(")


def test_what_asv_logs_begins_with_a_new_line_and_its_percent(capsys):
    log = Log()
    log.set_nitems(3)
    for text in ("one", "two"):
        log._stream_formatter(logging.makeLogRecord({"msg": text, "levelno": logging.INFO}))
    first, second = capsys.readouterr().out.split("\n")
    assert (first, second) == ("[ 0.00%] · one", "[ 0.00%] · two")
    assert len("[100.00%] ··· ") < MARGIN


def test_the_words_that_may_name_several_releases_are_those_of_asv():
    """One that is missed would be measured release after release, with the machine's drift between them."""
    source = inspect.getsource(Run.run.__func__)
    words = set(re.findall(r"""range_spec == ['"](\w+)['"]""", source))
    assert words - {"HEAD"} <= set(runs.SEVERAL)
    assert re.findall(r"""range_spec\.startswith\(['"](.+?)['"]\)""", source) == ["HASHFILE:"]


# asv's base class has these in terms of the others.
INHERITED = {"get_branch_name", "get_decorated_hash", "get_new_branch_commits", "filter_date_period"}


def test_the_repository_has_every_method_that_asv_calls():
    folder = Path(commands.__file__).parent
    sources = [*folder.glob("*.py"), folder.parent / "benchmarks.py", folder.parent / "plugins" / "regressions.py"]
    called = {name for path in sources for name in re.findall(r"\brepo\.(\w+)\(", path.read_text())}
    assert {"pull", "get_revisions", "get_hashes_from_range", "get_new_range_spec"} <= called
    assert called <= set(vars(ReleaseRepo)) | INHERITED
    base = {name for name in vars(repo.Repo) if not name.startswith("_")}
    assert base - INHERITED <= set(vars(ReleaseRepo))


@pytest.fixture
def stack(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FEEDERS_MODEL", raising=False)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    conf = Config.from_json({"repo": ".", "environment_type": "stack", "env_dir": ".asv/env"})

    def make(**extra):
        conf.__dict__.update(extra)
        (made,) = environment.get_environments(conf, None)
        return made

    return make


def test_asv_picks_the_environment_by_type_and_writes_nothing(stack, tmp_path):
    made = stack()
    assert isinstance(made, StackEnvironment)
    assert not isinstance(made, environment.ExistingEnvironment)  # asv saves nothing of those
    made.create()
    assert list(tmp_path.iterdir()) == []


def test_another_python_is_refused(stack):
    with pytest.raises(FeedersError, match=r"^Python 2\.7 was asked for"):
        stack(pythons=["2.7"])


def test_all_that_names_a_series_is_the_same_everywhere(stack):
    made = stack()
    assert (made.name, made.python, made.requirements, made.env_vars) == ("stack", "per-release", {}, {})


def test_a_variable_that_changes_what_is_measured_has_series_of_its_own(stack, monkeypatch):
    monkeypatch.setenv("FEEDERS_MODEL", "light")
    assert stack().env_vars == {}
    monkeypatch.setenv("FEEDERS_MODEL", "real")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert stack().env_vars == {"FEEDERS_MODEL": "real", "KERAS_BACKEND": "torch"}
    assert stack().name == "stack-FEEDERS_MODELreal-KERAS_BACKENDtorch"


def test_processes_are_told_where_takes_go(stack, tmp_path):
    code = "import os; print(os.environ.get('FEEDERS_TAKES'))"
    assert stack().run(["-c", code]).strip() == "None"
    made = stack(takes_folder=tmp_path / "results" / "lab")
    expected = tmp_path / "results" / "lab" / f"{made.installed_commit_hash}-stack-takes.jsonl"
    assert made.run(["-c", code]).strip() == str(expected)


@pytest.mark.parametrize("environment", ["stack", "stack-KERAS_BACKENDjax", LONGEST * "x"])
def test_takes_are_named_as_asvs_results_of_the_same_release_and_environment(tmp_path, environment):
    asvs = Path(results.get_filename("lab", "2.16.2", environment))
    assert takes_file(tmp_path / "lab", "2.16.2", environment).name == f"{asvs.stem}-takes.jsonl"


def test_takes_are_no_results_to_asv(tmp_path):
    """asv reads every *.json of a machine's folder."""
    machine = tmp_path / "lab"
    machine.mkdir()
    (machine / "machine.json").write_text('{"machine": "lab", "version": 1}')
    (machine / "2.16.2-stack.json").write_text("{}")
    takes_file(machine, "2.16.2", "stack").write_text("{}")
    assert [name for _, name, _ in results.iter_results_paths(str(tmp_path))] == ["2.16.2-stack.json"]


class Spawner:
    """Stands in for asv's: answers each launch with a growing number."""

    def __init__(self):
        self.launched, self.caches = [], 0

    def preimport(self):
        return True, ""

    def close(self):
        pass

    def create_setup_cache(self, name, timeout, params):
        self.caches += 1
        return "unused-folder", None

    def run(self, name, params_str, profile_path, result_file_name, timeout, cwd):
        self.launched.append(name)
        with open(result_file_name, "w") as file:
            json.dump({"samples": [len(self.launched)], "number": 1}, file)
        return "", 0


def ran(monkeypatch, selection, **options):
    """Run two series of three cells by asv's runner, with a stand-in for its processes."""
    spawner = Spawner()
    monkeypatch.setattr(runner, "get_spawner", lambda *_, **__: spawner)
    conf = SimpleNamespace(benchmark_dir="benchmarks")
    common = {"params": [["'a'", "'b'", "'c'"]], "param_names": ["feeder"], "version": "1", "timeout": 9, "unit": "s"}
    found = [{**common, "name": name, "rounds": 2, "setup_cache_key": "_suite:1"} for name in ("one", "two")]
    benchmarks = Benchmarks(conf, found)
    benchmarks.benchmark_selection.update(dict.fromkeys(("one", "two"), selection))
    env = SimpleNamespace(name="stack", _default_benchmark_timeout=9)
    return spawner, runner.run_benchmarks(benchmarks, env, record_samples=True, **options)


def test_all_rounds_of_a_run_share_one_setup_cache(monkeypatch):
    """So the store must count reads: a fresh store does not mark a fresh round."""
    spawner, outcome = ran(monkeypatch, [0, 2])
    assert spawner.caches == 1
    assert spawner.launched == ["one-0", "one-2", "two-0", "two-2"] * 2  # rounds are the outer loop
    assert outcome.get_result_samples("one", [["'a'", "'b'", "'c'"]]) == [[1, 5], None, [2, 6]]


def test_a_round_of_interleaved_revisions_has_a_setup_cache_of_its_own(monkeypatch):
    spawner, _ = ran(monkeypatch, [0], run_rounds=[2])
    assert (spawner.caches, spawner.launched) == (1, ["one-0", "two-0"])


def test_cells_out_of_the_selection_are_skipped_not_failed(monkeypatch):
    _, outcome = ran(monkeypatch, [1], quick=True)
    values = outcome.get_result_value("one", [["'a'", "'b'", "'c'"]])
    assert [math.isnan(values[0]), values[1], math.isnan(values[2])] == [True, 1, True]
    assert set(outcome.errcode.values()) == {0}


def test_selected_cells_leave_earlier_results_of_others(monkeypatch):
    _, outcome = ran(monkeypatch, [0], quick=True)
    ran(monkeypatch, [2], quick=True, results=outcome)
    values = outcome.get_result_value("two", [["'a'", "'b'", "'c'"]])
    assert [values[0], math.isnan(values[1]), values[2]] == [2, True, 2]


def test_nan_is_not_a_failure_to_asv():
    assert util.is_nan(math.nan)
    assert not util.is_nan(None)


def interrupted_run(takes_folder=None, env=None, **options):
    """Run the layer around asv's runner with a runner that is interrupted; return where results were saved."""
    saved = []

    def runner_interrupted(benchmarks, env, results=None, **options):
        raise util.UserError("Interrupted.")

    with pytest.raises(util.UserError):
        asv_plugin._run_benchmarks(runner_interrupted, TakesLog(None))(
            None,
            env or SimpleNamespace(takes_folder=takes_folder),
            results=SimpleNamespace(save=saved.append),
            **options,
        )
    return saved


def test_an_interrupted_run_keeps_what_it_has(tmp_path):
    assert interrupted_run(tmp_path / "results" / "lab") == [str(tmp_path / "results")]


def test_a_run_that_adds_to_samples_of_before_adds_them_once(tmp_path):
    """When it goes on it adds all of its own; those of an interrupted one would be there twice."""
    folder = tmp_path / "results" / "lab"
    assert interrupted_run(folder, append_samples=True) == []
    interleaved = {"append_samples": True, "run_rounds": [1], "extra_params": {"rounds": "2"}}
    assert interrupted_run(folder, **interleaved) == [str(tmp_path / "results")]


def test_an_interrupted_dry_run_saves_nothing():
    assert interrupted_run(None) == []


def test_an_interrupted_run_in_an_environment_of_asvs_own_is_asvs_matter():
    """As with `-E existing`: asv saves nothing of it."""
    assert interrupted_run(env=SimpleNamespace(name="existing")) == []
