"""A copy of the store that has been put back: its open runs are ended, and their tasks go on with new ones, once."""

from app.services import cancel, restored
from app.wire.states import RunState
from tests.services.world import World, shape, task


def test_what_was_under_way_runs_again_and_nobody_is_believed_who_has_it_still(world: World) -> None:
    before = world.node("before", cpu=2)
    job = world.submit([task(name, shape=shape(1)) for name in "abc"])
    before.take_all()
    assert len(before.held) == 2
    old = list(before.held.values())
    waits = next(run for run in world.runs(job) if run.state is RunState.QUEUED)

    assert restored.settle(world.core) == restored.Settled(running=2, offered=1)
    world.check()
    assert set(world.states(job).values()) == {"ready"}
    assert restored.settle(world.core) == restored.Settled(running=0, offered=0)

    # Of the time after the backup: a message to claim a run, a report of an end, a heartbeat.
    assert before.claim(waits.id).runs == ()
    answer = before.report(before.ending(old[0]))
    assert set(answer.stale) == {old[0].run_id}
    assert set(before.beat().stale) == {old[1].run_id}
    assert not before.held

    world.pass_time(30, before)
    assert sorted(world.drive(before)) == ["a", "b", "c"]
    runs = world.runs(job)
    assert sorted(run.state for run in runs) == ["canceled", "lost", "lost", "succeeded", "succeeded", "succeeded"]
    assert [task.crashes for task in world.tasks(job).values()] == [0, 0, 0]
    world.check()


def test_restoring_uses_up_no_attempt(world: World) -> None:
    node = world.node()
    job = world.submit([task("once", max_attempts=1)])
    for _ in range(4):
        node.take_all()
        restored.settle(world.core)
        node.register()
        world.pass_time(15, node)
    world.drive(node)
    assert world.states(job) == {"once": "succeeded"}
    world.check()


def test_a_canceled_job_ends_and_does_not_start_again(world: World) -> None:
    node = world.node()
    job = world.submit({"a": [], "b": ["a"]})
    node.take_all()
    cancel.cancel_job(world.core, world.who, job.id)
    restored.settle(world.core)
    world.pass_time(10, node)
    assert world.states(job) == {"a": "canceled", "b": "canceled"}
    world.check()
