"""What is asked of stored files: lists, uploads in parts, and what goes with an upload."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from app.domain import filenames, limits
from app.rest.native.fields import Strict, Text, Whole
from app.rest.native.schemas.queries import PageQuery

_LONGEST_ID = 4096


def _filename(text: str) -> None:
    if len(text) > limits.MAX_PATH:
        raise ValidationError(f"must have at most {limits.MAX_PATH} characters")


def _place(text: str) -> None:
    """Empty: in none."""
    if text and (wrong := filenames.problem(text, limits.MAX_PATH)):
        raise ValidationError(wrong)


class AssetsQuery(PageQuery):
    project_id = fields.UUID(data_key="projectId")
    space = fields.String(validate=_place)
    key = fields.String(validate=_place, metadata={"description": "In the space: the one file that it names."})

    @validates_schema
    def _a_key_is_in_a_space(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if data.get("key") and not data.get("space"):
            raise ValidationError({"key": ["is a key in a space, which must be given too"]})


class UploadQuery(Strict):
    project_id = fields.UUID(data_key="projectId", metadata={"description": "Default: the default project."})


class OutputQuery(Strict):
    filename = fields.String(load_default="", validate=_filename, metadata={"description": "Default: its name."})


class UploadIn(Strict):
    """An upload in parts. In a space it takes the place of what is there under its key."""

    filename = fields.String(load_default="", validate=_filename)
    mediaType = Text(200, load_default="")
    projectId = fields.UUID(load_default=None)
    space = fields.String(load_default="", validate=_place)
    key = fields.String(load_default="", validate=_place)
    parts = Whole(1, limits.MAX_PARTS, load_default=1)


class PartIn(Strict):
    part = Whole(1, limits.MAX_PARTS, required=True)
    etag = Text(200, required=True, metadata={"description": "As the PUT of the part answered."})


class CompletionIn(Strict):
    uploadId = Text(_LONGEST_ID, required=True)
    parts = fields.List(
        fields.Nested(PartIn), required=True, validate=lambda parts: 1 <= len(parts) <= limits.MAX_PARTS
    )
