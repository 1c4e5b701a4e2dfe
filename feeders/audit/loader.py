"""The loader under audit: a feeder of the catalogue on a workload, or a person's own."""

from __future__ import annotations

import importlib.util
import inspect
import multiprocessing
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import GeneratorType
from typing import Callable

from feeders.errors import FeedersError, Unsupported
from feeders.keras_api import generation
from feeders.loaders import workload
from feeders.loaders.opening import ARRAYS, ITERATOR, PACKAGE, SEQUENCE, WORKERS, Opened, kind_of, open_own, own_files
from feeders.loaders.pickling import pickling_fault
from feeders.measure.identity import ByContent, ByKey, ByStamp, Identity
from feeders.strategies import feeder

from .fixed_random import fix_calls, give_each_thread_its_own
from .inspection import handles
from .readings import EXHAUSTED, SUSPENDED, Description
from .request import AuditRequest


@dataclass
class AuditedLoader(Opened):
    """An opened loader, and what tells its samples apart.

    Attributes:
        identity: tells its samples apart.
        own_workers: it brings its workers itself; to Keras it is a plain generator.
    """

    identity: Identity = field(default_factory=ByContent)
    own_workers: bool = False


def open_loader(request: AuditRequest, alone: bool = False) -> AuditedLoader:
    """Make the loader; call it in a process of its own, since its code may do anything.

    Args:
        request: what is audited.
        alone: with one worker where it brings workers of its own, so that no two prepare batches at once.

    Raises:
        FeedersError: no such module or name, it can't be made, or it is no loader.
    """
    if request.is_feeder:
        return _open_feeder(request, alone)
    if request.fixed_random:
        give_each_thread_its_own()
    opened = open_own(request.source())
    if request.processes and not opened.processes:
        raise FeedersError(
            f"--processes: {request.loader} is {opened.title}, which this Keras pulls from no process of its own; "
            "expected a Sequence/PyDataset. Try: leave --processes away"
        )
    if request.fixed_random:
        fix_calls(opened.x)
    return AuditedLoader(**vars(opened), identity=identity_of(request))


def describe_loader(loader: AuditedLoader, request: AuditRequest) -> Description:
    """Return what can be told of a loader without reading it; its length is asked for later, since it may raise."""
    method = request.start_method or multiprocessing.get_start_method()
    return Description(
        kind=loader.kind,
        title=loader.title,
        workers=loader.workers,
        processes=loader.processes,
        own_workers=loader.own_workers,
        ignores_workers=loader.ignores_workers,
        started=_started(loader.x),
        unpicklable=pickling_fault(loader.x) if loader.kind in (SEQUENCE, ITERATOR) else None,
        pickles=loader.processes and method != "fork",
        handles=handles(loader.x) if loader.kind == SEQUENCE else (),
        generation=generation(),
    )


def _started(thing: object) -> str | None:
    """Whether a generator has been pulled before it was handed over."""
    if not inspect.isgenerator(thing):
        return None
    return {inspect.GEN_SUSPENDED: SUSPENDED, inspect.GEN_CLOSED: EXHAUSTED}.get(inspect.getgeneratorstate(thing))


def identity_of(request: AuditRequest) -> Identity:
    """Return what tells the samples of the loader apart."""
    if request.is_feeder:
        return ByStamp()
    return ByKey(request.key) if request.key else ByContent()


def audited_files(request: AuditRequest) -> Callable[[str], bool]:
    """Return whether a source file is under audit: the person's own code, not Python's and not installed packages.

    Args:
        request: for a feeder of the catalogue, what this suite wrote of it.
    """
    if request.is_feeder:
        roots = (str(PACKAGE / "strategies") + os.sep, str(PACKAGE / "loaders") + os.sep)
        return lambda file: file.startswith(roots)
    return own_files(request.source())


# Modules of Python that read from a position which their users may share: between their lines a switch can hurt too.
READERS = ("zipfile", "tarfile", "shelve", "dbm")


def provoked_files(request: AuditRequest) -> Callable[[str], bool]:
    """Return whether threads are held in a source file: what is under audit, and what reads files for it."""
    theirs = audited_files(request)
    specs = [importlib.util.find_spec(name) for name in READERS]
    origins = [Path(spec.origin) for spec in specs if spec and spec.origin]
    readers = tuple(str(path.parent) + os.sep if path.name == "__init__.py" else str(path) for path in origins)
    return lambda file: theirs(file) or file.startswith(readers)


def _open_feeder(request: AuditRequest, alone: bool) -> AuditedLoader:
    row = feeder(request.loader)
    workers = (request.workers or WORKERS) if row.parallel else 1
    material = workload(request.workload).open()
    feed = row.build(material, 1 if alone and row.own_workers else workers)
    if not row.own_workers and request.workers is None and isinstance(feed.x, GeneratorType) and generation() == 3:
        workers = 1  # Keras 3 knows of no workers for a generator: asked for some, its fit() refuses the argument
        feed = row.build(material, workers)
    kind = ARRAYS if feed.y is not None else kind_of(feed.x)
    if kind is None:
        raise Unsupported(
            f"audit: {row.name} feeds fit() by a {type(feed.x).__name__}, which an audit can't read; expected a "
            f"Sequence, a generator, an iterator, a dataset or arrays. Try: feeders measure {row.name} --workload "
            f"{request.workload}, which counts its delivery"
        )
    return AuditedLoader(
        x=feed.x,
        y=feed.y,
        kind=kind,
        identity=identity_of(request),
        workers=workers,
        processes=row.shared_by == "processes",
        fit=feed.fit,
        title=f"{row.name} on {request.workload}",
        own_workers=row.own_workers,
    )
