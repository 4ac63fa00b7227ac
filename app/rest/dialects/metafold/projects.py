"""Projects: listed, read, made, copied, changed, deleted."""

from collections.abc import Mapping
from typing import Any

from flask import Response
from marshmallow import fields

from app.domain import limits
from app.rest import auth
from app.rest.context import core, who
from app.rest.dialects.metafold import lists, query
from app.rest.dialects.metafold.blueprint import MetafoldBlueprint, answer, number
from app.rest.dialects.metafold.schemas import ProjectShown, show_project
from app.rest.native.fields import Choice, Object, Strict, Text
from app.services import finding, projects
from app.services.projects import ACCESS, KINDS, Wish

routes = MetafoldBlueprint("metafold_projects", __name__, description="Folders of assets, jobs and workflows")

READ, WRITE = auth.scope("jobs:read"), auth.scope("jobs:write")


class ProjectIn(Strict):
    name = Text(limits.MAX_JOB_NAME, required=True)
    access = Choice(
        ACCESS, load_default="private", metadata={"description": "Kept and shown; all of the organization see it."}
    )
    type = Choice(KINDS, load_default=KINDS[0])
    project = Object(load_default=None, allow_none=True, metadata={"description": "Any data of yours."})
    graph = Object(load_default=None, allow_none=True)
    source = fields.String(metadata={"description": "The id of a project whose type, data and graph are copied."})


class ProjectChange(Strict):
    name = Text(limits.MAX_JOB_NAME)
    access = Choice(ACCESS)
    data = Object(data_key="project", allow_none=True)
    graph = Object(allow_none=True)


@routes.get("/projects")
@READ
@routes.arguments(query.ListQuery, location="query")
@routes.response(200, ProjectShown(many=True))
def list_projects(given: Mapping[str, Any]) -> Response:
    """All projects"""
    return lists.answer(
        given, query.PROJECTS, lambda asked, seek: finding.projects(core(), who(), asked, seek), show_project
    )


@routes.post("/projects")
@WRITE
@routes.arguments(ProjectIn)
@routes.response(201, ProjectShown)
def create_project(project: Mapping[str, Any]) -> Response:
    """Make a project, or copy one"""
    wish = Wish(
        name=project["name"],
        access=project["access"],
        kind=project["type"],
        data=project["project"],
        graph=project["graph"],
        source=number(project["source"]) if "source" in project else None,
    )
    return answer(show_project(projects.create(core(), who(), wish)), 201)


@routes.get("/projects/<project_id>")
@READ
@routes.response(200, ProjectShown)
def read_project(project_id: str) -> Response:
    """One project"""
    return answer(show_project(finding.project(core(), who(), number(project_id))))


@routes.patch("/projects/<project_id>")
@WRITE
@routes.arguments(ProjectChange)
@routes.response(200, ProjectShown)
def change_project(change: Mapping[str, Any], project_id: str) -> Response:
    """Change what is given"""
    return answer(show_project(projects.change(core(), who(), number(project_id), change)))


@routes.delete("/projects/<project_id>")
@WRITE
@routes.response(204)
def delete_project(project_id: str) -> None:
    """Delete a project and all that it has; what runs is canceled first"""
    projects.remove(core(), who(), number(project_id))
