"""asv itself, end to end, in a copy of the repository: a fresh home, no terminal, real takes."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from feeders.releases.installed import installed
from feeders.results.unfinished import UNFINISHED

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(installed() is None, reason="needs TensorFlow")

# The cheapest cell that needs no material on disk, and its ceiling.
CELLS = r"track_(steady|stall|missing|broken)\('(resident|sequence)', 'remote', 1\)"

# asv, in an interpreter without TensorFlow.
WITHOUT_TENSORFLOW = (
    "import sys; from feeders.releases import installed; "
    "installed._version_of = lambda name: ''; from asv.main import main; sys.exit(main())"
)


class Copy:
    """A copy of what asv needs of the repository, and a home with nothing in it."""

    def __init__(self, folder):
        self.folder = folder / "repository"
        self.home = folder / "home"
        self.home.mkdir()
        ignored = shutil.ignore_patterns("__pycache__")
        for name in ("feeders", "benchmarks"):
            shutil.copytree(ROOT / name, self.folder / name, ignore=ignored)
        # Without stacks nothing but the installed release is measured, so nothing is downloaded and built.
        shutil.rmtree(self.folder / "feeders" / "releases" / "stacks")
        shutil.copy(ROOT / "asv.conf.json", self.folder)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("FEEDERS_", "KERAS_"))}
        self.environment = {**kept, "HOME": str(self.home), "FEEDERS_CACHE": str(folder / "cache")}
        self.environment["FEEDERS_MACHINE"] = "lab"

    def start(self, *args, launcher=("-m", "asv")):
        return subprocess.Popen(
            [sys.executable, *launcher, *args],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # no terminal, and a process group that Ctrl-C can be sent to
        )

    def asv(self, *args, launcher=("-m", "asv")):
        process = self.start(*args, launcher=launcher)
        output, _ = process.communicate(timeout=200)
        return process.returncode, output

    def processes(self):
        """All processes that were started with this home."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("HOME") == str(self.home) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found


def takes_of(copy):
    """The takes of the installed release, oldest first; a line that is being written is left out."""
    path = copy.folder / "results" / "lab" / f"{installed().id}-stack-takes.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    copy = Copy(tmp_path_factory.mktemp("run"))
    code, copy.output = copy.asv("run", "--quick", "-b", CELLS)
    assert code == 0, copy.output
    copy.results = copy.folder / "results" / "lab"
    assert not (copy.results / UNFINISHED).exists()
    copy.name = f"{installed().id}-stack"
    return copy


def test_a_bare_run_saves_results_with_samples(ran):
    found = json.loads((ran.results / f"{ran.name}.json").read_text())
    assert (found["commit_hash"], found["env_name"], found["python"]) == (installed().id, "stack", "per-release")
    columns = dict(zip(found["result_columns"], found["results"]["epoch.Fit.track_steady"]))
    samples = dict(zip(itertools.product(*columns["params"]), columns["samples"]))
    measured = {cell: values for cell, values in samples.items() if values}
    assert list(measured) == [("'resident'", "'remote'", "1"), ("'sequence'", "'remote'", "1")]
    assert all(len(values) == 1 and values[0] > 0 for values in measured.values())


def test_a_run_says_what_it_measures_and_shows_only_that(ran):
    assert f"commit {installed().id} <{installed().title}>" in ran.output
    assert "sequence" in ran.output
    assert "tfdata" not in ran.output
    assert len(ran.output.splitlines()) < 70


def test_a_run_tells_its_takes_and_ends_with_the_answer(ran):
    """In a log too; the percent is one of takes."""
    assert "take 1 of 2: resident on remote, workers 1" in ran.output
    assert re.search(r"^\[100\.00%\] ··· epoch\.Fit\.track_steady", ran.output, re.M)
    answer = ran.output[ran.output.index("How to feed fit() here (TensorFlow ") :]
    assert re.search(r"^  remote  sequence ×1  [\d,]+ samples/s .* 1 take$", answer, re.M)
    assert "feeders report" in answer


def test_each_cell_was_taken_once_for_all_series_and_its_record_kept(ran):
    takes = takes_of(ran)[:2]
    assert {(take["run"], take["round"]) for take in takes} == {(takes[0]["run"], 0)}
    assert sorted(take["feeder"] for take in takes) == ["resident", "sequence"]
    assert all(f"TensorFlow {take['stack']['tensorflow']}," in installed().title for take in takes)


def test_nothing_is_written_outside_the_repository_and_nothing_is_left(ran):
    assert not (ran.home / ".asv-machine.json").exists()
    assert {path.name for path in ran.folder.iterdir()} <= {"feeders", "benchmarks", "asv.conf.json", "results", ".asv"}
    assert ran.processes() == []


@pytest.fixture
def results_of_another(ran):
    """As in a clone of this repository, whose results are those of a machine that comes first by its name."""
    other = shutil.copytree(ran.results, ran.results.with_name("abc"))
    described = json.loads((other / "machine.json").read_text())
    (other / "machine.json").write_text(json.dumps({**described, "machine": "abc"}))
    for path in other.glob("*-stack.json"):
        kept = json.loads(path.read_text())
        path.write_text(json.dumps({**kept, "params": {**kept["params"], "machine": "abc"}}))
    yield
    shutil.rmtree(other)


