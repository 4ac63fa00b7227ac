"""Does a map run once for each of its values, in order, within its bounds, and end as they do?"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from app.domain import limits
from app.domain.errors import Invalid, Unavailable
from app.domain.job import Job, JobSpec
from app.domain.map import WINDOW
from app.domain.run import Run
from app.domain.task import TaskSpec
from app.ports.fetcher import Unfetchable
from app.ports.records import Page, TaskView
from app.services import control, explain, fetching, hold, map_list, query, rerun
from app.services.plan import plan
from app.wire.claim import RunSpec
from app.wire.states import JobState, RunState
from tests.services.world import ALL, Node, World, shape, task

WORK = {"x": "${{ map.value }}", "i": "${{ map.index }}"}


def a_map(name: str, *needs: str, values: Any, **asked: Any) -> TaskSpec:
    return task(name, *needs, type="map", values=values, payload=asked.pop("payload", WORK), **asked)


def end(node: Node, spec: RunSpec, state: RunState = RunState.SUCCEEDED, **said: Any) -> None:
    del node.held[spec.run_id]
    node.report(node.ending(spec, state, **said))


def end_all(node: Node, *, but: tuple[int, ...] = (), **said: Any) -> list[int]:
    """End all that is offered, and what follows, the values `but` badly; which values these were, in their order."""
    ended = []
    while True:
        node.take_all()
        specs = list(node.held.values())
        if not specs:
            return ended
        for spec in specs:
            bad = spec.map_index in but
            end(node, spec, RunState.FAILED if bad else RunState.SUCCEEDED, **({} if bad else {"result": spec.payload}))
            ended.append(-1 if spec.map_index is None else spec.map_index)


def shown(world: World, job: Job, name: str = "m") -> Any:
    view = query.task(world.core, world.who, world.task(job, name).id)
    assert view.map is not None
    return view.map


def counts(world: World, job: Job) -> dict[str, int]:
    return {state.value: count for state, count in shown(world, job).counts.items() if count}


def failure_of(world: World, job: Job) -> str:
    failure = world.task(job, "m").failure
    assert failure is not None
    return failure.message


def reasons(world: World, job: Job) -> list[str]:
    told = explain.explain(world.core, world.who, world.task(job, "m").id)
    return [reason.code for reason in told.reasons]


# -- the values, and what comes of them


def test_each_value_has_a_run_of_its_own_and_the_results_are_in_order(world: World) -> None:
    node = world.node(cpu=3)
    job = world.submit([a_map("m", values=["a", {"k": [1, 2]}, None]), task("b", "m")])
    assert world.states(job) == {"m": "running", "b": "waiting"}
    node.take_all()
    specs = sorted(node.held.values(), key=lambda spec: spec.map_index or 0)
    assert [spec.payload for spec in specs] == [{"x": "a", "i": 0}, {"x": {"k": [1, 2]}, "i": 1}, {"x": None, "i": 2}]
    assert {spec.task_id for spec in specs} == {world.task(job, "m").id}
    for spec in reversed(specs):
        end(node, spec, result=spec.payload["i"] * 10)
        world.check()
    assert shown(world, job).result == [0, 10, 20]
    assert world.states(job)["m"] == "succeeded"
    assert world.job(job).total == 2
    assert world.drive(node) == ["b"]
    assert world.job(job).state is JobState.SUCCEEDED
    world.check()


def test_a_path_leads_into_a_value_and_one_that_leads_nowhere_fails_that_value_alone(world: World) -> None:
    node = world.node()
    payload = {"name": "${{ map.value.names.1 }}", "text": "frame ${{ map.index }}"}
    job = world.submit([a_map("m", values=[{"names": ["a", "b"]}, {"names": ["c"]}], payload=payload)])
    node.take_all()
    (spec,) = node.held.values()
    assert spec.payload == {"name": "b", "text": "frame 0"}
    end(node, spec)
    assert counts(world, job) == {"succeeded": 1, "failed": 1}
    assert [run.failure.message for run in world.runs(job, "m") if run.failure] == [
        "value 1 of the map has no 'names.1'"
    ]
    assert world.task(job, "m").failure is not None
    assert failure_of(world, job) == "1 of 2 values failed; value 1: value 1 of the map has no 'names.1'"
    world.check()


@pytest.mark.parametrize("source", ["${{ needs.a.outputs.params.list }}", "${{ job.parameters.list }}", "[7, 8]"])
def test_the_values_may_be_known_later(world: World, source: str) -> None:
    node = world.node()
    job = world.submit([task("a"), a_map("m", "a", values=source)], parameters={"list": [7, 8]})
    node.take()
    node.finish("a", result={"list": [7, 8]})
    assert end_all(node) == [0, 1]
    assert shown(world, job).result == [{"x": 7, "i": 0}, {"x": 8, "i": 1}]
    assert shown(world, job).source == source
    world.check()


def test_the_results_of_a_map_are_the_values_of_the_next(world: World) -> None:
    node = world.node()
    job = world.submit([a_map("m", values=[1, 2]), a_map("n", "m", values="${{ needs.m.outputs.params.value }}")])
    end_all(node)
    assert shown(world, job, "n").result == [{"x": {"x": v, "i": i}, "i": i} for i, v in enumerate([1, 2])]
    world.check()


def test_a_map_over_nothing_succeeds_with_nothing_and_what_needs_it_goes_on(world: World) -> None:
    node = world.node()
    job = world.submit(
        [a_map("m", values=[]), a_map("n", "m", values="${{ needs.m.outputs.params.value }}"), task("b", "n")]
    )
    assert world.states(job) == {"m": "succeeded", "n": "succeeded", "b": "queued"}
    assert shown(world, job).result == []
    assert world.drive(node) == ["b"]
    world.check()
    alone = world.submit([a_map("m", values=[])])
    assert world.job(alone).state is JobState.SUCCEEDED


def test_a_large_map_is_opened_as_it_goes_on(world: World) -> None:
    node = world.node(cpu=64, memory_mib=1 << 20)
    job = world.submit([a_map("m", values=list(range(5000)))])
    assert len(map_list.values(world.core, world.who, world.task(job, "m").id, ALL)) == WINDOW
    assert counts(world, job)["waiting"] == 3000
    ended = end_all(node)
    assert Counter(ended) == Counter(range(5000))
    assert [each["x"] for each in shown(world, job).result] == list(range(5000))
    world.check()


def test_no_more_values_run_at_a_time_than_allowed(world: World) -> None:
    node = world.node(cpu=16, memory_mib=1 << 20)
    job = world.submit([a_map("m", values=list(range(20)), max_concurrency=3)])
    most = 0
    while world.states(job)["m"] == "running":
        node.take_all()
        most = max(most, len(node.held))
        assert reasons(world, job) == ["max_concurrency"] or most < 3 or counts(world, job).get("waiting", 0) == 0
        end(node, next(iter(node.held.values())), takes=8)
    assert most == 3
    assert counts(world, job) == {"succeeded": 20}
    world.check()


def test_runs_come_by_value_and_number_and_a_value_is_tried_again_alone(world: World) -> None:
    node = world.node(cpu=1)
    job = world.submit([task("z"), a_map("m", values=[1, 2, 3], max_attempts=2, priority=99)])
    tries: Counter[int] = Counter()
    while world.states(job)["m"] == "running":
        node.take_all()
        (spec,) = node.held.values()
        tries[spec.map_index or 0] += 1
        end(node, spec, RunState.FAILED if (spec.map_index, spec.attempt) == (1, 1) else RunState.SUCCEEDED)
        world.check()
    assert tries == {0: 1, 1: 2, 2: 1}
    keys = [(run.map_index, run.number) for run in world.runs(job, "m")]
    assert keys == [(0, 1), (1, 1), (1, 2), (2, 1)]
    ids = {world.task(job, "m").id}
    assert {run.task_id for run in world.runs(job, "m")} == ids
    order = [run.task_id for run in world.runs(job)]
    assert order == sorted(order, key=[world.task(job, "z").id, *ids].index)
    assert keys == [_key(run) for run in world.runs(job) if run.map_index is not None]


def _key(run: Run) -> tuple[int | None, int]:
    return run.map_index, run.number


def test_a_map_may_lose_some_values(world: World) -> None:
    node = world.node()
    job = world.submit([a_map("m", values=[0, 1, 2, 3], max_failed=2), task("b", "m")])
    assert sorted(end_all(node, but=(1, 3))) == [-1, 0, 1, 2, 3]
    assert world.states(job) == {"m": "succeeded", "b": "succeeded"}
    assert [each and each["x"] for each in shown(world, job).result] == [0, None, 2, None]
    world.check()


def test_without_leave_one_failed_value_fails_the_map_once_all_have_ended(world: World) -> None:
    node = world.node(cpu=1)
    job = world.submit([a_map("m", values=[0, 1, 2]), task("b", "m")])
    end_all(node, but=(0,))
    assert (world.states(job), counts(world, job)) == ({"m": "failed", "b": "skipped"}, {"failed": 1, "succeeded": 2})
    assert world.job(job).state is JobState.FAILED
    world.check()


def test_with_more_failed_values_than_allowed_the_rest_is_canceled(world: World) -> None:
    node = world.node(cpu=2)
    job = world.submit([a_map("m", values=list(range(5000)), max_failed=1)])
    node.take_all()
    running = list(node.held.values())
    for spec in running[:1]:
        end(node, spec, RunState.FAILED)
    node.take_all()
    spec, last = list(node.held.values())[:2]
    end(node, spec, RunState.FAILED)
    world.sweep()
    world.check()
    assert node.beat().cancel == (last.run_id,)
    end(node, last, RunState.CANCELED)
    assert world.states(job) == {"m": "failed"}
    assert counts(world, job) == {"failed": 2, "canceled": 4998}
    world.check()


def test_a_map_that_fits_nowhere_fails_with_all_its_values(world: World) -> None:
    node = world.node(cpu=1)
    job = world.submit([a_map("m", values=list(range(5000)), shape=shape(2, 256)), task("b", "m")])
    world.pass_time(80, node)
    assert world.states(job) == {"m": "failed", "b": "skipped"}
    assert counts(world, job) == {"failed": 500, "canceled": 4500}
    assert failure_of(world, job).startswith("500 of 5000 values failed; value 0: ")
    world.check()


# -- what is refused, and what fails later


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"a": 1}, "the source is an object; it must be a JSON array"),
        (7, "the source is a number"),
        (None, "the source is null"),
        ("frames", "begins with 'frames'"),
        ("[1, 2", "no JSON array"),
        ("file:///etc/passwd", "begins with 'file:///etc/passwd'"),
        ([1, "x" * (limits.MAX_PAYLOAD_BYTES - 1)], "value 1 has 1048577 bytes"),
        ("${{ job.parameters.p }}", "the source is an object"),
    ],
)
def test_values_that_are_none_are_refused_at_submit(source: Any, why: str) -> None:
    world = World()
    with pytest.raises(Invalid) as refused:
        world.submit([task("a"), a_map("m", values=source)], parameters={"p": {}})
    (problem,) = refused.value.problems
    assert (problem.pointer, why in problem.detail) == ("/tasks/1/values/source", True), problem.detail


def test_a_million_values_are_taken_and_one_more_is_not() -> None:
    world = World()
    with pytest.raises(Invalid, match="more than 1000000"):
        world.submit([a_map("m", values="[" + "1," * limits.MAX_MAP_VALUES + "1]")])


def test_references_are_checked_where_they_stand() -> None:
    world = World()
    wrong = [
        (task("a", payload={"x": "${{ map.value }}"}), "/tasks/0/payload/x"),
        (a_map("a", values=[1], payload={"x": "${{ needs.b.outputs.params.x }}"}), "/tasks/0/task/payload/x"),
        (a_map("a", values="${{ needs.b.outputs.params.x }}"), "/tasks/0/values/source"),
        (a_map("a", values="${{ map.value }}"), "/tasks/0/values/source"),
    ]
    for spec, pointer in wrong:
        with pytest.raises(Invalid) as refused:
            world.submit([spec])
        assert [problem.pointer for problem in refused.value.problems] == [pointer]


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ({"list": {"a": 1}}, "the source is an object"),
        ({"list": 3}, "the source is a number"),
        ({"other": []}, "the result of 'a' has no 'list'; it has: other"),
        ({"list": ["x" * (1 << 20)]}, "value 0 has 1048578 bytes of JSON; at most 1048576 are allowed"),
    ],
)
def test_values_that_turn_out_to_be_none_fail_the_map(world: World, result: Any, why: str) -> None:
    node = world.node()
    job = world.submit([task("a"), a_map("m", "a", values="${{ needs.a.outputs.params.list }}"), task("b", "m")])
    node.take()
    node.finish("a", result=result)
    assert world.states(job) == {"a": "succeeded", "m": "failed", "b": "skipped"}
    failure = world.task(job, "m").failure
    assert failure is not None
    assert (failure.code, why in failure.message) == ("bad_values", True), failure.message
    world.check()


def test_what_a_value_brings_in_is_not_searched_for_references(world: World) -> None:
    node = world.node()
    world.submit([a_map("m", values=["${{ job.parameters.secret }}"])], parameters={"secret": 1})
    node.take()
    assert node.run_of("m").payload["x"] == "${{ job.parameters.secret }}"


# -- what people do to maps


def test_a_canceled_map_ends_when_what_runs_of_it_has(world: World) -> None:
    node = world.node(cpu=2)
    job = world.submit([a_map("m", values=list(range(5000))), task("b", "m")])
    node.take_all()
    one, other = node.held.values()
    control.cancel_task(world.core, world.who, world.task(job, "m").id)
    world.check()
    assert counts(world, job)["running"] == 2
    assert world.states(job) == {"m": "running", "b": "waiting"}
    assert set(node.beat().cancel) == {one.run_id, other.run_id}
    end(node, one, RunState.CANCELED)
    end(node, other)
    assert world.states(job) == {"m": "canceled", "b": "skipped"}
    assert counts(world, job) == {"succeeded": 1, "canceled": 4999}
    world.check()


def test_a_canceled_job_ends_its_maps(world: World) -> None:
    node = world.node(cpu=2)
    job = world.submit([task("a"), a_map("m", values=list(range(5000))), a_map("n", "a", values=[1])])
    node.take_all()
    after = control.cancel_job(world.core, world.who, job.id)
    assert after.state is JobState.RUNNING
    world.check()
    while node.held:
        end(node, next(iter(node.held.values())), RunState.CANCELED)
    world.sweep()
    assert world.job(job).state is JobState.CANCELED
    assert set(world.states(job).values()) == {"canceled"}
    assert not node.take_all()
    world.check()


def test_a_paused_job_starts_no_value_and_a_paused_map_neither(world: World) -> None:
    node = world.node(cpu=2)
    job = world.submit([a_map("m", values=list(range(3000)))])
    map_id = world.task(job, "m").id
    node.take_all()
    for pause, resume, code in [
        (
            lambda: control.pause_job(world.core, world.who, job.id),
            lambda: control.resume_job(world.core, world.who, job.id),
            "paused",
        ),
        (
            lambda: hold.pause_task(world.core, world.who, map_id),
            lambda: hold.resume_task(world.core, world.who, map_id),
            "held",
        ),
    ]:
        pause()
        for spec in list(node.held.values()):
            end(node, spec, takes=8)
        assert not node.take_all()
        assert not node.held
        assert code in reasons(world, job)
        world.check()
        resume()
        assert node.take_all()
        world.check()
    end_all(node)
    assert counts(world, job) == {"succeeded": 3000}


def test_a_new_priority_is_that_of_open_values_and_of_those_opened_later(world: World) -> None:
    node = world.node(cpu=1)
    job = world.submit([a_map("m", values=list(range(3000)), priority=10), task("b", priority=20)])
    of_map = world.task(job, "m")
    map_id = of_map.id

    def priorities() -> set[int]:
        return {one.task.priority for one in map_list.values(world.core, world.who, map_id, ALL) if not one.task.ended}

    def last() -> list[TaskView]:
        return world.core.store.read(lambda tx: tx.values(of_map.seq, Page(limit=1, after=(2998,))))

    hold.change_task(world.core, world.who, map_id, 30)
    world.check()
    assert priorities() == {30}
    control.change_job(world.core, world.who, job.id, None, priority=5)
    while not last():
        node.take_all()
        end(node, next(iter(node.held.values())), takes=64, wall_s=0.0001)
    assert priorities() <= {30, 5}
    assert [one.task.priority for one in last()] == [5]
    end_all(node)
    world.check()


def test_only_what_did_not_succeed_is_run_again(world: World) -> None:
    node = world.node()
    job = world.submit([a_map("m", values=list(range(6))), task("b", "m")])
    end_all(node, but=(1, 4))
    rerun.retry_job(world.core, world.who, job.id)
    world.check()
    assert sorted(end_all(node)) == [-1, 1, 4]
    assert world.job(job).state is JobState.SUCCEEDED
    assert [each["x"] for each in shown(world, job).result] == list(range(6))
    assert [(run.map_index, run.number) for run in world.runs(job, "m")] == [
        *((0, 1), (1, 1), (1, 2), (2, 1), (3, 1), (4, 1), (4, 2), (5, 1))
    ]
    world.check()


def test_all_of_it_is_run_again_over_what_the_values_are_then(world: World) -> None:
    node = world.node()
    job = world.submit([task("a"), a_map("m", "a", values="${{ needs.a.outputs.params.list }}")])
    for values in ([1, 2, 3], [4], [5, 6]):
        node.take()
        node.finish("a", result={"list": values})
        assert sorted(end_all(node)) == list(range(len(values)))
        assert [each["x"] for each in shown(world, job).result] == values
        assert len(map_list.values(world.core, world.who, world.task(job, "m").id, ALL)) == len(values)
        world.check()
        rerun.retry_job(world.core, world.who, job.id, "all")
        world.check()


def test_a_canceled_map_is_run_again_with_what_was_never_opened(world: World) -> None:
    node = world.node(cpu=1)
    job = world.submit([a_map("m", values=list(range(2500)))])
    node.take_all()
    (spec,) = node.held.values()
    control.cancel_task(world.core, world.who, world.task(job, "m").id)
    end(node, spec, result={"x": -1})
    assert world.job(job).state is JobState.CANCELED
    rerun.retry_task(world.core, world.who, world.task(job, "m").id)
    world.check()
    assert Counter(end_all(node)) == Counter(range(1, 2500))
    assert [each["x"] for each in shown(world, job).result] == [-1, *range(1, 2500)]
    world.check()


def test_a_deleted_job_takes_its_values_with_it(world: World) -> None:
    node = world.node()
    job = world.submit([a_map("m", values=[1, 2])])
    end_all(node)
    seqs = [run.task_seq for run in world.runs(job, "m")]
    control.delete_job(world.core, world.who, job.id)
    world.pass_time(4, node)
    assert world.store.write(lambda tx: tx.lock_tasks(seqs)) == []
    world.check()


def test_a_plan_tells_of_maps() -> None:
    world = World()
    world.node(cpu=4)
    found = plan(
        world.core,
        world.who,
        "@default",
        _spec(a_map("m", values=[1, 2, 3], max_concurrency=2), task("a"), _later("n", "a")),
    )
    assert [(each.name, each.values, each.concurrency) for each in found.maps] == [("m", 3, 2), ("n", None, None)]
    assert (found.tasks, found.total.cpu_milli, [fit.tasks for fit in found.shapes]) == (3, 5000, [5])


def _later(name: str, need: str) -> TaskSpec:
    return a_map(name, need, values=f"${{{{ needs.{need}.outputs.params.list }}}}")


def _spec(*tasks: TaskSpec) -> JobSpec:
    return JobSpec(name="j", tasks=tasks)


# -- values from elsewhere


class Web:
    """Answers by URL: pieces, or what is raised."""

    def __init__(self, **pages: Any) -> None:
        self.pages = pages
        self.asked: list[str] = []

    def fetch(self, url: str, most: int) -> Iterator[bytes]:
        self.asked.append(url)
        page = self.pages[url.rsplit("/", 1)[1].partition(".")[0]]
        if isinstance(page, Exception):
            raise page
        yield from page


def with_web(world: World, **pages: Any) -> Web:
    web = Web(**pages)
    object.__setattr__(world.core, "fetcher", web)
    return web


@pytest.mark.parametrize(
    ("name", "pieces"),
    [("list.json", [b"[1", b"2, ", b'"a"]']), ("list.jsonl", [b'12\n"', b'a"\n']), ("list", [b'12\n\n"a"'])],
)
def test_values_are_fetched_by_the_engine(world: World, name: str, pieces: list[bytes]) -> None:
    node = world.node()
    with_web(world, list=pieces)
    job = world.submit([a_map("m", values=f"https://example.org/{name}")])
    assert (world.states(job), reasons(world, job)) == ({"m": "running"}, ["values"])
    assert fetching.step(world.core)
    assert not fetching.step(world.core)
    end_all(node)
    assert [each["x"] for each in shown(world, job).result] == [12, "a"]
    world.check()


def test_a_host_that_is_away_is_asked_again_and_given_up_in_the_end(world: World) -> None:
    web = with_web(world, list=Unavailable("no answer from example.org"))
    job = world.submit([a_map("m", values="https://example.org/list")])
    for _ in range(8):
        fetching.step(world.core)
        fetching.step(world.core)
        world.clock.advance(100)
    assert len(web.asked) == 5
    failure = world.task(job, "m").failure
    assert failure is not None
    assert failure.message == "its values cannot be fetched: no answer from example.org (tried 5 times)"
    world.check()


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (Unfetchable("example.org is not fetched from"), "example.org is not fetched from"),
        ([b"[1, oops]"], "item 1 is no JSON"),
        ([b"[" + b"1," * (limits.MAX_MAP_VALUES + 1) + b"1]"], "more than 1000000"),
    ],
)
def test_what_is_there_may_be_no_values(page: Any, why: str) -> None:
    world = World()
    with_web(world, list=page)
    job = world.submit([a_map("m", values="https://example.org/list")])
    fetching.step(world.core)
    failure = world.task(job, "m").failure
    assert failure is not None
    assert why in failure.message
    world.check()


def test_a_map_that_was_canceled_while_its_values_were_fetched_stays_so(world: World) -> None:
    job = world.submit([a_map("m", values="https://example.org/list"), task("b", "m")])

    def pages() -> Iterator[bytes]:
        yield b"[1,"
        control.cancel_task(world.core, world.who, world.task(job, "m").id)
        yield b"2]"

    with_web(world, list=pages())
    fetching.step(world.core)
    assert world.states(job) == {"m": "canceled", "b": "skipped"}
    world.check()
