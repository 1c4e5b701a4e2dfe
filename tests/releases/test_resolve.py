"""From a name to pins: as of the release's day, on the first Python that has wheels, and nothing guessed."""

from __future__ import annotations

import datetime
import sys
from importlib import metadata

import pytest

from feeders.errors import FeedersError
from feeders.releases import dates, resolve
from feeders.releases.catalogue import tensorflow_of
from feeders.releases.resolve import PYTHONS, Wanted, wanted


def stored():
    return {*dates.read_dates("tensorflow"), *dates.read_dates("keras")}


@pytest.mark.parametrize(
    ("name", "pair", "release"),
    [
        ("2.6.5", Wanted("2.6.5", "", "2022-05-23"), "2.6.5"),
        ("2.16.2", Wanted("2.16.2", "3.4.1", "2024-06-28"), "2.16.2"),
        ("k3.6.0", Wanted("2.17.0", "3.6.0", "2024-10-03"), "k3.6.0"),
        ("k3.0.0", Wanted("2.16.1", "3.0.0", "2024-03-09"), "161k000"),  # before there was a TensorFlow for it
    ],
)
def test_a_name_stands_for_the_pair_of_its_day(index, name, pair, release):
    assert wanted(name) == pair
    assert pair.release.id == release


def test_a_keras_gets_the_tensorflow_of_its_day(index):
    listed = [version for version in dates.KERAS_DATES if dates.KERAS_DATES[version] > dates.TENSORFLOW_DATES["2.16.1"]]
    assert listed
    assert all(wanted(f"k{version}").tensorflow == tensorflow_of(version) for version in listed)


@pytest.mark.parametrize("name", ["2.16", "3.6.0", "k2.15.0", "v2.16.2", "2.16.2rc0", "tensorflow", ""])
def test_what_is_no_name_is_refused_with_what_one_looks_like(index, name):
    with pytest.raises(
        FeedersError, match=r"expected a TensorFlow like 2\.16\.2 or 2\.22\.0rc0, a Keras like k3\.6\.0, or nightly"
    ):
        wanted(name)


def test_a_candidate_gets_the_newest_keras_and_an_id_of_its_own(index):
    index.days["tensorflow-cpu"]["2.31.0rc0"] = "2026-11-20"
    newest = max(dates.KERAS_DATES, key=resolve.release_key)
    pair = wanted("2.31.0rc0")
    assert pair == Wanted("2.31.0rc0", newest, "2026-11-20")
    assert pair.release.id == f"31r0k{newest.split('.')[1]}{newest.split('.')[2]}"


def test_nightly_is_the_newest_build_of_keras_with_the_newest_tensorflow(index):
    index.days["tensorflow-cpu"]["2.31.0rc0"] = "2026-11-20"
    pair = wanted("nightly")
    assert pair == Wanted("2.31.0rc0", "3.31.0.dev2026102704", "2026-11-20", "keras-nightly")
    assert len(pair.release.id) == 8
    stack = resolve.resolve(pair)
    assert (stack.release, stack.keras, stack.version("keras")) == (pair.release.id, "3.31.0.dev2026102704", "")


def test_of_two_kerases_that_lie_over_each_other_the_one_asked_for_is_kept(index, monkeypatch):
    """A candidate of TensorFlow asks for the nightly build of Keras."""
    index.days["tensorflow-cpu"]["2.31.0rc0"] = "2026-11-20"
    pair = wanted("2.31.0rc0")
    both = [f"tensorflow-cpu=={pair.tensorflow}", f"keras=={pair.keras}", "keras-nightly==3.31.0.dev2026102704"]
    monkeypatch.setattr(resolve, "_compile", lambda asked, *options: both)
    stack = resolve.resolve(pair)
    assert (stack.version("keras"), stack.version("keras-nightly")) == (pair.keras, "")


def test_what_is_no_release_is_in_no_list(index):
    index.days["tensorflow-cpu"]["2.31.0rc0"] = "2026-11-20"
    before = stored()
    resolve.remember(wanted("2.31.0rc0"))
    resolve.remember(wanted("nightly"))
    assert stored() == before


def test_a_version_that_the_index_lacks_is_named(index):
    with pytest.raises(FeedersError, match=r"no version of tensorflow-cpu==2\.31\.0"):
        wanted("2.31.0")


@pytest.mark.parametrize(
    ("name", "tensorflow", "day"), [("2.30.0", "2.30.0", "2030-05-02"), ("k3.30.0", "2.21.0", "2030-05-01")]
)
def test_a_release_that_is_too_new_for_the_table_has_the_id_it_will_have(index, name, tensorflow, day):
    """The file of its pins is named by it, and asv's repository looks it up among those of the table."""
    pair = wanted(name)
    assert pair == Wanted(tensorflow, "3.30.0", day)
    assert pair.release.id == resolve.resolve(pair).release == name
    assert pair.release.date == day


def test_dates_are_written_when_asked_to_and_once(index):
    before = stored()
    pair = wanted("2.30.0")
    resolve.resolve(pair)
    assert stored() == before
    resolve.remember(pair)
    text = dates.FILE.read_text()
    assert text.endswith("tensorflow,2.30.0,2030-05-02\nkeras,3.30.0,2030-05-01\n")
    assert stored() == {*before, "2.30.0", "3.30.0"}
    resolve.remember(wanted("2.30.0"))
    resolve.remember(wanted("2.16.2"))
    resolve.remember(wanted("2.6.5"))
    assert dates.FILE.read_text() == text


