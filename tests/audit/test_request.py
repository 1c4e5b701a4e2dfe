"""What is asked for, and opening it: which object is which kind of loader, and whose code is under audit."""

from __future__ import annotations

import dataclasses
import json
import os
import textwrap
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import feeders
from feeders.audit import audit
from feeders.audit.loader import audited_files, identity_of, open_loader
from feeders.audit.request import AuditOptions, AuditRequest
from feeders.catalogue import nearest
from feeders.errors import FeedersError, Unsupported
from feeders.strategies import Feed, feeder

SOURCE = """\
import numpy as np
import tensorflow as tf

Base = getattr(tf.keras.utils, "PyDataset", None) or tf.keras.utils.Sequence
X, Y = np.zeros((8, 2), np.float32), np.arange(8)


class Plain(Base):
    def __init__(self, batch=2):
        super().__init__()
        self.batch = batch

    def __len__(self):
        return 8 // self.batch

    def __getitem__(self, index):
        part = slice(index * self.batch, (index + 1) * self.batch)
        return X[part], Y[part]


class Outer:
    Plain = Plain


class Counter:
    def __iter__(self):
        return self

    def __next__(self):
        return X, Y


class Shaped:
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return X, Y


def generator():
    while True:
        yield X, Y


def arrays():
    return X, Y


def weighted():
    return X, Y, np.ones(8)


def dataset():
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(2)


ready = Plain()
running = generator()
"""


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """A person's file."""
    path = tmp_path_factory.mktemp("person") / "mine.py"
    path.write_text(SOURCE)
    return path


def opened(request):
    loader = open_loader(request)
    return [loader.kind, loader.title, loader.workers, loader.processes, loader.length()]


@pytest.fixture(scope="module")
def kinds(in_children, mine):
    """Kind and title of each loader of the file."""
    names = (
        "Plain",
        "Outer.Plain",
        "ready",
        "generator",
        "running",
        "Counter",
        "Shaped",
        "arrays",
        "weighted",
        "dataset",
    )
    return in_children({name: lambda name=name: opened(AuditRequest(f"{mine}:{name}"))[:2] for name in names})


@pytest.mark.parametrize(
    ("name", "kind", "title"),
    [
        ("Plain", "sequence", "a mine.Plain"),
        ("Outer.Plain", "sequence", "a mine.Plain"),
        ("ready", "sequence", "a mine.Plain"),
        ("generator", "generator", "a generator"),
        ("running", "generator", "a generator"),
        ("Counter", "iterator", "a mine.Counter"),
        ("Shaped", "sequence", "a mine.Shaped"),
        ("arrays", "arrays", "a tuple of 2: ndarray, ndarray"),
        ("weighted", "arrays", "a tuple of 3: ndarray, ndarray, ndarray"),
    ],
)
def test_a_loader_is_known_by_what_it_is(kinds, name, kind, title):
    assert kinds[name] == [kind, title]


def test_a_dataset_of_tensorflow_is_one_whatever_class_it_has(kinds):
    assert kinds["dataset"][0] == "dataset"
    assert kinds["dataset"][1].startswith("a tensorflow.")


def test_a_call_makes_a_loader_with_arguments_and_names_of_its_module(in_child, mine):
    assert in_child(lambda: opened(AuditRequest(f"{mine}:Plain", call="Plain(batch=4)"))[-1]) == 2
    assert in_child(lambda: opened(AuditRequest(f"{mine}:Plain", call="Plain(len(X))"))[-1]) == 1


def test_workers_are_four_unless_somebody_says_so(in_child, mine):
    assert in_child(lambda: opened(AuditRequest(f"{mine}:Plain"))[2:4]) == [4, False]
    assert in_child(lambda: opened(AuditRequest(f"{mine}:Plain", workers=2, processes=True))[2:4]) == [2, True]


def test_a_module_is_found_from_here(in_child, mine, monkeypatch):
    monkeypatch.chdir(mine.parent)
    assert in_child(lambda: opened(AuditRequest("mine:Plain"))[:2]) == ["sequence", "a mine.Plain"]


def test_a_file_named_like_a_module_of_python_does_not_take_its_place(in_child, tmp_path):
    path = tmp_path / "json.py"
    path.write_text(SOURCE)

    def work():
        kind = opened(AuditRequest(f"{path}:Plain"))[:2]
        return [*kind, json.dumps({})]

    assert in_child(work) == ["sequence", "an audited_json.Plain", "{}"]


