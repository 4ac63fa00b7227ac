"""Executions: our runs, beside the tasks they are of."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from app.ports.executions import Execution
from app.rest import auth
from app.rest.context import core, who
from app.rest.dialects.flow import pages, times
from app.rest.dialects.flow.blueprint import FlowBlueprint
from app.rest.dialects.flow.jobs import BASE, FlowPageQuery, find_job
from app.rest.dialects.flow.schemas import TASK_STATUS, FlowFailureShown, failure
from app.rest.native.fields import rfc3339
from app.rest.native.schemas.shown import Document, Shown, time_or_none
from app.services import executions
from app.wire.states import RunState

routes = FlowBlueprint("flow_executions", __name__, description="Attempts at a job's tasks")

READ = auth.scope("jobs:read")

_STATUS: Mapping[RunState, str] = {
    RunState.QUEUED: "QUEUED",
    RunState.RUNNING: "RUNNING",
    RunState.SUCCEEDED: "SUCCEEDED",
    RunState.CANCELED: "CANCELED",
}


class FlowUpdatesQuery(FlowPageQuery):
    after = times.Instant(metadata={"description": "Only what changed after this time."})


class FlowExecutionShown(Shown):
    """The document has no execution; this form is ours."""

    id = fields.UUID(required=True)
    jobId = fields.UUID(required=True)
    taskName = fields.String(required=True)
    index = fields.Integer(required=True, metadata={"description": "From 0 within the task; of a map, the value's."})
    status = fields.String(required=True, metadata={"enum": ["QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELED"]})
    progress = fields.Float(required=True, metadata={"description": "0 to 1."})
    created = fields.DateTime(required=True)
    started = fields.DateTime(required=True, allow_none=True)
    finished = fields.DateTime(required=True, allow_none=True)
    error = fields.Nested(FlowFailureShown, metadata={"description": "Of one that failed."})

    @staticmethod
    def show(value: Execution) -> Document:
        task, run = value.task, value.run
        made = run or task
        failed = run.failure if run else task.failure
        shown: Document = {
            "id": made.id,
            "jobId": task.job_id,
            "taskName": task.name,
            "index": index(value),
            "status": _STATUS.get(run.state, "FAILED") if run else TASK_STATUS[task.state],
            "progress": run.progress if run else 0.0,
            "created": rfc3339(made.created_at_us),
            "started": time_or_none(made.started_at_us),
            "finished": time_or_none(made.finished_at_us),
        }
        if failed:
            shown["error"] = failure(failed)
        return shown


def index(value: Execution) -> int:
    run = value.run
    if run is None:
        return 0
    return run.number - 1 if run.map_index is None else run.map_index


@routes.get(f"{BASE}/jobs/<id:job_id>/executions")
@READ
@routes.arguments(FlowPageQuery, location="query")
@routes.listing(FlowExecutionShown)
def list_executions(asked: Mapping[str, Any], queue: str, job_id: str) -> pages.Window[Execution]:
    """A job's executions, those of failed tasks first"""
    job = find_job(queue, job_id)
    return pages.window(
        asked,
        lambda page: executions.executions(core(), who(), job.id, page),
        key=executions.execution_key,
        count=lambda: executions.count(core(), who(), job.id),
    )


@routes.get(f"{BASE}/jobs/<id:job_id>/executions:updates")
@READ
@routes.arguments(FlowUpdatesQuery, location="query")
@routes.listing(FlowExecutionShown)
def list_execution_updates(asked: Mapping[str, Any], queue: str, job_id: str) -> pages.Window[Execution]:
    """A job's executions that have changed, by task"""
    job, after_us = find_job(queue, job_id), asked.get("after", 0)
    return pages.window(
        asked,
        lambda page: executions.changed(core(), who(), job.id, after_us, page),
        key=lambda one: one.key,
        count=lambda: executions.count_changed(core(), who(), job.id, after_us),
    )
