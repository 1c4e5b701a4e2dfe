"""`feeders compare` and `regressions`: what they print and write, how they exit, and Ctrl-C."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from feeders import cli
from feeders.asv_plugin import machine
from feeders.commands import compare as commands
from feeders.compare import confirm, run, show
from feeders.errors import FeedersError
from feeders.measure import Record
from feeders.releases.catalogue import age
from feeders.releases.installed import installed
from feeders.releases.stacks import stacks
from feeders.results.series import LONGEST, SERIES_VARIABLES, environment_in_file_names, environment_name
from tests.compare.made import HUNG, Bench

ROOT = Path(__file__).resolve().parents[2]

RELEASES = sorted(stacks(), key=age)[-16:]
BEFORE, NEWEST = RELEASES[-2:]

ABOUT = (-0.04, -0.02, 0.0, 0.02, 0.04)

CELLS = "sequence/text/1,sequence/remote/1"

# It waits for nothing; a busy machine takes its time to kill and to wait.
SOON_SECONDS = 40


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """A machine called lab in a folder of its own, whose pairs are made up."""
    for name, _ in SERIES_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FEEDERS_MACHINE", "lab")
    monkeypatch.setattr(machine, "_gpus", lambda: "")
    monkeypatch.setattr(show, "installed", lambda: None)
    monkeypatch.chdir(tmp_path)
    return Bench(monkeypatch)


@pytest.fixture
def call(capsys):
    """Call the command; return its exit status and what it printed on either stream."""

    def call(*arguments):
        status = cli.main(arguments)
        return status, *capsys.readouterr()

    return call


def refused(said):
    status, out, error = said
    assert (status, out) == (2, "")
    assert error.count("\n") == 1, error
    assert error.startswith("feeders: ")
    return error[len("feeders: ") : -1]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("2.15.1", "sequence"), "compare 2.15.1 sequence: 2.15.1 is a release, sequence is none that can be measured"),
        (("2.15.1", "2.15.0"), "compare 2.15.1 2.15.0: 2.15.0 is a release without a stack. Try: feeders "),
        (("seqence", "arrays", "--release", "2.16.2"), "seqence: not a feeder. Nearest: sequence, "),
        (("2.15.1", "2.16.2", "--workload", "text"), "compare 2.15.1 2.16.2: two releases are compared on cells. Try"),
        (("sequence", "arrays", "--cells", "*"), "compare sequence arrays: two feeders are compared on workloads. Try"),
        (("2.15.1", "2.16.2", "--cells", "nothing"), "--cells nothing: stands for no cell; expected names like "),
        (("sequence", "arrays", "--workload", "jepg", "--release", "2.16.2"), "jepg: not a workload. Nearest: jpeg."),
        (("2.15.1", "2.16.2", "--json", "no/such/a.json"), "--json no/such/a.json: no such folder. Try: one that is"),
    ],
)
def test_a_call_that_makes_no_sense_is_one_line_and_status_2(bench, call, arguments, text):
    assert refused(call("compare", *arguments)).startswith(text)
    assert not bench.events


def test_so_it_is_outside_of_the_tests_too():
    """The whole way: the shell sees the status, and no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "feeders", "compare", "2.15.1", "sequence"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert refused((2, done.stdout, done.stderr)).startswith("compare 2.15.1 sequence: 2.15.1 is a release")


def test_a_release_that_can_not_be_measured_is_one_line_and_status_2(call):
    """Nothing of an empty table is printed before it."""
    text = refused(call("compare", "sequence", "arrays", "--release", "0.1"))
    assert text.startswith("0.1: a release that can't be measured here; ")
    assert text.endswith("Try: feeders releases add 0.1")


