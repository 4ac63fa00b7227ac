"""What runs leave behind: sent by themselves, listed for their job, their task, and each alone."""

from collections.abc import Mapping
from typing import Any

from flask import request

from app.ports.records import Asset
from app.rest import auth, incoming
from app.rest.context import core, who
from app.rest.native.assets import PART
from app.rest.native.blueprint import NativeBlueprint
from app.rest.native.schemas.asset_in import OutputQuery
from app.rest.native.schemas.asset_out import AssetShown, OutputShown
from app.rest.native.schemas.queries import PageQuery
from app.rest.paging import Listing, window
from app.services import outputs

routes = NativeBlueprint("outputs", __name__, description="Files that runs leave behind")

READ = auth.scope("jobs:read")


@routes.put("/v1/runs/<id:run_id>/outputs/<path:name>")
@auth.scope(outputs.SCOPE)
@incoming.takes_file
@routes.arguments(OutputQuery, location="query")
@routes.response(201, AssetShown, headers={"Location": {"schema": {"type": "string"}}})
@routes.doc(requestBody=PART)
def put_output(asked: Mapping[str, Any], run_id: str, name: str) -> Any:
    """Send a file of the run that the token is of; it replaces one of the same name"""
    stored = outputs.receive(
        core(),
        who(),
        run_id,
        name,
        filename=asked["filename"],
        media_type=incoming.media_type(request),
        source=incoming.raw(request),
    )
    return stored, {"Location": f"/v1/assets/{stored.id}"}


@routes.get("/v1/jobs/<id:job_id>/outputs")
@READ
@routes.arguments(PageQuery, location="query")
@routes.listing(OutputShown)
def list_job_outputs(asked: Mapping[str, Any], job_id: str) -> Listing[Asset]:
    """What a job's tasks left behind, each by its newest run that succeeded"""
    return window(asked, lambda page: outputs.outputs(core(), who(), page, job_id=job_id), _key)


@routes.get("/v1/tasks/<id:task_id>/outputs")
@READ
@routes.arguments(PageQuery, location="query")
@routes.listing(OutputShown)
def list_task_outputs(asked: Mapping[str, Any], task_id: str) -> Listing[Asset]:
    """What a task's newest run that succeeded left behind"""
    return window(asked, lambda page: outputs.outputs(core(), who(), page, task_id=task_id), _key)


@routes.get("/v1/runs/<id:run_id>/outputs")
@READ
@routes.arguments(PageQuery, location="query")
@routes.listing(OutputShown)
def list_run_outputs(asked: Mapping[str, Any], run_id: str) -> Listing[Asset]:
    """All files that a run has sent"""
    return window(asked, lambda page: outputs.outputs(core(), who(), page, run_id=run_id), _key)


def _key(asset: Asset) -> tuple[int]:
    return (asset.seq,)
