"""Ids of releases: what asv can carry, and no two stacks in one series."""

from __future__ import annotations

import re

import pytest

from feeders.releases.catalogue import RELEASES, identify, keras_of, tensorflow_of
from feeders.releases.dates import KERAS_DATES, TENSORFLOW_DATES

PAIRS = [
    (("2.4.1", ""), "2.4.1", "2021-01-21"),
    (("2.15.1", "2.15.0"), "2.15.1", "2024-03-08"),
    (("2.16.2", "3.4.1"), "2.16.2", "2024-06-28"),
    (("2.17.0", "3.6.0"), "k3.6.0", "2024-10-03"),
    (("2.16.2", "2.16.0", True), "t2.16.2", "2024-06-28"),
    (("2.16.2", "3.9.1"), "162k091", "2025-03-26"),
    (("2.21.0", "3.4.1"), "210k041", "2026-03-06"),
    (("2.15.1", "3.4.1"), "151k041", "2024-03-08"),
    (("2.30.1", "3.30.2"), "301k302", ""),
    (("2.21.0rc1", "3.14.0"), "21r1k140", ""),
    (("2.30.0.dev20261120", "3.30.0.dev2026112003"), "n261120", "2026-11-20"),
    (("2.30.0.dev20261120", "3.30.0.dev2026111903"), "x", "2026-11-20"),
    (("2.16.1+nv24.6", "3.4.0"), "x", ""),
    (("2.16.2", "2.15.0", True), "x", "2024-06-28"),
]


@pytest.mark.parametrize(("versions", "name", "date"), PAIRS)
def test_a_pair_has_its_id_and_date(versions, name, date):
    release = identify(*versions)
    assert release.id == name or (name == "x" and re.fullmatch("x[0-9a-f]{7}", release.id))
    assert release.date == date
    assert versions[0] in release.title


def ids():
    return [*RELEASES, *(identify(*versions).id for versions, _, _ in PAIRS)]


def test_asv_can_carry_every_id():
    """It cuts result files' names at 8 characters and at the first dash, and takes prefixes for names."""
    assert all(len(name) <= 8 and re.fullmatch(r"[a-z0-9.]+", name) for name in ids())
    unique = set(ids())
    assert not [(one, other) for one in unique for other in unique if one != other and other.startswith(one)]


def test_no_two_pairs_share_an_id():
    versions = [*TENSORFLOW_DATES, "2.30.0", "2.30.0rc0", "2.30.0rc1", "2.30.0.dev20261120", "2.30.0.dev20261121"]
    kerases = ["2.15.0", *KERAS_DATES, "3.30.0", "3.30.0.dev2026112003", "3.30.0.dev2026112103"]
    pairs = [(one, other) for one in versions for other in kerases]
    names = [identify(*pair).id for pair in pairs]
    # of Keras 2, TensorFlow itself takes any of its minor version, and 2.4 and 2.5 take none
    assert len(set(names)) == len(names)


def test_every_release_has_a_day_and_an_id_that_finds_it():
    assert {*TENSORFLOW_DATES} < {*RELEASES}
    assert all(
        RELEASES[name].id == name and re.fullmatch(r"20\d\d-\d\d-\d\d", RELEASES[name].date) for name in RELEASES
    )


def test_of_its_day_means_the_highest_that_was_published():
    assert keras_of("2.15.1") == "2.15"
    assert keras_of("2.16.1") == "3.0.5"
    assert keras_of("2.16.2") == "3.4.1"
    assert tensorflow_of("3.6.0") == "2.17.0"
    assert tensorflow_of("3.12.4") == "2.21.0"  # a late patch of an older minor version
