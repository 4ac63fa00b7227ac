"""The documents of stored files: what is asked of a space, and what is answered."""

from dataclasses import dataclass
from typing import Any, Final

from marshmallow import ValidationError, fields

from app.domain import limits
from app.ports.records import Asset
from app.rest.dialects.flow import region
from app.rest.dialects.flow.hosts import absolute
from app.rest.dialects.flow.names import Place
from app.rest.native.fields import Number, Strict, Text, Whole
from app.rest.native.schemas.shown import Document, Shown
from app.services import uploads

_MOST_URLS: Final = 25
_MOST_MINUTES: Final = 24 * 60
_MINUTES: Final = 60
_LONGEST_ID: Final = 4096


class FlowLifetimeQuery(Strict):
    minutes = Number(
        1, _MOST_MINUTES, data_key="expirationInMinutes", load_default=_MINUTES, metadata={"default": _MINUTES}
    )


@dataclass(frozen=True, slots=True)
class Upload:
    resource: str
    begun: uploads.Begun


class FlowUploadQuery(Strict):
    parts = Number(1, _MOST_URLS, load_default=1, metadata={"description": "How many addresses; ours."})


class FlowUploadShown(Shown):
    id = fields.String(required=True)
    resourceId = fields.String(required=True)


class FlowUrlShown(Shown):
    url = fields.String(required=True, metadata={"description": "Used as it is, without a token."})


class FlowUploadUrlsShown(Shown):
    upload = fields.Nested(FlowUploadShown, required=True)
    urls = fields.List(fields.Nested(FlowUrlShown), required=True, metadata={"description": "For a PUT each."})

    @staticmethod
    def show(value: "Upload") -> Document:
        urls = [{"url": absolute(link)} for link in value.begun.links]
        return {"upload": {"id": value.begun.upload_id, "resourceId": value.resource}, "urls": urls}


class Tag(Strict):
    partId = Whole(1, limits.MAX_PARTS, required=True)
    etag = Text(200)
    eTag = Text(200)


class Parts(fields.List[Any]):
    """(number, ETag) of each."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(fields.Nested(Tag), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        tags: list[Any] = super()._deserialize(value, attr, data, **kwargs) or []
        if wrong := {at: ["needs an etag"] for at, tag in enumerate(tags) if not {"etag", "eTag"} & tag.keys()}:
            raise ValidationError(wrong)
        return [(tag["partId"], tag.get("etag") or tag["eTag"]) for tag in tags]


class FlowCompleteIn(Strict):
    resource_id = Text(limits.MAX_PATH, required=True, data_key="resourceId")
    upload_id = Text(_LONGEST_ID * 4, required=True, data_key="uploadId")
    parts = Parts(required=True)


class FlowUrnShown(Shown):
    urn = fields.String(required=True)

    @staticmethod
    def show(value: Asset) -> Document:
        return {"urn": Place(value.space, value.key).urn(region.name())}


class FlowDownloadShown(FlowUrlShown):
    @staticmethod
    def show(value: str) -> Document:
        return {"url": value}


class FlowWanted(Strict):
    resourceId = Text(limits.MAX_PATH, required=True)


class FlowBatchIn(Strict):
    resources = fields.List(
        fields.Nested(FlowWanted),
        required=True,
        validate=lambda wanted: _few(wanted),
        metadata={"maxItems": _MOST_URLS},
    )


class FlowResourceUrlShown(FlowUrlShown):
    resourceId = fields.String(required=True)


class FlowBatchShown(Shown):
    results = fields.List(fields.Nested(FlowResourceUrlShown), required=True)

    @staticmethod
    def show(value: list[tuple[str, str]]) -> Document:
        return {"results": [{"resourceId": resource, "url": url} for resource, url in value]}


def _few(wanted: list[Any]) -> None:
    if len(wanted) > _MOST_URLS:
        raise ValidationError(f"has {len(wanted)} resources; at most {_MOST_URLS} are allowed")
