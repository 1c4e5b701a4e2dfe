"""Comparisons of a person's own loaders: two of them, one carried in two ways, or one on two releases."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Callable

from feeders.errors import FeedersError
from feeders.measure import MEASURED, Cell, Record, Settings
from feeders.measure.epochs import batches
from feeders.measure.takes import in_new_interpreter
from feeders.releases.installed import NONE_INSTALLED, installed
from feeders.releases.interpreters import Interpreter, interpreter, is_release
from feeders.results.record import FAILED
from feeders.strategies import FEEDERS

from .request import CellPair, ComparisonRequest, feeder_and_workers

# By how much samples of a batch may differ in the mean of an epoch: a short last batch.
SAME_SAMPLES = 0.05


@dataclass(frozen=True)
class OwnSide:
    """One side of such a comparison.

    Attributes:
        title: what it is called.
        release: it is measured on.
        loader: its address.
        feeder: carries it; None as ``fit()`` is given it.
        workers: of the feeder; None is 1, or what the loader sets itself.
    """

    title: str
    release: str
    loader: str
    feeder: str | None = None
    workers: int | None = None


def is_address(text: str) -> bool:
    """Whether it is a loader's address, and not FEEDER:WORKERS."""
    place, colon, name = text.rpartition(":")
    return bool(colon) and not name.isdecimal() and place not in FEEDERS.names


def parse_own(a: str, b: str, loader: str | None, release: str | None) -> tuple[OwnSide, OwnSide]:
    """Return the sides that a call names.

    Args:
        a: a loader's address; with a loader, FEEDER or FEEDER:WORKERS, or a release.
        b: the same kind of thing.
        loader: its address.
        release: on which, of what is no release; by default the installed one.

    Raises:
        FeedersError: the call makes no sense.
    """
    addresses, releases = [is_address(text) for text in (a, b)], [is_release(text) for text in (a, b)]
    if any(addresses) and (loader or not all(addresses)):
        raise FeedersError(
            f"compare {a} {b}: expected two loaders, or two feeders and a loader. "
            "Try: compare my.py:Old my.py:New, or compare sequence:4 lookahead-threads:4 --loader my.py:Train"
        )
    if loader and all(releases):
        if release:
            raise FeedersError(f"compare {a} {b}: --release {release}: A and B are releases. Try: leave it away")
        return OwnSide(a, a, loader), OwnSide(b, b, loader)
    here = installed()
    release = release or (here.id if here else None)
    if not release:
        raise FeedersError(f"compare {a} {b}: {NONE_INSTALLED}. Try: --release 2.21.0")
    if not loader:
        return OwnSide(a, release, a), OwnSide(b, release, b)
    if any(releases):
        raise FeedersError(f"compare {a} {b}: one of them is a release. Try: two releases, or two feeders")
    first, second = (OwnSide(text, release, loader, *feeder_and_workers(text)) for text in (a, b))
    return first, second


def first_takes(
    sides: tuple[OwnSide, OwnSide], settings: Settings, log: Callable[[str], None], packages: tuple[str, ...] = ()
) -> ComparisonRequest:
    """Take both sides once, which verifies their delivery, and return what is to be compared then.

    Args:
        sides: what is compared.
        settings: name the model, and how the loaders are made.
        log: takes a line about what goes on.
        packages: beside the pins of both releases.

    Raises:
        FeedersError: neither side can be measured, or what they train on differs.
    """
    takes, errors = [], []
    pinned = sides[0].release != sides[1].release
    here = installed()
    as_installed = not pinned and here is not None and here.id == sides[0].release
    if packages and as_installed:
        raise FeedersError(
            f"--with {','.join(packages)}: goes beside the pins of a release, this one is installed. Try: pip install"
        )
    for side in sides:
        log(f"the delivery of {side.title}")
        try:
            takes.append(_take(side, settings, interpreter(side.release, log, pinned=pinned, packages=packages)))
        except FeedersError as error:
            if as_installed:
                raise
            error = _with_packages(error)
            if not pinned:
                raise error from None
            errors.append(error)
            feeder, workers = side.feeder or "", side.workers or 1
            takes.append(Record(feeder, side.loader, workers, FAILED, str(error)))
    if len(errors) == len(sides):
        raise errors[0]
    if all(take.outcome == MEASURED for take in takes):
        model = str(takes[0].settings["model"])
        settings = dataclasses.replace(settings, steps=_common_steps(sides, takes), model=model)
    a, b = (Cell(take.feeder, take.workload, take.workers) for take in takes)
    name = sides[0].loader if sides[0].loader == sides[1].loader else "epoch"
    first, second = sides
    return ComparisonRequest(
        a=first.title,
        b=second.title,
        release_a=first.release,
        release_b=second.release,
        cell_pairs=(CellPair(name, a, b),),
        settings=settings,
        takes=tuple(takes),
        packages=packages,
    )


def _with_packages(error: FeedersError) -> FeedersError:
    """Say how a package comes into the environment of a release, where one is missing there."""
    missing = re.search(r"No module named '(\w+)", str(error))
    more = f". Try: --with PACKAGE, the name by which pip knows {missing[1]}" if missing else ""
    return FeedersError(f"{error}{more}")


def _take(side: OwnSide, settings: Settings, place: Interpreter) -> Record:
    subject = {"loader": side.loader, "by": side.feeder, "workers": side.workers}
    request = [subject, dataclasses.asdict(settings)]
    return Record.from_json(in_new_interpreter(request, side.title, place.python, place.variables))


def _common_steps(sides: tuple[OwnSide, OwnSide], takes: list[Record]) -> int:
    """Batches of an epoch on both sides: the first ones, where one has more."""
    samples = [take.metrics["throughput"] * take.metrics["epoch"] / batches(take) for take in takes]
    if abs(samples[0] / samples[1] - 1) > SAME_SAMPLES:
        raise FeedersError(
            f"compare {sides[0].title} {sides[1].title}: {samples[0]:.3g} and {samples[1]:.3g} samples a batch; "
            "expected the same, for batches are compared one to one"
        )
    return min(map(batches, takes))
