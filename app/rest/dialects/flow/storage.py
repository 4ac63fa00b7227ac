"""Files in spaces: uploaded in parts, and downloaded, by signed addresses that need no token."""

import re
from collections.abc import Mapping
from typing import Any, Final

from app.domain.errors import Invalid, NotFound, Problem
from app.ports.records import Asset
from app.rest import auth
from app.rest.context import core, who
from app.rest.dialects.flow import logs, names
from app.rest.dialects.flow.blueprint import FlowBlueprint
from app.rest.dialects.flow.hosts import absolute
from app.rest.dialects.flow.names import Place
from app.rest.dialects.flow.stored import (
    FlowBatchIn,
    FlowBatchShown,
    FlowCompleteIn,
    FlowDownloadShown,
    FlowLifetimeQuery,
    FlowUploadQuery,
    FlowUploadUrlsShown,
    FlowUrnShown,
    Upload,
)
from app.services import assets, links, spaces, uploads

BASE: Final = "/flow/storage/v1/spaces/<space>"

routes = FlowBlueprint("flow_storage", __name__, description="Files that jobs take and leave")

READ, WRITE = auth.scope("jobs:read"), auth.scope("jobs:write")

_SPACE: Final = re.compile(r"[\w.-]{1,100}:[\w.@-]{1,200}")


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
