"""Making a person's loader: its module is imported, its name found and called."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import os
import sys
import sysconfig
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Iterator, TypeVar

from feeders.catalogue import nearest
from feeders.errors import FeedersError
from feeders.keras_api import keras

STANDARD = sysconfig.get_path("stdlib") + os.sep

# Folders of installed packages, also those of a user and of the system, which no path of this environment names.
INSTALLED = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))

Made = TypeVar("Made")

PACKAGE = Path(__file__).resolve().parent.parent


def find_maker(
    place: str, name: str, call: str | None, is_made: Callable[[Any], bool], noun: str = "loader"
) -> Callable[[], Any]:
    """Return what makes a person's thing: the call, evaluated in the module, or whatever is not made yet.

    Args:
        place: the file or module.
        name: in it.
        call: Python that makes it; None calls it without arguments.
        is_made: tells what need not be called.
        noun: what it is to be.

    Returns:
        A function that raises a `FeedersError` where making fails.

    Raises:
        FeedersError: no such module or name, or it needs arguments.
    """
    with _no_training(place):
        module = _module(place, noun)
    if call:
        return lambda: _guarded(f"--call {call!r}", lambda: eval(str(call), vars(module)), noun)
    thing: Any = module
    for part in name.split("."):
        if not hasattr(thing, part):
            names = [public for public in vars(thing) if not public.startswith("_")]
            raise FeedersError(f"{place} has no {name!r}.{nearest(part, names) or _listing(module)}")
        thing = getattr(thing, part)
    if not callable(thing) or (not inspect.isclass(thing) and is_made(thing)):
        return lambda: thing
    _check_arguments(thing, f"{place}:{name}", name, noun)
    return lambda: _guarded(f"{place}:{name}()", thing, noun)


@contextlib.contextmanager
def _no_training(place: str) -> Iterator[None]:
    """Refuse what trains inside the context: a file that is imported for one name in it is no call of its script."""
    model = keras().Model
    original = model.fit

    def fit(*_: Any, **__: Any) -> None:
        caller = inspect.stack()[1]
        raise FeedersError(
            f"{place}: it calls fit() while it is imported, at {caller.filename}:{caller.lineno}. "
            'Try: put what trains below `if __name__ == "__main__":`'
        )

    model.fit = fit
    try:
        yield
    finally:
        model.fit = original


def _listing(module: ModuleType) -> str:
    names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
    own = [name for name in names if getattr(vars(module)[name], "__module__", None) == module.__name__]
    return f" It holds {', '.join(own[:8])}." if own else " It holds no class or function of its own."


def _check_arguments(thing: Any, text: str, name: str, noun: str) -> None:
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
        call = f"{name}({', '.join(f'{part}=...' for part in needed)})"
        repair = f"--call '{call}'" if noun == "loader" else f"a function without arguments that returns {call}"
        raise FeedersError(f"{text} needs {', '.join(needed)}; it is called without arguments. Try: {repair}")


def _module(place: str, noun: str) -> ModuleType:
    if not place.endswith(".py"):
        sys.path.insert(0, str(Path.cwd()))
        return _guarded(f"import {place}", lambda: importlib.import_module(place), noun)
    path = Path(place).resolve()
    # Worker processes that are spawned import it by this name.
    sys.path.insert(0, str(path.parent))
    taken = path.stem in sys.modules or path.stem in getattr(sys, "stdlib_module_names", ())
    name = f"audited_{path.stem}" if taken else path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _guarded(place, lambda: spec.loader.exec_module(module), noun)  # type: ignore[union-attr]
    return module


def _guarded(what: str, work: Callable[[], Made], noun: str) -> Made:
    try:
        return work()
    except FeedersError:
        raise
    except (Exception, SystemExit) as error:
        frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
        own = [f"{file}:{line}" for file, line in frames if not file.startswith((str(PACKAGE), "<", STANDARD))]
        theirs = [place for place in own if not any(folder in place for folder in INSTALLED)] or own
        where = f" at {theirs[-1]}" if theirs else ""
        raise FeedersError(
            f"{what}: {type(error).__name__}: {error}{where}. The {noun} must be made without error{_hint(what, error)}"
        ) from None


def _hint(what: str, error: BaseException) -> str:
    """What to try, where the module is written to be run and not to be imported, or belongs to a package."""
    if isinstance(error, SystemExit) and not what.endswith(")") and "--call" not in what:  # not when it is made
        return (
            ". It ends while it is imported, as scripts do that read their arguments. Try: put parse_args() and what "
            'runs at once below `if __name__ == "__main__":`'
        )
    if "attempted relative import" in str(error) and what.endswith(".py"):
        path = Path(what).resolve()
        parts = [path.stem]
        while (path.parent / "__init__.py").is_file():
            path = path.parent
            parts.insert(0, path.name)
        return f". It belongs to a package. Try, in {path.parent}: {'.'.join(parts)}:NAME instead of the file"
    return ""
