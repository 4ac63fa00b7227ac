"""A task and why it waits, as answered."""

from typing import Any

from marshmallow import fields

from app.ports.records import TaskView
from app.rest.native.fields import Time, rfc3339
from app.rest.native.schemas.asset_out import AssetShown
from app.rest.native.schemas.shown import (
    AmountShown,
    CountsShown,
    Document,
    FailureShown,
    Shown,
    amount,
    counts,
    failure,
    list_of,
    time_or_none,
)
from app.services.explain import Explanation
from app.wire.states import TASK_TERMINAL, TaskState

OF_MAPS = ("task", "values", "maxConcurrency", "maxFailedTasks", "map")
"""Keys that only a map has."""
_HAS_A_RUN = TASK_TERMINAL | {TaskState.RUNNING}


class LimitationsShown(Shown):
    maxExecutionTimeInSeconds = fields.Integer()
    maxAttempts = fields.Integer()
    retryDelayInSeconds = fields.Integer()
    memoryGrowth = fields.Float()


class MapShown(Shown):
    total = fields.Integer(allow_none=True, metadata={"description": "null until its values are known."})
    counts = fields.Nested(CountsShown, metadata={"description": "Values by state."})


class OutputsShown(Shown):
    params = fields.Dict(metadata={"description": "The result when it is an object, else {value: result}."})
    assets = fields.Dict(keys=fields.String(), values=fields.Nested(AssetShown))


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
    result = fields.Raw(
        allow_none=True, metadata={"description": "Of a map the results in order; null in lists over 256 KiB."}
    )
    task = fields.Dict(metadata={"description": "Of a map: what is done with each value, as submitted."})
    values = fields.Dict(metadata={"description": "Of a map: `source`, as submitted; null in lists over 1000 values."})
    maxConcurrency = fields.Integer(allow_none=True, metadata={"description": "Of a map."})
    maxFailedTasks = fields.Integer(allow_none=True, metadata={"description": "Of a map."})
    map = fields.Nested(MapShown, metadata={"description": "Of a map: how far it is."})
    outputs = fields.Nested(OutputsShown)

    @staticmethod
    def show(value: TaskView) -> Document:
        task, spec, said = value.task, value.spec, value.spec.submitted
        run = value.run if task.state in _HAS_A_RUN else None
        result = value.map.result if value.map else run.result if run else None
        limitations: Document = {
            "maxExecutionTimeInSeconds": spec.time_limit_s,
            "maxAttempts": spec.max_attempts,
            "retryDelayInSeconds": spec.retry_delay_s,
        }
        if spec.memory_growth > 1:
            limitations["memoryGrowth"] = spec.memory_growth
        shown = {
            "id": task.id,
            "jobId": task.job_id,
            "name": task.name,
            "type": spec.type,
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
            "outputs": {
                "params": params(task.state, result),
                "assets": {asset.name: AssetShown.show(asset) for asset in value.assets},
            },
        }
        return shown | _of_map(value, limitations) if spec.type == "map" else shown


def _of_map(value: TaskView, limitations: Document) -> Document:
    """What is otherwise in a map, and stands in place of what a task has itself."""
    spec, said = value.spec, value.spec.submitted
    inner: Document = {
        "executor": _executor(value),
        "payload": spec.payload,
        "inputs": spec.inputs,
        "outputs": spec.outputs,
        "requirements": amount(spec.shape),
        "limitations": limitations,
    }
    return {
        "payload": None,
        "inputs": [],
        "declaredOutputs": [],
        "task": inner | {name: said[name] for name in ("name", "hints") if name in said},
        "values": {"source": value.map.source if value.map else None},
        "maxConcurrency": spec.max_concurrency,
        "maxFailedTasks": spec.max_failed,
        "map": {"total": value.map.total, "counts": counts(value.map.counts)} if value.map else None,
    }


TaskList = list_of(TaskShown)


def progress(value: TaskView) -> float:
    """That of its newest run; a task that is to run again begins anew. Of a map how many of its values have ended."""
    if value.map is not None:
        return value.map.progress
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
