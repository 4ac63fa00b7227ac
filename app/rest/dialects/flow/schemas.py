"""The documents of jobs and tasks: what is read and what is answered."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from marshmallow import ValidationError, fields

from app.domain import limits
from app.domain.job import Job, JobSpec
from app.domain.task import TaskSpec
from app.ports.records import TaskView
from app.rest.dialects.flow import translate
from app.rest.native.fields import Strict, Text, rfc3339, text_problem
from app.rest.native.schemas.shown import Document, Shown, amount, time_or_none
from app.rest.native.schemas.tasks_in import Tasks
from app.wire.report import Failure
from app.wire.states import JobState, TaskState

LONGEST_JOB_ID: Final = 1024
SAID: Final = "flow"
"""The key of what was said here in a task's `submitted`."""

JOB_STATUS: Final[Mapping[JobState, str]] = {
    JobState.PENDING: "QUEUED",
    JobState.RUNNING: "RUNNING",
    JobState.PAUSED: "QUEUED",
    JobState.SUCCEEDED: "SUCCEEDED",
    JobState.FAILED: "FAILED",
    JobState.CANCELED: "CANCELED",
}
TASK_STATUS: Final[Mapping[TaskState, str]] = {
    TaskState.WAITING: "QUEUED",
    TaskState.READY: "QUEUED",
    TaskState.QUEUED: "QUEUED",
    TaskState.RUNNING: "RUNNING",
    TaskState.SUCCEEDED: "SUCCEEDED",
    TaskState.FAILED: "FAILED",
    TaskState.CANCELED: "CANCELED",
    TaskState.SKIPPED: "CANCELED",
}


class Tags(fields.List[Any]):
    """Become labels without values."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(fields.String(), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            raise ValidationError("must be an array of strings")
        if len(value) > limits.MAX_LABELS:
            raise ValidationError(f"has {len(value)} tags; at most {limits.MAX_LABELS} are allowed")
        wrong = {
            index: [detail] for index, tag in enumerate(value) if (detail := text_problem(tag, 1, limits.MAX_LABEL))
        }
        if wrong:
            raise ValidationError(wrong)
        return dict.fromkeys(value, "")


class FlowTasks(Tasks):
    """As natively, once they are translated."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            return super()._deserialize(value, attr, data, **kwargs)
        specs = super()._deserialize([translate.task(item) for item in value], attr, data, **kwargs)
        return tuple(
            replace(spec, submitted={**spec.submitted, SAID: translate.echo(item)})
            for spec, item in zip(specs, value, strict=True)
        )


class FlowJobIn(Strict):
    most_bytes: ClassVar[int] = limits.MAX_SUBMIT_BYTES

    name = Text(limits.MAX_JOB_NAME, required=True)
    tags = Tags(metadata={"description": f"At most {limits.MAX_LABELS}, of at most {limits.MAX_LABEL} characters."})
    tasks = FlowTasks(required=True)


def to_spec(loaded: Mapping[str, Any]) -> JobSpec:
    return JobSpec(name=loaded["name"], tasks=loaded["tasks"], labels=loaded.get("tags", {}))


class FlowCancelIn(Strict):
    job_id = Text(LONGEST_JOB_ID, required=True, data_key="jobId")


class FlowFailureShown(Shown):
    title = fields.String(metadata={"description": "For programs."})
    detail = fields.String(metadata={"description": "For people."})


class FlowJobShown(Shown):
    """The document has no job; this form is ours."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    tags = fields.List(fields.String(), required=True)
    queueId = fields.String(required=True)
    status = fields.String(required=True, metadata={"enum": ["QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELED"]})
    created = fields.DateTime(required=True)
    started = fields.DateTime(required=True, allow_none=True)
    finished = fields.DateTime(required=True, allow_none=True)
    error = fields.Nested(FlowFailureShown, metadata={"description": "Of a failed job."})

    @staticmethod
    def show(value: Job) -> Document:
        running = value.state is JobState.PAUSED and value.started_at_us is not None
        shown: Document = {
            "id": value.id,
            "name": value.name,
            "tags": [f"{label}={text}" if text else label for label, text in value.labels.items()],
            "queueId": value.queue,
            "status": "RUNNING" if running else JOB_STATUS[value.state],
            "created": rfc3339(value.created_at_us),
            "started": time_or_none(value.started_at_us),
            "finished": time_or_none(value.finished_at_us),
        }
        if value.failure:
            shown["error"] = failure(value.failure)
        return shown


def failure(value: Failure) -> Document:
    return {"title": value.code, "detail": value.message}


class FlowTaskShown(Shown):
    """A TaskDescription or a MapTask, as it was submitted: what was left out is left out here too, but `inputs`."""

    name = fields.String(required=True)
    type = fields.String(required=True, metadata={"enum": ["task", "map"]})
    executor = fields.Raw(metadata={"description": "A name, or {name, version}."})
    inputs = fields.List(fields.Dict())
    payload = fields.Raw()
    requirements = fields.Dict()
    limitations = fields.Dict()
    hints = fields.Dict()
    task = fields.Dict(metadata={"description": "Of a map: the TaskDescription of each value's task."})
    needs = fields.List(fields.String(), metadata={"description": "Native."})
    outputs = fields.List(fields.Dict(), metadata={"description": "Native."})
    values = fields.Dict(metadata={"description": "Of a map: {source}, as submitted; null over 1000 values."})

    @staticmethod
    def show(value: TaskView) -> Document:
        spec = value.spec
        said = spec.submitted.get(SAID, _natively(spec))
        shown: Document = {"name": spec.name, "type": spec.type}
        if spec.type == "map":
            inner = {"name": spec.submitted.get("name", spec.name), "type": "task"}
            shown["task"] = inner | _described(spec, said.get("task", said))
            shown["values"] = {"source": value.map.source if value.map else None}
        else:
            shown |= _described(spec, said)
        if spec.needs:
            shown["needs"] = spec.needs
        return shown


def _natively(spec: TaskSpec) -> Document:
    """Of a task that was not submitted here."""
    said: Document = {
        "inputs": spec.inputs,
        "requirements": amount(spec.shape),
        "limitations": {"maxExecutionTimeInSeconds": spec.time_limit_s},
    }
    return said | {key: spec.submitted[key] for key in ("hints",) if key in spec.submitted}


def _described(spec: TaskSpec, said: Mapping[str, Any]) -> Document:
    named = {"name": spec.executor, "version": spec.version} if spec.version else spec.executor
    shown: Document = {"executor": spec.submitted.get("executor", named), "inputs": said.get("inputs", [])}
    if spec.payload is not None:
        shown["payload"] = spec.payload
    if spec.outputs:
        shown["outputs"] = spec.outputs
    return shown | {key: said[key] for key in ("requirements", "limitations", "hints") if key in said}