@pytest.mark.parametrize(
    "arguments", [("compare", "2.15.1"), ("compare", "a", "b", "--budget", "0"), ("regressions", "--budget", "x")]
)
def test_a_bad_option_is_status_2_and_says_how_it_is_used(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(("step", "status"), [(0.3, 1), (-0.3, 0), (0.0, 0)])
def test_slower_is_status_1(bench, call, step, status):
    bench.answers = lambda *_: step
    seen, out, error = call("compare", "2.15.1", "2.16.2", "--cells", CELLS)
    assert (seen, error) == (status, "")
    assert out.startswith("A: 2.15.1 (TensorFlow 2.15.1, ")
    assert re.search(r"^sequence/text/1 +(slower|faster|same within 1\.1 %) ", out, re.M)
    assert bench.compared == {("2.15.1", "2.16.2")}


def test_the_evidence_is_written_whole(bench, call):
    bench.answers = lambda a, b, name, number: HUNG if name == "sequence/text/1" else 0.0
    status, out, _ = call("compare", "2.15.1", "2.16.2", "--cells", CELLS, "--json", "found.json")
    found = json.loads(Path("found.json").read_text())
    assert status == 1
    assert [each["name"] for each in found["comparisons"]] == CELLS.split(",")
    assert [len(each["pairs"]) for each in found["comparisons"]] == [0, 10]
    assert "sequence/text/1: B hung: no end after 60 s." in out


def test_feeders_are_compared_on_the_release_that_is_named(bench, call):
    status, out, _ = call("compare", "sequence:1", "sequence:4", "--workload", "remote,text", "--release", "2.16.2")
    assert status == 0
    assert out.startswith("A: sequence:1 on 2.16.2 (TensorFlow 2.16.2, ")
    assert bench.compared == {("2.16.2", "2.16.2")}


@pytest.mark.parametrize(
    ("stop", "status", "says"),
    [
        (KeyboardInterrupt(), 130, "feeders: interrupted; nothing is left running\n"),
        (FeedersError("python: ended with status -9"), 2, "feeders: python: ended with status -9\n"),
    ],
)
def test_what_was_compared_before_the_end_is_shown_and_written(bench, call, stop, status, says):
    bench.answers = lambda a, b, name, number: stop if name == "sequence/remote/1" and number == 2 else 0.3
    cells = f"{CELLS},arrays/text/1"
    seen, out, error = call("compare", "2.15.1", "2.16.2", "--cells", cells, "--json", "found.json")
    assert (seen, error) == (status, says)
    assert "undecided (10 pairs)" in out
    found = json.loads(Path("found.json").read_text())
    assert [len(each["pairs"]) for each in found["comparisons"]] == [3, 2, 2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_pairs_are_kept_when_the_terminal_is_closed_or_the_machine_goes_down(bench, call, number):
    def answers(a, b, name, pair):
        if pair == 2:
            os.kill(os.getpid(), number)
        return 0.3

    bench.answers = answers
    before = signal.signal(number, signal.SIG_DFL)  # whoever runs the tests under nohup ignores one of them
    try:
        status, out, _ = call("compare", "2.15.1", "2.16.2", "--cells", "sequence/text/1", "--json", "found.json")
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert status == 130
    assert "undecided" in out
    assert [len(each["pairs"]) for each in json.loads(Path("found.json").read_text())["comparisons"]] == [2]


def test_ctrl_c_before_the_first_pair_shows_no_table(bench, call):
    bench.answers = lambda *_: KeyboardInterrupt()
    seen = call("compare", "2.15.1", "2.16.2", "--cells", CELLS, "--json", "found.json")
    assert seen == (130, "", "feeders: interrupted; nothing is left running\n")
    assert not Path("found.json").exists()


@pytest.fixture
def hasty(monkeypatch):
    """More than a minute goes by between two looks at the clock."""
    looks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: 61.0 * next(looks))
    for module in (commands, confirm, run):
        monkeypatch.setattr(module, "time", clock)


def test_a_budget_that_ends_before_the_first_pair_decides_nothing(bench, hasty, call):
    status, out, _ = call("compare", "2.15.1", "2.16.2", "--cells", CELLS, "--budget", "1")
    assert (status, bench.sides) == (0, [])
    assert re.search(r"^sequence/text/1 +undecided +0$", out, re.M)


def measured(cell, level, about, number, **values):
    feeder, workload, workers = cell.split("/")
    epoch = math.exp(level + about)
    values = {"epochs": (9.0, epoch, epoch), "guarantee": "exactly-once", **values}
    return Record(feeder, workload, int(workers), values.pop("outcome", "measured"), run="r", round=number, **values)


def write_history(folder, cells, newest=(), releases=RELEASES):
    """Write the takes of each cell: its level in the newest release; all others go up and down by one per cent."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, release in enumerate(releases):
        records = [
            measured(
                cell,
                step if release == NEWEST else 0.01 if index % 2 else -0.01,
                ABOUT[(index + number) % len(ABOUT)],
                number,
            )
            for number in range(len(ABOUT))
            for cell, step in cells.items()
        ]
        records += [each for each in newest if release == NEWEST]
        text = "".join(f"{record.to_json()}\n" for record in records)
        (folder / f"{release}-stack-takes.jsonl").write_text(text)


SLOWER = "slower, 1.150 [1.138, 1.163]"


@pytest.fixture
def slower(bench):
    """A history in which the newest release is 15 % slower in one cell of two, as its pairs say."""
    write_history(Path("results/lab"), {"sequence/text/1": math.log(1.15), "sequence/remote/1": -0.01})
    bench.answers = lambda a, b, name, number: math.log(1.15) if (b, name) == (NEWEST, "sequence/text/1") else 0.0
    return bench


@pytest.mark.parametrize(("options", "status"), [((), 0), (("--fail",), 1)])
def test_the_release_that_made_a_cell_slower_is_named_and_only_fail_makes_it_a_failure(slower, call, options, status):
    seen, out, error = call("regressions", *options)
    assert (seen, error) == (status, f"1 of 1: {BEFORE} -> {NEWEST}, sequence/text/1, pairs: {SLOWER}\n")
    head, found = out.split("\n\n")
    assert head == "machine lab: 2 cells, 16 releases, 160 takes: 1 suspects"
    first, changed, row = found.splitlines()
    assert first == f"{NEWEST} (after {BEFORE}): slower in 1 cell"
    assert "keras" in changed
    assert row.split() == ["sequence/text/1", "slower", "1.150", "[1.138,", "1.163]", "10", "pairs"]
    assert slower.compared == {(BEFORE, NEWEST)}


def test_findings_are_kept_beside_the_results_and_not_measured_again(slower, call):
    first = call("regressions", "--fail")[:2]
    path = Path("results/lab/stack-changes.jsonl")
    kept = path.read_text()
    assert len(kept.splitlines()) == 1
    slower.events.clear()
    assert call("regressions", "--fail") == (*first, "")
    assert not slower.events
    assert path.read_text() == kept


def test_each_pair_is_in_the_file_before_the_next_one_begins(slower, call):
    """A crash of the machine loses none."""
    path, kept = Path("results/lab/stack-changes.jsonl"), []

    def answers(a, b, name, number):
        kept.append(len(json.loads(path.read_text())["pairs"]) if path.exists() else 0)
        return 0.14

    slower.answers = answers
    call("regressions")
    assert kept == list(range(10))


def test_what_pairs_do_not_confirm_fails_nothing(slower, call):
    slower.answers = lambda *_: 0.0
    status, out, _ = call("regressions", "--fail")
    assert status == 0
    assert "No change was confirmed." in out
    assert f"{BEFORE} -> {NEWEST}  sequence/text/1  +15 % in the history  pairs: same within 1.1 %" in out


def test_a_cell_that_breaks_in_the_newest_release_fails(bench, call):
    hangs = [measured("arrays/text/1", 0.0, 0.0, number, outcome="hung", epochs=()) for number in range(3)]
    write_history(Path("results/lab"), {"sequence/text/1": -0.01}, hangs)
    works = Path(f"results/lab/{BEFORE}-stack-takes.jsonl")
    works.write_text(works.read_text() + measured("arrays/text/1", 0.0, 0.0, 0).to_json() + "\n")
    status, out, _ = call("regressions", "--fail")
    assert status == 1
    assert f"{NEWEST}  arrays/text/1  exactly-once -> hung" in out
    assert not bench.events


def test_ctrl_c_keeps_what_was_confirmed(bench, call):
    """Two transitions have suspects, the second is interrupted: the first is in the file and in the table."""
    cells = {"sequence/text/1": math.log(1.15)}
    write_history(Path("results/lab"), cells)
    older = RELEASES[3]
    path = Path(f"results/lab/{older}-stack-takes.jsonl")
    path.write_text(
        "".join(measured("sequence/text/1", 0.5, about, number).to_json() + "\n" for number, about in enumerate(ABOUT))
    )
    seen = []

    def answers(a, b, name, number):
        seen.append((a, b))
        return KeyboardInterrupt() if len(set(seen)) > 1 and number == 4 else 0.4

    bench.answers = answers
    status, out, error = call("regressions", "--fail")
    assert status == 130
    assert error.splitlines() == [
        f"1 of 3: {seen[0][0]} -> {seen[0][1]}, sequence/text/1, pairs: slower, 1.492 [1.476, 1.508]",
        "feeders: interrupted; nothing is left running",
    ]
    first, second = map(json.loads, Path("results/lab/stack-changes.jsonl").read_text().splitlines())
    assert (first["before"], first["after"], first["confirmed"]) == (*seen[0], True)
    assert (second["confirmed"], len(second["pairs"])) == (None, 4)
    assert (out.count("  not compared"), out.count("to be gone on with")) == (1, 1)
    bench.answers = lambda *_: 0.4
    bench.events.clear()
    call("regressions")
    assert seen[0] not in bench.compared
    assert len(bench.compared) == 2


def test_a_budget_leaves_the_rest_for_the_next_call(slower, hasty, call):
    status, out, _ = call("regressions", "--budget", "1", "--fail")
    assert status == 0
    assert "+15 % in the history  not compared" in out
    assert not slower.sides


def test_releases_that_can_not_be_compared_are_told_on_any_stream(slower, call):
    slower.answers = lambda *_: FeedersError("its environment can't be made")
    status, out, error = call("regressions", "--fail")
    assert (status, error) == (0, f"{BEFORE} -> {NEWEST}: its environment can't be made\n")
    assert "+15 % in the history  not compared" in out


def test_a_damaged_file_of_findings_is_one_line_with_its_place(slower, call):
    call("regressions")
    path = Path("results/lab/stack-changes.jsonl")
    path.write_text(path.read_text() + "{half\n")
    slower.events.clear()
    status, _, error = call("regressions")
    assert status == 2
    assert error.startswith("feeders: results/lab/stack-changes.jsonl, line 2: damaged (")
    assert error.endswith("). Try: delete that line\n")
    assert error.count("\n") == 1
    assert not slower.events


def test_damaged_takes_are_one_line_with_their_place(slower, call):
    path = Path(f"results/lab/{NEWEST}-stack-takes.jsonl")
    path.write_text(path.read_text() + "{half\n")
    text = refused(call("regressions"))
    assert text.startswith(f"results/lab/{NEWEST}-stack-takes.jsonl, line 11: take record: damaged line (")


def test_a_machine_without_results_is_one_line(slower, call, monkeypatch):
    monkeypatch.setenv("FEEDERS_MACHINE", "desk")
    assert refused(call("regressions")) == (
        "regressions: results/ holds nothing of machine 'desk' in environment 'stack'; it has lab. "
        "Try: asv run ALL, or FEEDERS_MACHINE=..."
    )


def test_takes_of_another_model_are_another_history(slower, call, monkeypatch):
    monkeypatch.setenv("FEEDERS_MODEL", "real")
    assert "holds nothing of machine 'lab' in environment 'stack-FEEDERS_MODELreal'" in refused(call("regressions"))


def test_a_history_whose_environment_has_a_long_name_is_found(slower, call, monkeypatch):
    """Names of files have a digest in its place."""
    monkeypatch.setenv("FEEDERS_IMAGES", f"/{LONGEST * 'x'}")
    own = environment_in_file_names(environment_name())
    for path in list(Path("results/lab").glob("*-stack-takes.jsonl")):
        path.rename(path.with_name(path.name.replace("-stack-", f"-{own}-")))
    status, out, _ = call("regressions")
    assert (status, out.splitlines()[0]) == (0, "machine lab: 2 cells, 16 releases, 160 takes: 1 suspects")
    assert Path(f"results/lab/{own}-changes.jsonl").exists()


def test_no_results_at_all_are_one_line(bench, call):
    assert refused(call("regressions")).startswith(f"regressions: no folder results/ in {Path.cwd()}. Try: call it ")
    Path("results").mkdir()
    assert refused(call("regressions")) == "results: holds no takes (*/*-takes.jsonl). Try: asv run"


def training(pid):
    """All processes below, once both takes are at work: each is watched by a process of its own."""
    with contextlib.suppress(psutil.Error):
        host = psutil.Process(pid)
        watchers = [watcher for process in host.children() for watcher in process.children()]
        if len([take for watcher in watchers for take in watcher.children()]) == 2:
            return host.children(recursive=True)
    return []


@pytest.mark.slow
@pytest.mark.skipif(installed() is None, reason="needs TensorFlow")
def test_ctrl_c_ends_a_real_comparison_within_seconds_and_leaves_no_process(tmp_path):
    """They and their takes have sessions of their own: the Ctrl-C of a terminal doesn't reach them."""
    call = ("compare", "resident", "arrays", "--workload", "remote", "--release", installed().id)
    with open(tmp_path / "printed", "w+") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "feeders", *call],
            cwd=ROOT,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
        )
        deadline = time.monotonic() + 200
        while not (below := training(process.pid)):
            assert process.poll() is None, (tmp_path / "printed").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(SOON_SECONDS) == 130
    text = (tmp_path / "printed").read_text()
    assert text.endswith("feeders: interrupted; nothing is left running\n")
    assert "Traceback" not in text
    _, alive = psutil.wait_procs(below, timeout=SOON_SECONDS)
    assert not alive