def test_a_feeder_of_the_catalogue_is_opened_with_its_stamps(in_child):
    def work():
        loader = open_loader(AuditRequest("sequence", workers=2))
        return [loader.kind, loader.title, loader.workers, type(loader.identity).__name__]

    assert in_child(work) == ["sequence", "sequence on window", 2, "ByStamp"]


def test_a_feeder_whose_feed_an_audit_can_not_read_is_no_fault_of_it(in_child, monkeypatch):
    """A torch DataLoader is an iterable of its own kind, which Keras takes by an adapter."""

    class DataLoader:
        pass

    row = dataclasses.replace(feeder("generator"), make=lambda loader, workers: Feed(DataLoader()))
    monkeypatch.setattr(import_module("feeders.audit.loader"), "feeder", lambda name: row)

    def work():
        try:
            open_loader(AuditRequest("generator"))
        except Unsupported as error:
            return str(error)
        return "it was opened"

    assert in_child(work) == (
        "audit: generator feeds fit() by a DataLoader, which an audit can't read; expected a Sequence, a generator, an "
        "iterator, a dataset or arrays. Try: feeders measure generator --workload window, which counts its delivery"
    )


def test_a_sample_is_known_by_its_content_unless_a_key_is_named():
    request = AuditRequest("mine.py:Plain")
    assert type(identity_of(request)).__name__ == "ByContent"
    assert type(identity_of(dataclasses.replace(request, key="labels"))).__name__ == "ByKey"
    assert type(identity_of(AuditRequest("sequence"))).__name__ == "ByStamp"


@pytest.mark.parametrize(
    ("loader", "is_feeder", "source"),
    [
        ("sequence", True, ("", "sequence")),
        ("a/b.py:Mine", False, ("a/b.py", "Mine")),
        ("a.b:Mine.inner", False, ("a.b", "Mine.inner")),
        ("C:/a.py:Mine", False, ("C:/a.py", "Mine")),
    ],
)
def test_a_request_tells_a_feeder_from_a_persons_loader(loader, is_feeder, source):
    assert AuditRequest(loader).is_feeder is is_feeder
    found = AuditRequest(loader).source()
    assert (found.place, found.name) == source


def test_a_request_that_can_be_met_is_returned(mine):
    request = AuditRequest(f"{mine}:Plain", processes=True, start_method="fork")
    assert request.checked() is request
    assert AuditRequest("some.module:Plain").checked() == AuditRequest("some.module:Plain")
    assert AuditRequest("sequence").checked() == AuditRequest("sequence")


def test_options_of_an_audit_are_the_fields_of_its_request():
    others = ("loader", "fixed_random", "one_seed", "cut")  # the last three are found out by the audit itself
    fields = {field.name: field.type for field in dataclasses.fields(AuditRequest) if field.name not in others}
    assert {name: kind.__forward_arg__ for name, kind in AuditOptions.__annotations__.items()} == fields


def test_nearest_names_are_a_sentence_or_nothing():
    assert nearest("Plian", ["Plain", "Other"]) == " Nearest: Plain."
    assert nearest("zzz", ["Plain"]) == ""


# Whose code.


def test_the_persons_folder_is_under_audit_and_packages_are_not(mine):
    theirs = audited_files(AuditRequest(f"{mine}:Plain"))
    assert theirs(str(mine))
    assert theirs(str(mine.parent / "helpers" / "reader.py"))
    assert theirs("/somewhere/else/of/theirs.py")
    for file in (np.__file__, json.__file__, os.__file__, feeders.__file__, pytest.__file__, "<string>"):
        assert not theirs(file), file
    assert not theirs(f"{mine.parent}/__autograph_generated_filexyz.py")


def test_an_environment_in_the_persons_folder_is_not_under_audit(mine, monkeypatch):
    packages = mine.parent.resolve() / ".venv" / "lib" / "site-packages"
    monkeypatch.setattr("sysconfig.get_paths", lambda: dict.fromkeys(_paths(), str(packages)))
    theirs = audited_files(AuditRequest(f"{mine}:Plain"))
    assert theirs(str(mine.resolve()))
    assert not theirs(str(packages / "numpy" / "linalg.py"))
    for place in (".local/lib/python3.12/site-packages", "usr/lib/python3/dist-packages"):
        assert not theirs(f"/{place}/keras/src/trainers/trainer.py"), place


