"""Open jobs, tasks added to them, and runs that are fed from outside of the fleet."""

from typing import Any

import pytest

from app.domain.errors import Conflict, Forbidden, Invalid, NotFound
from app.domain.job import Job, JobSpec
from app.domain.run import Run
from app.domain.task import Task
from app.services import access, addition, control, explain, hold, outside, query, rerun, submit
from app.services.outside import News
from app.wire.states import JobState, RunState, TaskState
from tests.services.world import ALL, SECOND, World, task

MINE = "0f0f0f0f-0000-4000-8000-000000000001"


@pytest.fixture
def world() -> World:
    return World()


def opened(world: World, **more: Any) -> Job:
    return submit.submit(world.core, world.who, "@default", JobSpec(name="open", tasks=(), open=True, **more))


def added(world: World, job: Job, name: str = "a", executor: str = "render", **more: Any) -> Task:
    return addition.add_task(world.core, world.who, job.id, task(name, executor=executor), **more).task


def begun(world: World, of: Task, **more: Any) -> Run:
    return outside.start(world.core, world.who, of.id, News(), **more)


def fed(world: World, run: Run, **news: Any) -> Run:
    return outside.feed(world.core, world.who, run.id, News(**news))


def newest(world: World, of: Task) -> Task:
    return query.task(world.core, world.who, of.id).task


def test_an_open_job_without_tasks_is_pending(world: World) -> None:
    job = opened(world)
    assert (job.state, job.progress, job.total) == (JobState.PENDING, 0.0, 0)
    world.pass_time(200)
    assert world.job(job).state is JobState.PENDING
    world.check()


def test_an_open_job_without_tasks_can_be_paused_resumed_and_canceled(world: World) -> None:
    job = opened(world)
    assert control.pause_job(world.core, world.who, job.id).state is JobState.PAUSED
    assert control.resume_job(world.core, world.who, job.id).state is JobState.PENDING
    assert control.cancel_job(world.core, world.who, job.id).state is JobState.CANCELED
    with pytest.raises(Conflict):
        added(world, job)
    world.check()


def test_tasks_are_added_until_all_have_ended(world: World) -> None:
    job, node = opened(world), world.node()
    added(world, job, "a", "command")
    added(world, job, "b", "command")
    assert [(one.position, one.name) for one in world.tasks(job).values()] == [(0, "a"), (1, "b")]
    assert world.drive(node) == ["a", "b"]
    assert world.job(job).state is JobState.SUCCEEDED
    with pytest.raises(Conflict, match="all tasks of the job have ended"):
        added(world, job, "c")
    world.check()


def test_a_job_that_runs_again_takes_tasks_again(world: World) -> None:
    job, node = opened(world), world.node()
    first = added(world, job, "a", "command")
    world.drive(node)
    rerun.retry_task(world.core, world.who, first.id)
    added(world, job, "b", "command")
    world.drive(node)
    assert world.states(job) == {"a": "succeeded", "b": "succeeded"}
    world.check()


def test_a_job_submitted_as_a_whole_takes_no_tasks(world: World) -> None:
    job = world.submit({"a": []})
    with pytest.raises(Conflict, match="as a whole"):
        added(world, job)


def test_names_are_made_the_only_ones(world: World) -> None:
    job = opened(world)
    names = [added(world, job, name).name for name in ("a", "a #3", "a", "a")]
    assert names == ["a", "a #3", "a #4", "a #5"]
    world.check()


def test_another_organization_sees_nothing(world: World) -> None:
    job = opened(world)
    made = added(world, job)
    stranger = access.Principal(org_id="other", name="x", role="admin", scopes=access.SCOPES["admin"])
    with pytest.raises(NotFound):
        addition.add_task(world.core, stranger, job.id, task("b"))
    with pytest.raises(NotFound):
        outside.start(world.core, stranger, made.id, News())
    run = begun(world, made)
    with pytest.raises(NotFound):
        outside.feed(world.core, stranger, run.id, News())


