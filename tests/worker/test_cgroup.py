"""Control groups limit runs where this user may make them, in version 1 and 2."""

import os
from pathlib import Path

import pytest

from worker import cgroup


def unified(folder: Path, controllers: str) -> Path:
    (folder / "cgroup.controllers").write_text(controllers)
    return folder


def test_a_node_makes_room_in_the_group_that_was_given_to_it(tmp_path: Path) -> None:
    assert cgroup.share(str(unified(tmp_path, "cpu memory pids")))
    assert (tmp_path / cgroup.LEAF / "cgroup.procs").read_text() == str(os.getpid())
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +cpu +pids"


def test_a_group_without_controllers_is_left_alone(tmp_path: Path) -> None:
    assert not cgroup.share(str(unified(tmp_path, "")))
    assert not (tmp_path / cgroup.LEAF).exists()


def test_a_group_that_others_are_in_is_left_again(tmp_path: Path) -> None:
    (unified(tmp_path, "memory") / "cgroup.subtree_control").mkdir()
    assert not cgroup.share(str(tmp_path))
    assert (tmp_path / "cgroup.procs").read_text() == str(os.getpid())


@pytest.mark.skipif(not os.access("/sys/fs/cgroup/memory", os.W_OK), reason="no writable control groups of version 1")
def test_a_group_of_version_1_is_left_clean() -> None:
    name = f"flotilla-test-{os.getpid()}"
    pid = os.fork()
    if pid == 0:
        group = cgroup.Group(name)
        group.limit(memory_bytes=64 << 20, cpu_milli=500)
        ok = group.memory and not group.killed() and group.peak() >= 0
        group.leave()
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert not [base for base in cgroup.bases() if os.path.exists(f"{base}/{name}")]
