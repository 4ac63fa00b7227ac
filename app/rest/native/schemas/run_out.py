"""A run, its usage series, and events, as answered."""

from marshmallow import fields

from app.domain.run import Run
from app.ports.records import Event
from app.rest.native.fields import Time, rfc3339
from app.rest.native.schemas.shown import Document, FailureShown, Shown, failure, list_of, time_or_none
from app.services import live
from app.wire.usage import Sample, Usage

_NO_USAGE = Usage()


class UsageShown(Shown):
    wallSeconds = fields.Float()
    cpuUserSeconds = fields.Float()
    cpuSystemSeconds = fields.Float()
    peakRssBytes = fields.Integer()
    currentRssBytes = fields.Integer()
    readBytes = fields.Integer()
    writtenBytes = fields.Integer()
    maxProcesses = fields.Integer()
    gpuSeconds = fields.Float()
    peakGpuBytes = fields.Integer()


class RunShown(Shown):
    """One attempt at a task."""

    id = fields.UUID()
    jobId = fields.UUID()
    taskId = fields.UUID()
    mapIndex = fields.Integer(allow_none=True)
    number = fields.Integer(metadata={"description": "From 1 within the task."})
    state = fields.String(
        metadata={"description": "queued, running, succeeded, failed, timed_out, out_of_memory, lost or canceled."}
    )
    nodeId = fields.String(allow_none=True)
    fence = fields.Integer()
    createdAt = Time()
    startedAt = Time(allow_none=True, metadata={"description": "The node's measurement on the database's clock."})
    finishedAt = Time(allow_none=True)
    progress = fields.Float()
    statusText = fields.String(allow_none=True)
    exitCode = fields.Integer(allow_none=True)
    signal = fields.Integer(allow_none=True)
    error = fields.Nested(FailureShown, allow_none=True)
    result = fields.Raw(allow_none=True)
    usage = fields.Nested(UsageShown)

    @staticmethod
    def show(value: Run) -> Document:
        return {
            "id": value.id,
            "jobId": value.job_id,
            "taskId": value.task_id,
            "mapIndex": value.map_index,
            "number": value.number,
            "state": value.state,
            "nodeId": value.node_id,
            "fence": value.fence,
            "createdAt": rfc3339(value.created_at_us),
            "startedAt": time_or_none(value.started_at_us),
            "finishedAt": time_or_none(value.finished_at_us),
            "progress": value.progress,
            "statusText": value.status_text,
            "exitCode": value.exit_code,
            "signal": value.signal,
            "error": failure(value.failure),
            "result": value.result,
            "usage": (value.usage or _NO_USAGE).to_wire(),
        }


RunList = list_of(RunShown)


class SampleShown(UsageShown):
    """The totals up to a time."""

    time = Time()

    @staticmethod
    def show(value: Sample) -> Document:
        return {"time": rfc3339(value.at_us), **value.usage.to_wire()}


SampleList = list_of(SampleShown)


class EventShown(Shown):
    seq = fields.Integer(metadata={"description": "Grows; for the query parameter after."})
    jobId = fields.UUID()
    time = Time()
    kind = fields.String()
    data = fields.Raw(metadata={"description": "Of a job its state; of tasks [[id, state], ...]."})

    @staticmethod
    def show(value: Event) -> Document:
        return live.show(value)


class TicketShown(Shown):
    ticket = fields.String(metadata={"description": "Good once."})
    expiresAt = Time()

    @staticmethod
    def show(value: live.Ticket) -> Document:
        return {"ticket": value.text, "expiresAt": rfc3339(value.expires_at_us)}


EventList = list_of(EventShown)