def test_a_person_may_audit_code_that_lies_among_the_packages(tmp_path, monkeypatch):
    """Installed with `pip install .`, a package is still the one that is asked about."""
    package = tmp_path / "planted_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sysconfig.get_paths", lambda: dict.fromkeys(_paths(), str(tmp_path)))
    theirs = audited_files(AuditRequest("planted_package.sub:Plain"))
    assert theirs(str(package / "sub.py"))
    assert not theirs(str(tmp_path / "other" / "sub.py"))


def _paths():
    return ("stdlib", "platstdlib", "purelib", "platlib", "scripts")


def test_of_a_feeder_what_this_suite_wrote_of_it_is_under_audit():
    theirs = audited_files(AuditRequest("sequence"))
    package = Path(feeders.__file__).parent
    assert theirs(str(package / "strategies" / "sequence.py"))
    assert theirs(str(package / "loaders" / "window.py"))
    assert not theirs(str(package / "measure" / "taps.py"))


# What can't be opened, where TensorFlow is needed to see it.


@pytest.fixture(scope="module")
def refusals(in_children, tmp_path_factory):
    """What opening each of these says."""
    folder = tmp_path_factory.mktemp("wrong")

    def write(name, text):
        (folder / name).write_text(textwrap.dedent(text))

    write(
        "mine.py",
        """\
        import numpy as np


        class NeedsPath:
            def __init__(self, path, *rest, size, seed=1, **others):
                pass


        class Breaks:
            def __init__(self):
                self.load()

            def load(self):
                raise OSError("no disk")


        class Leaves:
            def __init__(self):
                raise SystemExit(3)


        def helper():
            return [1, 2]


        def nothing():
            pass


        def lists():
            return [1], [2]


        words = ["a"]
        number = 3
        """,
    )
    write("empty.py", "import os\n")
    write("absent.py", "\nimport nosuchmodule\n")
    write("syntax.py", "x = 1\ndef f(:\n")
    write("script.py", "import sys\nsys.exit('usage: script.py FILE')\n")

    def said(loader, **values):
        try:
            open_loader(AuditRequest(loader, **values))
        except FeedersError as error:
            return str(error).replace(f"{folder}/", "")
        return "it was opened"

    def refusal(loader, **values):
        return lambda: said(f"{folder}/{loader}" if ".py" in loader else loader, **values)

    return in_children(
        {
            "misspelt": refusal("mine.py:NeedPath"),
            "far": refusal("mine.py:Zzz"),
            "inner": refusal("mine.py:NeedsPath.inner"),
            "holds nothing": refusal("empty.py:Mine"),
            "arguments": refusal("mine.py:NeedsPath"),
            "breaks": refusal("mine.py:Breaks"),
            "leaves": refusal("mine.py:Leaves"),
            "list": refusal("mine.py:words"),
            "number": refusal("mine.py:number"),
            "module": refusal("mine.py:np"),
            "returns a list": refusal("mine.py:helper"),
            "returns nothing": refusal("mine.py:nothing"),
            "tuple": refusal("mine.py:lists"),
            "call breaks": refusal("mine.py:Breaks", call="Breaks()"),
            "call is no Python": refusal("mine.py:Breaks", call="Breaks("),
            "call of no name": refusal("mine.py:Breaks", call="Break()"),
            "import breaks": refusal("absent.py:Mine"),
            "syntax": refusal("syntax.py:Mine"),
            "exits": refusal("script.py:Mine"),
            "no module": refusal("nosuchmodule.sub:Mine"),
            "key": refusal("mine.py:words", key="y["),
        }
    )


