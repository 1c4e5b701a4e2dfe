"""What containers and jobs leave of a host: they see all of it, and are stopped or killed if they take more."""

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

    def laid_out(files, groups="4:cpu,cpuacct:/docker/a1\n3:memory:/docker/a1\n1:name=systemd:/\n0::/\n"):
        (tmp_path / "groups").write_text(groups)
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)

    monkeypatch.setattr(host, "GROUPS", tmp_path / "groups")
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


def in_use(limit, below=""):
    """The files of a group that holds 6 GiB, of which 2 GiB are pages of files that were not used lately."""
    table = f"anon 1\ninactive_file {2 * GB}\n"
    return {f"{below}memory.max": f"{limit}\n", f"{below}memory.current": f"{6 * GB}\n", f"{below}memory.stat": table}


@pytest.mark.parametrize(("limit", "free"), [(15 * GB, 11 * GB), ("max", HOST), (200 * GB, HOST), (3 * GB, 0)])
def test_memory_is_what_the_limit_leaves(container, limit, free):
    container(in_use(limit))
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


def test_the_least_of_all_groups_above_counts(container):
    """A scheduler limits a job, and its steps are groups below that."""
    files = {"slurm/job/cpu.max": "200000 100000", "slurm/job/step/cpu.max": "max 100000"}
    files.update({**in_use("max", "slurm/job/step/"), **in_use(15 * GB, "slurm/job/"), **in_use(20 * GB, "slurm/")})
    container(files, "0::/slurm/job/step\n")
    assert (granted_cores(), free_memory()) == (2, 11 * GB)
    container({}, "0::/../job/step\n")
    assert (granted_cores(), free_memory()) == (8, HOST)


def test_a_host_without_groups_gives_all(container):
    assert (granted_cores(), free_memory()) == (8, HOST)
