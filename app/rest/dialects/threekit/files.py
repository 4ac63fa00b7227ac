"""What a run has left, as files: its two streams and its outputs. Their addresses need no token, for a day or two."""

from typing import Any
from uuid import UUID, uuid5

from flask import Response, request
from marshmallow import fields

from app.domain.errors import NotFound
from app.rest import auth
from app.rest.context import core
from app.rest.dialects.threekit.blueprint import ThreekitBlueprint
from app.rest.dialects.threekit.errors import BASE
from app.rest.dialects.threekit.fields import shown
from app.rest.native.schemas.shown import Document, Shown
from app.rest.outgoing import disposition
from app.services import logs, told
from app.services.told import File

routes = ThreekitBlueprint("threekit_files", __name__, description="What runs have said")

_STREAM = f"{BASE}/runs/streams/"


class FileShown(Shown):
    id = fields.UUID(required=True)
    userId = fields.String(required=True)
    filename = fields.String(required=True, metadata={"description": "`stdout`, `stderr`, or an output's file name."})
    size = fields.Integer(required=True)
    encodings = fields.Dict(required=True)
    hash = fields.String(required=True, metadata={"description": "`sha256:...`; of a stream it is empty."})
    extension = fields.String(required=True)
    mimeType = fields.String(required=True)
    createdAt = fields.DateTime(required=True)
    url = fields.String(required=True, metadata={"description": "Beyond the document: the content, without a token."})

    @staticmethod
    def show(value: tuple[str, File]) -> Document:
        """The user whose file it is, and the file."""
        user, file = value
        name = file.asset.filename if file.asset else file.name
        return {
            "id": file.asset.id if file.asset else str(uuid5(UUID(file.run_id), file.name)),
            "userId": user,
            "filename": name,
            "size": file.size,
            "encodings": {},
            "hash": file.asset.checksum if file.asset else "",
            "extension": name.rpartition(".")[2] if "." in name.strip(".") else "",
            "mimeType": file.asset.media_type if file.asset else "text/plain",
            "createdAt": shown(file.created_at_us),
            "url": request.host_url.rstrip("/") + (file.link if file.asset else _STREAM + file.link),
        }


@routes.get(_STREAM + "<signed>")
@auth.scope(auth.PUBLIC)
@routes.response(200, content_type="text/plain")
def read_stream(signed: str) -> Any:
    """Standard output or standard error of a run, by the address that `results.files` gave"""
    found = told.stream_by_link(core(), signed)
    if found is None:
        raise NotFound("this link leads nowhere: it has expired, was changed, or its job is gone")
    run_id, stream = found
    response = Response(logs.text(core(), run_id, (stream,)), mimetype="text/plain")
    response.headers["Content-Disposition"] = disposition(f"{stream}.txt")
    return response
