"""How much memory and disk there is: what the system has free, within the limits that a cluster sets."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

GB, MB = 10**9, 10**6


@dataclass(frozen=True)
class _Groups:
    """Where one version of Linux control groups keeps limits, usage and the part that can be given back."""

    base: str
    limit: str
    usage: str
    reclaimable: str


_V1 = _Groups("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_V2 = _Groups("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file")


def free_memory(root: Path = Path("/")) -> int | None:
    """Return the bytes that this process may still take, or None if the system does not tell.

    The least of what the system has available and of what each control group (v1 or v2; SLURM and
    containers set them) leaves. Where only the size of the memory is known (macOS), that is returned.

    Args:
        root: where ``proc`` and ``sys`` lie.
    """
    known = [_available(root), *_left_in_groups(root)]
    return min((n for n in known if n is not None), default=None)


def free_disk(folder: Path) -> int:
    """Return the free bytes on the disk on which ``folder`` lies or would be made."""
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    return shutil.disk_usage(there).free


def in_gb(size: float) -> str:
    """Return a number of bytes for people, in GB; of little, in MB."""
    return f"{size / GB:.3g} GB" if size >= GB / 10 or not size else f"{size / MB:.3g} MB"


def _available(root: Path) -> int | None:
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _left_in_groups(root: Path) -> Iterator[int]:
    for line in _lines(root / "proc/self/cgroup"):
        number, controllers, path = line.split(":", 2)
        groups = _V1 if "memory" in controllers.split(",") else _V2 if number == "0" else None
        if groups is None:
            continue
        base = root / groups.base
        own = base / path.strip("/")
        # A limit may be set on any group above; in a container the path may lie outside what is mounted.
        for folder in dict.fromkeys((own, *(p for p in own.parents if p.is_relative_to(base)), base)):
            yield from _left(folder, groups)


def _left(folder: Path, groups: _Groups) -> Iterator[int]:
    limit, usage = (_lines(folder / name) for name in (groups.limit, groups.usage))
    if not limit or not usage or limit[0] == "max":
        return
    statistics = dict(line.split() for line in _lines(folder / "memory.stat"))
    reclaimable = int(statistics.get(groups.reclaimable, 0))
    yield max(0, int(limit[0]) - int(usage[0]) + reclaimable)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
