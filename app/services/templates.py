"""Templates: saved, changed by new versions, started. Another organization's id answers exactly as an absent one.

What is saved is judged as a job that is submitted is; a question counts as a parameter that is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from msgspec import structs

from app.domain import limits, references
from app.domain import template as templates_
from app.domain.errors import Forbidden, Invalid, NotFound, Problem
from app.domain.job import Job, JobSpec
from app.domain.task import TaskSpec
from app.domain.template import Kind, Question, Template, Version, VersionNote
from app.ports.records import Page
from app.ports.store import Reader, Writer
from app.services import hook_secrets, values
from app.services.access import Principal
from app.services.core import Core
from app.services.submit import DEFAULT_QUEUE, Key, check, submit


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A template, or its next version, as somebody writes it. None leaves as it is, in a next version."""

    job: JobSpec
    questions: tuple[Question, ...] = ()
    name: str | None = None
    description: str | None = None
    kind: Kind | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateView:
    """A template and its newest version, or the one that was asked for."""

    template: Template
    version: Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How one job is to differ from the saved one. `as_text`: as in `app.domain.template.answer`."""

    values: Mapping[str, Any]
    as_text: bool = False
    name: str | None = None
    priority: int | None = None
    tag: str | None = None


def create(core: Core, who: Principal, draft: Draft) -> TemplateView:
    """Raises Invalid."""
    who.require("jobs:write")
    _check(draft)

    def work(tx: Writer) -> TemplateView:
        template = Template(
            seq=tx.reserve("template", 1),
            id=core.chance.new_id(tx.now_us),
            org_id=who.org_id,
            name=draft.name or draft.job.name,
            description=draft.description or "",
            kind=draft.kind or Kind.APP,
            created_by=who.name,
            created_at_us=tx.now_us,
            changed_at_us=tx.now_us,
        )
        tx.insert_template(template)
        return _add_version(core, tx, who, template, draft)

    return core.store.write(work)


def change(core: Core, who: Principal, template_id: str, draft: Draft) -> TemplateView:
    """Its next version. Jobs that were started before stay as they are. Raises Invalid, NotFound, Forbidden."""
    who.require("jobs:write")
    _check(draft)

    def work(tx: Writer) -> TemplateView:
        before = _own(tx, who, template_id)
        template = replace(
            before,
            name=draft.name or before.name,
            description=before.description if draft.description is None else draft.description,
            kind=draft.kind or before.kind,
            changed_at_us=max(tx.now_us, before.changed_at_us),
            version=before.version + 1,
        )
        tx.save_template(template)
        return _add_version(core, tx, who, template, draft)

    return core.store.write(work)


def delete(core: Core, who: Principal, template_id: str) -> None:
    """Jobs that were started from it stay. Raises NotFound, Forbidden."""
    who.require("jobs:write")
    core.store.write(lambda tx: tx.delete_template(_own(tx, who, template_id).id))


def template(core: Core, who: Principal, template_id: str, number: int | None = None) -> TemplateView:
    """In its newest version, or in that of this number."""
    who.require("jobs:read")
    return core.store.read(lambda tx: _view(tx, who, template_id, number))


def listing(core: Core, who: Principal, page: Page, name: str | None = None) -> list[Template]:
    """Newest first; `name` is exact."""
    who.require("jobs:read")
    return core.store.read(lambda tx: tx.templates(who.org_id, page, name))


def versions(core: Core, who: Principal, template_id: str, page: Page) -> list[VersionNote]:
    """Newest first."""
    who.require("jobs:read")
    return core.store.read(lambda tx: tx.template_versions(find(tx, who, template_id).id, page))


def start(
    core: Core, who: Principal, template_id: str, wanted: Start, *, number: int | None = None, key: Key | None = None
) -> Job:
    """A job made from the template. Raises NotFound, Invalid for what is answered wrongly or is no app."""
    who.require("jobs:write")
    view = core.store.read(lambda tx: _view(tx, who, template_id, number))
    if view.template.kind is not Kind.APP:
        detail = f"only a template of the kind app can be started; this one is a {view.template.kind.value}"
        raise Invalid([Problem("", detail)])
    parameters = templates_.answer(view.version, wanted.values, as_text=wanted.as_text)
    spec = replace(
        _differing(view.version.job, wanted),
        parameters=parameters,
        template_id=view.template.id,
        template_version=view.version.number,
    )
    return submit(core, who, DEFAULT_QUEUE, spec, key)


def find(tx: Reader, who: Principal, template_id: str) -> Template:
    """Raises NotFound, also when it is another organization's."""
    found = tx.template(template_id)
    if found is None or found.org_id != who.org_id:
        raise NotFound("there is no such template")
    return found


def _view(tx: Reader, who: Principal, template_id: str, number: int | None) -> TemplateView:
    found = find(tx, who, template_id)
    version = tx.template_version(found.id, found.version if number is None else number)
    if version is None:
        raise NotFound("the template has no such version")
    return TemplateView(template=found, version=version)


def _own(tx: Writer, who: Principal, template_id: str) -> Template:
    """Locked, for a change: it takes its maker, or who may change everybody's."""
    find(tx, who, template_id)
    found = tx.lock_template(template_id)
    if found is None:
        raise NotFound("there is no such template")
    if found.created_by != who.name and "templates:admin" not in who.scopes:
        raise Forbidden("another one made this template; changing it takes the scope templates:admin")
    return found


def _add_version(core: Core, tx: Writer, who: Principal, template: Template, draft: Draft) -> TemplateView:
    version = Version(
        template_id=template.id,
        number=template.version,
        created_by=who.name,
        created_at_us=tx.now_us,
        comment=draft.comment,
        job=replace(draft.job, webhooks=hook_secrets.seal(core, who.org_id, draft.job.webhooks)),
        questions=draft.questions,
    )
    tx.insert_template_version(version)
    return TemplateView(template=template, version=version)


def _check(draft: Draft) -> None:
    problems = templates_.check(draft.questions, draft.job.parameters)
    asked = {question.name: None for question in draft.questions}
    try:
        check(replace(draft.job, parameters={**draft.job.parameters, **asked}))
        values.known([_with_known_values(task) for task in draft.job.tasks], draft.job.parameters)
    except Invalid as wrong:
        problems += [Problem(f"/job{one.pointer}", one.detail) for one in wrong.problems]
    if problems:
        raise Invalid(problems[: limits.MAX_PROBLEMS], total=len(problems))


def _with_known_values(task: TaskSpec) -> TaskSpec:
    """What a map's values refer to is known when a job is started."""
    return structs.replace(task, values=[]) if task.type == "map" and references.find(task.values) else task


def _differing(saved: JobSpec, wanted: Start) -> JobSpec:
    """A new priority is also that of the tasks that have the job's; a tag is that of all of them."""

    def differing(task: TaskSpec) -> TaskSpec:
        if wanted.priority is not None and task.priority == saved.priority:
            task = structs.replace(task, priority=wanted.priority)
        return structs.replace(task, tag=wanted.tag) if wanted.tag else task

    return replace(
        saved,
        name=wanted.name or saved.name,
        priority=saved.priority if wanted.priority is None else wanted.priority,
        tasks=tuple(map(differing, saved.tasks)),
    )
