"""Opening a person's own loader: a name in a file or a module, made, looked at, and set up as it is to be used."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import sysconfig
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from types import GeneratorType, ModuleType
from typing import Any, Callable

import numpy as np

from feeders.catalogue import nearest
from feeders.errors import FeedersError
from feeders.keras_api import generation, is_dataset, sequence_base

# What people set first; more threads meet more often.
WORKERS = 4

SEQUENCE, GENERATOR, ITERATOR, DATASET, ARRAYS = "sequence", "generator", "iterator", "dataset", "arrays"

STANDARD = sysconfig.get_path("stdlib") + os.sep

PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Source:
    """Where a person's loader comes from, and how it is to be used.

    Attributes:
        loader: FILE.py:NAME or package.module:NAME.
        call: Python that makes the loader, evaluated in its module; None calls it without arguments.
        workers: None takes what the loader sets itself, or `WORKERS`.
        processes: workers are processes, not threads.
    """

    loader: str
    call: str | None = None
    workers: int | None = None
    processes: bool = False

    @property
    def place(self) -> str:
        """The file or module."""
        return self.loader.rpartition(":")[0]

    @property
    def name(self) -> str:
        """The name in it."""
        return self.loader.rpartition(":")[2]

    def checked(self) -> Source:
        """Return the source.

        Raises:
            FeedersError: it can't be opened, whatever the loader does: no place, no name, no such file.
        """
        if not (self.place and self.name):
            raise FeedersError(f"{self.loader}: expected FILE.py:NAME or package.module:NAME")
        if self.place.endswith(".py") and not Path(self.place).is_file():
            raise FeedersError(f"{self.place}: no such file, seen from {Path.cwd()}. Try: its path from here")
        return self


@dataclass
class Opened:
    """An opened loader: what ``fit()`` is called with, and what is known of it.

    Attributes:
        x, y: what ``fit()`` is called with.
        kind: how it is pulled: by index, by ``next()``, or by TensorFlow.
        workers: threads or processes that pull it; 1 where this Keras has none for its kind.
        processes: whether they are processes.
        fit: further arguments of ``fit()`` that belong to it.
        title: what it is, in words.
        ignores_workers: it does not call ``super().__init__()``, so Keras 3 takes its workers to be 1.
    """

    x: Any
    y: Any
    kind: str
    workers: int
    processes: bool
    fit: dict[str, Any] = field(default_factory=dict)
    title: str = ""
    ignores_workers: bool = False

    def length(self) -> int | None:
        """Batches in an epoch, where it tells."""
        if self.kind == SEQUENCE:
            return self.x.num_batches if _unsized(self.x) else len(self.x)
        if self.kind == DATASET:
            size = int(self.x.cardinality())
            return size if size >= 0 else None
        return None


def own_files(source: Source) -> Callable[[str], bool]:
    """Return whether a source file is the person's own code, not Python's and not that of an installed package."""
    paths = sysconfig.get_paths()
    foreign = tuple({paths[name] + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})
    foreign += (str(PACKAGE) + os.sep,)
    own = _home(source.place)

    def theirs(file: str) -> bool:
        if file.startswith("<") or Path(file).name.startswith("__autograph_generated_file"):
            return False
        return file.startswith(own) or not file.startswith(foreign)

    return theirs


def _home(place: str) -> str:
    """Where the person's code begins: a folder, or the one file of a module that is no package."""
    if place.endswith(".py"):
        return str(Path(place).resolve().parent) + os.sep
    sys.path.insert(0, str(Path.cwd()))
    spec = importlib.util.find_spec(place.split(".")[0])
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return folders[0] + os.sep if folders else (spec and spec.origin) or os.devnull


def open_own(source: Source) -> Opened:
    """Make the loader; call it in a process of its own, since its code may do anything.

    Raises:
        FeedersError: no such module or name, it can't be made, or it is no loader.
    """
    thing = _make(source)
    kind = kind_of(thing)
    if kind is None:
        raise FeedersError(f"{source.loader} is {_describe(thing)}; expected {EXPECTED}")
    x, y = (thing[0], thing[1] if len(thing) > 1 else None) if isinstance(thing, tuple) else (thing, None)
    loader = Opened(x, y, kind, workers=1, processes=False, title=_describe(thing))
    if isinstance(thing, tuple) and len(thing) == 3:
        loader.fit = {"sample_weight": thing[2]}
    if kind == SEQUENCE:
        _set_workers_of_sequence(loader, source)
    elif kind in (GENERATOR, ITERATOR) and generation() == 2:
        loader.workers, loader.processes = source.workers or WORKERS, source.processes
        loader.fit = _workers(loader)
    return loader


EXPECTED = (
    "a Sequence/PyDataset, a generator, a function that returns one, an iterator, a tf.data.Dataset "
    "or a tuple of arrays (x, y)"
)


