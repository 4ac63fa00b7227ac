"""A node has what its control groups leave it, in either version, and no more than the machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.capacity import capacity

MEMORY_KB = 8 * 1024 * 1024
CORES = len(os.sched_getaffinity(0)) * 1000
V1 = "sys/fs/cgroup/{}/docker/abc/{}"
LAYOUTS = {
    "no limit": ("0::/", {}, CORES, 8192),
    "v2, a container's own root": (
        "0::/",
        {"sys/fs/cgroup/cpu.max": "50000 100000", "sys/fs/cgroup/memory.max": "1073741824"},
        500,
        1024,
    ),
    "v2, the tightest of a service and its slice": (
        "0::/system.slice/flotilla.service",
        {
            "sys/fs/cgroup/system.slice/flotilla.service/cpu.max": "max 100000",
            "sys/fs/cgroup/system.slice/cpu.max": "25000 100000",
            "sys/fs/cgroup/system.slice/flotilla.service/memory.max": "2147483648",
            "sys/fs/cgroup/system.slice/memory.max": "max",
        },
        250,
        2048,
    ),
    "v1": (
        "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc",
        {
            V1.format("cpu,cpuacct", "cpu.cfs_quota_us"): "70000",
            V1.format("cpu,cpuacct", "cpu.cfs_period_us"): "100000",
            V1.format("memory", "memory.limit_in_bytes"): "536870912",
        },
        700,
        512,
    ),
    "v1, where the path is the host's": (
        "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc",
        {
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912",
        },
        CORES,
        512,
    ),
    "a hybrid": (
        "4:memory:/\n0::/x",
        {
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
            "sys/fs/cgroup/unified/x/cpu.max": "1 10",
        },
        100,
        8192,
    ),
    "files that say nothing": ("0::/", {"sys/fs/cgroup/cpu.max": "x", "sys/fs/cgroup/memory.max": ""}, CORES, 8192),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_tightest_limit_holds(layout: str, tmp_path: Path) -> None:
    groups, files, cpu_milli, memory_mib = LAYOUTS[layout]
    for name, text in {"proc/self/cgroup": groups, "proc/meminfo": f"MemTotal: {MEMORY_KB} kB\n", **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    found = capacity(tmp_path)
    assert found.cpu_milli == min(cpu_milli, CORES)
    assert found.memory_mib == int(memory_mib * 0.9)


def test_this_machine_has_something() -> None:
    found = capacity()
    assert 0 < found.cpu_milli <= CORES
    assert found.memory_mib > 64


@pytest.fixture
def group() -> Iterator[dict[str, Path]]:
    """Control groups of this test, with half a core and 256 MB: one of version 2, or one each of version 1."""
    base, name = Path("/sys/fs/cgroup"), f"flotilla-test-{os.getpid()}"
    v2 = (base / "cgroup.controllers").exists()
    made = {"": base / name} if v2 else {kind: base / kind / name for kind in ("cpu", "memory")}
    limits = (
        {base / name / "cpu.max": "50000 100000", base / name / "memory.max": str(256 << 20)}
        if v2
        else {
            base / "cpu" / name / "cpu.cfs_quota_us": "50000",
            base / "memory" / name / "memory.limit_in_bytes": str(256 << 20),
        }
    )
    try:
        try:
            for folder in made.values():
                folder.mkdir()
            for path, text in limits.items():
                path.write_text(text)
        except OSError as problem:
            pytest.skip(f"control groups cannot be made here: {problem}")
        yield made
    finally:
        for folder in made.values():
            if folder.exists():
                folder.rmdir()


def test_a_process_inside_a_real_control_group_finds_its_limits(group: dict[str, Path]) -> None:
    enter = "".join(f"open({str(folder / 'cgroup.procs')!r}, 'w').write('0');" for folder in group.values())
    program = (
        f"{enter}from worker.capacity import capacity; found = capacity(); print(found.cpu_milli, found.memory_mib)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["500", str(int(256 * 0.9))]
