"""One task is paused, resumed, or given another priority, whatever state it is in."""

import pytest

from app.domain.errors import Conflict
from app.services import explain, hold
from app.wire.states import RunState
from tests.services.world import World, task


def test_a_paused_task_is_taken_back_and_resumed(world: World) -> None:
    node = world.node()
    job = world.submit({"a": [], "b": ["a"]})
    assert world.states(job)["a"] == "queued"
    held = hold.pause_task(world.core, world.who, world.task(job, "a").id)
    assert held.task.held
    assert node.take_all() == []
    world.pass_time(60, node)
    assert world.states(job) == {"a": "ready", "b": "waiting"}
    reasons = explain.explain(world.core, world.who, held.task.id).reasons
    assert [reason.code for reason in reasons] == ["held"]
    hold.resume_task(world.core, world.who, held.task.id)
    assert world.drive(node) == ["a", "b"]
    world.check()


def test_a_task_paused_while_it_waits_is_held_when_its_needs_are_met(world: World) -> None:
    node = world.node()
    job = world.submit({"a": [], "b": ["a"]})
    hold.pause_task(world.core, world.who, world.task(job, "b").id)
    assert world.drive(node) == ["a"]
    assert world.states(job)["b"] == "ready"
    hold.resume_task(world.core, world.who, world.task(job, "b").id)
    assert world.drive(node) == ["b"]
    world.check()


def test_a_running_task_goes_on_but_is_not_tried_again_while_it_is_paused(world: World) -> None:
    node = world.node()
    job = world.submit([task("a", max_attempts=2)])
    node.take()
    hold.pause_task(world.core, world.who, world.task(job, "a").id)
    node.finish("a", RunState.FAILED)
    world.pass_time(60, node)
    assert world.states(job) == {"a": "ready"}
    hold.resume_task(world.core, world.who, world.task(job, "a").id)
    assert world.drive(node) == ["a"]


def test_a_task_s_new_priority_counts_at_once(world: World) -> None:
    node = world.node(cpu=1)
    job = world.submit({"first": [], "second": [], "third": []})
    hold.change_task(world.core, world.who, world.task(job, "third").id, 90)
    hold.change_task(world.core, world.who, world.task(job, "first").id, 10)
    assert world.drive(node)[-1] == "first"
    world.check()


def test_what_has_ended_can_not_be_held(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    world.drive(node)
    with pytest.raises(Conflict, match="already ended"):
        hold.pause_task(world.core, world.who, world.task(job, "a").id)