def _set_workers_of_sequence(loader: Opened, source: Source) -> None:
    if generation() == 2:
        loader.workers, loader.processes = source.workers or WORKERS, source.processes
        loader.fit = _workers(loader)
        return
    own: Any = getattr(loader.x, "_workers", None)
    loader.ignores_workers = own is None and hasattr(loader.x, "_warn_if_super_not_called")
    loader.processes = source.processes or bool(getattr(loader.x, "_use_multiprocessing", False))
    set_itself = own is not None and (own > 1 or (own > 0 and loader.processes and not source.processes))
    loader.workers = source.workers or (own if set_itself else WORKERS)
    if not loader.ignores_workers and own is not None:
        loader.x.workers, loader.x.use_multiprocessing = loader.workers, loader.processes


def _workers(loader: Opened) -> dict[str, Any]:
    return {"workers": loader.workers, "use_multiprocessing": loader.processes, "max_queue_size": 10}


def _unsized(x: Any) -> bool:
    return not hasattr(x, "__len__")


def kind_of(thing: Any) -> str | None:
    """Return how ``fit()`` pulls a thing; None if it is nothing that it takes."""
    if is_dataset(thing):
        return DATASET
    if isinstance(thing, GeneratorType):
        return GENERATOR
    if isinstance(thing, tuple) and 0 < len(thing) < 4 and all(_is_array(part) for part in thing):
        return ARRAYS
    if isinstance(thing, np.ndarray):
        return ARRAYS
    if isinstance(thing, sequence_base()):
        return SEQUENCE
    if hasattr(thing, "__next__"):
        return ITERATOR
    plain = isinstance(thing, (list, tuple, dict, str, bytes, ModuleType))
    if hasattr(thing, "__getitem__") and hasattr(thing, "__len__") and not plain:
        return SEQUENCE
    return None


def _is_array(part: Any) -> bool:
    return hasattr(part, "shape") and hasattr(part, "dtype") and len(part.shape) > 0


def _describe(thing: Any) -> str:
    if isinstance(thing, ModuleType):
        return "a module"
    if isinstance(thing, tuple):
        return f"a tuple of {len(thing)}: {', '.join(type(part).__name__ for part in thing[:4])}"
    name = f"{type(thing).__module__.split('.')[0]}.{type(thing).__qualname__}".replace("builtins.", "")
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _make(source: Source) -> Any:
    """Evaluate the call, or call what is not a loader yet."""
    place, name = source.place, source.name
    module = _module(place)
    if source.call:
        return _guarded(f"--call {source.call!r}", lambda: eval(str(source.call), vars(module)))
    thing: Any = module
    for part in name.split("."):
        if not hasattr(thing, part):
            names = [public for public in vars(thing) if not public.startswith("_")]
            raise FeedersError(f"{place} has no {name!r}.{nearest(part, names) or _listing(module)}")
        thing = getattr(thing, part)
    if not callable(thing) or (kind_of(thing) is not None and not inspect.isclass(thing)):
        return thing
    _check_arguments(thing, source.loader, name)
    return _guarded(f"{source.loader}()", thing)


def _listing(module: ModuleType) -> str:
    names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
    own = [name for name in names if getattr(vars(module)[name], "__module__", None) == module.__name__]
    return f" It holds {', '.join(own[:8])}." if own else " It holds no class or function of its own."


def _check_arguments(thing: Any, text: str, name: str) -> None:
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return
    positional = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )
    needed = [part.name for part in parameters if part.default is part.empty and part.kind in positional]
    if needed:
        raise FeedersError(
            f"{text} needs {', '.join(needed)}; it is called without arguments. "
            f"Try: --call '{name}({', '.join(f'{part}=...' for part in needed)})'"
        )


def _module(place: str) -> ModuleType:
    if not place.endswith(".py"):
        sys.path.insert(0, str(Path.cwd()))
        return _guarded(f"import {place}", lambda: importlib.import_module(place))  # type: ignore[no-any-return]
    path = Path(place).resolve()
    # Worker processes that are spawned import it by this name.
    sys.path.insert(0, str(path.parent))
    taken = path.stem in sys.modules or path.stem in getattr(sys, "stdlib_module_names", ())
    name = f"audited_{path.stem}" if taken else path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _guarded(place, lambda: spec.loader.exec_module(module))  # type: ignore[union-attr]
    return module


def _guarded(what: str, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except (Exception, SystemExit) as error:
        frames: list[tuple[str, Any]] = [
            (frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)
        ]
        own = [f"{file}:{line}" for file, line in frames if not file.startswith((str(PACKAGE), "<", STANDARD))]
        where = f" at {own[-1]}" if own else ""
        raise FeedersError(
            f"{what}: {type(error).__name__}: {error}{where}. The loader must be made without error"
        ) from None
