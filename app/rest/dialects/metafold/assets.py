"""Assets: stored files of a project, uploads and outputs."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Response, request
from marshmallow import fields

from app.domain import filenames, limits
from app.ports.records import Asset
from app.rest import auth, incoming
from app.rest.context import core, who
from app.rest.dialects.metafold import lists, query
from app.rest.dialects.metafold.blueprint import MetafoldBlueprint, answer, number
from app.rest.dialects.metafold.schemas import AssetShown, show_asset
from app.rest.native.fields import Choice, Strict, Text
from app.rest.native.schemas.shown import Shown
from app.services import assets, finding, links
from app.services.replacing import replace_content

routes = MetafoldBlueprint("metafold_assets", __name__, description="Stored files")

READ, WRITE = auth.scope("jobs:read"), auth.scope("jobs:write")

LINK_S: Final = 3600
"""How long a download's link is good."""

_BYTES = {"type": "string", "format": "binary"}
_FILE = {
    "required": True,
    "content": {incoming.FORM: {"schema": {"type": "object", "properties": {"file": _BYTES}, "required": ["file"]}}},
}


class AssetQuery(Strict):
    download = Choice(("true", "false"), metadata={"description": "true answers a link that needs no token."})
    filename = Text(limits.MAX_FILENAME, metadata={"description": "What the download is to be saved as."})


class AssetOrLink(Shown):
    """With download=true the link alone, else all the others."""

    id = fields.String()
    filename = fields.String()
    size = fields.Integer()
    checksum = fields.String()
    created = fields.String()
    modified = fields.String()
    project_id = fields.String()
    job_id = fields.String(allow_none=True)
    link = fields.String(metadata={"description": "Absolute, good for an hour, without a token."})


@routes.get("/projects/<project_id>/assets")
@READ
@routes.arguments(query.ListQuery, location="query")
@routes.response(200, AssetShown(many=True))
def list_assets(given: Mapping[str, Any], project_id: str) -> Response:
    """All stored files"""
    project = number(project_id)
    return lists.answer(
        given,
        query.ASSETS,
        lambda asked, seek: finding.assets(core(), who(), project, asked, seek),
        lambda asset: show_asset(asset, project_id),
    )


@routes.post("/projects/<project_id>/assets")
@WRITE
@incoming.takes_file
@routes.doc(requestBody=_FILE)
@routes.response(201, AssetShown)
def create_asset(project_id: str) -> Response:
    """Store a file"""
    project = finding.project(core(), who(), number(project_id))
    form = incoming.form(request)
    stored = assets.upload(
        core(),
        who(),
        filename=form.filename,
        media_type=form.media_type,
        source=form.pieces,
        project_id=project.id,
    )
    return answer(show_asset(stored, project_id), 201)


@routes.get("/projects/<project_id>/assets/<asset_id>")
@READ
@routes.arguments(AssetQuery, location="query")
@routes.response(200, AssetOrLink)
def read_asset(asked: Mapping[str, Any], project_id: str, asset_id: str) -> Response:
    """One stored file, or where its bytes are"""
    asset = _found(project_id, asset_id)
    if asked.get("download") != "true":
        return answer(show_asset(asset, project_id))
    filename = filenames.safe(asked["filename"]) if "filename" in asked else ""
    return answer({"link": request.host_url.rstrip("/") + links.link(core(), asset, LINK_S, filename)})


@routes.patch("/projects/<project_id>/assets/<asset_id>")
@WRITE
@incoming.takes_file
@routes.doc(requestBody=_FILE)
@routes.response(200, AssetShown)
def change_asset(project_id: str, asset_id: str) -> Response:
    """Give a stored file other bytes; not while an unfinished job needs those it has"""
    asset = _found(project_id, asset_id)
    form = incoming.form(request)
    changed = replace_content(
        core(), who(), asset.id, filename=form.filename, media_type=form.media_type, source=form.pieces
    )
    return answer(show_asset(changed, project_id))


@routes.delete("/projects/<project_id>/assets/<asset_id>")
@WRITE
@routes.response(204)
def delete_asset(project_id: str, asset_id: str) -> None:
    """Delete a stored file that no unfinished job needs"""
    assets.delete(core(), who(), _found(project_id, asset_id).id)


def _found(project_id: str, asset_id: str) -> Asset:
    return finding.asset(core(), who(), number(project_id), number(asset_id))
