"""Stored files: sent, listed, read, deleted; whole, in parts, by link."""

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from app.ports.records import Asset
from app.rest import auth, incoming, outgoing
from app.rest.context import core, who
from app.rest.native.blueprint import NativeBlueprint
from app.rest.native.schemas.asset_in import AssetsQuery, CompletionIn, UploadIn, UploadQuery
from app.rest.native.schemas.asset_out import AssetShown, UploadShown
from app.rest.paging import Listing, window
from app.services import assets, links, uploads
from app.services.uploads import Begun

routes = NativeBlueprint("assets", __name__, description="Stored files: inputs and outputs")

READ, WRITE, PUBLIC = auth.scope("jobs:read"), auth.scope("jobs:write"), auth.scope(auth.PUBLIC)

_LOCATION = {"Location": {"schema": {"type": "string"}}}
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_FILE = {
    "description": "The file is the last part. A field `projectId` before it does what the query parameter does.",
    "required": True,
    "content": {
        incoming.FORM: {
            "schema": {
                "type": "object",
                "properties": {"projectId": {"type": "string", "format": "uuid"}, "file": _BYTES["schema"]},
                "required": ["file"],
            }
        }
    },
}
_CONTENT = {
    "responses": {
        "200": {"description": "The file", "content": {"*/*": _BYTES}},
        "206": {"description": "One range of it", "content": {"*/*": _BYTES}},
        "304": {"description": "It is the one that If-None-Match names"},
        "416": {"description": "No such range"},
    },
    "parameters": [
        {"in": "header", "name": "Range", "schema": {"type": "string"}, "description": "One range of bytes."},
        {"in": "header", "name": "If-None-Match", "schema": {"type": "string"}},
    ],
}
PART = {"required": True, "content": {"application/octet-stream": _BYTES}}


@routes.post("/v1/assets")
@WRITE
@incoming.takes_file
@routes.arguments(UploadQuery, location="query")
@routes.response(201, AssetShown, headers=_LOCATION)
@routes.doc(requestBody=_FILE)
def upload_asset(asked: Mapping[str, Any]) -> Any:
    """Store a file"""
    form = incoming.form(request)
    project_id = asked.get("project_id") or form.fields.get("projectId")
    stored = assets.upload(
        core(),
        who(),
        filename=form.filename,
        media_type=form.media_type,
        source=form.pieces,
        project_id=str(project_id) if project_id else None,
    )
    return stored, {"Location": f"/v1/assets/{stored.id}"}


@routes.get("/v1/assets")
@READ
@routes.arguments(AssetsQuery, location="query")
@routes.listing(AssetShown)
def list_assets(asked: Mapping[str, Any]) -> Listing[Asset]:
    """All stored files, newest first"""
    project_id = asked.get("project_id")
    wanted = {"project_id": str(project_id) if project_id else None, "space": asked.get("space")}
    return window(
        asked,
        lambda page: assets.listing(core(), who(), page, **wanted, key=asked.get("key")),
        key=lambda asset: (asset.seq,),
    )


@routes.get("/v1/assets/<id:asset_id>")
@READ
@routes.response(200, AssetShown)
def read_asset(asset_id: str) -> Asset:
    """One stored file, without its bytes"""
    return assets.asset(core(), who(), asset_id)


@routes.get("/v1/assets/<id:asset_id>/content")
@READ
@routes.doc(**_CONTENT)
def read_content(asset_id: str) -> Response:
    """The bytes of a stored file"""
    return outgoing.answer(core(), assets.asset(core(), who(), asset_id))


@routes.delete("/v1/assets/<id:asset_id>")
@WRITE
@routes.response(204)
def delete_asset(asset_id: str) -> None:
    """Delete a stored file that no unfinished job needs"""
    assets.delete(core(), who(), asset_id)


@routes.get("/v1/links/<signed>")
@PUBLIC
@routes.doc(**_CONTENT)
def follow_link(signed: str) -> Response:
    """The bytes of a stored file, by a link that is good for a while"""
    return outgoing.answer(core(), links.by_link(core(), signed))


@routes.post("/v1/uploads")
@WRITE
@routes.arguments(UploadIn, required=False)
@routes.response(201, UploadShown)
def begin_upload(asked: Mapping[str, Any]) -> Begun:
    """Begin an upload in parts"""
    project_id = asked["projectId"]
    return uploads.begin(
        core(),
        who(),
        asked["space"],
        asked["key"],
        filename=asked["filename"],
        media_type=asked["mediaType"],
        project_id=str(project_id) if project_id else None,
        parts=asked["parts"],
    )


@routes.put("/v1/uploads/parts/<signed>")
@PUBLIC
@incoming.takes_file
@routes.response(204, headers={"ETag": {"schema": {"type": "string"}}})
@routes.doc(requestBody=PART)
def put_part(signed: str) -> Response:
    """Send one part of an upload, to the address that the upload gave for it"""
    response = Response(status=204)
    response.set_etag(uploads.put_part(core(), signed, incoming.raw(request)))
    return response


@routes.post("/v1/uploads/complete")
@WRITE
@routes.arguments(CompletionIn)
@routes.response(201, AssetShown, headers=_LOCATION)
def complete_upload(asked: Mapping[str, Any]) -> Any:
    """Make one stored file of an upload's parts"""
    parts = [(each["part"], each["etag"]) for each in asked["parts"]]
    stored = uploads.complete(core(), who(), asked["uploadId"], parts)
    return stored, {"Location": f"/v1/assets/{stored.id}"}
