from __future__ import annotations

import os
import shutil

import pytest
from PIL import Image

from feeders.errors import FeedersError
from feeders.loaders import workload
from feeders.loaders._images import PHOTOGRAPHS


@pytest.fixture
def own(tmp_path, empty_cache, monkeypatch):
    folder = tmp_path / "holiday"
    folder.mkdir()
    monkeypatch.setenv("FEEDERS_IMAGES", str(folder))
    return folder


def refusal():
    with pytest.raises(FeedersError) as caught:
        workload("jpeg").open()
    return str(caught.value)


def save(path, size, mode="RGB", **kwargs):
    with Image.open(PHOTOGRAPHS / "coffee.jpg") as photograph:
        photograph.resize(size).convert(mode).save(path, **kwargs)


def test_photographs_of_this_package_are_small_and_accounted_for():
    """Each has its row of author, licence and source."""
    table = (PHOTOGRAPHS / "README.md").read_text(encoding="utf-8")
    files = sorted(PHOTOGRAPHS.glob("*.jpg"))
    assert files
    assert all(f"| `{path.name}` |" in table for path in files)
    assert all(path.stat().st_size <= 120_000 for path in files)
    assert sum(path.stat().st_size for path in files) <= 600_000


def test_no_such_folder(own, monkeypatch):
    own.rmdir()
    assert refusal() == (
        f"FEEDERS_IMAGES={own}: nothing at {own}; expected a folder with JPEG photographs. "
        "Try its full path, or unset FEEDERS_IMAGES for the built-in photographs."
    )


def test_a_file_is_no_folder(own):
    own.rmdir()
    own.write_text("")
    assert f"FEEDERS_IMAGES={own}: a file at {own}; expected a folder" in refusal()


def test_empty_folder(own):
    assert refusal() == (
        f"FEEDERS_IMAGES={own}: none of its 0 files is usable, 0 are named *.jpg or *.jpeg; expected at least one RGB "
        "or grey JPEG photograph of 96x96 pixels or more. Try another folder, or unset FEEDERS_IMAGES for the built-in "
        "photographs."
    )


def test_folder_of_text_files(own):
    for name in ("a.txt", "b.md", "c.csv"):
        (own / name).write_text("words")
    assert "none of its 3 files is usable, 0 are named *.jpg or *.jpeg; expected" in refusal()


def test_photographs_that_cannot_be_used_are_counted_by_reason(own, empty_cache):
    save(own / "whole.jpg", (300, 200))
    (own / "cut.jpg").write_bytes((own / "whole.jpg").read_bytes()[:3000])
    (own / "whole.jpg").rename(own / "whole.txt")
    (own / "words.jpeg").write_text("words")
    (own / "nowhere.jpg").symlink_to(own / "gone")
    save(own / "small.jpg", (300, 95))
    save(own / "drawing.jpg", (300, 200), format="PNG")
    save(own / "print.jpg", (300, 200), mode="CMYK")
    text = refusal()
    assert "none of its 7 files is usable, 6 are named" in text
    assert "; skipped: 3 broken or unreadable, 2 not an RGB or grey JPEG inside, 1 smaller than 96x96 pixels;" in text
    assert [path.name for path in empty_cache.iterdir()] == [".lock"]


def test_one_good_photograph_fills_the_epoch(own, empty_cache, opened):
    """It is cropped at many places, and the cache holds no copy of it."""
    (own / "trip").mkdir()
    save(own / "trip" / "good.JPG", (400, 300), format="JPEG")
    material = opened("jpeg")
    assert material.note == f"FEEDERS_IMAGES={own}: 1 of 1 photographs used"
    x, y = material.batch(0, 0)
    assert x.shape == (16, 96, 96, 3)
    assert (y[:, 0] == 0).all()
    assert material.classes == 2
    assert len(set(material.checksums.tolist())) > 380
    assert not list(empty_cache.rglob("*.[jJ][pP]*"))


def test_mixed_sizes_with_some_too_small(own_images, opened):
    """Labels are the subfolders; what was skipped is told."""
    material = opened("jpeg")
    assert material.note.endswith(": 4 of 5 photographs used; skipped: 1 smaller than 96x96 pixels")
    x, y = material.batch(0, 0)
    assert x.shape == (16, 96, 96, 3)
    assert set(y[:, 0].tolist()) == {0, 1}
    assert abs(x).max() <= 1


def test_a_persons_folder_is_only_read(own_images, opened):
    before = sorted((str(path), path.stat().st_mtime_ns) for path in own_images.rglob("*"))
    opened("jpeg")
    assert sorted((str(path), path.stat().st_mtime_ns) for path in own_images.rglob("*")) == before


def test_material_follows_the_folders_content(own, opened):
    """A photograph added, renamed, rewritten or touched makes other material."""
    save(own / "a.jpg", (200, 200))
    folders = [opened("jpeg").folder]
    shutil.copy2(own / "a.jpg", own / "b.jpg")
    folders.append(opened("jpeg").folder)
    (own / "b.jpg").rename(own / "c.jpg")
    folders.append(opened("jpeg").folder)
    save(own / "c.jpg", (201, 200))
    folders.append(opened("jpeg").folder)
    os.utime(own / "c.jpg", (1, 1))
    folders.append(opened("jpeg").folder)
    assert len(set(folders)) == 5
    assert opened("jpeg").folder == folders[-1]


def test_builtin_photographs_come_in_several_sizes(opened):
    """So that cropping has to look at each."""
    material = opened("jpeg")
    sizes = set()
    for path in material.paths[:30]:
        with Image.open(path) as image:
            sizes.add(image.size)
    assert len(sizes) > 5
    assert material.note == ""
