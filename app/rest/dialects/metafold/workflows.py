"""Workflows: our jobs. Made from a YAML definition, asked for their end by link, canceled, deleted."""

from collections.abc import Mapping
from typing import Any

from flask import Response
from marshmallow import ValidationError, fields

from app.ports.records import Asset
from app.rest import auth, repeats
from app.rest.context import core, who
from app.rest.dialects.metafold import definition, lists, query, wiring
from app.rest.dialects.metafold.blueprint import MetafoldBlueprint, answer, number
from app.rest.dialects.metafold.schemas import StateShown, WorkflowShown, show_workflow
from app.rest.dialects.metafold.words import OF_JOB
from app.rest.native.fields import Strict
from app.services import control, finding, removal
from app.services.finding import Whole
from app.services.submit import DEFAULT_QUEUE, submit
from app.wire.states import JOB_TERMINAL

routes = MetafoldBlueprint("metafold_workflows", __name__, description="Jobs that need each other")

READ, WRITE = auth.scope("jobs:read"), auth.scope("jobs:write")


class Given(fields.Dict):
    """An object of texts or arrays of texts."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        wrong = {key: ["must be a text or an array of texts"] for key, each in value.items() if not _is_text(each)}
        if wrong:
            raise ValidationError(wrong)
        return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value))


class Definition(fields.String):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("must be a text in YAML")
        return value


class WorkflowIn(Strict):
    definition = Definition(
        required=True,
        metadata={"description": "YAML: `jobs`, an object of jobs by name, each with type, needs, assets, parameters."},
    )
    parameters = Given(
        load_default=dict, allow_none=True, metadata={"description": "By job.input: a text or an array of texts."}
    )
    assets = Given(
        load_default=dict, allow_none=True, metadata={"description": "By job.input: a filename or an array of them."}
    )


@routes.get("/projects/<project_id>/workflows")
@READ
@routes.arguments(query.ListQuery, location="query")
@routes.response(200, WorkflowShown(many=True))
def list_workflows(given: Mapping[str, Any], project_id: str) -> Response:
    """All workflows"""
    project = number(project_id)
    return lists.answer(
        given,
        query.WORKFLOWS,
        lambda asked, seek: finding.jobs(core(), who(), project, asked, seek),
        lambda whole: show_workflow(whole, project_id),
    )


@routes.post("/projects/<project_id>/workflows")
@WRITE
@routes.arguments(WorkflowIn)
@routes.response(202, WorkflowShown)
def create_workflow(workflow: Mapping[str, Any], project_id: str) -> Response:
    """Run a workflow; ask the link for its end"""
    project = finding.project(core(), who(), number(project_id))
    jobs = definition.read(workflow["definition"])

    def find(filenames: set[str]) -> Mapping[str, Asset]:
        return finding.files(core(), who(), project.seq, filenames)

    spec = wiring.workflow(
        jobs,
        text=workflow["definition"],
        assets=workflow["assets"] or {},
        parameters=workflow["parameters"] or {},
        find=find,
        project_id=project.id,
    )
    with wiring.in_our_words([job.name for job in jobs]):
        made = submit(core(), who(), DEFAULT_QUEUE, spec, repeats.key(f"POST /projects/{project_id}/workflows"))
    shown = show_workflow(finding.whole_of(core(), who(), made), project_id)
    return answer({**shown, "link": f"/projects/{project_id}/workflows/{made.seq}/status"}, 202)


@routes.get("/projects/<project_id>/workflows/<workflow_id>")
@READ
@routes.response(200, WorkflowShown)
def read_workflow(project_id: str, workflow_id: str) -> Response:
    """One workflow"""
    return answer(show_workflow(_found(project_id, workflow_id), project_id))


@routes.get("/projects/<project_id>/workflows/<workflow_id>/status")
@READ
@routes.response(201, WorkflowShown, description="It has ended, in whatever way")
@routes.alt_response(202, schema=StateShown, description="It has not ended", success=True)
def read_workflow_status(project_id: str, workflow_id: str) -> Response:
    """Has it ended?"""
    found = _found(project_id, workflow_id)
    if found.job.state not in JOB_TERMINAL:
        return answer({"state": OF_JOB[found.job.state]}, 202)
    return answer(show_workflow(found, project_id), 201)


@routes.post("/projects/<project_id>/workflows/<workflow_id>/cancel")
@WRITE
@routes.response(200, WorkflowShown)
def cancel_workflow(project_id: str, workflow_id: str) -> Response:
    """Cancel a workflow; 409 when it has already ended"""
    control.cancel_job(core(), who(), _found(project_id, workflow_id).job.id)
    return answer(show_workflow(_found(project_id, workflow_id), project_id))


@routes.delete("/projects/<project_id>/workflows/<workflow_id>")
@WRITE
@routes.response(204)
def delete_workflow(project_id: str, workflow_id: str) -> None:
    """Cancel a workflow if it has not ended, and delete it"""
    removal.remove_job(core(), who(), _found(project_id, workflow_id).job.id)


def _found(project_id: str, workflow_id: str) -> Whole:
    return finding.job(core(), who(), number(project_id), number(workflow_id))
