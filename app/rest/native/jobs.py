"""Jobs: submitted, listed, read, changed, and told what to do."""

from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify

from app.domain import limits
from app.domain.errors import Invalid, Problem
from app.domain.job import Job
from app.rest import auth, entity, repeats
from app.rest.context import core, who
from app.rest.native.blueprint import NativeBlueprint
from app.rest.native.fields import text_problem
from app.rest.native.schemas.job_in import JobChange, JobIn, Retry, to_spec
from app.rest.native.schemas.job_out import GraphShown, JobShown, PlanShown
from app.rest.native.schemas.queries import JobsQuery, SubmitQuery
from app.rest.paging import Listing, window
from app.services import control, query, rerun
from app.services.plan import plan
from app.services.submit import submit
from app.wire.states import JobState

routes = NativeBlueprint("jobs", __name__, description="DAGs of tasks")

READ, WRITE = auth.scope("jobs:read"), auth.scope("jobs:write")


@routes.post("/v1/queues/<queue>/jobs")
@WRITE
@routes.arguments(SubmitQuery, location="query")
@routes.arguments(JobIn)
@repeats.own
@routes.response(201, JobShown, headers={"Location": {"schema": {"type": "string"}}})
@routes.alt_response(200, schema=PlanShown, description="With dryRun=true", success=True)
def submit_job(asked: Mapping[str, Any], job: Mapping[str, Any], queue: str) -> Any:
    """Submit a job, or only plan it"""
    if wrong := text_problem(queue, 1, limits.MAX_EXECUTOR_NAME):
        raise Invalid([Problem("", f"the queue's name {wrong}")])
    spec = to_spec(job)
    if asked.get("dry_run") == "true":
        return jsonify(PlanShown.show(plan(core(), who(), queue, spec)))
    accepted = submit(core(), who(), queue, spec, repeats.key(f"POST /v1/queues/{queue}/jobs"))
    return accepted, {"Location": f"/v1/jobs/{accepted.id}"}


@routes.get("/v1/queues/<queue>/jobs")
@READ
@routes.arguments(JobsQuery, location="query")
@routes.listing(JobShown)
def list_queue_jobs(asked: Mapping[str, Any], queue: str) -> Listing[Job]:
    """The jobs of a queue, newest first"""
    return _window(asked, queue)


@routes.get("/v1/jobs")
@READ
@routes.arguments(JobsQuery, location="query")
@routes.listing(JobShown)
def list_jobs(asked: Mapping[str, Any]) -> Listing[Job]:
    """All jobs, newest first"""
    return _window(asked, None)


@routes.get("/v1/jobs/<id:job_id>")
@READ
@routes.response(200, JobShown)
def read_job(job_id: str) -> Response:
    """One job"""
    return _tagged(query.job(core(), who(), job_id))


@routes.patch("/v1/jobs/<id:job_id>")
@WRITE
@routes.arguments(JobChange)
@routes.response(200, JobShown)
@routes.header({"name": "If-Match", "required": True, "schema": {"type": "string"}})
def change_job(change: Mapping[str, Any], job_id: str) -> Response:
    """Change a job's name, priority or labels"""
    return _tagged(control.change_job(core(), who(), job_id, entity.expected_version(), **change))


@routes.delete("/v1/jobs/<id:job_id>")
@WRITE
@routes.response(204)
def delete_job(job_id: str) -> None:
    """Delete a job that has ended, and all that belongs to it"""
    control.delete_job(core(), who(), job_id)


@routes.post("/v1/jobs/<id:job_id>/cancel")
@WRITE
@routes.response(200, JobShown)
def cancel_job(job_id: str) -> Job:
    """End a job: what runs is stopped, what waits never starts"""
    return control.cancel_job(core(), who(), job_id)


@routes.post("/v1/jobs/<id:job_id>/pause")
@WRITE
@routes.response(200, JobShown)
def pause_job(job_id: str) -> Job:
    """Start nothing new of a job; what runs goes on"""
    return control.pause_job(core(), who(), job_id)


@routes.post("/v1/jobs/<id:job_id>/resume")
@WRITE
@routes.response(200, JobShown)
def resume_job(job_id: str) -> Job:
    """Go on with a paused job"""
    return control.resume_job(core(), who(), job_id)


@routes.post("/v1/jobs/<id:job_id>/retry")
@WRITE
@routes.arguments(Retry, required=False)
@routes.response(200, JobShown)
def retry_job(asked: Mapping[str, Any], job_id: str) -> Job:
    """Run what failed, was canceled or was skipped again, or all of it"""
    return rerun.retry_job(core(), who(), job_id, asked["scope"])


@routes.get("/v1/jobs/<id:job_id>/graph")
@READ
@routes.response(200, GraphShown)
def read_graph(job_id: str) -> query.GraphView:
    """A job's tasks and what needs what"""
    return query.graph(core(), who(), job_id, limits.MAX_TASKS)


def _window(asked: Mapping[str, Any], queue: str | None) -> Listing[Job]:
    project_id = asked.get("project_id")
    return window(
        asked,
        lambda page: query.jobs(
            core(),
            who(),
            page,
            queue=queue,
            state=JobState(asked["state"]) if "state" in asked else None,
            project_id=str(project_id) if project_id else None,
            text=asked.get("q"),
            labels=dict(asked.get("label", ())),
        ),
        key=lambda job: (job.seq,),
    )


def _tagged(job: Job) -> Response:
    return entity.tag(jsonify(JobShown.show(job)), job.version)