EXPECTED = (
    "expected a Sequence/PyDataset, a generator, a function that returns one, an iterator, a tf.data.Dataset "
    "or a tuple of arrays (x, y)"
)
HELD = "It holds NeedsPath, Breaks, Leaves, helper, nothing, lists."
MADE = "The loader must be made without error"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("misspelt", "mine.py has no 'NeedPath'. Nearest: NeedsPath."),
        ("far", f"mine.py has no 'Zzz'. {HELD}"),
        ("inner", f"mine.py has no 'NeedsPath.inner'. {HELD}"),
        ("holds nothing", "empty.py has no 'Mine'. It holds no class or function of its own."),
        (
            "arguments",
            "mine.py:NeedsPath needs path, size; it is called without arguments. "
            "Try: --call 'NeedsPath(path=..., size=...)'",
        ),
        ("breaks", f"mine.py:Breaks(): OSError: no disk at mine.py:14. {MADE}"),
        ("leaves", f"mine.py:Leaves(): SystemExit: 3 at mine.py:19. {MADE}"),
        ("list", f"mine.py:words is a list; {EXPECTED}"),
        ("number", f"mine.py:number is an int; {EXPECTED}"),
        ("module", f"mine.py:np is a module; {EXPECTED}"),
        ("returns a list", f"mine.py:helper is a list; {EXPECTED}"),
        ("returns nothing", f"mine.py:nothing is a NoneType; {EXPECTED}"),
        ("tuple", f"mine.py:lists is a tuple of 2: list, list; {EXPECTED}"),
        ("call breaks", f"--call 'Breaks()': OSError: no disk at mine.py:14. {MADE}"),
        ("call of no name", f"--call 'Break()': NameError: name 'Break' is not defined. {MADE}"),
        ("import breaks", f"absent.py: ModuleNotFoundError: No module named 'nosuchmodule' at absent.py:2. {MADE}"),
        ("syntax", f"syntax.py: SyntaxError: invalid syntax (syntax.py, line 2). {MADE}"),
        (
            "exits",
            f"script.py: SystemExit: usage: script.py FILE at script.py:2. {MADE}. It ends while it is imported, as "
            "scripts do that read their arguments. Try: put parse_args() and what runs at once below "
            '`if __name__ == "__main__":`',
        ),
        ("no module", f"import nosuchmodule.sub: ModuleNotFoundError: No module named 'nosuchmodule'. {MADE}"),
    ],
)
def test_what_can_not_be_opened_says_what_it_is_and_what_to_try(refusals, name, text):
    assert refusals[name] == text


@pytest.mark.parametrize(
    ("name", "begin"),
    [
        ("call is no Python", "--call 'Breaks(': SyntaxError: "),
        ("key", "mine.py:words is a list; "),
    ],
)
def test_what_python_says_of_it_follows_what_was_asked(refusals, name, begin):
    assert refusals[name].startswith(begin)
    assert "\n" not in refusals[name]


# As a library.


def test_an_audit_takes_a_name_with_options_or_a_whole_request(monkeypatch):
    asked = []

    class StoppedError(Exception):
        pass

    def preload():
        raise StoppedError

    def checked(request):
        asked.append(request)
        return request

    monkeypatch.setattr("feeders.audit.request.AuditRequest.checked", checked)
    monkeypatch.setattr(import_module("feeders.audit.audit"), "preload", preload)
    wanted = AuditRequest("mine.py:Mine", workers=4, seconds=10)
    for call in (
        lambda: audit("mine.py:Mine", workers=4, seconds=10),
        lambda: audit(wanted),
        lambda: audit(AuditRequest("mine.py:Mine", workers=2), workers=4, seconds=10),
    ):
        with pytest.raises(StoppedError):
            call()
    assert asked == [wanted] * 3


def test_an_option_that_there_is_not_is_named():
    with pytest.raises(TypeError, match="wokers"):
        audit("mine.py:Mine", wokers=4)


def test_a_finished_audit_tells_whether_it_is_safe_and_keeps_its_evidence(in_child, mine):
    def work():
        found = audit(f"{mine}:Plain", workers=2, seconds=1)
        written = found.to_json()
        same = (written["verdict"], written["safe"]) == (found.verdict.word, found.safe)
        return [found.safe, found.verdict.word, same, found.to_text().splitlines()[0]]

    safe, word, same, line = in_child(work)
    assert (safe, word, same) == (True, "exactly-once", True)
    assert line.endswith("mine.py:Plain: exactly-once, content whole; safe with 2 threads")


def test_a_process_that_has_computed_is_no_place_for_an_audit(in_child):
    """What is forked from it hangs, and a loader would be called hung that is not."""

    def work():
        import tensorflow as tf

        tf.constant(1)
        with pytest.raises(FeedersError, match=r"^audit: this process has trained or computed already"):
            audit("sequence", seconds=4)
        return True

    assert in_child(work)
