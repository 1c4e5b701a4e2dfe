"""Opening a loader: a feeder of the catalogue, or a name in a person's own file or module."""

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

from feeders.errors import FeedersError
from feeders.keras_api import generation, is_dataset, sequence_base
from feeders.loaders import workload
from feeders.strategies import feeder

from .identity import ByContent, ByKey, ByStamp, Identity
from .request import WORKERS, Request, nearest

SEQUENCE, GENERATOR, ITERATOR, DATASET, ARRAYS = "sequence", "generator", "iterator", "dataset", "arrays"

STANDARD = sysconfig.get_path("stdlib") + os.sep

PACKAGE = Path(__file__).resolve().parent.parent


@dataclass
class Loader:
    """An opened loader.

    Attributes:
        x, y: what ``fit()`` is called with.
        kind: how it is pulled: by index, by ``next()``, or by TensorFlow.
        identity: tells its samples apart.
        workers: threads or processes that pull it; 1 where this Keras has none for its kind.
        processes: whether they are processes.
        fit: further arguments of ``fit()`` that belong to it.
        title: what it is, in words.
        ignores_workers: it does not call ``super().__init__()``, so Keras 3 takes its workers to be 1.
    """

    x: Any
    y: Any
    kind: str
    identity: Identity
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


def open_loader(request: Request) -> Loader:
    """Make the loader; call it in a process of its own, since its code may do anything.

    Raises:
        FeedersError: no such module or name, it can't be made, or it is no loader.
    """
    return _open_feeder(request) if request.is_feeder else _open_own(request)


def identity_of(request: Request) -> Identity:
    """Return what tells the samples of the loader apart."""
    if request.is_feeder:
        return ByStamp()
    return ByKey(request.key) if request.key else ByContent()


def audited_files(request: Request) -> Callable[[str], bool]:
    """Return whether a source file is under audit: the person's own code, not Python's and not installed packages.

    Args:
        request: for a feeder of the catalogue, what this suite wrote of it.
    """
    if request.is_feeder:
        roots = (str(PACKAGE / "strategies") + os.sep, str(PACKAGE / "workloads") + os.sep)
        return lambda file: file.startswith(roots)
    paths = sysconfig.get_paths()
    foreign = tuple({paths[name] + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})
    foreign += (str(PACKAGE) + os.sep,)
    own = _home(request)

    def theirs(file: str) -> bool:
        if file.startswith("<") or Path(file).name.startswith("__autograph_generated_file"):
            return False
        return file.startswith(own) or not file.startswith(foreign)

    return theirs


# Modules of Python that read from a position which their users may share: between their lines a switch can hurt too.
READERS = ("zipfile", "tarfile", "shelve", "dbm")


def provoked_files(request: Request) -> Callable[[str], bool]:
    """Return whether threads are held in a source file: what is under audit, and what reads files for it."""
    theirs = audited_files(request)
    specs = [importlib.util.find_spec(name) for name in READERS]
    origins = [Path(spec.origin) for spec in specs if spec and spec.origin]
    readers = tuple(str(path.parent) + os.sep if path.name == "__init__.py" else str(path) for path in origins)
    return lambda file: theirs(file) or file.startswith(readers)


def _home(request: Request) -> str:
    """Where the person's code begins: a folder, or the one file of a module that is no package."""
    place = request.source()[0]
    if place.endswith(".py"):
        return str(Path(place).resolve().parent) + os.sep
    sys.path.insert(0, str(Path.cwd()))
    spec = importlib.util.find_spec(place.split(".")[0])
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return folders[0] + os.sep if folders else (spec and spec.origin) or os.devnull


def _open_feeder(request: Request) -> Loader:
    row = feeder(request.loader)
    workers = (request.workers or WORKERS) if row.parallel else 1
    material = workload(request.workload).open()
    feed = row.build(material, workers)
    if request.workers is None and isinstance(feed.x, GeneratorType) and generation() == 3:
        workers = 1  # Keras 3 knows of no workers for a generator: asked for some, its fit() refuses the argument
        feed = row.build(material, workers)
    kind = ARRAYS if feed.y is not None else _kind(feed.x)
    return Loader(
        x=feed.x,
        y=feed.y,
        kind=str(kind),
        identity=identity_of(request),
        workers=workers,
        processes=row.name.endswith("-processes"),
        fit=feed.fit,
        title=f"{row.name} on {request.workload}",
    )


def _open_own(request: Request) -> Loader:
    thing = _make(request)
    kind = _kind(thing)
    if kind is None:
        raise FeedersError(f"{request.loader} is {_describe(thing)}; expected {EXPECTED}")
    x, y = (thing[0], thing[1] if len(thing) > 1 else None) if isinstance(thing, tuple) else (thing, None)
    loader = Loader(x, y, kind, identity_of(request), workers=1, processes=False, title=_describe(thing))
    if isinstance(thing, tuple) and len(thing) == 3:
        loader.fit = {"sample_weight": thing[2]}
    if kind == SEQUENCE:
        _set_workers_of_sequence(loader, request)
    elif kind in (GENERATOR, ITERATOR) and generation() == 2:
        loader.workers, loader.processes = request.workers or WORKERS, request.processes
        loader.fit = _workers(loader)
    return loader


EXPECTED = (
    "a Sequence/PyDataset, a generator, a function that returns one, an iterator, a tf.data.Dataset "
    "or a tuple of arrays (x, y)"
)


def _set_workers_of_sequence(loader: Loader, request: Request) -> None:
    if generation() == 2:
        loader.workers, loader.processes = request.workers or WORKERS, request.processes
        loader.fit = _workers(loader)
        return
    own: Any = getattr(loader.x, "_workers", None)
    loader.ignores_workers = own is None and hasattr(loader.x, "_warn_if_super_not_called")
    loader.processes = request.processes or bool(getattr(loader.x, "_use_multiprocessing", False))
    set_itself = own is not None and (own > 1 or (own > 0 and loader.processes and not request.processes))
    loader.workers = request.workers or (own if set_itself else WORKERS)
    if not loader.ignores_workers and own is not None:
        loader.x.workers, loader.x.use_multiprocessing = loader.workers, loader.processes


def _workers(loader: Loader) -> dict[str, Any]:
    return {"workers": loader.workers, "use_multiprocessing": loader.processes, "max_queue_size": 10}


def _unsized(x: Any) -> bool:
    return not hasattr(x, "__len__")


def _kind(thing: Any) -> str | None:
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


def _make(request: Request) -> Any:
    """Evaluate the call, or call what is not a loader yet."""
    place, name = request.source()
    module = _module(place)
    if request.call:
        return _guarded(f"--call {request.call!r}", lambda: eval(str(request.call), vars(module)))
    thing: Any = module
    for part in name.split("."):
        if not hasattr(thing, part):
            names = [public for public in vars(thing) if not public.startswith("_")]
            raise FeedersError(f"{place} has no {name!r}.{nearest(part, names) or _listing(module)}")
        thing = getattr(thing, part)
    if not callable(thing) or (_kind(thing) is not None and not inspect.isclass(thing)):
        return thing
    _check_arguments(thing, request.loader, name)
    return _guarded(f"{request.loader}()", thing)


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
