"""The wheel, outside of a clone: a small base, what it can do there, and one line for what it can't.

Environments are made, so it takes minutes and the package index.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# In MB. The base took 194 on Linux with Python 3.12, two thirds of it scipy and numpy.
MOST = 260

# An environment of TensorFlow is a gigabyte.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

LOADER = ROOT / "tests" / "commands" / "evidence" / "mine.py"


def run(*command, **options):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)


def checked(*command, **options):
    answer = run(*command, **options)
    assert answer.returncode == 0, f"{command}: {answer.stdout}{answer.stderr}"
    return answer.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    # Of a copy: a build leaves its traces beside the sources, and takes those of others in.
    source = folder / "source"
    shutil.copytree(ROOT / "feeders", source / "feeders", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, source)
    checked(sys.executable, "-m", "build", "--outdir", folder, source)
    (made,) = folder.glob("*.whl")
    return made


def test_the_package_index_takes_what_is_built(wheel):
    """The wheel and the source distribution; outside of a repository too there is a version."""
    built = sorted(path.suffix for path in wheel.parent.glob("keras_feeders-*"))
    assert built == [".gz", ".whl"]
    checked(sys.executable, "-m", "twine", "check", "--strict", *wheel.parent.glob("keras_feeders-*"))
    assert wheel.name.startswith("keras_feeders-0.")


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """Make an environment of the wheel and other packages; return what calls `feeders` there, from another folder."""
    uv = pytest.importorskip("uv").find_uv_bin()

    def environment(*packages, extra=""):
        folder = tmp_path_factory.mktemp("environment")
        checked(uv, "venv", "--quiet", "--python", sys.executable, folder / "env")
        return Environment(uv, folder).install(f"keras-feeders{extra} @ {wheel.as_uri()}", *packages)

    return environment


class Environment:
    def __init__(self, uv, folder):
        self._uv, self._folder = uv, folder
        shutil.copy(LOADER, folder)

    def install(self, *packages):
        constraints = ("-c", ROOT / "requirements-dev.txt")
        python = ("--python", self._folder / "env/bin/python")
        checked(self._uv, "pip", "install", "--quiet", *python, *constraints, *packages)
        return self

    def packages(self):
        lines = checked(self._uv, "pip", "freeze", "--python", self._folder / "env/bin/python").splitlines()
        return {line.partition("==")[0].partition(" @")[0] for line in lines}

    def megabytes(self):
        return int(checked("du", "-sm", self._folder / "env").split()[0])

    def feeders(self, *arguments, **variables):
        # uv installs sources alone: the first call leaves their bytecode for the others, whatever a host has set.
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", **variables}
        return run(self._folder / "env/bin/feeders", *arguments, cwd=self._folder, env=environment)


@pytest.fixture(scope="module")
def base(environment):
    return environment()


def test_the_base_is_small_and_holds_nothing_of_the_suite(base):
    print(f"the base takes {base.megabytes()} MB: {', '.join(sorted(base.packages()))}")
    assert not base.packages() & {"asv", "asv-runner", "pandas", "altair", "uv", "vl-convert-python", "tensorflow"}
    assert base.megabytes() < MOST


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (("report",), "report: needs pandas, which is not installed. Try: pip install 'keras-feeders[suite]'"),
        (("regressions",), "regressions: needs asv, which is not installed. Try: pip install 'keras-feeders[suite]'"),
        (("audit", "--all"), "audit --all: needs asv, which is not installed. Try: pip install 'keras-feeders[suite]'"),
        (("compare", "2.15.1", "2.16.2"), "compare of releases: needs uv, which is not installed. Try: pip install "),
        (("releases", "add", "2.20.0"), "releases add: needs uv, which is not installed. Try: pip install "),
    ],
)
def test_what_needs_the_suite_says_so_in_one_line(base, call, text):
    answer = base.feeders(*call)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith(f"feeders: {text}")
    assert answer.stderr.count("\n") == 1


def test_it_lists_what_there_is_and_the_releases(base):
    assert "sequence-lock" in base.feeders("list").stdout
    assert "2.16.2" in base.feeders("releases").stdout


def test_with_jax_it_audits_and_measures_without_tensorflow(base):
    base.install("jax", "keras")
    assert not {name for name in base.packages() if name.startswith("tensorflow")}
    measured = base.feeders("measure", "sequence", "--workload", "remote", KERAS_BACKEND="jax")
    assert measured.returncode == 0, measured.stdout + measured.stderr
    assert measured.stdout.startswith("sequence on remote, workers 1: measured exactly-once\n")
    audited = base.feeders("audit", "mine.py:Mine", "--workers", "1", "--seconds", "3", KERAS_BACKEND="jax")
    assert audited.returncode == 0, audited.stdout + audited.stderr
    assert audited.stdout.startswith("mine.py:Mine: exactly-once, content whole; safe with 1 thread\n")
    refused = base.feeders("measure", "tfdata-map", "--workload", "remote", KERAS_BACKEND="jax")
    assert refused.stdout.startswith("tfdata-map on remote, workers 1: unsupported ")


@pytest.fixture(scope="module")
def tensorflow(environment):
    return environment("tensorflow-cpu")


@pytest.mark.parametrize(
    ("call", "status", "text"),
    [
        (("audit", "mine.py:Mine", "--seconds", "3"), 0, "mine.py:Mine: exactly-once, content whole; safe with 4 "),
        (("audit", "sequence-lock", "--seconds", "3"), 0, "sequence-lock: exactly-once, content whole; safe with 4 "),
        (("measure", "sequence", "--workload", "remote"), 0, "sequence on remote, workers 1: measured exactly-once\n"),
        (("list",), 0, "Feeders\n"),
    ],
)
def test_with_tensorflow_it_works_anywhere_and_no_library_is_heard(tensorflow, call, status, text):
    answer = tensorflow.feeders(*call)
    # An audit announces there that it takes longer, as it does where importing Keras is slow.
    heard = [line for line in answer.stderr.splitlines() if "beyond the 3 s of --seconds" not in line]
    assert (answer.returncode, heard) == (status, []), answer.stdout
    assert answer.stdout.startswith(text)


def test_feeders_are_compared_outside_of_a_clone(tensorflow):
    """What the verdict is, is another question: a minute does not last for it on a busy machine."""
    call = ("compare", "sequence:1", "sequence:4", "--workload", "remote", "--budget", "1")
    answer = tensorflow.feeders(*call)
    assert answer.returncode in (0, 1), answer.stderr
    assert answer.stderr == ""
    assert answer.stdout.startswith("A: sequence:1 on ")
    assert "\nremote  " in answer.stdout


def test_the_suite_outside_of_a_clone_says_that_it_needs_one(environment):
    suite = environment("tensorflow-cpu", extra="[suite]")
    for call, text in {
        ("report",): "report: no folder results/ in ",
        ("audit", "--all"): "audit --all: no folder results/ in ",
        ("regressions",): "regressions: needs a clone of keras-feeders; this one is installed in ",
        ("compare", "2.15.1", "2.16.2"): "compare of releases: needs a clone of keras-feeders; this one is ",
        ("releases", "add", "2.20.0"): "releases add: needs a clone of keras-feeders; this one is installed in ",
    }.items():
        answer = suite.feeders(*call)
        assert (answer.returncode, answer.stdout) == (2, "")
        assert answer.stderr.startswith(f"feeders: {text}")
        assert answer.stderr.count("\n") == 1
