"""A cache of the test run's own, so that no test reads or fills the person's."""

from __future__ import annotations

import pytest
from PIL import Image

from feeders.loaders import Workload, workload
from feeders.loaders._images import PHOTOGRAPHS


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache_of_the_run(shared_cache, monkeypatch):
    monkeypatch.setenv("FEEDERS_CACHE", str(shared_cache))
    monkeypatch.delenv("FEEDERS_IMAGES", raising=False)


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """For tests that make, damage or forbid material."""
    folder = tmp_path / "own cache"
    monkeypatch.setenv("FEEDERS_CACHE", str(folder))
    return folder


@pytest.fixture
def opened():
    """Open a workload, by row or name, with batches of a size, and close it after the test."""
    materials = []

    def opened(row, batch_size=None):
        row = row if isinstance(row, Workload) else workload(row)
        materials.append(row.of_batch(batch_size).open())
        return materials[-1]

    yield opened
    for material in materials:
        material.close()


@pytest.fixture
def own_images(tmp_path, empty_cache, monkeypatch):
    """A person's folder: two subfolders, colour and grey, odd sizes, one too small."""
    folder = tmp_path / "photographs"
    with Image.open(PHOTOGRAPHS / "chelsea.jpg") as photograph:
        for name, size, mode in (
            ("cats/wide.jpg", (451, 97), "RGB"),
            ("cats/exact.jpeg", (96, 96), "RGB"),
            ("cats/tiny.jpg", (95, 400), "RGB"),
            ("grey/tall.JPG", (101, 313), "L"),
            ("grey/big.jpg", (640, 480), "L"),
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            photograph.resize(size).convert(mode).save(folder / name, format="JPEG")
    monkeypatch.setenv("FEEDERS_IMAGES", str(folder))
    return folder
