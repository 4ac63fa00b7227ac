"""A task and why it waits, as answered."""

from typing import Any

from marshmallow import fields

from app.ports.records import TaskView
from app.rest.native.fields import Time, rfc3339
from app.rest.native.schemas.shown import (
    AmountShown,
    Document,
    FailureShown,
    Shown,
    amount,
    failure,
    list_of,
    time_or_none,
)
from app.services.explain import Explanation
from app.wire.states import TASK_TERMINAL, TaskState

_HAS_A_RUN = TASK_TERMINAL | {TaskState.RUNNING}


class LimitationsShown(Shown):
    maxExecutionTimeInSeconds = fields.Integer()
    maxAttempts = fields.Integer()
    retryDelayInSeconds = fields.Integer()
    memoryGrowth = fields.Float()


class OutputsShown(Shown):
    params = fields.Dict(metadata={"description": "The result when it is an object, else {value: result}."})
    assets = fields.Dict()


class TaskShown(Shown):
    id = fields.UUID()
    jobId = fields.UUID()
    name = fields.String()
    type = fields.String()
    executor = fields.Raw(metadata={"description": "As submitted: a name, or {name, version}."})
    needs = fields.List(fields.String())
    runWhen = fields.String()
    payload = fields.Raw(allow_none=True)
    inputs = fields.List(fields.Dict())
    declaredOutputs = fields.List(fields.Dict(), metadata={"description": "`outputs` as submitted."})
    requirements = fields.Nested(AmountShown)
    limitations = fields.Nested(LimitationsShown)
    hints = fields.Dict()
    priority = fields.Integer()
    tag = fields.String()
    state = fields.String(
        metadata={"description": "waiting, ready, queued, running, succeeded, failed, canceled or skipped."}
    )
    attempts = fields.Integer(metadata={"description": "Runs that ended by the task's own doing."})
    paused = fields.Boolean()
    progress = fields.Float()
    statusText = fields.String(allow_none=True)
    createdAt = Time()
    startedAt = Time(allow_none=True)
    finishedAt = Time(allow_none=True)
    error = fields.Nested(FailureShown, allow_none=True)
    result = fields.Raw(allow_none=True)
    outputs = fields.Nested(OutputsShown)

    @staticmethod
    def show(value: TaskView) -> Document:
        task, spec, said = value.task, value.spec, value.spec.submitted
        run = value.run if task.state in _HAS_A_RUN else None
        result = run.result if run else None
        limitations: Document = {
            "maxExecutionTimeInSeconds": spec.time_limit_s,
            "maxAttempts": spec.max_attempts,
            "retryDelayInSeconds": spec.retry_delay_s,
        }
        if spec.memory_growth > 1:
            limitations["memoryGrowth"] = spec.memory_growth
        return {
            "id": task.id,
            "jobId": task.job_id,
            "name": task.name,
            "type": "task",
            "executor": _executor(value),
            "needs": spec.needs,
            "runWhen": spec.run_when,
            "payload": spec.payload,
            "inputs": spec.inputs,
            "declaredOutputs": spec.outputs,
            "requirements": amount(spec.shape),
            "limitations": limitations,
            "hints": said.get("hints", {}),
            "priority": task.priority,
            "tag": spec.tag,
            "state": task.state,
            "attempts": task.attempts,
            "paused": task.held,
            "progress": progress(value),
            "statusText": run.status_text if run else None,
            "createdAt": rfc3339(task.created_at_us),
            "startedAt": time_or_none(task.started_at_us),
            "finishedAt": time_or_none(task.finished_at_us),
            "error": failure(task.failure),
            "result": result,
            "outputs": {"params": params(task.state, result), "assets": {}},
        }


TaskList = list_of(TaskShown)


def progress(value: TaskView) -> float:
    """That of its newest run; a task that is to run again begins anew."""
    if value.task.state is TaskState.SUCCEEDED:
        return 1.0
    return value.run.progress if value.run and value.task.state in _HAS_A_RUN else 0.0


def params(state: TaskState, result: Any) -> Document:
    if isinstance(result, dict):
        return result
    return {"value": result} if state is TaskState.SUCCEEDED else {}


def _executor(value: TaskView) -> str | Document:
    said = value.spec.submitted.get("executor")
    if isinstance(said, dict):
        return said
    return {"name": value.spec.executor, "version": value.spec.version} if value.spec.version else value.spec.executor


class ReasonShown(Shown):
    code = fields.String()
    message = fields.String(metadata={"description": "What holds."})
    change = fields.String(metadata={"description": "What would change it."})


class ExplanationShown(Shown):
    state = fields.String()
    reasons = fields.List(fields.Nested(ReasonShown))

    @staticmethod
    def show(value: Explanation) -> Document:
        reasons = [{"code": each.code, "message": each.message, "change": each.change} for each in value.reasons]
        return {"state": value.state, "reasons": reasons}
