"""Is a caller shown his own jobs and no others, and of them what was said and what they left?"""

import pytest

from app.domain.errors import Conflict, Forbidden, NotFound
from app.services import access, own, submit
from app.services.access import Principal
from app.wire.report import Failure
from app.wire.states import JobState, RunState
from tests.replacing import replace
from tests.services.world import World, task

ANN = replace(access.anonymous("member"), name="ann")
BOB = replace(access.anonymous("member"), name="bob")
CURATOR = replace(access.anonymous("curator"), name="cat")


def made(world: World, who: Principal, *tasks: submit.TaskSpec, **more: object) -> str:
    spec = submit.JobSpec(name="job", tasks=tasks or (task("a"),), **more)  # type: ignore[arg-type]
    return submit.submit(world.core, who, "@default", spec).id


def test_one_sees_one_s_own_jobs_and_a_curator_all(world: World) -> None:
    anns, bobs = made(world, ANN), made(world, BOB)
    assert own.job(world.core, ANN, anns).job.id == anns
    assert own.job(world.core, CURATOR, bobs).job.id == bobs
    for deed in (own.job, own.cancel_job):
        with pytest.raises(NotFound):
            deed(world.core, ANN, bobs)
    with pytest.raises(NotFound):
        own.output(world.core, ANN, bobs, "a1")
    assert [view.job.id for view in own.listing(world.core, ANN, limit=9)] == [anns]
    assert [view.job.id for view in own.listing(world.core, CURATOR, limit=9)] == [bobs, anns]
    assert own.listing(world.core, replace(CURATOR, org_id="other"), limit=9) == []


def test_messages_are_for_who_sees_all(world: World) -> None:
    anns = made(world, ANN)
    with pytest.raises(Forbidden):
        own.messages(world.core, ANN, anns)
    assert own.messages(world.core, CURATOR, anns) == []


def test_the_tag_is_that_of_the_first_task_also_of_a_map(world: World) -> None:
    first = made(world, ANN, task("a", tag="gpu"), task("b", tag="cpu"))
    a_map = made(world, ANN, task("m", type="map", values=[1, 2], tag="big"))
    views = {view.job.id: view.tag for view in own.listing(world.core, ANN, limit=9)}
    assert views == {first: "gpu", a_map: "big"}
    assert own.job(world.core, ANN, a_map).tag == "big"


def test_a_failed_task_says_why_once_however_often_it_ran(world: World) -> None:
    node = world.node()
    job_id = made(world, ANN, task("a"), task("b", max_attempts=2))
    for _ in range(2):
        node.take_all()
        for name in [spec.task for spec in node.held.values()]:
            failure = Failure(code="exit_code", message="it broke")
            node.finish(
                name, RunState.FAILED if name == "b" else RunState.SUCCEEDED, failure=failure if name == "b" else None
            )
    view = own.job(world.core, ANN, job_id, messages=True)
    assert view.job.state is JobState.FAILED
    assert [(said.place, said.text) for said in view.said if said.line is None] == [(1, "b: it broke")]
    assert own.job(world.core, ANN, job_id).said == ()
    blind = replace(ANN, scopes=("jobs:read",))
    assert own.job(world.core, blind, job_id, messages=True).said == ()
    with pytest.raises(Conflict):
        own.cancel_job(world.core, ANN, job_id)


def test_a_cancel_ends_it(world: World) -> None:
    job_id = made(world, ANN)
    assert own.cancel_job(world.core, ANN, job_id).job.state is JobState.CANCELED
    canceled = own.listing(world.core, ANN, states=frozenset({JobState.CANCELED}), limit=9)
    assert [view.job.id for view in canceled] == [job_id]
