"""Imports go down only, and whoever imports Keras or TensorFlow is known by name and by reason."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# From the top. Rooms of one line may import each other; "feeders" is the package itself, which is what a library's user
# imports.
ORDER = (
    ("feeders", "__main__", "cli", "commands", "library", "testing", "asv_plugin", "benchmarks"),
    ("advise", "report"),
    ("compare",),
    ("releases",),
    ("audit",),
    ("measure",),
    ("results",),
    ("strategies",),
    ("loaders",),
    ("keras_api", "catalogue", "errors", "messages", "terminal", "variables"),
)
LEVELS = {room: level for level, rooms in enumerate(ORDER) for room in rooms}

# What tells Keras 2 from Keras 3.
KERAS_FILE = "feeders/keras_api.py"

# All else runs without TensorFlow, with KERAS_BACKEND=jax or torch.
TENSORFLOW_FILES = {
    KERAS_FILE: "the backend TensorFlow's Keras is tf.keras",
    "feeders/audit/standins.py": "one of the loaders on which Keras is tried is a tf.data.Dataset",
    "feeders/loaders/_native.py": "workloads whose preparation is written in TensorFlow ops",
    "feeders/loaders/jpeg.py": "the same",
    "feeders/loaders/own.py": "a person's loader may be a tf.data.Dataset",
    "feeders/loaders/records.py": "the same",
    "feeders/loaders/text.py": "the same",
    "feeders/loaders/window.py": "the same",
    "feeders/measure/alone.py": "batches that lie in memory, as a tf.data.Dataset",
    "feeders/measure/backends/tensorflow.py": "what is particular to TensorFlow as the backend",
    "feeders/strategies/_feeder.py": "a row that is made of tf.data says that it is not there",
    "feeders/strategies/tfdata.py": "rows that are about tf.data",
    "feeders/strategies/tfdata_service.py": "the same",
    "feeders/strategies/pool_dataset.py": "it makes a tf.data.Dataset",
}


@dataclass(frozen=True)
class Import:
    """One import.

    Attributes:
        file: path of the file that imports, from the root.
        line: its line.
        module: dotted name of what is imported: a module, or a name in one.
    """

    file: str
    line: int
    module: str


def imports(root):
    """Return all imports of the source, also those inside functions and for type checking alone."""
    paths = [path for folder in ("feeders", "benchmarks") for path in sorted((root / folder).rglob("*.py"))]
    return [each for path in paths for each in imports_of(path.relative_to(root), path.read_text(encoding="utf-8"))]


def imports_of(file, source):
    """Return the imports of one file; relative ones by their whole names, ``tf.keras`` as one of ``tensorflow``'s."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, (package_of(file, node.level), node.module)))
            names = [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and called(node) in ("import_module", "__import__", "importorskip"):
            names = [node.args[0].value] if node.args and isinstance(node.args[0], ast.Constant) else []
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in ("tf.keras", "tensorflow.keras"):
            names = ["tensorflow.keras"]
        else:
            continue
        found += [Import(file.as_posix(), node.lineno, name) for name in names]
    return found


def package_of(file, level):
    """Return the dotted name of the package that a relative import begins at."""
    return ".".join(file.parts[: len(file.parts) - level]) if level else ""


def called(node):
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def room_of_file(file):
    """Return the room that a file stands in."""
    parts = Path(file).with_suffix("").parts
    if parts[0] != "feeders":
        return parts[0]
    return "feeders" if parts[1] == "__init__" else parts[1]


def room_of_module(module, root):
    """Return the room of what is imported, None if it is not ours."""
    parts = module.split(".")
    if parts[0] == "benchmarks":
        return parts[0]
    if parts[0] != "feeders":
        return None
    here = root / "feeders"
    is_module = len(parts) > 1 and ((here / parts[1]).is_dir() or (here / f"{parts[1]}.py").exists())
    return parts[1] if is_module else "feeders"


def upward(root):
    """Return a sentence for each import that runs upwards."""
    sentences = []
    for each in imports(root):
        importing, imported = room_of_file(each.file), room_of_module(each.module, root)
        if imported in LEVELS and importing in LEVELS and LEVELS[imported] < LEVELS[importing]:
            sentences.append(
                f"{each.file}:{each.line}: {importing} imports {each.module}, which is above it. "
                f"Try: move what both need down, into {importing} or below, or hand it over as an argument"
            )
    return sentences


def of_keras(root):
    """Return a sentence for each import of Keras outside of the one file that knows it."""
    return [
        f"{each.file}:{each.line}: imports {each.module}. Try: a function of {KERAS_FILE}"
        for each in imports(root)
        if each.file != KERAS_FILE and is_of(each.module, ("keras", "tf_keras", "tensorflow.keras"))
    ]


def of_tensorflow(root):
    """Return a sentence for each import of TensorFlow outside of the files that are named."""
    return [
        f"{each.file}:{each.line}: imports {each.module}; it has to run without TensorFlow on JAX and torch. "
        "Try: `tensorflow()` of feeders.keras_api, or name the file in TENSORFLOW_FILES with the reason"
        for each in imports(root)
        if each.file not in TENSORFLOW_FILES and is_of(each.module, ("tensorflow",))
    ]


def is_of(module, packages):
    return any(module == package or module.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("rule", [upward, of_keras, of_tensorflow])
def test_the_source_keeps_the_rule(rule):
    assert rule(ROOT) == []


def test_files_that_no_longer_import_tensorflow_are_no_longer_named():
    importing = {each.file for each in imports(ROOT) if is_of(each.module, ("tensorflow",))}
    assert sorted(set(TENSORFLOW_FILES) - importing) == [], "Try: take them out of TENSORFLOW_FILES"


def test_every_room_has_a_place():
    rooms = {room_of_file(path.relative_to(ROOT).as_posix()) for path in (ROOT / "feeders").rglob("*.py")}
    assert sorted(rooms - set(LEVELS)) == [], "Try: add what is new to ORDER"


@pytest.fixture
def plant(tmp_path):
    """Put a line into a file of a tree that has all rooms and nothing in them."""
    for room in LEVELS:
        (tmp_path / "feeders" / room).mkdir(parents=True)

    def plant(file, line):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(f"import os\n\n{line}\n", encoding="utf-8")
        return tmp_path

    return plant


@pytest.mark.parametrize(
    ("file", "line", "rule", "sentence"),
    [
        ("feeders/measure/cells.py", "import feeders.report.cells", upward, "measure imports feeders.report.cells,"),
        ("feeders/results/takes.py", "from ..measure import Cell", upward, "results imports feeders.measure.Cell,"),
        ("feeders/errors.py", "from feeders import results", upward, "errors imports feeders.results, which is above"),
        (
            "feeders/audit/audit.py",
            "from feeders import audit, __version__",
            upward,
            "audit imports feeders.__version_",
        ),
        (
            "feeders/loaders/text.py",
            "if TYPE_CHECKING:\n    def f():\n        from feeders.strategies import FEEDERS",
            upward,
            "loaders imports feeders.strategies.FEEDERS,",
        ),
        (
            "feeders/compare/run.py",
            "import_module('feeders.cli')",
            upward,
            "compare imports feeders.cli, which is above",
        ),
        ("feeders/measure/cells.py", "def f():\n    import keras", of_keras, "imports keras. Try: a function of"),
        ("feeders/measure/taps.py", "tf.keras.Model", of_keras, "imports tensorflow.keras. Try: a function of"),
        ("feeders/audit/fits.py", "from keras.utils import PyDataset", of_keras, "imports keras.utils.PyDataset."),
        ("feeders/measure/cells.py", "import tensorflow as tf", of_tensorflow, "imports tensorflow; it has to run"),
        ("benchmarks/epoch.py", "from tensorflow import data", of_tensorflow, "imports tensorflow.data; it has to run"),
    ],
)
def test_an_import_that_is_planted_is_named_with_its_place(plant, file, line, rule, sentence):
    (text,) = rule(plant(file, line))
    assert text.startswith(f"{file}:{line.count(chr(10)) + 3}: {sentence}")
