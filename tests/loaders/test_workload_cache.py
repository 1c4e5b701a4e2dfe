from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import feeders
from feeders.errors import FeedersError
from feeders.loaders import cache, workload
from feeders.loaders.cache import Recipe

ROOT = Path(feeders.__file__).parents[1]


def write_two(folder):
    (folder / "a.bin").write_bytes(b"a" * 1000)
    (folder / "b.bin").write_bytes(b"b" * 10)


RECIPE = Recipe("two-1", write_two, 1010)


def child(code, **kwargs):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, text=True, **kwargs)


def visible(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def message(call, *arguments):
    with pytest.raises(FeedersError) as caught:
        call(*arguments)
    return str(caught.value)


@pytest.fixture
def made(empty_cache):
    return cache.folder(RECIPE)


def test_manifest_lists_sizes_and_sums(made):
    manifest = json.loads((made / "manifest.json").read_text())
    assert manifest["recipe"] == "two-1"
    sums = {name: hashlib.sha256((made / name).read_bytes()).hexdigest() for name in ("a.bin", "b.bin")}
    assert manifest["files"] == {
        "a.bin": {"size": 1000, "sha256": sums["a.bin"]},
        "b.bin": {"size": 10, "sha256": sums["b.bin"]},
    }
    cache.verify(made)


def test_made_once(made):
    """A second call must not even try."""
    assert cache.folder(Recipe("two-1", lambda folder: pytest.fail("made again"), 0)) == made


def test_truncated_file_is_reported_with_both_sizes(made):
    with (made / "a.bin").open("r+b") as file:
        file.truncate(400)
    for call in (lambda: cache.folder(RECIPE), lambda: cache.verify(made)):
        assert message(call) == (
            "two-1: a.bin has 400 bytes; expected 1000 bytes. It was truncated or altered after it was made. "
            f"Delete the folder {made} and run this again: it will be made anew."
        )


def test_missing_file_is_reported(made):
    (made / "b.bin").unlink()
    assert "two-1: b.bin is missing; expected 10 bytes." in message(cache.folder, RECIPE)


def test_altered_file_of_the_same_size_is_reported(made):
    (made / "a.bin").write_bytes(b"x" * 1000)
    cache.folder(RECIPE)
    text = message(cache.verify, made)
    assert "two-1: a.bin has sha256 " in text
    assert "; expected sha256 " in text
    assert f"Delete the folder {made}" in text


def test_altered_manifest_is_reported(made):
    """Without this, a manifest that lists nothing would let everything pass."""
    path = made / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "files": {}}))
    assert "two-1: manifest.json does not match its own digest; expected what was written" in message(
        cache.folder, RECIPE
    )


@pytest.mark.parametrize("content", ["", "{}", "[]", "{", '{"files": 3}', "\xff"])
def test_unreadable_manifest_is_reported(made, content):
    (made / "manifest.json").write_bytes(content.encode("latin-1"))
    text = message(cache.folder, RECIPE)
    assert "two-1: manifest.json can't be read (" in text
    assert "expected the list of the folder's files" in text


def test_folder_without_manifest_is_not_taken_for_material(empty_cache):
    (empty_cache / "two-1").mkdir(parents=True)
    assert "manifest.json can't be read (FileNotFoundError" in message(cache.folder, RECIPE)


def test_workload_reports_damage_by_sizes_when_opened_and_by_content_when_made_ready(empty_cache):
    folder = workload("window").material()
    series = (folder / "series.npy").read_bytes()
    (folder / "series.npy").write_bytes(series[:-8] + b"\1" * 8)
    cache.verify.cache_clear()
    assert "window-1: series.npy has sha256" in message(workload("window").material)
    (folder / "series.npy").write_bytes(series[:-1])
    assert f"series.npy has {len(series) - 1} bytes; expected {len(series)} bytes" in message(workload("window").open)


def test_damaged_content_gets_no_checksums(empty_cache, monkeypatch):
    """Else the table would call the damage right."""
    folder = cache.folder(workload("window").kind.recipe())
    series = (folder / "series.npy").read_bytes()
    (folder / "series.npy").write_bytes(series[:-8] + b"\1" * 8)
    assert "series.npy has sha256" in message(workload("window").open)
    assert visible(empty_cache) == ["window-1"]


