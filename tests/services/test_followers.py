"""A line of quick tasks goes to one slot at once. What is handed out when, and what becomes of it when a turn never
comes?
"""

from collections.abc import Sequence

import pytest
from msgspec import structs

from app.domain.job import Job
from app.domain.task import TaskSpec
from app.services import control, explain, queues
from app.wire.claim import RunSpec
from app.wire.report import Report
from app.wire.states import RunState
from tests.services.world import Node, World, shape, task

QUICK = 0.001
LINE = ["a", "b", "c", "d"]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def node(world: World) -> Node:
    """It knows that runs are quick."""
    node = world.node(cpu=1)
    world.submit({str(n): [] for n in range(40)})
    while node.take_all():
        while node.held:
            node.finish(next(iter(node.held.values())).task, wall_s=QUICK, takes=64)
    return node


def line(names: Sequence[str], **asked: object) -> list[TaskSpec]:
    return [task(name, *names[at - 1 : at], **asked) for at, name in enumerate(names)]


def begun(world: World, node: Node, tasks: Sequence[TaskSpec]) -> Job:
    """Behind a task whose end hands out the first of them."""
    below = [each if each.needs else structs.replace(each, needs=("first",)) for each in tasks]
    made = world.submit([task("first"), *below])
    node.take_all()
    node.finish("first", wall_s=QUICK, takes=64)
    return made


def handed(node: Node) -> list[tuple[str, str | None]]:
    names = {run_id: spec.task for run_id, spec in node.held.items()}
    return [(spec.task, names.get(spec.follows or "")) for spec in node.held.values()]


def ended(node: Node, names: str, last: RunState = RunState.SUCCEEDED, **said: object) -> list[Report]:
    """Reports of these runs in their order; all but the last succeed."""
    specs: list[RunSpec] = []
    for name in names:
        specs.append(node.run_of(name))
        del node.held[specs[-1].run_id]
    good = [node.ending(spec, wall_s=QUICK) for spec in specs[:-1]]
    return [*good, node.ending(specs[-1], last, wall_s=QUICK, **said)]


def given_back(node: Node, names: str) -> list[Report]:
    return [report for name in names for report in ended(node, name, RunState.LOST, released=True)]


def test_a_line_is_handed_out_at_once_and_ends_with_one_report(world: World, node: Node) -> None:
    job = begun(world, node, line(LINE))
    assert handed(node) == [("a", None), ("b", "a"), ("c", "b"), ("d", "c")]
    world.check()
    node.report(*ended(node, "abcd"))
    world.check()
    assert set(world.states(job).values()) == {"succeeded"}
    assert [len(world.runs(job, name)) for name in LINE] == [1] * 4
    assert world.job(job).state == "succeeded"


def test_what_has_not_begun_says_why(world: World, node: Node) -> None:
    job = begun(world, node, line(LINE))
    told = {name: explain.explain(world.core, world.who, world.task(job, name).id) for name in "ab"}
    assert told["a"].reasons == ()
    assert [(reason.code, "to node n1 along" in reason.message) for reason in told["b"].reasons] == [("in_line", True)]
    node.report(*ended(node, "a"), node.news(node.run_of("b"), started_at_us=world.clock.now_us))
    assert explain.explain(world.core, world.who, world.task(job, "b").id).reasons == ()


def test_reports_may_come_one_by_one(world: World, node: Node) -> None:
    job = begun(world, node, line(LINE))
    for name in LINE:
        node.report(*ended(node, name))
        world.check()
    assert set(world.states(job).values()) == {"succeeded"}


def test_what_follows_a_failure_is_skipped(world: World, node: Node) -> None:
    job = begun(world, node, line(LINE))
    node.report(*ended(node, "ab", RunState.FAILED))
    world.check()
    assert world.states(job) | {"first": ""} == {
        "first": "",
        "a": "succeeded",
        "b": "failed",
        "c": "running",
        "d": "running",
    }
    node.report(*given_back(node, "cd"))
    world.check()
    assert world.states(job) | {"first": ""} == {
        "first": "",
        "a": "succeeded",
        "b": "failed",
        "c": "skipped",
        "d": "skipped",
    }
    assert world.job(job).state == "failed"


def test_what_follows_a_failure_may_come_back_with_it_or_the_wrong_way_round(world: World, node: Node) -> None:
    job = begun(world, node, line(LINE))
    node.report(*given_back(node, "d"), *ended(node, "ab", RunState.FAILED), *given_back(node, "c"))
    world.check()
    assert [world.states(job)[name] for name in LINE] == ["succeeded", "failed", "skipped", "skipped"]


def test_what_follows_a_retry_waits_for_it(world: World, node: Node) -> None:
    job = begun(world, node, line(LINE, max_attempts=2))
    node.report(*ended(node, "ab", RunState.FAILED), *given_back(node, "cd"))
    world.check()
    assert [world.states(job)[name] for name in LINE][2:] == ["waiting", "waiting"]
    assert [world.task(job, name).attempts for name in LINE] == [1, 1, 0, 0]
    world.pass_time(3)
    world.drive(node)
    world.check()
    assert set(world.states(job).values()) == {"succeeded"}


