"""Files in spaces: uploaded in parts, and downloaded, by signed addresses that need no token."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from marshmallow import ValidationError, fields

from app.domain import limits
from app.domain.errors import Invalid, NotFound, Problem
from app.ports.records import Asset
from app.rest import auth
from app.rest.context import core, who
from app.rest.dialects.flow import logs, names, region
from app.rest.dialects.flow.blueprint import FlowBlueprint
from app.rest.dialects.flow.hosts import absolute
from app.rest.dialects.flow.names import Place
from app.rest.native.fields import Number, Strict, Text, Whole
from app.rest.native.schemas.shown import Document, Shown
from app.services import assets, links, spaces, uploads

BASE: Final = "/flow/storage/v1/spaces/<space>"

routes = FlowBlueprint("flow_storage", __name__, description="Files that jobs take and leave")

READ, WRITE = auth.scope("jobs:read"), auth.scope("jobs:write")

_SPACE: Final = re.compile(r"[\w.-]{1,100}:[\w.@-]{1,200}")
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


@routes.get(f"{BASE}/resources/<path:resource>/upload-urls")
@WRITE
@routes.arguments(FlowUploadQuery, location="query")
@routes.response(200, FlowUploadUrlsShown)
def begin_upload(asked: Mapping[str, Any], space: str, resource: str) -> Upload:
    """Where the parts of a file go, each by PUT"""
    if not _SPACE.fullmatch(space) or Place(space, resource).job_id is not None:
        detail = "must be <provider>:<name>, as scratch:@default; what is in outputs: comes from jobs alone"
        raise Invalid([Problem("", f"the space {detail}")])
    return Upload(resource, uploads.begin(core(), who(), space, resource, parts=asked["parts"]))


@routes.post(f"{BASE}/uploads:complete")
@WRITE
@routes.arguments(FlowCompleteIn)
@routes.response(200, FlowUrnShown)
def complete_upload(sent: Mapping[str, Any], space: str) -> Asset:
    """Make a file of the parts that were sent"""
    return uploads.complete(core(), who(), sent["upload_id"], sent["parts"])


@routes.get(f"{BASE}/resources/<path:resource>/download-url")
@READ
@routes.arguments(FlowLifetimeQuery, location="query")
@routes.response(200, FlowDownloadShown)
def read_download_url(asked: Mapping[str, Any], space: str, resource: str) -> str:
    """Where a file may be read for a while"""
    return _urls(space, [resource], asked["minutes"])[0]


@routes.post(f"{BASE}/resources:batch-get-download-urls")
@READ
@routes.arguments(FlowLifetimeQuery, location="query")
@routes.arguments(FlowBatchIn)
@routes.response(200, FlowBatchShown)
def read_download_urls(asked: Mapping[str, Any], body: Mapping[str, Any], space: str) -> list[tuple[str, str]]:
    """Where files of one space may be read for a while; 404 when one of them is not there"""
    wanted = [each["resourceId"] for each in body["resources"]]
    return list(zip(wanted, _urls(space, wanted, asked["minutes"]), strict=True))


def _urls(space: str, resources: list[str], minutes: int) -> list[str]:
    job_id = Place(space, "").job_id
    if job_id is None:
        found = spaces.in_space(core(), who(), space, resources)
        return [absolute(links.link(core(), asset, minutes * 60)) for asset in found]
    return [absolute(_left_by_job(job_id, resource, minutes * 60)) for resource in resources]


def _left_by_job(job_id: str, resource: str, lifetime_s: int) -> str:
    if (run_id := names.run_of_log(resource)) is not None:
        return logs.link(job_id, run_id, lifetime_s)
    asset = assets.asset(core(), who(), resource)
    if asset.job_id != job_id:
        raise NotFound("there is no such asset")
    return links.link(core(), asset, lifetime_s)
