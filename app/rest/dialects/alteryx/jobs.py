"""Jobs: read, listed, canceled, and their output files."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import Response, jsonify
from marshmallow import fields

from app.rest import auth, outgoing
from app.rest.context import core, who
from app.rest.dialects.alteryx import words
from app.rest.dialects.alteryx.blueprint import AlteryxBlueprint, Switch
from app.rest.dialects.alteryx.job_view import JobShown, ReducedJobShown
from app.rest.native.fields import Choice, Number, Strict
from app.rest.problems import BadParameters
from app.services import own
from app.services.own import JobView

routes = AlteryxBlueprint("alteryx_jobs", __name__, description="Jobs and their output files")

READ, WRITE = auth.scope("jobs:read"), auth.scope("jobs:write")
PAGE_SIZE: Final = 100
LARGEST_PAGE: Final = 1000
LAST_PAGE: Final = 1000
FILE: Final = {"schema": {"type": "string", "format": "binary"}}


class JobQuery(Strict):
    include_messages = Switch(data_key="includeMessages", load_default=True)


class JobsQuery(Strict):
    workflow_id = fields.String(data_key="workflowId")
    status = Choice(words.FILTERS)
    page = Number(1, LAST_PAGE, load_default=1)
    page_size = Number(1, LARGEST_PAGE, load_default=PAGE_SIZE, data_key="pageSize")


class OutputQuery(Strict):
    format = Choice(words.FORMATS, metadata={"description": "One of the output's availableFormats."})


@routes.get("/webapi/v3/jobs")
@READ
@routes.arguments(JobsQuery, location="query")
@routes.response(200, ReducedJobShown(many=True))
def list_jobs(asked: Mapping[str, Any]) -> Sequence[JobView]:
    """The caller's jobs, newest first, without messages and outputs"""
    return own.listing(
        core(),
        who(),
        template_id=asked.get("workflow_id"),
        states=words.states(asked.get("status"), None),
        offset=(asked["page"] - 1) * asked["page_size"],
        limit=asked["page_size"],
    )


@routes.get("/webapi/v3/jobs/<id:job_id>")
@READ
@routes.arguments(JobQuery, location="query")
@routes.response(200, JobShown)
def read_job(asked: Mapping[str, Any], job_id: str) -> Any:
    """A job, with what is said in it unless includeMessages is false"""
    view = own.job(core(), who(), job_id, messages=asked["include_messages"])
    return view if asked["include_messages"] else jsonify(ReducedJobShown.show(view))


@routes.delete("/webapi/v3/jobs/<id:job_id>")
@WRITE
@routes.response(200, JobShown)
def cancel_job(job_id: str) -> JobView:
    """Cancel a job; 400 when it has ended"""
    return own.cancel_job(core(), who(), job_id)


@routes.get("/webapi/v3/jobs/<id:job_id>/output/<id:output_id>")
@READ
@routes.arguments(OutputQuery, location="query")
@routes.response(200, FILE, content_type="application/octet-stream")
def read_output(asked: Mapping[str, Any], job_id: str, output_id: str) -> Response:
    """An output's bytes"""
    return _send(asked, job_id, output_id)


@routes.get("/webapi/v1/jobs/<id:job_id>/output/<id:output_id>")
@READ
@routes.arguments(OutputQuery, location="query")
@routes.response(200, FILE, content_type="application/octet-stream")
def read_output_v1(asked: Mapping[str, Any], job_id: str, output_id: str) -> Response:
    """An output's bytes, at the older address"""
    return _send(asked, job_id, output_id)


def _send(asked: Mapping[str, Any], job_id: str, output_id: str) -> Response:
    asset = own.output(core(), who(), job_id, output_id)
    offered = words.formats(asset.filename)
    if asked.get("format", offered[0]) not in offered:
        raise BadParameters({"format": f"this output is offered as {' or '.join(offered)}; nothing is converted"})
    return outgoing.answer(core(), asset)
