"""The fleet as the tools of Celery see it: `inspect ping` and Flower. It is a Celery fleet, so they work unchanged."""

import contextlib
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from app.cli.machine import next_free
from tests.e2e.fleet import Fleet
from tests.e2e.jobs import noop
from tests.wait import wait_until

pytest.importorskip("flower")

FIRST_PORT = 15555
PATIENCE_S = 40.0
PROCFILE = Path(__file__).parents[2] / "Procfile"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two nodes, and a Flower that `up` looks after."""
    options = ("--nodes", "2", "--cpus", "2", "--memory", "1024", "--flower")
    made = Fleet(tmp_path_factory.mktemp("fleet") / "data", *options, FLOWER_UNAUTHENTICATED_API="true")
    try:
        yield made.start()
    finally:
        made.remove()


@pytest.fixture(scope="module")
def environ(fleet: Fleet) -> Mapping[str, str]:
    """What a person beside the fleet would set: where its broker is."""
    broker = psutil.Process(fleet.children()["node-1"]).environ()["FLOTILLA_BROKER_URL"]
    assert broker.startswith("redis+socket://")
    return {**os.environ, "FLOTILLA_BROKER_URL": broker, "FLOWER_UNAUTHENTICATED_API": "true"}


def answer(url: str) -> Callable[[], Any]:
    """What is there; nothing while there is nobody."""

    def ask() -> Any:
        with contextlib.suppress(requests.RequestException, ValueError):
            return requests.get(url, timeout=10).json()
        return None

    return ask


def check(fleet: Fleet, url: str) -> None:
    """Flower at `url` lists both nodes, and shows what they work on."""
    workers = answer(f"{url}/api/workers")
    found = wait_until(lambda: len(got := workers() or {}) == 2 and got, PATIENCE_S, workers)
    assert sorted(name.partition("@")[0] for name in found) == ["node-1", "node-2"]
    fails = {"name": "bad", "executor": "command", "payload": {"argv": ["sh", "-c", "exit 3"]}}
    inner = {"executor": "python", "payload": {"callable": "noop"}}
    many = {"name": "m", "type": "map", "values": {"source": [7]}, "task": inner}
    ended = fleet.ended(fleet.submit([*(noop(f"t{number}") for number in range(20)), fails, many]))
    runs = {run["id"]: run for run in fleet.runs(ended["id"])}
    assert len(runs) == 22
    known = answer(f"{url}/api/tasks?limit=1000")

    def all_over() -> Any:
        got = {key: task for key, task in (known() or {}).items() if key in runs}
        return len(got) == len(runs) and all(task["state"] in ("SUCCESS", "FAILURE") for task in got.values()) and got

    tasks = wait_until(all_over, PATIENCE_S, known)
    assert sorted(task["name"] for task in tasks.values()) == sorted([*(f"t{n}" for n in range(20)), "bad", "m[0]"])
    assert {task["worker"] for task in tasks.values()} <= set(found)
    for run_id, task in tasks.items():
        failed = task["name"] == "bad"
        assert task["state"] == ("FAILURE" if failed else "SUCCESS")
        assert (task["exception"] or "").startswith("exit_code: the program ended with exit code 3") is failed
        assert ended["id"] in task["kwargs"], run_id


def test_inspect_ping_is_answered_by_every_node(environ: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "celery", "-A", "worker.main", "inspect", "ping", "--json"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"pong"') == 2


def test_the_flower_of_up_sees_nodes_and_tasks(fleet: Fleet) -> None:
    check(fleet, next(line.split()[1] for line in fleet.said if line.strip().startswith("flower ")))


def test_the_flower_of_the_procfile_sees_them_too(fleet: Fleet, environ: Mapping[str, str], tmp_path: Path) -> None:
    line = next(line for line in PROCFILE.read_text().splitlines() if line.startswith("flower:"))
    program, *words = shlex.split(line.removeprefix("flower:"))
    assert program == "celery"
    port = next_free("127.0.0.1", FIRST_PORT)
    options = [word for word in words if not word.startswith("--port=")]
    with (tmp_path / "log").open("wb") as log:
        flower = subprocess.Popen(
            [sys.executable, "-m", "celery", *options, f"--port={port}"], env=environ, stdout=log, stderr=log
        )
    try:
        check(fleet, f"http://127.0.0.1:{port}")
    finally:
        flower.terminate()
        flower.wait(20)
