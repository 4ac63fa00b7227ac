"""A run as shown: always all 33 fields of the document's examples, null where nothing was measured or said.

Times and memory are in seconds and bytes (the document does not say of times). Of a node's run they were measured; of
a run from outside they are what its owner said. `results` is null until the run has ended or its owner gave some.
"""

import json
from typing import Any, Final

from marshmallow import fields

from app.rest.dialects.threekit.fields import shown
from app.rest.dialects.threekit.files import FileShown
from app.rest.dialects.threekit.words import run_result
from app.rest.native.schemas.shown import Document, Shown
from app.services.outside import OWNER
from app.services.told import RunTold
from app.wire.resources import Resources, Route
from app.wire.states import RUN_TERMINAL, RunState

MIB: Final = 1 << 20
AMOUNTS: Final = ("requestCPUs", "limitCPUs", "nodeCPUs", "requestRAM", "limitRAM", "nodeRAM")
MEASURES: Final = ("CPUTime", "GPUTime", "RAMUsage", "wallClockTime")
WORDS: Final = ("cpuPlatform", "machineType", "gpuType", "instanceID", "zone", "podId")
RESULTS: Final = "results"


class RunShown(Shown):
    """One attempt at a task."""

    id = fields.UUID(required=True)
    taskId = fields.UUID(required=True)
    jobId = fields.UUID(required=True)
    orgId = fields.String(required=True)
    createdBy = fields.String(required=True, metadata={"description": "The user, or the token, that made it."})
    createdAt = fields.DateTime(required=True)
    updatedAt = fields.DateTime(required=True)
    startedAt = fields.DateTime(required=True, allow_none=True)
    stoppedAt = fields.DateTime(required=True, allow_none=True)
    progress = fields.Float(required=True, metadata={"description": "From 0 to 1; it never falls."})
    reportProgress = fields.Boolean(required=True)
    resultCode = fields.String(required=True, allow_none=True, metadata={"description": "Success or Failed."})
    resultMessage = fields.String(required=True, allow_none=True)
    error = fields.String(required=True, allow_none=True)
    results = fields.Raw(
        required=True,
        allow_none=True,
        metadata={"description": "The result with `files`, what the run has left; a string where its owner gave one."},
    )
    CPUTime = fields.Float(required=True, allow_none=True, metadata={"description": "Seconds, user and system (ours)."})
    GPUTime = fields.Float(required=True, allow_none=True, metadata={"description": "Seconds (ours)."})
    RAMUsage = fields.Integer(required=True, allow_none=True, metadata={"description": "Bytes, the peak (ours)."})
    wallClockTime = fields.Float(required=True, allow_none=True, metadata={"description": "Seconds (ours)."})
    requestCPUs = fields.Float(required=True, allow_none=True)
    limitCPUs = fields.Float(required=True, allow_none=True)
    nodeCPUs = fields.Float(required=True, allow_none=True)
    requestRAM = fields.Integer(required=True, allow_none=True, metadata={"description": "Bytes."})
    limitRAM = fields.Integer(required=True, allow_none=True, metadata={"description": "Bytes."})
    nodeRAM = fields.Integer(required=True, allow_none=True, metadata={"description": "Bytes."})
    machine = fields.Raw(required=True, allow_none=True, metadata={"description": "`{id, name}` of the node."})
    machineType = fields.String(required=True, allow_none=True)
    cpuPlatform = fields.String(required=True, allow_none=True)
    gpuType = fields.String(required=True, allow_none=True)
    instanceID = fields.String(required=True, allow_none=True, metadata={"description": "Of a node's run the node's."})
    podId = fields.String(required=True, allow_none=True)
    preemptible = fields.Boolean(required=True, allow_none=True)
    zone = fields.String(required=True, allow_none=True)

    @staticmethod
    def show(value: RunTold) -> Document:
        run = value.run
        said = value.said or {}
        began, ended = _times(value)
        return {
            "id": run.id,
            "taskId": run.task_id,
            "jobId": run.job_id,
            "orgId": value.job.org_id,
            "createdBy": said.get(OWNER) or value.job.created_by,
            "createdAt": shown(said.get("createdAt") or run.created_at_us),
            "updatedAt": shown(value.updated_at_us),
            "startedAt": shown(began),
            "stoppedAt": shown(ended),
            "progress": run.progress,
            "reportProgress": said.get("reportProgress", True),
            "resultCode": run_result(run.state),
            "resultMessage": said.get("resultMessage") or run.status_text,
            "error": run.failure.message if run.failure else said.get("error"),
            "results": _results(value),
            **(_measured(value) if value.said is None else _told(value)),
        }

    @classmethod
    def show_in_job(cls, value: RunTold) -> Document:
        """`results` always is an object with `files`, which the published client walks over."""
        document = cls.show(value)
        if not isinstance(document[RESULTS], dict):
            given = {} if document[RESULTS] is None else {"value": document[RESULTS]}
            document[RESULTS] = {**given, "files": _files(value)}
        return document


