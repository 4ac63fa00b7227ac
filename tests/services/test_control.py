"""Do cancel, pause, retry, change and delete act at once, and on exactly what they should?"""

import pytest

from app.domain.chords import RunWhen
from app.domain.errors import Conflict, NotFound, Outdated
from app.domain.job import Desired, Job
from app.services import cancel as cancel_service
from app.services import control, query, rerun
from app.wire.states import JobState, RunState
from tests.services.world import ALL, World, task


def cancel(world: World, job: Job) -> Job:
    return control.cancel_job(world.core, world.who, job.id)


def pause(world: World, job: Job) -> Job:
    return control.pause_job(world.core, world.who, job.id)


def resume(world: World, job: Job) -> Job:
    return control.resume_job(world.core, world.who, job.id)


def retry(world: World, job: Job, scope: str = "failed") -> Job:
    return rerun.retry_job(world.core, world.who, job.id, scope)


# -- cancel


def test_a_cancel_ends_at_once_all_that_does_not_run(world: World) -> None:
    node = world.node(cpu=1)
    job = world.submit({"runs": [], "out": [], "waits": ["runs"], "cleans up": ["runs"]})
    node.take()
    after = cancel(world, job)
    assert world.states(job) == {"runs": "running", "out": "canceled", "waits": "canceled", "cleans up": "canceled"}
    assert after.state is JobState.RUNNING
    assert [run.state for run in world.runs(job, "out")] == [RunState.CANCELED]
    world.check()


