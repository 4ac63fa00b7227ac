"""What runs leave behind, who may send it, and how later tasks get it."""

from typing import Any

import pytest

from app.domain import limits
from app.domain.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized
from app.domain.job import Job
from app.ports.records import Asset, Page
from app.services import access, assets, control, links, outputs, query, rerun
from app.services.access import Principal
from app.wire.claim import RunSpec
from app.wire.outputs import RESULT
from app.wire.states import RunState, TaskState
from tests.replacing import replace
from tests.services.test_assets import blobs, stored, stranger, tidy
from tests.services.world import World, task

PAGE = Page(limit=100)


def running(world: World, *tasks: Any) -> tuple[Job, Any]:
    job = world.submit(list(tasks) or [task("mesh")])
    node = world.node()
    node.take_all()
    return job, node


def run_of(world: World, spec: RunSpec) -> Principal:
    return access.authenticate(world.core, spec.token)


def send(world: World, spec: RunSpec, name: str = "volume", content: bytes = b"sdf", **more: Any) -> Asset:
    who = more.pop("who", None) or run_of(world, spec)
    given = {"filename": "part.sdf", "media_type": "", **more}
    return outputs.receive(world.core, who, spec.run_id, name, source=[content], **given)


def names(found: list[Asset]) -> list[str]:
    return [asset.name for asset in found]


def test_a_run_sends_a_file_that_is_its_jobs(world: World) -> None:
    job, node = running(world)
    spec = node.run_of("mesh")
    made = send(world, spec)
    assert (made.org_id, made.project_id, made.job_id, made.task_id) == (
        job.org_id,
        job.project_id,
        job.id,
        spec.task_id,
    )
    assert (made.run_id, made.task_name, made.name, made.filename) == (spec.run_id, "mesh", "volume", "part.sdf")
    assert (made.number, made.map_index, made.created_by) == (1, -1, job.created_by)
    assert outputs.outputs(world.core, world.who, PAGE, run_id=spec.run_id) == [made]
    assert outputs.outputs(world.core, world.who, PAGE, job_id=job.id) == [], "it has not succeeded yet"
    node.finish("mesh")
    assert outputs.outputs(world.core, world.who, PAGE, job_id=job.id) == [made]
    assert outputs.outputs(world.core, world.who, PAGE, task_id=spec.task_id) == [made]
    assert query.task(world.core, world.who, spec.task_id).assets == (made,)
    assert [view.assets for view in query.tasks(world.core, world.who, job.id, PAGE)] == [(made,)]


def test_a_second_one_of_a_name_replaces_the_first(world: World) -> None:
    _, node = running(world)
    send(world, node.run_of("mesh"), content=b"1")
    second = send(world, node.run_of("mesh"), content=b"2")
    tidy(world)
    assert blobs(world).keys == {second.blob}


def test_only_the_run_itself_may_send(world: World) -> None:
    _, node = running(world, task("mesh"), task("other"))
    mesh, other = node.run_of("mesh"), node.run_of("other")
    with pytest.raises(NotFound, match="no such run"):
        send(world, mesh, who=run_of(world, other))
    with pytest.raises(Forbidden):
        send(world, mesh, who=world.who)
    with pytest.raises(Conflict, match="another attempt"):
        send(world, mesh, who=replace(run_of(world, mesh), fence=mesh.fence - 1))
    assert blobs(world).keys == set()


def test_a_run_that_has_ended_sends_nothing_more(world: World) -> None:
    _, node = running(world)
    spec = node.run_of("mesh")
    who = run_of(world, spec)
    node.finish("mesh")
    with pytest.raises(Conflict, match="has ended"):
        send(world, spec, who=who)
    with pytest.raises(Unauthorized):
        run_of(world, spec)


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 1001])
def test_a_name_that_is_none_is_refused(world: World, name: str) -> None:
    _, node = running(world)
    with pytest.raises(Invalid, match="the output's name"):
        send(world, node.run_of("mesh"), name)


