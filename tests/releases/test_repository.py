"""Releases as commits: order, names, ranges, and what is said of those that are not there."""

from __future__ import annotations

import pytest
from asv.config import Config
from asv.repo import NoSuchNameError, get_repo
from asv.results import Results

from feeders.releases import repository
from feeders.releases.catalogue import Release
from feeders.releases.repository import ReleaseRepo

HERE = Release("2.17.0", "2024-07-11", "TensorFlow 2.17.0, Keras 3.4.1")


@pytest.fixture
def repo(tmp_path, monkeypatch):
    """2.17.0 is installed; there are results of 2.15.1, 2.16.1, k3.5.0 and of an unlisted build of 2024-06-01."""
    write(tmp_path, "2.15.1", 0)
    write(tmp_path, "2.16.1", 0)
    write(tmp_path, "k3.5.0", 0)
    write(tmp_path, "xabcdef0", 1717200000000)
    return opened(tmp_path, monkeypatch, HERE)


def write(folder, name, date):
    machine = folder / "results" / "lab"
    machine.mkdir(parents=True, exist_ok=True)
    (machine / "machine.json").write_text('{"machine": "lab", "version": 1}')
    results = Results({"machine": "lab"}, {}, name, date, "per-release", "stack", {})
    results.save(str(folder / "results"))
    (machine / f"{name}-stack-takes.jsonl").write_text("{}\n")


def opened(folder, monkeypatch, here):
    monkeypatch.setattr(repository, "installed", lambda: here)
    monkeypatch.setattr("feeders.releases.installed.installed", lambda: here)
    return get_repo(Config.from_json({"repo": str(folder), "dvcs": "releases", "project": "test"}))


def test_asv_picks_it_by_dvcs(repo):
    assert isinstance(repo, ReleaseRepo)


def test_releases_are_in_the_order_of_their_days(repo):
    assert repo.get_branch_commits(None) == ["k3.5.0", "2.17.0", "xabcdef0", "2.16.1", "2.15.1"]
    assert repo.get_revisions(["2.16.1", "k3.5.0"]) == {"2.16.1": 1, "k3.5.0": 4}
    assert repo.get_new_branch_commits([None], []) == repo.get_branch_commits(None)
    assert repo.get_new_branch_commits([None], ["2.17.0"]) == ["k3.5.0"]


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
        ("2.15.1..2.17.0", ["2.17.0", "xabcdef0", "2.16.1"]),
        ("2.17.0..", ["k3.5.0"]),
        ("..2.16.1", ["2.16.1", "2.15.1"]),
        ("2.16.1..HEAD", ["2.17.0", "xabcdef0"]),
        ("HEAD", ["2.17.0"]),
    ],
)
def test_ranges(repo, spec, names):
    assert repo.get_hashes_from_range(spec) == names


def test_range_specs_are_read_back(repo):
    assert repo.get_hashes_from_range(repo.get_range_spec("2.15.1", "2.16.1")) == ["2.16.1"]
    assert repo.get_hashes_from_range(repo.get_new_range_spec("2.17.0", None)) == ["k3.5.0"]


def test_parents(repo):
    assert repo.get_hash_from_parent("HEAD") == "xabcdef0"
    with pytest.raises(NoSuchNameError):
        repo.get_hash_from_parent("2.15.1")


def test_an_unknown_release_gets_one_message(repo, caplog):
    with pytest.raises(SystemExit) as ended:
        repo.get_hashes_from_range("2.4.0..2.17.0")
    assert ended.value.code == 2
    assert "asked for release 2.4.0 (TensorFlow 2.4.0, Keras 2.4)" in caplog.text
    assert "installed here is 2.17.0 (TensorFlow 2.17.0, Keras 3.4.1)" in caplog.text
    assert "2.15.1, 2.16.1, xabcdef0, k3.5.0" in caplog.text
    assert "Try: asv run" in caplog.text


def test_results_can_be_read_without_tensorflow(tmp_path, monkeypatch, caplog):
    write(tmp_path, "2.15.1", 0)
    repo = opened(tmp_path, monkeypatch, None)
    assert repo.get_branch_commits(None) == ["2.15.1"]
    assert repo.get_tags() == {"2.15.1": "2.15.1"}
    with pytest.raises(SystemExit):
        repo.get_hash_from_name("HEAD")
    assert "no TensorFlow" in caplog.text


def test_damaged_results_of_an_unlisted_release_are_passed_over(tmp_path, monkeypatch):
    write(tmp_path, "xabcdef0", 0)
    (tmp_path / "results" / "lab" / "xabcdef0-stack.json").write_text("{")
    assert opened(tmp_path, monkeypatch, HERE).get_branch_commits(None) == ["2.17.0"]
