"""Workflows, which are templates: listed, read, asked for their questions, run, and their jobs."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from marshmallow import ValidationError, fields

from app.domain import limits
from app.domain.errors import Invalid, Problem
from app.domain.template import Question, Template
from app.ports.records import Page
from app.rest import auth
from app.rest.context import core, who
from app.rest.dialects.alteryx import words
from app.rest.dialects.alteryx.blueprint import AlteryxBlueprint
from app.rest.dialects.alteryx.job_view import AcceptedJobShown, WorkflowJobShown
from app.rest.dialects.alteryx.questions import Answers, QuestionShown
from app.rest.dialects.alteryx.workflow_view import ReducedWorkflowShown, Workflow, WorkflowShown
from app.rest.native.fields import Choice, Number, Strict, Text
from app.rest.native.schemas.template_in import LATEST_VERSION
from app.services import own, templates
from app.services.own import JobView
from app.services.templates import Start

routes = AlteryxBlueprint("alteryx_workflows", __name__, description="Workflows and their jobs")

READ, WRITE = auth.scope("jobs:read"), auth.scope("jobs:write")
SHOWN_VERSIONS: Final = 100
LAST_OFFSET: Final = 1_000_000
DIRECTIONS: Final = ("asc", "desc", "Asc", "Desc", "ASC", "DESC")
SORTS: Final = {"id": "created", "createDate": "created", "priority": "priority"}


class Moment(fields.String):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        at_us = words.micros(str(value))
        if at_us is None:
            raise ValidationError("must be a time in ISO 8601")
        return at_us


class WorkflowsQuery(Strict):
    view = Choice(("Default", "Full"), metadata={"description": "Both show the same."})
    name = Text(limits.MAX_JOB_NAME, metadata={"description": "Exactly this name."})
    owner_id = fields.String(data_key="ownerId")
    created_after = Moment(data_key="createdAfter", metadata={"format": "date-time", "description": "Inclusive."})
    created_before = Moment(data_key="createdBefore", metadata={"format": "date-time", "description": "Inclusive."})
    page = Number(1, limits.MAX_PAGE, load_default=1)
    page_size = Number(1, limits.MAX_PAGE, load_default=limits.MAX_PAGE, data_key="pageSize")


class QuestionsQuery(Strict):
    version = Number(1, LATEST_VERSION, data_key="versionId", metadata={"description": "By default the published one."})


class JobsQuery(Strict):
    sort_field = Choice(SORTS, data_key="sortField", load_default="createDate")
    direction = fields.String(
        load_default="desc",
        validate=lambda text: _direction(text),
        metadata={"enum": list(DIRECTIONS), "description": "By default the newest come first; the case is ignored."},
    )
    offset = Number(0, LAST_OFFSET, load_default=0)
    limit = Number(1, limits.MAX_PAGE, load_default=limits.DEFAULT_PAGE)
    status = Choice(words.FILTERS)
    result_code = fields.String(
        data_key="resultCode", metadata={"description": "A disposition: None, Success, Error or Cancelled."}
    )


class RunIn(Strict):
    worker_tag = Text(limits.MAX_EXECUTOR_NAME, low=0, data_key="workerTag", allow_none=True)
    credential_id = fields.String(
        data_key="credentialId",
        allow_none=True,
        validate=lambda text: _no_credential(text),
        metadata={"maxLength": 0, "description": "None are kept here."},
    )
    questions = Answers()
    priority = Choice(words.PRIORITIES, allow_none=True, metadata={"description": "Default is the workflow's own."})


@routes.get("/webapi/v3/workflows")
@READ
@routes.arguments(WorkflowsQuery, location="query")
@routes.response(200, ReducedWorkflowShown(many=True))
def list_workflows(asked: Mapping[str, Any]) -> Sequence[Template]:
    """Workflows, newest first"""
    found = [each for each in _all(asked.get("name")) if _is_wanted(each, asked)]
    first = (asked["page"] - 1) * asked["page_size"]
    return found[first : first + asked["page_size"]]


@routes.get("/webapi/v3/workflows/<id:workflow_id>")
@READ
@routes.response(200, WorkflowShown)
def read_workflow(workflow_id: str) -> Workflow:
    """A workflow with its newest versions"""
    view = templates.template(core(), who(), workflow_id)
    return Workflow(view=view, history=templates.versions(core(), who(), workflow_id, Page(limit=SHOWN_VERSIONS)))


@routes.get("/webapi/v3/workflows/<id:workflow_id>/questions")
@READ
@routes.arguments(QuestionsQuery, location="query")
@routes.response(200, QuestionShown(many=True))
def list_questions(asked: Mapping[str, Any], workflow_id: str) -> list[Question]:
    """What a run of the workflow is asked"""
    return list(templates.template(core(), who(), workflow_id, asked.get("version")).version.questions)


@routes.get("/webapi/v3/workflows/<id:workflow_id>/jobs")
@READ
@routes.arguments(JobsQuery, location="query")
@routes.response(200, WorkflowJobShown(many=True))
def list_workflow_jobs(asked: Mapping[str, Any], workflow_id: str) -> Sequence[JobView]:
    """The caller's jobs of a workflow, and a Curator's all"""
    return own.listing(
        core(),
        who(),
        template_id=templates.template(core(), who(), workflow_id).template.id,
        states=words.states(asked.get("status"), asked.get("result_code")),
        order="priority" if SORTS[asked["sort_field"]] == "priority" else "created",
        descending=asked["direction"].lower() == "desc",
        offset=asked["offset"],
        limit=asked["limit"],
    )


@routes.post("/webapi/v3/workflows/<id:workflow_id>/jobs")
@WRITE
@routes.arguments(RunIn)
@routes.response(201, AcceptedJobShown)
def run_workflow(asked: Mapping[str, Any], workflow_id: str) -> JobView:
    """Run a workflow, which must be an App; an unknown question or a wrong answer is 400"""
    wanted = Start(
        values=asked.get("questions") or {},
        as_text=True,
        priority=words.PRIORITIES[asked.get("priority") or "Default"],
        tag=asked.get("worker_tag"),
    )
    try:
        job = templates.start(core(), who(), workflow_id, wanted)
    except Invalid as wrong:
        raise Invalid([_question(each) for each in wrong.problems], total=wrong.total) from None
    return own.job(core(), who(), job.id)


def _all(name: str | None) -> Sequence[Template]:
    found: list[Template] = []
    while True:
        page = Page(limit=limits.MAX_PAGE, after=(found[-1].seq,) if found else None)
        more = templates.listing(core(), who(), page, name)
        found += more
        if len(more) < limits.MAX_PAGE:
            return found


def _is_wanted(template: Template, asked: Mapping[str, Any]) -> bool:
    made_us = template.created_at_us
    earliest_us, latest_us = asked.get("created_after", made_us), asked.get("created_before", made_us)
    is_owned: bool = template.created_by == asked.get("owner_id", template.created_by)
    return is_owned and bool(earliest_us <= made_us <= latest_us)


def _question(problem: Problem) -> Problem:
    """Parameters of a job are answers to questions here."""
    place = problem.pointer
    return Problem(
        place.replace("/parameters/", "/questions/", 1) if place.startswith("/parameters/") else place, problem.detail
    )


def _direction(text: str) -> None:
    if text.lower() not in DIRECTIONS:
        raise ValidationError("must be asc or desc")


def _no_credential(text: str | None) -> None:
    if text:
        raise ValidationError("must be empty: no credentials are kept here")
