"""The files a job has left: what its tasks put out, and what its programs said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from marshmallow import fields

from app.domain.run import Run
from app.ports.executions import Execution
from app.ports.records import Asset, Page
from app.rest import auth
from app.rest.context import core, who
from app.rest.dialects.flow import names, pages, region
from app.rest.dialects.flow.blueprint import FlowBlueprint
from app.rest.dialects.flow.executions import index
from app.rest.dialects.flow.jobs import BASE, FlowPageQuery, find_job
from app.rest.dialects.flow.pages import every
from app.rest.native.schemas.shown import Document, Shown
from app.services import executions, outputs

routes = FlowBlueprint("flow_outputs", __name__, description="Outputs and logs of a job")

READ, LISTEN = auth.scope("jobs:read"), auth.scope("messages:read")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    path: str
    place: names.Place


class FlowFileShown(Shown):
    path = fields.String(required=True, metadata={"description": "/<task>/<execution's index>/<name>"})
    resourceId = fields.String(required=True)
    spaceId = fields.String(required=True)
    urn = fields.String(required=True, metadata={"description": "May be the source of another job's input."})

    @staticmethod
    def show(value: File) -> Document:
        return {
            "path": value.path,
            "resourceId": value.place.resource,
            "spaceId": value.place.space,
            "urn": value.place.urn(region.name()),
        }


@routes.get(f"{BASE}/jobs/<id:job_id>/outputs")
@READ
@routes.arguments(FlowPageQuery, location="query")
@routes.listing(FlowFileShown)
def list_outputs(asked: Mapping[str, Any], queue: str, job_id: str) -> pages.Window[File]:
    """The files that a job's tasks have put out, of each the newest run that succeeded"""
    job = find_job(queue, job_id)

    def read(page: Page) -> list[Asset]:
        return outputs.outputs(core(), who(), page, job_id=job.id)

    window = pages.window(asked, read, key=_seq, count=lambda: sum(1 for _ in every(read, _seq)))
    return pages.mapped(window, _of_asset)


@routes.get(f"{BASE}/jobs/<id:job_id>/logs")
@LISTEN
@routes.arguments(FlowPageQuery, location="query")
@routes.listing(FlowFileShown)
def list_logs(asked: Mapping[str, Any], queue: str, job_id: str) -> pages.Window[File]:
    """What the programs of a job's executions have said: a file for each, with both streams in order"""
    job = find_job(queue, job_id)
    window = pages.window(
        asked,
        lambda page: executions.claimed(core(), who(), job.id, page),
        key=lambda one: one.key,
        count=lambda: executions.count_claimed(core(), who(), job.id),
    )
    return pages.mapped(window, _of_execution)


def _seq(asset: Asset) -> tuple[int]:
    return (asset.seq,)


def _of_asset(asset: Asset) -> File:
    number = asset.number - 1 if asset.map_index < 0 else asset.map_index
    return File(path=names.path(asset.task_name, number, asset.name), place=names.output(asset.job_id or "", asset.id))


def _of_execution(one: Execution) -> File:
    task, run = one.task, cast(Run, one.run)  # what was claimed is a run
    name = f"{task.name}-{index(one)}-{run.number}.log"
    return File(path=names.path(task.name, index(one), name), place=names.log(task.job_id, run.id))
