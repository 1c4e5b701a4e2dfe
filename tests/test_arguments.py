"""What command lines take is read as it is meant, or refused with what was expected."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

import pytest

from feeders.commands.arguments import count, counts, names, seconds, writable
from feeders.errors import FeedersError


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (count, "1", 1),
        (count, "40", 40),
        (counts, "1,2,40", [1, 2, 40]),
        (names, "text", ["text"]),
        (names, " text, remote,,", ["text", "remote"]),
        (names, "", []),
        (seconds, "60", 60.0),
        (seconds, "0.5", 0.5),
    ],
)
def test_what_is_meant_is_read(read, text, value):
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "wrong"),
    [
        *((count, text, text) for text in ("0", "-1", "1.5", "x", "", "²", "1,2")),
        *((counts, text, wrong) for text, wrong in (("1,0", "0"), ("1,", ""), ("1, 2", " 2"))),
    ],
)
def test_what_is_no_count_is_quoted(read, text, wrong):
    with pytest.raises(argparse.ArgumentTypeError, match=f"^{re.escape(repr(wrong))}: expected a whole number from 1$"):
        read(text)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e6", "soon", ""])
def test_what_is_no_time_is_quoted(text):
    with pytest.raises(argparse.ArgumentTypeError, match=f"^{text!r}: expected a number of seconds above 0$"):
        seconds(text)


def test_a_file_is_refused_before_anything_runs_where_it_could_not_be_written(tmp_path, monkeypatch):
    """An hour of measuring must not end with a path that can't be."""
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    os.mkfifo("pipe")
    for path in ("new.json", "folder/new.json", tmp_path / "new.json", "pipe"):
        writable(Path(path))
    with pytest.raises(FeedersError, match=r"^--json no/new\.json: no such folder\. Try: one that is there$"):
        writable(Path("no/new.json"))
    with pytest.raises(FeedersError, match=r"^--json folder: a folder; expected the path of a file\. Try: folder/"):
        writable(Path("folder"))
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != "folder")  # whoever runs the tests may be root
    writable(Path("new.json"))
    with pytest.raises(FeedersError, match=r"^-o folder/new\.html: nothing can be written in its folder\. Try: anoth"):
        writable(Path("folder/new.html"), "-o", "page.html")
    assert list(tmp_path.rglob("*.json")) == []
