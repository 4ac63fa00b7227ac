"""Jobs of a queue: created, listed, read, deleted, canceled, and those that have changed."""

from collections.abc import Mapping
from typing import Any

from flask import Response
from marshmallow import fields

from app.domain import limits
from app.domain.errors import Invalid, NotFound, Problem
from app.domain.job import Job
from app.ports.executions import Window as Times
from app.rest import auth
from app.rest.context import core, who
from app.rest.dialects.flow import pages, times
from app.rest.dialects.flow.blueprint import FlowBlueprint
from app.rest.dialects.flow.schemas import FlowCancelIn, FlowJobIn, FlowJobShown, to_spec
from app.rest.native.fields import Strict, text_problem
from app.services import cancel, executions, query, removal
from app.services.submit import submit

BASE = "/flow/compute/v1/queues/<queue>"

routes = FlowBlueprint("flow_jobs", __name__, description="Jobs of a queue")

READ, WRITE = auth.scope("jobs:read"), auth.scope("jobs:write")


class FlowPageQuery(Strict):
    token = fields.String(data_key=pages.TOKEN, metadata={"description": "Comes with `nextUrl`."})


class FlowJobUpdatesQuery(FlowPageQuery):
    after = times.Instant(metadata={"description": "Only what changed after this time."})
    before = times.Instant(metadata={"description": "Only what changed before this time."})


def find_job(queue: str, job_id: str) -> Job:
    """Raises NotFound, also when it is in another queue."""
    job = query.job(core(), who(), job_id)
    if job.queue != queue:
        raise NotFound("there is no such job")
    return job


@routes.get(f"{BASE}/jobs")
@READ
@routes.arguments(FlowPageQuery, location="query")
@routes.listing(FlowJobShown)
def list_jobs(asked: Mapping[str, Any], queue: str) -> pages.Window[Job]:
    """The jobs of a queue, newest first, at most 100 a page"""
    return pages.window(
        asked,
        lambda page: query.jobs(core(), who(), page, queue=queue),
        key=lambda job: (job.seq,),
        count=lambda: executions.count_jobs(core(), who(), queue),
    )


@routes.post(f"{BASE}/jobs")
@WRITE
@routes.arguments(FlowJobIn)
@routes.response(201, FlowJobShown)
def create_job(job: Mapping[str, Any], queue: str) -> Job:
    """Create a job"""
    if wrong := text_problem(queue, 1, limits.MAX_EXECUTOR_NAME):
        raise Invalid([Problem("", f"the queue's name {wrong}")])
    return submit(core(), who(), queue, to_spec(job))


@routes.get(f"{BASE}/jobs/<id:job_id>")
@READ
@routes.response(200, FlowJobShown)
def read_job(queue: str, job_id: str) -> Job:
    """One job"""
    return find_job(queue, job_id)


@routes.delete(f"{BASE}/jobs/<id:job_id>")
@WRITE
@routes.response(202)
def delete_job(queue: str, job_id: str) -> Response:
    """Delete a job; one that runs is canceled first"""
    removal.remove_job(core(), who(), find_job(queue, job_id).id)
    return Response(status=202)


@routes.post(f"{BASE}/jobs:cancel")
@WRITE
@routes.arguments(FlowCancelIn)
@routes.response(200)
def cancel_job(asked: Mapping[str, Any], queue: str) -> Response:
    """Cancel a job; 400 when it has ended otherwise"""
    cancel.cancel_job(core(), who(), find_job(queue, asked["job_id"].lower()).id)
    return Response(status=200)


@routes.get(f"{BASE}/jobs:updates")
@READ
@routes.arguments(FlowJobUpdatesQuery, location="query")
@routes.listing(FlowJobShown)
def list_job_updates(asked: Mapping[str, Any], queue: str) -> pages.Window[Job]:
    """The jobs of a queue that have changed, in the order of their last changes"""
    wanted = Times(after_us=asked.get("after", 0), before_us=asked.get("before", times.LATEST))
    changed = pages.window(
        asked,
        lambda page: executions.changed_jobs(core(), who(), queue, wanted, page),
        key=lambda timed: (timed[0], timed[1].seq),
        count=lambda: executions.count_changed_jobs(core(), who(), queue, wanted),
    )
    return pages.mapped(changed, lambda timed: timed[1])
