"""`feeders audit`: a call that can't be met is one line and status 2, also once a process was started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from feeders import cli
from feeders.releases.catalogue import Release

HERE = Path(__file__).resolve().parent

ROOT = HERE.parent.parent

ARRAYS = f"{HERE}/loaders/state.py:Arrays"

ALL = "audit --all: takes --seconds and --workers; it audits every feeder and writes to results/"


@pytest.fixture
def refused(capsys):
    """Call the command; return the one line that it says."""

    def refused(*arguments):
        assert cli.main(["audit", *arguments]) == 2
        out, error = capsys.readouterr()
        assert out == ""
        assert error.count("\n") == 1, error
        assert error.startswith("feeders: ")
        return error[len("feeders: ") : -1]

    return refused


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ((), "audit: which loader? Expected a feeder, FILE.py:NAME or package.module:NAME; or --all"),
        (("no/such.py:Mine",), f"no/such.py: no such file, seen from {Path.cwd()}. Try: its path from here"),
        (("mine.py",), "mine.py: which loader in it? Expected FILE.py:NAME, as mine.py:MyLoader"),
        (
            ("seqence",),
            "seqence: neither a feeder nor FILE.py:NAME or package.module:NAME. Nearest: sequence, ",
        ),
        (("zzz",), "zzz: neither a feeder nor FILE.py:NAME or package.module:NAME. Try: feeders list"),
        (("resident",), "resident repeats one batch by design: there is no delivery to audit. Try: sequence"),
        ((ARRAYS, "--also", "predit"), "--also predit: no use of a loader; expected some of evaluate, predict, "),
        (("sequence", "--workload", "jepg"), "jepg: not a workload. Nearest: jpeg."),
        (("sequence", "--processes"), "--processes is for a loader of your own; sequence knows how it is used"),
        (("sequence", "--call", "x()"), "--call is for a loader of your own; sequence knows how it is used"),
        (("sequence", "--steps", "3"), "--steps is for a loader of your own; sequence knows how it is used"),
        ((":Mine",), ":Mine: expected FILE.py:NAME or package.module:NAME"),
        (
            ("mine.ipynb:Mine",),
            "mine.ipynb: a notebook can't be imported; expected FILE.py:NAME. Try: jupyter nbconvert --to script "
            "mine.ipynb, then mine.py:Mine",
        ),
        (("mine.py:",), "mine.py:: expected FILE.py:NAME or package.module:NAME"),
        ((ARRAYS, "--start-method", "spawn"), "--start-method spawn is about processes. Try: add --processes"),
        ((ARRAYS, "--json", "no/such/folder/a.json"), "--json no/such/folder/a.json: no such folder. Try: one that is"),
        ((ARRAYS, "--repro", "no/such/fault.py"), "--repro no/such/fault.py: no such folder. Try: one that is there"),
        (
            (ARRAYS, "--json", "results"),
            "--json results: a folder; expected the path of a file. Try: results/evidence.json",
        ),
        (("--all", "--key", "y"), ALL),
        (("--all", "sequence"), ALL),
        (("--all", "--json", "a.json"), ALL),
    ],
)
def test_a_call_that_can_not_be_met_starts_nothing(refused, monkeypatch, call, text):
    monkeypatch.setattr(import_module("feeders.audit.audit"), "preload", lambda: pytest.fail("it was started"))
    assert refused(*call).startswith(text)


def test_all_needs_the_folder_of_the_results(refused, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    text = f"audit --all: no folder results/ in {tmp_path}. Try: call it where asv.conf.json is, in a clone of "
    assert refused("--all").startswith(text)


def test_all_audits_nothing_where_what_it_finds_could_not_be_kept(refused, monkeypatch, tmp_path):
    """It takes 40 minutes, and a damaged line of the file refused all of them at the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FEEDERS_MACHINE", "lab")
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    release = Release("2.16.2", "2024-06-28", "TensorFlow 2.16.2, Keras 3.4.1")
    monkeypatch.setattr("feeders.releases.installed.require_installed", lambda: release)
    monkeypatch.setattr(import_module("feeders.audit"), "audit_all", lambda *_: pytest.fail("it was begun"))
    path = Path("results/lab/2.16.2-audits.jsonl")
    path.parent.mkdir(parents=True)
    path.write_text("{half\n")
    assert refused("--all").startswith("results/lab/2.16.2-audits.jsonl, line 1: damaged (")


@pytest.mark.parametrize(
    "call",
    [
        ("--seconds", "0"),
        ("--seconds", "soon"),
        ("--workers", "0"),
        ("--epochs", "x"),
        ("--steps", "-1"),
        ("--start-method", "thread"),
    ],
)
def test_a_bad_option_is_status_2_and_says_how_it_is_used(capsys, call):
    with pytest.raises(SystemExit) as ended:
        cli.main(["audit", ARRAYS, *call])
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


