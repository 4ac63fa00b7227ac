"""Is a job accepted whole, once, or not at all, and does it start at once where there is room?"""

import pytest

from app.domain import limits
from app.domain.errors import Forbidden, Invalid, NotFound
from app.domain.job import JobSpec
from app.domain.task import TaskSpec
from app.services import access, control, plan, query, submit
from app.wire.states import JobState
from tests.replacing import replace
from tests.services.world import ALL, World, shape, task

DIAMOND = {"top": [], "left": ["top"], "right": ["top"], "bottom": ["left", "right"]}


def test_a_job_is_stored_whole(world: World) -> None:
    job = world.submit(DIAMOND, name="diamond", labels={"a": "b"}, parameters={"p": 1})
    assert (job.state, job.name, job.total) == (JobState.PENDING, "diamond", 4)
    assert world.states(job) == {"top": "ready", "left": "waiting", "right": "waiting", "bottom": "waiting"}
    graph = query.graph(world.core, world.who, job.id, 100)
    assert list(graph.edges) == [(0, 1), (0, 2), (1, 3), (2, 3)]
    world.check()


def test_what_can_run_is_offered_with_the_answer(world: World) -> None:
    world.node()
    job = world.submit(DIAMOND)
    assert world.states(job)["top"] == "queued"
    offer = world.broker.take()
    assert offer is not None
    assert offer.run_ids == (world.runs(job)[0].id,)
    world.check()


def test_the_answer_is_this_job_also_when_others_are_offered_with_it(world: World) -> None:
    node = world.node(cpu=1)
    world.submit({f"t{n}": [] for n in range(6)}, name="first")
    world.core.fleet.note_free(node.id, shape(4, 8192))
    assert world.submit({"a": []}, name="second").name == "second"


def test_a_job_without_tasks_has_succeeded(world: World) -> None:
    job = world.submit({})
    assert (world.job(job).state, world.job(job).progress) == (JobState.SUCCEEDED, 1.0)
    world.check()


def test_a_job_is_accepted_while_the_broker_is_away(world: World) -> None:
    node = world.node()
    world.broker.away = True
    job = world.submit({"a": []})
    world.broker.away = False
    world.pass_time(12, node)
    assert node.take() == ["a"]
    assert world.states(job) == {"a": "running"}


KEY = submit.Key(route="POST /v1/queues/@default/jobs", key="k", body_hash="h")


def test_a_repeat_with_its_key_gets_the_first_job(world: World) -> None:
    first = world.submit({"a": []}, key=KEY)
    assert world.submit({"a": []}, key=KEY).id == first.id
    assert len(query.jobs(world.core, world.who, ALL)) == 1


def test_a_key_used_with_another_body_is_refused(world: World) -> None:
    world.submit({"a": []}, key=KEY)
    with pytest.raises(Invalid, match="used with another body"):
        world.submit({"b": []}, key=replace(KEY, body_hash="other"))


def test_the_same_key_on_another_route_is_another_request(world: World) -> None:
    first = world.submit({"a": []}, key=KEY)
    assert world.submit({"a": []}, key=replace(KEY, route="elsewhere")).id != first.id


def test_the_key_of_a_deleted_job_says_so(world: World) -> None:
    control.delete_job(world.core, world.who, world.submit({}, key=KEY).id)
    with pytest.raises(NotFound, match="has been deleted"):
        world.submit({}, key=KEY)


@pytest.mark.parametrize(
    ("tasks", "pointer"),
    [
        ([task("a", "b")], "/tasks/0/needs/0"),
        ([task("a"), task("a")], "/tasks/1/name"),
        ([task("a", "b"), task("b", "a")], "/tasks/0/needs"),
        ([task("a", payload={"x": ["${{ needs.b.outputs.params.y }}"]})], "/tasks/0/payload/x/0"),
        ([task("a", payload="${{ job.parameters.missing }}")], "/tasks/0/payload"),
    ],
)
def test_a_wrong_job_is_refused_with_the_place_and_leaves_nothing(
    world: World, tasks: list[TaskSpec], pointer: str
) -> None:
    with pytest.raises(Invalid) as caught:
        world.submit(tasks)
    assert caught.value.problems[0].pointer == pointer
    assert query.jobs(world.core, world.who, ALL) == []
    with pytest.raises(Invalid):
        plan.plan(world.core, world.who, "@default", JobSpec(name="dry", tasks=tuple(tasks)))


def test_many_wrong_references_are_counted_and_the_first_hundred_shown(world: World) -> None:
    with pytest.raises(Invalid) as caught:
        world.submit([task(str(n), payload=["${{ x }}"] * 50) for n in range(10)])
    assert (len(caught.value.problems), caught.value.total) == (limits.MAX_PROBLEMS, 500)


def test_a_project_is_the_default_one_or_one_that_is_there(world: World) -> None:
    job = world.submit({"a": []})
    assert query.projects(world.core, world.who)[0].id == job.project_id
    mine = control.create_project(world.core, world.who, "mine")
    assert world.submit({"a": []}, project_id=mine.id).project_id == mine.id
    with pytest.raises(Invalid, match="no such project"):
        world.submit({"a": []}, project_id="nowhere")


def test_a_viewer_may_look_and_another_organization_sees_nothing(world: World) -> None:
    job = world.submit({"a": []})
    viewer = access.anonymous("viewer")
    assert query.job(world.core, viewer, job.id).id == job.id
    with pytest.raises(Forbidden, match="jobs:write"):
        control.cancel_job(world.core, viewer, job.id)
    stranger = replace(world.who, org_id="other")
    for ask in (query.job, control.cancel_job, control.pause_job, control.delete_job):
        with pytest.raises(NotFound, match="there is no such job"):
            ask(world.core, stranger, job.id)
    with pytest.raises(NotFound, match="there is no such task"):
        query.task(world.core, stranger, world.task(job, "a").id)


def test_a_plan_says_what_the_job_would_be_and_stores_nothing(world: World) -> None:
    world.node(cpu=4)
    world.node("small", cpu=1)
    spec = JobSpec(
        name="dry",
        tasks=(task("a"), *(task(f"m{n}", "a", shape=shape(2, 512)) for n in range(5)), task("z", "m0", "m1")),
    )
    planned = plan.plan(world.core, world.who, "@default", spec)
    assert (planned.tasks, planned.edges, planned.levels, planned.critical_path) == (7, 7, (1, 5, 1), 3)
    assert planned.total == shape(12, 2 * 256 + 5 * 512)
    fits = {fit.shape: (fit.tasks, fit.at_once, fit.nodes) for fit in planned.shapes}
    assert fits == {shape(1, 256): (2, 5, ("n1", "small")), shape(2, 512): (5, 2, ("n1",))}
    assert query.jobs(world.core, world.who, ALL) == []


def test_an_empty_plan() -> None:
    planned = plan.plan((world := World()).core, world.who, "@default", JobSpec(name="dry", tasks=()))
    assert (planned.tasks, planned.levels, planned.critical_path) == (0, (), 0)
