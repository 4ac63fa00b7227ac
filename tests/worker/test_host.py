"""A node knows its host, keeps its id, and has its folder for itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from worker import host


def test_the_id_is_kept_and_leftovers_of_scratch_are_removed(tmp_path: Path) -> None:
    first = host.move_in(tmp_path)
    (first.scratch / "old").mkdir()
    (first.scratch / "old" / "file").write_text("x")
    with pytest.raises(host.HostError, match="FLOTILLA_NODE_DIR"):
        host.move_in(tmp_path)
    host.os.close(first.lock)
    second = host.move_in(tmp_path)
    assert second.node_id == first.node_id
    assert list(second.scratch.iterdir()) == []
    host.os.close(second.lock)


def test_a_broken_id_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "node.json").write_text("{")
    home = host.move_in(tmp_path)
    assert home.node_id in (tmp_path / "node.json").read_text()
    host.os.close(home.lock)


def test_only_what_another_life_of_the_same_folder_started_is_ended(tmp_path: Path) -> None:
    def start(folder: str, **more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
        return subprocess.Popen(command, env={"FLOTILLA_NODE_DIR": folder, **more})

    left = start(str(tmp_path), FLOTILLA_NODE_PID="1")
    others = [start(f"{tmp_path}/x", FLOTILLA_NODE_PID="1"), start(str(tmp_path))]
    try:
        assert host.end_leftovers(tmp_path) >= 1
        assert left.wait(5) == -9
        assert [each.poll() for each in others] == [None, None]
    finally:
        for each in (left, *others):
            each.kill()
            each.wait()


def test_load_is_a_share_of_the_cores() -> None:
    load = host.Load()
    assert load.cpu_percent() == 0.0
    assert 0.0 <= load.cpu_percent() <= 100.0
    assert load.used_memory_bytes() > 0
