"""Is every reason given for a task that does not run true, and is none missing?"""

import pytest

from app.domain.job import Job
from app.services import control
from app.services.explain import Reason, explain
from app.wire.states import RunState
from tests.services.world import World, shape, task


def codes(world: World, job: Job, name: str) -> list[str]:
    return [reason.code for reason in told(world, job, name)]


def told(world: World, job: Job, name: str) -> list[Reason]:
    explanation = explain(world.core, world.who, world.task(job, name).id)
    assert explanation.state is world.task(job, name).state
    return list(explanation.reasons)


def test_a_task_waits_for_its_needs(world: World) -> None:
    node = world.node()
    job = world.submit({**{f"n{i}": [] for i in range(7)}, "join": [f"n{i}" for i in range(7)]})
    node.take_all()
    node.finish("n0")
    (reason,) = told(world, job, "join")
    assert reason.code == "needs"
    assert reason.message.startswith("it needs 6 tasks that have not ended: 'n1' (running), ")
    assert reason.message.endswith(" and 1 more")


def test_nothing_is_said_of_a_task_that_runs_or_did_well(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    node.take()
    assert told(world, job, "a") == []
    node.finish("a")
    assert told(world, job, "a") == []


def test_a_task_that_failed_says_why(world: World) -> None:
    node = world.node()
    job = world.submit({"a": [], "b": ["a"]})
    node.take()
    node.finish("a", RunState.FAILED)
    assert codes(world, job, "a") == ["failed"]
    assert codes(world, job, "b") == ["upstream"]


def test_no_nodes(world: World) -> None:
    job = world.submit({"a": []})
    assert codes(world, job, "a") == ["no_nodes"]
    node = world.node()
    node.beat(leaving=True)
    assert codes(world, job, "a") == ["no_nodes"]


def test_no_node_fits(world: World) -> None:
    world.node(cpu=4)
    job = world.submit([task("a", shape=shape(5, 256))])
    (reason,) = told(world, job, "a")
    assert (reason.code, "it needs 5 cpu" in reason.message) == ("no_node_fits", True)


def test_nodes_that_fit_are_lost_or_drain(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    control.drain_node(world.core, world.who, "n1", True)
    assert codes(world, job, "a") == ["draining"]
    world.clock.advance(21)
    assert codes(world, job, "a") == ["nodes_lost"]
    control.drain_node(world.core, world.who, "n1", False)
    node.beat()
    assert codes(world, job, "a") == ["starting"]


def test_a_node_that_drains_by_itself_is_named(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    node.beat(draining=True)
    assert codes(world, job, "a") == ["draining"]


def test_no_room(world: World) -> None:
    node = world.node(cpu=4)
    job = world.submit([task("a", shape=shape(3, 256)), task("b", shape=shape(2, 100))])
    node.take()
    waiting = "b" if world.states(job)["a"] == "running" else "a"
    node.beat()
    (reason,) = told(world, job, waiting)
    assert reason.code == "no_room"
    assert "n1 has the most free" in reason.message


def test_a_retry_waits_for_its_time_and_is_not_said_to_start(world: World) -> None:
    node = world.node()
    job = world.submit([task("a", max_attempts=2, retry_delay_s=100)])
    node.take()
    node.finish("a", RunState.FAILED)
    (reason,) = told(world, job, "a")
    assert reason.code == "retry_delay"
    assert "after: the run ended failed" in reason.message


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_paused_job_is_not_said_to_start(world: World, name: str) -> None:
    world.node()
    job = world.submit({"a": [], "b": ["a"]})
    control.pause_job(world.core, world.who, job.id)
    assert codes(world, job, name) == (["paused"] if name == "a" else ["paused", "needs"])


def test_every_reason_that_holds_is_told(world: World) -> None:
    world.node(cpu=1)
    job = world.submit([task("a", shape=shape(2, 256))])
    control.pause_job(world.core, world.who, job.id)
    assert codes(world, job, "a") == ["paused", "no_node_fits"]


def test_a_task_that_is_being_canceled_says_so(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    node.take()
    control.cancel_job(world.core, world.who, job.id)
    assert codes(world, job, "a") == ["canceling"]
    node.finish("a", RunState.CANCELED)
    assert codes(world, job, "a") == ["canceled"]
