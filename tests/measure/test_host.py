"""What a container leaves of its host: it sees all of it, and is stopped or killed if it takes more than its part."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from feeders.measure import host
from feeders.measure.host import free_memory, granted_cores, usable_cores

GB = 1 << 30
HOST = 100 * GB


@pytest.fixture
def container(tmp_path, monkeypatch):
    """Lay out the files of a container on a host with 8 cores and 100 GiB free."""

    def laid_out(files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)

    monkeypatch.setattr(host, "CGROUP", tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(host.psutil, "virtual_memory", lambda: SimpleNamespace(available=HOST))
    return laid_out


@pytest.mark.parametrize(
    ("files", "cores", "granted"),
    [
        ({}, 8, 8),
        ({"cpu.max": "max 100000\n"}, 8, 8),
        ({"cpu.max": "150000 100000\n"}, 2, 1.5),
        ({"cpu.max": "5000 100000\n"}, 1, 0.05),
        ({"cpu.max": "6400000 100000\n"}, 8, 8),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4, 4),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8, 8),
    ],
)
def test_cores_are_what_the_quota_is_worth(container, files, cores, granted):
    """A limit by all cores of the host would be one that nothing there can come near to."""
    container(files)
    assert (usable_cores(), granted_cores()) == (cores, granted)


@pytest.mark.parametrize(
    ("limit", "free"),
    [("16106127360\n", 11 * GB), ("max\n", HOST), (f"{200 * GB}\n", HOST), (f"{3 * GB}\n", 0)],
)
def test_memory_is_what_the_limit_leaves(container, limit, free):
    """Pages of files that were not used lately are no use: the system takes them back."""
    table = f"anon 1\ninactive_file {2 * GB}\n"
    container({"memory.max": limit, "memory.current": f"{6 * GB}\n", "memory.stat": table})
    assert free_memory() == free


@pytest.mark.parametrize(("limit", "free"), [(15 * GB, 11 * GB), (9223372036854771712, HOST)])
def test_memory_is_limited_by_version_1_too(container, limit, free):
    container(
        {
            "memory/memory.limit_in_bytes": f"{limit}\n",
            "memory/memory.usage_in_bytes": f"{6 * GB}\n",
            "memory/memory.stat": f"inactive_file 0\ntotal_inactive_file {2 * GB}\n",
        }
    )
    assert free_memory() == free


def test_memory_of_a_host_without_containers_is_what_it_has_free(container):
    assert free_memory() == HOST
