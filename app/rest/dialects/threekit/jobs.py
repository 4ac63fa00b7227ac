"""Jobs: listed, made, read, and changed. A job made here is open: its tasks come one by one."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import Response, jsonify
from marshmallow import fields

from app.domain.errors import Conflict
from app.domain.job import Job, JobSpec
from app.rest.context import core, who
from app.rest.dialects.threekit import bodies, pages
from app.rest.dialects.threekit.blueprint import READ, WRITE, ThreekitBlueprint
from app.rest.dialects.threekit.bodies import JobChange, JobIn
from app.rest.dialects.threekit.caller import check_org, is_published_client, varied
from app.rest.dialects.threekit.errors import BASE
from app.rest.dialects.threekit.fields import Query
from app.rest.dialects.threekit.job_shown import JobShown, wish
from app.rest.dialects.threekit.lists import JobList
from app.rest.dialects.threekit.pages import PageQuery
from app.rest.dialects.threekit.words import submitted_with
from app.services import addition, control, numbered
from app.services.numbered import JobTold
from app.services.submit import DEFAULT_QUEUE, submit

routes = ThreekitBlueprint("threekit_jobs", __name__, description="Jobs of an organization")

RUNS_SHOWN: Final = 1000
_SINGLE: Final = "An array of one; for the published client (see Vary) an object with `runs`."
_KEPT: Final = ("type", "createdAt", "updatedAt")


class JobsQuery(PageQuery):
    status = fields.String(metadata={"description": "pending, running or stopped; another word matches nothing."})


class OrgQuery(Query):
    orgId = fields.String(metadata={"description": "The token's own; another one is 403."})


@routes.get(BASE)
@READ
@routes.arguments(JobsQuery, location="query")
@routes.response(200, JobList)
def list_jobs(given: Mapping[str, Any]) -> pages.Window[JobTold]:
    """The jobs of the token's organization"""
    wanted = pages.asked(given)
    phase, nothing = pages.filter_phase(given, "status")
    return pages.window(wanted, lambda spot: numbered.jobs(core(), who(), spot, phase), nothing=nothing)


@routes.post(BASE)
@WRITE
@routes.arguments(JobIn)
@routes.response(200, JobShown(many=True), description=_SINGLE)
def create_job(given: Mapping[str, Any]) -> Response:
    """Make a job without tasks, which takes tasks until all that it has have stopped"""
    check_org(given.get("orgId"))
    kept = {name: given[name] for name in _KEPT if given.get(name) is not None}
    spec = JobSpec(
        name=given["title"],
        tasks=(),
        parameters=given.get("parameters", {}),
        id=given.get("id"),
        open=True,
        submitted={**submitted_with(kept), **bodies.digest()},
    )
    job = submit(core(), who(), DEFAULT_QUEUE, spec)
    if not job.total:
        _obey(job, given.get("schedulerState"))
    return _single(job.id)


@routes.get(f"{BASE}/<id:job_id>")
@READ
@routes.arguments(OrgQuery, location="query")
@routes.response(200, JobShown(many=True), description=_SINGLE)
def read_job(given: Mapping[str, Any], job_id: str) -> Response:
    """One job"""
    check_org(pages.filter_id(given, "orgId")[0])
    return _single(job_id)


@routes.put(f"{BASE}/<id:job_id>")
@WRITE
@routes.arguments(JobChange)
@routes.response(200, JobShown(many=True), description=_SINGLE)
def change_job(given: Mapping[str, Any], job_id: str) -> Response:
    """Change a job's parameters, or what is wanted of it"""
    job = numbered.job(core(), who(), job_id).job
    if "parameters" in given:
        job = addition.change_job(core(), who(), job_id, given["parameters"])
    _obey(job, given.get("schedulerState"))
    return _single(job_id)


def _obey(job: Job, wanted: str | None) -> None:
    """What is wanted already is not asked for again: callers send back what they were shown."""
    if wanted is None or wanted == wish(job):
        return
    steps: Mapping[str, Callable[..., Job]] = {
        "active": control.resume_job,
        "paused": control.pause_job,
        "canceled": control.cancel_job,
    }
    try:
        steps[wanted](core(), who(), job.id)
    except Conflict as refusal:
        raise Conflict(f"schedulerState {wanted}: {refusal}") from None


def _single(job_id: str) -> Response:
    if is_published_client():
        return varied(jsonify(JobShown.show_with_runs(numbered.job(core(), who(), job_id, RUNS_SHOWN))))
    return varied(jsonify([JobShown.show(numbered.job(core(), who(), job_id))]))
