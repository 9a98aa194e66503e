import os

import pytest

from wiringup.core.memory import free_disk, free_memory, in_gb

GIB = 2**30


def system(root, cgroup: str, files: dict[str, str]):
    """A root folder with 8 GiB available and the given control groups."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable: {8 * GIB // 1024} kB\n")
    (root / "proc/self/cgroup").write_text(cgroup)
    for name, content in files.items():
        (root / "sys/fs/cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "sys/fs/cgroup" / name).write_text(content)
    return root


def group(prefix: str, limit: int | str, usage: int, inactive: int, v1: bool = False) -> dict[str, str]:
    names = ("limit_in_bytes", "usage_in_bytes") if v1 else ("max", "current")
    statistic = "total_inactive_file" if v1 else "inactive_file"
    return {
        f"{prefix}memory.{names[0]}": f"{limit}\n",
        f"{prefix}memory.{names[1]}": f"{usage}\n",
        f"{prefix}memory.stat": f"anon 7\n{statistic} {inactive}\n",
    }


def test_without_a_limit_it_is_what_the_system_has(tmp_path):
    root = system(tmp_path, "0::/user\n", group("user/", "max", 3 * GIB, 0))
    assert free_memory(root) == 8 * GIB


def test_version_2_groups_limit_and_file_pages_can_be_given_back(tmp_path):
    root = system(tmp_path, "0::/job/step\n", group("job/step/", 4 * GIB, 3 * GIB, GIB // 2))
    assert free_memory(root) == 1.5 * GIB


def test_a_limit_on_a_group_above_counts(tmp_path):
    files = group("job/step/", "max", GIB, 0) | group("job/", 2 * GIB, GIB, 0)
    assert free_memory(system(tmp_path, "0::/job/step\n", files)) == GIB


def test_version_1_groups_limit(tmp_path):
    lines = "5:cpu,cpuacct:/job\n4:memory:/job\n0::/\n"
    root = system(tmp_path, lines, group("memory/job/", 2 * GIB, 3 * GIB // 2, GIB // 4, v1=True))
    assert free_memory(root) == 0.75 * GIB


def test_in_a_container_the_group_lies_at_the_mount(tmp_path):
    root = system(tmp_path, "0::/docker/abc\n", group("", 3 * GIB, GIB, 0))
    assert free_memory(root) == 2 * GIB


def test_nothing_is_free_beyond_the_limit(tmp_path):
    assert free_memory(system(tmp_path, "0::/a\n", group("a/", GIB, 2 * GIB, 0))) == 0


def test_without_proc_it_is_the_size_of_the_memory_or_unknown(tmp_path, monkeypatch):
    assert free_memory(tmp_path) == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    monkeypatch.delattr(os, "sysconf")
    assert free_memory(tmp_path) is None


def test_this_machine_answers(tmp_path):
    assert 0 < free_memory() < 2**50
    assert free_disk(tmp_path / "not" / "there") == pytest.approx(free_disk(tmp_path), rel=0.1)


def test_sizes_are_told_in_gb():
    assert [in_gb(n) for n in (4.6e9, 12e6, 0)] == ["4.6 GB", "12 MB", "0 GB"]
