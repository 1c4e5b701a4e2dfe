"""Releases as the commits of a repository: asv's `Repo`."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Iterable

from asv.repo import NoSuchNameError, Repo
from asv.results import Results
from asv.util import UserError, datetime_to_js_timestamp

from feeders.errors import FeedersError
from feeders.releases.catalogue import RELEASES, Release, identify
from feeders.releases.installed import NONE_INSTALLED, installed
from feeders.releases.stacks import TENSORFLOW_PACKAGE, Stack, stacks
from feeders.results.machines import RESULTS, asv_results

HEAD = ("HEAD", None)


class ReleaseRepo(Repo):  # type: ignore[misc]
    """The releases known here: the installed one, those with a stack and those with results, in date order.

    HEAD, and asv's only branch, is what is installed. A plain name is that release alone, and so is ``a^!``; ``a..b``
    excludes its left end. ALL, NEW and ranges leave out what can't be measured here.
    """

    dvcs = "releases"
    _default_branch = "releases"

    def __init__(self, url: str, mirror_path: str) -> None:
        del mirror_path  # asv gives a repository its URL and its name only
        self._results = Path(url) / RESULTS
        self._installed = installed()
        self._known = self._read()
        self._order = list(self._known)
        here = [self._installed.id] if self._installed else []
        # What the site shows; a stack that was never measured is only known.
        self._shown = {*here, *asv_results(self._results)}

    def _read(self) -> dict[str, Release]:
        measured = (_from_results(name, path) for name, path in asv_results(self._results).items())
        known = {name: _from_stack(stack) for name, stack in stacks().items()}
        known.update({release.id: release for release in measured if release})
        here = self._installed
        if here:
            known[here.id] = replace(here, date=known.get(here.id, here).date)
        places = {name: place for place, name in enumerate(RELEASES)}
        by_age = sorted(known.values(), key=lambda each: (each.date, places.get(each.id, len(places)), each.id))
        return {release.id: release for release in by_age}

    def pull(self) -> None:
        """There is nothing to fetch."""

    def checkout(self, path: str, commit_hash: str) -> None:
        """There is no source tree: an environment holds its release."""

    @classmethod
    def url_match(cls, url: str) -> bool:
        """Tell asv that only ``"dvcs": "releases"`` picks this class."""
        return False

    def get_hash_from_name(self, name: str | None) -> str:
        """Return the id that a name stands for."""
        if (name in HEAD or name == self._default_branch) and self._installed:
            return self._installed.id
        if name in self._known:
            return str(name)
        raise NoSuchNameError(name)

    def get_hash_from_parent(self, name: str) -> str:
        """Return the release before."""
        place = self._order.index(self.get_hash_from_name(name))
        if place == 0:
            raise NoSuchNameError(f"{name}^")
        return self._order[place - 1]

    def get_name_from_hash(self, commit: str) -> str | None:
        """Return what a person calls the release."""
        return self._known[commit].title or None if commit in self._known else None

    def get_tags(self) -> dict[str, str]:
        """Return every release that is installed or has results: tags put their ids on the axis of asv's plots."""
        return {name: name for name in self._order if name in self._shown}

    def get_date(self, hash: str) -> int:
        """Return the date as a JavaScript timestamp."""
        day = datetime.datetime.fromisoformat(self._known[hash].date).replace(tzinfo=datetime.timezone.utc)
        return int(datetime_to_js_timestamp(day))

    def get_date_from_name(self, name: str) -> int:
        """Return the date of a name as a JavaScript timestamp."""
        return self.get_date(self.get_hash_from_name(name))

    def get_branch_commits(self, branch: str | None) -> list[str]:
        """Return all ids, youngest first."""
        return self._order[::-1]

    def get_new_branch_commits(self, branches: Iterable[str | None], commits: Iterable[str]) -> list[str]:
        """Return what can be measured and is younger than all of these, youngest first."""
        return self._measurable(super().get_new_branch_commits(branches, commits))

    def get_revisions(self, commits: Iterable[str]) -> dict[str, int]:
        """Return the place of each release among those that the site shows."""
        wanted = set(commits)
        shown = [name for name in self._order if name in self._shown | wanted]
        return {name: place for place, name in enumerate(shown) if name in wanted}

    def get_range_spec(self, commit_a: str, commit_b: str) -> str:
        """Return the spec of the releases after the first, up to the second."""
        return f"{commit_a}..{commit_b}"

    def get_new_range_spec(self, latest_result: str, branch: str | None = None) -> str:
        """Return the spec of the releases after one."""
        return f"{latest_result}.."

    def get_hashes_from_range(self, range: str) -> list[str]:
        """Return the ids of a range, youngest first.

        Raises:
            FeedersError: no such release is known.
        """
        try:
            if range.endswith("^!"):
                return [self.get_hash_from_name(range[:-2])]
            if ".." not in range:
                return [self.get_hash_from_name(range)]
            first, last = range.split("..", 1)
            start = self._place(first) + 1 if first else 0
            return self._measurable(self._order[start : self._place(last) + 1 if last else None][::-1])
        except NoSuchNameError as error:
            raise FeedersError(unknown(str(error), self._known, self._installed)) from None

    def _measurable(self, commits: Iterable[str]) -> list[str]:
        here = self._installed.id if self._installed else None
        return [commit for commit in commits if commit == here or commit in stacks()]

    def _place(self, name: str) -> int:
        return self._order.index(self.get_hash_from_name(name))


def unknown(name: str, known: Iterable[str], here: Release | None) -> str:
    """Say that no such release is known here."""
    return (
        f"asked for release {_named(name)}; {_here(here)}; known here: {', '.join(known)}. "
        f"Expected: one of these. Try: feeders releases add {name}"
    )


def _here(release: Release | None) -> str:
    return f"installed here is {_named(release.id, release)}" if release else NONE_INSTALLED


def _named(name: str, release: Release | None = None) -> str:
    release = release or RELEASES.get(name)
    return f"{name} ({release.title})" if release else name


def _from_stack(stack: Stack) -> Release:
    """Return what its pins make; no list has the day of a candidate or a nightly build, so that of its pins stands."""
    release = RELEASES.get(stack.release) or identify(stack.version(TENSORFLOW_PACKAGE), stack.keras)
    return replace(release, date=release.date or stack.date)


def _from_results(name: str, path: Path) -> Release | None:
    if name in RELEASES:
        return RELEASES[name]
    try:
        milliseconds = Results.load(str(path)).date
    except UserError:
        return None  # asv warns of a damaged file wherever it reads results
    day = datetime.datetime.fromtimestamp(milliseconds / 1000, tz=datetime.timezone.utc).date()
    return Release(name, day.isoformat(), "")
