"""The line of progress: on a terminal alone, with the time that is needed yet."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from feeders import terminal
from feeders.terminal import Progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still at `now`."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(terminal, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


class Screen(io.StringIO):
    """Stands for a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def shown(monkeypatch):
    """What a terminal has been shown, each text in the place of the one before."""
    screen = Screen()
    monkeypatch.setattr(terminal, "sys", SimpleNamespace(stderr=screen))
    return lambda: screen.getvalue().split("\r\033[K")[1:]


@pytest.mark.parametrize(
    ("seconds", "share", "line"),
    [
        (30, 0.0, "  30 s  pair 1"),
        (30, 0.5, "  30 s  pair 1; needs 30 s more at least"),
        (30, 0.25, "  30 s  pair 1; needs 2 min more at least"),
        (3000, 0.25, "3000 s  pair 1; needs 150 min more at least"),
        (30, 1.0, "  30 s  pair 1; needs 0 s more at least"),
    ],
)
def test_the_time_that_is_needed_yet_follows_from_the_share(clock, shown, seconds, share, line):
    with Progress() as progress:
        clock.now += seconds
        progress.say("pair 1", share)
    assert shown() == [line, ""]


def test_what_stays_takes_the_place_of_the_line(clock, shown):
    with Progress() as progress:
        progress.say("pair 1")
        progress.print("pair 1: done")
        progress.say("pair 2")
    assert shown() == ["   0 s  pair 1", "pair 1: done\n", "   0 s  pair 2", ""]


def test_elsewhere_only_what_stays_is_printed(capsys):
    with Progress() as progress:
        progress.say("pair 1", 0.5)
        progress.print("pair 1: done")
    assert capsys.readouterr() == ("", "pair 1: done\n")