def test_a_run_may_send_so_many_files(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_FILES", 2)
    _, node = running(world)
    for name in ("a", "b", "a"):
        send(world, node.run_of("mesh"), name)
    with pytest.raises(Conflict, match="at most 2 files"):
        send(world, node.run_of("mesh"), "c")


def test_what_a_failed_run_left_stays_its_own(world: World) -> None:
    job, node = running(world, task("mesh", max_attempts=2))
    first = node.run_of("mesh")
    send(world, first, content=b"half")
    node.finish("mesh", RunState.FAILED)
    world.pass_time(4, node)
    node.take_all()
    made = send(world, node.run_of("mesh"), content=b"whole")
    node.finish("mesh")
    assert outputs.outputs(world.core, world.who, PAGE, job_id=job.id) == [made]
    assert names(outputs.outputs(world.core, world.who, PAGE, run_id=first.run_id)) == ["volume"]


def test_a_large_result_is_no_file_of_the_job(world: World) -> None:
    job, node = running(world)
    send(world, node.run_of("mesh"), RESULT)
    node.finish("mesh", result={"asset": {"id": "x"}})
    assert outputs.outputs(world.core, world.who, PAGE, job_id=job.id) == []
    assert query.tasks(world.core, world.who, job.id, PAGE)[0].assets == ()
    assert assets.listing(world.core, world.who, PAGE) == []


def test_the_files_of_a_deleted_job_go(world: World) -> None:
    job, node = running(world)
    made = send(world, node.run_of("mesh"))
    with pytest.raises(Conflict, match="not ended"):
        assets.delete(world.core, world.who, made.id)
    node.finish("mesh")
    control.delete_job(world.core, world.who, job.id)
    tidy(world)
    assert blobs(world).keys == set()


def given(*sources: Any, needs: tuple[str, ...] = ()) -> Any:
    inputs = [{"source": source, "target": {"path": f"in/{index}"}} for index, source in enumerate(sources)]
    return task("use", *needs, inputs=tuple(inputs))


def source_of(world: World, *sources: Any) -> Any:
    _, node = running(world, given(*sources))
    return node.run_of("use").inputs[0]["source"]


def test_an_input_becomes_a_link_for_the_whole_run(world: World) -> None:
    made = stored(world)
    source = source_of(world, {"uri": assets.uri(made)})
    link = source.pop("link")
    assert source == {"asset": made.id, "checksum": made.checksum, "size": made.size, "filename": made.filename}
    world.clock.advance(3600 + 23 * 3600)
    assert links.by_link(world.core, link.removeprefix(links.PREFIX)) == made


def test_an_input_by_its_key_in_a_space(world: World) -> None:
    made = stored(world, space="scratch:@default", key="a/b")
    assert source_of(world, {"spaceId": "scratch:@default", "key": "a/b"})["asset"] == made.id


def test_other_sources_are_the_nodes_matter(world: World) -> None:
    assert source_of(world, {"uri": "https://example.org/a"}) == {"uri": "https://example.org/a"}


def test_an_unknown_asset_is_refused_at_submit(world: World) -> None:
    made = stored(world)
    wrong = [{"uri": "flotilla:absent"}, {"uri": assets.uri(made)}, {"spaceId": "s", "key": "k"}]
    with pytest.raises(Invalid) as refused:
        world.submit([task("fine"), given(*wrong)])
    assert [problem.pointer for problem in refused.value.problems] == [
        "/tasks/1/inputs/0/source",
        "/tasks/1/inputs/2/source",
    ]


def test_another_organizations_asset_is_absent(world: World) -> None:
    made = assets.upload(world.core, stranger(), filename="", media_type="", source=[b"x"], space="s", key="k")
    for source in ({"uri": assets.uri(made)}, {"spaceId": "s", "key": "k"}):
        with pytest.raises(Invalid, match="no such asset"):
            world.submit([given(source)])


REFERENCE = "${{ needs.mesh.outputs.assets.volume%s }}"


def chained(world: World, use: Any, name: str = "volume") -> tuple[Job, Any, Asset]:
    """`use` comes after `mesh`, which has left a file."""
    job, node = running(world, task("mesh"), use)
    made = send(world, node.run_of("mesh"), name)
    node.finish("mesh", result={"where": assets.uri(made), "n": 1})
    node.take_all()
    return job, node, made


@pytest.mark.parametrize(
    "uri", [REFERENCE % "", REFERENCE % ".uri", "flotilla:" + REFERENCE % ".id", "${{needs.mesh.outputs.params.where}}"]
)
def test_a_file_of_an_earlier_task_is_an_input(world: World, uri: str) -> None:
    _, node, made = chained(world, given({"uri": uri}, needs=("mesh",)))
    assert node.run_of("use").inputs[0]["source"]["asset"] == made.id


def test_a_file_of_an_earlier_task_is_described_in_a_payload(world: World) -> None:
    payload = {"all": REFERENCE % "", "text": "size " + REFERENCE % ".size", "sum": REFERENCE % ".checksum"}
    _, node, made = chained(world, task("use", "mesh", payload=payload))
    found = node.run_of("use").payload
    assert found["all"] == {
        "id": made.id,
        "uri": f"flotilla:{made.id}",
        "filename": "part.sdf",
        "size": 3,
        "checksum": made.checksum,
        "mediaType": "application/octet-stream",
    }
    assert (found["text"], found["sum"]) == ("size 3", made.checksum)


def test_a_name_with_a_dot_is_a_name(world: World) -> None:
    use = task(
        "use", "mesh", payload=["${{ needs.mesh.outputs.assets.a.uri }}", "${{needs.mesh.outputs.assets.a.uri.size}}"]
    )
    _, node, made = chained(world, use, "a.uri")
    assert node.run_of("use").payload[0]["id"] == made.id
    assert node.run_of("use").payload[1] == 3


@pytest.mark.parametrize(
    ("use", "why"),
    [
        (task("use", "mesh", payload="${{needs.mesh.outputs.assets.no}}"), "left no file 'no'; it has: volume"),
        (given({"uri": "flotilla:${{needs.mesh.outputs.params.n}}"}, needs=("mesh",)), "for input 'in/0' is gone"),
        (
            given({"uri": "${{ needs.mesh.outputs.params.n }}"}, needs=("mesh",)),
            "must be a URI or a list of URIs, not int",
        ),
    ],
)  # fmt: skip
def test_a_reference_that_leads_nowhere_fails_the_task_with_the_reason(world: World, use: Any, why: str) -> None:
    job, _, _ = chained(world, use)
    failed = world.task(job, "use")
    assert failed.state is TaskState.FAILED
    assert failed.failure is not None
    assert why in failed.failure.message


@pytest.mark.parametrize("uri", ["${{ needs.absent.outputs.assets.x }}", "${{ nonsense }}"])
def test_a_reference_in_an_input_is_checked_at_submit(world: World, uri: str) -> None:
    with pytest.raises(Invalid) as refused:
        world.submit([given({"uri": uri})])
    assert [problem.pointer for problem in refused.value.problems] == ["/tasks/0/inputs/0/source/uri"]


def test_a_file_that_is_gone_when_the_job_runs_again_fails_it_with_the_reason(world: World) -> None:
    made = stored(world)
    job, node = running(world, given({"uri": assets.uri(made)}))
    node.finish("use")
    assets.delete(world.core, world.who, made.id)
    rerun.retry_job(world.core, world.who, job.id, "all")
    node.take_all()
    failed = world.task(job, "use")
    assert failed.failure is not None
    assert failed.failure.message == f"the asset for input 'in/0' is gone: flotilla:{made.id}"