WRONG = """\
import numpy as np
import tensorflow as tf

Base = getattr(tf.keras.utils, "PyDataset", None) or tf.keras.utils.Sequence


class Mine(Base):
    def __init__(self, count=4):
        super().__init__()
        if count < 1:
            raise ValueError("no samples")
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return np.full((2, 3), index), np.full(2, index)


class Needs(Mine):
    def __init__(self, path):
        super().__init__()


def new_each_time():
    number = 0
    while True:
        number += 1
        yield np.full((2, 3), number), np.zeros(2)


arrays = np.zeros((4, 3)), np.zeros(4)


def repeats():
    return tf.data.Dataset.range(4).batch(2).repeat()


words = ["a"]
"""


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("mine.py:Mien", (), "mine.py has no 'Mien'. Nearest: Mine."),
        (
            "mine.py:Needs",
            (),
            "mine.py:Needs needs path; it is called without arguments. Try: --call 'Needs(path=...)'",
        ),
        ("mine.py:words", (), "mine.py:words is a list; expected a Sequence/PyDataset, "),
        ("mine.py:Mine", ("--call", "Mine(0)"), "--call 'Mine(0)': ValueError: no samples at {folder}/mine.py:11. "),
        (
            "absent.py:Mine",
            (),
            "absent.py: ModuleNotFoundError: No module named 'nosuchmodule' at {folder}/absent.py:1.",
        ),
        ("nosuchmodule:Mine", (), "import nosuchmodule: ModuleNotFoundError: No module named 'nosuchmodule'"),
        (
            "script.py:Mine",
            (),
            "script.py: SystemExit: 2 at {folder}/script.py:2. The loader must be made without error. It ends while it "
            "is imported, as scripts do that read their arguments. Try: put parse_args() and what runs at once below "
            '`if __name__ == "__main__":`',
        ),
        (
            "parts/mine.py:Mine",
            (),
            "parts/mine.py: ImportError: attempted relative import with no known parent package at "
            "{folder}/parts/mine.py:1. The loader must be made without error. It belongs to a package. "
            "Try, in {folder}: parts.mine:NAME instead of the file",
        ),
        (
            "mine.py:repeats",
            ("--processes",),
            "--processes: mine.py:repeats is a tensorflow._RepeatDataset, which this Keras pulls from no process of "
            "its own; expected a Sequence/PyDataset. Try: leave --processes away",
        ),
        (
            "mine.py:arrays",
            ("--also", "evaluate,predict"),
            "--also evaluate,predict: mine.py:arrays is a tuple of 2: ndarray, ndarray, which Keras cuts into batches "
            "by itself, in order, in one thread; expected a loader. Try: leave --also away",
        ),
        (
            "mine.py:arrays",
            ("--steps", "2"),
            "--steps 2: mine.py:arrays is a tuple of 2: ndarray, ndarray, which Keras cuts into batches by itself, in "
            "order, in one thread; expected a loader. Try: leave --steps away",
        ),
        ("mine.py:Mine", ("--key", "y["), "--key 'y[': not a Python expression ("),
        ("mine.py:Mine", ("--key", "z"), "--key 'z': NameError: name 'z' is not defined; x, y and w are the parts"),
        ("mine.py:Mine", ("--key", "y[:1]"), "--key 'y[:1]': gives shape (1,) for a batch of 2 samples; "),
        ("mine.py:repeats", (), "mine.py:repeats: it repeats without end. Try: --steps N, the batches of an epoch"),
        (
            "mine.py:new_each_time",
            (),
            "mine.py:new_each_time: no end and no repetition in its first 40 batches. Try: --steps N, the batches of",
        ),
    ],
)
def test_a_loader_that_can_not_be_opened_or_read_is_one_line(
    loaded, refused, nothing_left, monkeypatch, tmp_path, name, options, text
):
    """It is opened in a process of its own, which is gone afterwards."""
    monkeypatch.setattr(import_module("feeders.audit.reference"), "MOST_PULLS", 40)
    (tmp_path / "mine.py").write_text(WRONG)
    (tmp_path / "absent.py").write_text("import nosuchmodule\n")
    (tmp_path / "script.py").write_text("import sys\nsys.exit(2)  # as argparse does\n")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__init__.py").touch()
    (tmp_path / "parts" / "mine.py").write_text("from . import other\n")
    monkeypatch.chdir(tmp_path)
    assert refused(name, *options).startswith(text.format(folder=tmp_path))
    assert nothing_left()


def test_a_feeder_that_can_not_feed_a_workload_says_why(loaded, refused):
    assert refused("tfdata-native", "--workload", "remote").startswith(
        "tfdata-native on remote: its preparation is not written in"
    )


def test_without_tensorflow_it_says_so_and_how_to_get_it():
    program = "import sys; sys.modules['tensorflow'] = None; from feeders.cli import main; sys.exit(main(sys.argv[1:]))"
    ended = subprocess.run(
        [sys.executable, "-c", program, "audit", ARRAYS],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    assert ended.stderr.startswith("feeders: TensorFlow can't be imported (import of tensorflow halted")
    assert "Try: pip install -e '.[cpu]' (or '.[gpu]' on a GPU host); or KERAS_BACKEND=jax" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_the_evidence_is_written_before_anything_is_printed(monkeypatch, tmp_path):
    """As ``audit ... --json FILE | head -1``: who reads may be gone before the last line."""

    def to_text(width):
        raise BrokenPipeError("nobody reads")

    done = SimpleNamespace(to_text=to_text, to_json=lambda: {"schema": 1}, safe=True)
    monkeypatch.setattr(import_module("feeders.audit"), "audit", lambda request, progress, announce: done)
    with pytest.raises(BrokenPipeError, match="nobody reads"):
        cli.main(["audit", "sequence", "--json", str(tmp_path / "evidence.json")])
    assert json.loads((tmp_path / "evidence.json").read_text()) == {"schema": 1}
