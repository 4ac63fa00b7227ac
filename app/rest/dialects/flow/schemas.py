"""The documents of jobs and tasks: what is read and what is answered."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from marshmallow import ValidationError, fields
from msgspec import structs

from app.domain import limits
from app.domain.job import Job, JobSpec
from app.rest.dialects.flow import translate
from app.rest.native.fields import Strict, Text, rfc3339, text_problem
from app.rest.native.schemas.shown import Document, Shown, time_or_none
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
            structs.replace(spec, submitted={**spec.submitted, SAID: translate.echo(item)})
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
