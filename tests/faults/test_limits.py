"""Runs that want more than they were given, and runs that do not want to end."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.client import command
from tests.faults.conftest import Figures, fleet_of, settle
from tests.faults.fleet import Fleet, bound

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def shared() -> Iterator[Fleet]:
    with fleet_of(nodes=1, cpus=16, memory=8192) as made:
        yield made


@pytest.fixture
def fleet(shared: Fleet, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    yield shared
    settle(shared, request)


def only_run(fleet: Fleet, job: str, name: str) -> dict[str, Any]:
    (task,) = [task for task in fleet.client.tasks(job) if task["name"] == name]
    (run,) = fleet.client.items(f"/v1/tasks/{task['id']}/runs")
    return run  # type: ignore[no-any-return]


def test_f18_limits_hold_and_neighbours_go_on(fleet: Fleet, figures: Figures) -> None:
    job = fleet.submit(
        [
            command(fleet.ledger, "memory", "eat", 192, memory=96),
            command(fleet.ledger, "forks", "spawn", 40, memory=512, limit_s=2),
            command(fleet.ledger, "bomb", "spawn", 5000, memory=128, limit_s=20),
            command(fleet.ledger, "spinner", "spin-all", 60, limit_s=3),
            command(fleet.ledger, "stubborn", "stubborn", limit_s=2),
            command(fleet.ledger, "daemon", "daemon"),
            command(fleet.ledger, "parent", "kill-parent"),
            command(fleet.ledger, "neighbour", "ok", 1),
        ],
        name="f18",
    )
    fleet.finish(job, within_s=30)
    memory = only_run(fleet, job, "memory")
    assert (memory["state"], memory["error"]["code"]) == ("out_of_memory", "out_of_memory")
    assert 48 << 20 <= memory["usage"]["peakRssBytes"] <= 160 << 20
    forks = only_run(fleet, job, "forks")
    assert forks["state"] == "timed_out"
    assert forks["usage"]["maxProcesses"] >= 40
    bomb = only_run(fleet, job, "bomb")
    assert (bomb["state"], bomb["error"]["code"]) == ("out_of_memory", "out_of_memory")
    spinner = only_run(fleet, job, "spinner")
    usage = spinner["usage"]
    assert spinner["state"] == "timed_out"
    share = (usage["cpuUserSeconds"] + usage["cpuSystemSeconds"]) / usage["wallSeconds"]
    assert share <= 1.3, "four busy processes got more than the one core that was asked for"
    stubborn = only_run(fleet, job, "stubborn")
    assert stubborn["state"] == "timed_out"
    assert stubborn["usage"]["wallSeconds"] <= 2 + bound(10) + 2
    daemon = only_run(fleet, job, "daemon")
    assert daemon["state"] == "succeeded"
    parent = only_run(fleet, job, "parent")
    assert (parent["state"], parent["error"]["code"]) == ("failed", "runner_died")
    assert only_run(fleet, job, "neighbour")["state"] == "succeeded"
    assert not fleet.survivors()
    figures.note(
        f"memory peak {memory['usage']['peakRssBytes'] >> 20} MB of 96, spinner {share:.2f} cores of 1, "
        f"stubborn dead after {stubborn['usage']['wallSeconds']:.2f} s with a limit of 2 s"
    )


def test_f24_a_flood_of_output_and_large_results(fleet: Fleet, figures: Figures) -> None:
    job = fleet.submit(
        [command(fleet.ledger, "flood", "flood", 100)]
        + [command(fleet.ledger, f"small-{n}", "result", 200) for n in range(20)]
        + [command(fleet.ledger, "large", "result", 1024)],
        name="f24",
    )
    fleet.finish(job, within_s=60)
    tasks = {task["name"]: task for task in fleet.client.tasks(job)}
    assert tasks["flood"]["state"] == "succeeded"
    run = only_run(fleet, job, "flood")
    lines = [line["text"] for line in fleet.client.items(f"/v1/runs/{run['id']}/messages")]
    size = sum(len(text) + 1 for text in lines)
    assert size <= 65 << 20
    assert any(text.startswith("[") and ("cut at" in text or "lines dropped" in text) for text in lines)
    assert {tasks[f"small-{n}"]["state"] for n in range(20)} == {"succeeded"}
    large = tasks["large"]
    assert large["state"] == "succeeded" or "larger than" in large["error"]["message"]
    wall_s = run["usage"]["wallSeconds"]
    figures.note(f"100 MB of output in {wall_s:.1f} s became {size >> 20} MB of lines; 1 MiB result: {large['state']}")