def test_what_was_given_back_after_its_need_succeeded_is_ready(world: World, node: Node) -> None:
    job = begun(world, node, line(LINE))
    node.report(*ended(node, "ab"), *given_back(node, "cd"))
    world.check()
    assert world.states(job)["c"] in ("ready", "queued")
    assert world.states(job)["d"] == "waiting"
    world.drive(node)
    assert set(world.states(job).values()) == {"succeeded"}


def test_a_dead_node_counts_against_what_had_its_turn_alone(world: World, node: Node) -> None:
    job = begun(world, node, line(LINE))
    node.report(*ended(node, "a"))
    world.pass_time(60)
    world.check()
    assert [world.task(job, name).crashes for name in LINE] == [0, 1, 0, 0]
    assert [world.states(job)[name] for name in LINE][2:] == ["waiting", "waiting"]
    other = world.node("other", cpu=1)
    world.drive(other)
    world.check()
    assert set(world.states(job).values()) == {"succeeded"}


def test_a_success_out_of_turn_is_none(world: World, node: Node) -> None:
    """No node of ours says so; were it believed, what stands below would run beside what it needs."""
    job = begun(world, node, line(LINE))
    node.report(*ended(node, "b"), *ended(node, "c"))
    world.check()
    assert [world.states(job)[name] for name in LINE] == ["running", "waiting", "waiting", "running"]
    node.report(*ended(node, "a"), *given_back(node, "d"))
    world.drive(node)
    world.check()
    assert set(world.states(job).values()) == {"succeeded"}
    assert [run.state for run in world.runs(job, "b")] == ["lost", "succeeded"]


def test_a_canceled_job_ends_with_what_was_to_follow(world: World, node: Node) -> None:
    job = begun(world, node, line(LINE))
    control.cancel_job(world.core, world.who, job.id)
    node.report(*(report for name in LINE for report in ended(node, name, RunState.CANCELED)))
    world.check()
    assert [world.states(job)[name] for name in LINE] == ["canceled"] * 4
    assert world.job(job).state == "canceled"


def test_a_repeat_of_the_report_brings_the_same_line(world: World, node: Node) -> None:
    world.submit(line(["first", *LINE]))
    node.take_all()
    spec = node.run_of("first")
    ending = node.ending(spec, wall_s=QUICK, takes=64)
    answers = [node.report(ending).handoffs[spec.run_id] for _ in range(2)]
    assert answers[0] == answers[1]
    assert [each.task for each in answers[1]] == LINE


@pytest.mark.parametrize(
    ("below", "handed_out"),
    [
        ([task("b", "a"), task("c", "a")], ["a"]),  # two slots may have these
        ([task("b", "a"), task("x"), task("c", "b", "x")], ["a"]),
        ([task("b", "a", executor="python"), task("c", "b")], ["a"]),
        ([task("b", "a", shape=shape(0.5)), task("c", "b")], ["a"]),
        (
            [task("b", "a"), task("c", "b", payload={"x": "${{ needs.b.outputs.params.x }}"}), task("d", "c")],
            ["a", "b"],
        ),
        ([task("b", "a"), task("c", "b", run_when="any_failed")], ["a", "b"]),
        ([task("b", "a"), task("c", "b", type="map", values=[1, 2]), task("d", "c")], ["a", "b"]),
    ],
    ids=["two below", "two needs", "another executor", "another shape", "a result", "if any failed", "a map"],
)
def test_a_line_is_of_one_kind(world: World, node: Node, below: list[TaskSpec], handed_out: list[str]) -> None:
    begun(world, node, [task("a"), *below])
    assert sorted(spec.task for spec in node.held.values()) == handed_out
    world.check()


def test_nothing_follows_while_something_else_is_ready(world: World, node: Node) -> None:
    world.submit(line(["first", *LINE]))
    node.take_all()
    world.submit({str(n): [] for n in range(200)})
    node.finish("first", wall_s=QUICK, takes=64)
    assert not any(spec.follows for spec in node.held.values())


def test_slow_tasks_are_handed_out_one_by_one(world: World) -> None:
    node = world.node(cpu=1)
    world.submit(line(LINE))
    node.take_all()
    node.finish("a", wall_s=1.0, takes=64)
    assert [spec.task for spec in node.held.values()] == ["b"]


def test_a_node_of_an_older_protocol_is_given_nothing_that_follows(world: World, node: Node) -> None:
    node.beat(protocol=2)
    world.clock.advance(2)
    begun(world, node, line(LINE))
    assert [spec.task for spec in node.held.values()] == ["a"]


def test_a_queue_with_a_limit_is_not_run_ahead_of(world: World, node: Node) -> None:
    queues.change(world.core, world.who, "@default", {"max_running": 9})
    begun(world, node, line(LINE))
    assert [spec.task for spec in node.held.values()] == ["a"]
