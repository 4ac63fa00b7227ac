"""Tasks that take their node with them, bundles cut in the middle, reports that outlive their node."""

import os
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.faults.client import TERMINAL, call, command
from tests.faults.conftest import Figures, fleet_of, settle
from tests.faults.fleet import Fleet, bound

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def shared() -> Iterator[Fleet]:
    with fleet_of(nodes=2, cpus=4, memory=2048) as made:
        yield made


@pytest.fixture
def fleet(shared: Fleet, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    yield shared
    settle(shared, request)


@pytest.mark.parametrize("cpu", [4, 1], ids=["alone", "among_others"])
def test_f17_a_task_kills_its_node_each_time(fleet: Fleet, figures: Figures, cpu: int) -> None:
    job = fleet.submit(
        [command(fleet.ledger, "poison", "kill-node", cpu=cpu)]
        + [command(fleet.ledger, f"other-{n}", "ok", 0.4) for n in range(16)],
        name="f17",
    )

    def ended() -> bool:
        for node in fleet.nodes:
            if not node.alive:
                node.start()
        return fleet.state(job) in TERMINAL

    fleet.until(ended, 60)
    tasks = {task["name"]: task for task in fleet.client.tasks(job)}
    poison = tasks.pop("poison")
    assert (poison["state"], poison["error"]["code"]) == ("failed", "crash_limit")
    runs = fleet.client.items(f"/v1/tasks/{poison['id']}/runs")
    assert [run["state"] for run in runs] == ["lost"] * 3
    assert {task["state"] for task in tasks.values()} == {"succeeded"}
    figures.note(f"crash_limit after {len(runs)} deaths, {figures.elapsed_s():.2f} s")


@pytest.mark.skipif(os.environ.get("FLOTILLA_MAX_BUNDLE") == "1", reason="a bundle of one has no middle")
def test_f25_a_node_is_killed_in_the_middle_of_a_bundle(fleet: Fleet, figures: Figures) -> None:
    pace = fleet.submit([call(f"quick-{n}", "noop", memory=80) for n in range(600)], name="f25 pace")
    fleet.finish(pace)
    job = fleet.submit(
        [call(f"bundled-{n}", "noted", ledger=str(fleet.ledger), seconds=0.05, memory=80) for n in range(128)],
        name="f25",
    )
    fleet.until(lambda: len(fleet.client.running(job)) >= 16, 20)

    def halfway() -> list[str]:
        done = {run["nodeId"] for run in fleet.client.runs(job) if run["state"] == "succeeded"}
        return [node_id for node_id in done if any(run["nodeId"] == node_id for run in fleet.client.running(job))]

    node_id = fleet.until(halfway, 20)[0]
    before = fleet.client.runs(job)
    held = {run["taskId"] for run in before if run["nodeId"] == node_id and run["state"] == "running"}
    done = {run["taskId"] for run in before if run["state"] == "succeeded"}
    next(node for node in fleet.nodes if fleet.client.nodes()[node.name]["id"] == node_id).kill_tree()
    figures.note(f"{len(held)} of a bundle were open, {len(done)} reported")
    fleet.finish(job)
    runs = fleet.client.runs(job)
    again = {run["taskId"] for run in runs if run["number"] > 1}
    assert fleet.state(job) == "succeeded"
    assert not again & done, "what was reported stays done"
    assert max(fleet.crashes(job)) <= 1


@pytest.mark.skipif(os.environ.get("FLOTILLA_MAX_BUNDLE") == "1", reason="nothing follows in a bundle of one")
@pytest.mark.skipif(os.environ.get("FLOTILLA_HANDOFF") == "0", reason="what follows comes with a hand-off")
def test_f25_a_node_is_killed_in_the_middle_of_a_line(fleet: Fleet, figures: Figures) -> None:
    """What had no turn yet counts no death, and is run in order elsewhere."""
    pace = fleet.submit([call(f"quick-{n}", "noop", memory=80) for n in range(300)], name="f25 line pace")
    fleet.finish(pace)
    line = [call(f"line-{n}", "noted", ledger=str(fleet.ledger), seconds=0.005, memory=80) for n in range(300)]
    job = fleet.submit(
        [each | ({"needs": [line[at - 1]["name"]]} if at else {}) for at, each in enumerate(line)], name="f25 line"
    )

    def in_line() -> list[str]:
        return [run["nodeId"] for run in fleet.client.running(job) if run["startedAt"] is None]

    held = fleet.until(lambda: found if len(found := in_line()) >= 3 else None, 20)
    next(node for node in fleet.nodes if fleet.client.nodes()[node.name]["id"] == held[0]).kill_tree()
    figures.note(f"{len(held)} of 300 were in line")
    fleet.finish(job)
    assert fleet.state(job) == "succeeded"
    assert sum(fleet.crashes(job)) <= 1
    starts = {run["taskId"]: run["startedAt"] for run in fleet.client.runs(job) if run["state"] == "succeeded"}
    ends = {run["taskId"]: run["finishedAt"] for run in fleet.client.runs(job) if run["state"] == "succeeded"}
    ids = [task["id"] for task in sorted(fleet.client.tasks(job), key=lambda task: int(task["name"][5:]))]
    assert all(ends[before] <= starts[after] for before, after in pairwise(ids))


def test_f27_reports_on_disk_are_delivered_by_the_next_life(fleet: Fleet) -> None:
    open_ = fleet.gate("f27")
    job = fleet.submit([command(fleet.ledger, "kept", "hold", open_)], name="f27")
    (run,) = fleet.running(job)
    node = fleet.node_of(run)
    spool = fleet.data / node.name / "spool.jsonl"
    fleet.webs[0].kill()
    fleet.engines[0].kill()  # a node starts in about the time that a lease of this fleet lasts
    open_.touch()
    fleet.until(lambda: any(e["event"] == "end" and e["run"] == run["id"] for e in fleet.entries()), 10)
    fleet.until(lambda: b'"ending"' in spool.read_bytes(), 10)
    node.kill_tree()
    fleet.webs[0].start()
    node.start()
    fleet.until(lambda: spool.stat().st_size == 0, 30)
    fleet.start()
    fleet.finish(job)
    assert [(run["number"], run["state"]) for run in fleet.client.runs(job)] == [(1, "succeeded")]


def test_f27_reports_of_a_lost_run_are_refused(fleet: Fleet) -> None:
    open_ = fleet.gate("f27b")
    job = fleet.submit([command(fleet.ledger, "lost", "hold", open_)], name="f27b")
    (run,) = fleet.running(job)
    node = fleet.node_of(run)
    spool = fleet.data / node.name / "spool.jsonl"
    link = fleet.api_links[fleet.nodes.index(node)]
    link.cut()
    open_.touch()
    fleet.until(lambda: b'"ending"' in spool.read_bytes(), 10)
    node.kill_tree()
    fleet.finish(job, within_s=bound(25) + 5)
    link.heal()
    fleet.start()
    fleet.until(lambda: spool.stat().st_size == 0, 10)
    assert [(run["number"], run["state"]) for run in fleet.client.runs(job)] == [(1, "lost"), (2, "succeeded")]
