"""A value of a map, as answered."""

from marshmallow import fields

from app.rest.native.fields import Time
from app.rest.native.schemas.shown import Document, FailureShown, Shown, failure, list_of, time_or_none
from app.services.map_list import OneValue
from app.wire.states import TASK_TERMINAL, TaskState


class ValueShown(Shown):
    """One value of a map that has been opened, and how far it is."""

    index = fields.Integer(metadata={"description": "From 0, in the order of the list."})
    value = fields.Raw(allow_none=True)
    state = fields.String(metadata={"description": "As of a task."})
    attempts = fields.Integer(metadata={"description": "Runs that ended by the value's own doing."})
    runId = fields.UUID(allow_none=True, metadata={"description": "The newest run."})
    progress = fields.Float()
    startedAt = Time(allow_none=True)
    finishedAt = Time(allow_none=True)
    error = fields.Nested(FailureShown, allow_none=True)
    result = fields.Raw(allow_none=True)

    @staticmethod
    def show(value: OneValue) -> Document:
        task = value.task
        run = value.run if task.state in TASK_TERMINAL or task.state is TaskState.RUNNING else None
        return {
            "index": value.index,
            "value": value.value,
            "state": task.state,
            "attempts": task.attempts,
            "runId": task.run_id,
            "progress": run.progress if run else 0.0,
            "startedAt": time_or_none(task.started_at_us),
            "finishedAt": time_or_none(task.finished_at_us),
            "error": failure(task.failure),
            "result": run.result if run else None,
        }


ValueList = list_of(ValueShown)
