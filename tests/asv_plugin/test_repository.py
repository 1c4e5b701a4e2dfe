"""Releases as commits: order, names, ranges, and what is said of those that are not there."""

from __future__ import annotations

import pytest
from asv.config import Config
from asv.repo import NoSuchNameError, get_repo
from asv.results import Results

from feeders.asv_plugin import repository
from feeders.asv_plugin.repository import ReleaseRepo
from feeders.errors import FeedersError
from feeders.releases import interpreters
from feeders.releases.catalogue import Release, identify
from feeders.releases.stacks import Stack

HERE = Release("2.17.0", "2024-07-11", "TensorFlow 2.17.0, Keras 3.4.1")


# What a release without stack and not installed is: known by its results, and not to be measured here.
UNMEASURABLE = "xabcdef0"


def stack_of(release, tensorflow, keras=""):
    pins = (("tensorflow-cpu", tensorflow), *([("keras", keras)] if keras else []))
    return Stack(release, "3.11", "2024-01-01", pins)


@pytest.fixture
def repo(tmp_path, monkeypatch, shelf):
    """2.17.0 is installed; there are results of 2.15.1, 2.16.1, k3.5.0 and of an unlisted build of 2024-06-01.

    2.15.1, 2.16.1, 2.16.2 and k3.5.0 have a stack.
    """
    shelf.put(
        stack_of("2.15.1", "2.15.1", "2.15.0"),
        stack_of("2.16.1", "2.16.1", "3.0.5"),
        stack_of("2.16.2", "2.16.2", "3.4.1"),
        stack_of("k3.5.0", "2.17.0", "3.5.0"),
    )
    with_results(tmp_path)
    return opened(tmp_path, monkeypatch, HERE)


@pytest.fixture
def without_stacks(tmp_path, monkeypatch, shelf):
    """The same without any stack."""
    with_results(tmp_path)
    return opened(tmp_path, monkeypatch, HERE)


def with_results(tmp_path):
    write(tmp_path, "2.15.1", 0)
    write(tmp_path, "2.16.1", 0)
    write(tmp_path, "k3.5.0", 0)
    write(tmp_path, UNMEASURABLE, 1717200000000)


def write(folder, name, date):
    machine = folder / "results" / "lab"
    machine.mkdir(parents=True, exist_ok=True)
    (machine / "machine.json").write_text('{"machine": "lab", "version": 1}')
    results = Results({"machine": "lab"}, {}, name, date, "per-release", "stack", {})
    results.save(str(folder / "results"))
    (machine / f"{name}-stack-takes.jsonl").write_text("{}\n")


def opened(folder, monkeypatch, here):
    monkeypatch.setattr(repository, "installed", lambda: here)
    monkeypatch.setattr(interpreters, "installed", lambda: here)
    return get_repo(Config.from_json({"repo": str(folder), "dvcs": "releases", "project": "test"}))


def test_asv_picks_it_by_dvcs(repo):
    assert isinstance(repo, ReleaseRepo)


def test_releases_are_in_the_order_of_their_days(repo):
    assert repo.get_branch_commits(None) == ["k3.5.0", "2.17.0", "2.16.2", "xabcdef0", "2.16.1", "2.15.1"]


TAGS = ["2.15.1", "2.16.1", "xabcdef0", "2.17.0", "k3.5.0"]


def test_the_site_has_places_for_what_is_installed_or_measured(repo):
    """A stack that was never measured would be a gap on the axis of every plot."""
    assert repo.get_tags() == {name: name for name in TAGS}
    assert repo.get_revisions(["2.16.1", "k3.5.0"]) == {"2.16.1": 1, "k3.5.0": 4}
    assert repo.get_revisions(TAGS) == {name: place for place, name in enumerate(TAGS)}


def test_a_release_without_results_has_a_place_where_it_is_asked_for(repo):
    assert repo.get_revisions(["2.16.2", "k3.5.0"]) == {"2.16.2": 3, "k3.5.0": 5}