def test_an_index_that_tells_no_day_is_named(index, monkeypatch):
    monkeypatch.setattr(index, "_published", lambda package, version: ["version = 1"])
    with pytest.raises(FeedersError, match=r"^tensorflow-cpu 2\.30\.0: the package index does not tell when"):
        wanted("2.30.0")


def test_pythons_are_tried_in_order_and_the_first_that_resolves_is_taken(index):
    index.pythons = ("3.8", "3.12")
    stack = resolve.resolve(wanted("2.6.5"))
    assert [python for python, _, _ in index.tried] == ["3.11", "3.10", "3.8"]
    assert (stack.release, stack.python, stack.date) == ("2.6.5", "3.8", "2022-05-23")
    assert stack.version("tensorflow-cpu") == "2.6.5"
    assert stack.version("asv-runner") == metadata.version("asv_runner")


def test_a_release_is_resolved_as_of_its_day(index):
    resolve.resolve(wanted("k3.6.0"))
    ((_, day, asked),) = index.tried
    assert day == "2024-10-03"
    assert asked[:2] == ["tensorflow-cpu==2.17.0", "keras==3.6.0"]


def test_a_release_that_no_python_has_wheels_for_tells_what_is_missing(index):
    index.pythons = ()
    with pytest.raises(FeedersError) as error:
        resolve.resolve(wanted("2.16.2"))
    assert [python for python, _, _ in index.tried] == list(PYTHONS)
    assert "releases add 2.16.2: no Python of 3.11, 3.10, 3.8" in str(error.value)
    assert "tensorflow-cpu==2.16.2 has no wheels for 3.11" in str(error.value)
    assert "Linux on x86-64" in str(error.value)


def test_an_index_that_cant_be_reached_is_not_taken_for_one_without_wheels(monkeypatch):
    tried = []

    def compiled(asked, *options):
        tried.append(asked)
        raise FeedersError("uv can't resolve keras==3.4.1: error: Failed to fetch: `https://index.example/keras/`")

    monkeypatch.setattr(resolve, "_compile", compiled)
    with pytest.raises(FeedersError, match=r"^releases add 2\.16\.2: uv can't resolve .* Failed to fetch: "):
        resolve.resolve(Wanted("2.16.2", "3.4.1", "2024-06-28"))
    assert len(tried) == 1


def test_the_newest_of_a_package_is_that_of_today(index):
    index.days["keras"]["3.99.0"] = (datetime.date.today() + datetime.timedelta(2)).isoformat()
    index.days["keras"]["3.98.0"] = datetime.date.today().isoformat()
    assert resolve.newest_version("keras") == "3.98.0"


def test_uv_is_given_the_requirements_and_what_it_prints_is_read(planted_uv):
    planted_uv.ends_with('test "$(cat)" = "keras==3.4.1" && echo keras==3.4.1 && echo numpy==2.0.0')
    assert resolve._compile(["keras==3.4.1"], "--no-deps") == ["keras==3.4.1", "numpy==2.0.0"]
    (call,) = planted_uv.calls()
    assert call.startswith("pip compile - ")
    assert call.endswith("--python-platform x86_64-manylinux_2_28 --no-deps")


def test_what_uv_complains_of_is_passed_on(planted_uv):
    planted_uv.ends_with("echo 'no wheels at all' >&2; exit 1")
    with pytest.raises(FeedersError, match=r"^uv can't resolve keras==3\.4\.1, numpy: no wheels at all$"):
        resolve._compile(["keras==3.4.1", "numpy"])


def test_without_uv_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "uv", None)
    with pytest.raises(FeedersError, match=r"not installed\. Try: pip install uv"):
        resolve.uv()


def test_further_packages_leave_the_pins_as_they_are(stack, monkeypatch):
    """Another environment, for it has other pins."""
    asked = []

    def compiled(wanted, *options):
        asked.append((wanted, options))
        return [*wanted[:-1], "opencv-python-headless==4.10.0"]

    monkeypatch.setattr(resolve, "_compile", compiled)
    more = resolve.with_packages(stack, ("opencv-python-headless",))
    assert more.pins == (*stack.pins, ("opencv-python-headless", "4.10.0"))
    assert more.digest != stack.digest
    pins = ["keras==3.4.1", "numpy==1.26.4", "tensorflow-cpu==2.16.2"]
    assert asked == [([*pins, "opencv-python-headless"], ("--python-version", "3.11"))]


def test_packages_that_do_not_go_with_the_pins_are_told(stack, monkeypatch):
    def compiled(wanted, *options):
        raise FeedersError("uv can't resolve numpy==1.26.4, numpy>=2: they\nare  incompatible")

    monkeypatch.setattr(resolve, "_compile", compiled)
    with pytest.raises(FeedersError) as error:
        resolve.with_packages(stack, ("numpy>=2",))
    assert str(error.value) == (
        "--with numpy>=2: not beside the pins of 2.16.2 (Python 3.11). uv says: they are incompatible"
    )


def test_a_package_that_is_on_no_index_is_told(stack, monkeypatch):
    """uv resolves a path or an address to a line without a version."""
    monkeypatch.setattr(resolve, "_compile", lambda wanted, *options: [*wanted[:-1], "mine @ file:///mine"])
    with pytest.raises(
        FeedersError, match=r"^--with \./mine: mine @ file:///mine is no version on the package index; "
    ):
        resolve.with_packages(stack, ("./mine",))
