"""Jobs: our tasks, in whichever workflow; and those that were submitted one by one, as older clients do."""

from collections.abc import Mapping
from typing import Any

from flask import Response, request
from marshmallow import ValidationError

from app.domain import limits
from app.domain.errors import Invalid
from app.rest import auth, body, problems, repeats
from app.rest.context import core, who
from app.rest.dialects.metafold import lists, query, wiring
from app.rest.dialects.metafold.blueprint import MetafoldBlueprint, answer, number
from app.rest.dialects.metafold.schemas import JobShown, LinkShown, StateShown, show_job
from app.rest.dialects.metafold.words import OF_TASK
from app.rest.native.fields import Object, Strict, Text
from app.services import finding, single
from app.services.placed import Placed
from app.services.submit import DEFAULT_QUEUE, submit

routes = MetafoldBlueprint("metafold_jobs", __name__, description="Jobs")

READ, WRITE = auth.scope("jobs:read"), auth.scope("jobs:write")


class JobIn(Strict):
    type = Text(limits.MAX_EXECUTOR_NAME, required=True, metadata={"description": "The name of an executor."})
    parameters = Object(load_default=dict, metadata={"description": "Texts that hold JSON objects or arrays are read."})
    name = Text(limits.MAX_TASK_NAME, allow_none=True, load_default=None)


class JobChange(Strict):
    name = Text(limits.MAX_TASK_NAME, required=True)


_FORM = "application/x-www-form-urlencoded"
_CHANGE = {
    "required": True,
    "content": {
        kind: {"schema": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}}
        for kind in (_FORM, "application/json")
    },
}


@routes.get("/projects/<project_id>/jobs")
@READ
@routes.arguments(query.ListQuery, location="query")
@routes.response(200, JobShown(many=True))
def list_jobs(given: Mapping[str, Any], project_id: str) -> Response:
    """List jobs in project"""
    project = number(project_id)
    return lists.answer(
        given,
        query.JOBS,
        lambda asked, seek: finding.tasks(core(), who(), project, asked, seek),
        lambda placed: show_job(placed, project_id),
    )


@routes.post("/projects/<project_id>/jobs")
@WRITE
@routes.arguments(JobIn)
@routes.response(202, LinkShown)
def create_job(job: Mapping[str, Any], project_id: str) -> Response:
    """Run one job; ask the link for its end"""
    project = finding.project(core(), who(), number(project_id))
    name = job["name"] or job["type"]
    with wiring.in_our_words([name]):
        spec = wiring.single(job["type"], name, job["parameters"], project.id)
        made = submit(core(), who(), DEFAULT_QUEUE, spec, repeats.key(f"POST /projects/{project_id}/jobs"))
    (task,) = finding.whole_of(core(), who(), made).tasks
    return answer({"link": f"/projects/{project_id}/jobs/{task}/status"}, 202)


@routes.get("/projects/<project_id>/jobs/<job_id>")
@READ
@routes.response(200, JobShown)
def read_job(project_id: str, job_id: str) -> Response:
    """One job"""
    return answer(show_job(_found(project_id, job_id), project_id))


@routes.get("/projects/<project_id>/jobs/<job_id>/status")
@READ
@routes.response(201, JobShown, description="It has ended, in whatever way")
@routes.alt_response(202, schema=StateShown, description="It has not ended", success=True)
def read_job_status(project_id: str, job_id: str) -> Response:
    """Has it ended?"""
    placed = _found(project_id, job_id)
    if not placed.view.task.ended:
        return answer({"state": OF_TASK[placed.view.task.state]}, 202)
    return answer(show_job(placed, project_id), 201)


@routes.patch("/projects/<project_id>/jobs/<job_id>")
@WRITE
@routes.doc(requestBody=_CHANGE)
@routes.response(200, JobShown)
def rename_job(project_id: str, job_id: str) -> Response:
    """Rename a job that is in no workflow"""
    single.rename(core(), who(), number(project_id), number(job_id), _new_name())
    return answer(show_job(_found(project_id, job_id), project_id))


@routes.delete("/projects/<project_id>/jobs/<job_id>")
@WRITE
@routes.response(204)
def delete_job(project_id: str, job_id: str) -> None:
    """Cancel a job if it has not ended, and show it no more"""
    single.remove(core(), who(), number(project_id), number(job_id))


def _new_name() -> str:
    """Of a form, as the published client sends it, or of a JSON object. Raises Invalid, Malformed."""
    if request.mimetype == _FORM:
        given: Any = request.form.to_dict()
    else:
        given = body.read_json(request)
    try:
        name: str = JobChange().load(given)["name"]
    except ValidationError as wrong:
        raise Invalid(problems.places(problems.messages(wrong))) from None
    return name


def _found(project_id: str, job_id: str) -> Placed:
    return finding.task(core(), who(), number(project_id), number(job_id))