def test_without_stacks_the_site_is_the_same(without_stacks):
    assert without_stacks.get_branch_commits(None) == TAGS[::-1]
    assert without_stacks.get_tags() == {name: name for name in TAGS}
    assert without_stacks.get_revisions(["2.16.1", "k3.5.0"]) == {"2.16.1": 1, "k3.5.0": 4}


def test_new_is_what_can_be_measured_and_is_younger(repo):
    assert repo.get_new_branch_commits([None], []) == ["k3.5.0", "2.17.0", "2.16.2", "2.16.1", "2.15.1"]
    assert repo.get_new_branch_commits([None], ["2.17.0"]) == ["k3.5.0"]
    assert repo.get_new_branch_commits([None], ["k3.5.0"]) == []


def test_new_without_stacks_is_what_is_installed(without_stacks):
    assert without_stacks.get_new_branch_commits([None], []) == ["2.17.0"]


def test_dates_are_those_of_publication_or_of_the_results(repo):
    assert repo.get_date("2.15.1") == 1709856000000  # 2024-03-08
    assert repo.get_date("xabcdef0") == 1717200000000
    assert repo.get_date_from_name("HEAD") == repo.get_date("2.17.0")


@pytest.mark.parametrize("name", ["HEAD", None, "releases", "2.17.0"])
def test_head_is_what_is_installed(repo, name):
    assert repo.get_hash_from_name(name) == "2.17.0"


def test_unknown_names_are_asvs_own_error(repo):
    with pytest.raises(NoSuchNameError):
        repo.get_hash_from_name("2.3.0")


def test_names_tell_both_versions(repo):
    assert repo.get_decorated_hash("2.17.0") == "2.17.0 <TensorFlow 2.17.0, Keras 3.4.1>"
    assert repo.get_decorated_hash("k3.5.0") == "k3.5.0 <TensorFlow 2.17.0, Keras 3.5.0>"
    assert repo.get_decorated_hash("xabcdef0") == "xabcdef0"
    assert repo.get_name_from_hash("2.3.0") is None


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ("2.16.1", ["2.16.1"]),
        ("2.16.1^!", ["2.16.1"]),
        ("2.15.1..2.17.0", ["2.17.0", "2.16.2", "2.16.1"]),
        ("2.17.0..", ["k3.5.0"]),
        ("..2.16.1", ["2.16.1", "2.15.1"]),
        ("2.16.1..HEAD", ["2.17.0", "2.16.2"]),
        ("xabcdef0..", ["k3.5.0", "2.17.0", "2.16.2"]),
        ("k3.5.0..", []),
        ("HEAD", ["2.17.0"]),
    ],
)
def test_ranges_are_of_what_can_be_measured(repo, spec, names):
    assert repo.get_hashes_from_range(spec) == names


@pytest.mark.parametrize(
    ("spec", "names"),
    [("2.15.1..2.17.0", ["2.17.0"]), ("2.17.0..", []), ("..2.16.1", []), ("2.16.1..HEAD", ["2.17.0"])],
)
def test_ranges_without_stacks_hold_the_installed_release_alone(without_stacks, spec, names):
    assert without_stacks.get_hashes_from_range(spec) == names


def test_a_release_that_has_results_alone_is_found_by_its_name(repo):
    """`asv show` and `asv compare` read it; `asv run` is told by the environment that there is no stack."""
    assert repo.get_hashes_from_range(UNMEASURABLE) == [UNMEASURABLE]


def test_range_specs_are_read_back(repo):
    assert repo.get_hashes_from_range(repo.get_range_spec("2.15.1", "2.16.1")) == ["2.16.1"]
    assert repo.get_hashes_from_range(repo.get_new_range_spec("2.17.0", None)) == ["k3.5.0"]


