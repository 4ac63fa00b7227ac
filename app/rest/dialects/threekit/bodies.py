"""What is created and changed, as written. `createdBy` is not read: it is the token's user."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import orjson
from flask import request
from marshmallow import ValidationError, fields

from app.domain import limits
from app.rest import body
from app.rest.dialects.threekit.fields import Amount, Body, Flag, Moment, ShownMoment, Word
from app.rest.dialects.threekit.run_shown import AMOUNTS, MEASURES, WORDS
from app.rest.dialects.threekit.words import RESULTS
from app.rest.native.fields import Choice, Text
from app.rest.native.schemas.job_in import Parameters
from app.services.chosen import BODY

WISHES: Final = ("active", "paused", "canceled")


class Id(fields.UUID):
    """In lower case, as it is shown."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, str):
            raise ValidationError("must be a UUID")
        found: UUID = super()._deserialize(value, attr, data, **kwargs)
        return str(found)


class Made(Body):
    id = Id(metadata={"description": "A free one; the same id with the same body again gets the same answer."})
    orgId = fields.String(metadata={"description": "The token's own; another one is 403."})
    createdAt = ShownMoment(metadata={"description": "For display, if it is a time of the past."})
    updatedAt = ShownMoment(metadata={"description": "For display, if it is a time of the past."})


class JobIn(Made):
    title = Text(limits.MAX_JOB_NAME, required=True)
    type = Text(limits.MAX_EXECUTOR_NAME, required=True)
    parameters = Parameters(metadata={"description": "Beyond the document: at once, and not by PUT."})
    schedulerState = Choice(WISHES, metadata={"description": "active, paused or canceled (ours)."})


class JobChange(Body):
    parameters = Parameters()
    schedulerState = Choice(WISHES, metadata={"description": "Beyond the document: resumes, pauses or cancels."})


class TaskIn(Made):
    jobId = Word(required=True)
    title = Text(limits.MAX_TASK_NAME, metadata={"description": "By default the job's."})
    type = Text(limits.MAX_EXECUTOR_NAME, metadata={"description": "The executor; by default the job's type."})
    parameters = fields.Raw(metadata={"description": "The executor's payload."})
    reportProgress = Flag()


class TaskChange(Body):
    parameters = fields.Raw(metadata={"description": "For runs that start from now on."})
    updatedAt = ShownMoment(metadata={"description": "For display, if it is a time of the past."})


class RunSaid(Body):
    """What may be said of a run at any time."""

    startedAt = Moment()
    progress = Amount(1, metadata={"description": "From 0 to 1; it never falls."})
    reportProgress = Flag()
    requestCPUs = Amount()
    limitCPUs = Amount()
    nodeCPUs = Amount()
    requestRAM = Amount(metadata={"description": "Bytes."})
    limitRAM = Amount(metadata={"description": "Bytes."})
    nodeRAM = Amount(metadata={"description": "Bytes."})
    CPUTime = Amount(metadata={"description": "Seconds. Beyond the document, as the other three measures."})
    GPUTime = Amount(metadata={"description": "Seconds."})
    RAMUsage = Amount(metadata={"description": "Bytes."})
    wallClockTime = Amount(metadata={"description": "Seconds."})
    cpuPlatform = Word()
    machineType = Word()
    gpuType = Word()
    instanceID = Word()
    zone = Word()
    podId = Word()
    preemptible = Flag()
    machine = fields.Raw()
    resultMessage = Word(limits.MAX_PATH)


class RunIn(RunSaid, Made):
    taskId = Word(required=True)
    jobId = Word(metadata={"description": "That of the task, where given."})


class RunChange(RunSaid):
    stoppedAt = Moment(metadata={"description": "Ends the run."})
    resultCode = Choice(
        RESULTS,
        metadata={"description": "Ends the run. Where only stoppedAt is said: Failed with an error, else Success."},
    )
    error = Word(limits.MAX_PATH)
    results = fields.Raw(metadata={"description": "An object, JSON text with one, or any text."})


def digest() -> Mapping[str, str]:
    """What tells the body of the request under way from another one, whatever the order of its keys."""
    text = orjson.dumps(body.read_json(request), option=orjson.OPT_SORT_KEYS)
    return {BODY: hashlib.sha256(text).hexdigest()}


def said(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a run: what no field of ours holds, under the names of this dialect."""
    others = ("machine", "preemptible", "reportProgress", "resultMessage", "error")
    names = (*AMOUNTS, *MEASURES, *WORDS, *others, "startedAt", "stoppedAt", "createdAt")
    return {name: given[name] for name in names if given.get(name) is not None}