def test_a_task_that_no_node_offers_waits_and_does_not_fail(world: World) -> None:
    node = world.node()
    job = opened(world)
    waiting = added(world, job)
    whole = world.submit([task("never", executor="render")])
    world.pass_time(300, node)
    assert world.states(whole) == {"never": "failed"}
    assert newest(world, waiting).state is TaskState.READY
    (reason,) = explain.explain(world.core, world.who, waiting.id).reasons
    assert reason.code == "no_node_fits"
    assert "/api/jobs/runs" in reason.change
    world.check()


def test_a_run_from_outside_is_fed_to_its_end(world: World) -> None:
    job = opened(world)
    made = added(world, job)
    run = begun(world, made)
    assert (run.state, run.outside, run.number) == (RunState.RUNNING, True, 1)
    assert world.job(job).state is JobState.RUNNING
    world.check()
    world.clock.advance(5)
    assert fed(world, run, progress=0.5, said={"machine": "m"}).progress == 0.5
    assert fed(world, run, progress=0.25).progress == 0.5
    world.clock.advance(5)
    ended = fed(world, run, succeeded=True, result={"x": 1}, usage={"peak_rss_bytes": 7})
    assert (ended.state, ended.progress, ended.result) == (RunState.SUCCEEDED, 1.0, {"x": 1})
    assert ended.usage is not None
    assert (ended.usage.wall_s, ended.usage.peak_rss_bytes) == (10.0, 7)
    assert world.job(job).state is JobState.SUCCEEDED
    said = world.store.read(lambda tx: tx.said_outside([run.id]))[run.id]
    assert (said["by"], said["machine"]) == (world.who.name, "m")
    with pytest.raises(Conflict, match="only one that is open"):
        fed(world, run, progress=0.9)
    world.check()


def test_a_run_from_outside_that_fails_fails_its_task(world: World) -> None:
    job = opened(world)
    made = added(world, job)
    run = begun(world, made)
    assert fed(world, run, succeeded=False, error="no light").failure is not None
    ended = newest(world, made)
    assert ended.state is TaskState.FAILED
    assert ended.failure is not None
    assert ended.failure.message == "no light"
    with pytest.raises(Conflict, match="has ended"):
        begun(world, made)
    world.check()


def test_no_silence_ends_a_run_from_outside(world: World) -> None:
    node = world.node()
    made = added(world, opened(world))
    run = begun(world, made)
    world.pass_time(600, node)
    world.pass_time(100)
    assert fed(world, run, progress=0.1).state is RunState.RUNNING
    world.check()


@pytest.mark.parametrize("whole", [True, False])
def test_a_cancel_ends_a_run_from_outside(world: World, whole: bool) -> None:
    job = opened(world)
    made = added(world, job)
    other = added(world, job, "b")
    run = begun(world, made)
    if whole:
        control.cancel_job(world.core, world.who, job.id)
        assert newest(world, other).state is TaskState.CANCELED
    else:
        control.cancel_task(world.core, world.who, made.id)
    assert newest(world, made).state is TaskState.CANCELED
    with pytest.raises(Conflict):
        fed(world, run, succeeded=True)
    world.check()


def test_while_a_run_from_outside_is_open_no_node_gets_the_task(world: World) -> None:
    node = world.node()
    made = added(world, opened(world), "a", "command")  # an offer is out
    run = begun(world, made)
    assert run.number == 2
    assert node.take_all() == []
    with pytest.raises(Conflict, match="a run that is open"):
        begun(world, made)
    world.check()
    fed(world, run, succeeded=True)
    assert newest(world, made).state is TaskState.SUCCEEDED
    world.check()


def test_a_task_that_a_node_has_is_not_run_from_outside(world: World) -> None:
    node = world.node()
    made = added(world, opened(world), "a", "command")
    assert node.take_all() == ["a"]
    with pytest.raises(Conflict):
        begun(world, made)
    (run,) = query.runs(world.core, world.who, ALL, task_id=made.id)
    with pytest.raises(Forbidden, match="a node's"):
        fed(world, run, progress=0.5)
    node.finish("a")
    world.check()


