"""Processes that are kept alive, and ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.cli import children
from app.cli.children import Child, Program, end
from tests.wait import wait_until

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
PARENT = """
import os, sys, time
from pathlib import Path
from app.cli.children import Child, Program
child = Child(program=Program(name="x", command=("sleep", "60"), environ=dict(os.environ)), log=Path(sys.argv[1]))
child.start()
print(child.pid, flush=True)
time.sleep(60)
"""


Make = Callable[..., Child]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Child] = []

    def one(*command: str) -> Child:
        program = Program(name=f"c{len(made)}", command=command, environ=dict(os.environ))
        made.append(Child(program=program, log=tmp_path / f"c{len(made)}.log"))
        made[-1].start()
        return made[-1]

    yield one
    end(made, 0, lambda: True)


def test_a_child_that_ends_is_started_again_at_once_then_with_growing_pauses(make: Make) -> None:
    child = make("false")
    pauses = []
    for _ in range(4):
        wait_until(child.ended)
        now = time.monotonic()
        assert child.step(now) == 1
        pauses.append(child.start_again_at - now)
        if child.process is None:
            assert child.step(child.start_again_at) is None
    assert pauses == pytest.approx([0.0, 0.5, 1.0, 2.0])


def test_a_child_that_was_steady_starts_its_pauses_anew(make: Make) -> None:
    child = make("true")
    child.falls = 5
    assert wait_until(lambda: child.ended())
    assert child.step(time.monotonic() + children.STEADY_S) == 0
    assert child.falls == 0


def test_its_output_is_in_its_log(make: Make) -> None:
    child = make("sh", "-c", "echo out; echo err >&2")
    wait_until(child.ended)
    assert child.tail() == "out\nerr"


def test_a_log_is_bounded_and_goes_on_after_the_cut(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "LARGEST_LOG", 1000)
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    child = make("sh", "-c", f"yes | head -c 2000; read x < {gate}; echo more; exec sleep 60")
    wait_until(lambda: child.log.stat().st_size >= 2000)
    child.step(time.monotonic())
    assert child.log.stat().st_size == 0
    assert child.log.with_suffix(".log.1").stat().st_size == 2000
    gate.write_text("go\n")
    wait_until(lambda: child.log.read_text() == "more\n")


def test_it_has_a_process_group_of_its_own(make: Make) -> None:
    child = make("sleep", "60")
    assert os.getpgid(child.pid) == child.pid != os.getpgid(0)


def test_ending_asks_first_and_kills_who_does_not_listen(make: Make) -> None:
    polite, stubborn = make("sleep", "60"), make(sys.executable, "-c", STUBBORN)
    wait_until(lambda: stubborn.log.exists() and "on" in stubborn.log.read_text())
    assert end([polite, stubborn], 0.3, lambda: False) == [stubborn.program.name]
    assert polite.process.returncode == -signal.SIGTERM
    assert stubborn.process.returncode == -signal.SIGKILL


def test_a_hurried_end_waits_for_nobody(make: Make) -> None:
    stubborn = make(sys.executable, "-c", STUBBORN)
    wait_until(lambda: "on" in stubborn.log.read_text())
    began = time.monotonic()
    end([stubborn], 60, lambda: True)
    assert time.monotonic() - began < 5


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's help is Linux's")
def test_children_die_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    pid = int(parent.stdout.readline())
    assert psutil.pid_exists(pid)
    parent.kill()
    parent.wait()
    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