def test_parents(repo):
    assert repo.get_hash_from_parent("HEAD") == "2.16.2"
    assert repo.get_hash_from_parent("2.16.2") == UNMEASURABLE
    with pytest.raises(NoSuchNameError):
        repo.get_hash_from_parent("2.15.1")


def test_a_stack_of_a_pair_that_no_table_lists_is_a_release_too(tmp_path, monkeypatch, shelf):
    """A Keras that no TensorFlow of its day could run has a pair's id."""
    shelf.put(stack_of("161k000", "2.16.1", "3.0.0"))
    repo = opened(tmp_path, monkeypatch, HERE)
    assert repo.get_branch_commits(None) == ["2.17.0", "161k000"]
    assert repo.get_decorated_hash("161k000") == "161k000 <TensorFlow 2.16.1, Keras 3.0.0>"
    assert repo.get_date("161k000") == 1709942400000  # 2024-03-09


def test_stacks_of_a_candidate_and_of_a_nightly_build_are_releases_of_the_day_of_their_pins(
    tmp_path, monkeypatch, shelf
):
    """No list has their days, and a nightly Keras is another package. The names of their files are their ids."""
    nightly = identify("2.30.0rc0", "3.31.0.dev2026102704").id
    pins = (("keras-nightly", "3.31.0.dev2026102704"), ("tensorflow-cpu", "2.30.0rc0"))
    shelf.put(stack_of("30r0k300", "2.30.0rc0", "3.30.0"), Stack(nightly, "3.11", "2026-10-27", pins))
    repo = opened(tmp_path, monkeypatch, HERE)
    assert repo.get_branch_commits(None) == [nightly, "2.17.0", "30r0k300"]
    assert repo.get_date("30r0k300") == 1704067200000  # 2024-01-01
    assert repo.get_hashes_from_range("2.17.0..") == repo.get_hashes_from_range(nightly) == [nightly]
    assert repo.get_name_from_hash(nightly) == "TensorFlow 2.30.0rc0, Keras 3.31.0.dev2026102704"


def test_an_unknown_release_gets_one_message(repo):
    with pytest.raises(FeedersError) as error:
        repo.get_hashes_from_range("2.4.0..2.17.0")
    text = str(error.value)
    assert "asked for release 2.4.0 (TensorFlow 2.4.0, Keras 2.4)" in text
    assert "installed here is 2.17.0 (TensorFlow 2.17.0, Keras 3.4.1)" in text
    assert "known here: 2.15.1, 2.16.1, xabcdef0, 2.16.2, 2.17.0, k3.5.0" in text
    assert "Try: feeders releases add 2.4.0" in text


def test_results_can_be_read_without_tensorflow(tmp_path, monkeypatch, shelf):
    write(tmp_path, "2.15.1", 0)
    repo = opened(tmp_path, monkeypatch, None)
    assert repo.get_branch_commits(None) == ["2.15.1"]
    assert repo.get_tags() == {"2.15.1": "2.15.1"}
    with pytest.raises(NoSuchNameError):  # which asv passes over where it looks for a release to discover series with
        repo.get_hash_from_name("HEAD")


def test_a_host_without_tensorflow_measures_what_has_a_stack(tmp_path, monkeypatch, shelf, stack):
    write(tmp_path, "2.15.1", 0)
    shelf.put(stack)
    repo = opened(tmp_path, monkeypatch, None)
    assert repo.get_hashes_from_range("2.15.1..") == repo.get_hashes_from_range("2.16.2") == ["2.16.2"]
    assert repo.get_new_branch_commits([None], []) == ["2.16.2"]


def test_damaged_results_of_an_unlisted_release_are_passed_over(tmp_path, monkeypatch, shelf):
    write(tmp_path, "xabcdef0", 0)
    (tmp_path / "results" / "lab" / "xabcdef0-stack.json").write_text("{")
    assert opened(tmp_path, monkeypatch, HERE).get_branch_commits(None) == ["2.17.0"]