def test_only_the_owner_and_an_administrator_feed(world: World) -> None:
    made = added(world, opened(world))
    run = begun(world, made)
    member = access.Principal(org_id=access.ORG, name="m", role="member", scopes=access.SCOPES["member"])
    with pytest.raises(Forbidden, match="belongs to"):
        outside.feed(world.core, member, run.id, News(progress=0.1))
    viewer = access.Principal(org_id=access.ORG, name=world.who.name, role="viewer", scopes=access.SCOPES["viewer"])
    with pytest.raises(Forbidden):
        outside.feed(world.core, viewer, run.id, News(progress=0.1))


@pytest.mark.parametrize("wish", ["pause", "cancel", "hold"])
def test_what_its_owner_holds_back_is_not_begun(world: World, wish: str) -> None:
    job = opened(world)
    made = added(world, job)
    {
        "pause": lambda: control.pause_job(world.core, world.who, job.id),
        "cancel": lambda: control.cancel_job(world.core, world.who, job.id),
        "hold": lambda: hold.pause_task(world.core, world.who, made.id),
    }[wish]()
    with pytest.raises(Conflict):
        begun(world, made)
    world.check()


def test_times_said_stay_in_order(world: World) -> None:
    made = added(world, opened(world))
    run = outside.start(world.core, world.who, made.id, News(started_at_us=5))
    assert run.started_at_us == world.clock.now_us
    ended = fed(world, run, succeeded=True, stopped_at_us=world.clock.now_us + 900 * SECOND)
    assert ended.finished_at_us == world.clock.now_us
    world.check()


def test_a_chosen_id_is_honoured_once(world: World) -> None:
    body = {"body": "hash-1"}
    job = opened(world, id=MINE, submitted=body)
    assert job.id == MINE
    assert opened(world, id=MINE, submitted=body).seq == job.seq
    with pytest.raises(Invalid, match="taken"):
        opened(world, id=MINE, submitted={"body": "hash-2"})
    assert len(query.jobs(world.core, world.who, ALL)) == 1
    world.check()


def test_chosen_ids_of_tasks_and_runs(world: World) -> None:
    job = opened(world)
    spec = task("a", executor="render", submitted={"body": "1"})
    first = addition.add_task(world.core, world.who, job.id, spec, MINE)
    assert addition.add_task(world.core, world.who, job.id, spec, MINE) == first
    with pytest.raises(Invalid):
        addition.add_task(world.core, world.who, job.id, task("a", submitted={"body": "2"}), MINE)
    news = News(said={"body": "r"})
    run = outside.start(world.core, world.who, first.task.id, news, run_id=MINE)
    assert run.id == MINE
    assert outside.start(world.core, world.who, first.task.id, news, run_id=MINE) == run
    with pytest.raises(Invalid):
        outside.start(world.core, world.who, first.task.id, News(said={"body": "s"}), run_id=MINE)
    with pytest.raises(Invalid, match="is not the job"):
        outside.start(world.core, world.who, first.task.id, News(), job_id=MINE)
    world.check()


def test_what_is_said_has_a_limit(world: World) -> None:
    made = added(world, opened(world))
    run = begun(world, made)
    with pytest.raises(Invalid, match="262144 bytes"):
        fed(world, run, succeeded=True, result="x" * (300 << 10))
    with pytest.raises(Invalid):
        fed(world, run, said={"machine": "x" * (400 << 10)})
    assert query.run(world.core, world.who, run.id) == run
    world.check()


def test_payload_and_parameters_are_changed_for_later_runs(world: World) -> None:
    job = opened(world)
    made = added(world, job, "a", "command")
    assert addition.change_job(world.core, world.who, job.id, {"k": 1}).parameters == {"k": 1}
    with pytest.raises(Invalid):
        addition.change_task(world.core, world.who, made.id, {"argv": ["${{ job.parameters.none }}"]}, {})
    changed = addition.change_task(world.core, world.who, made.id, {"argv": ["${{ job.parameters.k }}"]}, {"u": 1})
    assert changed.spec.submitted == {"u": 1}
    node = world.node()
    node.take_all()
    assert node.run_of("a").payload == {"argv": [1]}