def test_the_node_of_a_running_task_is_asked_for_a_beat_and_told_with_its_answer(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    node.take()
    cancel(world, job)
    assert world.broker.nudged == {"n1"}
    assert node.beat().cancel == (node.run_of("a").run_id,)
    node.finish("a", RunState.CANCELED)
    assert (world.states(job), world.job(job).state) == ({"a": "canceled"}, JobState.CANCELED)
    assert node.beat().cancel == ()
    world.check()


def test_a_run_that_fails_while_it_is_canceled_is_not_tried_again(world: World) -> None:
    node = world.node()
    job = world.submit([task("a", max_attempts=5)])
    node.take()
    cancel(world, job)
    node.finish("a", RunState.FAILED)
    assert world.states(job) == {"a": "canceled"}


def test_a_run_that_succeeds_while_it_is_canceled_has_succeeded(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    node.take()
    cancel(world, job)
    node.finish("a")
    assert (world.states(job), world.job(job).state) == ({"a": "succeeded"}, JobState.CANCELED)
    world.check()


def test_canceling_twice_changes_nothing_and_an_ended_job_can_not_be_canceled(world: World) -> None:
    job = world.submit({"a": []})
    assert cancel(world, job).state is JobState.CANCELED
    before = world.check()
    assert cancel(world, job).state is JobState.CANCELED
    assert world.check().events == before.events
    done = world.submit({})
    with pytest.raises(Conflict, match="already ended: it is succeeded"):
        cancel(world, done)


def test_a_paused_job_can_be_canceled_and_the_log_says_so(world: World) -> None:
    node = world.node()
    job = world.submit({"a": [], "b": ["a"]})
    node.take()
    pause(world, job)
    cancel(world, job)
    world.check()
    node.finish("a", RunState.CANCELED)
    assert world.job(job).state is JobState.CANCELED
    world.check()


def test_a_cancel_that_was_cut_off_is_finished_by_the_sweep(world: World) -> None:
    job = world.submit({"a": [], "b": ["a"]})
    world.store.write(lambda tx: cancel_service._want_canceled(tx, world.who, job.id))
    assert world.states(job)["a"] == "ready"
    assert world.sweep().canceled == 2
    assert set(world.states(job).values()) == {"canceled"}
    world.check()


def test_a_long_job_is_canceled_in_slices(world: World) -> None:
    node = world.node()
    job = world.submit({str(n): [] for n in range(4500)})
    node.take_all()
    cancel(world, job)
    states = list(world.states(job).values())
    assert (states.count("canceled"), states.count("running")) == (4496, 4)
    world.check()


def test_a_canceled_task_skips_or_runs_what_needs_it(world: World) -> None:
    node = world.node(cpu=1)
    job = world.submit(
        [
            task("other", priority=99),
            task("a"),
            task("b", "a"),
            task("c", "a", run_when=RunWhen.ALL_DONE),
            task("d", "a", run_when=RunWhen.ANY_FAILED),
        ]
    )
    node.take()
    view = control.cancel_task(world.core, world.who, world.task(job, "a").id)
    assert view.task.state == "canceled"
    assert world.states(job)["b"] == "skipped"
    world.check()
    world.drive(node)
    assert world.states(job) == {
        "other": "succeeded",
        "a": "canceled",
        "b": "skipped",
        "c": "succeeded",
        "d": "succeeded",
    }
    assert world.job(job).state is JobState.CANCELED
    with pytest.raises(Conflict, match="already ended: it is canceled"):
        control.cancel_task(world.core, world.who, view.task.id)
    world.check()


def test_a_running_task_that_is_canceled_alone_leaves_the_rest(world: World) -> None:
    node = world.node()
    job = world.submit({"a": [], "b": []})
    node.take_all()
    control.cancel_task(world.core, world.who, world.task(job, "a").id)
    assert node.beat().cancel == (node.run_of("a").run_id,)
    node.finish("a", RunState.CANCELED)
    node.finish("b")
    assert world.states(job) == {"a": "canceled", "b": "succeeded"}
    world.check()


# -- pause


def test_a_pause_takes_back_what_is_out_and_lets_run_what_runs(world: World) -> None:
    node = world.node(cpu=2)
    job = world.submit({"a": [], "b": [], "c": ["a"]})
    node.take()
    assert pause(world, job).state is JobState.PAUSED
    assert sorted(world.states(job).values()) == ["ready", "running", "waiting"]
    world.check()
    assert node.take_all() == []
    node.finish("a")
    world.pass_time(30, node)
    assert world.states(job) == {"a": "succeeded", "b": "ready", "c": "ready"}
    world.check()
    assert resume(world, job).state is JobState.RUNNING
    assert sorted(node.take_all()) == ["b", "c"]
    world.check()


def test_a_paused_job_takes_no_place_from_others(world: World) -> None:
    node = world.node(cpu=1)
    first = world.submit({str(n): [] for n in range(50)})
    pause(world, first)
    second = world.submit({"a": []})
    assert node.take_all() == ["a"]
    assert world.states(second) == {"a": "running"}
    world.check()


def test_what_slipped_out_while_a_job_was_paused_is_taken_back_by_the_sweep(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    control._want(world.core, world.who, job.id, Desired.PAUSE)
    assert world.states(job) == {"a": "queued"}
    world.pass_time(14, node)
    assert world.states(job) == {"a": "ready"}
    assert world.runs(job)[0].state is RunState.CANCELED
    world.check()


def test_a_paused_job_whose_last_run_ends_has_ended(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    node.take()
    pause(world, job)
    node.finish("a")
    assert world.job(job).state is JobState.SUCCEEDED
    with pytest.raises(Conflict, match="can not be changed any more"):
        pause(world, job)
    world.check()


def test_a_job_that_is_being_canceled_can_not_be_paused_or_resumed(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    node.take()
    cancel(world, job)
    for change in (pause, resume):
        with pytest.raises(Conflict, match="being canceled"):
            change(world, job)


# -- run again


def failed_job(world: World) -> Job:
    """a succeeded, b failed, and below them one of each kind."""
    node = world.node(cpu=8)
    job = world.submit(
        [
            task("a"),
            task("b"),
            task("all", "a", "b"),
            task("done", "a", "b", run_when=RunWhen.ALL_DONE),
            task("alarm", "a", "b", run_when=RunWhen.ANY_FAILED),
            task("quiet", "a", run_when=RunWhen.ANY_FAILED),
            task("below all", "all"),
        ]
    )
    node.take_all()
    node.finish("a")
    node.finish("b", RunState.FAILED)
    world.drive(node)
    assert world.states(job) == {
        "a": "succeeded",
        "b": "failed",
        "all": "skipped",
        "done": "succeeded",
        "alarm": "succeeded",
        "quiet": "skipped",
        "below all": "skipped",
    }
    assert world.job(job).state is JobState.FAILED
    world.check()
    return job


def again(world: World) -> list[str]:
    node = world.node("again", cpu=8)
    world.sweep()
    order = world.drive(node)
    world.check()
    return order


def test_the_failed_part_runs_again_and_nothing_else(world: World) -> None:
    job = failed_job(world)
    assert retry(world, job).state is JobState.RUNNING
    world.check()
    assert again(world) == ["b", "all", "below all"]
    assert world.states(job) == {
        "a": "succeeded",
        "b": "succeeded",
        "all": "succeeded",
        "done": "succeeded",
        "alarm": "succeeded",
        "quiet": "skipped",
        "below all": "succeeded",
    }
    assert (world.job(job).state, world.job(job).failure) == (JobState.SUCCEEDED, None)
    assert [run.number for run in world.runs(job, "b")] == [1, 2]


def test_all_of_a_job_runs_again(world: World) -> None:
    job = failed_job(world)
    retry(world, job, "all")
    world.check()
    assert sorted(again(world)) == ["a", "all", "b", "below all", "done"]
    assert world.states(job)["alarm"] == "skipped"
    assert world.job(job).state is JobState.SUCCEEDED


def test_a_canceled_job_can_run_again(world: World) -> None:
    job = world.submit({"a": [], "b": ["a"]})
    cancel(world, job)
    assert retry(world, job).state is JobState.PENDING
    assert again(world) == ["a", "b"]


def test_a_job_that_did_well_has_nothing_to_run_again(world: World) -> None:
    node = world.node()
    job = world.submit([task("a"), task("quiet", "a", run_when=RunWhen.ANY_FAILED)])
    world.drive(node)
    assert world.job(job).state is JobState.SUCCEEDED
    with pytest.raises(Conflict, match="nothing would run"):
        retry(world, job)
    plain = world.submit({"a": []})
    world.drive(node)
    with pytest.raises(Conflict, match="no task of the job failed"):
        retry(world, plain)
    world.check()


def test_a_job_that_runs_can_not_run_again(world: World) -> None:
    job = world.submit({"a": []})
    with pytest.raises(Conflict, match="only a job that has ended"):
        retry(world, job)


def test_one_task_runs_again_with_what_stands_below_it(world: World) -> None:
    job = failed_job(world)
    view = rerun.retry_task(world.core, world.who, world.task(job, "b").id)
    assert not view.task.ended
    world.check()
    assert sorted(again(world)) == ["all", "b", "below all", "done"]
    assert world.states(job)["alarm"] == "skipped"
    assert world.job(job).state is JobState.SUCCEEDED


def test_one_of_two_failed_tasks_runs_again_and_what_needs_both_stays_skipped(world: World) -> None:
    node = world.node()
    job = world.submit({"a": [], "b": [], "c": ["a", "b"], "d": ["a"], "e": ["c"]})
    node.take_all()
    node.finish("a", RunState.FAILED)
    node.finish("b", RunState.FAILED)
    rerun.retry_task(world.core, world.who, world.task(job, "a").id)
    world.check()
    assert sorted(again(world)) == ["a", "d"]
    states = {"a": "succeeded", "b": "failed", "c": "skipped", "d": "succeeded", "e": "skipped"}
    assert world.states(job) == states


def test_a_task_whose_needs_do_not_stand_can_not_run_again(world: World) -> None:
    job = failed_job(world)
    with pytest.raises(Conflict, match="nothing would run"):
        rerun.retry_task(world.core, world.who, world.task(job, "all").id)
    world.check()


def test_a_task_can_not_run_again_above_what_runs(world: World) -> None:
    node = world.node()
    job = world.submit({"a": [], "b": ["a"]})
    node.take()
    with pytest.raises(Conflict, match="the task is running"):
        rerun.retry_task(world.core, world.who, world.task(job, "a").id)
    node.finish("a")
    node.take()
    with pytest.raises(Conflict, match="task 'b' below it is running"):
        rerun.retry_task(world.core, world.who, world.task(job, "a").id)


def test_running_a_task_again_does_not_resume_a_paused_job(world: World) -> None:
    node = world.node()
    job = world.submit({"a": [], "b": []})
    node.take_all()
    node.finish("a", RunState.FAILED)
    pause(world, job)
    rerun.retry_task(world.core, world.who, world.task(job, "a").id)
    world.pass_time(4, node)
    assert world.states(job)["a"] == "ready"
    assert world.job(job).state is JobState.PAUSED
    world.check()


def test_a_job_that_is_being_canceled_is_not_revived_by_its_tasks(world: World) -> None:
    node = world.node()
    job = world.submit({"a": [], "b": []})
    node.take_all()
    node.finish("a")
    cancel(world, job)
    with pytest.raises(Conflict, match="being canceled"):
        rerun.retry_task(world.core, world.who, world.task(job, "a").id)
    world.check()


# -- change and delete


def test_a_new_priority_acts_on_what_is_not_yet_out(world: World) -> None:
    node = world.node(cpu=1)
    first = world.submit({f"a{n}": [] for n in range(10)})
    second = world.submit({f"b{n}": [] for n in range(10)})
    control.change_job(world.core, world.who, second.id, second.version, priority=90)
    order = world.drive(node)
    out = [name for name in order if name.startswith("a")][:2]
    rest = [name for name in order if name not in out]
    assert rest == [f"b{n}" for n in range(10)] + [f"a{n}" for n in range(2, 10)]
    assert world.job(first).priority == 50


def test_a_change_of_what_has_changed_is_refused(world: World) -> None:
    job = world.submit({"a": []})
    changed = control.change_job(world.core, world.who, job.id, job.version, name="new", labels={"k": "v"})
    assert (changed.name, changed.labels, changed.version) == ("new", {"k": "v"}, job.version + 1)
    with pytest.raises(Outdated):
        control.change_job(world.core, world.who, job.id, job.version, priority=1)
    assert world.task(job, "a").priority == 50
    assert control.change_job(world.core, world.who, job.id, None, name="new").version == changed.version


def test_a_job_that_has_ended_can_be_deleted_with_all_that_belongs_to_it(world: World) -> None:
    node = world.node()
    job = world.submit({"a": [], "b": []})
    node.take_all()
    spec, late = node.run_of("a"), node.run_of("b")
    with pytest.raises(Conflict, match="cancel it"):
        control.delete_job(world.core, world.who, job.id)
    node.finish("a")
    node.finish("b")
    control.delete_job(world.core, world.who, job.id)
    with pytest.raises(NotFound):
        world.job(job)
    with pytest.raises(NotFound):
        query.run(world.core, world.who, spec.run_id)
    assert query.jobs(world.core, world.who, ALL) == []
    assert node.report(node.ending(late)).stale == (late.run_id,)
    world.check()


def test_deleting_what_is_not_there(world: World) -> None:
    with pytest.raises(NotFound):
        control.delete_job(world.core, world.who, "nothing")
