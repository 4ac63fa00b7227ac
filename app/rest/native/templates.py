"""Templates: jobs saved to be started again, with answers to their questions."""

from collections.abc import Mapping
from typing import Any

from app.domain.job import Job
from app.domain.template import Template, VersionNote
from app.rest import auth, repeats
from app.rest.context import core, who
from app.rest.native.blueprint import NativeBlueprint
from app.rest.native.schemas.job_out import JobShown
from app.rest.native.schemas.queries import PageQuery
from app.rest.native.schemas.template_in import StartIn, TemplateIn, TemplatesQuery, VersionQuery, to_draft, to_start
from app.rest.native.schemas.template_out import TemplateShown, VersionShown, WholeTemplateShown
from app.rest.paging import Listing, window
from app.services import templates
from app.services.templates import TemplateView

routes = NativeBlueprint("templates", __name__, description="Saved jobs and their questions")

READ, WRITE = auth.scope("jobs:read"), auth.scope("jobs:write")
LOCATION = {"Location": {"schema": {"type": "string"}}}


@routes.post("/v1/templates")
@WRITE
@routes.arguments(TemplateIn)
@routes.response(201, WholeTemplateShown, headers=LOCATION)
def create_template(template: Mapping[str, Any]) -> tuple[TemplateView, Mapping[str, str]]:
    """Save a job; it is judged as if it were submitted"""
    made = templates.create(core(), who(), to_draft(template))
    return made, {"Location": f"/v1/templates/{made.template.id}"}


@routes.get("/v1/templates")
@READ
@routes.arguments(TemplatesQuery, location="query")
@routes.listing(TemplateShown)
def list_templates(asked: Mapping[str, Any]) -> Listing[Template]:
    """All templates, newest first"""
    return window(
        asked, lambda page: templates.listing(core(), who(), page, asked.get("name")), key=lambda each: (each.seq,)
    )


@routes.get("/v1/templates/<id:template_id>")
@READ
@routes.arguments(VersionQuery, location="query")
@routes.response(200, WholeTemplateShown)
def read_template(asked: Mapping[str, Any], template_id: str) -> TemplateView:
    """A template with its job and questions"""
    return templates.template(core(), who(), template_id, asked.get("version"))


@routes.delete("/v1/templates/<id:template_id>")
@WRITE
@routes.response(204)
def delete_template(template_id: str) -> None:
    """Delete a template; jobs that were started from it stay"""
    templates.delete(core(), who(), template_id)


@routes.post("/v1/templates/<id:template_id>/versions")
@WRITE
@routes.arguments(TemplateIn)
@routes.response(201, WholeTemplateShown)
def create_version(template: Mapping[str, Any], template_id: str) -> TemplateView:
    """Save the next version of a template"""
    return templates.change(core(), who(), template_id, to_draft(template))


@routes.get("/v1/templates/<id:template_id>/versions")
@READ
@routes.arguments(PageQuery, location="query")
@routes.listing(VersionShown)
def list_versions(asked: Mapping[str, Any], template_id: str) -> Listing[VersionNote]:
    """A template's versions, newest first"""
    return window(
        asked, lambda page: templates.versions(core(), who(), template_id, page), key=lambda each: (each.number,)
    )


@routes.post("/v1/templates/<id:template_id>/jobs")
@repeats.own
@WRITE
@routes.arguments(StartIn)
@routes.response(201, JobShown, headers=LOCATION)
def start_job(start: Mapping[str, Any], template_id: str) -> tuple[Job, Mapping[str, str]]:
    """Start a job from a template; the answers become its parameters"""
    key = repeats.key(f"POST /v1/templates/{template_id}/jobs")
    job = templates.start(core(), who(), template_id, to_start(start), number=start.get("version"), key=key)
    return job, {"Location": f"/v1/jobs/{job.id}"}
