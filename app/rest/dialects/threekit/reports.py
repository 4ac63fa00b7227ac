"""The report of all runs of an organization: what ran, for whom, and when. Newest first, as in the document."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from app.domain.errors import NotFound
from app.rest.context import core, who
from app.rest.dialects.threekit import pages
from app.rest.dialects.threekit.blueprint import READ, ThreekitBlueprint
from app.rest.dialects.threekit.errors import BASE
from app.rest.dialects.threekit.lists import EntryList
from app.rest.dialects.threekit.pages import UnpagedQuery
from app.rest.dialects.threekit.run_shown import RunShown
from app.rest.dialects.threekit.words import said_of
from app.rest.native.schemas.shown import Document, Shown
from app.services import numbered
from app.services.told import RunTold

routes = ThreekitBlueprint("threekit_reports", __name__, description="What an organization has run")


class ReportShown(Shown):
    """One run, in short."""

    title = fields.String(required=True)
    type = fields.String(required=True)
    createdBy = fields.String(required=True)
    progress = fields.Float(required=True)
    orgId = fields.String(required=True)
    startedAt = fields.DateTime(required=True, allow_none=True)
    stoppedAt = fields.DateTime(required=True, allow_none=True)
    jobTitle = fields.String(required=True)

    @staticmethod
    def show(value: RunTold) -> Document:
        run = RunShown.show(value)
        names = ("createdBy", "progress", "orgId", "startedAt", "stoppedAt")
        return {
            "title": said_of(value.spec.submitted).get("title") or value.spec.name,
            "type": value.spec.executor,
            "jobTitle": value.job.name,
            **{name: run[name] for name in names},
        }


class ReportList(EntryList):
    entries, item = "runs", ReportShown
    runs = fields.List(fields.Nested(ReportShown), required=True)


@routes.get(f"{BASE}/reports")
@READ
@routes.arguments(UnpagedQuery, location="query")
@routes.response(200, ReportList)
def list_reports(given: Mapping[str, Any]) -> pages.Window[RunTold]:
    """All runs of an organization, newest first"""
    if not given.get("orgId"):
        raise NotFound("orgId is missing")
    wanted = pages.asked(given, unpaged=True, newest_first=True)
    return pages.window(wanted, lambda spot: numbered.runs(core(), who(), spot))
