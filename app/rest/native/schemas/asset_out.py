"""A stored file, and a file that a job left behind, as answered."""

from marshmallow import fields

from app.ports.records import Asset
from app.rest.native.fields import Time, rfc3339
from app.rest.native.schemas.shown import Document, Shown, list_of
from app.services.files import described
from app.services.uploads import Begun


class AssetShown(Shown):
    id = fields.UUID()
    filename = fields.String()
    size = fields.Integer(metadata={"description": "Bytes."})
    checksum = fields.String(metadata={"description": "`sha256:` and 64 hex digits."})
    mediaType = fields.String()
    uri = fields.String(metadata={"description": "Names it as an input's source."})
    projectId = fields.UUID()
    createdAt = Time()
    modifiedAt = Time()
    createdBy = fields.String()
    space = fields.String(metadata={"description": "Empty: in none."})
    key = fields.String(metadata={"description": "In its space."})
    expiresAt = Time(allow_none=True, metadata={"description": "From then on it goes when no job needs it."})
    jobId = fields.UUID(allow_none=True, metadata={"description": "Of an output; null for an upload."})
    runId = fields.UUID(allow_none=True)

    @staticmethod
    def show(value: Asset) -> Document:
        return {
            **described(value),
            "projectId": value.project_id,
            "createdAt": rfc3339(value.created_at_us),
            "modifiedAt": rfc3339(value.modified_at_us),
            "createdBy": value.created_by,
            "space": value.space,
            "key": value.key,
            "expiresAt": None if value.expires_at_us is None else rfc3339(value.expires_at_us),
            "jobId": value.job_id,
            "runId": value.run_id,
        }


AssetList = list_of(AssetShown)


class OutputShown(Shown):
    """A file that a task left behind."""

    task = fields.String(metadata={"description": "The task's name."})
    name = fields.String(metadata={"description": "As the task declared it."})
    assetId = fields.UUID()
    filename = fields.String()
    size = fields.Integer()
    checksum = fields.String()
    mediaType = fields.String()
    uri = fields.String()
    taskId = fields.UUID()
    runId = fields.UUID()
    mapIndex = fields.Integer(allow_none=True)

    @staticmethod
    def show(value: Asset) -> Document:
        shown = dict(described(value))
        return {
            "task": value.task_name,
            "name": value.name,
            "assetId": shown.pop("id"),
            **shown,
            "taskId": value.task_id,
            "runId": value.run_id,
            "mapIndex": None if value.map_index < 0 else value.map_index,
        }


OutputList = list_of(OutputShown)


class UploadShown(Shown):
    """An upload in parts that has begun."""

    uploadId = fields.String(metadata={"description": "For its completion. Opaque."})
    urls = fields.List(
        fields.String(), metadata={"description": "Where the parts go by PUT, in order, without a token. One day."}
    )

    @staticmethod
    def show(value: Begun) -> Document:
        return {"uploadId": value.upload_id, "urls": list(value.links)}
