"""Is a template judged as a job is, does it start jobs as it says, and who may change it?"""

from typing import Any

import pytest

from app.domain.errors import Forbidden, Invalid, NotFound
from app.domain.job import JobSpec
from app.domain.template import Kind, Question, QuestionType
from app.ports.records import Page
from app.services import access, query, templates
from app.services.submit import Key
from app.services.templates import Draft, Start
from tests.replacing import replace
from tests.services.world import World, task

PAYLOAD = {"argv": ["echo", "${{ job.parameters.x }}"]}
DRAFT = Draft(
    job=JobSpec(name="mesh", tasks=(task("a", payload=PAYLOAD), task("b", "a", tag="gpu", priority=80)), priority=50),
    questions=(Question(name="x", type=QuestionType.INTEGER, required=True),),
    description="makes meshes",
)
ALL = Page(limit=100)
MEMBER = replace(access.anonymous("member"), name="bob")


def save(world: World, draft: Draft = DRAFT) -> str:
    return templates.create(world.core, world.who, draft).template.id


def start(world: World, template_id: str, **how: Any) -> Any:
    how.setdefault("values", {"x": 3})
    number, key = how.pop("number", None), how.pop("key", None)
    return templates.start(world.core, world.who, template_id, Start(**how), number=number, key=key)


def test_a_job_that_is_started_has_the_answers_and_remembers_its_template(world: World) -> None:
    node = world.node(tags=("gpu",))
    template_id = save(world)
    job = start(world, template_id)
    assert (job.template_id, job.template_version, job.name) == (template_id, 1, "mesh")
    assert job.parameters == {"x": 3}
    world.drive(node)
    assert templates.template(world.core, world.who, template_id).template.runs == 1
    assert world.job(job).state.value == "succeeded"
    world.check()


def test_a_start_may_differ_in_name_priority_and_tag(world: World) -> None:
    job = start(world, save(world), name="other", priority=20, tag="linux")
    views = query.tasks(world.core, world.who, job.id, ALL)
    assert (job.name, job.priority) == ("other", 20)
    assert [(view.task.priority, view.spec.tag) for view in views] == [(20, "linux"), (80, "linux")]
    plain = query.tasks(world.core, world.who, start(world, save(world)).id, ALL)
    assert [(view.task.priority, view.spec.tag) for view in plain] == [(50, ""), (80, "gpu")]


def test_a_repeat_with_the_same_key_starts_nothing_new(world: World) -> None:
    template_id = save(world)
    key = Key(route="r", key="k", body_hash="h")
    assert start(world, template_id, key=key).id == start(world, template_id, key=key).id
    assert templates.template(world.core, world.who, template_id).template.runs == 1


def test_a_new_version_leaves_what_was_started_before(world: World) -> None:
    template_id = save(world)
    first = start(world, template_id)
    other = Draft(job=JobSpec(name="new", tasks=(task("only"),)), comment="simpler", name="renamed")
    view = templates.change(world.core, world.who, template_id, other)
    assert (view.template.version, view.template.name, view.template.description) == (2, "renamed", "makes meshes")
    second = start(world, template_id, values={})
    assert (world.job(first).template_version, second.template_version, second.total) == (1, 2, 1)
    old = start(world, template_id, number=1)
    assert (old.template_version, old.total) == (1, 2)
    history = templates.versions(world.core, world.who, template_id, ALL)
    assert [(each.number, each.comment) for each in history] == [(2, "simpler"), (1, "")]
    with pytest.raises(NotFound):
        start(world, template_id, number=3)


def test_it_is_judged_as_a_submitted_job_is(world: World) -> None:
    twins = replace(DRAFT, job=JobSpec(name="j", tasks=(task("a", "a", payload=PAYLOAD),)))
    with pytest.raises(Invalid) as refused:
        save(world, twins)
    assert refused.value.problems[0].pointer.startswith("/job/tasks/0")
    unasked = replace(DRAFT, questions=(Question(name="y", choices=("z",)),))
    with pytest.raises(Invalid) as refused:
        save(world, unasked)
    assert [one.pointer for one in refused.value.problems] == ["/questions/0/choices", "/job/tasks/0/payload/argv/1"]
    assert templates.listing(world.core, world.who, ALL) == []


def test_a_wrong_answer_starts_nothing(world: World) -> None:
    template_id = save(world)
    for values in ({}, {"x": "3"}, {"x": 3, "y": 1}):
        with pytest.raises(Invalid):
            start(world, template_id, values=values)
    assert start(world, template_id, values={"x": "3"}, as_text=True).parameters == {"x": 3}
    assert templates.template(world.core, world.who, template_id).template.runs == 1


@pytest.mark.parametrize("kind", [Kind.MODULE, Kind.MACRO])
def test_only_an_app_is_started(world: World, kind: Kind) -> None:
    with pytest.raises(Invalid, match=kind.value):
        start(world, save(world, replace(DRAFT, kind=kind)))


def test_only_its_maker_or_who_may_change_all_changes_it(world: World) -> None:
    own = templates.create(world.core, MEMBER, DRAFT).template.id
    others = save(world)
    templates.change(world.core, MEMBER, own, DRAFT)
    for change in (templates.change, lambda core, who, id, _: templates.delete(core, who, id)):
        with pytest.raises(Forbidden):
            change(world.core, MEMBER, others, DRAFT)
    templates.change(world.core, world.who, own, DRAFT)
    templates.delete(world.core, MEMBER, own)
    assert [each.id for each in templates.listing(world.core, MEMBER, ALL)] == [others]


def test_a_deleted_one_is_gone_and_its_jobs_stay(world: World) -> None:
    template_id = save(world)
    job = start(world, template_id)
    templates.delete(world.core, world.who, template_id)
    for gone in (templates.template, templates.delete, start_of):
        with pytest.raises(NotFound):
            gone(world.core, world.who, template_id)
    assert world.job(job).template_id == template_id


def start_of(core: Any, who: Any, template_id: str) -> Any:
    return templates.start(core, who, template_id, Start(values={}))


def test_another_organization_s_is_not_there(world: World) -> None:
    template_id = save(world)
    foreign = replace(world.who, org_id="other")
    for deed in (templates.template, templates.delete, start_of):
        with pytest.raises(NotFound):
            deed(world.core, foreign, template_id)
    assert templates.listing(world.core, foreign, ALL) == []


def test_a_viewer_reads_and_does_nothing_else(world: World) -> None:
    template_id = save(world)
    viewer = access.anonymous("viewer")
    assert templates.template(world.core, viewer, template_id).template.id == template_id
    with pytest.raises(Forbidden):
        templates.create(world.core, viewer, DRAFT)
    with pytest.raises(Forbidden):
        start_of(world.core, viewer, template_id)