def test_checksums_belong_to_the_versions_that_made_the_content(empty_cache, monkeypatch):
    """Another numpy or libjpeg may make other content; it gets its own table."""
    workload("window").open()
    monkeypatch.setattr(np, "__version__", "0.0")
    workload("window").open()
    assert len([name for name in visible(empty_cache) if "checksums" in name]) == 2


def test_creation_that_was_killed_is_never_used_and_is_cleaned_up(empty_cache):
    code = (
        "import os, signal\n"
        "from feeders.loaders import cache\n"
        "def write(folder):\n"
        "    (folder / 'a.bin').write_bytes(b'a' * 500)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "cache.folder(cache.Recipe('two-1', write, 1010))\n"
    )
    assert child(code).wait() == -signal.SIGKILL
    assert visible(empty_cache) == [".two-1.part"]
    made = cache.folder(RECIPE)
    assert visible(empty_cache) == ["two-1"]
    assert (made / "a.bin").stat().st_size == 1000


def test_four_processes_at_once_make_it_once(empty_cache, tmp_path):
    code = (
        "import sys, pathlib\n"
        "from feeders.loaders import cache\n"
        f"log = pathlib.Path({str(tmp_path / 'log')!r})\n"
        "def write(folder):\n"
        "    with log.open('a') as file: file.write('made\\n')\n"
        "    for number in range(50): (folder / f'{number}.bin').write_bytes(b'x' * 1000)\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "made = cache.folder(cache.Recipe('many-1', write, 50000))\n"
        "cache.verify(made)\n"
        "print(made)\n"
    )
    processes = [child(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 4
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate()[0].strip() for process in processes]
    assert answers == [str(empty_cache / "many-1")] * 4
    assert (tmp_path / "log").read_text() == "made\n"
    assert visible(empty_cache) == ["many-1"]


def full_disk(*arguments, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_full_disk_leaves_nothing_and_says_how_much_is_needed(empty_cache, monkeypatch):
    monkeypatch.setattr(np, "save", full_disk)
    text = message(workload("window").material)
    assert f"window-1: can't be made in {empty_cache} ([Errno 28] No space left on device; " in text
    assert " bytes free); expected a folder that can be written, with 6,000,000 bytes free." in text
    assert text.endswith("Try FEEDERS_CACHE=DIR with another folder.")
    assert visible(empty_cache) == []


def test_free_space_that_cannot_be_asked_is_called_unknown(empty_cache, monkeypatch):
    monkeypatch.setattr(np, "save", full_disk)
    monkeypatch.setattr(cache.shutil, "disk_usage", full_disk)
    assert "No space left on device; free space unknown)" in message(workload("window").material)


def test_folder_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FEEDERS_CACHE", str(tmp_path / "file" / "cache"))
    text = message(cache.folder, RECIPE)
    assert f"two-1: can't be made in {tmp_path}/file/cache ([Errno 20] Not a directory" in text
    assert "1,010 bytes free. Try FEEDERS_CACHE=DIR" in text


def test_any_other_failure_leaves_nothing_either(empty_cache):
    def fail(folder):
        write_two(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.folder(Recipe("two-1", fail, 0))
    assert visible(empty_cache) == []


def test_default_is_the_users_cache_folder(monkeypatch):
    monkeypatch.delenv("FEEDERS_CACHE")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache.root() == Path("/home/ada/.cache/keras-feeders")
    monkeypatch.setenv("XDG_CACHE_HOME", "/scratch/ada")
    assert cache.root() == Path("/scratch/ada/keras-feeders")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache.root() == Path("/home/ada/Library/Caches/keras-feeders")
    monkeypatch.setenv("FEEDERS_CACHE", "~/feeders")
    assert cache.root() == Path("/home/ada/feeders")


def test_material_needs_no_more_than_it_says(shared_cache):
    """The message about a full disk promises it."""
    for name in ("window", "text", "jpeg", "records", "remote"):
        folder = workload(name).material()
        assert sum(path.stat().st_size for path in folder.iterdir()) <= workload(name).kind.needed
