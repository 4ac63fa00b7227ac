"""How much of this machine may runs have, when nobody says? What the process's control groups and affinity leave it.

Both versions of control groups, and every group from the process's own up to the root counts: the tightest holds. In a
container the path in /proc/self/cgroup may be the host's, which is not to be seen inside; then what is mounted is the
container's own group.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from app.wire.resources import Resources

MIB = 1024 * 1024
RESERVED_MEMORY_SHARE = 0.1
"""Of the memory stays for the node itself and the system."""
NO_LIMIT = 1 << 62
LEAST_CPU_MILLI = 100
V1_MOUNTS = {"cpu": ("cpu", "cpu,cpuacct", "cpuacct,cpu"), "memory": ("memory",)}


def capacity(root: Path = Path("/")) -> Resources:
    """`root` is where proc and sys are mounted."""
    cores = len(os.sched_getaffinity(0)) * 1000
    memory = min(_memory_total(root), _memory_limit(root))
    return Resources(
        cpu_milli=max(LEAST_CPU_MILLI, min(cores, _cpu_limit_milli(root))),
        memory_mib=int(memory * (1 - RESERVED_MEMORY_SHARE)) // MIB,
    )


def _memory_total(root: Path) -> int:
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return NO_LIMIT


def _memory_limit(root: Path) -> int:
    limits = [_number(group / "memory.max") for group in _groups(root, "")]
    limits += [_number(group / "memory.limit_in_bytes") for group in _groups(root, "memory")]
    return min(limits, default=NO_LIMIT)


def _cpu_limit_milli(root: Path) -> int:
    limits = []
    for group in _groups(root, ""):
        quota, _, period = _read(group / "cpu.max").partition(" ")
        limits.append(_share(quota, period))
    for group in _groups(root, "cpu"):
        limits.append(_share(_read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")))
    return min(limits, default=NO_LIMIT)


def _share(quota: str, period: str) -> int:
    """In thousandths of a core; `max` and -1 are no limit."""
    try:
        return int(quota) * 1000 // int(period) if int(quota) > 0 else NO_LIMIT
    except (ValueError, ZeroDivisionError):
        return NO_LIMIT


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's group and of those above it; `controller` is empty for version 2."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if (controller and controller in names.split(",")) or names == controller:
            for mount in V1_MOUNTS.get(controller, (".", "unified")):
                own = Path(path.lstrip("/"))
                for part in (own, *own.parents):
                    yield root / "sys/fs/cgroup" / mount / part


def _number(path: Path) -> int:
    try:
        return int(_read(path))
    except ValueError:
        return NO_LIMIT


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
