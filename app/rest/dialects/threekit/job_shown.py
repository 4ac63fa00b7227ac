"""A job as shown: what its owner wants (`schedulerState`), what is so (`status`), its tasks in three words."""

from typing import Final

from marshmallow import fields

from app.domain.job import Desired, Job
from app.rest.dialects.threekit.fields import shown
from app.rest.dialects.threekit.run_shown import RunShown
from app.rest.dialects.threekit.words import job_status, said_of
from app.rest.native.schemas.shown import Document, Shown
from app.services.numbered import JobTold
from app.wire.states import TASK_TERMINAL, TaskState

_PLAIN: Final = "job"
"""The type of a job that was submitted elsewhere, where jobs have none."""

_WISHES: Final = {Desired.RUN: "active", Desired.PAUSE: "paused", Desired.CANCEL: "canceled"}


class JobListed(Shown):
    """One job, with what is known of its tasks."""

    id = fields.UUID(required=True)
    createdBy = fields.String(required=True, metadata={"description": "The user, or the token, that made it."})
    title = fields.String(required=True)
    orgId = fields.String(required=True)
    schedulerState = fields.String(required=True, metadata={"description": "active, paused or canceled (ours)."})
    type = fields.String(required=True)
    createdAt = fields.DateTime(required=True)
    updatedAt = fields.DateTime(required=True)
    parameters = fields.Dict(required=True)
    priority = fields.Integer(required=True, metadata={"description": "From 0 to 100, higher goes first (ours)."})
    status = fields.String(required=True, metadata={"description": "pending, running or stopped."})
    taskCount = fields.Integer(required=True)
    taskProgress = fields.Float(required=True, metadata={"description": "From 0 to 1, over all tasks."})
    taskStatusPending = fields.Integer(required=True)
    taskStatusRunning = fields.Integer(required=True)
    taskStatusStopped = fields.Integer(required=True)
    taskResultFailures = fields.Integer(required=True, metadata={"description": "Failed, canceled or skipped."})
    taskResultSuccesses = fields.Integer(required=True)

    @staticmethod
    def show(value: JobTold) -> Document:
        job = value.job
        said = said_of(job.submitted)
        return {
            "id": job.id,
            "createdBy": job.created_by,
            "title": job.name,
            "orgId": job.org_id,
            "schedulerState": wish(job),
            "type": said.get("type") or _PLAIN,
            "createdAt": shown(said.get("createdAt") or job.created_at_us),
            "updatedAt": shown(max(value.updated_at_us, said.get("updatedAt") or 0)),
            "parameters": job.parameters,
            "priority": job.priority,
            "status": job_status(job.state),
            **_counted(job),
            "taskProgress": value.progress,
        }


class JobShown(JobListed):
    """A single job."""

    runs = fields.List(
        fields.Nested(RunShown),
        metadata={"description": "Of a single job, for the published client: the newest run of its first 1,000 tasks."},
    )

    @classmethod
    def show_with_runs(cls, value: JobTold) -> Document:
        return {**cls.show(value), "runs": [RunShown.show_in_job(run) for run in value.runs]}


def wish(job: Job) -> str:
    """That of a user: too many failures cancel the rest of a job by themselves."""
    return "active" if job.overrun else _WISHES[job.desired]


def _counted(job: Job) -> Document:
    stopped = sum(job.counts.get(state, 0) for state in TASK_TERMINAL)
    running = job.counts.get(TaskState.RUNNING, 0)
    successes = job.counts.get(TaskState.SUCCEEDED, 0)
    return {
        "taskCount": job.total,
        "taskStatusPending": job.total - running - stopped,
        "taskStatusRunning": running,
        "taskStatusStopped": stopped,
        "taskResultFailures": stopped - successes,
        "taskResultSuccesses": successes,
    }
