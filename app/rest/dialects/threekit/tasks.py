"""Tasks: listed, added to open jobs, read, and changed."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from app.domain.errors import Invalid, NotFound, Problem
from app.domain.task import TaskSpec
from app.rest import payloads
from app.rest.context import core, who
from app.rest.dialects.threekit import bodies, pages
from app.rest.dialects.threekit.blueprint import READ, WRITE, ThreekitBlueprint
from app.rest.dialects.threekit.bodies import TaskChange, TaskIn
from app.rest.dialects.threekit.caller import check_org
from app.rest.dialects.threekit.errors import BASE
from app.rest.dialects.threekit.jobs import OrgQuery
from app.rest.dialects.threekit.lists import TaskList
from app.rest.dialects.threekit.pages import UnpagedQuery
from app.rest.dialects.threekit.task_shown import TaskShown
from app.rest.dialects.threekit.words import said_of, submitted_with
from app.services import addition, numbered, query
from app.services.numbered import TaskTold

routes = ThreekitBlueprint("threekit_tasks", __name__, description="Tasks of jobs")


class TasksQuery(UnpagedQuery):
    jobId = fields.String(metadata={"description": "What is no id matches nothing."})
    runStatus = fields.String(metadata={"description": "pending, running or stopped; another word matches nothing."})


@routes.get(f"{BASE}/tasks")
@READ
@routes.arguments(TasksQuery, location="query")
@routes.response(200, TaskList)
def list_tasks(given: Mapping[str, Any]) -> pages.Window[TaskTold]:
    """Tasks, of one job or of all"""
    wanted = pages.asked(given, unpaged=True)
    job_id, no_id = pages.filter_id(given, "jobId")
    phase, no_phase = pages.filter_phase(given, "runStatus")
    return pages.window(
        wanted,
        lambda spot: numbered.tasks(core(), who(), spot, job_id=job_id, phase=phase),
        nothing=no_id or no_phase,
    )


@routes.post(f"{BASE}/tasks")
@WRITE
@routes.arguments(TaskIn)
@routes.response(200, TaskShown)
def create_task(given: Mapping[str, Any]) -> TaskTold:
    """Add a task to a job; a node that offers an executor named like its type runs it, or whoever posts a run"""
    check_org(given.get("orgId"))
    try:
        job = query.job(core(), who(), given["jobId"])
    except NotFound:
        raise Invalid([Problem("/jobId", "there is no such job")]) from None
    of_job = said_of(job.submitted)
    title = given.get("title", job.name)
    kept = {"title": title, "createdBy": who().name}
    kept |= {name: given[name] for name in ("createdAt", "updatedAt", "reportProgress") if given.get(name) is not None}
    spec = TaskSpec(
        name=title,
        executor=given.get("type") or of_job.get("type") or "",
        payload=given.get("parameters"),
        submitted={**submitted_with(kept), **bodies.digest()},
    )
    _check(spec)
    view = addition.add_task(core(), who(), job.id, spec, given.get("id"))
    return numbered.task(core(), who(), view.task.id)


@routes.get(f"{BASE}/tasks/<id:task_id>")
@READ
@routes.arguments(OrgQuery, location="query")
@routes.response(200, TaskShown)
def read_task(given: Mapping[str, Any], task_id: str) -> TaskTold:
    """One task"""
    check_org(pages.filter_id(given, "orgId")[0])
    return numbered.task(core(), who(), task_id)


@routes.put(f"{BASE}/tasks/<id:task_id>")
@WRITE
@routes.arguments(TaskChange)
@routes.response(200, TaskShown)
def change_task(given: Mapping[str, Any], task_id: str) -> TaskTold:
    """Change a task's parameters, for runs that start from now on"""
    spec = query.task(core(), who(), task_id).spec
    said = dict(said_of(spec.submitted))
    if given.get("updatedAt") is not None:
        said["updatedAt"] = given["updatedAt"]
    payload = given.get("parameters", spec.payload)
    if "parameters" in given:
        _check(TaskSpec(name=spec.name, executor=spec.executor, payload=payload))
    addition.change_task(core(), who(), task_id, payload, submitted_with(said))
    return numbered.task(core(), who(), task_id)


def _check(spec: TaskSpec) -> None:
    if not spec.executor:
        raise Invalid([Problem("/type", "is missing, and the job has none either")])
    found = [Problem(f"/parameters{place}", text) for place, text in payloads.problems(spec.executor, spec.payload)]
    if found:
        raise Invalid(found)
