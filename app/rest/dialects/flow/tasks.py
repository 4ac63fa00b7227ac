"""The tasks of a job, as they were submitted."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from app.domain import limits
from app.domain.task import TaskSpec
from app.ports.records import TaskView
from app.rest import auth
from app.rest.context import core, who
from app.rest.dialects.flow import pages
from app.rest.dialects.flow.blueprint import FlowBlueprint
from app.rest.dialects.flow.jobs import BASE, FlowPageQuery, find_job
from app.rest.dialects.flow.schemas import SAID
from app.rest.native.fields import Text
from app.rest.native.schemas.shown import Document, Shown, amount
from app.services import query

routes = FlowBlueprint("flow_tasks", __name__, description="Tasks of a job")

READ = auth.scope("jobs:read")


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


class FlowTasksQuery(FlowPageQuery):
    name = Text(limits.MAX_TASK_NAME, data_key="filter[name]", metadata={"description": "Exactly this name."})


@routes.get(f"{BASE}/jobs/<id:job_id>/tasks")
@READ
@routes.arguments(FlowTasksQuery, location="query")
@routes.listing(FlowTaskShown)
def list_tasks(asked: Mapping[str, Any], queue: str, job_id: str) -> pages.Window[TaskView]:
    """Get the list of tasks in a job"""
    job, name = find_job(queue, job_id), asked.get("name")

    def read(page: Any) -> list[TaskView]:
        return query.tasks(core(), who(), job.id, page, name)

    return pages.window(
        asked,
        read,
        key=lambda view: (view.task.position,),
        count=lambda: job.total if name is None else len(read(pages.FIRST)),
    )