def _results(value: RunTold) -> Any:
    result = value.run.result
    ended = value.run.state in RUN_TERMINAL
    if not ended:
        result = (value.said or {}).get(RESULTS)
        if result is None:
            return None
    if isinstance(result, dict):
        given = result.get("files")
        return {**result, "files": [*(given if isinstance(given, list) else ()), *_files(value)]}
    if value.said is not None and result is not None:
        return result
    return {"files": _files(value)} if result is None else {"value": result, "files": _files(value)}


def _files(value: RunTold) -> list[Document]:
    return [FileShown.show((value.job.created_by, file)) for file in value.files]


def _measured(value: RunTold) -> Document:
    """Of a node's run."""
    run, node = value.run, value.node
    usage = run.usage if run.state is not RunState.QUEUED else None
    asked = _amount(Route.parse(run.route).shape)
    return {
        "CPUTime": usage.cpu_user_s + usage.cpu_system_s if usage else None,
        "GPUTime": usage.gpu_s if usage else None,
        "RAMUsage": usage.peak_rss_bytes if usage else None,
        "wallClockTime": usage.wall_s if usage else None,
        **dict(zip(("requestCPUs", "requestRAM"), asked, strict=True)),
        **dict(zip(("limitCPUs", "limitRAM"), asked, strict=True)),
        **dict(zip(("nodeCPUs", "nodeRAM"), _amount(node.total) if node else (None, None), strict=True)),
        "machine": {"id": node.id, "name": node.name} if node else None,
        **dict.fromkeys(WORDS),
        "instanceID": run.node_id,
        "preemptible": None,
    }


def _amount(amount: Resources) -> tuple[float, int]:
    """Cores and bytes."""
    cores, rest = divmod(amount.cpu_milli, 1000)
    return amount.cpu_milli / 1000 if rest else cores, amount.memory_mib * MIB


def _told(value: RunTold) -> Document:
    """Of a run from outside: what was said, and of time what was seen."""
    said = value.said or {}
    document = {name: said.get(name) for name in (*AMOUNTS, *MEASURES, *WORDS, "machine", "preemptible")}
    began, ended = _times(value)
    if document["wallClockTime"] is None and began is not None and ended is not None:
        document["wallClockTime"] = max(0, ended - began) / 1_000_000
    return document


def _times(value: RunTold) -> tuple[int | None, int | None]:
    """When it began and ended, as was said, else as was seen."""
    run, said = value.run, value.said or {}
    ended = run.finished_at_us and (said.get("stoppedAt") or run.finished_at_us)
    return said.get("startedAt") or run.started_at_us, ended


def read_results(given: Any) -> Any:
    """An object or array in JSON text is what it says; any other text is itself."""
    if not isinstance(given, str) or not given.lstrip().startswith(("{", "[")):
        return given
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        return given
