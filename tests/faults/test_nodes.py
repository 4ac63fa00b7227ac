"""Nodes and what they run are killed, stopped and frozen: their work is done elsewhere, once in effect."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.faults.client import call, command
from tests.faults.conftest import Figures, fleet_of, settle
from tests.faults.fleet import PRODUCTION, Fleet, bound

pytestmark = pytest.mark.fault

WIDE = 50 if PRODUCTION else 12
QUEUED = 200 if PRODUCTION else 30


@pytest.fixture(scope="module")
def shared() -> Iterator[Fleet]:
    with fleet_of(nodes=3, cpus=WIDE, memory=64 * WIDE) as made:
        yield made


@pytest.fixture
def fleet(shared: Fleet, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    yield shared
    settle(shared, request)


def test_f1_a_node_is_killed_with_everything_below_it(fleet: Fleet, figures: Figures) -> None:
    open_ = fleet.gate("f1")
    job = fleet.submit(
        [command(fleet.ledger, f"held-{n}", "hold", open_) for n in range(3 * WIDE)]
        + [command(fleet.ledger, f"short-{n}", "ok") for n in range(QUEUED)],
        name="f1",
    )
    running = fleet.running(job, 3 * WIDE, within_s=120)
    victim = fleet.node_of(running[0])
    node_id = fleet.client.nodes()[victim.name]["id"]
    lost = {run["taskId"] for run in running if run["nodeId"] == node_id}
    lost_runs = {run["id"] for run in running if run["nodeId"] == node_id}
    figures.restart()
    victim.kill_tree()
    killed_s = figures.elapsed_s()
    fleet.until(lambda: not fleet.survivors(lost_runs), 1.0 if PRODUCTION else 2.0)
    figures.note(f"no orphan after {figures.elapsed_s() - killed_s:.2f} s")
    open_.touch()

    def elsewhere() -> bool:
        again = [entry for entry in fleet.entries() if entry["job"] == job and entry["attempt"] > 1]
        return len({entry["task"] for entry in again if entry["event"] == "start"}) >= len(lost)

    fleet.until(elsewhere, bound(25))
    figures.note(f"{len(lost)} runs started elsewhere after {figures.elapsed_s():.2f} s")
    fleet.finish(job)
    assert fleet.state(job) == "succeeded"


def test_f1_the_node_alone_is_killed_and_leaves_no_orphan(fleet: Fleet, figures: Figures) -> None:
    job = fleet.submit([command(fleet.ledger, f"hang-{n}", "stubborn") for n in range(3)], name="f1b")
    running = fleet.running(job, 3)
    victim = fleet.node_of(running[0])
    node_id = fleet.client.nodes()[victim.name]["id"]
    mine = {run["id"] for run in running if run["nodeId"] == node_id}
    figures.restart()
    victim.kill()
    fleet.until(lambda: not fleet.survivors(mine), 3.0)
    figures.note(f"no orphan of the dead node after {figures.elapsed_s():.2f} s")
    fleet.cancel(job)
    fleet.finish(job)


def test_f2_a_child_is_killed(fleet: Fleet, figures: Figures) -> None:
    open_ = fleet.gate("f2")
    job = fleet.submit(
        [
            command(fleet.ledger, "retried", "hold", open_, attempts=2),
            command(fleet.ledger, "failed", "hold", open_),
            command(fleet.ledger, "untouched", "hold", open_),
        ],
        name="f2",
    )
    fleet.running(job, 3)
    pids = {entry["task"]: entry["pid"] for entry in fleet.entries() if entry["job"] == job}
    figures.restart()
    os.kill(pids["retried"], signal.SIGKILL)
    os.kill(pids["failed"], signal.SIGKILL)

    def seen() -> bool:
        states = {task["name"]: task["state"] for task in fleet.client.tasks(job)}
        return states["failed"] == "failed" and len(fleet.client.runs(job)) == 4

    fleet.until(seen, 2.0 + 1.0)
    figures.note(f"seen after {figures.elapsed_s():.2f} s")
    open_.touch()
    fleet.finish(job)
    tasks = {task["name"]: task for task in fleet.client.tasks(job)}
    assert {name: task["state"] for name, task in tasks.items()} == {
        "retried": "succeeded",
        "failed": "failed",
        "untouched": "succeeded",
    }
    assert tasks["failed"]["error"]["code"] == "signal"


def test_f3_a_warm_runner_is_killed(fleet: Fleet, figures: Figures) -> None:
    job = fleet.submit(
        [
            call("victim", "noted", ledger=str(fleet.ledger), seconds=30, memory=96),
            call("other", "noted", ledger=str(fleet.ledger), seconds=3, memory=128),
        ],
        name="f3",
    )
    runs = {run["taskId"]: run for run in fleet.running(job, 2)}
    task = next(task for task in fleet.client.tasks(job) if task["name"] == "victim")
    pid = next(entry["pid"] for entry in fleet.entries() if entry["run"] == runs[task["id"]]["id"])
    figures.restart()
    os.kill(pid, signal.SIGKILL)
    fleet.until(lambda: fleet.client.get(f"/v1/tasks/{task['id']}")["state"] == "failed", 2.0 + 1.0)
    figures.note(f"seen after {figures.elapsed_s():.2f} s")
    again = fleet.submit([call(f"again-{n}", "noted", ledger=str(fleet.ledger), memory=96) for n in range(6)])
    fleet.finish(job, again)
    assert fleet.state(again) == "succeeded"
    states = {task["name"]: (task["state"], len(fleet.client.runs(job))) for task in fleet.client.tasks(job)}
    assert states == {"victim": ("failed", 2), "other": ("succeeded", 2)}


def test_f4_a_node_is_asked_to_stop(fleet: Fleet, figures: Figures) -> None:
    open_ = fleet.gate("f4")
    job = fleet.submit([command(fleet.ledger, f"held-{n}", "hold", open_) for n in range(6)], name="f4")
    running = fleet.running(job, 6)
    victim = fleet.node_of(running[0])
    node_id = fleet.client.nodes()[victim.name]["id"]
    given = {run["id"] for run in running if run["nodeId"] == node_id}
    figures.restart()
    victim.send(signal.SIGTERM)
    fleet.until(lambda: fleet.client.get(f"/v1/nodes/{node_id}")["state"] == "draining", 3.0)
    later = fleet.submit([command(fleet.ledger, f"later-{n}", "ok") for n in range(10)], name="f4 later")
    fleet.finish(later)
    assert node_id not in {run["nodeId"] for run in fleet.client.runs(later)}
    fleet.until(lambda: not fleet.survivors(given), bound(30) + 3)
    released_s = figures.elapsed_s()
    fleet.running(job, 6, within_s=2.0 + (0 if PRODUCTION else 2))
    figures.note(f"released after {released_s:.2f} s, all elsewhere after {figures.elapsed_s():.2f} s")
    open_.touch()
    fleet.finish(job)
    assert fleet.state(job) == "succeeded"
    assert set(fleet.crashes(job)) == {0}
    fleet.until(lambda: not victim.alive, 10)


def test_f5_a_node_is_frozen_and_wakes_up(fleet: Fleet, figures: Figures) -> None:
    open_ = fleet.gate("f5")
    job = fleet.submit([command(fleet.ledger, f"held-{n}", "hold", open_) for n in range(6)], name="f5")
    running = fleet.running(job, 6)
    victim = fleet.node_of(running[0])
    node_id = fleet.client.nodes()[victim.name]["id"]
    frozen = {run["id"] for run in running if run["nodeId"] == node_id}
    figures.restart()
    victim.send(signal.SIGSTOP)
    fleet.until(
        lambda: len([run for run in fleet.running(job) if run["nodeId"] != node_id]) == 6,
        bound(25),
    )
    figures.note(f"replaced after {figures.elapsed_s():.2f} s")
    assert fleet.survivors(frozen), "the frozen node's programs are alive when it wakes"
    figures.restart()
    victim.send(signal.SIGCONT)
    fleet.until(lambda: not fleet.survivors(frozen), bound(10))
    figures.note(f"old trees dead {figures.elapsed_s():.2f} s after it woke")
    open_.touch()
    fleet.finish(job)
    assert fleet.state(job) == "succeeded"
    assert victim.alive
