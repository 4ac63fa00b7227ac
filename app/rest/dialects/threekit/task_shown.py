"""A task as shown: the thirteen fields of the document, the newest run's among them."""

from marshmallow import fields

from app.ports.records import TaskView
from app.rest.dialects.threekit.fields import shown
from app.rest.dialects.threekit.words import said_of, task_result, task_status
from app.rest.native.schemas.shown import Document, Shown
from app.services.numbered import TaskTold


class TaskShown(Shown):
    """One task of a job."""

    id = fields.UUID(required=True)
    createdBy = fields.String(required=True, metadata={"description": "The user, or the token, that made it."})
    title = fields.String(required=True)
    orgId = fields.String(required=True)
    type = fields.String(required=True, metadata={"description": "The executor that runs it."})
    jobId = fields.UUID(required=True)
    createdAt = fields.DateTime(required=True)
    updatedAt = fields.DateTime(required=True)
    parameters = fields.Raw(required=True, allow_none=True, metadata={"description": "The executor's payload."})
    runStatus = fields.String(required=True, metadata={"description": "pending, running or stopped."})
    runResult = fields.String(required=True, allow_none=True, metadata={"description": "Success or Failed."})
    runProgress = fields.Float(required=True, metadata={"description": "From 0 to 1."})
    reportProgress = fields.Boolean(required=True)

    @staticmethod
    def show(value: TaskTold) -> Document:
        task, spec = value.view.task, value.view.spec
        extra = said_of(spec.submitted)
        return {
            "id": task.id,
            "createdBy": extra.get("createdBy") or value.job.created_by,
            "title": title(value.view),
            "orgId": value.job.org_id,
            "type": spec.executor,
            "jobId": task.job_id,
            "createdAt": shown(extra.get("createdAt") or task.created_at_us),
            "updatedAt": shown(max(value.updated_at_us, extra.get("updatedAt") or 0)),
            "parameters": {} if spec.payload is None else spec.payload,
            "runStatus": task_status(task.state),
            "runResult": task_result(task.state),
            "runProgress": value.view.run.progress if value.view.run else 0.0,
            "reportProgress": extra.get("reportProgress", True),
        }


def title(view: TaskView) -> str:
    """Titles may repeat in a job, names may not."""
    return str(said_of(view.spec.submitted).get("title") or view.task.name)
