"""Do reports have their effect exactly once, however they come, and does each ending lead where the rules say?"""

import pytest

from app.domain.chords import RunWhen
from app.domain.errors import NotFound
from app.services import control, query
from app.wire.report import Ending, LogLine
from app.wire.states import JobState, RunState, TaskState
from app.wire.usage import Sample, Usage
from tests.replacing import replace
from tests.services.world import ALL, SECOND, World, shape, task


def line(number: int) -> LogLine:
    return LogLine(line=number, at_us=number, stream="stdout", level="info", text=f"line {number}")


def test_what_a_run_says_is_kept(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    node.take()
    spec = node.run_of("a")
    usage = Usage(wall_s=2.0, peak_rss_bytes=5)
    node.report(
        node.news(
            spec,
            started_at_us=world.clock.now_us,
            progress=0.25,
            status_text="meshing",
            usage=usage,
            samples=(Sample(at_us=3, usage=usage),),
            lines=(line(1), line(2)),
        )
    )
    run = query.run(world.core, world.who, spec.run_id)
    assert (run.progress, run.status_text, run.usage, run.sequence) == (0.25, "meshing", usage, 1)
    assert [kept.line for kept in query.lines(world.core, world.who, ALL, job_id=job.id)] == [line(1), line(2)]
    assert query.samples(world.core, world.who, run.id, ALL) == [Sample(at_us=3, usage=usage)]
    view = query.task(world.core, world.who, spec.task_id)
    assert view.run == run
    world.check()


def test_a_success_ends_task_and_job(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    node.take()
    world.clock.advance(3)
    node.finish("a", result={"x": 1}, exit_code=0)
    run = world.runs(job)[0]
    assert (run.state, run.result, run.exit_code, run.progress) == (RunState.SUCCEEDED, {"x": 1}, 0, 1.0)
    assert world.task(job, "a").attempts == 1
    after = world.job(job)
    assert (after.state, after.finished_at_us, after.progress) == (JobState.SUCCEEDED, world.clock.now_us, 1.0)
    world.check()


def test_a_repeated_report_changes_nothing_and_is_answered_well(world: World) -> None:
    node = world.node()
    job = world.submit({"a": [], "b": ["a"]})
    node.take()
    spec = node.run_of("a")
    ending = node.ending(spec)
    node.report(ending)
    before = world.check()
    for _ in range(3):
        assert node.report(ending).stale == ()
    after = world.check()
    assert (after.tasks, after.runs, after.events) == (before.tasks, before.runs, before.events)
    assert world.states(job)["a"] == "succeeded"


def test_a_report_that_comes_twice_in_one_batch_counts_once(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    node.take()
    ending = node.ending(node.run_of("a"), RunState.FAILED)
    assert node.report(ending, ending).stale == ()
    assert world.task(job, "a").attempts == 1
    world.check()


def test_news_and_ending_of_one_run_in_one_batch(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    node.take()
    spec = node.run_of("a")
    node.report(node.news(spec, progress=0.5), node.news(spec, lines=(line(1),)), node.ending(spec))
    assert world.states(job) == {"a": "succeeded"}
    assert len(query.lines(world.core, world.who, ALL, job_id=job.id)) == 1
    assert world.runs(job)[0].sequence == 3


def test_an_old_fence_another_node_and_an_unknown_run_are_stale(world: World) -> None:
    node, other = world.node("n1"), world.node("n2")
    world.submit({"a": []})
    node.take()
    spec = node.run_of("a")
    assert node.report(replace(node.ending(spec), fence=0)).stale == (spec.run_id,)
    assert other.report(node.ending(spec)).stale == (spec.run_id,)
    assert node.report(node.ending(replace(spec, run_id="nobody"))).stale == ("nobody",)
    assert query.run(world.core, world.who, spec.run_id).state is RunState.RUNNING


def test_a_run_that_was_lost_can_no_longer_succeed(world: World) -> None:
    slow, other = world.node("slow"), world.node("other")
    job = world.submit({"a": []})
    slow.take()
    spec = slow.run_of("a")
    world.pass_time(30, other)
    assert query.run(world.core, world.who, spec.run_id).state is RunState.LOST
    assert slow.report(slow.ending(spec)).stale == (spec.run_id,)
    assert world.drive(other) == ["a"]
    assert [run.state for run in world.runs(job)] == [RunState.LOST, RunState.SUCCEEDED]
    assert (world.task(job, "a").crashes, world.task(job, "a").attempts) == (1, 1)
    world.check()


def test_a_batch_of_good_and_stale_reports_keeps_the_good_ones(world: World) -> None:
    node = world.node()
    job = world.submit({"a": [], "b": []})
    node.take_all()
    a, b = node.run_of("a"), node.run_of("b")
    answer = node.report(node.ending(a), replace(node.ending(b), fence=9))
    assert answer.stale == (b.run_id,)
    assert world.states(job) == {"a": "succeeded", "b": "running"}


def test_an_unregistered_node_is_refused(world: World) -> None:
    node = world.node()
    node.id = "stranger"
    with pytest.raises(NotFound):
        node.report()


# -- what follows


def test_a_diamond_runs_its_shared_task_once_and_in_order(world: World) -> None:
    node = world.node()
    job = world.submit({"top": [], "left": ["top"], "right": ["top"], "bottom": ["left", "right"]})
    order = world.drive(node)
    assert sorted(order) == ["bottom", "left", "right", "top"]
    assert (order[0], order[-1]) == ("top", "bottom")
    assert len(world.runs(job)) == 4
    world.check()


@pytest.mark.parametrize(
    ("run_when", "endings", "state"),
    [
        (RunWhen.ALL_SUCCEEDED, "ss", "succeeded"),
        (RunWhen.ALL_SUCCEEDED, "sf", "skipped"),
        (RunWhen.ALL_SUCCEEDED, "ff", "skipped"),
        (RunWhen.ALL_DONE, "ss", "succeeded"),
        (RunWhen.ALL_DONE, "sf", "succeeded"),
        (RunWhen.ALL_DONE, "ff", "succeeded"),
        (RunWhen.ANY_FAILED, "ss", "skipped"),
        (RunWhen.ANY_FAILED, "sf", "succeeded"),
        (RunWhen.ANY_FAILED, "fs", "succeeded"),
        (RunWhen.ANY_FAILED, "ff", "succeeded"),
    ],
)
def test_a_body_runs_when_its_rule_says(world: World, run_when: RunWhen, endings: str, state: str) -> None:
    node = world.node()
    job = world.submit([task("a"), task("b"), task("c", "a", "b", run_when=run_when), task("d", "c")])
    node.take_all()
    for name, ending in zip("ab", endings, strict=True):
        node.finish(name, RunState.SUCCEEDED if ending == "s" else RunState.FAILED)
        world.check()
    world.drive(node)
    assert world.states(job)["c"] == state
    assert world.states(job)["d"] == ("succeeded" if state == "succeeded" else "skipped")
    world.check()


def test_a_skipped_task_says_why(world: World) -> None:
    node = world.node()
    job = world.submit(
        [task("a"), task("b", "a"), task("c", "b"), task("x"), task("y", "x", run_when=RunWhen.ANY_FAILED)]
    )
    node.take_all()
    node.finish("a", RunState.FAILED)
    node.finish("x")
    for name, words in [
        ("b", "task 'a' above it was failed"),
        ("c", "task 'a' above it was failed"),
        ("y", "none of its needs failed"),
    ]:
        failure = world.task(job, name).failure
        assert failure is not None
        assert words in failure.message


def test_with_several_culprits_at_once_no_innocent_one_is_blamed_alone(world: World) -> None:
    node = world.node()
    job = world.submit({"a": [], "b": [], "below a": ["a"], "below b": ["b"]})
    node.take_all()
    a, b = node.run_of("a"), node.run_of("b")
    node.report(node.ending(a, RunState.FAILED), node.ending(b, RunState.FAILED))
    for name in ("below a", "below b"):
        failure = world.task(job, name).failure
        assert failure is not None
        assert failure.message == "skipped: at least one of these stands above it: 'a' (failed), 'b' (failed)"


def test_a_failed_run_is_tried_again_after_its_delay(world: World) -> None:
    node = world.node()
    job = world.submit([task("a", max_attempts=2, retry_delay_s=10)])
    node.take()
    node.finish("a", RunState.FAILED)
    assert world.states(job) == {"a": "ready"}
    wait_us = world.task(job, "a").due_at_us - world.clock.now_us
    assert 7.5 * SECOND <= wait_us <= 12.5 * SECOND
    world.sweep()
    assert node.take() == []
    world.pass_time(14, node)
    assert node.take() == ["a"]
    node.finish("a", RunState.TIMED_OUT)
    assert world.states(job) == {"a": "failed"}
    assert world.job(job).state is JobState.FAILED
    assert [run.number for run in world.runs(job)] == [1, 2]
    world.check()


def test_a_run_that_was_handed_back_costs_nothing(world: World) -> None:
    node = world.node()
    job = world.submit([task("a")])
    for _ in range(5):
        node.take()
        node.finish("a", RunState.LOST, released=True)
    after = world.task(job, "a")
    assert (after.attempts, after.crashes, after.runs) == (0, 0, 6)
    assert after.state in (TaskState.READY, TaskState.QUEUED)
    world.check()


def test_three_node_deaths_are_the_limit(world: World) -> None:
    node = world.node()
    job = world.submit([task("a", max_attempts=50)])
    for _ in range(3):
        node.take()
        node.finish("a", RunState.LOST)
    failure = world.task(job, "a").failure
    assert world.states(job) == {"a": "failed"}
    assert failure is not None
    assert failure.code == "crash_limit"
    world.check()


def test_out_of_memory_grows_where_it_was_asked_for(world: World) -> None:
    node = world.node(memory_mib=2048)
    job = world.submit([task("a", shape=shape(1, 600), memory_growth=2.0, max_attempts=1)])
    node.take()
    node.finish("a", RunState.OUT_OF_MEMORY)
    assert node.take() == ["a"]
    assert node.run_of("a").shape == shape(1, 1200)
    node.finish("a")
    assert world.states(job) == {"a": "succeeded"}
    world.check()


def test_too_many_failures_end_the_job(world: World) -> None:
    node = world.node(cpu=3)
    job = world.submit({"a": [], "b": [], "c": [], "later": ["c"]}, max_failed_tasks=1)
    node.take_all()
    node.finish("a", RunState.FAILED)
    assert world.job(job).state is JobState.RUNNING
    node.finish("b", RunState.FAILED)
    world.sweep()
    assert node.beat().cancel == (node.run_of("c").run_id,)
    node.finish("c", RunState.CANCELED)
    assert world.states(job) == {"a": "failed", "b": "failed", "c": "canceled", "later": "canceled"}
    after = world.job(job)
    assert after.state is JobState.FAILED
    world.check()


def test_a_job_that_does_not_continue_ends_with_its_first_failure(world: World) -> None:
    node = world.node(cpu=1)
    job = world.submit({"a": [], "b": [], "c": []}, continue_on_failure=False)
    first = node.take()[0]
    node.finish(first, RunState.FAILED)
    world.sweep()
    assert node.take() == []
    assert sorted(world.states(job).values()) == ["canceled", "canceled", "failed"]
    assert world.job(job).state is JobState.FAILED
    world.check()


# -- hand-off


def test_a_slot_is_handed_its_next_run_with_the_answer() -> None:
    world = World(handoff=True)
    node = world.node(cpu=1)
    job = world.submit({"a": [], "b": ["a"], "c": ["b"]})
    node.take()
    order = []
    while node.held:
        (spec,) = node.held.values()
        order.append(spec.task)
        del node.held[spec.run_id]
        node.report(node.ending(spec, takes=1))
    assert order == ["a", "b", "c"]
    assert world.job(job).state is JobState.SUCCEEDED
    world.check()


def test_a_hand_off_whose_answer_was_lost_is_repeated_and_gets_the_same() -> None:
    world = World(handoff=True)
    node = world.node(cpu=1)
    world.submit({"a": [], "b": ["a"], "c": ["a"]})
    node.take()
    ending = node.ending(node.run_of("a"), takes=1)
    first = node.report(ending)
    assert len(first.handoffs[ending.run_id]) == 1
    again = node.report(ending)
    assert again.handoffs == first.handoffs
    assert node.report(ending, ending).handoffs == first.handoffs
    world.check()


def test_a_hand_off_passes_over_nothing_that_waits_on_the_route() -> None:
    world = World(handoff=True)
    node = world.node(cpu=1)
    world.submit([task("low", priority=1), task("high", priority=99), task("middle", priority=50)])
    order = []
    node.take()
    while node.held:
        (spec,) = node.held.values()
        order.append(spec.task)
        del node.held[spec.run_id]
        world.clock.advance(2)
        node.report(node.ending(spec, takes=1))
    assert order == ["high", "middle", "low"]
    world.check()


def test_a_draining_node_is_handed_nothing() -> None:
    world = World(handoff=True)
    node = world.node(cpu=1)
    world.submit({"a": [], "b": ["a"]})
    node.take()
    control.drain_node(world.core, world.who, "n1", True)
    world.clock.advance(2)
    spec = node.run_of("a")
    assert node.report(node.ending(spec, takes=1)).handoffs == {spec.run_id: ()}


def test_a_paused_job_is_not_handed_off() -> None:
    world = World(handoff=True)
    node = world.node(cpu=1)
    job = world.submit({"a": [], "b": ["a"]})
    node.take()
    control.pause_job(world.core, world.who, job.id)
    spec = node.run_of("a")
    del node.held[spec.run_id]
    assert node.report(node.ending(spec, takes=1)).handoffs == {spec.run_id: ()}
    assert world.states(job) == {"a": "succeeded", "b": "ready"}
    world.check()


def test_an_ending_may_be_any_of_the_terminal_states(world: World) -> None:
    node = world.node(cpu=8)
    states = [state for state in RunState if state not in (RunState.QUEUED, RunState.RUNNING)]
    job = world.submit({state.value: [] for state in states})
    node.take_all()
    for state in states:
        spec = node.run_of(state.value)
        ending = Ending(state=state, at_us=0)
        node.report(node.news(spec, ending=ending))
    after = world.states(job)
    assert after["succeeded"] == "succeeded"
    assert after["canceled"] == "canceled"
    assert {after[name] for name in ("failed", "timed_out", "out_of_memory")} == {"failed"}
    world.check()
