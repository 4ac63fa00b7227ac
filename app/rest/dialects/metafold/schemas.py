"""What is answered: four resources, each with exactly these keys. The published client takes no others."""

import json
from typing import Any

from marshmallow import fields

from app.ports.records import Asset, Project
from app.rest.dialects.metafold.dates import shown, shown_or_none
from app.rest.dialects.metafold.words import OF_JOB, OF_TASK
from app.rest.native.schemas.shown import Document, Shown
from app.services.finding import Whole
from app.services.placed import Placed
from app.wire.states import TaskState

_DATE = {"description": "ISO 8601; RFC 1123 for the published Python client, known by its User-Agent."}
_STATES = {"enum": sorted({*OF_TASK.values()})}
_TOLD = frozenset({TaskState.FAILED, TaskState.SKIPPED})


class AssetShown(Shown):
    id = fields.String(required=True)
    filename = fields.String(required=True)
    size = fields.Integer(required=True)
    checksum = fields.String(required=True, metadata={"description": "sha256: and 64 hex digits."})
    created = fields.String(required=True, metadata=_DATE)
    modified = fields.String(required=True, metadata=_DATE)
    project_id = fields.String(required=True)
    job_id = fields.String(required=True, allow_none=True, metadata={"description": "Null for an upload."})


def show_asset(asset: Asset, project_id: str) -> Document:
    return {
        "id": str(asset.seq),
        "filename": asset.filename,
        "size": asset.size,
        "checksum": asset.checksum,
        "created": shown(asset.created_at_us),
        "modified": shown(asset.modified_at_us),
        "project_id": project_id,
        "job_id": None if asset.task_seq is None else str(asset.task_seq),
    }


class IOShown(Shown):
    assets = fields.Dict(keys=fields.String(), values=fields.Nested(AssetShown), required=True, allow_none=True)
    params = fields.Dict(keys=fields.String(), values=fields.String(), required=True, allow_none=True)


class JobShown(Shown):
    id = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)
    type = fields.String(required=True)
    state = fields.String(required=True, metadata=_STATES)
    created = fields.String(required=True, metadata=_DATE)
    started = fields.String(required=True, allow_none=True, metadata=_DATE)
    finished = fields.String(required=True, allow_none=True, metadata=_DATE)
    error = fields.String(required=True, allow_none=True)
    inputs = fields.Nested(IOShown, required=True)
    outputs = fields.Nested(IOShown, required=True)
    needs = fields.List(fields.String(), required=True)
    project_id = fields.String(required=True)
    workflow_id = fields.String(required=True, allow_none=True)
    parameters = fields.Dict(required=True, metadata={"description": "As they were given."})
    meta = fields.Dict(required=True)


def show_job(placed: Placed, project_id: str) -> Document:
    task = placed.view.task
    single = placed.source is not None and placed.source.single
    result = placed.view.run.result if placed.view.run and task.state is TaskState.SUCCEEDED else None
    left = {asset.name: show_asset(asset, project_id) for asset in placed.view.assets}
    given = {path: show_asset(asset, project_id) for path, asset in placed.given.items()}
    return {
        "id": str(task.seq),
        "name": task.name,
        "type": placed.view.spec.executor,
        "state": OF_TASK[task.state],
        "created": shown(task.created_at_us),
        "started": shown_or_none(task.started_at_us),
        "finished": shown_or_none(task.finished_at_us),
        "error": task.failure.message if task.failure and task.state in _TOLD else None,
        "inputs": {"assets": given or None, "params": texts(placed.parameters) or None},
        "outputs": {"assets": left or None, "params": texts(_params(result)) or None},
        "needs": [str(seq) for seq in placed.needs],
        "project_id": project_id,
        "workflow_id": None if single else str(task.job_seq),
        "parameters": dict(placed.said),
        "meta": {},
    }


def _params(result: Any) -> Document:
    if result is None:
        return {}
    return result if isinstance(result, dict) else {"value": result}


def texts(values: Any) -> dict[str, str]:
    """What is no text is shown as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


class WorkflowShown(Shown):
    id = fields.String(required=True)
    state = fields.String(required=True, metadata=_STATES)
    created = fields.String(required=True, metadata=_DATE)
    started = fields.String(required=True, allow_none=True, metadata=_DATE)
    finished = fields.String(required=True, allow_none=True, metadata=_DATE)
    definition = fields.String(
        required=True, metadata={"description": "As it was sent; empty for a job that was made in another way."}
    )
    project_id = fields.String(required=True)
    jobs = fields.List(fields.String(), required=True, metadata={"description": "Their ids."})
    link = fields.String(metadata={"description": "Where to ask for its end. In the answer to POST only."})


def show_workflow(whole: Whole, project_id: str) -> Document:
    job = whole.job
    return {
        "id": str(job.seq),
        "state": OF_JOB[job.state],
        "created": shown(job.created_at_us),
        "started": shown_or_none(job.started_at_us),
        "finished": shown_or_none(job.finished_at_us),
        "definition": whole.text,
        "project_id": project_id,
        "jobs": [str(seq) for seq in whole.tasks],
    }


class ProjectShown(Shown):
    id = fields.String(required=True)
    user = fields.String(required=True)
    name = fields.String(required=True)
    access = fields.String(required=True)
    created = fields.String(required=True, metadata=_DATE)
    modified = fields.String(required=True, metadata=_DATE)
    type = fields.String(required=True)
    project = fields.Dict(required=True, allow_none=True)
    graph = fields.Dict(required=True, allow_none=True)


def show_project(project: Project) -> Document:
    return {
        "id": str(project.seq),
        "user": project.created_by,
        "name": project.name,
        "access": project.access,
        "created": shown(project.created_at_us),
        "modified": shown(project.changed_at_us),
        "type": project.kind,
        "project": project.data,
        "graph": project.graph,
    }


class StateShown(Shown):
    state = fields.String(required=True, metadata=_STATES)


class LinkShown(Shown):
    link = fields.String(required=True)