@pytest.mark.parametrize(
    ("options", "machine"), [((), "lab"), pytest.param(("--machine", "abc"), "abc", marks=pytest.mark.slow)]
)
def test_show_and_compare_speak_of_this_host_unless_another_is_asked_for(ran, results_of_another, options, machine):
    code, output = ran.asv("show", *options, installed().id)
    assert code == 0, output
    assert f"epoch.Fit.track_steady [{machine}/stack]" in output
    assert {*re.findall(r"\[(\w+)/stack\]", output)} == {machine}
    code, output = ran.asv("compare", *options, installed().id, "HEAD")
    assert code == 0, output
    rows = [line for line in output.splitlines() if "track_steady" in line]
    assert [row.count("'sequence', 'remote', 1") for row in rows] == [0, 1]  # resident and sequence, no n/a rows


def test_a_host_without_results_is_asked_for_a_machine(ran, results_of_another, monkeypatch):
    monkeypatch.setitem(ran.environment, "FEEDERS_MACHINE", "new")
    code, output = ran.asv("compare", installed().id, installed().id)
    assert code == 1
    assert "specify which one to use with the --machine option" in output


@pytest.mark.slow
def test_results_are_read_without_tensorflow(ran):
    without = ("-c", WITHOUT_TENSORFLOW)
    for command in (["publish"], ["show", installed().id], ["compare", installed().id, installed().id]):
        code, output = ran.asv(*command, launcher=without)
        assert code == 0, output
    assert json.loads((ran.folder / ".asv/html/index.json").read_text())["tags"] == {installed().id: 0}


def test_a_run_without_tensorflow_says_how_to_install_it(tmp_path):
    copy = Copy(tmp_path)
    code, output = copy.asv("run", launcher=("-c", WITHOUT_TENSORFLOW))
    assert code == 2
    assert "no TensorFlow" in output
    assert "pip install -e '.[cpu]'" in output
    assert "Traceback" not in output
    assert not (copy.folder / "results").exists()


@pytest.fixture
def results_alone(ran):
    """2.4.0 has results, and neither a stack nor is it installed."""
    path = ran.results / "2.4.0-stack.json"
    shutil.copy(ran.results / f"{ran.name}.json", path)
    yield
    path.unlink()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("2.4.0", "2.4.0: a release that can't be measured here; installed is {id}, stacks: "),
        ("2.3.0", "asked for release 2.3.0; installed here is {id} ({title}); known here: 2.4.0"),
        ("2.3.0..", "asked for release 2.3.0; "),
    ],
)
def test_a_release_that_cant_be_measured_is_refused_with_the_command_that_adds_it(ran, results_alone, spec, text):
    before = takes_of(ran)
    code, output = ran.asv("run", spec, "--quick", "-b", CELLS)
    assert code == 2, output
    assert text.format(id=installed().id, title=installed().title) in output
    assert f"Try: feeders releases add {spec.rstrip('.')}" in output
    assert "Traceback" not in output
    assert takes_of(ran) == before


@pytest.mark.slow
def test_all_is_what_can_be_measured_here(ran, results_alone):
    """Rounds are interleaved, and a quick run makes one."""
    before = takes_of(ran)
    code, output = ran.asv("run", "ALL", "--quick", "-b", CELLS)
    assert code == 0, output
    assert "(1 commits * 1 environments" in output
    assert f"commit {installed().id} <{installed().title}> (round 1/1):" in output
    assert len(takes_of(ran)) == len(before) + 2
    assert {take["round"] for take in takes_of(ran)} == {0}


def test_a_tensorflow_that_does_not_import_ends_the_run_with_its_reason(tmp_path):
    copy = Copy(tmp_path)
    (copy.folder / "tensorflow.py").write_text("raise ImportError('numpy is too new')")
    code, output = copy.asv("run", "--quick", "-b", CELLS)
    assert code == 2
    assert "feeders: TensorFlow can't be imported (numpy is too new)" in output
    assert "Traceback" not in output


def measuring(asv):
    """Whether a take is running: forked into a session of its own, so that its command is its parent's."""
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        children = psutil.Process(asv).children(recursive=True)
        return any(os.getsid(each.pid) == each.pid and each.cmdline() == each.parent().cmdline() for each in children)
    return False


def wait(process, condition):
    """Look until the condition holds, while asv runs."""
    deadline = time.monotonic() + 100
    while not condition():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def interrupt(process):
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    return output


@pytest.mark.slow
def test_ctrl_c_leaves_no_process(tmp_path):
    copy = Copy(tmp_path)
    process = copy.start("run", "--quick", "-b", CELLS)
    wait(process, lambda: measuring(process.pid))
    output = interrupt(process)
    assert process.returncode == 1
    assert "Interrupted" in output
    assert "Traceback" not in output
    _, alive = psutil.wait_procs(copy.processes(), timeout=20)
    assert alive == []


@pytest.mark.slow
def test_an_interrupted_run_goes_on_with_the_takes_it_has(tmp_path):
    copy = Copy(tmp_path)
    unfinished = copy.folder / "results" / "lab" / UNFINISHED
    command = ("run", "--quick", "-b", CELLS)
    process = copy.start(*command)
    wait(process, lambda: takes_of(copy))
    interrupt(process)
    before = takes_of(copy)
    begun = json.loads(unfinished.read_text())[0]["id"]
    code, output = copy.asv(*command)
    assert code == 0, output
    assert f"Going on with the run of {begun}, which did not end" in output
    takes = takes_of(copy)
    assert takes[: len(before)] == before
    assert sorted(take["feeder"] for take in takes) == ["resident", "sequence"]
    assert {(take["run"], take["round"], take["outcome"]) for take in takes} == {(begun, 0, "measured")}
    assert not unfinished.exists()
